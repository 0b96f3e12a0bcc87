//! `reconcile --request`: the controllers do the work, one kind after the other.
//!
//! For: the annotation that flux writes, on repositories, then policies, then automations, so that
//! each kind finds what the one before it made; and waiting for each object.
//! Refuses: to scan, choose or push from here.

use std::time::Duration;

use futures::future;
use serde_json::{Value, json};

use super::alike;
use super::deadline::Deadline;
use super::declare::FIELD_MANAGER;
use super::gather::{self, Gathered, Scope, Targets};
use super::ready::{Readiness, WaitError, readiness, wait};
use super::run::{OpsError, Services, interrupted, patiently, refuse_suspended};
use super::status::REQUESTED_AT;
use crate::api::Kind;
use crate::key::NamespacedName;
use crate::ports::{Cluster, Event, PatchKind, WriteOptions};

/// What is to be requested.
#[derive(Clone, Debug, Default)]
pub struct RequestOptions {
    /// Where to look.
    pub scope: Scope,
    /// For what; the objects that these need are requested before them.
    pub targets: Targets,
    /// Limit for the whole wait.
    pub timeout: Duration,
}

/// What became of a request.
#[derive(Debug)]
pub enum Answer {
    /// The controller did it; the message of its Ready condition.
    Done(String),
    /// The object is suspended: the controller would swallow the request.
    Suspended,
    /// Not done; the controller's message, or why it is not known.
    Failed(WaitError),
}

/// An object and what became of the request.
#[derive(Debug)]
pub struct Requested {
    /// Its kind.
    pub kind: Kind,
    /// Its key.
    pub key: NamespacedName,
    /// The answer.
    pub answer: Answer,
}

/// Asks the controllers, in the order of dependence. A failure does not end the run: the controllers
/// go on with what they had, too.
pub async fn request(
    services: &Services,
    options: &RequestOptions,
) -> Result<Vec<Requested>, OpsError> {
    let Some(cluster) = &services.cluster else {
        return Ok(Vec::new());
    };
    let deadline = Deadline::after(options.timeout);
    let reading = async {
        let objects = cluster.as_ref();
        let (scope, targets) = (&options.scope, &options.targets);
        let gathered = gather::needed(objects, scope, targets, false);
        alike::or_hinted(gathered.await, objects, scope).await
    };
    let gathered = patiently(services, options.timeout, reading).await?;
    if !options.targets.names.is_empty() {
        refuse_suspended(&gathered)?;
    }
    let mut requested = Vec::new();
    for (kind, objects) in in_order(&gathered) {
        let answers = objects.into_iter().map(|(key, suspended)| async move {
            let answer = if suspended {
                Answer::Suspended
            } else {
                ask(services, cluster.as_ref(), kind, &key, deadline).await
            };
            Requested { kind, key, answer }
        });
        tokio::select! {
            answers = future::join_all(answers) => requested.extend(answers),
            () = interrupted(&services.cancellation) => {
                let state = "what was requested so far goes on in the cluster";
                return Err(OpsError::Interrupted(state.to_owned()));
            }
        }
    }
    Ok(requested)
}

type Asked = Vec<(NamespacedName, bool)>;

/// The objects by kind, with whether they are suspended.
fn in_order(gathered: &Gathered) -> [(Kind, Asked); 3] {
    let repositories = gathered.repositories.values();
    let policies = gathered.policies.values();
    let updates = gathered.updates.iter();
    [
        (
            Kind::ImageRepository,
            repositories.map(|o| (o.key(), o.spec.suspend)).collect(),
        ),
        (
            Kind::ImagePolicy,
            policies.map(|o| (o.key(), o.spec.suspend)).collect(),
        ),
        (
            Kind::ImageUpdateAutomation,
            updates.map(|o| (o.key(), o.spec.suspend)).collect(),
        ),
    ]
}

/// Annotates one object and waits for it.
async fn ask(
    services: &Services,
    cluster: &dyn Cluster,
    kind: Kind,
    key: &NamespacedName,
    deadline: Deadline,
) -> Answer {
    let now = services.clock.now().to_string();
    let patch = json!({"metadata": {"annotations": {REQUESTED_AT: now}}});
    let options = WriteOptions {
        field_manager: FIELD_MANAGER.to_owned(),
        dry_run: false,
    };
    let patched = cluster
        .patch(kind, key, &patch, PatchKind::Merge, &options)
        .await;
    if let Err(error) = patched {
        return Answer::Failed(error.into());
    }
    // Policies tell that they handled a request since v1; before, they only follow their repository.
    let tells = kind != Kind::ImagePolicy || matches!(cluster.version(kind).await, Ok("v1"));
    let what = format!("{} {key}", kind.human());
    services
        .progress
        .event(Event::WaitStarted { what: what.clone() });
    let verdict = |object: &Value| {
        if tells {
            handled(object, &now)
        } else {
            readiness(object)
        }
    };
    let answer = wait(cluster, kind, key, deadline, &verdict).await;
    services.progress.event(Event::WaitFinished { what });
    match answer {
        Ok(message) => Answer::Done(message),
        Err(error) => Answer::Failed(error),
    }
}

/// The readiness of an object since the request. The controllers note a request at the end of their
/// work, so a Ready condition that is False then is their answer, although they will try again.
fn handled(object: &Value, requested: &str) -> Readiness {
    let verdict = readiness(object);
    let (Readiness::Ready(message) | Readiness::Waiting(message) | Readiness::Failed(message)) =
        &verdict;
    if object["status"]["lastHandledReconcileAt"].as_str() != Some(requested) {
        return Readiness::Waiting(message.clone());
    }
    let failed = |condition: &Value| {
        condition["type"] == "Ready"
            && condition["status"] == "False"
            && condition["observedGeneration"]
                .as_i64()
                .is_none_or(|of| Some(of) == object["metadata"]["generation"].as_i64())
    };
    let conditions = object["status"]["conditions"].as_array();
    match verdict {
        Readiness::Waiting(message)
            if conditions.is_some_and(|conditions| conditions.iter().any(failed)) =>
        {
            Readiness::Failed(message)
        }
        verdict => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(handled: &str, ready: &str) -> Value {
        json!({
            "metadata": {"generation": 1},
            "status": {
                "observedGeneration": 1, "lastHandledReconcileAt": handled,
                "conditions": [{"type": "Ready", "status": ready, "message": "m"}],
            },
        })
    }

    #[test]
    fn only_what_happened_after_the_request_counts() {
        let waiting = Readiness::Waiting("m".into());
        assert_eq!(handled(&object("before", "True"), "now"), waiting);
        assert_eq!(handled(&object("before", "False"), "now"), waiting);
        assert_eq!(handled(&object("now", "Unknown"), "now"), waiting);
        assert_eq!(
            handled(&object("now", "True"), "now"),
            Readiness::Ready("m".into())
        );
        assert_eq!(
            handled(&object("now", "False"), "now"),
            Readiness::Failed("m".into())
        );
    }
}

//! Where the cluster's own controllers are at work: lets them choose first.
//!
//! The next run of a controller writes `status.latestRef` into Git. A commit of another tag would be
//! taken back by it, so where our choice differs from theirs they are asked to scan and waited for.
//! What they do not agree to in time is not written.
//! Refuses: to decide anything itself; the choice stays the one that was made here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use futures::future;
use serde_json::{Value, json};

use super::deadline::Deadline;
use super::declare::FIELD_MANAGER;
use super::gather::Gathered;
use super::record::is_theirs;
use super::run::{Apply, OpsError, RunOptions, Services, interrupted, stop_if_cancelled};
use super::status::REQUESTED_AT;
use crate::api::{ImagePolicy, ImageRef, Kind, ReadObject as _};
use crate::duration::GoDuration;
use crate::key::NamespacedName;
use crate::model::{Ahead, Note, PolicyOutcome, PolicyState};
use crate::ports::{
    Cancellation, Cluster, Event, ObjectChange, ObjectScope, PatchKind, WriteOptions,
};

/// A policy of the controllers whose choice is another one than ours.
#[derive(Clone)]
struct Difference {
    policy: NamespacedName,
    repository: NamespacedName,
    selected: ImageRef,
    held: Option<ImageRef>,
    /// A scan could not change what they hold.
    suspended: bool,
}

/// Asks the controllers where their choice differs, and waits for them. Returns the policies that
/// they did not agree to, and what there is to say.
pub(super) async fn agree(
    services: &Services,
    options: &RunOptions,
    gathered: &Gathered,
    policies: &[PolicyOutcome],
    deadline: Deadline,
) -> Result<(Vec<Ahead>, Vec<Note>), OpsError> {
    let Some(cluster) = &services.cluster else {
        return Ok((Vec::new(), Vec::new()));
    };
    let differences = differences(gathered, policies);
    if differences.is_empty() || options.ahead_of_cluster || options.apply < Apply::Push {
        // Only what is pushed can be taken back.
        return Ok((Vec::new(), differences.iter().map(remark).collect()));
    }
    let (asked, mut ahead) = ask(services, cluster.as_ref(), differences).await;
    let what = "the cluster's controllers".to_owned();
    services
        .progress
        .event(Event::WaitStarted { what: what.clone() });
    let left = wait(
        cluster.as_ref(),
        &services.cancellation,
        &asked,
        deadline.left(),
    )
    .await;
    services.progress.event(Event::WaitFinished { what });
    stop_if_cancelled(services, "nothing was committed or pushed")?;
    let within = GoDuration::from_std(deadline.limit());
    ahead.extend(asked.into_iter().filter_map(|difference| {
        let unsettled = left.get(&difference.policy)?;
        let reason = match &unsettled.unwatched {
            Some(error) => format!("they were asked to scan and cannot be watched: {error}"),
            None => {
                format!("they were asked to scan and did not follow within {within} (--timeout)")
            }
        };
        Some(difference.into_ahead(unsettled.held.clone(), reason))
    }));
    Ok((ahead, Vec::new()))
}

impl Difference {
    fn into_ahead(self, held: Option<ImageRef>, reason: String) -> Ahead {
        Ahead {
            policy: self.policy,
            selected: self.selected,
            held: held.or(self.held),
            reason,
        }
    }
}

/// The policies of automations that the controllers run, where they hold another choice.
fn differences(gathered: &Gathered, policies: &[PolicyOutcome]) -> Vec<Difference> {
    let live: BTreeSet<&NamespacedName> = gathered
        .updates
        .iter()
        .filter(|update| !update.spec.suspend)
        .filter_map(|update| gathered.selected.get(&update.key())?.as_ref().ok())
        .flatten()
        .collect();
    policies
        .iter()
        .filter(|outcome| live.contains(&outcome.object.key()))
        .filter(|outcome| is_theirs(&outcome.object.metadata))
        .filter_map(|outcome| {
            let PolicyState::Selected { latest, .. } = &outcome.state else {
                return None;
            };
            let object = &outcome.object;
            let held = object.status.latest();
            let repository = object.repository_key();
            let suspended = object.spec.suspend
                || gathered
                    .repositories
                    .get(&repository)
                    .is_some_and(|repository| repository.spec.suspend);
            (held.as_ref() != Some(latest)).then(|| Difference {
                policy: object.key(),
                repository,
                selected: latest.clone(),
                held,
                suspended,
            })
        })
        .collect()
}

fn remark(difference: &Difference) -> Note {
    let held = match &difference.held {
        Some(held) => format!("still hold {held}"),
        None => "hold none yet".to_owned(),
    };
    Note::info(
        "ahead-of-cluster",
        format!(
            "policy {}: {} is selected here; the cluster's controllers {held}",
            difference.policy, difference.selected
        ),
    )
}

/// Annotates each repository once. Returns the policies to wait for, and those for which that would
/// be in vain.
async fn ask(
    services: &Services,
    cluster: &dyn Cluster,
    differences: Vec<Difference>,
) -> (Vec<Difference>, Vec<Ahead>) {
    let now = services.clock.now().to_string();
    let patch = json!({"metadata": {"annotations": {REQUESTED_AT: now}}});
    let options = WriteOptions {
        field_manager: FIELD_MANAGER.to_owned(),
        dry_run: false,
    };
    let mut answers: BTreeMap<NamespacedName, Result<(), String>> = BTreeMap::new();
    let (mut asked, mut ahead) = (Vec::new(), Vec::new());
    for difference in differences {
        if difference.suspended {
            let reason = "it or its repository is suspended, so they do not look".to_owned();
            ahead.push(difference.into_ahead(None, reason));
            continue;
        }
        let repository = &difference.repository;
        if !answers.contains_key(repository) {
            let answer = cluster
                .patch(
                    Kind::ImageRepository,
                    repository,
                    &patch,
                    PatchKind::Merge,
                    &options,
                )
                .await;
            let answer = answer.map(drop).map_err(|error| error.to_string());
            answers.insert(repository.clone(), answer);
        }
        match answers.get(repository) {
            Some(Err(error)) => {
                let reason = format!("they could not be asked to scan: {error}");
                ahead.push(difference.into_ahead(None, reason));
            }
            _ => asked.push(difference),
        }
    }
    (asked, ahead)
}

/// A policy that does not hold our choice.
struct Unsettled {
    held: Option<ImageRef>,
    /// Why nobody knows what became of it.
    unwatched: Option<String>,
}

/// Watches until every policy holds our choice. Returns those that do not.
async fn wait(
    cluster: &dyn Cluster,
    cancellation: &Cancellation,
    asked: &[Difference],
    limit: Duration,
) -> BTreeMap<NamespacedName, Unsettled> {
    let mut namespaces: BTreeMap<&str, Waiting<'_>> = BTreeMap::new();
    for difference in asked {
        let waiting = namespaces.entry(&difference.policy.namespace).or_default();
        waiting.policies.insert(
            &difference.policy.name,
            (&difference.selected, difference.held.clone()),
        );
    }
    let watches = namespaces
        .iter_mut()
        .map(|(namespace, waiting)| watch(cluster, namespace, waiting));
    let all = future::join_all(watches);
    tokio::select! {
        _ = all => {}
        () = interrupted(cancellation) => {}
        () = tokio::time::sleep(limit) => {}
    }
    let mut unsettled = BTreeMap::new();
    for (namespace, waiting) in namespaces {
        for (name, (_, held)) in waiting.policies {
            let unwatched = waiting.unwatched.clone();
            let key = NamespacedName::new(namespace, name);
            unsettled.insert(key, Unsettled { held, unwatched });
        }
    }
    unsettled
}

/// The policies of one namespace that are waited for, by name: our choice and theirs.
#[derive(Default)]
struct Waiting<'d> {
    policies: BTreeMap<&'d str, (&'d ImageRef, Option<ImageRef>)>,
    unwatched: Option<String>,
}

async fn watch(cluster: &dyn Cluster, namespace: &str, waiting: &mut Waiting<'_>) {
    let scope = ObjectScope {
        namespace: Some(namespace.to_owned()),
        ..ObjectScope::default()
    };
    let policies = &mut waiting.policies;
    let mut visit = |change: ObjectChange| {
        if let ObjectChange::Added(object) | ObjectChange::Modified(object) = change {
            look(&object, policies);
        }
        if policies.is_empty() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let watched = cluster
        .watch(Kind::ImagePolicy, &scope, "", &mut visit)
        .await;
    waiting.unwatched = watched.err().map(|error| error.to_string());
}

/// Takes a policy off the list once the controllers hold our choice.
fn look(object: &Value, waiting: &mut BTreeMap<&str, (&ImageRef, Option<ImageRef>)>) {
    let Ok(policy) = ImagePolicy::read(object) else {
        return;
    };
    let name = policy.metadata.name.as_str();
    let holds = policy.status.latest();
    let agreed = match waiting.get_mut(name) {
        Some((selected, held)) => {
            held.clone_from(&holds);
            holds.as_ref() == Some(*selected)
        }
        None => false,
    };
    if agreed {
        waiting.remove(name);
    }
}

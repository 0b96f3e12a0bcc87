//! The status that the controllers would write for an outcome.
//!
//! For: `reconcile` against a cluster (one patch per object), `get -f` and every table of a run.
//! Source: image-reflector-controller and image-automation-controller v1.2, and the kstatus
//! conventions of fluxcd/pkg `runtime/conditions`.
//! Refuses: to write; it returns the new status.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::api::{Condition, ImageRef, Metadata};
use crate::model::{
    Failure, PolicyOutcome, PolicyState, RepositoryOutcome, RepositoryState, UpdateOutcome,
    UpdateState,
};
use crate::setters::MarkerState;

/// Annotation by which a person asks a controller to reconcile now.
pub const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
/// Condition message of a run in progress.
const PROGRESS: &str = "reconciliation in progress";

/// A time as Kubernetes stores it: whole seconds, `Z`.
pub fn rfc3339(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

/// How a run of an object ended, as conditions see it.
enum Ending<'a> {
    Ready(String),
    Failed(&'a Failure),
}

/// The new status of a repository. Unchanged when it is suspended.
pub fn repository_status(outcome: &RepositoryOutcome, now: &str) -> Value {
    let object = &outcome.object;
    let mut status = Status::new(&object.raw, &object.metadata, now);
    match &outcome.state {
        RepositoryState::Suspended => {}
        RepositoryState::Failed(failure) => status.end(&Ending::Failed(failure)),
        RepositoryState::Scanned(scan) => {
            let latest: Vec<&String> = scan.stored.iter().take(10).collect();
            let mut result = json!({
                "revision": scan.revision,
                "tagCount": scan.stored.len(),
                "scanTime": scan.time,
            });
            if !latest.is_empty() {
                result["latestTags"] = json!(latest);
            }
            status.set("canonicalImageName", json!(scan.image.to_string()));
            status.set("lastScanResult", result);
            status.set("observedExclusionList", json!(scan.exclusion_list));
            status.end(&Ending::Ready(format!(
                "successful scan: found {} tags with checksum {}",
                scan.stored.len(),
                scan.revision
            )));
        }
    }
    status.finish()
}

/// The new status of a policy. Unchanged when it is suspended.
pub fn policy_status(outcome: &PolicyOutcome, now: &str) -> Value {
    let object = &outcome.object;
    let mut status = Status::new(&object.raw, &object.metadata, now);
    match &outcome.state {
        PolicyState::Held(_) => {}
        PolicyState::Undecided { failure, .. } => status.end(&Ending::Failed(failure)),
        PolicyState::Selected { latest, .. } => {
            let stored = object.status.latest();
            let previous = if stored.as_ref() == Some(latest) {
                object.status.observed_previous_ref.clone()
            } else {
                stored
            };
            status.set("latestRef", json!(latest));
            if let Some(previous) = &previous {
                status.set("observedPreviousRef", json!(previous));
            }
            status.end(&Ending::Ready(resolved_message(latest, previous.as_ref())));
        }
    }
    status.finish()
}

/// The Ready message of a policy that chose `latest`.
pub fn resolved_message(latest: &ImageRef, previous: Option<&ImageRef>) -> String {
    let mut message = format!(
        "Latest image tag for {} resolved to {}",
        latest.name, latest.tag
    );
    if let Some(digest) = latest.digest.as_deref().filter(|digest| !digest.is_empty()) {
        message.push_str(" with digest ");
        message.push_str(digest);
    }
    if let Some(previous) = previous.filter(|previous| *previous != latest) {
        message.push_str(&format!(" (previously {previous})"));
    }
    message
}

/// The new status of an automation. Unchanged when it is suspended or was only planned.
pub fn update_status(outcome: &UpdateOutcome, now: &str) -> Value {
    let object = &outcome.object;
    let mut status = Status::new(&object.raw, &object.metadata, now);
    let observed: Map<String, Value> = outcome
        .observed
        .iter()
        .map(|(name, image)| (name.clone(), json!(image)))
        .collect();
    match &outcome.state {
        UpdateState::Suspended => return status.finish(),
        UpdateState::Failed { failure, .. } => {
            status.set("lastAutomationRunTime", json!(outcome.started));
            status.end(&Ending::Failed(failure));
        }
        UpdateState::Planned { plan, revision, .. } => {
            if !plan.is_empty() {
                return status.finish();
            }
            status.set("lastAutomationRunTime", json!(outcome.started));
            status.observe(revision, observed);
        }
        UpdateState::Applied {
            applied, revision, ..
        } => {
            status.set("lastAutomationRunTime", json!(outcome.started));
            if applied.pushed_branch.is_some() {
                status.set("lastPushCommit", json!(applied.commit));
                status.set("lastPushTime", json!(applied.time));
            }
            status.observe(revision, observed);
        }
    }
    status.finish()
}

/// The status of an automation in `get -f`: what a reconcile would write, or, when there is
/// something to commit, what is waiting.
pub fn planned_update_status(outcome: &UpdateOutcome, now: &str) -> Value {
    let UpdateState::Planned { plan, branch, .. } = &outcome.state else {
        return update_status(outcome, now);
    };
    if plan.is_empty() {
        return update_status(outcome, now);
    }
    let mut status = Status::new(&outcome.object.raw, &outcome.object.metadata, now);
    let scalars: usize = plan
        .markers
        .iter()
        .filter(|found| found.marker.state == MarkerState::Updated)
        .count();
    status.end(&Ending::Ready(format!(
        "{scalars} values in {} files to be updated on branch {branch}",
        plan.files.len()
    )));
    status.finish()
}

/// A status on its way from the stored one to the new one.
struct Status<'a> {
    fields: Map<String, Value>,
    generation: i64,
    now: &'a str,
}

impl<'a> Status<'a> {
    fn new(object: &Value, metadata: &Metadata, now: &'a str) -> Self {
        let mut fields = object
            .get("status")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        if let Some(requested) = metadata.annotations.get(REQUESTED_AT) {
            fields.insert("lastHandledReconcileAt".to_owned(), json!(requested));
        }
        Self {
            fields,
            generation: metadata.generation,
            now,
        }
    }

    fn set(&mut self, field: &str, value: Value) {
        self.fields.insert(field.to_owned(), value);
    }

    fn observe(&mut self, revision: &str, policies: Map<String, Value>) {
        self.set("observedSourceRevision", json!(revision));
        if policies.is_empty() {
            self.fields.remove("observedPolicies");
        } else {
            self.set("observedPolicies", Value::Object(policies));
        }
        self.end(&Ending::Ready("repository up-to-date".to_owned()));
    }

    /// Writes the conditions, and the observed generation when the run ended Ready or Stalled.
    fn end(&mut self, ending: &Ending<'_>) {
        let old: Vec<Condition> = self
            .fields
            .get("conditions")
            .and_then(|conditions| serde_json::from_value(conditions.clone()).ok())
            .unwrap_or_default();
        let mut wanted: Vec<(&str, &str, &str, &str)> = Vec::new();
        let settled = match ending {
            Ending::Ready(message) => {
                wanted.push(("Ready", "True", "Succeeded", message));
                true
            }
            Ending::Failed(failure) if failure.stalled => {
                wanted.push(("Stalled", "True", failure.reason, &failure.message));
                wanted.push(("Ready", "False", failure.reason, &failure.message));
                true
            }
            Ending::Failed(failure) => {
                wanted.push(("Reconciling", "True", "ProgressingWithRetry", PROGRESS));
                wanted.push(("Ready", "False", failure.reason, &failure.message));
                false
            }
        };
        let mut conditions: Vec<Condition> = wanted
            .into_iter()
            .map(|(kind, status, reason, message)| {
                let message = cut(message);
                let last_transition_time = old
                    .iter()
                    .find(|old| {
                        old.kind == kind
                            && old.status == status
                            && old.reason == reason
                            && old.message == message
                            && !old.last_transition_time.is_empty()
                    })
                    .map_or_else(
                        || self.now.to_owned(),
                        |old| old.last_transition_time.clone(),
                    );
                Condition {
                    kind: kind.to_owned(),
                    status: status.to_owned(),
                    observed_generation: self.generation,
                    last_transition_time,
                    reason: reason.to_owned(),
                    message,
                }
            })
            .collect();
        // Conditions of other writers stay.
        let ours = ["Ready", "Reconciling", "Stalled"];
        let mut others: Vec<Condition> = old
            .into_iter()
            .filter(|old| !ours.contains(&old.kind.as_str()))
            .collect();
        others.append(&mut conditions);
        self.set("conditions", json!(others));
        if settled && self.generation > 0 {
            self.set("observedGeneration", json!(self.generation));
        }
    }

    fn finish(self) -> Value {
        Value::Object(self.fields)
    }
}

/// Condition messages hold at most 32,768 bytes.
fn cut(message: &str) -> String {
    const LIMIT: usize = 32_768;
    if message.len() <= LIMIT {
        return message.to_owned();
    }
    let mut end = LIMIT - 3;
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ImagePolicy, ReadObject};

    fn image(tag: &str, digest: Option<&str>) -> ImageRef {
        ImageRef {
            name: "foo/bar".into(),
            tag: tag.into(),
            digest: digest.map(str::to_owned),
        }
    }

    #[test]
    fn resolved_messages_are_the_controllers() {
        let one = image("1.0.0", None);
        assert_eq!(
            resolved_message(&one, None),
            "Latest image tag for foo/bar resolved to 1.0.0"
        );
        assert_eq!(
            resolved_message(&image("1.1.0", None), Some(&one)),
            "Latest image tag for foo/bar resolved to 1.1.0 (previously foo/bar:1.0.0)"
        );
        assert_eq!(
            resolved_message(&one, Some(&one)),
            resolved_message(&one, None)
        );
        assert_eq!(
            resolved_message(
                &image("1.0.0", Some("sha256:12")),
                Some(&image("1.0.0", Some("sha256:ab")))
            ),
            "Latest image tag for foo/bar resolved to 1.0.0 with digest sha256:12 \
             (previously foo/bar:1.0.0@sha256:ab)"
        );
    }

    fn policy(status: Value) -> PolicyOutcome {
        let object = ImagePolicy::read(&json!({
            "metadata": {"name": "p", "namespace": "n", "generation": 3,
                "annotations": {REQUESTED_AT: "now"}},
            "spec": {}, "status": status,
        }))
        .unwrap();
        PolicyOutcome {
            object,
            state: PolicyState::Undecided {
                failure: Failure::new("Failure", "nothing"),
                selection: None,
            },
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_failing_policy_keeps_its_latest_ref_and_its_generation() {
        let status = policy_status(
            &policy(json!({"latestRef": image("1", None), "observedGeneration": 2, "extra": 1})),
            "2024-01-01T00:00:00Z",
        );
        assert_eq!(status["latestRef"]["tag"], "1");
        assert_eq!(status["observedGeneration"], 2);
        assert_eq!(status["extra"], 1);
        assert_eq!(status["lastHandledReconcileAt"], "now");
        assert_eq!(status["conditions"][0]["type"], "Reconciling");
        assert_eq!(status["conditions"][1]["reason"], "Failure");
    }

    #[test]
    fn an_unchanged_condition_keeps_its_time() {
        let first = policy_status(&policy(json!({})), "2024-01-01T00:00:00Z");
        let second = policy_status(&policy(first.clone()), "2025-01-01T00:00:00Z");
        assert_eq!(first, second);
    }

    #[test]
    fn a_stalled_policy_observes_its_generation() {
        let mut outcome = policy(json!({}));
        outcome.state = PolicyState::Undecided {
            failure: Failure::stalled("InvalidPolicy", "bad"),
            selection: None,
        };
        let status = policy_status(&outcome, "2024-01-01T00:00:00Z");
        assert_eq!(status["observedGeneration"], 3);
        assert_eq!(status["conditions"][0]["type"], "Stalled");
    }
}

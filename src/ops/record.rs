//! Writes to the cluster what the controllers would write to the status of each object.
//!
//! For: one patch for each object at the end of a run, only for what changed, and only if the object
//! is still as the run read it.
//! Refuses: to fail a run. What is pushed is pushed; a status that cannot be written is a warning.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use futures::stream::{self, StreamExt as _};
use serde_json::{Map, Value, json};

use super::declare::FIELD_MANAGER;
use super::status;
use crate::api::{Kind, Metadata};
use crate::key::NamespacedName;
use crate::model::{Note, PolicyState, RepositoryState, RunReport, Severity, UpdateState};
use crate::ports::{Cluster, ObjectsError, PatchKind, WriteOptions};

/// Patches under way at once.
const PARALLEL_WRITES: usize = 8;
/// What the controllers put on every object that they look after.
const FINALIZER: &str = "finalizers.fluxcd.io";
/// Field managers of the controllers.
const CONTROLLERS: [&str; 2] = ["image-reflector-controller", "image-automation-controller"];

/// Whose status a run writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusMode {
    /// Of objects that no controller looks after.
    #[default]
    Auto,
    /// Of every object of the run.
    Always,
    /// Of none.
    Never,
}

/// Whether a controller looks after an object: it carries their finalizer, or one of them wrote its
/// status.
pub(super) fn is_theirs(metadata: &Metadata) -> bool {
    let finalizer = metadata.finalizers.iter().any(|name| name == FINALIZER);
    finalizer
        || metadata.managed_fields.iter().any(|field| {
            let status = field.subresource == "status" || field.fields.get("f:status").is_some();
            status && CONTROLLERS.contains(&field.manager.as_str())
        })
}

/// A status that is to be written.
struct Write {
    kind: Kind,
    key: NamespacedName,
    resource_version: Option<String>,
    /// JSON merge patch of `status`.
    changes: Map<String, Value>,
}

/// Writes the statuses of a run. Returns what there is to say about it.
pub(super) async fn record(
    cluster: &dyn Cluster,
    report: &RunReport,
    mode: StatusMode,
    in_worktree: bool,
    now: &str,
) -> Vec<Note> {
    let refused = Mutex::new(BTreeSet::new());
    let mut notes = Vec::new();
    for writes in [
        repositories(report, mode, now),
        policies(cluster, report, mode, now).await,
        updates(report, mode, in_worktree, now),
    ] {
        let written: Vec<Option<Note>> = stream::iter(writes)
            .map(|write| write_one(cluster, write, &refused))
            .buffered(PARALLEL_WRITES)
            .collect()
            .await;
        notes.extend(written.into_iter().flatten());
    }
    notes
}

fn repositories(report: &RunReport, mode: StatusMode, now: &str) -> Vec<Write> {
    let outcomes = report.repositories.iter().filter(
        |outcome| !matches!(&outcome.state, RepositoryState::Failed(failure) if failure.local),
    );
    outcomes
        .filter_map(|outcome| {
            let object = &outcome.object;
            let new = status::repository_status(outcome, now);
            write(
                Kind::ImageRepository,
                &object.metadata,
                &object.raw,
                new,
                mode,
            )
        })
        .collect()
}

async fn policies(
    cluster: &dyn Cluster,
    report: &RunReport,
    mode: StatusMode,
    now: &str,
) -> Vec<Write> {
    let mut writes = Vec::new();
    for outcome in &report.policies {
        if matches!(&outcome.state, PolicyState::Undecided { failure, .. } if failure.local) {
            continue;
        }
        let object = &outcome.object;
        let mut new = status::policy_status(outcome, now);
        // Free, because the object was read.
        if !matches!(cluster.version(Kind::ImagePolicy).await, Ok("v1")) {
            add_older_fields(&mut new);
        }
        writes.extend(write(
            Kind::ImagePolicy,
            &object.metadata,
            &object.raw,
            new,
            mode,
        ));
    }
    writes
}

/// Before v1 the choice had other fields. The API server drops those that its version lacks.
fn add_older_fields(status: &mut Value) {
    for (new, old) in [
        ("latestRef", "latestImage"),
        ("observedPreviousRef", "observedPreviousImage"),
    ] {
        if let (Some(name), Some(tag)) = (status[new]["name"].as_str(), status[new]["tag"].as_str())
        {
            status[old] = json!(format!("{name}:{tag}"));
        }
    }
}

fn updates(report: &RunReport, mode: StatusMode, in_worktree: bool, now: &str) -> Vec<Write> {
    // A run on the user's checkout did not reach the automation's repository.
    if in_worktree {
        return Vec::new();
    }
    let outcomes = report
        .updates
        .iter()
        .filter(|outcome| match &outcome.state {
            UpdateState::Suspended => false,
            UpdateState::Failed { failure, .. } => !failure.local,
            UpdateState::Planned { plan, .. } => plan.is_empty(),
            UpdateState::Applied { .. } => true,
        });
    outcomes
        .filter_map(|outcome| {
            let object = &outcome.object;
            let new = status::update_status(outcome, now);
            write(
                Kind::ImageUpdateAutomation,
                &object.metadata,
                &object.raw,
                new,
                mode,
            )
        })
        .collect()
}

/// The write that makes the stored status the new one, unless there is none to make.
fn write(
    kind: Kind,
    metadata: &Metadata,
    raw: &Value,
    new: Value,
    mode: StatusMode,
) -> Option<Write> {
    let wanted = match mode {
        StatusMode::Auto => !is_theirs(metadata),
        StatusMode::Always => true,
        StatusMode::Never => false,
    };
    let old = raw.get("status").unwrap_or(&Value::Null);
    let changes = wanted.then(|| difference(old, new)).flatten()?;
    Some(Write {
        kind,
        key: metadata.key(),
        resource_version: metadata.resource_version.clone(),
        changes,
    })
}

/// The JSON merge patch from one object to another; nothing when they are equal.
fn difference(old: &Value, new: Value) -> Option<Map<String, Value>> {
    let none = Map::new();
    let old = old.as_object().unwrap_or(&none);
    let Value::Object(new) = new else {
        return None;
    };
    let mut patch: Map<String, Value> = old
        .keys()
        .filter(|field| !new.contains_key(*field))
        .map(|field| (field.clone(), Value::Null))
        .collect();
    for (field, value) in new {
        let stored = old.get(&field);
        if stored == Some(&value) {
            continue;
        }
        let value = match (stored, value) {
            (Some(stored @ Value::Object(_)), value @ Value::Object(_)) => {
                Value::Object(difference(stored, value).unwrap_or_default())
            }
            (_, value) => value,
        };
        patch.insert(field, value);
    }
    (!patch.is_empty()).then_some(patch)
}

/// Writes one status. The first refusal for want of a right ends the writes of that kind in that
/// namespace.
async fn write_one(
    cluster: &dyn Cluster,
    write: Write,
    refused: &Mutex<BTreeSet<(Kind, String)>>,
) -> Option<Note> {
    let place = (write.kind, write.key.namespace.clone());
    if refused
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .contains(&place)
    {
        return None;
    }
    let mut patch = json!({"status": write.changes});
    if let Some(version) = &write.resource_version {
        patch["metadata"] = json!({"resourceVersion": version});
    }
    let options = WriteOptions {
        field_manager: FIELD_MANAGER.to_owned(),
        dry_run: false,
    };
    let error = cluster
        .patch(write.kind, &write.key, &patch, PatchKind::Status, &options)
        .await
        .err()?;
    let object = format!("{} {}", write.kind.human(), write.key);
    match &error {
        ObjectsError::Answer { code: 409, .. } => Some(Note::info(
            "status-conflict",
            format!("{object} was changed during the run; its status is left as it is"),
        )),
        ObjectsError::Answer { code: 404, .. } => Some(Note::info(
            "status-gone",
            format!("{object} was deleted during the run; there is no status to write"),
        )),
        ObjectsError::Answer { code: 403, .. } => {
            let first = refused
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(place);
            first.then(|| {
                Note::warning(
                    "status-forbidden",
                    format!(
                        "the run is done, but its status is not written (--status=never does not \
                         try): {error}"
                    ),
                )
            })
        }
        error => Some(Note::warning(
            "status-not-written",
            format!("the status of {object} is not written: {error}"),
        )),
    }
}

/// Whether `--strict` refused the run, in which case nothing at all is written.
pub(super) fn refused_by_strict(report: &RunReport, strict: bool) -> bool {
    strict
        && report
            .all_notes()
            .any(|note| note.severity == Severity::Warning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(old: &Value, new: &Value) -> Value {
        fn merge(target: &mut Value, patch: &Value) {
            let Value::Object(patch) = patch else {
                *target = patch.clone();
                return;
            };
            if !target.is_object() {
                *target = json!({});
            }
            for (field, value) in patch {
                if value.is_null() {
                    target.as_object_mut().unwrap().remove(field);
                } else {
                    merge(&mut target[field], value);
                }
            }
        }
        let mut target = old.clone();
        if let Some(patch) = difference(old, new.clone()) {
            merge(&mut target, &Value::Object(patch));
        }
        target
    }

    #[test]
    fn a_patch_holds_what_changed_and_removes_what_is_gone() {
        let old = json!({"a": 1, "b": {"x": {"tag": "1", "digest": "d"}, "y": 1}, "c": [1]});
        let new = json!({"a": 1, "b": {"x": {"tag": "2"}}, "c": [2], "d": {"e": 1}});
        assert_eq!(
            Value::Object(difference(&old, new.clone()).unwrap()),
            json!({
                "b": {"x": {"tag": "2", "digest": null}, "y": null}, "c": [2], "d": {"e": 1},
            })
        );
        assert_eq!(applied(&old, &new), new);
        assert_eq!(difference(&old, old.clone()), None);
        assert_eq!(applied(&Value::Null, &new), new);
    }

    #[test]
    fn an_object_is_theirs_by_finalizer_or_by_who_wrote_its_status() {
        let of = |value: Value| -> bool {
            is_theirs(&serde_json::from_value::<Metadata>(value).unwrap())
        };
        assert!(of(json!({"finalizers": ["finalizers.fluxcd.io"]})));
        assert!(of(json!({"managedFields": [
            {"manager": "image-reflector-controller", "subresource": "status"}]})));
        assert!(!of(json!({"managedFields": [
            {"manager": "image-reflector-controller"},
            {"manager": "kubectl-imageupdate", "subresource": "status"}]})));
    }
}

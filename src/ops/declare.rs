//! `create` in a cluster: declares the whole `spec` of an object.
//!
//! Like flux's replace it removes spec fields that are not named; unlike it, it says which, keeps
//! labels and annotations of others, and refuses to overwrite fields of other field managers unless
//! told to.

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::api::Kind;
use crate::key::NamespacedName;
use crate::ports::{Cluster, ObjectsError, WriteOptions};

/// The field manager of this program.
pub const FIELD_MANAGER: &str = "kubectl-imageupdate";

/// How often a write is tried that others overtake: controllers write status at any time.
const ATTEMPTS: usize = 5;

/// What became of a declared object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// It did not exist.
    Created,
    /// It existed and is different now.
    Configured,
    /// It was like this already; nothing was written.
    Unchanged,
}

/// How to declare.
#[derive(Clone, Debug, Default)]
pub struct DeclareOptions {
    /// Overwrite fields of other field managers.
    pub force_conflicts: bool,
    /// The API server checks and does not store.
    pub dry_run: bool,
}

/// A declaration that was carried out.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// What became of the object.
    pub declared: Declared,
    /// Spec fields that were removed because nothing named them, as paths.
    pub removed: Vec<String>,
    /// The object as the server has it now.
    pub object: Value,
}

/// Why an object was not declared.
#[derive(Debug, Error)]
pub enum DeclareError {
    /// Fields that others manage.
    #[error("{kind} {key}: {} would overwrite fields of other managers: {}", FIELD_MANAGER, list(.conflicts))]
    Conflicts {
        /// The kind, for people.
        kind: &'static str,
        /// The object.
        key: NamespacedName,
        /// Manager and field.
        conflicts: Vec<Conflict>,
    },
    /// The API server refused.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
}

/// A field that another manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The manager.
    pub manager: String,
    /// The field, for example `.spec.interval`.
    pub field: String,
}

fn list(conflicts: &[Conflict]) -> String {
    let texts: Vec<String> = conflicts
        .iter()
        .map(|conflict| format!("{} (\"{}\")", conflict.field, conflict.manager))
        .collect();
    texts.join(", ")
}

/// Creates the object, or makes the existing one's spec and named labels equal to it. When another
/// write comes in between, it begins anew with what is stored then.
pub async fn declare(
    cluster: &dyn Cluster,
    kind: Kind,
    wanted: &Value,
    options: &DeclareOptions,
) -> Result<Declaration, DeclareError> {
    let mut attempts = 1;
    loop {
        match declare_once(cluster, kind, wanted, options).await {
            Err(DeclareError::Objects(ObjectsError::Answer { reason, .. }))
                if attempts < ATTEMPTS && (reason == "Conflict" || reason == "AlreadyExists") =>
            {
                attempts += 1;
            }
            ended => return ended,
        }
    }
}

async fn declare_once(
    cluster: &dyn Cluster,
    kind: Kind,
    wanted: &Value,
    options: &DeclareOptions,
) -> Result<Declaration, DeclareError> {
    let key = NamespacedName::new(
        wanted["metadata"]["namespace"].as_str().unwrap_or_default(),
        wanted["metadata"]["name"].as_str().unwrap_or_default(),
    );
    let write = WriteOptions {
        field_manager: FIELD_MANAGER.to_owned(),
        dry_run: options.dry_run,
    };
    let Some(existing) = cluster.get(kind, &key).await? else {
        let object = cluster.create(kind, wanted, &write).await?;
        return Ok(Declaration {
            declared: Declared::Created,
            removed: Vec::new(),
            object,
        });
    };
    let merge = merge(kind, &existing, wanted);
    if !merge.conflicts.is_empty() && !options.force_conflicts {
        return Err(DeclareError::Conflicts {
            kind: kind.human(),
            key,
            conflicts: merge.conflicts,
        });
    }
    if !merge.changed {
        return Ok(Declaration {
            declared: Declared::Unchanged,
            removed: Vec::new(),
            object: existing,
        });
    }
    let object = cluster.replace(kind, &merge.object, &write).await?;
    Ok(Declaration {
        declared: Declared::Configured,
        removed: merge.removed,
        object,
    })
}

/// An existing object on its way to the wanted one.
struct Merge {
    object: Value,
    removed: Vec<String>,
    conflicts: Vec<Conflict>,
    changed: bool,
}

fn merge(kind: Kind, existing: &Value, wanted: &Value) -> Merge {
    let mut object = existing.clone();
    let mut differences = Vec::new();
    let old_spec = without_defaults(kind, &existing["spec"]);
    let new_spec = without_defaults(kind, &wanted["spec"]);
    compare(&old_spec, &new_spec, &["spec"], &mut differences);
    object["spec"] = wanted["spec"].clone();
    // Labels that nobody names here stay.
    for (label, value) in wanted["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let path = ["metadata", "labels", label.as_str()];
        let old = &existing["metadata"]["labels"][label];
        compare(old, value, &path, &mut differences);
        object["metadata"]["labels"][label] = value.clone();
    }
    Merge {
        object,
        removed: differences
            .iter()
            .filter(|difference| difference.removed)
            .map(Difference::shown)
            .collect(),
        conflicts: conflicts(existing, &differences),
        changed: !differences.is_empty(),
    }
}

/// A field whose value differs.
struct Difference {
    /// From the object's root, for example `spec`, `policy`, `semver`.
    path: Vec<String>,
    removed: bool,
}

impl Difference {
    fn new(path: &[&str], removed: bool) -> Self {
        Self {
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            removed,
        }
    }

    /// For example `.spec.policy.semver`.
    fn shown(&self) -> String {
        format!(".{}", self.path.join("."))
    }
}

/// Fields that differ, maps entered, everything else compared whole.
fn compare(old: &Value, new: &Value, path: &[&str], found: &mut Vec<Difference>) {
    let (Some(old_fields), Some(new_fields)) = (old.as_object(), new.as_object()) else {
        if old != new {
            found.push(Difference::new(path, false));
        }
        return;
    };
    let below = |field| {
        let mut path = path.to_vec();
        path.push(field);
        path
    };
    for (field, old_value) in old_fields {
        match new_fields.get(field) {
            None => found.push(Difference::new(&below(field), true)),
            Some(new_value) => compare(old_value, new_value, &below(field), found),
        }
    }
    let added = new_fields
        .keys()
        .filter(|field| !old_fields.contains_key(*field));
    found.extend(added.map(|field| Difference::new(&below(field), false)));
}

/// The spec without what the custom resource definitions fill in by themselves, so that an object
/// that was stored with its defaults equals the one that was declared without.
fn without_defaults(kind: Kind, spec: &Value) -> Value {
    let mut spec = spec.clone();
    let defaults: &[(&str, Value)] = &match kind {
        Kind::ImageRepository => vec![
            ("/provider", json!("generic")),
            ("/exclusionList", json!(["^.*\\.sig$"])),
            ("/insecure", json!(false)),
            ("/suspend", json!(false)),
        ],
        Kind::ImagePolicy => vec![
            ("/digestReflectionPolicy", json!("Never")),
            ("/policy/alphabetical/order", json!("asc")),
            ("/policy/numerical/order", json!("asc")),
            ("/suspend", json!(false)),
        ],
        Kind::ImageUpdateAutomation => vec![
            ("/update/strategy", json!("Setters")),
            ("/update", json!({})),
            ("/suspend", json!(false)),
        ],
        Kind::GitRepository | Kind::Secret | Kind::ServiceAccount | Kind::Namespace => vec![],
    };
    for (pointer, default) in defaults {
        if spec.pointer(pointer) == Some(default) {
            let (parent, field) = pointer.rsplit_once('/').unwrap_or_default();
            if let Some(fields) = spec.pointer_mut(parent).and_then(Value::as_object_mut) {
                fields.shift_remove(field);
            }
        }
    }
    spec
}

/// Differing fields that managers other than flux, kubectl and this program own.
fn conflicts(existing: &Value, differences: &[Difference]) -> Vec<Conflict> {
    let entries = existing["metadata"]["managedFields"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut found = Vec::new();
    for entry in entries {
        let manager = entry["manager"].as_str().unwrap_or_default();
        let ours = manager == FIELD_MANAGER || manager == "flux" || manager.starts_with("kubectl");
        let status = entry["subresource"]
            .as_str()
            .is_some_and(|subresource| !subresource.is_empty());
        if ours || status {
            continue;
        }
        for difference in differences {
            if owns(&entry["fieldsV1"], &difference.path) {
                found.push(Conflict {
                    manager: manager.to_owned(),
                    field: difference.shown(),
                });
            }
        }
    }
    found
}

/// Whether a set of owned fields holds the field, something below it, or one that holds it whole.
fn owns(owned: &Value, path: &[String]) -> bool {
    let mut owned = owned;
    for part in path {
        match owned.get(format!("f:{part}")) {
            None => return false,
            Some(below) if below.as_object().is_some_and(Map::is_empty) => return true,
            Some(below) => owned = below,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(spec: Value, managed: Value) -> Value {
        json!({
            "metadata": {"name": "p", "namespace": "n", "labels": {"keep": "1"},
                "resourceVersion": "7", "managedFields": managed},
            "spec": spec, "status": {"x": 1},
        })
    }

    fn managed(manager: &str, fields: Value) -> Value {
        json!([{"manager": manager, "operation": "Update", "fieldsV1": {"f:spec": fields}}])
    }

    #[test]
    fn a_semver_policy_becomes_an_alphabetical_one_and_nothing_else() {
        let existing = policy(
            json!({"imageRepositoryRef": {"name": "r"}, "policy": {"semver": {"range": "1.x"}},
                "digestReflectionPolicy": "Never"}),
            managed("flux", json!({"f:policy": {"f:semver": {"f:range": {}}}})),
        );
        let wanted = json!({"metadata": {"labels": {"a": "b"}}, "spec": {
            "imageRepositoryRef": {"name": "r"}, "policy": {"alphabetical": {"order": "asc"}}}});
        let merged = merge(Kind::ImagePolicy, &existing, &wanted);
        assert!(merged.changed && merged.conflicts.is_empty());
        assert_eq!(merged.removed, [".spec.policy.semver"]);
        assert_eq!(merged.object["spec"], wanted["spec"]);
        assert_eq!(
            merged.object["metadata"]["labels"],
            json!({"keep": "1", "a": "b"})
        );
        assert_eq!(merged.object["metadata"]["resourceVersion"], "7");
    }

    #[test]
    fn defaults_of_the_server_are_no_difference() {
        let existing = policy(
            json!({"imageRepositoryRef": {"name": "r"}, "policy": {"numerical": {"order": "asc"}},
                "digestReflectionPolicy": "Never"}),
            json!([]),
        );
        let wanted = json!({"spec": {"imageRepositoryRef": {"name": "r"},
            "policy": {"numerical": {"order": "asc"}}}});
        assert!(!merge(Kind::ImagePolicy, &existing, &wanted).changed);
    }

    #[test]
    fn a_field_of_another_manager_is_a_named_conflict_only_when_it_changes() {
        let owner = managed(
            "kustomize-controller",
            json!({"f:interval": {}, "f:image": {}}),
        );
        let existing = policy(json!({"image": "a/b", "interval": "1m0s"}), owner);
        let wanted = json!({"spec": {"image": "a/b", "interval": "5m0s"}});
        let merged = merge(Kind::ImageRepository, &existing, &wanted);
        assert_eq!(
            merged.conflicts,
            [Conflict {
                manager: "kustomize-controller".into(),
                field: ".spec.interval".into()
            }]
        );
    }
}

//! `export`.

use clap::Args;
use serde_json::{Map, Value, json};

use super::runtime;
use super::selected::{Failures, SelectedArgs, not_found};
use crate::api::{ImagePolicy, ImageRepository, ImageUpdateAutomation, Kind, ReadObject as _};
use crate::context::Context;
use crate::duration::GoDuration;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::yaml;

/// Print objects as YAML, ready to be committed
///
/// Keeps apiVersion, kind, the spec, and of the metadata name, namespace, labels and annotations.
/// What a cluster adds by itself is left out.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Every policy of a namespace
  kubectl imageupdate export policy --all -n apps > policies.yaml

Exit codes:
  0 done, 1 failed, 2 usage error")]
pub struct ExportArgs {
    #[command(flatten)]
    selected: SelectedArgs,
}

/// Runs `export`.
pub fn run(args: &ExportArgs, context: &Context) -> Result<Outcome, CommandError> {
    let selected = args.selected.read(context, "export")?;
    let kind = selected.kind;
    let cluster = context.cluster()?;
    runtime::block_on_within(context, async {
        // Unlike the other verbs flux's export lets --all win over names.
        if args.selected.all {
            for object in selected.objects(cluster.as_ref(), context).await? {
                print(context, kind, &object);
            }
            return Ok(Outcome::Done);
        }
        let mut failures = Failures::new(context);
        for key in selected.keys(cluster.as_ref(), context).await? {
            match cluster.get(kind, &key).await {
                Ok(Some(object)) => print(context, kind, &object),
                Ok(None) => failures.add(&not_found(cluster.as_ref(), kind, &key).await),
                Err(error) => failures.add(&error.into()),
            }
        }
        failures.finish()
    })
}

fn print(context: &Context, kind: Kind, object: &Value) {
    context
        .ui()
        .print(&format!("---\n{}", yaml::print(&exported(kind, object))));
}

/// The parts that belong into a repository.
fn exported(kind: Kind, object: &Value) -> Value {
    let metadata: Map<String, Value> = ["annotations", "labels", "name", "namespace"]
        .iter()
        .filter_map(|field| {
            object["metadata"]
                .get(field)
                .map(|value| ((*field).to_owned(), value.clone()))
        })
        .collect();
    json!({
        "apiVersion": object["apiVersion"],
        "kind": object["kind"],
        "metadata": metadata,
        "spec": spec(kind, object),
    })
}

/// The spec as flux writes it: durations in Go's form, nothing that is said by its absence. Fields
/// that only the server knows stay as they are.
fn spec(kind: Kind, object: &Value) -> Value {
    let stored = &object["spec"];
    let typed = match kind {
        Kind::ImageRepository => ImageRepository::read(object).map(|object| json!(object.spec)),
        Kind::ImagePolicy => ImagePolicy::read(object).map(|object| json!(object.spec)),
        _ => ImageUpdateAutomation::read(object).map(|object| json!(object.spec)),
    };
    let mut spec = typed.unwrap_or_else(|_| stored.clone());
    complete(&mut spec, stored);
    for field in ["interval", "timeout"] {
        if let Some(duration) = spec[field]
            .as_str()
            .and_then(|text| GoDuration::parse(text).ok())
        {
            spec[field] = duration.to_string().into();
        }
    }
    if let Some(fields) = spec.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    spec
}

/// Adds what is stored and has no place in the typed form, unless it says nothing.
fn complete(typed: &mut Value, stored: &Value) {
    let (Some(typed), Some(stored)) = (typed.as_object_mut(), stored.as_object()) else {
        return;
    };
    for (field, value) in stored {
        match typed.get_mut(field) {
            Some(typed) => complete(typed, value),
            None if says_nothing(value) => {}
            None => {
                typed.insert(field.clone(), value.clone());
            }
        }
    }
}

/// What Go leaves out of its output.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(_) | Value::Bool(true) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_what_says_nothing_are_dropped_and_unknown_fields_kept() {
        let object = json!({
            "apiVersion": "v1", "kind": "ImageRepository", "status": {},
            "metadata": {"name": "n", "namespace": "s", "uid": "u", "labels": {"a": "b"}},
            "spec": {"image": "a/b", "interval": "60m", "suspend": false, "insecure": true,
                "later": {"field": 1}, "empty": ""},
        });
        assert_eq!(
            exported(Kind::ImageRepository, &object),
            json!({"apiVersion": "v1", "kind": "ImageRepository",
                "metadata": {"labels": {"a": "b"}, "name": "n", "namespace": "s"},
                "spec": {"image": "a/b", "interval": "1h0m0s", "insecure": true,
                    "later": {"field": 1}}})
        );
    }
}

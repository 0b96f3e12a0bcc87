//! `export`.

use clap::Args;
use serde_json::{Map, Value, json};

use super::runtime;
use super::selected::{Failures, SelectedArgs, not_found};
use crate::context::Context;
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
                print(context, &object);
            }
            return Ok(Outcome::Done);
        }
        let mut failures = Failures::new(context);
        for key in selected.keys(cluster.as_ref(), context).await? {
            match cluster.get(kind, &key).await {
                Ok(Some(object)) => print(context, &object),
                Ok(None) => failures.add(&not_found(kind, &key)),
                Err(error) => failures.add(&error.into()),
            }
        }
        failures.finish()
    })
}

fn print(context: &Context, object: &Value) {
    context
        .ui()
        .print(&format!("---\n{}", yaml::print(&exported(object))));
}

/// The parts that belong into a repository.
fn exported(object: &Value) -> Value {
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
        "spec": object["spec"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_server_fields_are_dropped() {
        let object = json!({
            "apiVersion": "v1", "kind": "K", "status": {},
            "metadata": {"name": "n", "namespace": "s", "uid": "u", "labels": {"a": "b"}},
            "spec": {"x": 1},
        });
        assert_eq!(
            exported(&object),
            json!({"apiVersion": "v1", "kind": "K",
                "metadata": {"labels": {"a": "b"}, "name": "n", "namespace": "s"},
                "spec": {"x": 1}})
        );
    }
}

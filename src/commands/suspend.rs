//! `suspend`.

use clap::Args;
use serde_json::json;

use super::runtime;
use super::selected::{Failures, SelectedArgs, refused, result_name};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::ops::FIELD_MANAGER;
use crate::ports::{PatchKind, WriteOptions};

/// Suspend objects: the controllers leave them alone
///
/// Sets spec.suspend. A suspended policy keeps its chosen tag, which holds that tag; a suspended
/// automation can still be run by hand with 'reconcile --include-suspended'.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Suspend one automation
  kubectl imageupdate suspend update flux-system

  # Suspend every policy of a namespace
  kubectl imageupdate suspend policy --all -n apps

Exit codes:
  0 done, 1 failed, 2 usage error")]
pub struct SuspendArgs {
    #[command(flatten)]
    selected: SelectedArgs,
}

/// Runs `suspend`.
pub fn run(args: &SuspendArgs, context: &Context) -> Result<Outcome, CommandError> {
    let selected = args.selected.read(context, "suspend")?;
    let kind = selected.kind;
    let cluster = context.cluster()?;
    runtime::block_on_within(context, async {
        let options = WriteOptions {
            field_manager: FIELD_MANAGER.to_owned(),
            dry_run: false,
        };
        let mut failures = Failures::new(context);
        for key in selected.keys(cluster.as_ref(), context).await? {
            let patch = json!({"spec": {"suspend": true}});
            match cluster
                .patch(kind, &key, &patch, PatchKind::Merge, &options)
                .await
            {
                Ok(_) => context
                    .ui()
                    .print(&format!("{} suspended\n", result_name(kind, &key))),
                Err(error) => {
                    failures.add(&refused(cluster.as_ref(), kind, &key, error).await);
                }
            }
        }
        failures.finish()
    })
}

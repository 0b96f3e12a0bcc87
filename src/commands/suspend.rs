//! `suspend`.

use clap::Args;

use super::runtime;
use super::selected::{Failures, SelectedArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;

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
    let cluster = context.cluster()?;
    runtime::block_on_within(context, async {
        let mut failures = Failures::new(context);
        selected
            .set_suspend(Some(true), "suspended", cluster.as_ref(), &mut failures)
            .await?;
        failures.finish()
    })
}

//! `resume`.

use clap::Args;
use futures::future::join_all;

use super::runtime;
use super::selected::{Failures, SelectedArgs, result_name};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::ops::{Deadline, wait_ready};

/// Resume suspended objects
///
/// Removes spec.suspend. With --wait the call ends when the controllers have reconciled every one of
/// them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Resume one policy and wait until it is ready
  kubectl imageupdate resume policy podinfo --wait

  # Resume every automation of a namespace
  kubectl imageupdate resume update --all -n apps

Exit codes:
  0 done, 1 failed, 2 usage error")]
pub struct ResumeArgs {
    #[command(flatten)]
    selected: SelectedArgs,

    /// Wait until the objects are ready, at most --timeout
    #[arg(long)]
    wait: bool,
}

/// Runs `resume`.
pub fn run(args: &ResumeArgs, context: &Context) -> Result<Outcome, CommandError> {
    let selected = args.selected.read(context, "resume")?;
    let kind = selected.kind;
    let cluster = context.cluster()?;
    let deadline = Deadline::after(context.timeout());
    runtime::block_on(context, async {
        let mut failures = Failures::new(context);
        let written = selected.set_suspend(None, "resumed", cluster.as_ref(), &mut failures);
        let resumed = runtime::within(context, written).await?;
        if args.wait {
            let waits = resumed.iter().map(|key| {
                let cluster = cluster.as_ref();
                async move { (key, wait_ready(cluster, kind, key, deadline).await) }
            });
            let waits = async { Ok(join_all(waits).await) };
            for (key, result) in runtime::unless_interrupted(context, waits).await? {
                let name = result_name(kind, key);
                match result {
                    Ok(message) => context.ui().print(&format!("{name} ready: {message}\n")),
                    Err(error) => failures.add(&CommandError::failed(format!("{name}: {error}"))),
                }
            }
        }
        failures.finish()
    })
}

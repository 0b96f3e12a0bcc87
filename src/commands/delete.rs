//! `delete`.

use clap::Args;

use super::runtime;
use super::selected::{Failures, SelectedArgs, result_name};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::ops::FIELD_MANAGER;
use crate::ports::WriteOptions;

/// Delete objects
///
/// Asks first on a terminal. Without a terminal the answer must be given beforehand, with --yes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Delete a policy without being asked
  kubectl imageupdate delete policy podinfo --yes

Exit codes:
  0 done, 1 failed or not confirmed, 2 usage error")]
pub struct DeleteArgs {
    #[command(flatten)]
    selected: SelectedArgs,

    /// Do not ask
    #[arg(short = 's', long)]
    silent: bool,

    /// Do not ask
    #[arg(short = 'y', long)]
    yes: bool,
}

/// Runs `delete`.
pub fn run(args: &DeleteArgs, context: &Context) -> Result<Outcome, CommandError> {
    let selected = args.selected.read(context, "delete")?;
    let kind = selected.kind;
    let cluster = context.cluster()?;
    runtime::block_on_within(context, async {
        let mut failures = Failures::new(context);
        // Who is asked about one object should not learn afterwards that another one is missing.
        let present = selected.present(cluster.as_ref(), &mut failures).await?;
        let options = WriteOptions {
            field_manager: FIELD_MANAGER.to_owned(),
            dry_run: false,
        };
        for key in present {
            if !args.silent && !args.yes {
                confirm(context, &format!("Delete {} {key}? [y/N] ", kind.human()))?;
            }
            match cluster.delete(kind, &key, &options).await {
                Ok(()) => {
                    context
                        .ui()
                        .print(&format!("{} deleted\n", result_name(kind, &key)));
                }
                Err(error) => failures.add(&error.into()),
            }
        }
        failures.finish()
    })
}

fn confirm(context: &Context, question: &str) -> Result<(), CommandError> {
    if !context.ui().interactive() {
        return Err(
            CommandError::failed("aborting: nobody can be asked without a terminal")
                .with_hint("use --yes to delete without being asked"),
        );
    }
    let is_interrupted = || context.cancellation().is_cancelled();
    let answer = context.ui().ask(question, &is_interrupted);
    match answer.as_deref().map(str::trim) {
        Some("y" | "Y") => Ok(()),
        None if is_interrupted() => Err(CommandError::interrupted(
            "interrupted at the question; what was deleted is printed above",
        )),
        _ => Err(CommandError::failed("aborting")),
    }
}

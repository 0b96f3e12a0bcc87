//! `diff`: what `reconcile` would commit.

use std::collections::BTreeMap;

use clap::Args;

use super::{kinds, reconcile, runtime};
use crate::api::Kind;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::flags::{ObjectFlags, RegistryFlags, TreeFlags};
use crate::model::{RunReport, UpdateState};
use crate::ops::{self, Apply, RunOptions, Scope, Targets};
use crate::output::views::{render_bare_messages, render_diff, render_messages};

/// Show what reconcile would commit: a unified diff and the message
///
/// Scans, chooses and plans like reconcile, and writes nothing. The exit code tells whether there is
/// anything to commit. KUBECTL_EXTERNAL_DIFF names another program to show differences with.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # What would be committed for the automations in these files
  kubectl imageupdate diff -f clusters/my-cluster -R

  # What would change in the checkout at hand
  kubectl imageupdate diff -f clusters/my-cluster -R --worktree .

  # Try a message template
  kubectl imageupdate diff -f clusters/my-cluster -R --message --message-template '{{ range .Changed.Changes }}{{ println .NewValue }}{{ end }}'

Exit codes:
  0 no differences, 1 differences, 2 trouble, 130 interrupted")]
pub struct DiffArgs {
    /// Automations; all of the namespace or the files by default
    #[arg(value_name = "UPDATE")]
    names: Vec<String>,

    /// Every namespace
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Show only the message
    #[arg(long)]
    message: bool,

    /// Template in place of the automation's
    #[arg(long, value_name = "TEMPLATE", allow_hyphen_values = true)]
    message_template: Option<String>,

    /// Template value on top of the automation's, as KEY=VALUE; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    values: Vec<String>,

    #[command(flatten)]
    objects: ObjectFlags,

    #[command(flatten)]
    registry: RegistryFlags,

    #[command(flatten)]
    tree: TreeFlags,
}

/// Runs `diff`.
pub fn run(args: &DiffArgs, context: &Context) -> Result<Outcome, CommandError> {
    let names = names(&args.names)?;
    let mut services =
        context.services(context.objects(&args.objects)?, &args.registry, &args.tree)?;
    services.cluster = context.cluster_of(&args.objects);
    let options = RunOptions {
        scope: Scope {
            namespace: context.namespace_scope(&args.objects, args.all_namespaces)?,
            labels: None,
        },
        targets: Targets {
            kinds: vec![Kind::ImageUpdateAutomation],
            names,
        },
        apply: Apply::Nothing,
        include_suspended: args.tree.include_suspended,
        strict: args.tree.strict,
        timeout: context.timeout(),
        message_template: args.message_template.clone(),
        message_values: values(&args.values)?,
        keep_content: external_program(context).is_some(),
        ..RunOptions::default()
    };
    let report = runtime::block_on(context, async { Ok(ops::run(&services, &options).await?) })?;
    finish(&report, context, args.message)
}

/// The automations that `x`, `update/x` and `update x` name.
fn names(words: &[String]) -> Result<Vec<String>, CommandError> {
    let is_kind = |word: &str| Kind::from_word(word) == Some(Kind::ImageUpdateAutomation);
    let words = match words {
        [kind, rest @ ..] if is_kind(kind) && !rest.is_empty() => rest,
        words => words,
    };
    let name = |word: &String| match word.split_once('/') {
        None => Ok(word.clone()),
        Some((kind, name)) => match kinds::one_kind(kind, "diff")? {
            Kind::ImageUpdateAutomation => Ok(name.to_owned()),
            kind => Err(CommandError::usage(format!(
                "\"{word}\" is an {}; diff shows what automations would commit",
                kind.human()
            ))),
        },
    };
    words.iter().map(name).collect()
}

fn values(items: &[String]) -> Result<BTreeMap<String, String>, CommandError> {
    items
        .iter()
        .map(|item| {
            item.split_once('=')
                .filter(|(key, _)| !key.is_empty())
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .ok_or_else(|| {
                    CommandError::usage(format!(
                        "invalid value \"{item}\" for --values, must be key=value"
                    ))
                })
        })
        .collect()
}

/// The user's own program for differences.
pub(super) fn external_program(context: &Context) -> Option<&str> {
    context.environment().text("KUBECTL_EXTERNAL_DIFF")
}

/// Shows a planned report; shared with `reconcile --dry-run`.
pub(super) fn finish(
    report: &RunReport,
    context: &Context,
    message_only: bool,
) -> Result<Outcome, CommandError> {
    let ui = context.ui();
    if message_only {
        ui.print(&render_bare_messages(report));
    } else if let Some(program) = external_program(context) {
        super::external_diff::show(program, report, context)?;
        ui.print(&render_messages(report));
    } else {
        ui.print_bytes(&render_diff(report, ui.color_out(), ui.out_is_terminal()));
    }
    reconcile::show_notes(context, report);
    reconcile::show_failures(context, report)?;
    if report.updates.is_empty() {
        ui.status("No image update automations found");
    }
    let differs = report.updates.iter().any(
        |update| matches!(&update.state, UpdateState::Planned { plan, .. } if !plan.is_empty()),
    );
    Ok(if differs {
        Outcome::Differences
    } else {
        Outcome::Done
    })
}

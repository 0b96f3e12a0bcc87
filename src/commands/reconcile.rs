//! `reconcile`: one shot from here.

use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::{diff, kinds, request, runtime};
use crate::api::Kind;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::flags::{ObjectFlags, RegistryFlags, TreeFlags};
use crate::model::{
    Ahead, Failure, Note, PolicyState, RepositoryState, RunReport, Severity, UpdateState,
};
use crate::ops::{self, Apply, RequestOptions, RunOptions, Scope, StatusMode, status};
use crate::output::Format;
use crate::output::views::{Statuses, run_json, run_lines};
use crate::yaml;

/// Scan, choose, edit, commit and push, once, from here
///
/// 'repository' scans, 'policy' also chooses, 'update' also edits marked YAML, commits and pushes.
/// Without a kind all automations run, with the policies and repositories that they need.
///
/// Objects of the cluster get the status that the controllers would write, unless a controller looks
/// after them. Where the controllers run as well they are asked to scan first, and a tag that they do
/// not agree to is not written: their next run would take it back.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Run the automations of the namespace: scan, choose, fetch, edit, commit, push
  kubectl imageupdate reconcile -n flux-system

  # Run an automation that is suspended in the cluster, by hand
  kubectl imageupdate reconcile update flux-system --include-suspended

  # Let the controllers do it, and wait for them
  kubectl imageupdate reconcile update flux-system --request

  # Run the automations in these files: fetch, edit, commit, push
  kubectl imageupdate reconcile -f clusters/my-cluster -R

  # Edit the checkout at hand and commit
  kubectl imageupdate reconcile update flux-system -f clusters -R --worktree . --commit

Exit codes:
  0 done, also when nothing had to change; 1 failed; 2 usage error; 130 interrupted")]
pub struct ReconcileArgs {
    /// [KIND [NAME...]] or KIND/NAME...; KIND is repository, policy or update
    #[arg(value_name = "KIND [NAME]")]
    words: Vec<String>,

    /// Every namespace
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Print what would be committed, as diff does, and write nothing
    #[arg(long, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: Option<String>,

    /// With --worktree, commit the edited files
    #[arg(long, requires = "worktree")]
    commit: bool,

    /// With --worktree and --commit, push to the upstream
    #[arg(long, requires = "commit")]
    push: bool,

    /// Output format: json, yaml or name
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<String>,

    /// Ask the controllers to reconcile instead, and wait for them
    #[arg(long, conflicts_with_all = ["filename", "worktree", "dry_run", "status", "ahead_of_cluster"])]
    request: bool,

    /// Whose status to write: of objects that no controller looks after (auto), always, or never
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    status: WriteStatus,

    /// Write also what the cluster's controllers hold another tag for and would take back
    #[arg(long)]
    ahead_of_cluster: bool,

    #[command(flatten)]
    objects: ObjectFlags,

    #[command(flatten)]
    registry: RegistryFlags,

    #[command(flatten)]
    tree: TreeFlags,
}

/// `--status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WriteStatus {
    Auto,
    Always,
    Never,
}

impl From<WriteStatus> for StatusMode {
    fn from(when: WriteStatus) -> Self {
        match when {
            WriteStatus::Auto => Self::Auto,
            WriteStatus::Always => Self::Always,
            WriteStatus::Never => Self::Never,
        }
    }
}

/// Runs `reconcile`.
pub fn run(args: &ReconcileArgs, context: &Context) -> Result<Outcome, CommandError> {
    let named = kinds::read(&args.words, Some(Kind::ImageUpdateAutomation), "reconcile")?;
    let format = match &args.output {
        None => Format::Human,
        Some(text) => Format::parse(text, &["json", "name", "yaml"])
            .map_err(|error| CommandError::usage(error.to_string()))?,
    };
    let dry_run = dry_run(args.dry_run.as_deref())?;
    let mut services =
        context.services(context.objects(&args.objects)?, &args.registry, &args.tree)?;
    services.cluster = context.cluster_of(&args.objects);
    let scope = Scope {
        namespace: context.namespace_scope(&args.objects, args.all_namespaces)?,
        labels: None,
    };
    if args.request {
        let options = RequestOptions {
            scope,
            targets: named.targets(),
            timeout: context.timeout(),
        };
        return request::run(&services, &options, format, context);
    }
    let options = RunOptions {
        scope,
        targets: named.targets(),
        apply: if dry_run { Apply::Nothing } else { apply(args) },
        include_suspended: args.tree.include_suspended,
        strict: args.tree.strict,
        status: args.status.into(),
        ahead_of_cluster: args.ahead_of_cluster,
        timeout: context.timeout(),
        keep_content: dry_run && diff::external_program(context).is_some(),
        ..RunOptions::default()
    };
    let report = runtime::block_on(context, async {
        Ok(Arc::new(ops::run(&services, &options).await?))
    })?;
    if dry_run && named.kinds.contains(&Kind::ImageUpdateAutomation) && format == Format::Human {
        diff::finish(&report, context, false)?;
        return Ok(Outcome::Done);
    }
    match format {
        Format::Json => context
            .ui()
            .print(&format!("{:#}\n", as_json(&report, context))),
        Format::Yaml => context.ui().print(&yaml::print(&as_json(&report, context))),
        format => context
            .ui()
            .print(&run_lines(&report, &named.kinds, format == Format::Name)),
    }
    show_server_messages(context, &report);
    show_notes(context, &report);
    show_failures(context, &report)?;
    if named.names.is_empty() && is_empty(&report, &named.kinds) {
        context.ui().status("No resources found");
    }
    Ok(Outcome::Done)
}

/// The report as a value, with the statuses that the controllers would write.
fn as_json(report: &RunReport, context: &Context) -> serde_json::Value {
    let now = status::rfc3339(context.clock().now());
    run_json(
        report,
        &Statuses {
            repository: &|outcome| status::repository_status(outcome, &now),
            policy: &|outcome| status::policy_status(outcome, &now),
            update: &|outcome| status::update_status(outcome, &now),
        },
    )
}

fn apply(args: &ReconcileArgs) -> Apply {
    match (args.tree.worktree.is_some(), args.commit, args.push) {
        (true, false, _) => Apply::Edit,
        (true, true, false) => Apply::Commit,
        (true, true, true) | (false, ..) => Apply::Push,
    }
}

fn dry_run(text: Option<&str>) -> Result<bool, CommandError> {
    match text {
        None | Some("none" | "false") => Ok(false),
        Some("client" | "true") => Ok(true),
        Some("server") => Err(CommandError::usage(
            "--dry-run=server is for commands that write to the cluster; use --dry-run=client",
        )),
        Some(other) => Err(CommandError::usage(format!(
            "invalid dry-run value ({other}). Must be \"none\", \"server\", or \"client\""
        ))),
    }
}

fn is_empty(report: &RunReport, kinds: &[Kind]) -> bool {
    kinds.iter().all(|kind| match kind {
        Kind::ImageRepository => report.repositories.is_empty(),
        Kind::ImagePolicy => report.policies.is_empty(),
        _ => report.updates.is_empty(),
    })
}

/// Every warning and remark of a run.
pub(super) fn show_notes(context: &Context, report: &RunReport) {
    for note in report.all_notes() {
        show_note(context, note);
    }
}

/// One warning or remark.
pub(super) fn show_note(context: &Context, note: &Note) {
    match note.severity {
        Severity::Warning => context.ui().warn(&format!("{} ({})", note.text, note.code)),
        Severity::Info => context.ui().status(&note.text),
    }
}

/// One error for each object that failed, in the order of dependence; then the command has failed.
pub(super) fn show_failures(context: &Context, report: &RunReport) -> Result<(), CommandError> {
    let mut failures: Vec<(String, &Failure)> = Vec::new();
    for outcome in &report.repositories {
        if let RepositoryState::Failed(failure) = &outcome.state {
            failures.push((
                format!("image repository {}", outcome.object.key()),
                failure,
            ));
        }
    }
    for outcome in &report.policies {
        if let PolicyState::Undecided { failure, .. } = &outcome.state {
            failures.push((format!("image policy {}", outcome.object.key()), failure));
        }
    }
    for outcome in &report.updates {
        if let UpdateState::Failed { failure, .. } = &outcome.state {
            failures.push((
                format!("image update automation {}", outcome.object.key()),
                failure,
            ));
        }
    }
    for ahead in &report.ahead {
        show_ahead(context, ahead);
    }
    for (object, failure) in &failures {
        let text = format!("{object}: {} ({})", failure.message, failure.reason);
        context.ui().error("error:", &text, &[]);
        // What a policy needs from its repository has been said when the repository failed too.
        let repeats = |hint: &String| {
            failures
                .iter()
                .any(|(_, other)| hint.contains(other.message.as_str()))
        };
        if let Some(hint) = failure.hint.as_ref().filter(|hint| !repeats(hint)) {
            context.ui().hint(hint);
        }
    }
    if failures.is_empty() && report.ahead.is_empty() {
        Ok(())
    } else if context.cancellation().is_cancelled() {
        Err(CommandError::interrupted(done_so_far(report)))
    } else {
        Err(CommandError::already_printed())
    }
}

/// What a run that Ctrl-C ended had done by then.
fn done_so_far(report: &RunReport) -> String {
    let applied = report
        .updates
        .iter()
        .filter(|outcome| matches!(outcome.state, UpdateState::Applied { .. }))
        .count();
    match (applied, report.updates.len()) {
        (0, _) => "interrupted: nothing was written".to_owned(),
        (done, all) => format!(
            "interrupted: {done} of {all} automations were carried out, the others wrote nothing"
        ),
    }
}

/// What Git servers and their hooks said to each push, as git shows it.
fn show_server_messages(context: &Context, report: &RunReport) {
    let mut shown: Vec<&[String]> = Vec::new();
    for outcome in &report.updates {
        if let UpdateState::Applied { applied, .. } = &outcome.state
            // Automations that were pushed together heard the same.
            && !shown.contains(&applied.messages.as_slice())
        {
            for line in &applied.messages {
                context.ui().status(&format!("remote: {line}"));
            }
            shown.push(&applied.messages);
        }
    }
}

/// A policy whose markers were left to the cluster's controllers.
fn show_ahead(context: &Context, ahead: &Ahead) {
    let held = match &ahead.held {
        Some(held) => format!("the cluster's controllers hold {held}"),
        None => "the cluster's controllers hold no image yet".to_owned(),
    };
    let text = format!(
        "image policy {}: {} is selected here and {held}; {}, so its markers are left \
         (ahead-of-cluster)",
        ahead.policy, ahead.selected, ahead.reason
    );
    context.ui().error("error:", &text, &[]);
    context.ui().hint(
        "their next run would take the commit back; suspend the automation first, or write all the \
         same with --ahead-of-cluster",
    );
}

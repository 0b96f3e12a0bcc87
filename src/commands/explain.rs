//! `explain`: the whole chain on one screen.

use std::sync::Arc;

use clap::Args;

use super::{kinds, reconcile, runtime, tags};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::flags::{ObjectFlags, RegistryFlags, TagListFlags, TreeFlags};
use crate::ops::{self, ExplainTarget, Scope, TagFileRegistry};
use crate::output::Format;
use crate::output::views::{explain_json, explain_text};
use crate::yaml;

/// Show the whole chain: image, tags, choice, markers, and why each is or is not written
///
/// For a policy, an automation, or a line of a file: which image is scanned with which credentials,
/// how many tags are excluded, filtered and ordered, which one wins and which come next, and every
/// marker with file and line. Markers outside of the automation's path are found too. Tags come from
/// the registry, or from --tags-from. Nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Why is this image not updated?
  kubectl imageupdate explain podinfo

  # What would it choose among these tags, and write?
  kubectl imageupdate explain podinfo -f clusters -R --worktree . --tags-from tags.txt

  # Why is this line not written, in the checkout at hand?
  kubectl imageupdate explain clusters/app/deployment.yaml:24 -f clusters -R --worktree .

Exit codes:
  0 done; 1 failed, or something in the chain does; 2 usage error")]
pub struct ExplainArgs {
    /// Policy, automation or line; also KIND NAME and KIND/NAME
    #[arg(value_name = "POLICY|UPDATE|FILE:LINE", required = true)]
    words: Vec<String>,

    #[command(flatten)]
    list: TagListFlags,

    /// Every namespace
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Output format: json or yaml
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<String>,

    #[command(flatten)]
    objects: ObjectFlags,

    #[command(flatten)]
    registry: RegistryFlags,

    #[command(flatten)]
    tree: TreeFlags,
}

/// Runs `explain`.
pub fn run(args: &ExplainArgs, context: &Context) -> Result<Outcome, CommandError> {
    let format = match &args.output {
        None => Format::Human,
        Some(text) => Format::parse(text, &["json", "yaml"])
            .map_err(|error| CommandError::usage(error.to_string()))?,
    };
    let target = target(args, context)?;
    let list = match &args.list.tags_from {
        None => None,
        Some(path) => Some((tags::tag_file(path, &args.objects, context)?, path)),
    };
    let mut services =
        context.services(context.objects(&args.objects)?, &args.registry, &args.tree)?;
    if let Some((file, path)) = list {
        let source = tags::list_name(path);
        services.registry = Arc::new(TagFileRegistry::new(&file, &source));
    }
    let scope = Scope {
        namespace: context.namespace_scope(&args.objects, args.all_namespaces)?,
        labels: None,
    };
    let report = runtime::block_on(context, async {
        Ok(ops::explain(&services, &scope, &target).await?)
    })?;
    let ui = context.ui();
    match format {
        Format::Json => ui.print(&format!("{:#}\n", explain_json(&report))),
        Format::Yaml => ui.print(&yaml::print(&explain_json(&report))),
        _ => ui.print(&explain_text(&report)),
    }
    for note in &report.notes {
        reconcile::show_note(context, note);
    }
    let policies = report.policies.iter().map(|chain| chain.failure.as_ref());
    let automations = report.automations.iter();
    let failed = policies
        .chain(automations.map(|chain| chain.failure.as_ref()))
        .any(|failure| failure.is_some());
    if failed {
        // The chain itself says what and why.
        return Err(CommandError::already_printed());
    }
    Ok(Outcome::Done)
}

fn target(args: &ExplainArgs, context: &Context) -> Result<ExplainTarget, CommandError> {
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [word] => {
            if let Some((path, line)) = file_and_line(word) {
                let path = match &args.tree.worktree {
                    // The tree is the checkout, and the path is the user's own.
                    Some(_) => context
                        .environment()
                        .absolute(path.as_ref())
                        .display()
                        .to_string(),
                    None => path.to_owned(),
                };
                return Ok(ExplainTarget::Line { path, line });
            }
            match word.split_once('/') {
                Some((kind, name)) => object(kind, name),
                None => Ok(ExplainTarget::Named((*word).to_owned())),
            }
        }
        [kind, name] => object(kind, name),
        _ => Err(CommandError::usage(
            "explain takes one policy, automation or line at a time",
        )),
    }
}

fn object(kind: &str, name: &str) -> Result<ExplainTarget, CommandError> {
    let kind = kinds::one_kind(kind, "explain")
        .map_err(|error| error.with_hint("a line of a file is named as FILE:LINE"))?;
    Ok(ExplainTarget::Object(kind, name.to_owned()))
}

/// `FILE:LINE`; names of objects hold no colon.
fn file_and_line(word: &str) -> Option<(&str, usize)> {
    let (path, line) = word.rsplit_once(':')?;
    let line = line.parse().ok().filter(|line| *line > 0)?;
    (!path.is_empty()).then_some((path, line))
}

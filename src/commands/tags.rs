//! `tags`: every tag of an image, and what a policy makes of it.

use std::path::Path;

use clap::Args;

use super::{reconcile, runtime};
use crate::api::Kind;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::flags::{ObjectFlags, RegistryFlags, TagListFlags, TreeFlags};
use crate::image::ImageName;
use crate::model::{Failure, TagReport};
use crate::ops::{self, OpsError, Scope, TagsSubject, TagsTarget};
use crate::output::Format;
use crate::output::views::{TagsOptions, render_tags};
use crate::policy::{TagFile, TagLines};

/// Show every tag with its verdict: excluded, no match, outside the range, candidate, selected
///
/// A bare name is a policy, or else a repository; anything with '/', '.' or ':' is an image, and so is
/// NAME in 'image NAME'. Without an argument the policies of the namespace, or of the files, are shown.
/// Tags come from the registry, or from --tags-from.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Why this tag, and why not that one
  kubectl imageupdate tags podinfo -f clusters/my-cluster -R

  # The tag that a policy selects, for scripts
  kubectl imageupdate tags podinfo --selected -o name

  # Try a policy on a list of tags, without a registry and a cluster
  kubectl imageupdate tags podinfo -f policy.yaml --tags-from tags.txt

  # The tags of any image
  kubectl imageupdate tags ghcr.io/stefanprodan/podinfo -o name

Exit codes:
  0 done; 1 failed, or --selected and nothing is selected; 2 usage error")]
pub struct TagsArgs {
    /// Policy, repository or image; also KIND NAME, KIND/NAME and 'image NAME'
    #[arg(value_name = "POLICY|REPOSITORY|IMAGE")]
    words: Vec<String>,

    /// Only the selected tag
    #[arg(long)]
    selected: bool,

    #[command(flatten)]
    list: TagListFlags,

    /// Every namespace
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Output format: json, yaml, name, wide, jsonpath=TEMPLATE or custom-columns=SPEC
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<String>,

    /// No header row
    #[arg(long, alias = "no-header")]
    no_headers: bool,

    #[command(flatten)]
    objects: ObjectFlags,

    #[command(flatten)]
    registry: RegistryFlags,
}

/// Runs `tags`.
pub fn run(args: &TagsArgs, context: &Context) -> Result<Outcome, CommandError> {
    let format = match &args.output {
        None => Format::Human,
        Some(text) => Format::parse(text, &[]).map_err(|e| CommandError::usage(e.to_string()))?,
    };
    let target = target(args)?;
    let options = TagsOptions {
        format,
        headers: !args.no_headers,
        selected_only: args.selected,
        several: target == TagsTarget::Policies,
        terminal: context.ui().out_is_terminal(),
    };
    if let Some(path) = &args.list.tags_from {
        return show_file(path, args, &target, &options, context);
    }
    let services = context.services(
        context.objects(&args.objects)?,
        &args.registry,
        &TreeFlags::default(),
    )?;
    let scope = scope(args, context, &target)?;
    let (subjects, lists) = runtime::block_on(context, async {
        let subjects = ops::find_subjects(services.objects.as_ref(), &scope, &target).await?;
        let lists = ops::list_tags(&services, &subjects).await;
        Ok((subjects, lists))
    })?;
    let reports: Vec<TagReport<'_>> = subjects
        .iter()
        .zip(&lists)
        .map(|(subject, list)| subject.judge_listed(list))
        .collect();
    show(&reports, &options, context)
}

/// The tags of a list that is at hand.
fn show_file(
    path: &Path,
    args: &TagsArgs,
    target: &TagsTarget,
    options: &TagsOptions,
    context: &Context,
) -> Result<Outcome, CommandError> {
    check_inputs(path, &args.objects)?;
    let subjects = subjects(args, context, target)?;
    if options.selected_only {
        // A long list need not be held whole for the selected tag alone.
        let mut lines = TagLines::default();
        let decisive = ops::decisive_tags(&subjects, |visit| {
            context.read_pieces(path, &mut |piece| lines.each_tag(piece, &mut *visit))
        });
        if let Some(lists) = decisive {
            let lists = lists.iter().map(|tags| tags.iter().map(String::as_str));
            return show(
                &judged(&subjects, lists.map(Iterator::collect)),
                options,
                context,
            );
        }
    }
    let file = tag_file(path, &args.objects, context)?;
    let lists = std::iter::repeat_with(|| file.tags());
    show(&judged(&subjects, lists), options, context)
}

fn judged<'t>(
    subjects: &[TagsSubject],
    lists: impl Iterator<Item = Vec<&'t str>>,
) -> Vec<TagReport<'t>> {
    let pairs = subjects.iter().zip(lists);
    pairs.map(|(subject, tags)| subject.judge(tags)).collect()
}

/// Whose tags the words name.
fn target(args: &TagsArgs) -> Result<TagsTarget, CommandError> {
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] if args.list.tags_from.is_some() && !args.objects.from_files() => Ok(TagsTarget::List),
        [] => Ok(TagsTarget::Policies),
        ["image" | "images", name] => image(name),
        [word] => match word.split_once('/') {
            Some((kind, name)) if Kind::from_word(kind).is_some() && !name.contains('/') => {
                object(kind, name)
            }
            _ if word.contains(['/', '.', ':']) => image(word),
            _ => Ok(TagsTarget::Named((*word).to_owned())),
        },
        [kind, name] => object(kind, name),
        [_, _, more, ..] => Err(CommandError::usage(format!(
            "unexpected argument \"{more}\": tags shows one policy, repository or image"
        ))),
    }
}

fn object(kind: &str, name: &str) -> Result<TagsTarget, CommandError> {
    match Kind::from_word(kind) {
        Some(kind @ (Kind::ImagePolicy | Kind::ImageRepository)) => {
            Ok(TagsTarget::Object(kind, name.to_owned()))
        }
        _ => Err(CommandError::usage(format!(
            "\"{kind}\" has no tags; choose one of: policy, repository, image"
        ))),
    }
}

fn image(text: &str) -> Result<TagsTarget, CommandError> {
    ImageName::of_reference(text)
        .map(TagsTarget::Image)
        .map_err(|error| CommandError::usage(error.to_string()))
}

/// The list in place of a registry; shared with `create policy --tags-from`.
pub(super) fn tag_file(
    path: &Path,
    objects: &ObjectFlags,
    context: &Context,
) -> Result<TagFile, CommandError> {
    check_inputs(path, objects)?;
    TagFile::parse(context.read_text(path)?).map_err(|error| {
        CommandError::failed(format!("reading tags from {}", path.display())).caused_by(&error)
    })
}

/// Standard input can be read once.
fn check_inputs(path: &Path, objects: &ObjectFlags) -> Result<(), CommandError> {
    let input = Path::new("-");
    if path == input && objects.filename.iter().any(|file| file == input) {
        return Err(CommandError::usage(
            "-f - and --tags-from - both read standard input; give one of them a file",
        ));
    }
    Ok(())
}

/// What a list is called in sentences.
pub(super) fn list_name(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

fn scope(args: &TagsArgs, context: &Context, target: &TagsTarget) -> Result<Scope, CommandError> {
    // An image needs no object, and so no kubeconfig.
    let namespace = match target {
        TagsTarget::Image(_) | TagsTarget::List => None,
        _ => context.namespace_scope(&args.objects, args.all_namespaces)?,
    };
    Ok(Scope {
        namespace,
        labels: None,
    })
}

/// Subjects for a list that is at hand. Objects of files are read without starting a runtime.
fn subjects(
    args: &TagsArgs,
    context: &Context,
    target: &TagsTarget,
) -> Result<Vec<TagsSubject>, CommandError> {
    let objects = context.objects(&args.objects)?;
    let scope = scope(args, context, target)?;
    let find = async {
        ops::find_subjects(objects.as_ref(), &scope, target)
            .await
            .map_err(|error: OpsError| CommandError::from(error))
    };
    if args.objects.from_files() || matches!(target, TagsTarget::Image(_) | TagsTarget::List) {
        runtime::without_waiting(context, find)
    } else {
        runtime::block_on(context, find)
    }
}

fn show(
    reports: &[TagReport<'_>],
    options: &TagsOptions,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let ui = context.ui();
    render_tags(reports, options, &mut |piece| ui.print_bytes(piece));
    let mut failed = false;
    for report in reports {
        for note in &report.notes {
            reconcile::show_note(context, note);
        }
        if let Some(failure) = &report.failure {
            // A list that shows why nothing is selected is an answer; no list is none.
            failed |=
                options.selected_only || (report.kept.is_empty() && report.excluded.is_empty());
            show_failure(context, report, failure, failed);
        }
    }
    if failed {
        return Err(CommandError::already_printed());
    }
    if reports.is_empty() {
        ui.status("No image policies found");
    } else if reports
        .iter()
        .all(|report| report.kept.is_empty() && report.excluded.is_empty())
    {
        ui.status("No tags found");
    }
    Ok(Outcome::Done)
}

fn show_failure(context: &Context, report: &TagReport<'_>, failure: &Failure, failed: bool) {
    let ui = context.ui();
    let subject = match &report.policy {
        Some(policy) => format!("image policy {policy}"),
        None => report.image.clone(),
    };
    let text = format!("{subject}: {} ({})", failure.message, failure.reason);
    if failed {
        ui.error("error:", &text, &[]);
    } else {
        ui.warn(&text);
    }
    if let Some(hint) = &failure.hint {
        ui.hint(hint);
    }
}

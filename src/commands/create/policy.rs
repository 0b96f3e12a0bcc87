//! `create policy`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::super::{reconcile, tags};
use super::{Common, Declaration, checks};
use crate::api::{
    FilterTags, ImagePolicyChoice, ImagePolicySpec, ImageRepositoryRef, Kind, OrderChoice,
    SemverChoice,
};
use crate::context::Context;
use crate::duration::GoDuration;
use crate::error::CommandError;
use crate::flags::{ObjectFlags, go_duration};
use crate::key::NamespacedName;
use crate::ops::TagsSubject;
use crate::pattern::{self, Pattern};
use crate::semver::Constraint;

/// Declare an image policy: how to choose one tag
///
/// Exactly one of --select-semver, --select-alpha and --select-numeric chooses among the tags of the
/// repository, or among what --filter-regex and --filter-extract make of them. What the controller
/// would refuse is refused here.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # The newest release from 5.0.0 on
  kubectl imageupdate create policy podinfo --image-ref=podinfo --select-semver='>=5.0.0' --export

  # The newest build of a branch, by the time inside the tag
  kubectl imageupdate create policy app --image-ref=app --filter-regex='^main-[a-f0-9]+-(?P<ts>[0-9]+)' --filter-extract='$ts' --select-numeric=asc --export

Exit codes:
  0 done, 1 failed, 2 usage error")]
pub(super) struct PolicyArgs {
    #[command(flatten)]
    common: Common,

    /// Image repository whose tags are chosen from
    #[arg(long, value_name = "NAME")]
    image_ref: Option<String>,

    /// Namespace of the image repository; the policy's own by default
    #[arg(long, value_name = "NAMESPACE")]
    image_ref_namespace: Option<String>,

    /// Take the greatest version in this range
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    select_semver: Option<String>,

    /// Take the last (asc) or first (desc) by bytes
    #[arg(long, value_name = "ORDER")]
    select_alpha: Option<String>,

    /// Take the greatest (asc) or least (desc) number
    #[arg(long, value_name = "ORDER")]
    select_numeric: Option<String>,

    /// Look only at tags that match this RE2 pattern
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    filter_regex: Option<String>,

    /// Choose by this template of the pattern's groups instead of the tag, for example '$ts'
    #[arg(long, value_name = "TEMPLATE", allow_hyphen_values = true)]
    filter_extract: Option<String>,

    /// Store the digest too: Never, IfNotPresent or Always
    #[arg(long, value_name = "POLICY")]
    reflect_digest: Option<String>,

    /// Say what the policy would select among the tags in this file, or on standard input ('-')
    #[arg(long, value_name = "FILE")]
    tags_from: Option<PathBuf>,

    /// Time between looks at the digest, with --reflect-digest=Always; a Go duration
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = go_duration, allow_hyphen_values = true, hide_default_value = true)]
    interval: GoDuration,
}

impl PolicyArgs {
    pub(super) fn declare(&self, context: &Context) -> Result<Declaration, CommandError> {
        let mut mistakes = self.common.mistakes();
        let name = mistakes.value(checks::text(self.image_ref.as_ref()).ok_or_else(|| {
            CommandError::failed(
                "the name of an ImageRepository in the namespace is required (--image-ref)",
            )
        }));
        let spec = ImagePolicySpec {
            image_repository_ref: ImageRepositoryRef {
                name,
                namespace: checks::text(self.image_ref_namespace.as_ref()),
            },
            policy: mistakes.value(self.choice()),
            filter_tags: mistakes.value(self.filter_tags()),
            digest_reflection_policy: mistakes.value(self.digest_reflection_policy()),
            interval: mistakes.value(self.interval()),
            suspend: self.common.suspend,
        };
        let declaration = self
            .common
            .object(Kind::ImagePolicy, json!(spec), mistakes, context)?;
        if let Some(path) = &self.tags_from {
            preview(path, &declaration.object, &spec, context)?;
        }
        Ok(declaration)
    }

    fn choice(&self) -> Result<ImagePolicyChoice, CommandError> {
        let semver = checks::text(self.select_semver.as_ref());
        let alpha = checks::text(self.select_alpha.as_ref());
        let numeric = checks::text(self.select_numeric.as_ref());
        let given = [&semver, &alpha, &numeric]
            .iter()
            .filter(|choice| choice.is_some())
            .count();
        if given > 1 {
            return Err(CommandError::failed(
                "only one of --select-semver, --select-alpha or --select-numeric can be specified",
            ));
        }
        let order = |flag: &str, order: Option<String>| match order.as_deref() {
            None => Ok(None),
            Some("asc" | "desc") => Ok(Some(OrderChoice { order })),
            Some(_) => Err(CommandError::failed(format!(
                "{flag} must be one of [\"asc\", \"desc\"]"
            ))),
        };
        let choice = ImagePolicyChoice {
            alphabetical: order("--select-alpha", alpha)?,
            numerical: order("--select-numeric", numeric)?,
            semver: match semver {
                None => None,
                Some(range) => {
                    Constraint::parse(&range).map_err(|error| {
                        CommandError::failed(format!(
                            "--select-semver is an invalid range: {error}"
                        ))
                    })?;
                    Some(SemverChoice { range })
                }
            },
        };
        if given == 0 {
            return Err(CommandError::failed(
                "a policy must be provided with either --select-semver, --select-alpha or \
                 --select-numeric",
            ));
        }
        Ok(choice)
    }

    fn filter_tags(&self) -> Result<Option<FilterTags>, CommandError> {
        let pattern = checks::text(self.filter_regex.as_ref());
        let extract = checks::text(self.filter_extract.as_ref());
        let compiled = match &pattern {
            None => None,
            Some(pattern) => Some(Pattern::new(pattern).map_err(|error| {
                CommandError::failed(format!(
                    "--filter-regex is an invalid regex pattern: {error}"
                ))
            })?),
        };
        if let Some(extract) = &extract {
            if compiled.is_none() {
                return Err(CommandError::failed(
                    "cannot specify --filter-extract without specifying --filter-regex",
                ));
            }
            pattern::check_extract(extract, compiled.as_ref())
                .map_err(|error| CommandError::failed(error.to_string()))?;
        }
        Ok(pattern.map(|pattern| FilterTags {
            pattern,
            extract: extract.unwrap_or_default(),
        }))
    }

    fn digest_reflection_policy(&self) -> Result<Option<String>, CommandError> {
        match self.reflect_digest.as_deref() {
            None | Some("") => Ok(None),
            Some(policy @ ("Never" | "IfNotPresent" | "Always")) => Ok(Some(policy.to_owned())),
            Some(_) => Err(CommandError::failed(
                "invalid value for --reflect-digest, must be one of 'Never', 'IfNotPresent', \
                 'Always'",
            )),
        }
    }

    fn interval(&self) -> Result<Option<String>, CommandError> {
        let always = self.reflect_digest.as_deref() == Some("Always");
        match (self.interval, always) {
            (GoDuration::ZERO, false) => Ok(None),
            (GoDuration::ZERO, true) => Err(CommandError::failed(
                "the 'Always' digest reflection policy needs --interval, the time between looks \
                 at the digest",
            )),
            (_, false) => Err(CommandError::failed(
                "the --interval flag can only be used with the 'Always' digest reflection policy, \
                 use --reflect-digest=Always",
            )),
            (interval, true) => checks::interval("--interval", interval).map(Some),
        }
    }
}

/// How many tags behind the chosen one are named.
const RUNNERS_UP: usize = 3;

/// Says on standard error what the policy would select.
fn preview(
    path: &Path,
    object: &Value,
    spec: &ImagePolicySpec,
    context: &Context,
) -> Result<(), CommandError> {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
    let key = NamespacedName::new(
        text("/metadata/namespace").unwrap_or_default(),
        text("/metadata/name").unwrap_or_default(),
    );
    let file = tags::tag_file(path, &ObjectFlags::default(), context)?;
    let list = file.tags();
    let count = list.len();
    let subject = TagsSubject::of_spec(&key, spec);
    let report = subject.judge(list);
    let ui = context.ui();
    match (report.selected(), &report.rules) {
        (Some(tag), Some(rules)) => {
            let best = rules.best();
            let mut sentence = format!("of {count} tags the policy would select {tag}, {best}");
            let mut next = Vec::new();
            report.each_row(&mut |row| {
                if row.verdict.code() == "candidate" && next.len() < RUNNERS_UP {
                    next.push(row.tag.to_owned());
                }
            });
            if !next.is_empty() {
                sentence.push_str(&format!("; next would be {}", next.join(", ")));
            }
            ui.status(&sentence);
        }
        _ => {
            if let Some(failure) = &report.failure {
                ui.warn(&format!(
                    "of {count} tags the policy would select none: {}",
                    failure.message
                ));
                failure.hint.iter().for_each(|hint| ui.hint(hint));
            }
        }
    }
    for note in &report.notes {
        reconcile::show_note(context, note);
    }
    Ok(())
}

//! From change records to the commit message.
//!
//! Source: image-automation-controller, `internal/source/source.go`. Deviations: D12 (`.Updated` is
//! rendered, with a warning) and D15 (templates are read before any work).

use std::collections::BTreeMap;

use super::group::Job;
use super::run::RunOptions;
use crate::api::ImageUpdateAutomation;
use crate::model::{Failure, Note};
use crate::setters::FileChanges;
use crate::template::Limits;
use crate::template::commit::{
    Change, ChangedFile, CommitData, CommitTemplate, MessageError, ObjectIdentifier, UpdatedImage,
};

/// Steps for a few changes; a whole run may take more.
const SAMPLE_STEPS: u64 = 5_000_000;

/// `.Values` of a template.
type Values = BTreeMap<String, String>;

/// A template that was read and tried out, and its values.
pub(super) type Prepared = Result<(CommitTemplate, Option<Values>), Failure>;

/// The templates of automations, in their order.
pub(super) fn read_all(options: &RunOptions, updates: &[ImageUpdateAutomation]) -> Vec<Prepared> {
    updates.iter().map(|update| read(options, update)).collect()
}

/// The template of an automation and its values, with the run's own on top. What can never work
/// fails here, before anything else is done: a template that does not parse, and one that asks the
/// sample data for what there is not.
fn read(options: &RunOptions, update: &ImageUpdateAutomation) -> Prepared {
    let commit = update.spec.git.as_ref().map(|git| &git.commit);
    let text = options
        .message_template
        .as_deref()
        .or(commit.and_then(|commit| commit.message_template.as_deref()))
        .unwrap_or_default();
    let template = CommitTemplate::parse(text).map_err(|error| failure(&error))?;
    let mut values = commit.and_then(|commit| commit.message_template_values.clone());
    if !options.message_values.is_empty() {
        let all = values.get_or_insert_default();
        all.extend(options.message_values.clone());
    }
    match try_out(&template, values.as_ref()) {
        Some(error) if !error.is_of_data() => Err(failure(&error)),
        _ => Ok((template, values)),
    }
}

/// The message for a plan's changes.
pub(super) fn render(job: &Job, files: &[FileChanges]) -> Result<String, Failure> {
    let data = CommitData {
        namespace: job.object.metadata.namespace.clone(),
        name: job.object.metadata.name.clone(),
        files: files.iter().map(changed_file).collect(),
        values: job.values.clone(),
        images: job
            .observed
            .iter()
            .map(|(policy, image)| UpdatedImage {
                namespace: job.object.metadata.namespace.clone(),
                policy: policy.clone(),
                reference: image.to_string(),
            })
            .collect(),
    };
    job.template.render(&data).map_err(|error| failure(&error))
}

fn changed_file(file: &FileChanges) -> ChangedFile {
    let objects = file
        .objects
        .iter()
        .map(|object| {
            let identifier = ObjectIdentifier {
                api_version: object.api_version.clone(),
                kind: object.kind.clone(),
                name: object.name.clone(),
                namespace: object.namespace.clone(),
            };
            let changes = object
                .changes
                .iter()
                .map(|change| Change {
                    old: change.old.clone(),
                    new: change.new.clone(),
                    setter: change.setter.clone(),
                })
                .collect();
            (identifier, changes)
        })
        .collect();
    ChangedFile {
        path: file.path.clone(),
        objects,
    }
}

fn failure(error: &MessageError) -> Failure {
    let failure = match error {
        MessageError::Removed(_) => Failure::stalled("RemovedTemplateField", error.to_string()),
        MessageError::Parse(_) | MessageError::Run(_) => Failure::new(
            "GitOperationFailed",
            format!("failed to update source: {error}"),
        ),
    };
    failure.with_hint(error.hint().map(str::to_owned))
}

/// What to tell about an automation's template.
pub(super) fn notes(job: &Job) -> Vec<Note> {
    updated_warning(&job.template, job.values.as_ref())
        .map(|text| {
            Note::warning(
                "updated-field",
                format!("update {}: {text}", job.object.key()),
            )
        })
        .into_iter()
        .collect()
}

fn updated_warning(template: &CommitTemplate, values: Option<&Values>) -> Option<String> {
    if !template.uses_updated() {
        return None;
    }
    let rewritten = template.rewritten();
    let left = still_wrong(&rewritten, values)
        .map(|error| format!(" (this still needs a hand: {error})"))
        .unwrap_or_default();
    Some(format!(
        "the message template uses '.Updated', which controllers since 1.0 refuse; it is rendered \
         here as v1beta1 did. Rewritten: {rewritten}{left}"
    ))
}

/// What the controllers would say about a rewritten template: not everything has a counterpart.
fn still_wrong(rewritten: &str, values: Option<&Values>) -> Option<String> {
    let template = match CommitTemplate::parse(rewritten) {
        Ok(template) if template.uses_updated() => return Some("'.Updated' is left".to_owned()),
        Ok(template) => template,
        Err(error) => return Some(error.to_string()),
    };
    try_out(&template, values).map(|error| error.to_string())
}

/// What is wrong with a template that is to be declared.
#[derive(Debug)]
pub struct TemplateProblem {
    /// The template engine's text.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
}

/// Checks a template before it is declared: it must parse, and the sample changes must not show that
/// it can never work. Returns warnings, or the problem.
pub fn check_message_template(
    text: &str,
    values: Option<&Values>,
) -> Result<Vec<String>, TemplateProblem> {
    let problem = |error: &MessageError| TemplateProblem {
        message: error.to_string(),
        hint: error.hint().map(str::to_owned),
    };
    let template = CommitTemplate::parse(text).map_err(|error| problem(&error))?;
    let mut warnings: Vec<String> = updated_warning(&template, values).into_iter().collect();
    match try_out(&template, values) {
        Some(error) if error.is_of_data() => {
            warnings.push(format!("the template fails with sample changes: {error}"));
        }
        Some(error) => return Err(problem(&error)),
        None => {}
    }
    Ok(warnings)
}

/// Renders a template for sample changes, and for more of them where it fails with a few: a template
/// may count on there being several. Returns the error when it fails with all.
fn try_out(template: &CommitTemplate, values: Option<&Values>) -> Option<MessageError> {
    let limits = Limits {
        steps: SAMPLE_STEPS,
        ..Limits::default()
    };
    let failed = |files| template.render_within(&sample(files, values), limits).err();
    let first = failed(1)?;
    if first.is_of_limits() {
        return Some(first);
    }
    failed(3)
}

/// Sample changes: so many files, and in each as many objects with as many changes.
fn sample(count: usize, values: Option<&Values>) -> CommitData {
    let change = |index: usize| Change {
        old: format!("ghcr.io/org/app-{index}:1.0.0"),
        new: format!("ghcr.io/org/app-{index}:1.1.0"),
        setter: format!("flux-system:app-{index}"),
    };
    let object = |index: usize| {
        let identifier = ObjectIdentifier {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: format!("app-{index}"),
            namespace: "apps".to_owned(),
        };
        (identifier, (0..count).map(change).collect())
    };
    let file = |index: usize| ChangedFile {
        path: format!("apps/app-{index}.yaml"),
        objects: (0..count).map(object).collect(),
    };
    let image = |index: usize| UpdatedImage {
        namespace: "flux-system".to_owned(),
        policy: format!("app-{index}"),
        reference: format!("ghcr.io/org/app-{index}:1.1.0"),
    };
    CommitData {
        namespace: "flux-system".to_owned(),
        name: "flux-system".to_owned(),
        files: (0..count).map(file).collect(),
        values: values.cloned(),
        images: (0..count).map(image).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        check_message_template(text, None).map_or_else(
            |problem| problem.message,
            |warnings| format!("accepted: {}", warnings.join("; ")),
        )
    }

    #[test]
    fn what_can_never_work_is_refused_before_it_is_declared() {
        assert!(problem("{{ if }}").contains("missing value for if"));
        assert!(problem("{{ .Nope }}").contains("can't evaluate field Nope"));
        assert!(problem("{{ upper 1 }}").contains("expected string; found 1"));
        let endless = "{{ range until 30000 }}{{ range until 30000 }}{{ end }}{{ end }}";
        assert!(problem(endless).contains("steps"));
    }

    #[test]
    fn what_depends_on_the_changes_is_only_warned_about() {
        assert_eq!(problem("{{ len .Changed.Changes }}"), "accepted: ");
        // A second change is there as soon as there are several.
        assert_eq!(
            problem("{{ (index .Changed.Changes 1).NewValue }}"),
            "accepted: "
        );
        assert!(problem("{{ fail \"not today\" }}").starts_with("accepted: the template fails"));
        assert!(problem("{{ range .Updated.Images }}{{ . }}{{ end }}").contains(".Updated"));
    }

    #[test]
    fn values_are_known_to_the_check() {
        let values = Values::from([("n".to_owned(), "x".to_owned())]);
        let check = |values| check_message_template("{{ .Values.n | upper }}", values);
        assert!(check(Some(&values)).is_ok());
        let problem = check(None).unwrap_err();
        assert!(problem.message.contains("invalid value; expected string"));
    }

    #[test]
    fn a_missing_function_comes_with_a_hint() {
        let problem = check_message_template("{{ now }}", None).unwrap_err();
        assert!(problem.hint.unwrap_or_default().contains("the clock"));
    }
}

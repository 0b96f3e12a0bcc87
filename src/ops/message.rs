//! From change records to the commit message.
//!
//! Source: image-automation-controller, `internal/source/source.go`. Deviations: D12 (`.Updated` is
//! rendered, with a warning) and D15 (templates are read before any work).

use super::group::Job;
use crate::model::{Failure, Note};
use crate::setters::FileChanges;
use crate::template::commit::{
    Change, ChangedFile, CommitData, CommitTemplate, MessageError, ObjectIdentifier, UpdatedImage,
};

/// Reads the template of an automation. A field that no data has is found here, and not at the
/// first change (D15); what depends on the data is not judged.
pub(super) fn parse(text: &str) -> Result<CommitTemplate, Failure> {
    let template = CommitTemplate::parse(text).map_err(|error| failure(&error))?;
    match template.render(&sample()) {
        Err(error) if can_never_work(&error) => Err(failure(&error)),
        Ok(_) | Err(_) => Ok(template),
    }
}

fn can_never_work(error: &MessageError) -> bool {
    match error {
        MessageError::Parse(_) | MessageError::Removed(_) => true,
        MessageError::Run(text) => text.to_string().contains("can't evaluate field"),
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
    match error {
        MessageError::Removed(_) => Failure::stalled("RemovedTemplateField", error.to_string()),
        MessageError::Parse(_) | MessageError::Run(_) => Failure::new(
            "GitOperationFailed",
            format!("failed to update source: {error}"),
        ),
    }
}

/// What to tell about an automation's template.
pub(super) fn notes(job: &Job) -> Vec<Note> {
    updated_warning(&job.template)
        .map(|text| {
            Note::warning(
                "updated-field",
                format!("update {}: {text}", job.object.key()),
            )
        })
        .into_iter()
        .collect()
}

fn updated_warning(template: &CommitTemplate) -> Option<String> {
    template.uses_updated().then(|| {
        format!(
            "the message template uses '.Updated', which controllers since 1.0 refuse; it is \
             rendered here as v1beta1 did. Rewritten: {}",
            template.rewritten()
        )
    })
}

/// Checks a template before it is declared: it must parse, and render for sample changes. Returns
/// warnings, or the error.
pub fn check_message_template(text: &str) -> Result<Vec<String>, String> {
    let template = CommitTemplate::parse(text).map_err(|error| error.to_string())?;
    template
        .render(&sample())
        .map_err(|error| error.to_string())?;
    Ok(updated_warning(&template).into_iter().collect())
}

/// One change of one object, as an example.
fn sample() -> CommitData {
    let change = Change {
        old: "ghcr.io/org/app:1.0.0".to_owned(),
        new: "ghcr.io/org/app:1.1.0".to_owned(),
        setter: "flux-system:app".to_owned(),
    };
    let object = ObjectIdentifier {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        name: "app".to_owned(),
        namespace: "apps".to_owned(),
    };
    CommitData {
        namespace: "flux-system".to_owned(),
        name: "flux-system".to_owned(),
        files: vec![ChangedFile {
            path: "app.yaml".to_owned(),
            objects: vec![(object, vec![change])],
        }],
        values: None,
        images: vec![UpdatedImage {
            namespace: "flux-system".to_owned(),
            policy: "app".to_owned(),
            reference: "ghcr.io/org/app:1.1.0".to_owned(),
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_nothing_has_is_found_without_a_change() {
        let failure = parse("{{ .Nope }}").err().expect("a failure");
        assert_eq!(failure.reason, "GitOperationFailed");
        assert!(failure.message.contains("can't evaluate field Nope"));
        let removed = parse("{{ .Changed.ImageResult }}")
            .err()
            .expect("a failure");
        assert!(removed.stalled);
    }

    #[test]
    fn what_depends_on_the_data_is_left_to_the_data() {
        assert!(parse("{{ (index .Changed.Changes 7).NewValue }}").is_ok());
        assert!(parse("{{ .Updated.Images }} {{ .Values.any }}").is_ok());
    }
}

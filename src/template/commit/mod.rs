//! Commit messages: the template of an automation over what was changed.
//!
//! The data is what image-automation-controller hands to the template, and `.Updated` of v1beta1,
//! which the controller no longer has (rule D12). Where Go's order is random the order here is that
//! of files, objects and changes.

mod data;
mod rewrite;
mod updated;

use std::collections::BTreeMap;

use super::{Limits, Template, TemplateError};

/// The template's name in error texts.
const NAME: &str = "commit message";
/// The message of an automation without a template.
const DEFAULT_MESSAGE: &str = "Update from image update automation";
/// What the controller says about a field that it removed.
const REMOVED_UPDATED: &str = "can't evaluate field Updated in type source.TemplateData";
const REMOVED_RESULT_ERROR: &str = "can't evaluate field ImageResult in type update.Result";
const REMOVED_RESULT: &str = "template uses removed '.Changed.ImageResult' field. Please use \
    '.Changed.FileChanges' or '.Changed.Objects' instead. See: \
    https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template";

/// One value that changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Change {
    /// Text before.
    pub old: String,
    /// Text after.
    pub new: String,
    /// The marker's text.
    pub setter: String,
}

/// The object that a change belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectIdentifier {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
}

/// The changes of one file: path, and changes by object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedFile {
    /// Path relative to the update path.
    pub path: String,
    /// Changes by object.
    pub objects: Vec<(ObjectIdentifier, Vec<Change>)>,
}

/// An image that a policy chose, for `.Updated`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatedImage {
    /// Namespace of the policy.
    pub namespace: String,
    /// Name of the policy.
    pub policy: String,
    /// The reference as it is written.
    pub reference: String,
}

/// Everything a message is made of.
#[derive(Clone, Debug, Default)]
pub struct CommitData {
    /// Namespace of the automation.
    pub namespace: String,
    /// Name of the automation.
    pub name: String,
    /// Files, by path.
    pub files: Vec<ChangedFile>,
    /// `.Values`; absent is a nil map.
    pub values: Option<BTreeMap<String, String>>,
    /// The images of all policies, for `.Updated`.
    pub images: Vec<UpdatedImage>,
}

/// Why a message cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The template cannot be read.
    #[error("unable to create commit message template from spec: {0}")]
    Parse(TemplateError),
    /// The template fails with this data.
    #[error("failed to run template from spec: {0}")]
    Run(TemplateError),
    /// The template uses a field that the controller removed and nothing stands for.
    #[error("{0}")]
    Removed(&'static str),
}

impl MessageError {
    /// Whether the template used up what it may use.
    pub fn is_of_limits(&self) -> bool {
        matches!(self, Self::Run(error) if error.is_of_limits())
    }

    /// Whether a function refused the data, so that other data may pass.
    pub fn is_of_data(&self) -> bool {
        matches!(self, Self::Run(error) if error.is_of_data())
    }

    /// A remark on the error, if there is one.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Parse(error) | Self::Run(error) => error.hint(),
            Self::Removed(_) => None,
        }
    }
}

/// A message template that was read.
#[derive(Clone, Debug)]
pub struct CommitTemplate {
    template: Option<Template>,
    text: String,
}

impl CommitTemplate {
    /// Reads a template; an empty one gives the default message.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        let template = if text.is_empty() {
            None
        } else {
            Some(Template::parse(NAME, text).map_err(MessageError::Parse)?)
        };
        Ok(Self {
            template,
            text: text.to_owned(),
        })
    }

    /// Whether the template mentions `.Updated`, which the controller no longer has.
    pub fn uses_updated(&self) -> bool {
        self.template.is_some() && updated::is_mentioned(&self.text)
    }

    /// The template with `.Updated` rewritten to what the controller has now, as far as its text
    /// tells.
    pub fn rewritten(&self) -> String {
        match &self.template {
            Some(template) => rewrite::rewritten(&self.text, NAME, &template.tree),
            None => String::new(),
        }
    }

    /// The message for some changes. Bytes that are not UTF-8, which only a template that cuts
    /// characters in two can make, are replaced.
    pub fn render(&self, data: &CommitData) -> Result<String, MessageError> {
        self.render_within(data, Limits::default())
    }

    /// The message within limits.
    pub fn render_within(&self, data: &CommitData, limits: Limits) -> Result<String, MessageError> {
        let Some(template) = &self.template else {
            return Ok(DEFAULT_MESSAGE.to_owned());
        };
        let run = |with_updated| template.render_within(data::root(data, with_updated), limits);
        // The controllers' data first, so that everything that works there gives the same here.
        let result = match run(false) {
            Err(error) if error.to_string().contains(REMOVED_UPDATED) => run(true),
            result => result,
        };
        match result {
            Ok(message) => Ok(String::from_utf8(message)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())),
            Err(error) if error.to_string().contains(REMOVED_RESULT_ERROR) => {
                Err(MessageError::Removed(REMOVED_RESULT))
            }
            Err(error) => Err(MessageError::Run(error)),
        }
    }
}

//! Why a login cannot be prepared: the object's mistake, or this person's missing right.

use crate::model::Failure;
use crate::ports::ObjectsError;

/// Why a login cannot be prepared.
#[derive(Debug)]
pub(in crate::ops) struct Refusal {
    /// The controller's text.
    message: String,
    /// The API server did not let this person read what is needed.
    local: bool,
}

impl Refusal {
    /// As a failure with the controller's reason; `prefix` stands before the text.
    pub(in crate::ops) fn into_failure(self, reason: &'static str, prefix: &str) -> Failure {
        Failure {
            local: self.local,
            ..Failure::new(reason, format!("{prefix}{}", self.message))
        }
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self {
            message,
            local: false,
        }
    }
}

impl From<ObjectsError> for Refusal {
    fn from(error: ObjectsError) -> Self {
        Self {
            message: error.to_string(),
            local: true,
        }
    }
}

//! The error of a command: what kind it is, what failed, what to do next.
//!
//! For: deciding kind and hint of every lower error once.
//! Refuses: to print; `exit` does.

use std::error::Error as StdError;

use crate::ports::{ObjectsError, WorktreeError};

/// How an error ends the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line is wrong: exit code 2.
    Usage,
    /// The work failed: exit code 1.
    Failed,
    /// Ctrl-C: exit code 130.
    Interrupted,
    /// A defect of this program: exit code 1 and a request to report it.
    Internal,
}

/// The error of a command.
#[derive(Debug)]
pub struct CommandError {
    /// The kind.
    pub kind: ErrorKind,
    /// What was attempted, on which object.
    pub message: String,
    /// Causes, outermost first.
    pub causes: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
    /// Mistakes of the same call, which are told before this one.
    pub earlier: Vec<CommandError>,
    /// Already printed piece by piece, so that only the exit code is left.
    pub printed: bool,
}

/// The mistakes of one call, collected so that each is told: nobody wants to mend one after the other.
#[derive(Debug, Default)]
pub struct Mistakes(Vec<CommandError>);

impl Mistakes {
    /// The value of a check, or its default beside a mistake.
    pub fn value<T: Default>(&mut self, checked: Result<T, CommandError>) -> T {
        checked.unwrap_or_else(|mistake| {
            self.0.push(mistake);
            T::default()
        })
    }

    /// Fails if there was any mistake; a wrong use counts most.
    pub fn finish(mut self) -> Result<(), CommandError> {
        let is_usage = |mistake: &CommandError| mistake.kind == ErrorKind::Usage;
        let any_usage = self.0.iter().any(is_usage);
        let Some(mut last) = self.0.pop() else {
            return Ok(());
        };
        if any_usage {
            last.kind = ErrorKind::Usage;
        }
        last.earlier = self.0;
        Err(last)
    }
}

impl CommandError {
    /// A failure of the work.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Ctrl-C, with what was and was not done.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Interrupted, message)
    }

    /// A defect of this program.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// A failure whose parts were printed as they happened.
    pub fn already_printed() -> Self {
        Self {
            printed: true,
            ..Self::failed("")
        }
    }

    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            hints: Vec::new(),
            earlier: Vec::new(),
            printed: false,
        }
    }

    /// Adds the chain of an error as causes.
    #[must_use]
    pub fn caused_by(mut self, error: &(dyn StdError + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            if self.causes.last() != Some(&text) && self.message != text {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The message of an error and its sources as causes.
    fn from_chain(error: &(dyn StdError + 'static)) -> Self {
        Self::failed(error.to_string()).caused_by(error)
    }
}

impl From<ObjectsError> for CommandError {
    fn from(error: ObjectsError) -> Self {
        let hint = match &error {
            ObjectsError::Connection { hint, .. } => hint.clone(),
            ObjectsError::NoKind(_) => Some(
                "the cluster needs Flux's image-reflector-controller and \
                 image-automation-controller (flux install --components-extra=\
                 image-reflector-controller,image-automation-controller)"
                    .to_owned(),
            ),
            ObjectsError::Answer { .. } | ObjectsError::Document { .. } => None,
        };
        let mut command_error = Self::from_chain(&error);
        command_error.hints.extend(hint);
        command_error
    }
}

impl From<WorktreeError> for CommandError {
    fn from(error: WorktreeError) -> Self {
        let mut command_error = Self::from_chain(&error);
        if let WorktreeError::Git { output, .. } = &error {
            command_error
                .causes
                .extend(output.lines().map(str::to_owned));
        }
        if let WorktreeError::Write { left, .. } = &error {
            command_error.causes.extend(
                left.iter()
                    .map(|path| format!("{path} was written and could not be put back")),
            );
        }
        command_error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn every_mistake_of_a_call_is_kept() {
        let mut mistakes = Mistakes::default();
        assert_eq!(mistakes.value(Ok(1)), 1);
        assert_eq!(mistakes.value::<u8>(Err(CommandError::usage("a"))), 0);
        mistakes.value::<()>(Err(CommandError::failed("b")));
        let error = mistakes.finish().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Usage);
        assert_eq!((error.message.as_str(), error.earlier.len()), ("b", 1));
        assert!(Mistakes::default().finish().is_ok());
    }

    #[test]
    fn causes_are_walked_once_each() {
        let error = CommandError::failed("outer").caused_by(&Outer(std::io::Error::other("inner")));
        assert_eq!(error.causes, ["inner"]);
    }
}

//! From low-level failures to the errors of the port.
//!
//! For: saying which server, which step and what the other side said.
//! Refuses: to put a user name, a password or a token into a text.

use std::error::Error as StdError;
use std::io;

use super::limits::Stopped;
use crate::ports::{GitError, GitSource};

/// The server that an operation talks to, as messages show it.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) url: String,
    pub(super) credentials: String,
}

impl Site {
    pub(super) fn new(source: &GitSource) -> Self {
        Self {
            url: source.display_url(),
            credentials: source.credential_source.clone(),
        }
    }

    /// Anything that was read from or sent to the server.
    pub(super) fn failed(&self, action: &'static str, error: io::Error) -> GitError {
        match stopped(&error) {
            Some(Stopped::Timeout(seconds)) => GitError::Timeout {
                action,
                url: self.url.clone(),
                seconds,
            },
            Some(Stopped::Interrupted) => GitError::Interrupted,
            None => GitError::Failed {
                action,
                url: self.url.clone(),
                source: describe(error),
            },
        }
    }

    /// A failure that is only a sentence.
    pub(super) fn refused(&self, action: &'static str, text: impl Into<String>) -> GitError {
        GitError::Failed {
            action,
            url: self.url.clone(),
            source: text.into().into(),
        }
    }

    pub(super) fn unauthorized(&self, answer: String) -> GitError {
        GitError::Unauthorized {
            url: self.url.clone(),
            answer,
            credentials: self.credentials.clone(),
        }
    }

    pub(super) fn forbidden(&self, answer: String) -> GitError {
        GitError::Forbidden {
            url: self.url.clone(),
            answer,
            credentials: self.credentials.clone(),
        }
    }

    pub(super) fn repository_not_found(&self) -> GitError {
        GitError::RepositoryNotFound {
            url: self.url.clone(),
        }
    }
}

/// Looks through the causes of an error, into errors that an [`io::Error`] carries.
pub(super) fn find_cause<'a, T: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn stopped(error: &io::Error) -> Option<Stopped> {
    find_cause::<Stopped>(error).copied()
}

/// Gives the bare "unexpected end of file" the meaning it has here.
fn describe(error: io::Error) -> Box<dyn StdError + Send + Sync> {
    if error.kind() == io::ErrorKind::UnexpectedEof && error.get_ref().is_none() {
        return "the connection was closed before the answer was complete".into();
    }
    error.into()
}

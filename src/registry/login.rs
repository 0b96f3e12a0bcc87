//! What is shown to a registry: nothing, a password, or a token.

use crate::redacted::Redacted;

/// Credentials for one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Credential {
    /// None.
    #[default]
    Anonymous,
    /// User name and password.
    Basic {
        username: String,
        password: Redacted<String>,
    },
    /// A refresh token for the token server.
    Identity {
        /// May be empty.
        username: String,
        token: Redacted<String>,
    },
    /// A bearer token for the registry itself.
    Registry(Redacted<String>),
}

/// Credentials and where they came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) credential: Credential,
    /// For people, for example `secret apps/regcred`.
    pub(super) source: String,
}

impl Login {
    /// No credentials.
    pub(super) fn anonymous() -> Self {
        Self {
            credential: Credential::Anonymous,
            source: ANONYMOUS.to_owned(),
        }
    }

    pub(super) fn is_anonymous(&self) -> bool {
        self.credential == Credential::Anonymous
    }
}

/// The source of no credentials.
pub(super) const ANONYMOUS: &str = "anonymous";

//! Commit identities: who signs, who is named.

use crate::api::CommitUser;
use crate::ports::{Identity, SigningKey};

/// The key of an automation, if it has one.
#[derive(Clone, Debug, Default)]
pub(super) struct Signer(pub(super) Option<SigningKey>);

/// Author and committer as the controller's Git library writes them: `<`, `>` and line breaks are
/// deleted from name and address.
pub(super) fn identity(user: &CommitUser) -> Identity {
    let clean = |text: &str| {
        text.chars()
            .filter(|c| !matches!(c, '<' | '>' | '\n'))
            .collect()
    };
    Identity {
        name: clean(user.name.as_deref().unwrap_or_default()),
        email: clean(&user.email),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angle_brackets_and_line_breaks_are_deleted() {
        let user = CommitUser {
            email: "<a@b>\n".into(),
            name: Some("A <x>".into()),
        };
        assert_eq!(
            identity(&user),
            Identity {
                name: "A x".into(),
                email: "a@b".into()
            }
        );
    }
}

//! Signing commits with keys that are held in memory.
//!
//! For: checking a key before any work is done, and making the signature of a commit.
//! Refuses: to use the keys, agents and programs of the workstation.

mod openpgp;
mod secure_shell;

pub(super) use secure_shell::{KeyFailure, read_private_key};

use std::io;

use crate::ports::{GitError, SigningKey};

/// Checks that a key can be read, unlocked and used. `secret` names the Secret in messages.
pub(super) fn check(key: &SigningKey, secret: &str) -> Result<(), GitError> {
    match key {
        SigningKey::OpenPgp {
            armored,
            passphrase,
        } => openpgp::check(armored.expose(), passphrase.as_ref(), secret),
        SigningKey::Ssh {
            identity,
            passphrase,
        } => secure_shell::check(identity.expose(), passphrase.as_ref(), secret),
    }
    .map_err(GitError::SigningKey)
}

/// Signs; gives the armored signature.
pub(super) fn sign(key: &SigningKey, data: &[u8]) -> io::Result<String> {
    match key {
        SigningKey::OpenPgp {
            armored,
            passphrase,
        } => openpgp::sign(armored.expose(), passphrase.as_ref(), data),
        SigningKey::Ssh {
            identity,
            passphrase,
        } => secure_shell::sign(identity.expose(), passphrase.as_ref(), data),
    }
    .map_err(io::Error::other)
}

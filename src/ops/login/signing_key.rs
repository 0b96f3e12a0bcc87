//! Keys that commits are signed with.

use super::secret;
use crate::api::ImageUpdateAutomation;
use crate::model::Failure;
use crate::ports::{GitHost, Objects, SigningKey};
use crate::redacted::Redacted;

/// The signing key of an automation, checked before anything is fetched.
pub(in crate::ops) async fn signing_key(
    objects: &dyn Objects,
    git: &dyn GitHost,
    update: &ImageUpdateAutomation,
) -> Result<Option<SigningKey>, Failure> {
    const PREFIX: &str = "failed configuring source manager: ";
    let fail = |message: String| Failure::new("SourceManagerFailed", format!("{PREFIX}{message}"));
    let Some(spec) = update
        .spec
        .git
        .as_ref()
        .and_then(|git| git.commit.signing_key.as_ref())
    else {
        return Ok(None);
    };
    let name = &spec.secret_ref.name;
    let secret = secret(objects, &update.metadata.namespace, name)
        .await
        .map_err(|refusal| {
            let prefix = format!("{PREFIX}could not find signing key secret '{name}': ");
            refusal.into_failure("SourceManagerFailed", &prefix)
        })?;
    let bytes = |key: &str, article: &str| {
        secret
            .bytes(key)
            .map(<[u8]>::to_vec)
            .map(Redacted::new)
            .ok_or_else(|| {
                fail(format!(
                    "signing key secret '{name}' does not contain {article} '{key}' key"
                ))
            })
    };
    let passphrase = |key: &str| {
        secret
            .text(key)
            .map(|passphrase| Redacted::new(passphrase.to_owned()))
    };
    let key = match spec.kind.as_deref() {
        None | Some("" | "gpg") => SigningKey::OpenPgp {
            armored: bytes("git.asc", "a")?,
            passphrase: passphrase("passphrase"),
        },
        Some("ssh") => SigningKey::Ssh {
            identity: bytes("identity", "an")?,
            passphrase: passphrase("password"),
        },
        Some(other) => return Err(fail(format!("unknown signing key type \"{other}\""))),
    };
    git.check_signing_key(&key, name)
        .map_err(|error| fail(error.to_string()))?;
    Ok(Some(key))
}

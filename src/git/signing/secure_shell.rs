//! SSH keys.
//!
//! For: reading private keys in the forms that Go reads (OpenSSH, PKCS#1, PKCS#8, SEC1), and the
//! `git` namespace signature.
//! Refuses: RSA keys below 2048 bits, which no verifier accepts any more.

use russh::keys::ssh_key::private::KeypairData;
use russh::keys::ssh_key::{HashAlg, LineEnding, PrivateKey};

use crate::redacted::Redacted;

/// What `ssh-keygen -Y verify -n git` expects.
const NAMESPACE: &str = "git";

/// The smallest RSA modulus, in bits.
const SMALLEST_RSA: usize = 2048;

/// Why a private key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::git) enum KeyFailure {
    /// It is protected and no passphrase is given.
    NeedsPassphrase,
    /// Anything else, in words.
    Text(String),
}

/// Reads and unlocks a private key.
pub(in crate::git) fn read_private_key(
    identity: &[u8],
    passphrase: Option<&Redacted<String>>,
) -> Result<PrivateKey, KeyFailure> {
    let text = std::str::from_utf8(identity)
        .map_err(|_| KeyFailure::Text("ssh: no key found".to_owned()))?;
    // The reader looks for the lines as they are.
    let text: Vec<&str> = text.lines().map(str::trim).collect();
    let text = text.join("\n");
    if !text.contains("-----BEGIN ") {
        return Err(KeyFailure::Text("ssh: no key found".to_owned()));
    }
    let passphrase = passphrase
        .map(|passphrase| passphrase.expose().as_str())
        .filter(|passphrase| !passphrase.is_empty());
    let encrypted_pkcs8 = text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----");
    let protected = encrypted_pkcs8 || text.contains("Proc-Type: 4,ENCRYPTED");
    if protected && passphrase.is_none() {
        return Err(KeyFailure::NeedsPassphrase);
    }
    let plain_pkcs8 = !protected && !text.contains("OPENSSH PRIVATE KEY");
    let key = russh::keys::decode_secret_key(&text, passphrase.filter(|_| !plain_pkcs8)).map_err(
        |error| match error {
            russh::keys::Error::KeyIsEncrypted => KeyFailure::NeedsPassphrase,
            russh::keys::Error::SshKey(russh::keys::ssh_key::Error::Crypto) => {
                KeyFailure::Text("x509: decryption password incorrect".to_owned())
            }
            _ if protected => KeyFailure::Text("x509: decryption password incorrect".to_owned()),
            error => KeyFailure::Text(format!("ssh: {error}")),
        },
    )?;
    if let KeypairData::Rsa(pair) = key.key_data() {
        let bits = pair.public().key_size();
        if (bits as usize) < SMALLEST_RSA {
            return Err(KeyFailure::Text(format!(
                "RSA key size {bits} bits is below the minimum of {SMALLEST_RSA} bits"
            )));
        }
    }
    Ok(key)
}

pub(super) fn check(
    identity: &[u8],
    passphrase: Option<&Redacted<String>>,
    secret: &str,
) -> Result<(), String> {
    read_private_key(identity, passphrase)
        .map(|_| ())
        .map_err(|failure| match failure {
            KeyFailure::NeedsPassphrase => format!(
                "can not use passphrase protected signing key without 'password' field present in secret {secret}"
            ),
            KeyFailure::Text(text) => format!(
                "could not parse SSH signing key from secret '{secret}': could not parse SSH signing key: {text}"
            ),
        })
}

pub(super) fn sign(
    identity: &[u8],
    passphrase: Option<&Redacted<String>>,
    data: &[u8],
) -> Result<String, String> {
    let key = read_private_key(identity, passphrase).map_err(|failure| match failure {
        KeyFailure::NeedsPassphrase => "the signing key is protected by a passphrase".to_owned(),
        KeyFailure::Text(text) => text,
    })?;
    key.sign(NAMESPACE, HashAlg::Sha512, data)
        .and_then(|signature| signature.to_pem(LineEnding::LF))
        .map_err(|error| format!("ssh: {error}"))
}

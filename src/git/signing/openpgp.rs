//! OpenPGP keys.
//!
//! For: choosing the key that signs (a subkey, where there is one) and unlocking it.
//! Refuses: a block that holds several keys, or only a public one.

use pgp::composed::{
    ArmorOptions, Deserializable as _, DetachedSignature, SignedPublicKey, SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType};
use pgp::types::{KeyDetails as _, Password, SecretParams, SigningKey, Timestamp};

use crate::redacted::Redacted;

/// The key that signs.
enum Signer<'a> {
    Primary(&'a pgp::packet::SecretKey),
    Subkey(&'a pgp::packet::SecretSubkey),
}

impl Signer<'_> {
    fn is_encrypted(&self) -> bool {
        let parameters = match self {
            Self::Primary(key) => key.secret_params(),
            Self::Subkey(key) => key.secret_params(),
        };
        matches!(parameters, SecretParams::Encrypted(_))
    }

    fn unlocks(&self, password: &Password) -> bool {
        let unlocked = match self {
            Self::Primary(key) => key.unlock(password, |_, _| Ok(())),
            Self::Subkey(key) => key.unlock(password, |_, _| Ok(())),
        };
        matches!(unlocked, Ok(Ok(())))
    }

    fn key(&self) -> &dyn SigningKey {
        match self {
            Self::Primary(key) => *key,
            Self::Subkey(key) => *key,
        }
    }
}

/// Why no key can be had.
enum Unreadable {
    Text(String),
    Several,
    OnlyPublic,
}

fn read(armored: &[u8]) -> Result<SignedSecretKey, Unreadable> {
    let text = String::from_utf8_lossy(armored);
    if !text.contains("-----BEGIN PGP") {
        return Err(Unreadable::Text(
            "openpgp: invalid argument: no armored data found".to_owned(),
        ));
    }
    let unreadable = |error: pgp::errors::Error| Unreadable::Text(error.to_string());
    // A second block in the same text is not looked at, as in the controller.
    let keys = SignedSecretKey::from_armor_many(armored)
        .map_err(unreadable)
        .and_then(|(keys, _)| keys.collect::<Result<Vec<_>, _>>().map_err(unreadable));
    let mut keys = match keys {
        Ok(keys) => keys,
        Err(_) if SignedPublicKey::from_armor_single(armored).is_ok() => {
            return Err(Unreadable::OnlyPublic);
        }
        Err(error) => return Err(error),
    };
    if keys.len() > 1 {
        return Err(Unreadable::Several);
    }
    keys.pop()
        .ok_or_else(|| Unreadable::Text("openpgp: the block holds no key".to_owned()))
}

/// The newest of a key's self-signatures.
fn newest<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<&'a Signature> {
    signatures
        .filter(|signature| {
            !matches!(
                signature.typ(),
                Some(SignatureType::SubkeyRevocation | SignatureType::KeyRevocation)
            )
        })
        .max_by_key(|signature| signature.created().map_or(0, Timestamp::as_secs))
}

fn expired(signature: &Signature, created: Timestamp, now: Timestamp) -> bool {
    signature
        .key_expiration_time()
        .map(pgp::types::Duration::as_secs)
        .filter(|valid| *valid > 0)
        .is_some_and(|valid| {
            u64::from(created.as_secs()) + u64::from(valid) <= u64::from(now.as_secs())
        })
}

/// The newest subkey that may sign, else the primary key when it may.
fn signer(key: &SignedSecretKey) -> Option<Signer<'_>> {
    let now = Timestamp::now();
    let subkey = key
        .secret_subkeys
        .iter()
        .filter(|subkey| {
            let revoked = subkey
                .signatures
                .iter()
                .any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation));
            newest(subkey.signatures.iter()).is_some_and(|binding| {
                !revoked
                    && binding.key_flags().sign()
                    && !expired(binding, subkey.key.created_at(), now)
            })
        })
        .max_by_key(|subkey| subkey.key.created_at().as_secs());
    if let Some(subkey) = subkey {
        return Some(Signer::Subkey(&subkey.key));
    }
    let own = key.details.users.iter().flat_map(|user| &user.signatures);
    let own = newest(own.chain(&key.details.direct_signatures));
    let may_sign = key.details.revocation_signatures.is_empty()
        && own.is_none_or(|own| {
            let flags = own.key_flags();
            let any = flags.sign() || flags.certify() || flags.encrypt_comms();
            (flags.sign() || !any) && !expired(own, key.primary_key.created_at(), now)
        });
    may_sign.then_some(Signer::Primary(&key.primary_key))
}

const NO_PRIVATE_KEY: &str = "openpgp: invalid argument: signing key doesn't have a private key";
const NO_SIGNER: &str = "openpgp: invalid argument: no valid signing keys";

fn password(passphrase: Option<&Redacted<String>>) -> Password {
    match passphrase {
        Some(passphrase) => Password::from(passphrase.expose().as_str()),
        None => Password::empty(),
    }
}

pub(super) fn check(
    armored: &[u8],
    passphrase: Option<&Redacted<String>>,
    secret: &str,
) -> Result<(), String> {
    let key = read(armored).map_err(|unreadable| match unreadable {
        Unreadable::Text(text) => {
            format!("could not read signing key from secret '{secret}': {text}")
        }
        Unreadable::Several => format!(
            "multiple entities read from secret '{secret}', could not determine which signing key to use"
        ),
        Unreadable::OnlyPublic => format!(
            "could not read signing key from secret '{secret}': {NO_PRIVATE_KEY}"
        ),
    })?;
    let signer = signer(&key)
        .ok_or_else(|| format!("could not read signing key from secret '{secret}': {NO_SIGNER}"))?;
    if signer.is_encrypted() && passphrase.is_none_or(|passphrase| passphrase.expose().is_empty()) {
        return Err(format!(
            "can not use passphrase protected signing key without 'passphrase' field present in secret {secret}"
        ));
    }
    if signer.is_encrypted() && !signer.unlocks(&password(passphrase)) {
        return Err(format!(
            "could not decrypt private key of the signing key present in secret {secret}: openpgp: invalid data: private key checksum failure"
        ));
    }
    Ok(())
}

pub(super) fn sign(
    armored: &[u8],
    passphrase: Option<&Redacted<String>>,
    data: &[u8],
) -> Result<String, String> {
    let key = read(armored).map_err(|unreadable| match unreadable {
        Unreadable::Text(text) => text,
        Unreadable::Several => "several signing keys".to_owned(),
        Unreadable::OnlyPublic => NO_PRIVATE_KEY.to_owned(),
    })?;
    let signer = signer(&key).ok_or(NO_SIGNER)?;
    // SHA-256 as the controller uses it, but for curves that ask for more.
    let hash = match signer.key().hash_alg() {
        stronger @ (HashAlgorithm::Sha384 | HashAlgorithm::Sha512) => stronger,
        _ => HashAlgorithm::Sha256,
    };
    DetachedSignature::sign_binary_data(
        rand::thread_rng(),
        &Box::new(signer.key()),
        &password(passphrase),
        hash,
        data,
    )
    .and_then(|signature| signature.to_armored_string(ArmorOptions::default()))
    .map_err(|error| format!("openpgp: {error}"))
}

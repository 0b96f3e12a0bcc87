//! From the Secrets that objects name to settings of a connection.
//!
//! Source of keys, rules and texts: image-reflector-controller (`internal/controller`, fluxcd/pkg
//! `runtime/secrets`) for registries, image-automation-controller (`internal/source`, fluxcd/pkg
//! `git`) for Git.
//! Refuses: to show a secret, and to run a helper that a Secret names.

mod git;
mod refusal;
mod registry;
mod signing_key;
mod url;

use crate::api::{Kind, LocalReference, ReadObject, Secret};
use crate::key::NamespacedName;
use crate::ports::{Objects, ProxySettings};
use crate::redacted::Redacted;

pub(super) use git::for_git;
use refusal::Refusal;
pub(super) use registry::{RegistryLogin, for_registry};
pub(super) use signing_key::signing_key;

/// Longest proxy address.
const PROXY_ADDRESS_LIMIT: usize = 2048;

fn named(reference: Option<&LocalReference>) -> Option<&str> {
    reference
        .map(|reference| reference.name.as_str())
        .filter(|name| !name.is_empty())
}

/// `proxySecretRef`.
fn proxy(secret: &Secret) -> Result<ProxySettings, String> {
    let key = secret.metadata.key();
    let address = secret
        .text("address")
        .ok_or_else(|| format!("secret '{key}': key 'address' not found"))?;
    if address.is_empty() {
        return Err(format!("secret '{key}': proxy address is empty"));
    }
    if address.len() > PROXY_ADDRESS_LIMIT {
        return Err(format!(
            "secret '{key}': proxy address is longer than {PROXY_ADDRESS_LIMIT} characters"
        ));
    }
    let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
    if !matches!(scheme, "http" | "https" | "socks5") {
        return Err(format!(
            "proxy URL must use one of the supported schemes (http, https, socks5), got '{scheme}'"
        ));
    }
    Ok(ProxySettings {
        address: address.to_owned(),
        username: secret
            .text("username")
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
        password: secret
            .text("password")
            .filter(|password| !password.is_empty())
            .map(|password| Redacted::new(password.to_owned())),
    })
}

/// A Secret that an object names; the error is the API server's text.
async fn secret(objects: &dyn Objects, namespace: &str, name: &str) -> Result<Secret, Refusal> {
    let key = NamespacedName::new(namespace, name);
    let value = objects
        .get(Kind::Secret, &key)
        .await?
        .ok_or_else(|| format!("secrets \"{name}\" not found"))?;
    Ok(read_secret(&value)?)
}

fn read_secret(value: &serde_json::Value) -> Result<Secret, String> {
    let secret = Secret::read(value).map_err(|error| {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", source.unwrap_or_default())
    })?;
    if secret.sops {
        return Err(format!(
            "secret '{}' is encrypted with SOPS; decrypt it first, for example with 'sops -d'",
            secret.metadata.key()
        ));
    }
    Ok(secret)
}

/// A client certificate and its key.
type ClientPair = (Vec<u8>, Redacted<Vec<u8>>);

/// A certificate and the key that belongs to it. One without the other is the controller's error.
fn pair(
    secret: &Secret,
    certificate: Option<&[u8]>,
    key: Option<&[u8]>,
) -> Result<Option<ClientPair>, String> {
    let name = secret.metadata.key();
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            Ok(Some((certificate.to_vec(), Redacted::new(key.to_vec()))))
        }
        (Some(_), None) => Err(format!(
            "secret '{name}' contains 'tls.crt' but missing 'tls.key'"
        )),
        (None, Some(_)) => Err(format!(
            "secret '{name}' contains 'tls.key' but missing 'tls.crt'"
        )),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A Secret for the tests of this module and its parts.
    pub(super) fn secret(kind: &str, data: &Value) -> Secret {
        Secret::read(&json!({
            "metadata": {"name": "s", "namespace": "n"}, "type": kind, "stringData": data,
        }))
        .unwrap()
    }

    #[test]
    fn proxies_are_checked() {
        let error = |data: Value| proxy(&secret("Opaque", &data)).unwrap_err();
        assert_eq!(error(json!({})), "secret 'n/s': key 'address' not found");
        assert_eq!(
            error(json!({"address": ""})),
            "secret 'n/s': proxy address is empty"
        );
        assert!(error(json!({"address": "ftp://x"})).ends_with("got 'ftp'"));
    }
}

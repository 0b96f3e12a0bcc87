//! Core objects that Flux objects name: `Secret`, `ServiceAccount`, `Namespace`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::meta::{ApiError, ReadObject, null_is_default, part};
use super::{Kind, LocalReference, Metadata};
use crate::redacted::Redacted;

/// A `Secret`, decoded.
#[derive(Clone, Debug, Default)]
pub struct Secret {
    /// Metadata.
    pub metadata: Metadata,
    /// The `type` field, for example `kubernetes.io/dockerconfigjson`.
    pub kind: String,
    /// `data` decoded from base64, overlaid with `stringData`.
    pub data: BTreeMap<String, Redacted<Vec<u8>>>,
    /// Whether the object holds a `sops` block, so that its values are still encrypted.
    pub sops: bool,
}

impl Secret {
    /// The bytes under a key.
    pub fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.data.get(key).map(|value| value.expose().as_slice())
    }

    /// The text under a key; bytes that are not UTF-8 read as absent.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.bytes(key)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

impl ReadObject for Secret {
    const KIND: Kind = Kind::Secret;

    fn read(value: &Value) -> Result<Self, ApiError> {
        let encoded: BTreeMap<String, String> = part(Kind::Secret, value, "data")?;
        let plain: BTreeMap<String, String> = part(Kind::Secret, value, "stringData")?;
        let mut data: BTreeMap<String, Redacted<Vec<u8>>> = BTreeMap::new();
        let sops = value.get("sops").is_some_and(|sops| !sops.is_null());
        for (key, text) in encoded {
            let compact: String = text.split_ascii_whitespace().collect();
            // The value itself must not reach the message, so the decoder's error is left out.
            match STANDARD.decode(compact) {
                Ok(bytes) => {
                    data.insert(key, Redacted::new(bytes));
                }
                Err(_) if sops => {}
                Err(_) => {
                    let text = format!("key {key:?} is not base64");
                    return Err(ApiError {
                        kind: Kind::Secret.name(),
                        key: value["metadata"]["name"]
                            .as_str()
                            .unwrap_or_default()
                            .to_owned(),
                        field: "data",
                        source: serde::de::Error::custom(text),
                    });
                }
            }
        }
        for (key, text) in plain {
            data.insert(key, Redacted::new(text.into_bytes()));
        }
        Ok(Self {
            metadata: part(Kind::Secret, value, "metadata")?,
            kind: value["type"].as_str().unwrap_or_default().to_owned(),
            data,
            sops,
        })
    }
}

/// A `ServiceAccount`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceAccount {
    /// Metadata.
    pub metadata: Metadata,
    /// Pull secrets, in order.
    #[serde(deserialize_with = "null_is_default")]
    pub image_pull_secrets: Vec<LocalReference>,
}

impl ReadObject for ServiceAccount {
    const KIND: Kind = Kind::ServiceAccount;

    fn read(value: &Value) -> Result<Self, ApiError> {
        Ok(Self {
            metadata: part(Kind::ServiceAccount, value, "metadata")?,
            image_pull_secrets: part(Kind::ServiceAccount, value, "imagePullSecrets")?,
        })
    }
}

/// A `Namespace`, for its labels.
#[derive(Clone, Debug, Default)]
pub struct Namespace {
    /// Metadata.
    pub metadata: Metadata,
}

impl ReadObject for Namespace {
    const KIND: Kind = Kind::Namespace;

    fn read(value: &Value) -> Result<Self, ApiError> {
        Ok(Self {
            metadata: part(Kind::Namespace, value, "metadata")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn string_data_wins_over_data_and_nothing_is_shown() {
        let secret = Secret::read(&json!({
            "metadata": {"name": "s"},
            "data": {"a": "b2xk", "b": "Yg=="},
            "stringData": {"a": "new"},
        }))
        .unwrap();
        assert_eq!(secret.text("a"), Some("new"));
        assert_eq!(secret.text("b"), Some("b"));
        assert!(!format!("{secret:?}").contains("new"));
    }

    #[test]
    fn bad_base64_names_the_key_and_not_the_value() {
        let error = Secret::read(&json!({"metadata": {"name": "s"}, "data": {"k": "%%%"}}))
            .expect_err("not base64");
        let text = format!("{error}: {}", std::error::Error::source(&error).unwrap());
        assert!(text.contains("\"k\"") && !text.contains("%%%"), "{text}");
    }
}

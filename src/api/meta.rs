//! Metadata, conditions and the generic object.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use thiserror::Error;

use super::Kind;
use crate::key::NamespacedName;

/// The part of `metadata` that this tool looks at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Namespace; empty until the reader fills it in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Labels.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub annotations: BTreeMap<String, String>,
    /// Generation of the spec; 0 in files.
    #[serde(skip_serializing_if = "is_zero")]
    pub generation: i64,
    /// Version of the stored object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
    /// RFC 3339 time of creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// RFC 3339 time of deletion, while finalizers hold the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<String>,
    /// Finalizers.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub finalizers: Vec<String>,
    /// Who wrote which fields.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub managed_fields: Vec<ManagedField>,
}

impl Metadata {
    /// The object's key.
    pub fn key(&self) -> NamespacedName {
        NamespacedName::new(&self.namespace, &self.name)
    }
}

/// One entry of `metadata.managedFields`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagedField {
    /// Name of the writer.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// Empty, or `status`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
    /// The fields, in the API server's own notation.
    #[serde(rename = "fieldsV1", skip_serializing_if = "Value::is_null")]
    pub fields: Value,
}

/// A status condition (`metav1.Condition`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// `Ready`, `Reconciling` or `Stalled`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Generation the condition was written for.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// RFC 3339 time of the last change of status, reason or message.
    pub last_transition_time: String,
    /// One word.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// A reference to an object of the same namespace, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalReference {
    /// Name of the object.
    #[serde(default)]
    pub name: String,
}

impl LocalReference {
    /// A reference to `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

/// An object with typed `spec` and `status`, and everything else as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object<S, T> {
    /// The `apiVersion` it was read with.
    pub api_version: String,
    /// Metadata.
    pub metadata: Metadata,
    /// Wanted state.
    pub spec: S,
    /// Stored status.
    pub status: T,
    /// The whole object as read, unknown fields included.
    pub raw: Value,
}

impl<S, T> Object<S, T> {
    /// The object's key.
    pub fn key(&self) -> NamespacedName {
        self.metadata.key()
    }

    /// The version part of `apiVersion`, for example `v1beta2`.
    pub fn version(&self) -> &str {
        self.api_version.rsplit('/').next().unwrap_or_default()
    }
}

/// Why a value is not an object of the expected kind.
#[derive(Debug, Error)]
#[error("{kind} {key}: field {field} cannot be read")]
pub struct ApiError {
    /// The kind asked for.
    pub kind: &'static str,
    /// `namespace/name`, as far as known.
    pub key: String,
    /// `metadata`, `spec` or `status`.
    pub field: &'static str,
    /// What the decoder says.
    #[source]
    pub source: serde_json::Error,
}

/// Kinds that can be read from a JSON value.
pub trait ReadObject: Sized {
    /// The kind.
    const KIND: Kind;
    /// Reads the value. Fields that are unknown are kept, fields of another type are an error that
    /// names them.
    fn read(value: &Value) -> Result<Self, ApiError>;
}

/// Reads the three typed parts of an object; for the implementations of [`ReadObject`].
pub(super) fn read_parts<S, T>(kind: Kind, value: &Value) -> Result<Object<S, T>, ApiError>
where
    S: DeserializeOwned + Default,
    T: DeserializeOwned + Default,
{
    let metadata: Metadata = part(kind, value, "metadata")?;
    Ok(Object {
        api_version: value["apiVersion"].as_str().unwrap_or_default().to_owned(),
        metadata,
        spec: part(kind, value, "spec")?,
        status: part(kind, value, "status")?,
        raw: value.clone(),
    })
}

/// Reads one top-level field; absent and null read as the default.
pub(super) fn part<T: DeserializeOwned + Default>(
    kind: Kind,
    value: &Value,
    field: &'static str,
) -> Result<T, ApiError> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(part) => T::deserialize(part).map_err(|source| ApiError {
            kind: kind.name(),
            key: NamespacedName::new(
                value["metadata"]["namespace"].as_str().unwrap_or_default(),
                value["metadata"]["name"].as_str().unwrap_or_default(),
            )
            .to_string(),
            field,
            source,
        }),
    }
}

/// Reads `null` as the type's default, as Go does for maps and slices.
pub(super) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

macro_rules! read_object {
    ($type:ty, $kind:expr) => {
        impl super::meta::ReadObject for $type {
            const KIND: super::Kind = $kind;
            fn read(value: &serde_json::Value) -> Result<Self, super::meta::ApiError> {
                super::meta::read_parts($kind, value)
            }
        }
    };
}
pub(super) use read_object;

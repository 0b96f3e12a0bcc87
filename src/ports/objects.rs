//! Where objects are: a cluster or files.

use async_trait::async_trait;
use serde_json::Value;
use thiserror::Error;

use crate::api::Kind;
use crate::key::NamespacedName;

/// Which objects of a kind a list returns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectScope {
    /// One namespace, or all.
    pub namespace: Option<String>,
    /// Label selector in kubectl's notation.
    pub labels: Option<String>,
    /// Field selector in kubectl's notation.
    pub fields: Option<String>,
}

/// Why objects could not be read or written.
#[derive(Debug, Error)]
pub enum ObjectsError {
    /// An answer of the API server, in kubectl's sentence, or the problem with a file.
    #[error("{message}")]
    Answer {
        /// The sentence.
        message: String,
        /// `Status.reason`, for example `NotFound`, `Forbidden`, `Conflict`, `AlreadyExists`.
        reason: String,
        /// HTTP status; 0 for files.
        code: u16,
    },
    /// The server does not know the kind in any version that this tool reads.
    #[error("the server doesn't have a resource type {0:?}")]
    NoKind(&'static str),
    /// No connection, or no configuration for one.
    #[error("{message}")]
    Connection {
        /// The sentence.
        message: String,
        /// What to do next, if known.
        hint: Option<String>,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A document that cannot be read.
    #[error("{place}: {message}")]
    Document {
        /// `file:line:column`.
        place: String,
        /// What is wrong.
        message: String,
    },
}

/// Reading objects.
#[async_trait]
pub trait Objects: Send + Sync {
    /// One object, as stored, or `None`.
    async fn get(&self, kind: Kind, key: &NamespacedName) -> Result<Option<Value>, ObjectsError>;

    /// The objects of a kind, by namespace and name.
    async fn list(&self, kind: Kind, scope: &ObjectScope) -> Result<Vec<Value>, ObjectsError>;

    /// Where a person finds the object: `file:line`, or nothing for a cluster.
    fn place(&self, _kind: Kind, _key: &NamespacedName) -> Option<String> {
        None
    }
}

/// How a patch is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchKind {
    /// JSON merge patch.
    Merge,
    /// JSON merge patch of the status subresource.
    Status,
}

/// Options of a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// `fieldManager`.
    pub field_manager: String,
    /// `dryRun=All`.
    pub dry_run: bool,
}

/// Writing objects; only a cluster can.
#[async_trait]
pub trait Cluster: Objects {
    /// Creates an object.
    async fn create(
        &self,
        kind: Kind,
        object: &Value,
        options: &WriteOptions,
    ) -> Result<Value, ObjectsError>;

    /// Replaces an object; the value carries the resourceVersion it was read with.
    async fn replace(
        &self,
        kind: Kind,
        object: &Value,
        options: &WriteOptions,
    ) -> Result<Value, ObjectsError>;

    /// Patches an object.
    async fn patch(
        &self,
        kind: Kind,
        key: &NamespacedName,
        patch: &Value,
        patch_kind: PatchKind,
        options: &WriteOptions,
    ) -> Result<Value, ObjectsError>;

    /// Deletes an object.
    async fn delete(
        &self,
        kind: Kind,
        key: &NamespacedName,
        options: &WriteOptions,
    ) -> Result<(), ObjectsError>;
}

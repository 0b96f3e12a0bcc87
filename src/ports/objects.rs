//! Where objects are: a cluster or files.

use std::ops::ControlFlow;
use std::sync::Arc;

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
#[derive(Clone, Debug, Error)]
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
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
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

/// Takes the JSON text of one object after the other.
pub type TextVisitor<'v> = dyn for<'t> FnMut(&'t [u8]) + Send + 'v;

/// Takes one change after the other until it has enough.
pub type ChangeVisitor<'v> = dyn FnMut(ObjectChange) -> ControlFlow<()> + Send + 'v;

/// Reading objects.
#[async_trait]
pub trait Objects: Send + Sync {
    /// One object, as stored, or `None`.
    async fn get(&self, kind: Kind, key: &NamespacedName) -> Result<Option<Value>, ObjectsError>;

    /// The objects of a kind, by namespace and name.
    async fn list(&self, kind: Kind, scope: &ObjectScope) -> Result<Vec<Value>, ObjectsError>;

    /// Hands over the JSON text of each object of a kind, in the order of [`Objects::list`], without
    /// holding them all. After an error, objects may have been handed over already. Returns the
    /// resource version to watch from; empty for files. Items of core kinds come without
    /// `apiVersion` and `kind`.
    async fn list_each(
        &self,
        kind: Kind,
        scope: &ObjectScope,
        visit: &mut TextVisitor<'_>,
    ) -> Result<String, ObjectsError> {
        for object in self.list(kind, scope).await? {
            visit(object.to_string().as_bytes());
        }
        Ok(String::new())
    }

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

/// One change that a watch reports, with the object as it is now (or was, when deleted).
#[derive(Clone, Debug, PartialEq)]
pub enum ObjectChange {
    /// New, or there already when the watch began.
    Added(Value),
    /// Changed.
    Modified(Value),
    /// Gone.
    Deleted(Value),
}

/// Writing and watching objects; only a cluster can.
#[async_trait]
pub trait Cluster: Objects {
    /// The version in which the server has the kind, for example `v1beta2`. Free once anything of
    /// the kind was read.
    async fn version(&self, kind: Kind) -> Result<&'static str, ObjectsError>;

    /// Reports changes until `visit` has enough; the caller sets the deadline by dropping the call.
    /// `from` is the resource version of a list; when empty, what is there comes first, as added. A
    /// watch that the server ends is taken up again.
    async fn watch(
        &self,
        kind: Kind,
        scope: &ObjectScope,
        from: &str,
        visit: &mut ChangeVisitor<'_>,
    ) -> Result<(), ObjectsError>;

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

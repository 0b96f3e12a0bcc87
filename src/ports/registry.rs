//! A container registry: list tags, read a digest.

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use super::{Cancellation, Progress};
use crate::image::{Digest, ImageName};
use crate::redacted::Redacted;

/// CA and client certificate, PEM. Empty means the system's roots and no client certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlsSettings {
    /// Added to the system's roots.
    pub ca: Option<Vec<u8>>,
    /// Client certificate and key.
    pub client: Option<(Vec<u8>, Redacted<Vec<u8>>)>,
}

/// A proxy from a Secret. Replaces the environment's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProxySettings {
    /// `http`, `https` or `socks5` URL.
    pub address: String,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Redacted<String>>,
}

/// `ImageRepository.spec.provider`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Secrets or none.
    #[default]
    Generic,
    /// Amazon ECR.
    Aws,
    /// Azure container registry.
    Azure,
    /// Google artifact registry.
    Gcp,
}

/// A docker configuration that an object names: the text of a `dockerconfigjson` (or the older
/// `dockercfg`) Secret. Helpers named in it are never run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RegistryCredential {
    /// Where it comes from, for people, for example `secret apps/regcred`.
    pub source: String,
    /// The JSON text.
    pub config: Redacted<Vec<u8>>,
    /// Whether it is the older form, a bare map of entries.
    pub legacy: bool,
}

/// One scan. Requests that differ in their limit alone are asked once in a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScanRequest {
    /// The image.
    pub image: ImageName,
    /// Plain http is allowed (https is tried first).
    pub insecure: bool,
    /// Credentials the object names, in order.
    pub credentials: Vec<RegistryCredential>,
    /// Cloud login instead.
    pub provider: Provider,
    /// TLS material.
    pub tls: TlsSettings,
    /// Proxy.
    pub proxy: Option<ProxySettings>,
    /// Limit for login and listing together.
    pub timeout: Duration,
}

/// The tags of one image, in the registry's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagList {
    /// Tags, not deduplicated.
    pub tags: Vec<String>,
    /// Which credentials were used, for people, for example `anonymous` or `secret apps/regcred`.
    pub credentials: String,
    /// Requests that were sent.
    pub requests: u32,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryFailure {
    /// Name resolution, connection, TLS.
    Unreachable,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 429 and retries spent.
    TooManyRequests,
    /// Another status, or an answer that is not a registry's.
    Protocol,
    /// The deadline passed.
    Timeout,
    /// The credentials themselves cannot be read or got.
    Credentials,
    /// The run was interrupted.
    Interrupted,
}

/// Why a registry gave no answer.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct RegistryError {
    /// The kind.
    pub failure: RegistryFailure,
    /// Host, repository, what was answered and which credentials were used. No secrets.
    pub message: String,
    /// What to do next, if known.
    pub hint: Option<String>,
    /// Why.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Registries.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Lists every tag of the image.
    async fn tags(
        &self,
        request: &ScanRequest,
        progress: &dyn Progress,
        cancellation: &Cancellation,
    ) -> Result<TagList, RegistryError>;

    /// The digest of one tag: an index's own digest for images of several platforms.
    async fn digest(&self, request: &ScanRequest, tag: &str) -> Result<Digest, RegistryError>;

    /// Whether a list at hand answers: no login is needed for it, and it holds no digests.
    fn is_list(&self) -> bool {
        false
    }
}

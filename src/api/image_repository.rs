//! `ImageRepository`: which image to scan, and what the last scan found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::meta::{null_is_default, read_object};
use super::{Condition, Kind, LocalReference, Object};

/// An `ImageRepository`.
pub type ImageRepository = Object<ImageRepositorySpec, ImageRepositoryStatus>;

/// `ImageRepository.spec`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageRepositorySpec {
    /// Image without scheme, tag and digest.
    pub image: String,
    /// Time between scans, a Go duration.
    pub interval: String,
    /// Limit for one scan; the interval when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Secret with docker credentials; provider `generic` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,
    /// Secret with a proxy's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalReference>,
    /// Service account whose pull secrets are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Secret with CA and client certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalReference>,
    /// Stops reconciliation.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Namespaces whose policies may refer to this repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_from: Option<AccessFrom>,
    /// Patterns of tags to leave out; absent means `^.*\.sig$`.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub exclusion_list: Vec<String>,
    /// `generic`, `aws`, `azure` or `gcp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Allows plain http.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
}

/// `spec.accessFrom`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessFrom {
    /// Any selector that matches grants access.
    #[serde(deserialize_with = "null_is_default")]
    pub namespace_selectors: Vec<NamespaceSelector>,
}

/// One selector of `spec.accessFrom`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NamespaceSelector {
    /// Labels that must all be there; none matches every namespace.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub match_labels: BTreeMap<String, String>,
}

/// `ImageRepository.status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageRepositoryStatus {
    /// Conditions.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub conditions: Vec<Condition>,
    /// Generation the status belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Image with registry and implied parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical_image_name: Option<String>,
    /// The last successful scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_scan_result: Option<LastScanResult>,
    /// The exclusion list the scan used.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub observed_exclusion_list: Vec<String>,
    /// The last `requestedAt` that was acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// `status.lastScanResult`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LastScanResult {
    /// Checksum of the stored list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Number of tags after exclusion.
    pub tag_count: i64,
    /// RFC 3339 time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan_time: Option<String>,
    /// The ten greatest tags by bytes, descending.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub latest_tags: Vec<String>,
}

read_object!(ImageRepository, Kind::ImageRepository);

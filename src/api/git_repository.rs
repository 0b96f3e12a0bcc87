//! `GitRepository`: the fields that image automation honours.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::meta::read_object;
use super::{Kind, LocalReference, Object};

/// A `GitRepository`. Its status is never read.
pub type GitRepository = Object<GitRepositorySpec, Value>;

/// `GitRepository.spec`, as far as image-automation-controller reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GitRepositorySpec {
    /// `http`, `https` or `ssh` URL.
    pub url: String,
    /// Time between fetches of source-controller; not used here.
    pub interval: String,
    /// Secret with credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,
    /// Secret with a proxy's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalReference>,
    /// `generic`, `aws`, `azure` or `github`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Workload identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Limit for Git operations; 60 s when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// What to check out, unless the automation says otherwise.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<GitRepositoryRef>,
}

/// `GitRepository.spec.ref`. The client's precedence is commit, name, tag, semver, branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GitRepositoryRef {
    /// Branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Range of tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,
    /// Full reference name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Commit id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

read_object!(GitRepository, Kind::GitRepository);

//! `ImagePolicy`: how to choose one tag, and which one was chosen.

use serde::{Deserialize, Serialize};

use super::meta::{null_is_default, read_object};
use super::{Condition, Kind, Object};
use crate::key::NamespacedName;

/// An `ImagePolicy`.
pub type ImagePolicy = Object<ImagePolicySpec, ImagePolicyStatus>;

/// `ImagePolicy.spec`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImagePolicySpec {
    /// The repository whose tags are chosen from.
    pub image_repository_ref: ImageRepositoryRef,
    /// The rule.
    pub policy: ImagePolicyChoice,
    /// Filter and extraction before the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_tags: Option<FilterTags>,
    /// `Never`, `IfNotPresent` or `Always`; absent means `Never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_reflection_policy: Option<String>,
    /// Time between looks at the digest, with `Always` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Stops reconciliation.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
}

/// `spec.imageRepositoryRef`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageRepositoryRef {
    /// Name.
    pub name: String,
    /// Namespace; the policy's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// `spec.policy`: the first of semver, alphabetical and numerical that is set counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImagePolicyChoice {
    /// Highest version inside a range.
    #[serde(rename = "semver", skip_serializing_if = "Option::is_none")]
    pub semver: Option<SemverChoice>,
    /// Last (or first) by bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alphabetical: Option<OrderChoice>,
    /// Greatest (or least) number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numerical: Option<OrderChoice>,
}

/// `spec.policy.semver`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SemverChoice {
    /// The range.
    pub range: String,
}

/// `spec.policy.alphabetical` and `spec.policy.numerical`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderChoice {
    /// `asc` or `desc`; absent means `asc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
}

/// `spec.filterTags`. Both fields are printed once the object is there, as flux does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterTags {
    /// RE2 pattern; empty matches everything.
    pub pattern: String,
    /// What to order by, a Go `Expand` template; empty means the tag.
    pub extract: String,
}

/// `ImagePolicy.status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImagePolicyStatus {
    /// Conditions.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub conditions: Vec<Condition>,
    /// Generation the status belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The chosen image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_ref: Option<ImageRef>,
    /// The image chosen before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_previous_ref: Option<ImageRef>,
    /// `name:tag`, as written before controllers v0.35.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_image: Option<String>,
    /// The last `requestedAt` that was acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

impl ImagePolicyStatus {
    /// The stored choice, whichever field holds it. `latestImage` is split at the last colon behind
    /// the last slash.
    pub fn latest(&self) -> Option<ImageRef> {
        if let Some(latest) = &self.latest_ref {
            return Some(latest.clone());
        }
        let (name, tag) = split_latest_image(self.latest_image.as_deref()?)?;
        Some(ImageRef {
            name: name.to_owned(),
            tag: tag.to_owned(),
            digest: None,
        })
    }
}

/// Name and tag of `status.latestImage`.
pub(super) fn split_latest_image(image: &str) -> Option<(&str, &str)> {
    let slash = image.rfind('/').map_or(0, |at| at + 1);
    let colon = slash + image[slash..].rfind(':')?;
    Some((&image[..colon], &image[colon + 1..]))
}

/// A chosen image: `spec.image` of the repository, tag and perhaps digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageRef {
    /// Image name as `ImageRepository.spec.image` spells it.
    pub name: String,
    /// Tag as the registry spells it.
    pub tag: String,
    /// Digest, when the policy reflects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl std::fmt::Display for ImageRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)?;
        match &self.digest {
            Some(digest) if !digest.is_empty() => write!(f, "@{digest}"),
            _ => Ok(()),
        }
    }
}

impl ImagePolicy {
    /// The repository this policy refers to.
    pub fn repository_key(&self) -> NamespacedName {
        let reference = &self.spec.image_repository_ref;
        let namespace = reference
            .namespace
            .as_deref()
            .filter(|namespace| !namespace.is_empty())
            .unwrap_or(&self.metadata.namespace);
        NamespacedName::new(namespace, &reference.name)
    }
}

read_object!(ImagePolicy, Kind::ImagePolicy);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_latest_image_is_split_behind_the_last_slash() {
        let status = ImagePolicyStatus {
            latest_image: Some("localhost:5000/foo:1.0".into()),
            ..Default::default()
        };
        let latest = status.latest().unwrap();
        assert_eq!(
            (latest.name.as_str(), latest.tag.as_str()),
            ("localhost:5000/foo", "1.0")
        );
    }
}

//! Whether a policy's digest is asked for.

use crate::api::ImageRef;

/// What to do about the digest of a chosen tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DigestReflection {
    /// The policy stores none.
    None,
    /// The stored one stays.
    Keep(String),
    /// Ask the registry.
    Fetch,
}

/// Decides by `spec.digestReflectionPolicy`, the stored choice and the new one.
pub fn reflects_digest(
    policy: Option<&str>,
    stored: Option<&ImageRef>,
    chosen: &ImageRef,
) -> DigestReflection {
    match policy {
        Some("Always") => DigestReflection::Fetch,
        Some("IfNotPresent") => {
            let same = stored.filter(|s| s.name == chosen.name && s.tag == chosen.tag);
            match same
                .and_then(|stored| stored.digest.clone())
                .filter(|digest| !digest.is_empty())
            {
                Some(digest) => DigestReflection::Keep(digest),
                None => DigestReflection::Fetch,
            }
        }
        _ => DigestReflection::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(tag: &str, digest: Option<&str>) -> ImageRef {
        ImageRef {
            name: "a/b".into(),
            tag: tag.into(),
            digest: digest.map(str::to_owned),
        }
    }

    #[test]
    fn a_digest_is_kept_only_for_the_same_tag() {
        let (stored, same, other) = (image("1", Some("d")), image("1", None), image("2", None));
        let decide = |policy, chosen| reflects_digest(policy, Some(&stored), chosen);
        assert_eq!(
            decide(Some("IfNotPresent"), &same),
            DigestReflection::Keep("d".into())
        );
        assert_eq!(
            decide(Some("IfNotPresent"), &other),
            DigestReflection::Fetch
        );
        assert_eq!(decide(Some("Always"), &same), DigestReflection::Fetch);
        assert_eq!(decide(Some("Never"), &same), DigestReflection::None);
        assert_eq!(decide(None, &same), DigestReflection::None);
    }
}

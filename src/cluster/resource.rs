//! Paths and queries of the API, by kind and version.

use std::fmt::Write as _;

use crate::api::Kind;
use crate::key::NamespacedName;
use crate::ports::{ObjectScope, ObjectsError, WriteOptions};

use super::failure::configuration;

/// The collection of a kind in one version, in one namespace or all.
pub(super) fn collection(
    kind: Kind,
    version: &str,
    namespace: Option<&str>,
) -> Result<String, ObjectsError> {
    let root = match kind.group() {
        "" => format!("/api/{version}"),
        group => format!("/apis/{group}/{version}"),
    };
    let plural = kind.plural();
    match namespace.filter(|_| kind != Kind::Namespace) {
        Some(namespace) => Ok(format!(
            "{root}/namespaces/{}/{plural}",
            segment("namespace", namespace)?
        )),
        None => Ok(format!("{root}/{plural}")),
    }
}

/// One object of a kind in one version.
pub(super) fn object(
    kind: Kind,
    version: &str,
    key: &NamespacedName,
) -> Result<String, ObjectsError> {
    let collection = collection(kind, version, Some(&key.namespace))?;
    Ok(format!("{collection}/{}", segment("resource", &key.name)?))
}

/// The query of a list or watch.
pub(super) fn selection(scope: &ObjectScope, further: &[(&str, &str)]) -> String {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    pairs.extend(scope.labels.as_deref().map(|text| ("labelSelector", text)));
    pairs.extend(scope.fields.as_deref().map(|text| ("fieldSelector", text)));
    pairs.extend_from_slice(further);
    query(&pairs)
}

/// The query of a write.
pub(super) fn writing(options: &WriteOptions, further: &[(&str, &str)]) -> String {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    if !options.field_manager.is_empty() {
        pairs.push(("fieldManager", &options.field_manager));
    }
    if options.dry_run {
        pairs.push(("dryRun", "All"));
    }
    pairs.extend_from_slice(further);
    query(&pairs)
}

fn query(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", escape(value)))
        .collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    }
}

/// A name as one part of a path. A name that would lead elsewhere is refused before it is sent.
fn segment(what: &str, name: &str) -> Result<String, ObjectsError> {
    if name.is_empty() {
        return Err(configuration(format!("{what} name may not be empty")));
    }
    if name == "." || name == ".." || name.contains(['/', '%']) {
        return Err(configuration(format!("invalid {what} name {name:?}")));
    }
    Ok(escape(name))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_group_version_namespace_and_resource() {
        let key = NamespacedName::new("apps", "podinfo");
        assert_eq!(
            object(Kind::ImagePolicy, "v1beta2", &key).unwrap(),
            "/apis/image.toolkit.fluxcd.io/v1beta2/namespaces/apps/imagepolicies/podinfo"
        );
        assert_eq!(
            object(Kind::Namespace, "v1", &NamespacedName::new("", "apps")).unwrap(),
            "/api/v1/namespaces/apps"
        );
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        for name in ["", "..", "a/b", "a%2fb"] {
            assert!(object(Kind::Secret, "v1", &NamespacedName::new("apps", name)).is_err());
        }
        let path = object(Kind::Secret, "v1", &NamespacedName::new("apps", "a?b#c")).unwrap();
        assert!(path.ends_with("/a%3Fb%23c"), "{path}");
    }
}

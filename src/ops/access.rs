//! Cross-namespace references: who may read an `ImageRepository` of another namespace.
//!
//! Source: image-reflector-controller, `imagepolicy_controller.go` and fluxcd/pkg `runtime/acl`.

use std::collections::BTreeMap;

use crate::api::ImageRepository;
use crate::key::NamespacedName;

/// Why access is denied; the controller's text.
pub(super) fn denied(
    repository: &ImageRepository,
    policy: &NamespacedName,
    namespace_labels: &BTreeMap<String, String>,
) -> Option<String> {
    let key = repository.key();
    if key.namespace == policy.namespace {
        return None;
    }
    let Some(access) = &repository.spec.access_from else {
        return Some(format!(
            "access denied: '{key}' can't be accessed due to missing ACL labels on 'accessFrom'"
        ));
    };
    let allowed = access.namespace_selectors.iter().any(|selector| {
        selector
            .match_labels
            .iter()
            .all(|(label, value)| namespace_labels.get(label) == Some(value))
    });
    (!allowed).then(|| {
        format!(
            "access denied: '{key}' can't be accessed due to ACL labels mismatch on namespace '{}'",
            policy.namespace
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::ReadObject;

    fn repository(access: &serde_json::Value) -> ImageRepository {
        ImageRepository::read(&json!({
            "metadata": {"name": "r", "namespace": "team-a"},
            "spec": {"image": "a/b", "accessFrom": access},
        }))
        .unwrap()
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn selectors_are_ored_and_labels_anded() {
        let policy = NamespacedName::new("team-b", "p");
        let two = repository(&json!({"namespaceSelectors": [
            {"matchLabels": {"tenant": "x"}}, {"matchLabels": {"tenant": "b", "env": "test"}}]}));
        assert_eq!(
            denied(&two, &policy, &labels(&[("tenant", "b"), ("env", "test")])),
            None
        );
        assert!(denied(&two, &policy, &labels(&[("tenant", "b")])).is_some());
        let any = repository(&json!({"namespaceSelectors": [{}]}));
        assert_eq!(denied(&any, &policy, &labels(&[])), None);
        let none = repository(&json!({"namespaceSelectors": []}));
        assert!(denied(&none, &policy, &labels(&[])).is_some());
    }

    #[test]
    fn the_own_namespace_is_always_allowed() {
        let own = repository(&json!(null));
        assert_eq!(
            denied(&own, &NamespacedName::new("team-a", "p"), &labels(&[])),
            None
        );
        assert!(denied(&own, &NamespacedName::new("team-b", "p"), &labels(&[])).is_some());
    }
}

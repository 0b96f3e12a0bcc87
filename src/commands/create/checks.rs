//! Checks that the kinds share.

use std::collections::BTreeMap;

use crate::duration::GoDuration;
use crate::error::CommandError;

/// flux's rule for names: a DNS label of 2 to 63 characters.
pub(super) fn is_object_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    (2..=63).contains(&bytes.len())
        && bytes.iter().all(inner)
        && bytes.first() != Some(&b'-')
        && bytes.last() != Some(&b'-')
}

/// Labels from `key=value` items; a repeated key takes the last value.
pub(super) fn labels<'i>(
    items: impl IntoIterator<Item = &'i String>,
) -> Result<BTreeMap<String, String>, CommandError> {
    let mut labels = BTreeMap::new();
    for item in items {
        let parts: Vec<&str> = item.split('=').collect();
        let &[key, value] = parts.as_slice() else {
            return Err(CommandError::failed(format!(
                "invalid label format '{item}', must be key=value"
            )));
        };
        let problems = label_key_problems(key);
        if !problems.is_empty() {
            return Err(CommandError::failed(format!(
                "invalid label '{key}': [{}]",
                problems.join(" ")
            )));
        }
        let problems = label_value_problems(value);
        if !problems.is_empty() {
            return Err(CommandError::failed(format!(
                "invalid label value '{value}': [{}]",
                problems.join(" ")
            )));
        }
        labels.insert(key.to_owned(), value.to_owned());
    }
    Ok(labels)
}

const NAME_PATTERN: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must \
    start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', \
    regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/// Kubernetes' reasons against a label key.
fn label_key_problems(key: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let parts: Vec<&str> = key.split('/').collect();
    let name = match parts.as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                problems.push("prefix part must be non-empty".to_owned());
            } else if !is_dns_subdomain(prefix) {
                problems.push(
                    "prefix part a lowercase RFC 1123 subdomain must consist of lower case \
                     alphanumeric characters, '-' or '.', and must start and end with an \
                     alphanumeric character (e.g. 'example.com', regex used for validation is \
                     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                        .to_owned(),
                );
            }
            *name
        }
        _ => {
            return vec![format!(
                "a qualified name {NAME_PATTERN} with an optional DNS subdomain prefix and '/' \
                 (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        problems.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_label_text(name) || name.is_empty() {
        problems.push(format!("name part {NAME_PATTERN}"));
    }
    problems
}

/// Kubernetes' reasons against a label value.
fn label_value_problems(value: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if value.len() > 63 {
        problems.push("must be no more than 63 bytes".to_owned());
    }
    if !is_label_text(value) {
        problems.push(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', \
             '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  \
             or 'my_value',  or '12345', regex used for validation is \
             '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
                .to_owned(),
        );
    }
    problems
}

/// Empty, or letters and digits at both ends with `-`, `_` and `.` between.
fn is_label_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|part| {
            let bytes = part.as_bytes();
            let edge = |byte: Option<&u8>| {
                byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            };
            edge(bytes.first())
                && edge(bytes.last())
                && bytes
                    .iter()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
        })
}

/// An interval as the custom resource definitions take it; `flag` is named in the error.
pub(super) fn interval(flag: &str, duration: GoDuration) -> Result<String, CommandError> {
    let text = duration.to_string();
    if duration.fits_interval_pattern() {
        return Ok(text);
    }
    Err(CommandError::failed(format!(
        "invalid value \"{text}\" for {flag}: the API server accepts positive durations in ms, s, \
         m and h only"
    )))
}

/// A timeout as the custom resource definitions take it: no hours.
pub(super) fn timeout(flag: &str, duration: GoDuration) -> Result<String, CommandError> {
    let text = duration.to_string();
    if duration.fits_timeout_pattern() {
        return Ok(text);
    }
    Err(CommandError::failed(format!(
        "invalid value \"{text}\" for {flag}: the API server accepts positive durations below one \
         hour, in ms, s and m"
    )))
}

/// `key=value` items as a map; `flag` is named in the error.
pub(super) fn pairs(
    flag: &str,
    items: &[String],
) -> Result<Option<BTreeMap<String, String>>, CommandError> {
    let mut pairs = BTreeMap::new();
    for item in items {
        let (key, value) = item
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| {
                CommandError::failed(format!(
                    "invalid value \"{item}\" for {flag}, must be key=value"
                ))
            })?;
        pairs.insert(key.to_owned(), value.to_owned());
    }
    Ok((!pairs.is_empty()).then_some(pairs))
}

/// Empty reads as absent.
pub(super) fn text(value: Option<&String>) -> Option<String> {
    value.filter(|value| !value.is_empty()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels_of_two_characters_and_more() {
        for good in ["ab", "podinfo", "a-1"] {
            assert!(is_object_name(good), "{good}");
        }
        for bad in ["a", "a.b", "-ab", "ab-", "Ab", &"a".repeat(64)] {
            assert!(!is_object_name(bad), "{bad}");
        }
    }

    #[test]
    fn labels_are_checked_as_kubernetes_does() {
        let good = labels(&["a=1".into(), "x.io/b=".into(), "a=2".into()]).unwrap();
        assert_eq!(good["a"], "2");
        assert_eq!(good["x.io/b"], "");
        let message = |item: &str| labels(&[item.to_owned()]).unwrap_err().message;
        assert_eq!(
            message("a=b=c"),
            "invalid label format 'a=b=c', must be key=value"
        );
        assert!(message("=v").starts_with("invalid label '': [name part must be non-empty name"));
        assert!(message("a=-").starts_with("invalid label value '-': [a valid label must"));
    }
}

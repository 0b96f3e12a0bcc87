//! Checks that the kinds share.

use std::collections::BTreeMap;

use crate::duration::GoDuration;
use crate::error::CommandError;
use crate::selector::{label_key_problems, label_value_problems};

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

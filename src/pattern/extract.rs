//! Templates of groups, as Go's `Regexp.Expand` fills them in.

use std::sync::LazyLock;

use regex::Regex;
use thiserror::Error;

use super::compiled::{Groups, Pattern, Scratch};

/// A template, read once and filled in for every match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtractTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Number(usize),
    Name(String),
}

/// Letters, digits and underscores of every script.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{L}\p{Nd}_]+").ok());

/// A group's name behind a `$`: the name, the number it stands for, and the rest of the text.
/// `None` when it is malformed.
fn group(text: &str) -> Option<(&str, Option<usize>, &str)> {
    let (inner, braced) = match text.strip_prefix('{') {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let name = name(inner)?;
    let rest = &inner[name.len()..];
    let rest = if braced {
        rest.strip_prefix('}')?
    } else {
        rest
    };
    Some((name, number(name), rest))
}

/// The name at the beginning of a text. Nearly all are ASCII, for which no table of letters is needed.
fn name(text: &str) -> Option<&str> {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_alphanumeric() && byte != b'_');
    match end {
        Some(0) if text.is_ascii() => None,
        None if !text.is_empty() => Some(text),
        Some(end) if end > 0 && text.as_bytes()[end].is_ascii() => Some(&text[..end]),
        _ => Some(NAME.as_ref()?.find(text)?.as_str()),
    }
}

/// Digits without a leading zero. Go stops reading when the value has reached 10^8.
fn number(name: &str) -> Option<usize> {
    let digits = name.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = name.len() > 1 && name.starts_with('0');
    if !digits || leading_zero || name.len() > 9 {
        return None;
    }
    let before_last: usize = name[..name.len() - 1].parse().unwrap_or_default();
    (before_last < 100_000_000)
        .then(|| name.parse().ok())
        .flatten()
}

impl ExtractTemplate {
    /// Reads a template. There are no errors: a malformed `$` is text.
    pub fn new(template: &str) -> Self {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            text.push_str(before);
            rest = after;
            if let Some(after) = rest.strip_prefix('$') {
                text.push('$');
                rest = after;
            } else if let Some((name, number, after)) = group(rest) {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(match number {
                    Some(number) => Part::Number(number),
                    None => Part::Name(name.to_owned()),
                });
                rest = after;
            } else {
                text.push('$');
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Self { parts }
    }

    /// Appends the template, filled in, to `item`. Unknown groups and those that did not take part
    /// are empty; of several groups with one name the first that took part counts.
    pub fn expand(&self, pattern: &Pattern, groups: &Groups<'_>, item: &mut String) {
        self.fill(pattern, |index| groups.get(index), item);
    }

    /// Searches `text` and appends the template, filled in, to `item`; `false` without a match.
    pub fn expand_match(
        &self,
        pattern: &Pattern,
        text: &str,
        scratch: &mut Scratch,
        item: &mut String,
    ) -> bool {
        match pattern.groups_in(text, scratch) {
            None => false,
            Some(group) => {
                self.fill(pattern, group, item);
                true
            }
        }
    }

    fn fill<'t>(
        &self,
        pattern: &Pattern,
        group: impl Fn(usize) -> Option<&'t str>,
        item: &mut String,
    ) {
        for part in &self.parts {
            match part {
                Part::Text(text) => item.push_str(text),
                Part::Number(number) => item.push_str(group(*number).unwrap_or_default()),
                Part::Name(name) => {
                    let found = pattern
                        .names()
                        .iter()
                        .enumerate()
                        .filter(|(_, candidate)| *candidate == name)
                        .find_map(|(index, _)| group(index));
                    item.push_str(found.unwrap_or_default());
                }
            }
        }
    }
}

/// Why `create policy --filter-extract` is refused; flux's texts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExtractError {
    /// A `$` that is followed by no group name.
    #[error("--filter-extract is malformed")]
    Malformed,
    /// A group that the pattern does not have.
    #[error("capture group ${0} used in --filter-extract not found in --filter-regex")]
    UnknownGroup(String),
}

/// Checks a template as `flux create image policy` does, from left to right. Numbers are not checked
/// against the pattern, names are.
pub fn check_extract(template: &str, pattern: Option<&Pattern>) -> Result<(), ExtractError> {
    let mut rest = template;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(after) = after.strip_prefix('$') {
            rest = after;
            continue;
        }
        let (name, number, after) = group(after).ok_or(ExtractError::Malformed)?;
        let known = pattern
            .is_some_and(|pattern| pattern.names().iter().any(|candidate| candidate == name));
        if number.is_none() && !known {
            return Err(ExtractError::UnknownGroup(name.to_owned()));
        }
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flux_checks_names_and_not_numbers() {
        let pattern = Pattern::new("(?P<ts>.*)").unwrap();
        let check = |template: &str| check_extract(template, Some(&pattern));
        for good in ["$ts", "${ts}", "$9", "$0", "$$x", "plain", ""] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["$", "$-", "${}", "${ts", "${a b}"] {
            assert_eq!(check(bad), Err(ExtractError::Malformed), "{bad}");
        }
        for unknown in ["$01", "$1x", "$tsx", "$ts_x"] {
            assert!(
                matches!(check(unknown), Err(ExtractError::UnknownGroup(_))),
                "{unknown}"
            );
        }
    }
}

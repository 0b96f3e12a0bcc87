//! Label selectors, as kubectl writes them and as objects hold them.
//!
//! For: `-l`, `spec.policySelector`, `--status-selector`, and lists of objects in files.
//! Source of grammar and texts: apimachinery `pkg/labels` and `pkg/apis/meta/v1`.
//! Refuses: to list anything; it only says whether labels match.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::api::{LabelSelector, LabelSelectorRequirement};

/// Why a selector cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SelectorError(String);

/// What labels must be like. Everything must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operator {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
    GreaterThan(i64),
    LessThan(i64),
}

impl Selector {
    /// A selector that matches every object.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Reads kubectl's notation: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`,
    /// `a>1`, `a<1`, joined by commas.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut parser = Parser {
            text,
            rest: text.trim(),
        };
        let mut requirements = Vec::new();
        while !parser.rest.is_empty() {
            requirements.push(parser.requirement()?);
            parser.blanks();
            match parser.rest.strip_prefix(',') {
                Some(rest) => {
                    parser.rest = rest.trim_start();
                    if parser.rest.is_empty() {
                        return Err(parser.error("found '', expected: identifier after ','"));
                    }
                }
                None if parser.rest.is_empty() => {}
                None => {
                    let found = parser.rest.to_owned();
                    return Err(parser.error(&format!(
                        "found '{found}', expected: ',' or 'end of string'"
                    )));
                }
            }
        }
        Ok(Self(requirements))
    }

    /// Reads a selector of an object.
    pub fn from_label_selector(selector: &LabelSelector) -> Result<Self, SelectorError> {
        let mut requirements = Vec::new();
        for (key, value) in &selector.match_labels {
            requirements.push(requirement(key, Operator::In(vec![value.clone()]))?);
        }
        for expression in &selector.match_expressions {
            let values = expression.values.clone();
            let operator = match expression.operator.as_str() {
                "In" => Operator::In(values),
                "NotIn" => Operator::NotIn(values),
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => {
                    return Err(SelectorError(format!(
                        "\"{other}\" is not a valid label selector operator"
                    )));
                }
            };
            requirements.push(requirement(&expression.key, operator)?);
        }
        Ok(Self(requirements))
    }

    /// The selector as an object holds it. `>` and `<` have no such form.
    pub fn to_label_selector(&self) -> Result<LabelSelector, SelectorError> {
        let mut selector = LabelSelector::default();
        for Requirement { key, operator } in &self.0 {
            let expression = |operator: &str, values: &[String]| LabelSelectorRequirement {
                key: key.clone(),
                operator: operator.to_owned(),
                values: values.to_vec(),
            };
            match operator {
                Operator::In(values)
                    if values.len() == 1 && !selector.match_labels.contains_key(key) =>
                {
                    selector.match_labels.insert(key.clone(), values[0].clone());
                }
                Operator::In(values) => selector.match_expressions.push(expression("In", values)),
                Operator::NotIn(values) => {
                    selector.match_expressions.push(expression("NotIn", values));
                }
                Operator::Exists => selector.match_expressions.push(expression("Exists", &[])),
                Operator::DoesNotExist => {
                    selector
                        .match_expressions
                        .push(expression("DoesNotExist", &[]));
                }
                Operator::GreaterThan(_) => {
                    return Err(SelectorError(
                        "\"gt\" isn't supported in label selectors".into(),
                    ));
                }
                Operator::LessThan(_) => {
                    return Err(SelectorError(
                        "\"lt\" isn't supported in label selectors".into(),
                    ));
                }
            }
        }
        Ok(selector)
    }

    /// Whether labels match.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            let number = || value.and_then(|value| value.parse::<i64>().ok());
            match &requirement.operator {
                Operator::In(values) => value.is_some_and(|value| values.contains(value)),
                Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
                Operator::GreaterThan(limit) => number().is_some_and(|number| number > *limit),
                Operator::LessThan(limit) => number().is_some_and(|number| number < *limit),
            }
        })
    }
}

/// A requirement whose key and values Kubernetes accepts.
fn requirement(key: &str, operator: Operator) -> Result<Requirement, SelectorError> {
    let name = key.rsplit('/').next().unwrap_or_default();
    if name.is_empty() || name.len() > 63 || !is_label_text(name) {
        return Err(SelectorError(format!(
            "key: Invalid value: \"{key}\": name part must consist of alphanumeric characters, \
             '-', '_' or '.', and must start and end with an alphanumeric character"
        )));
    }
    let values: &[String] = match &operator {
        Operator::In(values) | Operator::NotIn(values) => {
            if values.is_empty() {
                return Err(SelectorError(
                    "values: Invalid value: []: for 'in', 'notin' operators, values set can't be \
                     empty"
                        .to_owned(),
                ));
            }
            values
        }
        _ => &[],
    };
    for (index, value) in values.iter().enumerate() {
        if value.len() > 63 {
            return Err(SelectorError(format!(
                "values[{index}][{key}]: Invalid value: \"{value}\": must be no more than 63 bytes"
            )));
        }
        if !is_label_text(value) {
            return Err(SelectorError(format!(
                "values[{index}][{key}]: Invalid value: \"{value}\": a valid label must be an \
                 empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
                 start and end with an alphanumeric character"
            )));
        }
    }
    Ok(Requirement {
        key: key.to_owned(),
        operator,
    })
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

struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
}

impl Parser<'_> {
    fn error(&self, cause: &str) -> SelectorError {
        SelectorError(format!(
            "couldn't parse the selector string \"{}\": {cause}",
            self.text
        ))
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        if let Some(rest) = self.rest.strip_prefix('!') {
            self.rest = rest.trim_start();
            let key = self.word()?;
            return requirement(&key, Operator::DoesNotExist);
        }
        let key = self.word()?;
        self.blanks();
        for (sign, negative) in [("!=", true), ("==", false), ("=", false)] {
            if let Some(rest) = self.rest.strip_prefix(sign) {
                self.rest = rest.trim_start();
                let value = vec![self.optional_word()];
                let operator = if negative {
                    Operator::NotIn(value)
                } else {
                    Operator::In(value)
                };
                return requirement(&key, operator);
            }
        }
        if let Some(rest) = self.rest.strip_prefix('>') {
            self.rest = rest.trim_start();
            let limit = self.number(&key)?;
            return requirement(&key, Operator::GreaterThan(limit));
        }
        if let Some(rest) = self.rest.strip_prefix('<') {
            self.rest = rest.trim_start();
            let limit = self.number(&key)?;
            return requirement(&key, Operator::LessThan(limit));
        }
        for (word, negative) in [("notin", true), ("in", false)] {
            let after = self.rest.strip_prefix(word);
            if let Some(after) = after.filter(|after| after.starts_with([' ', '('])) {
                self.rest = after.trim_start();
                let values = self.values()?;
                let operator = if negative {
                    Operator::NotIn(values)
                } else {
                    Operator::In(values)
                };
                return requirement(&key, operator);
            }
        }
        requirement(&key, Operator::Exists)
    }

    fn number(&mut self, key: &str) -> Result<i64, SelectorError> {
        let word = self.word()?;
        word.parse().map_err(|_| {
            SelectorError(format!(
                "values[0][{key}]: Invalid value: \"{word}\": for 'Gt', 'Lt' operators, the value \
                 must be an integer"
            ))
        })
    }

    fn values(&mut self) -> Result<Vec<String>, SelectorError> {
        let Some(rest) = self.rest.strip_prefix('(') else {
            let found = self.rest.to_owned();
            return Err(self.error(&format!("found '{found}', expected: '('")));
        };
        let Some((inside, rest)) = rest.split_once(')') else {
            return Err(self.error("found '', expected: ',' or ')'"));
        };
        self.rest = rest;
        Ok(inside
            .split(',')
            .map(|value| value.trim().to_owned())
            .collect())
    }

    fn word(&mut self) -> Result<String, SelectorError> {
        let word = self.optional_word();
        if word.is_empty() {
            let found = self.rest.to_owned();
            return Err(self.error(&format!("found '{found}', expected: identifier")));
        }
        Ok(word)
    }

    fn optional_word(&mut self) -> String {
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || "=!,()<>".contains(c))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let word = word.to_owned();
        self.rest = rest;
        word
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

/// flux's selector of conditions: `type=status` or `type!=status`, in any letter case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSelector {
    kind: String,
    status: String,
    is_negated: bool,
}

impl StatusSelector {
    /// Reads the selector; it is split at the first `!=`, else at the first `=`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let parts = match text.split_once("!=") {
            Some((kind, status)) => Some((kind, status, true)),
            None => text
                .split_once('=')
                .map(|(kind, status)| (kind, status, false)),
        };
        let (kind, status, is_negated) = parts.ok_or_else(|| {
            SelectorError(format!(
                "expected status selector in type=status or type!=status format, but found: {text}"
            ))
        })?;
        Ok(Self {
            kind: kind.to_lowercase(),
            status: status.to_lowercase(),
            is_negated,
        })
    }

    /// Whether conditions, as type and status, are chosen. Where the type is missing, only `!=` is met.
    pub fn matches<'c>(&self, conditions: impl IntoIterator<Item = (&'c str, &'c str)>) -> bool {
        let status = conditions
            .into_iter()
            .find(|(kind, _)| kind.to_lowercase() == self.kind)
            .map(|(_, status)| status.to_lowercase());
        match status {
            Some(status) => (status == self.status) != self.is_negated,
            None => self.is_negated,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(text: &str) -> BTreeMap<String, String> {
        text.split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[track_caller]
    fn assert_matches(selector: &str, yes: &[&str], no: &[&str]) {
        let selector = Selector::parse(selector).unwrap();
        for text in yes {
            assert!(selector.matches(&labels(text)), "{text}");
        }
        for text in no {
            assert!(!selector.matches(&labels(text)), "{text}");
        }
    }

    #[test]
    fn kubectls_notation_is_understood() {
        assert_matches("a=b", &["a=b", "a=b,c=d"], &["a=c", ""]);
        assert_matches("a==b,c!=d", &["a=b", "a=b,c=e"], &["a=b,c=d"]);
        assert_matches("a in (b, c),x", &["a=c,x=1"], &["a=c", "a=d,x=1"]);
        assert_matches("a notin (b)", &["a=c", ""], &["a=b"]);
        assert_matches("!a", &["b=c"], &["a=1"]);
        assert_matches("n>1, n<5", &["n=3"], &["n=1", "n=x", ""]);
        assert_matches("in=x", &["in=x"], &["in=y"]);
        assert_matches("a=", &["a="], &["a=b"]);
        assert_matches("", &["", "a=b"], &[]);
    }

    #[test]
    fn broken_selectors_are_quoted() {
        let error = Selector::parse("a=b,").unwrap_err().to_string();
        assert_eq!(
            error,
            "couldn't parse the selector string \"a=b,\": found '', expected: identifier after ','"
        );
        assert!(Selector::parse("a=b c").is_err());
        assert!(Selector::parse("a in b").is_err());
        assert!(Selector::parse("=b").is_err());
    }

    #[test]
    fn selectors_of_objects_are_checked() {
        let mut selector = LabelSelector::default();
        selector.match_labels.insert("a".into(), "x".repeat(64));
        let error = Selector::from_label_selector(&selector)
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("must be no more than 63 bytes"), "{error}");
        let selector = LabelSelector {
            match_expressions: vec![LabelSelectorRequirement {
                key: "a".into(),
                operator: "Maybe".into(),
                values: vec![],
            }],
            ..LabelSelector::default()
        };
        assert_eq!(
            Selector::from_label_selector(&selector)
                .unwrap_err()
                .to_string(),
            "\"Maybe\" is not a valid label selector operator"
        );
    }

    #[test]
    fn both_forms_say_the_same() {
        let selector = Selector::parse("a=b,c in (d,e),!f,g").unwrap();
        let object = selector.to_label_selector().unwrap();
        let again = Selector::from_label_selector(&object).unwrap();
        for text in ["a=b,c=d,g=1", "a=b,c=d,g=1,f=1", "a=b,c=x,g=1"] {
            assert_eq!(
                selector.matches(&labels(text)),
                again.matches(&labels(text)),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = Selector::parse(&text);
        }
    }

    #[test]
    fn conditions_are_chosen_by_type_and_status() {
        let conditions = [("Ready", "False"), ("Stalled", "True")];
        for (selector, is_met) in [
            ("ready=false", true),
            ("READY=True", false),
            ("ready!=true", true),
            ("Stalled!=TRUE", false),
            ("reconciling=true", false),
            ("reconciling!=true", true),
            ("ready==false", false),
        ] {
            let parsed = StatusSelector::parse(selector).unwrap();
            assert_eq!(parsed.matches(conditions), is_met, "{selector}");
        }
        assert_eq!(
            StatusSelector::parse("ready").unwrap_err().to_string(),
            "expected status selector in type=status or type!=status format, but found: ready"
        );
    }
}

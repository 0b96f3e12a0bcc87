//! What a registry's refusal says: the text that the controllers put into a condition.

use std::fmt::Write as _;
use std::time::Duration;

use oci_client::errors::{OciEnvelope, OciError};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::ports::{RegistryError, RegistryFailure};

/// Longest piece of a body that is quoted.
const MAX_QUOTE: usize = 300;

/// An answer with a status that is not success.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) method: Method,
    /// The URL that was asked for, without secrets.
    pub(super) url: String,
    pub(super) status: StatusCode,
    /// The wait that the registry asks for.
    pub(super) retry_after: Option<Duration>,
    /// The beginning of the body.
    pub(super) body: Vec<u8>,
}

impl Refusal {
    /// The envelope of registry errors, when the body is one.
    fn envelope(&self) -> Option<Vec<OciError>> {
        let envelope: OciEnvelope = serde_json::from_slice(&self.body).ok()?;
        Some(envelope.errors).filter(|errors| !errors.is_empty())
    }

    /// Whether the body holds an error with this code.
    pub(super) fn has_code(&self, wanted: &str) -> bool {
        self.envelope()
            .is_some_and(|errors| errors.iter().any(|error| code(error) == wanted))
    }

    /// Whether the body is one that only registries send.
    pub(super) fn is_from_a_registry(&self) -> bool {
        self.envelope().is_some()
    }

    /// `GET https://…: NAME_UNKNOWN: repository name not known to registry; map[name:x]`.
    pub(super) fn text(&self) -> String {
        format!("{} {}: {}", self.method, self.url, self.answer())
    }

    fn answer(&self) -> String {
        if let Some(errors) = self.envelope() {
            let texts: Vec<String> = errors.iter().map(diagnostic).collect();
            return match texts.as_slice() {
                [one] => one.clone(),
                several => format!("multiple errors returned: {}", several.join("; ")),
            };
        }
        let mut text = format!("unexpected status code {}", self.status.as_u16());
        if let Some(reason) = self.status.canonical_reason() {
            text = format!("{text} {reason}");
        }
        let body = quote(&self.body);
        if !body.is_empty() {
            let _ = write!(text, ": {body}");
        } else if self.method == Method::HEAD {
            text += " (HEAD responses have no body, use GET for details)";
        }
        text
    }

    /// The failure that the port knows.
    pub(super) fn into_error(self, hint: Option<String>) -> RegistryError {
        RegistryError {
            failure: match self.status.as_u16() {
                401 => RegistryFailure::Unauthorized,
                403 => RegistryFailure::Forbidden,
                404 => RegistryFailure::NotFound,
                429 => RegistryFailure::TooManyRequests,
                _ => RegistryFailure::Protocol,
            },
            message: self.text(),
            hint,
            source: None,
        }
    }
}

fn code(error: &OciError) -> String {
    match serde_json::to_value(&error.code) {
        Ok(Value::String(code)) => code,
        _ => "UNKNOWN".to_owned(),
    }
}

fn diagnostic(error: &OciError) -> String {
    let mut text = format!("{}: {}", code(error), error.message);
    if !error.detail.is_null() {
        let _ = write!(text, "; {}", go_value(&error.detail));
    }
    text
}

/// A JSON value as Go's `%v` prints it.
fn go_value(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), go_float),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(go_value).collect();
            format!("[{}]", values.join(" "))
        }
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{key}:{}", go_value(value)))
                .collect();
            format!("map[{}]", entries.join(" "))
        }
    }
}

/// A 64-bit float as Go's `%v` prints it: the shortest digits, an exponent below 1e-4 and from
/// 1e21 on.
fn go_float(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-4..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent
                .strip_prefix('-')
                .map_or(('+', exponent), |exponent| ('-', exponent));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

/// The part of a body that helps people: the title of a page, else its first characters on one line.
pub(super) fn quote(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let trimmed = text.trim_start();
    let page = trimmed
        .get(..64.min(trimmed.len()))
        .unwrap_or(trimmed)
        .to_ascii_lowercase();
    if page.starts_with("<!doctype html") || page.starts_with("<html") {
        return match title(trimmed) {
            Some(title) => format!("an HTML page titled {title:?}"),
            None => "an HTML page".to_owned(),
        };
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_QUOTE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find('<')?;
    let words: Vec<&str> = page.get(start..end)?.split_whitespace().collect();
    let title: String = words.join(" ").chars().take(80).collect();
    Some(title).filter(|title| !title.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        Refusal {
            method: Method::GET,
            url: "https://r/v2/a/tags/list?n=1000".to_owned(),
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: None,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn registry_errors_read_as_in_the_controllers_conditions() {
        let body = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry","detail":{"name":"a/b"}}]}"#;
        assert_eq!(
            refusal(404, body).text(),
            "GET https://r/v2/a/tags/list?n=1000: NAME_UNKNOWN: repository name not known to registry; map[name:a/b]"
        );
        let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository","Class":"","Name":"a","Action":"pull"}]}]}"#;
        assert!(refusal(401, body).text().ends_with(
            "UNAUTHORIZED: authentication required; [map[Action:pull Class: Name:a Type:repository]]"
        ));
        let body = r#"{"errors":[{"code":"TOO_MANY_TAGS_REQUESTED","message":"x","detail":null},{"code":"B"}]}"#;
        assert!(
            refusal(429, body)
                .text()
                .ends_with("multiple errors returned: TOO_MANY_TAGS_REQUESTED: x; B: ")
        );
    }

    #[test]
    fn other_bodies_are_quoted_briefly() {
        let text = |body: &str| refusal(403, body).text();
        assert!(text("").ends_with("unexpected status code 403 Forbidden"));
        assert!(text("no\n  way\n").ends_with("unexpected status code 403 Forbidden: no way"));
        assert!(
            text("<!DOCTYPE html>\n<html><head><title>Sign  in</title></head>…")
                .ends_with("403 Forbidden: an HTML page titled \"Sign in\"")
        );
        assert!(text(&"x".repeat(5000)).len() < 500);
    }

    #[test]
    fn an_empty_answer_to_head_says_why_it_is_empty() {
        let mut refusal = refusal(404, "");
        refusal.method = Method::HEAD;
        assert!(refusal.text().ends_with(
            "unexpected status code 404 Not Found (HEAD responses have no body, use GET for details)"
        ));
    }

    #[test]
    fn details_print_as_go_prints_them() {
        for (value, expected) in [
            (
                json!({"b": 1, "a": [true, null, "x y"]}),
                "map[a:[true <nil> x y] b:1]",
            ),
            (json!(1.5), "1.5"),
            (json!(12_345_678), "12345678"),
            (json!(1e21), "1e+21"),
            (json!(0.00001), "1e-05"),
            (json!({}), "map[]"),
        ] {
            assert_eq!(go_value(&value), expected);
        }
    }
}

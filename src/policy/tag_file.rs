//! Lists of tags that come from a file in place of a registry.

use serde::Deserialize;
use thiserror::Error;

/// A list of tags: one a line, or the JSON that registries and `skopeo list-tags` answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagFile {
    /// One tag a line; blank lines and blanks around tags do not count.
    Lines(String),
    /// JSON.
    Json(Vec<String>),
}

/// Why a text is no list of tags.
#[derive(Debug, Error)]
#[error("not a tags/list JSON: {0}")]
pub struct TagFileError(serde_json::Error);

/// The fields that are read of a registry's answer.
#[derive(Deserialize)]
struct Answer {
    #[serde(alias = "Tags")]
    tags: Option<Vec<String>>,
}

impl TagFile {
    /// Reads a list; it is JSON when it begins with a brace or a bracket, which no tag does.
    pub fn parse(text: String) -> Result<Self, TagFileError> {
        let start = text.trim_start_matches('\u{feff}').trim_start();
        match start.as_bytes().first() {
            Some(b'{') => {
                let answer: Answer = serde_json::from_str(start).map_err(TagFileError)?;
                Ok(Self::Json(answer.tags.unwrap_or_default()))
            }
            Some(b'[') => Ok(Self::Json(
                serde_json::from_str(start).map_err(TagFileError)?,
            )),
            _ => Ok(Self::Lines(text)),
        }
    }

    /// The tags, in the order of the file.
    pub fn tags(&self) -> Vec<&str> {
        match self {
            Self::Json(tags) => tags.iter().map(String::as_str).collect(),
            Self::Lines(text) => {
                // One pass to count is cheaper than the memory of a vector that grows.
                let count = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
                let mut tags = Vec::with_capacity(count);
                let lines = text.trim_start_matches('\u{feff}').split('\n');
                tags.extend(lines.map(trimmed).filter(|line| !line.is_empty()));
                tags
            }
        }
    }
}

/// A line without blanks around it; nearly all lines have none, which two bytes tell.
fn trimmed(line: &str) -> &str {
    let graphic = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    if graphic(line.as_bytes().first()) && graphic(line.as_bytes().last()) {
        line
    } else {
        line.trim()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn assert_tags(text: &str, expected: &[&str]) {
        assert_eq!(TagFile::parse(text.to_owned()).unwrap().tags(), expected);
    }

    #[test]
    fn lines_and_answers_of_registries_are_read() {
        assert_tags("a\nb\n", &["a", "b"]);
        assert_tags("\u{feff}a\r\n\r\n  b \n\nc", &["a", "b", "c"]);
        assert_tags(r#"{"name":"x/y","tags":["a","b"]}"#, &["a", "b"]);
        assert_tags(r#"{"Repository":"x/y","Tags":["a"]}"#, &["a"]);
        assert_tags(r#"{"name":"x/y","tags":null}"#, &[]);
        assert_tags(" [\"a\"]\n", &["a"]);
        assert_tags("", &[]);
    }

    #[test]
    fn broken_json_says_where() {
        let error = TagFile::parse("{\"tags\": [1]}".to_owned()).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("not a tags/list JSON: "), "{text}");
        assert!(text.contains("line 1"), "{text}");
    }

    proptest! {
        #[test]
        fn every_line_is_a_tag(tags in proptest::collection::vec("[a-z0-9._-]{1,20}", 0..20)) {
            let file = TagFile::parse(tags.join("\n")).unwrap();
            prop_assert_eq!(file.tags(), tags);
        }
    }
}

//! Lists of tags that come from a file in place of a registry.

use std::ops::ControlFlow;

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
        let start = without_mark(&text).trim_start();
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
                tags.extend(lines(without_mark(text)));
                tags
            }
        }
    }
}

/// A list of one tag a line that comes in pieces, so that nobody has to hold it whole.
#[derive(Debug, Default)]
pub struct TagLines {
    /// Whether a piece was seen, and whether it held a tag.
    seen: bool,
    begun: bool,
}

impl TagLines {
    /// Hands over the tags of the next piece, which holds whole lines. Breaks off where `visit` does,
    /// and when the list turns out to be JSON, which [`TagFile::parse`] reads.
    pub fn each_tag(
        &mut self,
        piece: &str,
        visit: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let piece = if std::mem::replace(&mut self.seen, true) {
            piece
        } else {
            without_mark(piece)
        };
        if !self.begun {
            match piece.trim_start().as_bytes().first() {
                Some(b'{' | b'[') => return ControlFlow::Break(()),
                first => self.begun = first.is_some(),
            }
        }
        lines(piece).try_for_each(visit)
    }
}

/// A text without the byte order mark that some editors put before it.
fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

/// The lines that hold something, without blanks around it.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
        .map(trimmed)
        .filter(|line| !line.is_empty())
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

    #[test]
    fn json_in_pieces_is_left_to_the_parser() {
        for pieces in [&["{\"tags\": []}"][..], &["\u{feff}\n", " \n", "[\n"]] {
            let mut lines = TagLines::default();
            let end = pieces
                .iter()
                .try_for_each(|piece| lines.each_tag(piece, &mut |_| ControlFlow::Continue(())));
            assert!(end.is_break(), "{pieces:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_hold_the_tags_of_the_whole(
            lines in proptest::collection::vec("[\u{feff} \t\ra-c]{0,4}\n", 0..12),
            split in 0_usize..12,
        ) {
            let (start, end) = lines.split_at(split.min(lines.len()));
            let mut tags = Vec::new();
            let mut pieces = TagLines::default();
            for piece in [start.concat(), end.concat()].iter().filter(|piece| !piece.is_empty()) {
                let end = pieces.each_tag(piece, &mut |tag| {
                    tags.push(tag.to_owned());
                    ControlFlow::Continue(())
                });
                prop_assert!(end.is_continue());
            }
            let whole = TagFile::parse(lines.concat()).unwrap();
            prop_assert_eq!(whole.tags(), tags);
        }

        #[test]
        fn every_line_is_a_tag(tags in proptest::collection::vec("[a-z0-9._-]{1,20}", 0..20)) {
            let file = TagFile::parse(tags.join("\n")).unwrap();
            prop_assert_eq!(file.tags(), tags);
        }
    }
}

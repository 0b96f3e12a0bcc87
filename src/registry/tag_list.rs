//! Decodes `tags/list` answers as they arrive.
//!
//! Only the tags are kept: no copy of the body, no tree of values. Bytes may be split anywhere.

use thiserror::Error;

/// Why an answer is not a tag list.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum DecodeError {
    /// Not JSON.
    #[error("the answer is not JSON (byte {position})")]
    Syntax {
        /// Offset of the byte that does not fit.
        position: u64,
    },
    /// The body ended too early.
    #[error("the answer ends inside the JSON text (after {position} bytes)")]
    Truncated {
        /// Bytes that were read.
        position: u64,
    },
    /// JSON of something else.
    #[error("the answer is not a tag list")]
    NotATagList,
    /// Nested absurdly.
    #[error("the answer nests too deeply")]
    TooDeep,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Value,
    /// A value, or the end of an array that is still empty.
    ValueOrEnd,
    Key,
    /// A key, or the end of an object that is still empty.
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    None,
    String,
    /// After a backslash.
    Escape,
    /// Inside `\uXXXX`: digits so far and their value.
    Unicode(u8, u16),
    /// `true`, `false`, `null`: which, and how many bytes are seen.
    Word(&'static [u8], usize),
    Number,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    Object,
    Array,
}

/// Why the string that is being read is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// A key of the outermost object.
    Key,
    Tag,
    Skipped,
}

/// Deeper values than this are nobody's tag list.
const MAX_DEPTH: usize = 64;
/// A tag has at most 128 characters; longer texts than this are something else.
const MAX_TEXT: usize = 64 * 1024;

/// Collects tags from the bytes of one answer.
#[derive(Debug)]
pub(super) struct Decoder {
    containers: Vec<Container>,
    expect: Expect,
    token: Token,
    purpose: Purpose,
    text: Vec<u8>,
    /// First half of a surrogate pair.
    surrogate: Option<u16>,
    /// Whether the value that is read now belongs to the key `tags` of the outermost object.
    in_tags: bool,
    seen_name: bool,
    seen_tags: bool,
    number: NumberState,
    position: u64,
}

/// Position inside a number's grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NumberState {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl NumberState {
    fn next(self, byte: u8) -> Option<Self> {
        use NumberState as S;
        Some(match (self, byte) {
            (S::Minus, b'0') => S::Zero,
            (S::Minus | S::Integer, b'0'..=b'9') => S::Integer,
            (S::Zero | S::Integer, b'.') => S::Point,
            (S::Point | S::Fraction, b'0'..=b'9') => S::Fraction,
            (S::Zero | S::Integer | S::Fraction, b'e' | b'E') => S::Exponent,
            (S::Exponent, b'+' | b'-') => S::ExponentSign,
            (S::Exponent | S::ExponentSign | S::ExponentDigits, b'0'..=b'9') => S::ExponentDigits,
            _ => return None,
        })
    }

    fn complete(self) -> bool {
        use NumberState as S;
        matches!(self, S::Zero | S::Integer | S::Fraction | S::ExponentDigits)
    }
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            containers: Vec::new(),
            expect: Expect::Value,
            token: Token::None,
            purpose: Purpose::Skipped,
            text: Vec::new(),
            surrogate: None,
            in_tags: false,
            seen_name: false,
            seen_tags: false,
            number: NumberState::Minus,
            position: 0,
        }
    }

    /// Takes the next bytes of the body and appends the tags in them.
    pub(super) fn push(&mut self, bytes: &[u8], tags: &mut Vec<String>) -> Result<(), DecodeError> {
        let mut rest = bytes;
        while let [byte, tail @ ..] = rest {
            match self.token {
                Token::String => {
                    let plain = rest
                        .iter()
                        .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20)
                        .unwrap_or(rest.len());
                    if plain > 0 {
                        self.keep(&rest[..plain]);
                        if self.text.len() > MAX_TEXT {
                            return Err(DecodeError::NotATagList);
                        }
                        self.position += plain as u64;
                        rest = &rest[plain..];
                        continue;
                    }
                    match byte {
                        b'"' => self.end_string(tags),
                        b'\\' => self.token = Token::Escape,
                        _ => return Err(self.syntax()),
                    }
                }
                Token::Escape => self.escape(*byte)?,
                Token::Unicode(count, value) => self.unicode(*byte, count, value)?,
                Token::Word(word, seen) => {
                    if word.get(seen) != Some(byte) {
                        return Err(self.syntax());
                    }
                    self.token = Token::Word(word, seen + 1);
                    if seen + 1 == word.len() {
                        self.end_value();
                    }
                }
                Token::Number => {
                    if let Some(next) = self.number.next(*byte) {
                        self.number = next;
                    } else if self.number.complete() {
                        // This byte is not part of the number: look at it again.
                        self.end_value();
                        continue;
                    } else {
                        return Err(self.syntax());
                    }
                }
                Token::None => self.structure(*byte)?,
            }
            self.position += 1;
            rest = tail;
        }
        Ok(())
    }

    /// Checks that the answer was complete and was a tag list.
    pub(super) fn finish(&mut self) -> Result<(), DecodeError> {
        if self.token == Token::Number && self.number.complete() {
            self.end_value();
        }
        if self.expect != Expect::Nothing || self.token != Token::None {
            return Err(DecodeError::Truncated {
                position: self.position,
            });
        }
        // Registries without tags leave the list out or send null, but they say the name.
        if self.seen_tags || self.seen_name {
            Ok(())
        } else {
            Err(DecodeError::NotATagList)
        }
    }

    fn syntax(&self) -> DecodeError {
        DecodeError::Syntax {
            position: self.position,
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.purpose != Purpose::Skipped {
            self.flush_surrogate();
            self.text.extend_from_slice(bytes);
        }
    }

    /// A byte between tokens.
    fn structure(&mut self, byte: u8) -> Result<(), DecodeError> {
        use Expect as E;
        match (byte, self.expect) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => {}
            (b'"', E::Key | E::KeyOrEnd) => {
                let outermost = self.containers.len() == 1;
                self.begin_string(if outermost {
                    Purpose::Key
                } else {
                    Purpose::Skipped
                });
            }
            (b':', E::Colon) => self.expect = E::Value,
            (b',', E::CommaOrEnd) => {
                self.expect = match self.containers.last() {
                    Some(Container::Object) => E::Key,
                    _ => E::Value,
                };
            }
            (b'}', E::KeyOrEnd | E::CommaOrEnd)
                if self.containers.last() == Some(&Container::Object) =>
            {
                self.containers.pop();
                self.end_value();
            }
            (b']', E::ValueOrEnd | E::CommaOrEnd)
                if self.containers.last() == Some(&Container::Array) =>
            {
                self.containers.pop();
                self.end_value();
            }
            (_, E::Value | E::ValueOrEnd) => self.begin_value(byte)?,
            _ => return Err(self.syntax()),
        }
        Ok(())
    }

    fn begin_value(&mut self, byte: u8) -> Result<(), DecodeError> {
        let depth = self.containers.len();
        // The outermost value is an object; `tags` is a list of strings, or null.
        match depth {
            0 if byte == b'<' || byte != b'{' && !byte.is_ascii() => return Err(self.syntax()),
            1 if self.in_tags && byte != b'[' && byte != b'n' => {
                return Err(DecodeError::NotATagList);
            }
            2 if self.in_tags && byte != b'"' => return Err(DecodeError::NotATagList),
            _ => {}
        }
        match byte {
            b'{' | b'[' => {
                if depth == 0 && byte == b'[' {
                    return Err(DecodeError::NotATagList);
                }
                if depth >= MAX_DEPTH {
                    return Err(DecodeError::TooDeep);
                }
                let object = byte == b'{';
                self.containers.push(if object {
                    Container::Object
                } else {
                    Container::Array
                });
                self.expect = if object {
                    Expect::KeyOrEnd
                } else {
                    Expect::ValueOrEnd
                };
            }
            b'"' => self.begin_string(if depth == 2 && self.in_tags {
                Purpose::Tag
            } else {
                Purpose::Skipped
            }),
            b't' => self.token = Token::Word(b"true", 1),
            b'f' => self.token = Token::Word(b"false", 1),
            b'n' => self.token = Token::Word(b"null", 1),
            b'-' => self.begin_number(NumberState::Minus),
            b'0' => self.begin_number(NumberState::Zero),
            b'1'..=b'9' => self.begin_number(NumberState::Integer),
            _ => return Err(self.syntax()),
        }
        Ok(())
    }

    fn begin_number(&mut self, state: NumberState) {
        self.token = Token::Number;
        self.number = state;
    }

    fn begin_string(&mut self, purpose: Purpose) {
        self.token = Token::String;
        self.purpose = purpose;
        self.text.clear();
        self.surrogate = None;
    }

    fn end_string(&mut self, tags: &mut Vec<String>) {
        self.flush_surrogate();
        match self.purpose {
            Purpose::Key => {
                self.in_tags = self.text == b"tags";
                self.seen_tags |= self.in_tags;
                self.seen_name |= self.text == b"name";
            }
            Purpose::Tag => tags.push(String::from_utf8_lossy(&self.text).into_owned()),
            Purpose::Skipped => {}
        }
        if matches!(self.expect, Expect::Key | Expect::KeyOrEnd) {
            self.token = Token::None;
            self.expect = Expect::Colon;
        } else {
            self.end_value();
        }
    }

    fn end_value(&mut self) {
        self.token = Token::None;
        self.expect = if self.containers.is_empty() {
            Expect::Nothing
        } else {
            Expect::CommaOrEnd
        };
    }

    fn escape(&mut self, byte: u8) -> Result<(), DecodeError> {
        let plain = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.token = Token::Unicode(0, 0);
                return Ok(());
            }
            _ => return Err(self.syntax()),
        };
        self.keep(&[plain]);
        self.token = Token::String;
        Ok(())
    }

    fn unicode(&mut self, byte: u8, count: u8, value: u16) -> Result<(), DecodeError> {
        let digit = char::from(byte).to_digit(16).ok_or_else(|| self.syntax())?;
        let value = (value << 4) | u16::try_from(digit).unwrap_or(0);
        if count < 3 {
            self.token = Token::Unicode(count + 1, value);
            return Ok(());
        }
        self.token = Token::String;
        if let (Some(high), 0xDC00..=0xDFFF) = (self.surrogate, value) {
            self.surrogate = None;
            let pair = char::decode_utf16([high, value]).next();
            self.keep_character(pair.and_then(Result::ok));
        } else {
            self.flush_surrogate();
            match value {
                0xD800..=0xDBFF => self.surrogate = Some(value),
                _ => self.keep_character(char::from_u32(value.into())),
            }
        }
        Ok(())
    }

    /// Half a surrogate pair alone reads as the replacement character, as in Go.
    fn flush_surrogate(&mut self) {
        if self.surrogate.take().is_some() {
            self.keep_character(None);
        }
    }

    fn keep_character(&mut self, character: Option<char>) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut buffer = [0; 4];
        self.keep(character.encode_utf8(&mut buffer).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Decodes with the bytes cut into pieces of `size`.
    fn decode(text: &[u8], size: usize) -> Result<Vec<String>, DecodeError> {
        let mut tags = Vec::new();
        let mut decoder = Decoder::new();
        for piece in text.chunks(size) {
            decoder.push(piece, &mut tags)?;
        }
        decoder.finish()?;
        Ok(tags)
    }

    fn whole(text: &str) -> Result<Vec<String>, DecodeError> {
        decode(text.as_bytes(), usize::MAX)
    }

    #[test]
    fn tags_come_in_order_wherever_the_list_stands() {
        assert_eq!(
            whole("{\"name\":\"a/b\",\"tags\":[\"2\",\"1\",\"2\"]}\n"),
            Ok(vec!["2".into(), "1".into(), "2".into()])
        );
        let other = r#" { "x" : {"tags":["no"]}, "tags" : [ "yes" ] , "manifest":{"a":[1,-2.5e+3,true,null,{}]} } "#;
        assert_eq!(whole(other), Ok(vec!["yes".into()]));
    }

    #[test]
    fn no_tags_are_an_empty_list() {
        for text in [
            r#"{"name":"a","tags":null}"#,
            r#"{"name":"a","tags":[]}"#,
            r#"{"name":"a"}"#,
            r#"{"tags":null}"#,
        ] {
            assert_eq!(whole(text), Ok(Vec::new()), "{text}");
        }
    }

    #[test]
    fn other_json_is_not_a_tag_list() {
        for text in [
            "{}",
            r#"{"errors":[]}"#,
            "[]",
            r#"{"tags":{"a":1}}"#,
            r#"{"tags":"a"}"#,
            r#"{"tags":[1]}"#,
            r#"{"tags":[["a"]]}"#,
        ] {
            assert_eq!(whole(text), Err(DecodeError::NotATagList), "{text}");
        }
    }

    #[test]
    fn pages_and_broken_json_name_the_byte() {
        assert_eq!(
            whole("<!DOCTYPE html><html>"),
            Err(DecodeError::Syntax { position: 0 })
        );
        assert_eq!(whole(r#"{"tags":["a",]}"#), Err(DecodeError::NotATagList));
        assert_eq!(
            whole(r#"{"name":"a" "tags":[]}"#),
            Err(DecodeError::Syntax { position: 12 })
        );
        assert_eq!(
            whole(r#"{"name":"a"}{}"#),
            Err(DecodeError::Syntax { position: 12 })
        );
    }

    #[test]
    fn an_answer_that_stops_early_is_truncated() {
        let text = r#"{"name":"a","tags":["1.0","1.1"]}"#;
        for end in 1..text.len() {
            assert_eq!(
                whole(&text[..end]),
                Err(DecodeError::Truncated {
                    position: end as u64
                })
            );
        }
        assert_eq!(whole(""), Err(DecodeError::Truncated { position: 0 }));
    }

    #[test]
    fn deep_nesting_ends_with_an_error() {
        let text = format!("{{\"x\":{}", "[".repeat(100_000));
        assert_eq!(whole(&text), Err(DecodeError::TooDeep));
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f32>().prop_filter_map("finite", |number| {
                serde_json::Number::from_f64(number.into()).map(Value::Number)
            }),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn decoding_agrees_with_serde_json_in_pieces_of_any_size(
            tags in prop::collection::vec(any::<String>(), 0..8),
            extra in json_value(), size in 1usize..9,
        ) {
            let text = json!({"other": extra, "name": "a", "tags": tags}).to_string();
            prop_assert_eq!(decode(text.as_bytes(), size), Ok(tags));
        }

        #[test]
        fn escaped_tags_read_as_serde_json_reads_them(text in "(\\\\u[0-9a-c][0-9a-f]{3}|\\\\n|\\\\/|[a-z]){0,12}") {
            let body = format!("{{\"tags\":[\"{text}\"]}}");
            let value: Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(whole(&body), Ok(vec![value["tags"][0].as_str().unwrap().to_owned()]));
        }

        #[test]
        fn whatever_serde_json_refuses_is_refused(bytes in "[\\[\\]{}\",:a-f0-9.\\\\ntre-]{0,30}") {
            let body = format!("{{\"tags\":[],\"x\":{bytes}}}");
            let expected = serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
            // Repeated keys may hide a bad list from serde_json, so only one direction is checked
            // when the text names tags again.
            if !bytes.contains("tags") {
                prop_assert_eq!(whole(&body).is_ok(), expected, "{}", body);
            }
        }
    }
}

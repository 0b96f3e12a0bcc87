//! JSON as Go's `encoding/json` reads it, with its complaints.

use super::{Call, Outcome};
use crate::number::parse_float;
use crate::semver::quote;
use crate::template::value::{NESTING_LIMIT, Text, Value};

/// Reads the first argument.
pub(super) fn read(call: &Call<'_>) -> Outcome {
    let text = call.text(0);
    call.budget.text(text.len())?;
    let mut reader = Reader { call, text, at: 0 };
    reader.blanks();
    let value = reader.value(0)?;
    reader.blanks();
    match reader.peek() {
        None => Ok(value),
        Some(byte) => Err(invalid(byte, "after top-level value")),
    }
}

/// What Go reads where the text ends inside of a word.
const END: u8 = b' ';

fn invalid(byte: u8, context: &str) -> String {
    let shown = match byte {
        b'\'' => r"\'".to_owned(),
        b'"' => "\"".to_owned(),
        byte => quote(&char::from(byte).to_string())
            .trim_matches('"')
            .to_owned(),
    };
    format!("invalid character '{shown}' {context}")
}

struct Reader<'c, 't> {
    call: &'c Call<'t>,
    text: &'t [u8],
    at: usize,
}

impl Reader<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn end<T>() -> Result<T, String> {
        Err("unexpected end of JSON input".to_owned())
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Outcome {
        if depth > NESTING_LIMIT {
            return Err("exceeded max depth".to_owned());
        }
        let Some(first) = self.peek() else {
            return Self::end();
        };
        match first {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => Ok(Value::String(self.string()?)),
            b't' => self.literal("true", Value::Bool(true)),
            b'f' => self.literal("false", Value::Bool(false)),
            b'n' => self.literal("null", Value::Nil),
            b'-' | b'0'..=b'9' => self.number(),
            other => Err(invalid(other, "looking for beginning of value")),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Outcome {
        for expected in word.bytes() {
            match self.peek() {
                Some(byte) if byte == expected => self.at += 1,
                other => {
                    let context =
                        format!("in literal {word} (expecting '{}')", char::from(expected));
                    return Err(invalid(other.unwrap_or(END), &context));
                }
            }
        }
        Ok(value)
    }

    fn digits(&mut self, context: &str) -> Result<(), String> {
        match self.peek() {
            Some(b'0'..=b'9') => {}
            other => return Err(invalid(other.unwrap_or(END), context)),
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Outcome {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]);
        parse_float(&text).map(Value::Float).map_err(|_| {
            format!("json: cannot unmarshal number {text} into Go value of type float64")
        })
    }

    fn array(&mut self, depth: usize) -> Outcome {
        self.at += 1;
        let mut values = Vec::new();
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return self.call.any_list(values);
        }
        loop {
            self.blanks();
            values.push(self.value(depth + 1)?);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return self.call.any_list(values);
                }
                Some(other) => return Err(invalid(other, "after array element")),
                None => return Self::end(),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Outcome {
        self.at += 1;
        let mut entries: Vec<(Text, Value)> = Vec::new();
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return self.call.new_dict(entries);
        }
        loop {
            self.blanks();
            let key = match self.peek() {
                Some(b'"') => self.string()?,
                Some(other) => {
                    return Err(invalid(other, "looking for beginning of object key string"));
                }
                None => return Self::end(),
            };
            self.blanks();
            match self.peek() {
                Some(b':') => self.at += 1,
                Some(other) => return Err(invalid(other, "after object key")),
                None => return Self::end(),
            }
            self.blanks();
            entries.push((key, self.value(depth + 1)?));
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return self.call.new_dict(entries);
                }
                Some(other) => return Err(invalid(other, "after object key:value pair")),
                None => return Self::end(),
            }
        }
    }

    fn string(&mut self) -> Result<Text, String> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let Some(byte) = self.peek() else {
                return Self::end();
            };
            self.at += 1;
            match byte {
                b'"' => return Ok(Text::from(String::from_utf8_lossy(&bytes).into_owned())),
                b'\\' => self.escape(&mut bytes)?,
                0..=0x1f => return Err(invalid(byte, "in string literal")),
                byte => bytes.push(byte),
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), String> {
        let byte = self.peek().unwrap_or(END);
        self.at += 1;
        bytes.push(match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let first = self.unit()?;
                let character = self.character(first)?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            other => return Err(invalid(other, "in string escape code")),
        });
        Ok(())
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, String> {
        let mut unit = 0;
        for _ in 0..4 {
            let byte = self.peek().unwrap_or(END);
            let Some(digit) = char::from(byte).to_digit(16) else {
                return Err(invalid(byte, "in \\u hexadecimal character escape"));
            };
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }

    /// A character from one unit or from a pair; half a pair is a replacement character.
    fn character(&mut self, first: u32) -> Result<char, String> {
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let after = self.at;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let second = self.unit()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = after;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }
}

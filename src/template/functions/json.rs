//! JSON as Go's `encoding/json` writes it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::json_read::read;
use super::{Call, Function, byte};
use crate::template::fmt::{Float, float};
use crate::template::value::Parameter::{Any, String as Str};
use crate::template::value::{Kind, NESTING_LIMIT, Value, types};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("toJson", &[Any], |call| {
        call.string(write(call, true, false).unwrap_or_default())
    }),
    Function::new("mustToJson", &[Any], |call| {
        call.string(write(call, true, false)?)
    }),
    Function::new("toPrettyJson", &[Any], |call| {
        call.string(write(call, true, true).unwrap_or_default())
    }),
    Function::new("mustToPrettyJson", &[Any], |call| {
        call.string(write(call, true, true)?)
    }),
    Function::new("toRawJson", &[Any], |call| {
        call.string(write(call, false, false)?)
    }),
    Function::new("mustToRawJson", &[Any], |call| {
        call.string(write(call, false, false)?)
    }),
    Function::new("fromJson", &[Str], |call| {
        Ok(read(call).unwrap_or(Value::Nil))
    }),
    Function::new("mustFromJson", &[Str], read),
];

fn write(call: &Call<'_>, escape: bool, pretty: bool) -> Result<String, String> {
    let mut writer = Writer {
        out: String::new(),
        escape,
        pretty,
        room: call.budget.text_left(),
    };
    writer.value(call.value(0), 0)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    /// Whether `<`, `>` and `&` are escaped.
    escape: bool,
    pretty: bool,
    room: usize,
}

impl Writer {
    fn line(&mut self, depth: usize) {
        if self.pretty {
            self.out.push('\n');
            self.out.push_str(&"  ".repeat(depth));
        }
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth > NESTING_LIMIT || self.out.len() > self.room {
            return Err("the value is too deep or too long for JSON".to_owned());
        }
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Signed(value, _) => self.out.push_str(&value.to_string()),
            Value::Unsigned(value, _) => self.out.push_str(&value.to_string()),
            Value::Float(value) => self.number(Float::Double(*value), *value)?,
            Value::Float32(value) => self.number(Float::Single(*value), (*value).into())?,
            Value::Complex(..) => return Err("json: unsupported type: complex128".to_owned()),
            Value::String(text) => self.string(text),
            Value::List(list) if list.is_nil() => self.out.push_str("null"),
            Value::List(list) if *list.go_type() == types::BYTES => {
                let bytes: Vec<u8> = list.values().iter().filter_map(byte).collect();
                self.out
                    .push_str(&format!("\"{}\"", BASE64_STANDARD.encode(bytes)));
            }
            Value::List(list) => {
                self.out.push('[');
                for (index, item) in list.values().iter().enumerate() {
                    self.separate(index, depth);
                    self.value(item, depth + 1)?;
                }
                self.close(!list.values().is_empty(), ']', depth);
            }
            Value::Dict(dict) if dict.is_nil() => self.out.push_str("null"),
            Value::Dict(dict) => {
                let entries = dict.entries();
                let entries = entries.iter().map(|(key, value)| (&**key, value));
                self.object(entries, depth)?;
            }
            Value::Map(map) => {
                if !matches!(map.go_type().key().kind(), Kind::String | Kind::Signed) {
                    let name = map.go_type().name();
                    return Err(format!("json: unsupported type: {name}"));
                }
                if map.is_nil() {
                    self.out.push_str("null");
                    return Ok(());
                }
                // Numbers are keys by their digits, and sorted as such.
                let entries: BTreeMap<Vec<u8>, &Value> = map
                    .entries()
                    .iter()
                    .map(|(key, value)| (json_key(key), value))
                    .collect();
                let entries = entries.iter().map(|(key, value)| (key.as_slice(), *value));
                self.object(entries, depth)?;
            }
            Value::Object(object) => match object.json() {
                Some(text) => self.out.push_str(&text),
                None => {
                    let fields = object.fields();
                    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value));
                    self.object(fields, depth)?;
                }
            },
        }
        Ok(())
    }

    fn separate(&mut self, index: usize, depth: usize) {
        if index > 0 {
            self.out.push(',');
        }
        self.line(depth + 1);
    }

    fn close(&mut self, any: bool, bracket: char, depth: usize) {
        if any {
            self.line(depth);
        }
        self.out.push(bracket);
    }

    fn object<'v>(
        &mut self,
        entries: impl Iterator<Item = (&'v [u8], &'v Value)>,
        depth: usize,
    ) -> Result<(), String> {
        self.out.push('{');
        let mut any = false;
        for (index, (key, value)) in entries.enumerate() {
            any = true;
            self.separate(index, depth);
            self.string(key);
            self.out.push_str(if self.pretty { ": " } else { ":" });
            self.value(value, depth + 1)?;
        }
        self.close(any, '}', depth);
        Ok(())
    }

    fn number(&mut self, number: Float, value: f64) -> Result<(), String> {
        if !value.is_finite() {
            let text = float(number, 'g', None);
            return Err(format!("json: unsupported value: {text}"));
        }
        let magnitude = value.abs();
        let small = match number {
            Float::Double(_) => magnitude < 1e-6,
            Float::Single(_) => magnitude < f64::from(1e-6_f32),
        };
        if magnitude != 0.0 && (small || magnitude >= 1e21) {
            // e-09 becomes e-9.
            let text = float(number, 'e', None).replace("e-0", "e-");
            self.out.push_str(&text);
        } else {
            self.out.push_str(&float(number, 'f', None));
        }
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.push('"');
        for chunk in text.utf8_chunks() {
            for character in chunk.valid().chars() {
                self.character(character);
            }
            for _ in chunk.invalid() {
                self.out.push_str("\\ufffd");
            }
        }
        self.out.push('"');
    }

    fn character(&mut self, character: char) {
        match character {
            '"' => self.out.push_str("\\\""),
            '\\' => self.out.push_str("\\\\"),
            '\u{8}' => self.out.push_str("\\b"),
            '\u{c}' => self.out.push_str("\\f"),
            '\n' => self.out.push_str("\\n"),
            '\r' => self.out.push_str("\\r"),
            '\t' => self.out.push_str("\\t"),
            '<' | '>' | '&' if self.escape => self.escaped(character),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => self.escaped(character),
            other => self.out.push(other),
        }
    }

    fn escaped(&mut self, character: char) {
        self.out
            .push_str(&format!("\\u{:04x}", u32::from(character)));
    }
}

fn json_key(key: &Value) -> Vec<u8> {
    match key {
        Value::String(text) => text.to_vec(),
        Value::Signed(number, _) => number.to_string().into_bytes(),
        _ => Vec::new(),
    }
}

//! Go's built-in functions, without comparisons.

use super::{Body, Call, Function, Outcome};
use crate::template::fmt;
use crate::template::value::Parameter::{Any, Reflect, String as Str};
use crate::template::value::{Kind, Type, Value, types};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "and",
        fixed: &[Reflect],
        rest: Some(Reflect),
        body: Body::And,
    },
    Function {
        name: "or",
        fixed: &[Reflect],
        rest: Some(Reflect),
        body: Body::Or,
    },
    Function {
        name: "call",
        fixed: &[Reflect],
        rest: Some(Reflect),
        body: Body::Call,
    },
    Function::new("not", &[Reflect], |call| {
        Ok(Value::Bool(!call.value(0).truth()))
    }),
    Function::new("len", &[Reflect], len),
    Function::variadic("index", &[Reflect], Reflect, index),
    Function::variadic("slice", &[Reflect], Reflect, slice),
    Function::variadic("print", &[], Any, |call| {
        call.string(fmt::print(call.values(0), call.budget.text_left())?)
    }),
    Function::variadic("println", &[], Any, |call| {
        call.string(fmt::println(call.values(0), call.budget.text_left())?)
    }),
    Function::variadic("printf", &[Str], Any, |call| {
        let values: Vec<&Value> = call.values(1).collect();
        call.string(fmt::printf(call.text(0), &values, call.budget.text_left())?)
    }),
    Function::variadic("html", &[], Any, |call| {
        let text = joined(call)?;
        call.string(escape_html(&text))
    }),
    Function::variadic("js", &[], Any, |call| {
        let text = joined(call)?;
        call.string(escape_js(&text))
    }),
    Function::variadic("urlquery", &[], Any, |call| {
        let text = joined(call)?;
        call.string(escape_query(&text))
    }),
];

fn len(call: &Call<'_>) -> Outcome {
    let argument = call.arguments.first();
    let length = match call.value(0) {
        Value::String(text) => text.len(),
        Value::List(list) => list.values().len(),
        Value::Dict(dict) => dict.len(),
        Value::Map(map) => map.entries().len(),
        Value::Nil if argument.is_some_and(|argument| argument.interface) => {
            return Err("len of nil pointer".to_owned());
        }
        Value::Nil => {
            return Err("reflect: call of reflect.Value.Type on zero Value".to_owned());
        }
        other => {
            let name = other.type_name();
            return Err(format!("len of type {}", name.trim_start_matches('*')));
        }
    };
    Ok(Value::int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// An index, checked as `index` and `slice` do.
fn index_of(value: &Value, length: usize) -> Result<usize, String> {
    let number = match value {
        Value::Signed(number, _) => Some(i128::from(*number)),
        Value::Unsigned(number, _) => Some(i128::from(*number)),
        Value::Nil => return Err("cannot index slice/array with nil".to_owned()),
        other => {
            return Err(format!(
                "cannot index slice/array with type {}",
                other.type_name()
            ));
        }
    };
    number
        .and_then(|number| usize::try_from(number).ok())
        .filter(|number| *number <= length)
        .ok_or_else(|| format!("index out of range: {}", number.unwrap_or_default()))
}

fn index(call: &Call<'_>) -> Outcome {
    let mut item = call.value(0).clone();
    if item.is_nil() {
        return Err("index of untyped nil".to_owned());
    }
    for key in call.values(1) {
        item = one_index(&item, key)?;
    }
    Ok(item)
}

fn one_index(item: &Value, key: &Value) -> Outcome {
    match item {
        Value::List(list) => {
            let index = index_of(key, list.values().len())?;
            let value = list.values().get(index).cloned();
            value.ok_or_else(|| "reflect: slice index out of range".to_owned())
        }
        Value::String(text) => {
            let index = index_of(key, text.len())?;
            let byte = text.get(index).map(|byte| u64::from(*byte));
            byte.map(|byte| Value::Unsigned(byte, &types::UINT8))
                .ok_or_else(|| "reflect: string index out of range".to_owned())
        }
        Value::Dict(dict) => {
            let key = map_key(key, &types::STRING)?;
            Ok(match key {
                Value::String(key) => dict.get(&key).unwrap_or(Value::Nil),
                _ => Value::Nil,
            })
        }
        Value::Map(map) => {
            let key = map_key(key, map.go_type().key())?;
            let found = map.get(&key).cloned();
            Ok(found.unwrap_or_else(|| Value::zero(map.go_type().element())))
        }
        Value::Nil => Err("index of nil pointer".to_owned()),
        other => Err(format!(
            "can't index item of type {}",
            other.type_name().trim_start_matches('*')
        )),
    }
}

/// A key of the type that a map wants; integers convert to each other.
fn map_key(key: &Value, wanted: &'static Type) -> Outcome {
    let Some(got) = key.go_type() else {
        return Err(format!("value is nil; should be of type {}", wanted.name()));
    };
    if got == wanted {
        return Ok(key.clone());
    }
    match (key, wanted.kind()) {
        (Value::Signed(number, _), Kind::Signed) => Ok(Value::Signed(*number, wanted)),
        (Value::Unsigned(number, _), Kind::Signed) => {
            Ok(Value::Signed(number.cast_signed(), wanted))
        }
        _ => Err(format!(
            "value has type {}; should be {}",
            got.name(),
            wanted.name()
        )),
    }
}

/// Go's own `slice`, which sprig's replaces.
fn slice(call: &Call<'_>) -> Outcome {
    let item = call.value(0);
    let length = match item {
        Value::Nil => return Err("slice of untyped nil".to_owned()),
        Value::String(_) if call.len() > 3 => {
            return Err("cannot 3-index slice a string".to_owned());
        }
        _ if call.len() > 4 => {
            return Err(format!("too many slice indexes: {}", call.len() - 1));
        }
        Value::String(text) => text.len(),
        Value::List(list) => list.values().len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(call.values(1)) {
        *bound = index_of(index, length)?;
    }
    let [from, to, most] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if call.len() == 4 && to > most {
        return Err(format!("invalid slice index: {to} > {most}"));
    }
    match item {
        Value::List(list) => {
            let values = list.values()[from..to].to_vec();
            call.list(list.go_type(), values)
        }
        _ => call.string(&call.text(0)[from..to]),
    }
}

/// The operands as `print` joins them; what is missing reads as in an action.
fn joined(call: &Call<'_>) -> Result<Vec<u8>, String> {
    let missing = Value::from("<no value>");
    let values = call.values(0).map(|value| match value {
        Value::Nil => &missing,
        other => other,
    });
    fmt::print(values, call.budget.text_left())
}

fn escape_html(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'"' => escaped.extend_from_slice(b"&#34;"),
            b'\'' => escaped.extend_from_slice(b"&#39;"),
            b'&' => escaped.extend_from_slice(b"&amp;"),
            b'<' => escaped.extend_from_slice(b"&lt;"),
            b'>' => escaped.extend_from_slice(b"&gt;"),
            0 => escaped.extend_from_slice("\u{fffd}".as_bytes()),
            other => escaped.push(*other),
        }
    }
    escaped
}

fn escape_js(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => escaped.extend_from_slice(b"\\\\"),
                '\'' => escaped.extend_from_slice(b"\\'"),
                '"' => escaped.extend_from_slice(b"\\\""),
                '<' | '>' | '&' | '=' | '\0'..='\u{1f}' => {
                    escaped.extend(format!("\\u{:04X}", u32::from(character)).bytes());
                }
                other if other.is_ascii() || fmt::is_printable(other) => {
                    escaped.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                }
                other => escaped.extend(format!("\\u{:04X}", u32::from(other)).bytes()),
            }
        }
        escaped.extend_from_slice(chunk.invalid());
    }
    escaped
}

/// `url.QueryEscape`.
fn escape_query(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b' ' => escaped.push(b'+'),
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) => escaped.push(*byte),
            byte => escaped.extend(format!("%{byte:02X}").bytes()),
        }
    }
    escaped
}

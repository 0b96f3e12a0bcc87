//! Strings: trimming, searching, cutting, joining.

use super::case::{characters, is_space, lower, upper};
use super::{Call, Function, Outcome};
use crate::template::fmt::quoted;
use crate::template::value::Parameter::{Any, Int, String as Str};
use crate::template::value::{Map, Text, Value, types};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("hello", &[], |call| call.string("Hello!")),
    Function::new("fail", &[Str], |call| Err(call.str(0).into_owned())),
    Function::new("trim", &[Str], |call| {
        call.string(call.str(0).trim_matches(is_space).as_bytes())
    }),
    Function::new("trimAll", &[Str, Str], trim_all),
    Function::new("trimall", &[Str, Str], trim_all),
    Function::new("trimPrefix", &[Str, Str], |call| {
        let text = call.text(1);
        call.string(text.strip_prefix(call.text(0)).unwrap_or(text))
    }),
    Function::new("trimSuffix", &[Str, Str], |call| {
        let text = call.text(1);
        call.string(text.strip_suffix(call.text(0)).unwrap_or(text))
    }),
    Function::new("contains", &[Str, Str], |call| {
        Ok(Value::Bool(find(call.text(1), call.text(0)).is_some()))
    }),
    Function::new("hasPrefix", &[Str, Str], |call| {
        Ok(Value::Bool(call.text(1).starts_with(call.text(0))))
    }),
    Function::new("hasSuffix", &[Str, Str], |call| {
        Ok(Value::Bool(call.text(1).ends_with(call.text(0))))
    }),
    Function::new("replace", &[Str, Str, Str], |call| {
        replaced(call, call.text(2), call.text(0), call.text(1))
    }),
    Function::new("repeat", &[Int, Str], |call| {
        repeated(call, call.text(1), call.int(0))
    }),
    Function::new("substr", &[Int, Int, Str], substr),
    Function::new("trunc", &[Int, Str], trunc),
    Function::new("abbrev", &[Int, Str], |call| {
        abbreviated(call, call.text(1), 0, call.int(0))
    }),
    Function::new("abbrevboth", &[Int, Int, Str], |call| {
        let (left, width, text) = (call.int(0), call.int(1), call.text(2));
        if left > 0 && width < 7 {
            return call.string(text);
        }
        abbreviated(call, text, left, width)
    }),
    Function::new("initials", &[Str], initials),
    Function::new("nospace", &[Str], nospace),
    Function::new("plural", &[Str, Str, Int], |call| {
        call.string(call.text(usize::from(call.int(2) != 1)))
    }),
    Function::variadic("quote", &[], Any, |call| {
        joined(call, |text| quoted(text).into_bytes(), true)
    }),
    Function::variadic("squote", &[], Any, |call| {
        joined(call, |text| [b"'", text, b"'"].concat(), false)
    }),
    Function::variadic("cat", &[], Any, cat),
    Function::new("indent", &[Int, Str], |call| indented(call, b"")),
    Function::new("nindent", &[Int, Str], |call| indented(call, b"\n")),
    Function::new("toString", &[Any], |call| {
        call.string(call.shown(call.value(0))?)
    }),
    Function::new("toStrings", &[Any], |call| {
        let texts = texts(call, call.value(0))?;
        call.strings(texts)
    }),
    Function::new("join", &[Str, Any], |call| {
        let texts = texts(call, call.value(1))?;
        let size = texts
            .iter()
            .map(|text| text.len() + call.text(0).len())
            .sum();
        call.budget.text(size)?;
        let texts: Vec<&[u8]> = texts.iter().map(|text| &**text).collect();
        Ok(Value::from(texts.join(call.text(0))))
    }),
    Function::new("sortAlpha", &[Any], |call| {
        let mut texts = match call.value(0) {
            value @ Value::List(_) => texts(call, value)?,
            other => vec![Text::from(call.shown(other)?)],
        };
        texts.sort();
        call.strings(texts)
    }),
    Function::new("split", &[Str, Str], |call| {
        let parts = split(call.text(1), call.text(0), None);
        numbered(call, &parts)
    }),
    Function::new("splitn", &[Str, Int, Str], |call| {
        let most = usize::try_from(call.int(1)).ok();
        let parts = split(call.text(2), call.text(0), most);
        numbered(call, &parts)
    }),
    Function::new("splitList", &[Str, Str], |call| {
        call.strings(split(call.text(1), call.text(0), None))
    }),
];

/// The place of a text in another.
fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    let mut at = 0;
    while let Some(found) = text[at..].iter().position(|byte| *byte == part[0]) {
        at += found;
        if text[at..].starts_with(part) {
            return Some(at);
        }
        at += 1;
    }
    None
}

fn trim_all(call: &Call<'_>) -> Outcome {
    let set = call.str(0).into_owned();
    let text = call.str(1);
    call.string(text.trim_matches(|c| set.contains(c)).as_bytes())
}

/// `strings.ReplaceAll`: an empty `old` stands before every character and at the end.
fn replaced(call: &Call<'_>, text: &[u8], old: &[u8], new: &[u8]) -> Outcome {
    let places = if old.is_empty() {
        text.len() + 1
    } else {
        text.len() / old.len()
    };
    // Never more than this, often less; what is really made is charged.
    if places.saturating_mul(new.len()) > call.budget.text_left() {
        let count = split(text, old, None).len();
        call.budget.text(count.saturating_mul(new.len()))?;
    }
    let mut result = Vec::with_capacity(text.len());
    if old.is_empty() {
        for (_, piece) in characters(text) {
            result.extend_from_slice(new);
            result.extend_from_slice(piece);
        }
        result.extend_from_slice(new);
        return call.string(result);
    }
    let mut rest = text;
    while let Some(at) = find(rest, old) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    result.extend_from_slice(rest);
    call.string(result)
}

fn repeated(call: &Call<'_>, text: &[u8], count: i64) -> Outcome {
    let Ok(count) = usize::try_from(count) else {
        return Err("strings: negative Repeat count".to_owned());
    };
    let Some(size) = text.len().checked_mul(count) else {
        return Err("strings: Repeat output length overflow".to_owned());
    };
    call.budget.text(size)?;
    Ok(Value::from(if size == 0 {
        Vec::new()
    } else {
        text.repeat(count)
    }))
}

/// What Go's runtime says about a slice of a string that is none.
fn bounds(from: &str, to: &str, length: Option<usize>) -> String {
    let length = length.map_or_else(String::new, |length| format!(" with length {length}"));
    format!("runtime error: slice bounds out of range [{from}:{to}]{length}")
}

fn substr(call: &Call<'_>) -> Outcome {
    let (start, end, text) = (call.int(0), call.int(1), call.text(2));
    let length = text.len();
    let index = |value: i64| usize::try_from(value).ok();
    let Some(from) = index(start) else {
        let Some(to) = index(end) else {
            return Err(bounds("", &end.to_string(), None));
        };
        let part = text.get(..to);
        let part = part.ok_or_else(|| bounds("", &to.to_string(), Some(length)))?;
        return call.string(part);
    };
    let to = index(end).filter(|end| *end <= length).unwrap_or(length);
    let part = text.get(from..to);
    call.string(part.ok_or_else(|| bounds(&from.to_string(), &to.to_string(), None))?)
}

fn trunc(call: &Call<'_>) -> Outcome {
    let text = call.text(1);
    let count = call.int(0);
    let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    call.string(if size >= text.len() {
        text
    } else if count < 0 {
        &text[text.len() - size..]
    } else {
        &text[..size]
    })
}

/// goutils' `AbbreviateFull`, in bytes.
fn abbreviated(call: &Call<'_>, text: &[u8], offset: i64, width: i64) -> Outcome {
    let Ok(width) = usize::try_from(width) else {
        return call.string(text);
    };
    if width < 4 || text.len() <= width {
        return call.string(text);
    }
    let mut offset = usize::try_from(offset).unwrap_or(0).min(text.len());
    if text.len() - offset < width - 3 {
        offset = text.len() - (width - 3);
    }
    if offset <= 4 {
        return call.string([&text[..width - 3], b"..."].concat());
    }
    if width < 7 {
        return call.string("");
    }
    if offset + width - 3 < text.len() {
        let rest = &text[offset..];
        let width = width - 3;
        let middle = if rest.len() <= width {
            rest.to_vec()
        } else {
            [&rest[..width - 3], b"..."].concat()
        };
        return call.string([b"...", middle.as_slice()].concat());
    }
    call.string([b"...", &text[text.len() - (width - 3)..]].concat())
}

/// The first byte of each word, every byte taken for a character.
fn initials(call: &Call<'_>) -> Outcome {
    let mut gap = true;
    let mut result = String::new();
    for character in call.text(0).iter().map(|byte| char::from(*byte)) {
        if is_space(character) {
            gap = true;
        } else if std::mem::take(&mut gap) {
            result.push(character);
        }
    }
    call.string(result)
}

/// Every byte taken for a character, as soon as one of them is white space.
fn nospace(call: &Call<'_>) -> Outcome {
    let text = call.text(0);
    let kept: String = text
        .iter()
        .map(|byte| char::from(*byte))
        .filter(|character| !is_space(*character))
        .collect();
    if kept.chars().count() == text.len() {
        return call.string(text);
    }
    call.string(kept)
}

/// Arguments that are not nil, each in quotes, blanks between.
fn joined(call: &Call<'_>, quote: impl Fn(&[u8]) -> Vec<u8>, bytes_as_text: bool) -> Outcome {
    let mut parts = Vec::new();
    for value in call.values(0).filter(|value| !value.is_nil()) {
        let text = if bytes_as_text {
            call.shown(value)?
        } else {
            call.plain(value)?
        };
        parts.push(quote(&text));
    }
    call.string(parts.join(b" ".as_slice()))
}

fn cat(call: &Call<'_>) -> Outcome {
    let mut parts = Vec::new();
    for value in call.values(0).filter(|value| !value.is_nil()) {
        parts.push(call.plain(value)?);
    }
    call.string(parts.join(b" ".as_slice()))
}

fn indented(call: &Call<'_>, before: &[u8]) -> Outcome {
    let (count, text) = (call.int(0), call.text(1));
    let Ok(count) = usize::try_from(count) else {
        return Err("strings: negative Repeat count".to_owned());
    };
    let lines = text.split(|byte| *byte == b'\n').count();
    let size = lines.saturating_mul(count).saturating_add(text.len());
    call.budget.text(size)?;
    let mut result = before.to_vec();
    result.resize(result.len() + count, b' ');
    for byte in text {
        result.push(*byte);
        if *byte == b'\n' {
            result.resize(result.len() + count, b' ');
        }
    }
    Ok(Value::from(result))
}

/// The elements of a list as texts, without nils; anything else as one text.
fn texts(call: &Call<'_>, value: &Value) -> Result<Vec<Text>, String> {
    match value {
        Value::Nil => Ok(Vec::new()),
        Value::List(list) => list
            .values()
            .iter()
            .filter(|item| !item.is_nil())
            .map(|item| match item {
                Value::String(text) => Ok(text.clone()),
                other => call.shown(other).map(Text::from),
            })
            .collect(),
        other => Ok(vec![Text::from(call.shown(other)?)]),
    }
}

/// `strings.SplitN`; an empty separator splits after each character.
fn split<'t>(text: &'t [u8], separator: &[u8], most: Option<usize>) -> Vec<&'t [u8]> {
    let most = most.unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    if most == 0 {
        return parts;
    }
    let mut rest = text;
    while parts.len() + 1 < most {
        let cut = if separator.is_empty() {
            characters(rest)
                .next()
                .map(|(_, piece)| piece.len())
                .filter(|length| *length < rest.len())
        } else {
            find(rest, separator)
        };
        let Some(at) = cut else { break };
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    if !(separator.is_empty() && rest.is_empty()) {
        parts.push(rest);
    }
    parts
}

/// Parts under the keys `_0`, `_1` and so on.
fn numbered(call: &Call<'_>, parts: &[&[u8]]) -> Outcome {
    let size = parts.iter().map(|part| part.len() + 8).sum();
    call.budget.text(size)?;
    let entries = parts.iter().enumerate();
    let entries =
        entries.map(|(index, part)| (Value::from(format!("_{index}")), Value::from(*part)));
    Ok(Value::Map(Map::new(&types::STRING_MAP, entries.collect())))
}

/// Lower case, for `case`.
pub(super) fn lowered(call: &Call<'_>) -> Outcome {
    let text = call.text(0);
    if text.is_ascii() {
        return call.string(text.to_ascii_lowercase());
    }
    let text: String = characters(text).map(|(c, _)| lower(c)).collect();
    call.string(text)
}

/// Upper case, for `case`.
pub(super) fn uppered(call: &Call<'_>) -> Outcome {
    let text = call.text(0);
    if text.is_ascii() {
        return call.string(text.to_ascii_uppercase());
    }
    let text: String = characters(text).map(|(c, _)| upper(c)).collect();
    call.string(text)
}

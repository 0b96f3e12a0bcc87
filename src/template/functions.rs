//! The functions of every template.

use std::cmp::Ordering;
use std::sync::Arc;

use super::format;
use super::value::Value;

const KEYWORDS: &[&str] = &[
    "break", "block", "continue", "define", "else", "end", "if", "range", "nil", "template", "with",
];

/// Go's built-in functions and the string functions of sprig that messages use.
const FUNCTIONS: &[&str] = &[
    "and",
    "or",
    "not",
    "len",
    "index",
    "print",
    "printf",
    "println",
    "html",
    "js",
    "urlquery",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "lower",
    "upper",
    "trim",
    "trimPrefix",
    "trimSuffix",
    "contains",
    "hasPrefix",
    "hasSuffix",
    "replace",
    "quote",
    "squote",
    "default",
    "toString",
    "join",
    "splitList",
    "first",
    "last",
    "trunc",
    "indent",
    "nindent",
    "title",
    "repeat",
    "empty",
    "sha256sum",
    "sha1sum",
    "list",
    "add",
    "sub",
    "mul",
    "base",
    "dir",
    "nospace",
    "ternary",
    "coalesce",
    "cat",
    "toJson",
];

pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

pub(super) fn is_function(word: &str) -> bool {
    FUNCTIONS.contains(&word)
}

/// Calls a function other than `and` and `or`, which the caller evaluates lazily.
pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let text = |index: usize| arguments.get(index).map(format::plain).unwrap_or_default();
    let string = |text: String| Ok(Value::string(&text));
    let last = || arguments.last().cloned().unwrap_or(Value::Nil);
    need(name, arguments.len())?;
    match name {
        "not" => Ok(Value::Bool(!last().truth())),
        "len" => length(&last()),
        "index" => index(arguments),
        "print" => string(format::print(arguments)),
        "println" => string(format::println(arguments)),
        "printf" => string(format::printf(&text(0), &arguments[1..])),
        "html" => string(escape_html(&format::print(arguments))),
        "js" => string(escape_js(&format::print(arguments))),
        "urlquery" => string(escape_query(&format::print(arguments))),
        "eq" => equal_to_any(arguments),
        "ne" => equal(&arguments[0], &arguments[1]).map(|equal| Value::Bool(!equal)),
        "lt" | "le" | "gt" | "ge" => ordered(name, &arguments[0], &arguments[1]),
        _ => sprig(name, arguments),
    }
}

fn need(name: &str, count: usize) -> Result<(), String> {
    let (least, most) = match name {
        "not" | "len" => (1, 1),
        "index" | "printf" | "eq" => (1, usize::MAX),
        "ne" | "lt" | "le" | "gt" | "ge" => (2, 2),
        _ => return Ok(()),
    };
    if (least..=most).contains(&count) {
        return Ok(());
    }
    let want = if most == usize::MAX {
        format!("at least {least}")
    } else {
        least.to_string()
    };
    Err(format!(
        "wrong number of args for {name}: want {want} got {count}"
    ))
}

fn length(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::String(text) => text.len(),
        Value::List(items, _) => items.len(),
        Value::Map(entries, _) => entries.len(),
        Value::Nil | Value::Missing => {
            return Err("error calling len: len of nil pointer".to_owned());
        }
        other => {
            return Err(format!(
                "error calling len: len of type {}",
                other.type_name()
            ));
        }
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index(arguments: &[Value]) -> Result<Value, String> {
    let mut value = arguments[0].clone();
    for key in &arguments[1..] {
        value = match (&value, key) {
            (Value::List(items, _), Value::Int(at)) => usize::try_from(*at)
                .ok()
                .and_then(|at| items.get(at))
                .cloned()
                .ok_or_else(|| format!("error calling index: index out of range: {at}"))?,
            (Value::Map(entries, _), key) => entries
                .iter()
                .find(|(candidate, _)| equal(candidate, key).unwrap_or(false))
                .map_or(Value::string(""), |(_, value)| value.clone()),
            (Value::Nil | Value::Missing, _) => {
                return Err("error calling index: index of untyped nil".to_owned());
            }
            (other, _) => {
                return Err(format!(
                    "error calling index: can't index item of type {}",
                    other.type_name()
                ));
            }
        };
    }
    Ok(value)
}

fn equal_to_any(arguments: &[Value]) -> Result<Value, String> {
    if arguments.len() < 2 {
        return Err("error calling eq: missing argument for comparison".to_owned());
    }
    for other in &arguments[1..] {
        if equal(&arguments[0], other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Ok(left == right),
        (Value::Int(left), Value::Int(right)) => Ok(left == right),
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        #[expect(clippy::float_cmp, reason = "Go compares exactly")]
        (Value::Float(left), Value::Float(right)) => Ok(left == right),
        (Value::Nil | Value::Missing, Value::Nil | Value::Missing) => Ok(true),
        (Value::Nil | Value::Missing, _) | (_, Value::Nil | Value::Missing) => Ok(false),
        (Value::Object(_), Value::Object(_)) => Ok(left.key_order(right).is_eq()),
        _ => Err("error calling eq: incompatible types for comparison".to_owned()),
    }
}

fn ordered(name: &str, left: &Value, right: &Value) -> Result<Value, String> {
    let order = match (left, right) {
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Float(left), Value::Float(right)) => {
            left.partial_cmp(right).unwrap_or(Ordering::Greater)
        }
        _ => {
            return Err(format!(
                "error calling {name}: incompatible types for comparison"
            ));
        }
    };
    Ok(Value::Bool(match name {
        "lt" => order.is_lt(),
        "le" => order.is_le(),
        "gt" => order.is_gt(),
        _ => order.is_ge(),
    }))
}

fn escape_html(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        match character {
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\0' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
        escaped
    })
}

fn escape_js(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("\\'"),
            '"' => escaped.push_str("\\\""),
            '<' | '>' | '&' | '=' => escaped.push_str(&format!("\\u{:04X}", u32::from(character))),
            other if other.is_control() => {
                escaped.push_str(&format!("\\u{:04X}", u32::from(other)));
            }
            other => escaped.push(other),
        }
        escaped
    })
}

fn escape_query(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        match byte {
            b' ' => escaped.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => {
                escaped.push(char::from(byte));
            }
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
        escaped
    })
}

/// Functions of sprig.
fn sprig(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let text = |index: usize| arguments.get(index).map(format::plain).unwrap_or_default();
    let subject = || arguments.last().map(format::plain).unwrap_or_default();
    let string = |text: String| Ok(Value::string(&text));
    let number = |index: usize| match arguments.get(index) {
        Some(Value::Int(number)) => *number,
        Some(Value::Float(number)) if number.is_finite() => {
            format!("{number:.0}").parse().unwrap_or(0)
        }
        Some(other) => format::plain(other).parse().unwrap_or(0),
        None => 0,
    };
    let count = |index: usize| usize::try_from(number(index)).unwrap_or(0).min(100_000);
    match name {
        "lower" => string(subject().to_lowercase()),
        "upper" => string(subject().to_uppercase()),
        "trim" => string(subject().trim().to_owned()),
        "trimPrefix" => {
            let subject = subject();
            string(
                subject
                    .strip_prefix(&text(0))
                    .unwrap_or(&subject)
                    .to_owned(),
            )
        }
        "trimSuffix" => {
            let subject = subject();
            string(
                subject
                    .strip_suffix(&text(0))
                    .unwrap_or(&subject)
                    .to_owned(),
            )
        }
        "contains" => Ok(Value::Bool(subject().contains(&text(0)))),
        "hasPrefix" => Ok(Value::Bool(subject().starts_with(&text(0)))),
        "hasSuffix" => Ok(Value::Bool(subject().ends_with(&text(0)))),
        "replace" => string(subject().replace(&text(0), &text(1))),
        "quote" => string(joined(arguments, crate::semver::quote)),
        "squote" => string(joined(arguments, |text| format!("'{text}'"))),
        "default" => {
            let given = arguments.get(1).cloned().unwrap_or(Value::Nil);
            let default = arguments.first().cloned().unwrap_or(Value::Nil);
            Ok(if given.truth() { given } else { default })
        }
        "coalesce" => Ok(arguments
            .iter()
            .find(|v| v.truth())
            .cloned()
            .unwrap_or(Value::Nil)),
        "empty" => Ok(Value::Bool(!arguments.last().is_some_and(Value::truth))),
        "ternary" => {
            let yes = arguments.last().is_some_and(Value::truth);
            Ok(arguments
                .get(usize::from(!yes))
                .cloned()
                .unwrap_or(Value::Nil))
        }
        "toString" => string(subject()),
        "cat" => string(
            arguments
                .iter()
                .map(format::plain)
                .collect::<Vec<_>>()
                .join(" "),
        ),
        "nospace" => string(subject().chars().filter(|c| !c.is_whitespace()).collect()),
        "join" => string(strings(arguments.last()).join(&text(0))),
        "splitList" => {
            let (subject, separator) = (subject(), text(0));
            let items = subject.split(&separator).map(Value::string).collect();
            Ok(Value::List(Arc::new(items), "string"))
        }
        "list" => Ok(Value::List(Arc::new(arguments.to_vec()), "interface {}")),
        "first" | "last" => Ok(end_of(name, arguments.last())),
        "trunc" => string(truncate(&subject(), number(0))),
        "indent" => string(indent(&subject(), count(0))),
        "nindent" => string(format!("\n{}", indent(&subject(), count(0)))),
        "title" => string(title(&subject())),
        "repeat" => {
            let (times, subject) = (count(0), subject());
            if times.saturating_mul(subject.len()) > super::exec::OUTPUT_LIMIT {
                return Err("error calling repeat: the result is too large".to_owned());
            }
            string(subject.repeat(times))
        }
        "sha256sum" => string(hash::<sha2::Sha256>(&subject())),
        "sha1sum" => string(hash::<sha1::Sha1>(&subject())),
        "add" => Ok(Value::Int(
            (0..arguments.len()).map(number).fold(0, i64::wrapping_add),
        )),
        "sub" => Ok(Value::Int(number(0).wrapping_sub(number(1)))),
        "mul" => Ok(Value::Int(
            (0..arguments.len()).map(number).fold(1, i64::wrapping_mul),
        )),
        "base" => string(subject().rsplit('/').next().unwrap_or_default().to_owned()),
        "dir" => string(
            subject()
                .rsplit_once('/')
                .map_or(".", |(dir, _)| dir)
                .to_owned(),
        ),
        "toJson" => string(to_json(arguments.last())),
        _ => Err(format!("error calling {name}: unknown function")),
    }
}

fn joined(arguments: &[Value], each: impl Fn(&str) -> String) -> String {
    let texts: Vec<String> = arguments
        .iter()
        .filter(|value| !matches!(value, Value::Nil | Value::Missing))
        .map(|value| each(&format::plain(value)))
        .collect();
    texts.join(" ")
}

fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::List(items, _)) => items.iter().map(format::plain).collect(),
        Some(other) => vec![format::plain(other)],
        None => Vec::new(),
    }
}

fn end_of(name: &str, value: Option<&Value>) -> Value {
    let Some(Value::List(items, _)) = value else {
        return Value::Nil;
    };
    let item = if name == "first" {
        items.first()
    } else {
        items.last()
    };
    item.cloned().unwrap_or(Value::Nil)
}

fn truncate(text: &str, count: i64) -> String {
    let length = text.len();
    let cut = usize::try_from(count.unsigned_abs())
        .unwrap_or(usize::MAX)
        .min(length);
    let bytes = text.as_bytes();
    let part = if count < 0 {
        &bytes[length - cut..]
    } else {
        &bytes[..cut]
    };
    String::from_utf8_lossy(part).into_owned()
}

fn indent(text: &str, count: usize) -> String {
    let blanks = " ".repeat(count);
    format!("{blanks}{}", text.replace('\n', &format!("\n{blanks}")))
}

fn title(text: &str) -> String {
    let mut start = true;
    text.chars()
        .map(|character| {
            let shown = if start {
                character.to_uppercase().next().unwrap_or(character)
            } else {
                character
            };
            start = character.is_whitespace();
            shown
        })
        .collect()
}

fn hash<D: sha2::Digest>(text: &str) -> String {
    D::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn to_json(value: Option<&Value>) -> String {
    fn convert(value: &Value) -> Option<serde_json::Value> {
        Some(match value {
            Value::Nil | Value::Missing => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::String(text) => text.to_string().into(),
            Value::List(items, _) => items
                .iter()
                .map(convert)
                .collect::<Option<Vec<_>>>()?
                .into(),
            Value::Map(entries, _) => {
                let mut object = serde_json::Map::new();
                for (key, value) in entries.iter() {
                    let Value::String(key) = key else {
                        return None;
                    };
                    object.insert(key.to_string(), convert(value)?);
                }
                object.into()
            }
            Value::Object(object) => {
                let mut map = serde_json::Map::new();
                for (name, value) in object.fields() {
                    map.insert(name.to_owned(), convert(&value)?);
                }
                map.into()
            }
        })
    }
    value
        .and_then(convert)
        .map(|json| json.to_string())
        .unwrap_or_default()
}

//! Printing of values as Go's `fmt` does.

use std::fmt::Write as _;

use super::value::Value;
use crate::semver::quote;

/// A value as `%v` prints it.
pub(super) fn plain(value: &Value) -> String {
    let mut text = String::new();
    write_plain(value, &mut text);
    text
}

fn write_plain(value: &Value, text: &mut String) {
    match value {
        Value::Nil | Value::Missing => text.push_str("<nil>"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => {
            // Writing to a string cannot fail.
            let _ = write!(text, "{value}");
        }
        Value::Float(value) => text.push_str(&float(*value)),
        Value::String(value) => text.push_str(value),
        Value::List(items, _) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                write_plain(item, text);
            }
            text.push(']');
        }
        Value::Map(entries, _) => {
            text.push_str("map[");
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                write_plain(key, text);
                text.push(':');
                write_plain(value, text);
            }
            text.push(']');
        }
        Value::Object(object) => {
            if let Some(string) = object.string() {
                text.push_str(&string)
            } else {
                text.push('{');
                for (index, (_, value)) in object.fields().iter().enumerate() {
                    if index > 0 {
                        text.push(' ');
                    }
                    write_plain(value, text);
                }
                text.push('}');
            }
        }
    }
}

/// `%v` of a float: shortest digits, an exponent below 1e-4 and from 1e21 on.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..21).contains(&exponent) || value == 0.0 {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// `print`: blanks between operands when neither is a string.
pub(super) fn print(values: &[Value]) -> String {
    let mut text = String::new();
    for (index, value) in values.iter().enumerate() {
        let is_string = |value: &Value| matches!(value, Value::String(_));
        if index > 0 && !is_string(value) && !is_string(&values[index - 1]) {
            text.push(' ');
        }
        write_plain(value, &mut text);
    }
    text
}

/// `println`: blanks between all operands, a line break behind them.
pub(super) fn println(values: &[Value]) -> String {
    let mut text = values.iter().map(plain).collect::<Vec<_>>().join(" ");
    text.push('\n');
    text
}

/// A directive of `printf`.
#[derive(Default)]
struct Directive {
    minus: bool,
    plus: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `printf`.
pub(super) fn printf(format: &str, values: &[Value]) -> String {
    let mut text = String::new();
    let mut arguments = values.iter();
    let mut used = 0;
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let mut directive = Directive::default();
        while let Some(flag) = characters.next_if(|c| matches!(c, '-' | '+' | '0' | ' ' | '#')) {
            directive.minus |= flag == '-';
            directive.plus |= flag == '+';
            directive.zero |= flag == '0';
        }
        let number = |characters: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut digits = String::new();
            while let Some(digit) = characters.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            digits
                .parse::<usize>()
                .ok()
                .map(|width| width.min(1_000_000))
        };
        directive.width = number(&mut characters);
        if characters.next_if_eq(&'.').is_some() {
            directive.precision = Some(number(&mut characters).unwrap_or(0));
        }
        match characters.next() {
            None => text.push_str("%!(NOVERB)"),
            Some('%') => text.push('%'),
            Some(verb) => match arguments.next() {
                None => {
                    let _ = write!(text, "%!{verb}(MISSING)");
                }
                Some(value) => {
                    used += 1;
                    text.push_str(&pad(&verb_text(verb, value, &directive), &directive));
                }
            },
        }
    }
    if used < values.len() {
        text.push_str("%!(EXTRA ");
        for (index, value) in values[used..].iter().enumerate() {
            if index > 0 {
                text.push_str(", ");
            }
            let _ = write!(text, "{}={}", value.type_name(), plain(value));
        }
        text.push(')');
    }
    text
}

fn pad(text: &str, directive: &Directive) -> String {
    let width = directive.width.unwrap_or(0);
    let missing = width.saturating_sub(text.chars().count());
    if directive.minus {
        format!("{text}{}", " ".repeat(missing))
    } else if directive.zero {
        match text.strip_prefix(['-', '+']) {
            Some(rest) => format!("{}{}{rest}", &text[..1], "0".repeat(missing)),
            None => format!("{}{text}", "0".repeat(missing)),
        }
    } else {
        format!("{}{text}", " ".repeat(missing))
    }
}

fn verb_text(verb: char, value: &Value, directive: &Directive) -> String {
    let cut = |text: String| match directive.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text,
    };
    match (verb, value) {
        ('v', value) => plain(value),
        ('T', value) => value.type_name(),
        ('s', Value::String(text)) => cut(text.to_string()),
        ('s', Value::Object(_) | Value::List(..) | Value::Map(..)) => cut(plain(value)),
        ('q', Value::String(text)) => quote(text),
        ('q', Value::Object(object)) => object.string().map_or_else(|| plain(value), |s| quote(&s)),
        ('d', Value::Int(number)) if directive.plus => format!("{number:+}"),
        ('d', Value::Int(number)) => number.to_string(),
        ('x', Value::Int(number)) => format!("{number:x}"),
        ('X', Value::Int(number)) => format!("{number:X}"),
        ('o', Value::Int(number)) => format!("{number:o}"),
        ('b', Value::Int(number)) => format!("{number:b}"),
        ('c', Value::Int(number)) => u32::try_from(*number)
            .ok()
            .and_then(char::from_u32)
            .map_or_else(|| "\u{fffd}".to_owned(), String::from),
        ('x', Value::String(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Value::String(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ('t', Value::Bool(value)) => value.to_string(),
        ('f' | 'F', Value::Float(value)) => {
            format!("{value:.*}", directive.precision.unwrap_or(6))
        }
        ('g', Value::Float(value)) => float(*value),
        (verb, Value::Nil | Value::Missing) => format!("%!{verb}(<nil>)"),
        (verb, value) => format!("%!{verb}({}={})", value.type_name(), plain(value)),
    }
}

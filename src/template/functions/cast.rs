//! Conversions of spf13/cast, which sprig's arithmetic makes of its arguments.

use crate::number::parse_float;
use crate::template::syntax::parse_integer;
use crate::template::value::Value;

/// Anything as an integer: what is no number is zero.
pub(super) fn integer(value: &Value) -> i64 {
    match value {
        Value::Signed(value, _) => *value,
        Value::Unsigned(value, _) => value.cast_signed(),
        Value::Float(value) => truncated(*value),
        Value::Float32(value) => truncated((*value).into()),
        Value::Bool(value) => (*value).into(),
        Value::String(text) => parse_integer(without_zero_fraction(&text.to_str())).unwrap_or(0),
        _ => 0,
    }
}

/// Anything as a float: what is no number is zero.
#[expect(clippy::cast_precision_loss, reason = "as Go converts")]
pub(super) fn float(value: &Value) -> f64 {
    match value {
        Value::Signed(value, _) => *value as f64,
        Value::Unsigned(value, _) => *value as f64,
        Value::Float(value) => *value,
        Value::Float32(value) => (*value).into(),
        Value::Bool(value) => u8::from(*value).into(),
        Value::String(text) => parse_float(&text.to_str()).unwrap_or(0.0),
        _ => 0.0,
    }
}

/// What a processor of Go's most common platform makes of a float: out of range is the least integer.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn truncated(value: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}

/// `5.0` and `5.00` read as `5`; `5.` and `5.1` stay.
fn without_zero_fraction(text: &str) -> &str {
    let head = text.trim_end_matches('0');
    if head.len() == text.len() {
        return text;
    }
    head.strip_suffix('.').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_with_gos_bases() {
        for (text, number) in [
            ("42", 42),
            ("0x10", 16),
            ("010", 8),
            ("08", 0),
            ("1_000", 1000),
            ("5.0", 5),
            ("5.", 0),
            ("1.5", 0),
            ("-012", -10),
            ("00", 0),
            (" 1", 0),
            ("", 0),
        ] {
            assert_eq!(integer(&Value::from(text)), number, "{text}");
        }
        assert_eq!(integer(&Value::Float(1e20)), i64::MIN);
        assert_eq!(integer(&Value::Float(-1.9)), -1);
    }
}

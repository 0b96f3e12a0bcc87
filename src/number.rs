//! Go numbers: `strconv.ParseFloat`.
//!
//! For: numerical policies and the numbers of templates.
//! Source of the grammar: Go `strconv/atof.go`; this language's own parser takes `+nan` and `1e400`,
//! and knows neither hexadecimal floats nor underscores.
//! Refuses: locales and units.

use thiserror::Error;

/// Why a text is no number; Go's texts without the function's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseFloatError {
    /// Not a number.
    #[error("invalid syntax")]
    Syntax,
    /// Too great for a double.
    #[error("value out of range")]
    Range,
}

/// Reads a number as `strconv.ParseFloat(text, 64)` does.
pub fn parse_float(text: &str) -> Result<f64, ParseFloatError> {
    if let Some(value) = small_integer(text) {
        return Ok(value);
    }
    if let Some(special) = special(text) {
        return Ok(special);
    }
    let (negative, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if !underscores_fit(unsigned) {
        return Err(ParseFloatError::Syntax);
    }
    let plain: String = unsigned.chars().filter(|c| *c != '_').collect();
    let value = match plain.get(..2) {
        Some("0x" | "0X") => hexadecimal(&plain[2..])?,
        _ => decimal(&plain)?,
    };
    if value.is_infinite() {
        return Err(ParseFloatError::Range);
    }
    Ok(if negative { -value } else { value })
}

/// Plain digits, few enough for a double to hold each value: nearly every item of a numerical policy.
#[expect(
    clippy::cast_precision_loss,
    reason = "fifteen digits fit into 53 bits"
)]
fn small_integer(text: &str) -> Option<f64> {
    if text.is_empty() || text.len() > 15 {
        return None;
    }
    let mut value: u64 = 0;
    for byte in text.bytes() {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(byte - b'0');
    }
    Some(value as f64)
}

/// Infinities with a sign or without, not-a-number without, in any letter case.
fn special(text: &str) -> Option<f64> {
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let infinite =
        unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity");
    infinite.then_some(if text.starts_with('-') {
        f64::NEG_INFINITY
    } else {
        f64::INFINITY
    })
}

/// Underscores stand between digits, or between a base prefix and a digit.
fn underscores_fit(text: &str) -> bool {
    if !text.contains('_') {
        return true;
    }
    let prefix = text.get(..2).map(str::to_ascii_lowercase);
    let hex = prefix.as_deref() == Some("0x");
    let prefixed = matches!(prefix.as_deref(), Some("0x" | "0b" | "0o"));
    let mut after_digit = prefixed;
    let mut after_underscore = false;
    for byte in text.bytes().skip(if prefixed { 2 } else { 0 }) {
        let digit = byte.is_ascii_digit() || (hex && byte.is_ascii_hexdigit());
        match byte {
            b'_' if !after_digit => return false,
            b'_' => (after_digit, after_underscore) = (false, true),
            _ if digit => (after_digit, after_underscore) = (true, false),
            _ if after_underscore => return false,
            _ => after_digit = false,
        }
    }
    !after_underscore
}

/// Mantissa and exponent of a number, split at one of two letters.
fn split_exponent(text: &str, letters: [char; 2]) -> Result<(&str, Option<i64>), ParseFloatError> {
    let Some((mantissa, exponent)) = text.split_once(letters) else {
        return Ok((text, None));
    };
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseFloatError::Syntax);
    }
    // An exponent of many digits is as good as a great one.
    let value = digits.parse::<i64>().unwrap_or(10_000).min(10_000);
    Ok((
        mantissa,
        Some(if exponent.starts_with('-') {
            -value
        } else {
            value
        }),
    ))
}

fn decimal(text: &str) -> Result<f64, ParseFloatError> {
    let (mantissa, _) = split_exponent(text, ['e', 'E'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
        return Err(ParseFloatError::Syntax);
    }
    text.parse().map_err(|_| ParseFloatError::Syntax)
}

/// `digits.digits` with a binary exponent, which must be there. Rounds half to even.
fn hexadecimal(text: &str) -> Result<f64, ParseFloatError> {
    let (mantissa, exponent) = split_exponent(text, ['p', 'P'])?;
    let mut exponent = exponent.ok_or(ParseFloatError::Syntax)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 {
        return Err(ParseFloatError::Syntax);
    }
    let mut bits: u64 = 0;
    // Whether anything but zeros was cut off.
    let mut rest = false;
    for (index, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(digit.to_digit(16).ok_or(ParseFloatError::Syntax)?);
        if index >= whole.len() {
            exponent -= 4;
        }
        if bits >> 59 == 0 {
            bits = bits << 4 | digit;
        } else {
            rest |= digit != 0;
            exponent += 4;
        }
    }
    Ok(scaled(bits, exponent, rest))
}

/// `bits * 2^exponent` as a double, rounded half to even; infinite when too great.
#[expect(clippy::cast_precision_loss, reason = "the bits are cut to 53 before")]
fn scaled(bits: u64, exponent: i64, rest: bool) -> f64 {
    if bits == 0 {
        return 0.0;
    }
    let shift = i64::from(bits.leading_zeros());
    let (bits, exponent) = (bits << shift, exponent - shift);
    // The value is 1.xxx * 2^top. Below -1022 there are fewer bits to keep.
    let top = exponent + 63;
    if top > 1024 {
        return f64::INFINITY;
    }
    let kept = if top >= -1022 { 53 } else { 53 - (-1022 - top) };
    if kept < 0 {
        return 0.0;
    }
    let cut = 64 - u32::try_from(kept).unwrap_or(0);
    let (head, tail) = if cut == 64 {
        (0, bits)
    } else {
        (bits >> cut, bits & ((1_u64 << cut) - 1))
    };
    let half = 1_u64 << (cut - 1);
    let up = tail > half || (tail == half && (rest || head & 1 == 1));
    let head = head + u64::from(up);
    power_of_two(head as f64, exponent + i64::from(cut))
}

/// `value * 2^exponent` in steps that neither overflow nor round before the last one.
fn power_of_two(mut value: f64, mut exponent: i64) -> f64 {
    while exponent > 1000 {
        value *= 2.0_f64.powi(1000);
        exponent -= 1000;
    }
    while exponent < -1000 {
        value *= 2.0_f64.powi(-1000);
        exponent += 1000;
    }
    value * 2.0_f64.powi(i32::try_from(exponent).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gos_spellings_are_read() {
        for (text, value) in [
            ("1_000", 1000.0),
            ("0x1p4", 16.0),
            ("0X1P-2", 0.25),
            ("0x1.8p1", 3.0),
            ("0x_1p0", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1.e5", 100_000.0),
            ("1e-400", 0.0),
            ("007", 7.0),
            ("0x1p-1074", 5e-324),
            ("0x1p-1075", 0.0),
            ("0x1.8p-1075", 5e-324),
        ] {
            assert_eq!(parse_float(text), Ok(value), "{text}");
        }
        assert_eq!(parse_float("-inf"), Ok(f64::NEG_INFINITY));
        assert!(parse_float("NaN").unwrap().is_nan());
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in [
            "+nan", "0x10", "1__0", "_1", "1_", "1_e3", "", ".", "1e", "0x", "0x.p1", "1p4", " 1",
        ] {
            assert_eq!(parse_float(text), Err(ParseFloatError::Syntax), "{text}");
        }
        for text in ["1e400", "0x1p1024", "-1e400"] {
            assert_eq!(parse_float(text), Err(ParseFloatError::Range), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9a-fxXpP_.+eE-]{0,24}") {
            let _ = parse_float(&text);
        }

        #[test]
        fn printed_doubles_read_back(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            prop_assert_eq!(parse_float(&format!("{value:e}")), Ok(value));
        }
    }
}

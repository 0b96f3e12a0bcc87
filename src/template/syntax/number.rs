//! Number literals, which have no type until something asks for one.

use super::literal;
use crate::number::parse_float;
use crate::semver::quote;

/// A number with every type that it fits.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::template) struct Number {
    /// As it was written.
    pub(in crate::template) text: String,
    /// The value as an integer, where it is one.
    pub(in crate::template) integer: Option<i64>,
    /// The value as an unsigned integer, where it is one.
    pub(in crate::template) unsigned: Option<u64>,
    /// The value as a float.
    pub(in crate::template) float: Option<f64>,
    /// Real and imaginary part of a literal that ends with `i`.
    pub(in crate::template) complex: Option<(f64, f64)>,
    /// Whether it stands for a float where nothing asks for a type.
    pub(in crate::template) is_float: bool,
}

impl Number {
    fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            integer: None,
            unsigned: None,
            float: None,
            complex: None,
            is_float: false,
        }
    }

    /// A character literal: the number of the character.
    pub(super) fn character(text: &str) -> Result<Self, String> {
        let value = literal::character(text)?;
        Ok(Self {
            integer: Some(value),
            unsigned: u64::try_from(value).ok(),
            float: Some(widened(value)),
            ..Self::new(text)
        })
    }

    /// `1+2i`.
    pub(super) fn complex(text: &str) -> Result<Self, String> {
        let split = text[1..]
            .char_indices()
            .rfind(|(at, sign)| {
                matches!(sign, '+' | '-') && !text[..=*at].ends_with(['e', 'E', 'p', 'P'])
            })
            .map_or(0, |(at, _)| at + 1);
        let part = |text: &str| {
            parse_float(text)
                .map_err(|error| format!("strconv.ParseFloat: parsing {}: {error}", quote(text)))
        };
        let real = part(&text[..split])?;
        let imaginary = part(text[split..].trim_end_matches('i'))?;
        Ok(Self::of_parts(text, real, imaginary))
    }

    /// A complex literal; one without an imaginary part fits the other types too.
    fn of_parts(text: &str, real: f64, imaginary: f64) -> Self {
        let mut number = Self {
            complex: Some((real, imaginary)),
            ..Self::new(text)
        };
        if imaginary == 0.0 {
            number.set_float(real);
        }
        number
    }

    /// Any other number.
    pub(super) fn plain(text: &str) -> Result<Self, String> {
        if let Some(body) = text.strip_suffix('i')
            && let Ok(imaginary) = parse_float(body)
        {
            return Ok(Self::of_parts(text, 0.0, imaginary));
        }
        let mut number = Self::new(text);
        number.unsigned = parse_unsigned(text);
        number.integer = parse_integer(text);
        if number.integer == Some(0) {
            number.unsigned = Some(0);
        }
        match (number.integer, number.unsigned) {
            (Some(value), _) => number.float = Some(widened(value)),
            (None, Some(value)) => {
                #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
                let value = value as f64;
                number.float = Some(value);
            }
            (None, None) => {
                let Ok(value) = parse_float(text) else {
                    return Err(format!("illegal number syntax: {}", quote(text)));
                };
                if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                    return Err(format!("integer overflow: {}", quote(text)));
                }
                number.set_float(value);
            }
        }
        let hexadecimal = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
        let hexadecimal = hexadecimal.starts_with("0x") && !hexadecimal.contains('p');
        number.is_float = !hexadecimal && text.contains(['.', 'e', 'E', 'p', 'P']);
        Ok(number)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        clippy::float_cmp,
        reason = "a float is an integer where the conversion there and back changes nothing"
    )]
    fn set_float(&mut self, value: f64) {
        self.float = Some(value);
        if (value as i64) as f64 == value && value < 9.3e18 {
            self.integer = Some(value as i64);
        }
        if (value as u64) as f64 == value {
            self.unsigned = Some(value as u64);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "as Go converts")]
fn widened(value: i64) -> f64 {
    value as f64
}

/// `strconv.ParseUint(text, 0, 64)`: base prefixes, a leading zero for octal, underscores.
pub(in crate::template) fn parse_unsigned(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (body, radix) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0o") => (&lower[2..], 8),
        Some("0b") => (&lower[2..], 2),
        _ if lower.starts_with('0') && lower.len() > 1 => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    // An underscore stands between digits, or behind the prefix.
    let after_prefix = radix != 10;
    let good = !body.ends_with('_')
        && !body.contains("__")
        && (after_prefix || !body.starts_with('_'))
        && body.chars().all(|c| c == '_' || c.is_digit(radix));
    let digits = body.replace('_', "");
    (good && !digits.is_empty())
        .then(|| u64::from_str_radix(&digits, radix).ok())
        .flatten()
}

/// `strconv.ParseInt(text, 0, 64)`.
pub(in crate::template) fn parse_integer(text: &str) -> Option<i64> {
    let negative = text.starts_with('-');
    let magnitude = parse_unsigned(text.strip_prefix(['+', '-']).unwrap_or(text))?;
    if negative {
        0_i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_fits_every_type_that_can_hold_it() {
        let number = |text| Number::plain(text).unwrap();
        assert_eq!(number("3.0").integer, Some(3));
        assert!(number("3.0").is_float);
        assert_eq!(number("1.5").integer, None);
        assert_eq!(number("017").integer, Some(15));
        assert_eq!(number("1_000").integer, Some(1000));
        assert_eq!(number("0x1F").float, Some(31.0));
        assert!(!number("0x1e").is_float);
        assert!(number("0x1p4").is_float);
        assert_eq!(number("9223372036854775808").integer, None);
        assert_eq!(number("9223372036854775808").unsigned, Some(1 << 63));
        assert_eq!(number("2i").complex, Some((0.0, 2.0)));
        assert_eq!(number("0i").integer, Some(0));
        assert_eq!(
            Number::complex("1e+3-2i").unwrap().complex,
            Some((1000.0, -2.0))
        );
    }

    #[test]
    fn what_is_no_number_is_refused_with_gos_words() {
        for (text, error) in [
            ("08", "integer overflow: \"08\""),
            ("+", "illegal number syntax: \"+\""),
            ("1__0", "illegal number syntax: \"1__0\""),
            (
                "-9223372036854775809",
                "integer overflow: \"-9223372036854775809\"",
            ),
        ] {
            assert_eq!(Number::plain(text).unwrap_err(), error, "{text}");
        }
    }
}

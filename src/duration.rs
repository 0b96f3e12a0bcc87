//! Go durations: parsing and printing as `time.ParseDuration` and `Duration.String` do.
//!
//! For: intervals and timeouts of objects, flags, and the template functions on durations.
//! Refuses: clocks; a duration is only a number of nanoseconds.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

/// A duration as Go's `time.Duration`: nanoseconds in 64 bits, perhaps negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(i64);

/// Why a text is no duration; Go's texts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DurationError {
    /// Not a duration at all, or too long.
    #[error("time: invalid duration {}", quote(.0))]
    Invalid(String),
    /// A number without unit.
    #[error("time: missing unit in duration {}", quote(.0))]
    MissingUnit(String),
    /// A unit that Go does not know, such as `d`.
    #[error("time: unknown unit {} in duration {}", quote(.unit), quote(.text))]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// Go's quoting in these messages: `"` and `\` behind a backslash, control and non-ASCII bytes as
/// `\xNN`.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                quoted.push('\\');
                quoted.push(char::from(byte));
            }
            b' '..=b'\x7f' => quoted.push(char::from(byte)),
            byte => quoted.push_str(&format!("\\x{byte:02x}")),
        }
    }
    quoted.push('"');
    quoted
}

impl GoDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A duration of this many nanoseconds.
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// From a standard duration; longer than 292 years becomes 292 years.
    pub fn from_std(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Nanoseconds.
    pub const fn nanoseconds(self) -> i64 {
        self.0
    }

    /// As a standard duration, unless it is negative.
    pub fn to_std(self) -> Option<Duration> {
        u64::try_from(self.0).ok().map(Duration::from_nanos)
    }

    /// Reads a text as `time.ParseDuration` does: `[-+]?([0-9]*(\.[0-9]*)?[a-z]+)+`, or a bare `0`.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let invalid = || DurationError::Invalid(text.to_owned());
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Self::ZERO);
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (part, after) = parse_part(rest, text)?;
            total = total
                .checked_add(part)
                .filter(|total| *total <= 1 << 63)
                .ok_or_else(invalid)?;
            rest = after;
        }
        if negative {
            // The least i64 has no positive counterpart.
            return Ok(Self(0_i64.checked_sub_unsigned(total).ok_or_else(invalid)?));
        }
        i64::try_from(total).map(Self).map_err(|_| invalid())
    }

    /// Whether the printed form passes `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`, the pattern of intervals.
    pub fn fits_interval_pattern(self) -> bool {
        let text = self.to_string();
        !text.contains(['-', 'µ']) && !text.contains("ns")
    }

    /// Whether the printed form passes `^([0-9]+(\.[0-9]+)?(ms|s|m))+$`, the pattern of timeouts.
    pub fn fits_timeout_pattern(self) -> bool {
        self.fits_interval_pattern() && !self.to_string().contains('h')
    }
}

/// One number with its unit, in nanoseconds, and the rest of the text.
fn parse_part<'t>(rest: &'t str, text: &str) -> Result<(u64, &'t str), DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole_length = digits(rest);
    let whole: u64 = match &rest[..whole_length] {
        "" => 0,
        whole => whole
            .parse()
            .ok()
            .filter(|w| *w <= 1 << 63)
            .ok_or_else(invalid)?,
    };
    let mut rest = &rest[whole_length..];
    let mut fraction = "";
    if let Some(after) = rest.strip_prefix('.') {
        let length = digits(after);
        fraction = &after[..length];
        rest = &after[length..];
    }
    if whole_length == 0 && fraction.is_empty() {
        return Err(invalid());
    }
    let unit_length = rest
        .bytes()
        .take_while(|b| *b != b'.' && !b.is_ascii_digit())
        .count();
    let (unit, after) = rest.split_at(unit_length);
    if unit.is_empty() {
        return Err(DurationError::MissingUnit(text.to_owned()));
    }
    let scale: u64 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        unit => {
            let (unit, text) = (unit.to_owned(), text.to_owned());
            return Err(DurationError::UnknownUnit { unit, text });
        }
    };
    let mut part = whole.checked_mul(scale).ok_or_else(invalid)?;
    if !fraction.is_empty() {
        part = part
            .checked_add(scaled_fraction(fraction, scale))
            .ok_or_else(invalid)?;
    }
    if part > 1 << 63 {
        return Err(invalid());
    }
    Ok((part, after))
}

/// `0.fraction * scale`, cut as Go cuts it: digits beyond the 63rd bit are dropped, then a float
/// product is truncated.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "Go computes the fraction in float64, and the same cut is wanted"
)]
fn scaled_fraction(fraction: &str, scale: u64) -> u64 {
    let mut value: u64 = 0;
    let mut divisor: f64 = 1.0;
    for digit in fraction.bytes().map(|byte| u64::from(byte - b'0')) {
        let limit = (1_u64 << 63) - 1;
        if value > limit / 10 || value * 10 + digit > 1 << 63 {
            break;
        }
        value = value * 10 + digit;
        divisor *= 10.0;
    }
    (value as f64 * (scale as f64 / divisor)) as u64
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let (unit, digits) = match nanoseconds {
            0 => return f.write_str("0s"),
            1..1_000 => ("ns", 0),
            1_000..1_000_000 => ("µs", 3),
            1_000_000..1_000_000_000 => ("ms", 6),
            _ => {
                let seconds = nanoseconds / 1_000_000_000;
                let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
                if hours > 0 {
                    write!(f, "{hours}h")?;
                }
                if seconds >= 60 {
                    write!(f, "{minutes}m")?;
                }
                let rest = nanoseconds % 60_000_000_000;
                return write_decimal(f, rest, 9, "s");
            }
        };
        write_decimal(f, nanoseconds, digits, unit)
    }
}

/// `value / 10^digits` without trailing zeros, then the unit.
fn write_decimal(f: &mut fmt::Formatter<'_>, value: u64, digits: usize, unit: &str) -> fmt::Result {
    let power = 10_u64.pow(u32::try_from(digits).unwrap_or_default());
    write!(f, "{}", value / power)?;
    if !value.is_multiple_of(power) {
        let fraction = format!("{:0digits$}", value % power);
        write!(f, ".{}", fraction.trim_end_matches('0'))?;
    }
    f.write_str(unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn assert_normal(text: &str, expected: &str) {
        assert_eq!(
            GoDuration::parse(text).unwrap().to_string(),
            expected,
            "{text}"
        );
    }

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        assert_normal("1m", "1m0s");
        assert_normal("60m", "1h0m0s");
        assert_normal("90s", "1m30s");
        assert_normal("1.5h", "1h30m0s");
        assert_normal("24h", "24h0m0s");
        assert_normal("1500ms", "1.5s");
        assert_normal("0", "0s");
        assert_normal("500us", "500µs");
        assert_normal("-5m", "-5m0s");
        assert_normal("1.000000001s", "1.000000001s");
        assert_normal(".5s", "500ms");
        assert_normal("9223372036854775807ns", "2562047h47m16.854775807s");
        assert_normal("-9223372036854775808ns", "-2562047h47m16.854775808s");
    }

    #[track_caller]
    fn assert_refused(text: &str, expected: &str) {
        assert_eq!(GoDuration::parse(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn refusals_have_gos_words() {
        assert_refused("abc", "time: invalid duration \"abc\"");
        assert_refused("10", "time: missing unit in duration \"10\"");
        assert_refused("1d", "time: unknown unit \"d\" in duration \"1d\"");
        assert_refused("", "time: invalid duration \"\"");
        assert_refused(".s", "time: invalid duration \".s\"");
        assert_refused(
            "9223372036854775808ns",
            "time: invalid duration \"9223372036854775808ns\"",
        );
        assert_refused(
            "1é",
            "time: unknown unit \"\\xc3\\xa9\" in duration \"1\\xc3\\xa9\"",
        );
    }

    #[test]
    fn patterns_of_the_definitions_are_known() {
        let fits = |text: &str| {
            let duration = GoDuration::parse(text).unwrap();
            (
                duration.fits_interval_pattern(),
                duration.fits_timeout_pattern(),
            )
        };
        assert_eq!(fits("1h"), (true, false));
        assert_eq!(fits("59m59s"), (true, true));
        assert_eq!(fits("500us"), (false, false));
        assert_eq!(fits("-1s"), (false, false));
        assert_eq!(fits("1.5s"), (true, true));
    }

    proptest! {
        #[test]
        fn printing_and_reading_are_inverse(nanoseconds in any::<i64>()) {
            let duration = GoDuration::from_nanoseconds(nanoseconds);
            let text = duration.to_string();
            let read = GoDuration::parse(&text).unwrap().nanoseconds();
            // Go's own fractions pass through a float, which keeps nine digits exactly.
            prop_assert_eq!(read, nanoseconds, "{}", text);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = GoDuration::parse(&text);
        }
    }
}

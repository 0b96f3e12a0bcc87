//! Which plain texts a YAML 1.1 reader takes for something other than a string.
//!
//! Source of the rules: yaml.v2 `resolve.go`.

/// Whether the text, unquoted, is read as the same string by every reader: also by those that take
/// `190:20:30` for a number.
pub(super) fn is_safe_string(text: &str) -> bool {
    is_string(text) && !is_base_60(text)
}

/// Whether the text, unquoted, is read as the same string by Go's readers.
pub(super) fn is_string(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    !is_word(text)
        && match first {
            '+' | '-' | '0'..='9' => !is_timestamp(text) && !is_number(text),
            '.' => !is_dotted_float(text),
            _ => true,
        }
}

/// Booleans, null, infinities and not-a-number.
fn is_word(text: &str) -> bool {
    let boolean = ["y", "yes", "true", "on", "n", "no", "false", "off", "null"];
    let lower = text.to_ascii_lowercase();
    if boolean.contains(&lower.as_str()) {
        // Lower case, upper case, or a capital first letter.
        let capital = lower[..1].to_ascii_uppercase() + &lower[1..];
        return text == lower || text == lower.to_ascii_uppercase() || text == capital;
    }
    matches!(
        text,
        "~" | ".nan"
            | ".NaN"
            | ".NAN"
            | ".inf"
            | ".Inf"
            | ".INF"
            | "+.inf"
            | "+.Inf"
            | "+.INF"
            | "-.inf"
            | "-.Inf"
            | "-.INF"
    )
}

fn is_number(text: &str) -> bool {
    let plain = text.replace('_', "");
    is_integer(&plain) || is_float(&plain) || is_binary(&plain)
}

/// What `strconv.ParseInt` or `ParseUint` with base 0 accept (no underscores are left).
fn is_integer(text: &str) -> bool {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0o") => (&lower[2..], 8),
        Some("0b") => (&lower[2..], 2),
        _ if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return false;
    }
    match u128::from_str_radix(digits, radix) {
        // ParseUint takes no sign at all.
        Ok(value) if text.starts_with(['+', '-']) => {
            value <= if negative { 1 << 63 } else { (1 << 63) - 1 }
        }
        Ok(value) => u64::try_from(value).is_ok(),
        Err(_) => false,
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, as far as it fits a double.
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    mantissa_fits && exponent_fits && text.parse::<f64>().is_ok_and(f64::is_finite)
}

fn is_binary(text: &str) -> bool {
    let digits = text.strip_prefix("0b").or_else(|| text.strip_prefix("-0b"));
    digits.is_some_and(|digits| u64::from_str_radix(digits, 2).is_ok() && !digits.starts_with('+'))
}

/// A text that begins with a dot is a float when Go's `ParseFloat` says so.
fn is_dotted_float(text: &str) -> bool {
    is_float(text)
}

/// `190:20:30`: a number to YAML 1.1 readers.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = match unsigned.rsplit_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (unsigned, ""),
    };
    let mut parts = whole.split(':');
    let head = parts.next().unwrap_or_default();
    let head_fits = head.starts_with(|c: char| c.is_ascii_digit())
        && head
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_');
    let rest: Vec<&str> = parts.collect();
    let part_fits = |part: &&str| match part.as_bytes() {
        [one] => one.is_ascii_digit(),
        [tens, ones] => (b'0'..=b'5').contains(tens) && ones.is_ascii_digit(),
        _ => false,
    };
    let fraction_fits = fraction
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'_');
    head_fits && !rest.is_empty() && rest.iter().all(part_fits) && fraction_fits
}

/// `2006-1-2`, and the same with a time behind `T`, `t` or a blank.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    let date_end = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let (date, time) = text.split_at(date_end);
    let parts: Vec<&str> = date.split('-').collect();
    let &[year, month, day] = parts.as_slice() else {
        return false;
    };
    let (Some(month), Some(day)) = (short_number(month), short_number(day)) else {
        return false;
    };
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year.parse().unwrap_or(0), month) {
        return false;
    }
    match time.chars().next() {
        None => true,
        Some('T' | 't') => is_clock(&time[1..], true),
        Some(_) => is_clock(&time[1..], false),
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// One or two digits.
fn short_number(text: &str) -> Option<u32> {
    ((1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// `15:4:5`, perhaps with a fraction, and with `zoned` also a zone.
fn is_clock(text: &str, zoned: bool) -> bool {
    let (clock, zone) = match text.find(['Z', '+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let zone_fits = match zone.as_bytes() {
        b"" => !zoned,
        b"Z" => zoned,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            zoned && [h1, h2, m1, m2].iter().all(|digit| digit.is_ascii_digit())
        }
        _ => false,
    };
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let fraction_fits = fraction.is_none_or(|fraction| {
        !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit())
    });
    let parts: Vec<Option<u32>> = clock.split(':').map(short_number).collect();
    let clock_fits = matches!(parts.as_slice(),
        [Some(hour), Some(minute), Some(second)] if *hour < 24 && *minute < 60 && *second < 60);
    zone_fits && fraction_fits && clock_fits
}

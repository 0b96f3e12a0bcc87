//! `strconv.FormatFloat`.

/// A float of either size.
#[derive(Clone, Copy, Debug)]
pub(in crate::template) enum Float {
    /// `float64`.
    Double(f64),
    /// `float32`.
    Single(f32),
}

impl Float {
    fn value(self) -> f64 {
        match self {
            Self::Double(value) => value,
            Self::Single(value) => value.into(),
        }
    }

    /// `d.ddde±x` with the fewest digits that read back as the same value, without the sign.
    fn shortest(self) -> String {
        match self {
            Self::Double(value) => format!("{:e}", value.abs()),
            Self::Single(value) => format!("{:e}", value.abs()),
        }
    }
}

/// Significant digits, and where the decimal point stands among them.
struct Digits {
    digits: String,
    point: i32,
}

impl Digits {
    /// From `d.ddde±x`.
    fn read(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let digits = mantissa.replace('.', "");
        let digits = digits.trim_end_matches('0').to_owned();
        let exponent: i32 = exponent.parse().unwrap_or_default();
        let point = if digits.is_empty() { 0 } else { exponent + 1 };
        Self { digits, point }
    }

    fn len(&self) -> i32 {
        i32::try_from(self.digits.len()).unwrap_or(i32::MAX)
    }

    /// The digit at a place counted from the first one; zero outside.
    fn at(&self, index: i32) -> char {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.digits.as_bytes().get(index))
            .map_or('0', |digit| char::from(*digit))
    }
}

/// A float as the verbs `e E f g G b x X` print it; without a precision, with as many digits as it
/// takes to read it back.
pub(in crate::template) fn float(value: Float, verb: char, precision: Option<usize>) -> String {
    let number = value.value();
    if number.is_nan() {
        return "NaN".to_owned();
    }
    let sign = if number.is_sign_negative() { "-" } else { "" };
    if number.is_infinite() {
        return format!("{}Inf", if sign.is_empty() { "+" } else { sign });
    }
    let text = match verb {
        'b' => binary(value),
        'x' | 'X' => hexadecimal(value, verb, precision),
        _ => decimal(value, verb, precision),
    };
    format!("{sign}{text}")
}

fn decimal(value: Float, verb: char, precision: Option<usize>) -> String {
    let magnitude = value.value().abs();
    let limit = |precision: usize| i32::try_from(precision).unwrap_or(i32::MAX);
    match (verb, precision) {
        ('f', Some(precision)) => format!("{magnitude:.precision$}"),
        ('f', None) => {
            let digits = Digits::read(&value.shortest());
            plain(&digits, (digits.len() - digits.point).max(0))
        }
        ('e' | 'E', precision) => {
            let text = precision.map_or_else(
                || value.shortest(),
                |precision| format!("{magnitude:.precision$e}"),
            );
            let digits = Digits::read(&text);
            let places = precision.map_or_else(|| (digits.len() - 1).max(0), limit);
            scientific(&digits, places, verb)
        }
        (_, precision) => {
            let text = precision.map_or_else(
                || value.shortest(),
                |precision| format!("{magnitude:.*e}", precision.max(1) - 1),
            );
            let digits = Digits::read(&text);
            // Go's rule for %g: an exponent below -4, or from the precision on.
            let threshold = match precision.map(|precision| limit(precision.max(1))) {
                None => 6,
                Some(precision) if precision > digits.len() && digits.len() >= digits.point => {
                    digits.len()
                }
                Some(precision) => precision,
            };
            let exponent = digits.point - 1;
            if magnitude != 0.0 && (exponent < -4 || exponent >= threshold) {
                let letter = if verb == 'G' { 'E' } else { 'e' };
                scientific(&digits, (digits.len() - 1).max(0), letter)
            } else {
                plain(&digits, (digits.len() - digits.point).max(0))
            }
        }
    }
}

fn plain(digits: &Digits, places: i32) -> String {
    let mut text = String::new();
    if digits.point > 0 {
        text.extend((0..digits.point).map(|index| digits.at(index)));
    } else {
        text.push('0');
    }
    if places > 0 {
        text.push('.');
        text.extend((0..places).map(|place| digits.at(digits.point + place)));
    }
    text
}

fn scientific(digits: &Digits, places: i32, letter: char) -> String {
    let mut text = String::from(digits.at(0));
    if places > 0 {
        text.push('.');
        text.extend((1..=places).map(|index| digits.at(index)));
    }
    let exponent = if digits.digits.is_empty() {
        0
    } else {
        digits.point - 1
    };
    let sign = if exponent < 0 { '-' } else { '+' };
    text.push_str(&format!("{letter}{sign}{:02}", exponent.abs()));
    text
}

/// Mantissa and exponent of a finite float as integers, and the mantissa's bits.
fn parts(value: Float) -> (u64, i32, u32) {
    match value {
        Float::Double(value) => {
            let bits = value.to_bits();
            let (exponent, fraction) = (bits >> 52 & 0x7ff, bits & ((1 << 52) - 1));
            unpacked(exponent, fraction, 52, 1023)
        }
        Float::Single(value) => {
            let bits = u64::from(value.to_bits());
            let (exponent, fraction) = (bits >> 23 & 0xff, bits & ((1 << 23) - 1));
            unpacked(exponent, fraction, 23, 127)
        }
    }
}

fn unpacked(exponent: u64, fraction: u64, bits: u32, bias: i32) -> (u64, i32, u32) {
    let biased = i32::try_from(exponent).unwrap_or(0);
    match biased {
        0 => (fraction, 1 - bias, bits),
        biased => (fraction | 1 << bits, biased - bias, bits),
    }
}

/// `%b`: mantissa and binary exponent.
fn binary(value: Float) -> String {
    let (mantissa, exponent, bits) = parts(value);
    let exponent = exponent - i32::try_from(bits).unwrap_or(0);
    format!("{mantissa}p{exponent:+}")
}

/// `%x`: `0x1.8p+00`.
fn hexadecimal(value: Float, verb: char, precision: Option<usize>) -> String {
    let (mut mantissa, mut exponent, bits) = parts(value);
    if mantissa == 0 {
        exponent = 0;
    }
    // The leading one at bit 60, so that a hex digit takes four bits below it.
    mantissa <<= 60 - bits;
    while mantissa != 0 && mantissa & 1 << 60 == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let shift = precision * 4;
        let extra = (mantissa << shift) & ((1 << 60) - 1);
        mantissa >>= 60 - shift;
        if extra | (mantissa & 1) > 1 << 59 {
            mantissa += 1;
        }
        mantissa <<= 60 - shift;
        if mantissa & 1 << 61 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut text = format!("0x{}", mantissa >> 60 & 1);
    let mut rest = mantissa << 4;
    let wanted = precision.unwrap_or(0);
    if precision.map_or(rest != 0, |precision| precision > 0) {
        text.push('.');
        let mut places = 0;
        while if precision.is_some() {
            places < wanted
        } else {
            rest != 0
        } {
            text.push_str(&format!("{:x}", rest >> 60));
            rest <<= 4;
            places += 1;
        }
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    text.push_str(&format!("p{sign}{:02}", exponent.abs()));
    if verb == 'X' {
        text.make_ascii_uppercase();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(value: f64, verb: char, precision: Option<usize>) -> String {
        float(Float::Double(value), verb, precision)
    }

    #[test]
    fn shortest_digits_take_an_exponent_from_a_million_on() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (123_456.5, "123456.5"),
            (1.234_567_8e7, "1.2345678e+07"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (1e100, "1e+100"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(double(value, 'g', None), text);
        }
        assert_eq!(float(Float::Single(0.1), 'g', None), "0.1");
    }

    #[test]
    fn a_precision_rounds_to_even() {
        assert_eq!(double(2.5, 'f', Some(0)), "2");
        assert_eq!(double(3.5, 'f', Some(0)), "4");
        assert_eq!(double(1234.5678, 'g', Some(3)), "1.23e+03");
        assert_eq!(double(100.0, 'g', Some(3)), "100");
        assert_eq!(double(12_345.678, 'e', Some(6)), "1.234568e+04");
        assert_eq!(double(0.0, 'e', Some(2)), "0.00e+00");
        assert_eq!(double(1e-7, 'G', None), "1E-07");
    }

    #[test]
    fn binary_forms_show_the_bits() {
        assert_eq!(double(1.0, 'b', None), "4503599627370496p-52");
        assert_eq!(double(1.5, 'x', None), "0x1.8p+00");
        assert_eq!(double(1.5, 'X', Some(3)), "0X1.800P+00");
        assert_eq!(double(1.5, 'x', Some(0)), "0x1p+01");
        assert_eq!(double(0.0, 'x', None), "0x0p+00");
        assert_eq!(double(5e-324, 'x', None), "0x1p-1074");
    }
}

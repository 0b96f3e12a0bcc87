//! Values under a verb.

use super::float::{Float, float};
use super::quote::{can_backquote, is_printable, quoted, quoted_ascii, quoted_character};
use crate::template::value::{Kind, NESTING_LIMIT, Type, Value, types};

/// The flags of a directive.
#[derive(Clone, Debug, Default)]
pub(super) struct Flags {
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%+v`: fields with their names.
    pub(super) names: bool,
    /// `%#v`: as in a Go program.
    pub(super) go_syntax: bool,
}

/// Writes values; stops when there is no room left.
pub(in crate::template) struct Printer {
    out: Vec<u8>,
    room: usize,
    problem: Option<&'static str>,
    /// Inside a complaint, where methods are not called.
    complaining: bool,
    pub(super) flags: Flags,
}

impl Printer {
    /// A printer for at most so many bytes.
    pub(in crate::template) fn new(room: usize) -> Self {
        Self {
            out: Vec::new(),
            room,
            problem: None,
            complaining: false,
            flags: Flags::default(),
        }
    }

    /// What was written, or why not everything was.
    pub(in crate::template) fn finish(self) -> Result<Vec<u8>, String> {
        match self.problem {
            None => Ok(self.out),
            Some(problem) => Err(problem.to_owned()),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.problem.is_some()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        if self.out.len() + bytes.len() > self.room {
            self.problem
                .get_or_insert("the printed text is longer than a template may make");
        } else if self.problem.is_none() {
            self.out.extend_from_slice(bytes);
        }
    }

    fn repeat(&mut self, byte: u8, count: usize) {
        if self.out.len() + count > self.room {
            self.problem
                .get_or_insert("the printed text is longer than a template may make");
        } else if self.problem.is_none() {
            self.out.resize(self.out.len() + count, byte);
        }
    }

    /// A value under `%v`.
    pub(in crate::template) fn print(&mut self, value: &Value) {
        self.argument(value, 'v');
    }

    /// An argument under a verb.
    pub(super) fn argument(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil, _) => self.bad_verb(value, verb),
            (_, 'T') => self.string(value.type_name().as_bytes(), 's', value),
            // An address, which nobody can rely on.
            (Value::List(_) | Value::Map(_) | Value::Dict(_), 'p') => self.pad(b"0xc000000000"),
            (_, 'p') => self.bad_verb(value, verb),
            _ => self.value(value, verb, 0),
        }
    }

    fn bad_verb(&mut self, value: &Value, verb: char) {
        let was = std::mem::replace(&mut self.complaining, true);
        self.write(format!("%!{verb}(").as_bytes());
        if value.is_nil() {
            self.write(b"<nil>");
        } else {
            self.write(value.type_name().as_bytes());
            self.write(b"=");
            self.value(value, 'v', 0);
        }
        self.write(b")");
        self.complaining = was;
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        if depth > NESTING_LIMIT {
            self.problem
                .get_or_insert("the value is nested too deeply to be printed");
        }
        if self.is_full() || self.by_method(value, verb, depth) {
            return;
        }
        match value {
            Value::Nil if self.flags.go_syntax && depth > 0 => self.write(b"interface {}(nil)"),
            Value::Nil => self.write(b"<nil>"),
            Value::Bool(flag) => match verb {
                't' | 'v' => self.pad(if *flag { b"true" } else { b"false" }),
                _ => self.bad_verb(value, verb),
            },
            Value::Signed(number, _) => {
                self.integer(number.unsigned_abs(), *number < 0, true, verb, value);
            }
            Value::Unsigned(number, _) => self.integer(*number, false, false, verb, value),
            Value::Float(number) => self.float(Float::Double(*number), verb, value),
            Value::Float32(number) => self.float(Float::Single(*number), verb, value),
            Value::Complex(real, imaginary) => self.complex(*real, *imaginary, verb, value),
            Value::String(text) => self.string(text, verb, value),
            Value::List(list) => {
                if *list.go_type() == types::BYTES && self.bytes(value, verb, depth) {
                    return;
                }
                if self.flags.go_syntax && list.is_nil() {
                    self.nil_of(list.go_type());
                    return;
                }
                let open = self.open(list.go_type(), "[");
                for (index, item) in list.values().iter().enumerate() {
                    self.separate(index);
                    self.value(item, verb, depth + 1);
                    if self.is_full() {
                        return;
                    }
                }
                self.write(if open { b"}" } else { b"]" });
            }
            Value::Dict(dict) => {
                let entries = dict.entries().into_iter();
                let entries = entries.map(|(key, value)| (Value::String(key), value));
                self.map(&types::DICT, dict.is_nil(), entries, verb, depth);
            }
            Value::Map(map) => {
                let entries = map.entries().iter().cloned();
                self.map(map.go_type(), map.is_nil(), entries, verb, depth);
            }
            Value::Object(object) => {
                let go_type = object.go_type();
                if go_type.kind() == Kind::Pointer && depth == 0 {
                    self.write(b"&");
                }
                if self.flags.go_syntax {
                    self.write(go_type.name().trim_start_matches('*').as_bytes());
                }
                self.write(b"{");
                for (index, (name, field)) in object.fields().iter().enumerate() {
                    self.separate(index);
                    if self.flags.names || self.flags.go_syntax {
                        self.write(name.as_bytes());
                        self.write(b":");
                    }
                    self.value(field, verb, depth + 1);
                }
                self.write(b"}");
            }
        }
    }

    /// `String` methods speak for a value under the verbs that strings have.
    fn by_method(&mut self, value: &Value, verb: char, depth: usize) -> bool {
        // Bytes as an argument are looked at one by one before anything asks for methods.
        let is_bytes = matches!(value, Value::List(list) if *list.go_type() == types::BYTES);
        if verb == 'w' && !self.complaining && !(is_bytes && depth == 0) {
            self.bad_verb(value, verb);
            return true;
        }
        let Value::Object(object) = value else {
            return false;
        };
        if self.complaining || self.flags.go_syntax {
            return false;
        }
        match object.text() {
            Some(text) if matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') => {
                self.string(&text, verb, value);
                true
            }
            _ => false,
        }
    }

    fn map(
        &mut self,
        go_type: &'static Type,
        nil: bool,
        entries: impl Iterator<Item = (Value, Value)>,
        verb: char,
        depth: usize,
    ) {
        if self.flags.go_syntax && nil {
            self.nil_of(go_type);
            return;
        }
        let open = self.open(go_type, "map[");
        for (index, (key, value)) in entries.enumerate() {
            self.separate(index);
            self.value(&key, verb, depth + 1);
            self.write(b":");
            self.value(&value, verb, depth + 1);
            if self.is_full() {
                return;
            }
        }
        self.write(if open { b"}" } else { b"]" });
    }

    /// The opening of a list or map; says whether it is that of a Go program.
    fn open(&mut self, go_type: &Type, plain: &str) -> bool {
        if self.flags.go_syntax {
            self.write(go_type.name().as_bytes());
            self.write(b"{");
        } else {
            self.write(plain.as_bytes());
        }
        self.flags.go_syntax
    }

    fn nil_of(&mut self, go_type: &Type) {
        self.write(go_type.name().as_bytes());
        self.write(b"(nil)");
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.write(if self.flags.go_syntax { b", " } else { b" " });
        }
    }

    /// Bytes have forms of their own under some verbs.
    fn bytes(&mut self, value: &Value, verb: char, depth: usize) -> bool {
        let Value::List(list) = value else {
            return false;
        };
        let bytes: Vec<u8> = list.values().iter().filter_map(byte).collect();
        match verb {
            's' | 'q' | 'x' | 'X' => self.string(&bytes, verb, value),
            'v' | 'd' if self.flags.go_syntax && depth == 0 => {
                self.write(b"[]byte{");
                for (index, byte) in bytes.iter().enumerate() {
                    self.separate(index);
                    self.go_unsigned(u64::from(*byte));
                }
                self.write(b"}");
            }
            _ => return false,
        }
        true
    }

    fn pad(&mut self, text: &[u8]) {
        let Some(wanted) = self.flags.width else {
            self.write(text);
            return;
        };
        let width = text.utf8_chunks().fold(0, |count, chunk| {
            count + chunk.valid().chars().count() + usize::from(!chunk.invalid().is_empty())
        });
        let missing = wanted.saturating_sub(width);
        if self.flags.minus {
            self.write(text);
            self.repeat(b' ', missing);
        } else {
            let zero = self.flags.zero && !self.flags.minus;
            self.repeat(if zero { b'0' } else { b' ' }, missing);
            self.write(text);
        }
    }

    fn pad_with_blanks(&mut self, text: &[u8]) {
        let zero = std::mem::take(&mut self.flags.zero);
        self.pad(text);
        self.flags.zero = zero;
    }

    fn string(&mut self, text: &[u8], verb: char, value: &Value) {
        match verb {
            'v' if self.flags.go_syntax => self.quote(text),
            'v' | 's' => self.pad(self.cut(text)),
            'q' => self.quote(text),
            'x' | 'X' => self.hex(text, verb),
            _ => self.bad_verb(value, verb),
        }
    }

    /// The text up to the precision, in characters.
    fn cut<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(precision) = self.flags.precision else {
            return text;
        };
        let mut at = 0;
        for _ in 0..precision {
            let Some(chunk) = text[at..].utf8_chunks().next() else {
                break;
            };
            at += chunk.valid().chars().next().map_or(1, char::len_utf8);
        }
        &text[..at]
    }

    fn quote(&mut self, text: &[u8]) {
        let text = self.cut(text);
        let quoted = if self.flags.sharp && can_backquote(text) {
            [b"`", text, b"`"].concat()
        } else if self.flags.plus {
            quoted_ascii(text).into_bytes()
        } else {
            quoted(text).into_bytes()
        };
        self.pad(&quoted);
    }

    fn hex(&mut self, text: &[u8], verb: char) {
        let text = &text[..self.flags.precision.unwrap_or(text.len()).min(text.len())];
        let prefix = if verb == 'x' { "0x" } else { "0X" };
        let mut shown = String::with_capacity(text.len() * 2 + 2);
        for (index, byte) in text.iter().enumerate() {
            if index > 0 && self.flags.space {
                shown.push(' ');
            }
            if self.flags.sharp && (index == 0 || self.flags.space) {
                shown.push_str(prefix);
            }
            shown.push_str(&if verb == 'x' {
                format!("{byte:02x}")
            } else {
                format!("{byte:02X}")
            });
        }
        self.pad(shown.as_bytes());
    }

    fn integer(&mut self, magnitude: u64, negative: bool, signed: bool, verb: char, value: &Value) {
        let character = || {
            u32::try_from(magnitude)
                .ok()
                .filter(|_| !negative)
                .and_then(char::from_u32)
                .unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        match verb {
            'v' if self.flags.go_syntax && !signed => {
                self.go_unsigned(magnitude);
            }
            'v' | 'd' => self.digits(&magnitude.to_string(), negative, verb),
            'b' => self.digits(&format!("{magnitude:b}"), negative, verb),
            'o' | 'O' => self.digits(&format!("{magnitude:o}"), negative, verb),
            'x' => self.digits(&format!("{magnitude:x}"), negative, verb),
            'X' => self.digits(&format!("{magnitude:X}"), negative, verb),
            'c' => self.pad(character().to_string().as_bytes()),
            'q' => self.pad(quoted_character(character(), self.flags.plus).as_bytes()),
            'U' => self.unicode(magnitude, negative),
            _ => self.bad_verb(value, verb),
        }
    }

    /// `0x1f`, as unsigned numbers stand in a Go program.
    fn go_unsigned(&mut self, number: u64) {
        let sharp = std::mem::replace(&mut self.flags.sharp, true);
        self.digits(&format!("{number:x}"), false, 'x');
        self.flags.sharp = sharp;
    }

    fn digits(&mut self, digits: &str, negative: bool, verb: char) {
        let flags = self.flags.clone();
        if flags.precision == Some(0) && digits == "0" {
            self.repeat(b' ', flags.width.unwrap_or(0));
            return;
        }
        let signed = negative || flags.plus || flags.space;
        let least = match (flags.precision, flags.width) {
            (Some(precision), _) => precision,
            (None, Some(width)) if flags.zero && !flags.minus => {
                width.saturating_sub(usize::from(signed))
            }
            _ => 0,
        };
        if least > self.room {
            self.repeat(b'0', least);
            return;
        }
        let mut text = String::new();
        if negative {
            text.push('-');
        } else if flags.plus {
            text.push('+');
        } else if flags.space {
            text.push(' ');
        }
        let missing = least.saturating_sub(digits.len());
        if verb == 'O' {
            text.push_str("0o");
        }
        text.push_str(match verb {
            'b' if flags.sharp => "0b",
            'x' if flags.sharp => "0x",
            'X' if flags.sharp => "0X",
            'o' | 'O' if flags.sharp && missing == 0 && !digits.starts_with('0') => "0",
            _ => "",
        });
        text.push_str(&"0".repeat(missing));
        text.push_str(digits);
        self.pad_with_blanks(text.as_bytes());
    }

    fn unicode(&mut self, magnitude: u64, negative: bool) {
        let code = if negative {
            magnitude.wrapping_neg()
        } else {
            magnitude
        };
        let least = self.flags.precision.unwrap_or(4).clamp(4, 1000);
        let mut text = format!("U+{code:0least$X}");
        if self.flags.sharp
            && let Some(character) = u32::try_from(code).ok().and_then(char::from_u32)
            && is_printable(character)
        {
            text.push_str(&format!(" '{character}'"));
        }
        self.pad_with_blanks(text.as_bytes());
    }

    fn float(&mut self, number: Float, verb: char, value: &Value) {
        match verb {
            'v' => self.float_text(number, 'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => self.float_text(number, verb, None),
            'f' | 'e' | 'E' => self.float_text(number, verb, Some(6)),
            'F' => self.float_text(number, 'f', Some(6)),
            _ => self.bad_verb(value, verb),
        }
    }

    fn float_text(&mut self, number: Float, verb: char, precision: Option<usize>) {
        let precision = self.flags.precision.or(precision);
        if precision.is_some_and(|precision| precision > self.room) {
            self.repeat(b'0', precision.unwrap_or(0));
            return;
        }
        let text = float(number, verb, precision);
        let (negative, mut text) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (text.starts_with('-'), rest.to_owned()),
            None => (false, text),
        };
        let sign = match (negative, self.flags.plus, self.flags.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            (false, false, false) => "",
        };
        if text == "Inf" || text == "NaN" {
            let sign = if text == "Inf" && sign.is_empty() {
                "+"
            } else {
                sign
            };
            self.pad_with_blanks(format!("{sign}{text}").as_bytes());
            return;
        }
        if self.flags.sharp && verb != 'b' {
            text = with_point(&text, verb, precision);
        }
        let width = self.flags.width.unwrap_or(0);
        if self.flags.zero && !self.flags.minus && !sign.is_empty() && width > text.len() + 1 {
            self.write(sign.as_bytes());
            self.repeat(b'0', width - text.len() - 1);
            self.write(text.as_bytes());
        } else {
            self.pad(format!("{sign}{text}").as_bytes());
        }
    }

    fn complex(&mut self, real: f64, imaginary: f64, verb: char, value: &Value) {
        if !matches!(
            verb,
            'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E'
        ) {
            self.bad_verb(value, verb);
            return;
        }
        self.write(b"(");
        self.float(Float::Double(real), verb, value);
        let plus = std::mem::replace(&mut self.flags.plus, true);
        self.float(Float::Double(imaginary), verb, value);
        self.flags.plus = plus;
        self.write(b"i)");
    }
}

/// The byte in an element of a `[]uint8`.
fn byte(value: &Value) -> Option<u8> {
    match value {
        Value::Unsigned(byte, _) => u8::try_from(*byte).ok(),
        _ => None,
    }
}

/// `%#g` and its relatives: always a decimal point, and zeros up to the precision.
fn with_point(text: &str, verb: char, precision: Option<usize>) -> String {
    // Go fills up under x, but not under X.
    let wanted = if matches!(verb, 'g' | 'G' | 'x') {
        precision.unwrap_or(6)
    } else {
        0
    };
    let letters: &[char] = if matches!(verb, 'x' | 'X') {
        &['p', 'P']
    } else {
        &['e', 'E']
    };
    let at = text.find(letters).unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(at);
    // Of a hexadecimal prefix the letter counts among the digits, as it does in Go.
    let significant = mantissa
        .chars()
        .filter(|c| *c != '.')
        .skip_while(|c| *c == '0')
        .count();
    let significant = if mantissa == "0" { 1 } else { significant };
    let point = if mantissa.contains('.') { "" } else { "." };
    let zeros = "0".repeat(wanted.saturating_sub(significant));
    format!("{mantissa}{point}{zeros}{exponent}")
}

//! The directives of a format string: flags, widths, precisions and argument numbers.

use super::printer::{Flags, Printer};
use crate::template::value::Value;

/// Widths, precisions and argument numbers end here.
const NUMBER_LIMIT: i64 = 1_000_000;

/// Writes a format with its arguments filled in.
pub(super) fn run(printer: &mut Printer, format: &[u8], values: &[&Value]) {
    let mut directives = Directives {
        format,
        at: 0,
        values,
        next: 0,
        reordered: false,
        good_number: true,
    };
    while let Some(found) = format[directives.at..]
        .iter()
        .position(|byte| *byte == b'%')
    {
        let start = directives.at;
        printer.write(&format[start..start + found]);
        directives.at = start + found + 1;
        directives.one(printer);
        if printer.is_full() {
            return;
        }
    }
    printer.write(&format[directives.at..]);
    if !directives.reordered && directives.next < values.len() {
        extra(printer, &values[directives.next..]);
    }
}

/// Arguments that no directive used.
fn extra(printer: &mut Printer, values: &[&Value]) {
    printer.flags = Flags::default();
    printer.write(b"%!(EXTRA ");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            printer.write(b", ");
        }
        if value.is_nil() {
            printer.write(b"<nil>");
        } else {
            printer.write(value.type_name().as_bytes());
            printer.write(b"=");
            printer.argument(value, 'v');
        }
    }
    printer.write(b")");
}

struct Directives<'f> {
    format: &'f [u8],
    at: usize,
    values: &'f [&'f Value],
    next: usize,
    reordered: bool,
    good_number: bool,
}

impl Directives<'_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    /// The directive behind a percent sign.
    fn one(&mut self, printer: &mut Printer) {
        self.good_number = true;
        printer.flags = Flags::default();
        self.flags(printer);
        let mut numbered = self.argument_number();
        numbered = self.width(printer, numbered);
        // A dot at the very end is a verb.
        if self.peek() == Some(b'.') && self.at + 1 < self.format.len() {
            self.at += 1;
            numbered = self.precision(printer, numbered);
        }
        if !numbered {
            self.argument_number();
        }
        let Some(verb) = self.verb() else {
            printer.write(b"%!(NOVERB)");
            return;
        };
        if verb == '%' {
            printer.write(b"%");
        } else if !self.good_number {
            printer.write(format!("%!{verb}(BADINDEX)").as_bytes());
        } else if let Some(value) = self.values.get(self.next) {
            self.next += 1;
            if matches!(verb, 'v' | 'w') {
                printer.flags.go_syntax = std::mem::take(&mut printer.flags.sharp);
                printer.flags.names = std::mem::take(&mut printer.flags.plus);
            }
            printer.argument(value, verb);
        } else {
            printer.write(format!("%!{verb}(MISSING)").as_bytes());
        }
    }

    fn flags(&mut self, printer: &mut Printer) {
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => printer.flags.sharp = true,
                b'0' => printer.flags.zero = true,
                b'+' => printer.flags.plus = true,
                b'-' => printer.flags.minus = true,
                b' ' => printer.flags.space = true,
                _ => return,
            }
            self.at += 1;
        }
    }

    /// `*` or a number; says whether an argument number still stands unused.
    fn width(&mut self, printer: &mut Printer, numbered: bool) -> bool {
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.number_argument() {
                None => printer.write(b"%!(BADWIDTH)"),
                Some(width) => {
                    if width < 0 {
                        printer.flags.minus = true;
                        printer.flags.zero = false;
                    }
                    printer.flags.width = usize::try_from(width.unsigned_abs()).ok();
                }
            }
            return false;
        }
        let width = self.number();
        if numbered && width.is_some() {
            self.good_number = false;
        }
        printer.flags.width = width;
        numbered
    }

    /// What stands behind the dot.
    fn precision(&mut self, printer: &mut Printer, numbered: bool) -> bool {
        if numbered {
            self.good_number = false;
        }
        let numbered = self.argument_number();
        if self.peek() == Some(b'*') {
            self.at += 1;
            let precision = self.number_argument();
            printer.flags.precision = precision.and_then(|number| usize::try_from(number).ok());
            if printer.flags.precision.is_none() {
                printer.write(b"%!(BADPREC)");
            }
            return false;
        }
        printer.flags.precision = Some(self.number().unwrap_or(0));
        numbered
    }

    fn verb(&mut self) -> Option<char> {
        let rest = self.format.get(self.at..)?;
        let first = rest.utf8_chunks().next()?;
        let verb = first.valid().chars().next();
        // A byte that is no text is one character.
        self.at += verb.map_or(1, char::len_utf8);
        Some(verb.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Digits. A number that is too great reads as none, and so does all that follows it.
    fn number(&mut self) -> Option<usize> {
        let mut value = None;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            // Looked at before each digit, so that the last one may go beyond.
            if value.unwrap_or(0) > NUMBER_LIMIT {
                self.at = self.format.len();
                return None;
            }
            value = Some(value.unwrap_or(0) * 10 + i64::from(digit - b'0'));
            self.at += 1;
        }
        value.and_then(|value| usize::try_from(value).ok())
    }

    /// A width or a precision from an argument, which must be an integer that is not too great.
    fn number_argument(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        let number = match value {
            Value::Signed(number, _) => Some(*number),
            Value::Unsigned(number, _) => i64::try_from(*number).ok(),
            _ => None,
        }?;
        (-NUMBER_LIMIT..=NUMBER_LIMIT)
            .contains(&number)
            .then_some(number)
    }

    /// `[n]`; says whether there was a number that can be read.
    fn argument_number(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let close = rest.iter().position(|byte| *byte == b']');
        let (Some(close), true) = (close, rest.len() >= 3) else {
            self.at += 1;
            self.good_number = false;
            return false;
        };
        let number = std::str::from_utf8(&rest[1..close])
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse::<usize>().ok())
            .filter(|number| *number <= 1_000_000);
        self.at += close + 1;
        match number {
            Some(number) if (1..=self.values.len()).contains(&number) => self.next = number - 1,
            _ => self.good_number = false,
        }
        number.is_some()
    }
}

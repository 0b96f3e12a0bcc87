//! Printing as Go's `fmt` does it: `print`, `println`, `printf`, and what an action shows.
//!
//! Refuses: Go's pointers as addresses, which differ from run to run.

mod directive;
mod float;
mod printer;
mod quote;

use super::value::Value;
pub(super) use float::{Float, float};
pub(super) use printer::Printer;
pub(super) use quote::{is_printable, quoted};

/// A value as `%v` prints it.
pub(super) fn plain(value: &Value, room: usize) -> Result<Vec<u8>, String> {
    let mut printer = Printer::new(room);
    printer.print(value);
    printer.finish()
}

/// `print`: blanks between operands where neither is a string.
pub(super) fn print<'v>(
    values: impl IntoIterator<Item = &'v Value>,
    room: usize,
) -> Result<Vec<u8>, String> {
    let mut printer = Printer::new(room);
    let mut before_is_string = true;
    for value in values {
        let is_string = matches!(value, Value::String(_));
        if !is_string && !before_is_string {
            printer.write(b" ");
        }
        printer.print(value);
        before_is_string = is_string;
    }
    printer.finish()
}

/// `println`: blanks between all operands, a line break behind them.
pub(super) fn println<'v>(
    values: impl IntoIterator<Item = &'v Value>,
    room: usize,
) -> Result<Vec<u8>, String> {
    let mut printer = Printer::new(room);
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            printer.write(b" ");
        }
        printer.print(value);
    }
    printer.write(b"\n");
    printer.finish()
}

/// `printf`.
pub(super) fn printf(format: &[u8], values: &[&Value], room: usize) -> Result<Vec<u8>, String> {
    let mut printer = Printer::new(room);
    directive::run(&mut printer, format, values);
    printer.finish()
}

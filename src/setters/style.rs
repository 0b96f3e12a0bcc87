//! How a new value is spelled in the place of an old one.

use granit_parser::ScalarStyle;

use crate::yaml::is_plain_string;

/// The spelling of a plain or quoted scalar. A plain one stays plain when it is read back as the
/// same string under YAML 1.1 and 1.2 in its place, and is double quoted otherwise.
pub(super) fn spell(value: &str, style: ScalarStyle, flow: bool) -> String {
    match style {
        ScalarStyle::SingleQuoted => format!("'{}'", value.replace('\'', "''")),
        ScalarStyle::Plain if stays_plain(value, flow) => value.to_owned(),
        ScalarStyle::Plain
        | ScalarStyle::DoubleQuoted
        | ScalarStyle::Literal
        | ScalarStyle::Folded => {
            format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        }
    }
}

fn stays_plain(value: &str, flow: bool) -> bool {
    if value.is_empty() || !is_plain_string(value) || is_other_in_1_2(value) {
        return false;
    }
    let starts_badly = value.starts_with([
        ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', ' ',
    ]);
    let indicator_alone = matches!(value, "-" | "?" | ":" | "---" | "...")
        || value.starts_with("- ")
        || value.starts_with("? ")
        || value.starts_with("---")
        || value.starts_with("...");
    let breaks = value.contains(": ")
        || value.contains(" #")
        || value.ends_with([':', ' '])
        || value.contains(['\n', '\t', '\r']);
    let flow_breaks = flow && value.contains([',', '[', ']', '{', '}']);
    !(starts_badly || indicator_alone || breaks || flow_breaks)
}

/// What go-yaml v3 takes for something other than a string, and v2 does not.
fn is_other_in_1_2(value: &str) -> bool {
    value == "<<" || value == "="
}

/// A block scalar's new header and content: chomping `-`, the old content indentation.
pub(super) struct Block<'t> {
    /// `|` or `>`, with an indentation digit if there was one.
    pub(super) indicator: &'t str,
    /// Everything behind the header on its line, the line break included.
    pub(super) header_rest: &'t str,
    /// Blanks before the content.
    pub(super) indentation: &'t str,
}

/// The spelling of a block scalar: header, comment, one line.
pub(super) fn spell_block(value: &str, block: &Block<'_>) -> String {
    let digit: String = block
        .indicator
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let kind = &block.indicator[..1];
    format!(
        "{kind}{digit}-{}{}{value}",
        block.header_rest, block.indentation
    )
}

//! The bytes of a scalar that an edit replaces.

use std::ops::Range;

use super::nodes::Scalar;
use super::style::{Block, spell, spell_block};
use crate::splice::Splice;

/// A replacement of bytes that gives a scalar a new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
    /// The document in the file, and the scalar among its pieces.
    pub(super) target: (usize, usize),
    /// What a YAML parser must read there afterwards.
    pub(super) value: String,
}

impl Edit {
    /// The same without knowledge of YAML.
    pub(super) fn splice(&self, text: &str) -> Splice {
        Splice {
            start: self.range.start,
            old: text.as_bytes()[self.range.clone()].into(),
            new: self.text.as_bytes().into(),
        }
    }
}

/// The edit that gives a scalar a new value; `None` when its bytes cannot be made out. A tag of
/// another type than string goes with the scalar (rule D11).
pub(super) fn edit(
    text: &str,
    scalar: &Scalar<'_>,
    target: (usize, usize),
    value: &str,
) -> Option<Edit> {
    let (mut range, mut spelling) = if scalar.is_block() {
        block_edit(text, scalar, value)?
    } else {
        let spelling = spell(value, scalar.style, scalar.flow);
        (scalar.range.clone(), spelling)
    };
    if let Some(tag) = scalar.foreign_tag {
        let properties = &text[tag..range.start];
        // An anchor may stand between the tag and the scalar; aliases need it.
        let kept = properties.trim_start_matches(|c: char| !c.is_whitespace());
        spelling.insert_str(0, kept.trim_start_matches([' ', '\t']));
        range.start = tag;
    }
    Some(Edit {
        range,
        text: spelling,
        target,
        value: value.to_owned(),
    })
}

/// Where a scalar's token begins: for a block scalar its `|` or `>`.
pub(super) fn token_start(text: &str, scalar: &Scalar<'_>) -> usize {
    let header = scalar.is_block().then(|| block_header(text, scalar));
    header
        .flatten()
        .map_or(scalar.range.start, |header| header.start)
}

/// The header's indicator, for example `|2-`.
fn block_header(text: &str, scalar: &Scalar<'_>) -> Option<Range<usize>> {
    let content = content_start(text, scalar);
    let line_end = text[..content].trim_end_matches([' ', '\t']).len();
    // Blank lines may lie between the header and the content.
    let above = text[..line_end].trim_end_matches(['\n', '\r', ' ', '\t']);
    let line = above.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let header_line = &above[line..];
    let mut found = None;
    let bytes = header_line.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if !matches!(byte, b'|' | b'>') || (at > 0 && !matches!(bytes[at - 1], b' ' | b'\t')) {
            continue;
        }
        let length = 1 + bytes[at + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-'))
            .count();
        let rest = header_line[at + length..].trim_start_matches([' ', '\t']);
        if rest.is_empty() || rest.starts_with('#') {
            found = Some(line + at..line + at + length);
            break;
        }
    }
    found
}

/// The first byte of the first content line that is not blank.
fn content_start(text: &str, scalar: &Scalar<'_>) -> usize {
    let content = &text[scalar.range.clone()];
    let blank = content.len() - content.trim_start_matches(['\n', '\r', ' ', '\t']).len();
    scalar.range.start + blank
}

fn block_edit(text: &str, scalar: &Scalar<'_>, value: &str) -> Option<(Range<usize>, String)> {
    let header = block_header(text, scalar)?;
    let header_end = header.end
        + text[header.end..]
            .find('\n')
            .map_or(text.len() - header.end, |at| at + 1);
    let first = content_start(text, scalar);
    let line = text[..first].rfind('\n').map_or(0, |at| at + 1);
    // With an indentation digit, blanks of the content itself may follow the indentation.
    let own = scalar.value.trim_start_matches('\n');
    let own = own.len() - own.trim_start_matches(' ').len();
    let block = Block {
        indicator: &text[header.clone()],
        header_rest: &text[header.end..header_end],
        indentation: &text[line..first.saturating_sub(own).max(line)],
    };
    let end = block_end(text, scalar, block.indentation.len());
    if end < first || first < header_end {
        return None;
    }
    Some((header.start..end, spell_block(value, &block)))
}

/// Where the last line ends that holds content; blanks beyond the indentation are content.
fn block_end(text: &str, scalar: &Scalar<'_>, indentation: usize) -> usize {
    let mut end = scalar.range.start;
    let mut at = text[..end].rfind('\n').map_or(0, |at| at + 1);
    for line in text[at..scalar.range.end].split_inclusive('\n') {
        let own = line.trim_end_matches(['\n', '\r']);
        if own.len() > indentation || !own.trim_start_matches(' ').is_empty() {
            end = at + own.len();
        }
        at += line.len();
    }
    end
}

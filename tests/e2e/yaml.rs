//! Recorded scalars in the formatting of the file they were written to.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle};

/// A scalar of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    pub range: Range<usize>,
    pub value: String,
    plain: bool,
}

/// Every scalar of every document, in order. Each document is read by itself, so that one bad
/// document does not hide the others.
pub fn scalars(text: &str) -> Result<Vec<Scalar>, String> {
    let mut found = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        if let Event::Scalar(value, style, ..) = event {
            found.push(Scalar {
                range: span.byte_range().ok_or("a scalar without a place")?,
                value: value.to_string(),
                plain: style == ScalarStyle::Plain,
            });
        }
    }
    Ok(found)
}

/// A scalar that differs between two versions of a file.
#[derive(Clone, Debug)]
pub struct Edit {
    pub before: Scalar,
    /// How the scalar is written afterwards: value and spelling.
    pub value: String,
    pub spelling: String,
    /// The text of the lines from the scalar's line up to the next scalar: its comment.
    pub comment: String,
    /// The nearest scalar before it: its key, where it has one.
    pub key: String,
}

/// The scalars that differ, in order.
pub fn edits(before: &[u8], after: &[u8]) -> Result<Vec<Edit>, String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|e| e.to_string());
    let (before, after) = (text(before)?, text(after)?);
    let (old, new) = (scalars(&before)?, scalars(&after)?);
    if old.len() != new.len() {
        return Err(format!(
            "{} scalars before and {} after",
            old.len(),
            new.len()
        ));
    }
    let mut found = Vec::new();
    for (at, (from, to)) in old.iter().zip(&new).enumerate() {
        if from.value == to.value {
            continue;
        }
        let line_end = |start: usize| {
            before[start..]
                .find('\n')
                .map_or(before.len(), |length| start + length)
        };
        let line_start = before[..from.range.start]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        // A marker may stand on the line above an item.
        let above = before[..line_start.saturating_sub(1)]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        let own = &before[from.range.end..line_end(from.range.end)];
        let comment = if own.contains('#') {
            own
        } else {
            &before[above..line_start]
        };
        found.push(Edit {
            before: from.clone(),
            value: to.value.clone(),
            spelling: spelling(
                &before[from.range.clone()],
                from,
                &after[to.range.clone()],
                to,
            ),
            comment: comment.to_owned(),
            key: at
                .checked_sub(1)
                .map_or_else(String::new, |at| old[at].value.clone()),
        });
    }
    Ok(found)
}

/// Quotes stay; a plain scalar is written as the controllers wrote it.
fn spelling(old: &str, from: &Scalar, new: &str, to: &Scalar) -> String {
    if from.plain {
        return new.to_owned();
    }
    match old.chars().next() {
        Some('\'') => format!("'{}'", to.value.replace('\'', "''")),
        Some('"') => format!(
            "\"{}\"",
            to.value.replace('\\', "\\\\").replace('"', "\\\"")
        ),
        _ => new.to_owned(),
    }
}

/// The file before, with these edits and nothing else.
pub fn write(before: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = before.to_vec();
    for edit in edits.iter().rev() {
        let mut spelling = edit.spelling.clone();
        // A value where nothing stood needs its space.
        if edit.before.range.is_empty() && !bytes[..edit.before.range.start].ends_with(b" ") {
            spelling.insert(0, ' ');
        }
        bytes.splice(edit.before.range.clone(), spelling.into_bytes());
    }
    bytes
}

/// The recorded scalars in the formatting of the file before.
pub fn spell(before: &[u8], recorded: &[u8]) -> Result<Vec<u8>, String> {
    Ok(write(before, &edits(before, recorded)?))
}

//! Recorded scalars in the formatting of the file they were written to.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle};

/// A scalar of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    pub range: Range<usize>,
    pub value: String,
    plain: bool,
    block: bool,
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
                block: matches!(style, ScalarStyle::Literal | ScalarStyle::Folded),
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
    let (before, after) = (text(before)?, text(after)?);
    let (old, new) = (scalars(&before)?, scalars(&after)?);
    if old.len() != new.len() {
        return Err(format!(
            "{} scalars before and {} after",
            old.len(),
            new.len()
        ));
    }
    let changed = old.iter().zip(&new).enumerate();
    Ok(changed
        .filter(|(_, (from, to))| from.value != to.value)
        .map(|(at, (from, to))| {
            let old_text = &before[from.range.clone()];
            let new_text = &after[to.range.clone()];
            Edit {
                before: from.clone(),
                value: to.value.clone(),
                spelling: spelling(old_text, from, new_text, &to.value),
                comment: comment(&before, from),
                key: key(&old, at),
            }
        })
        .collect())
}

/// The marked scalars that `value` changes, in order.
pub fn marked(before: &[u8], value: &mut dyn FnMut(&str) -> Option<String>) -> Vec<Edit> {
    let Ok(before) = text(before) else {
        return Vec::new();
    };
    let scalars = scalars(&before).unwrap_or_default();
    let mut found = Vec::new();
    for (at, scalar) in scalars.iter().enumerate() {
        let comment = comment(&before, scalar);
        // The marker belongs to the last scalar of its line.
        let last = scalars
            .get(at + 1)
            .is_none_or(|next| before[scalar.range.end..next.range.start].contains('\n'));
        let wanted = setter(&comment).filter(|_| last).and_then(&mut *value);
        if let Some(wanted) = wanted.filter(|wanted| *wanted != scalar.value) {
            let old = &before[scalar.range.clone()];
            found.push(Edit {
                before: scalar.clone(),
                spelling: spelling(old, scalar, &wanted, &wanted),
                value: wanted,
                comment,
                key: key(&scalars, at),
            });
        }
    }
    found
}

/// The policy, and perhaps the part, that a comment's marker names.
pub fn setter(comment: &str) -> Option<&str> {
    let (_, rest) = comment.split_once("\"$imagepolicy\"")?;
    rest.split('"').nth(1)
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())
}

/// The comment behind a scalar, else the line above it, where an item's marker may stand.
fn comment(text: &str, scalar: &Scalar) -> String {
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = scalar.range.end;
    let own = text[end..].lines().next().unwrap_or_default();
    if own.contains('#') {
        return own.to_owned();
    }
    let start = line_start(scalar.range.start);
    let above = &text[line_start(start.saturating_sub(1))..start];
    let alone = above.trim_start().starts_with('#');
    if alone {
        above.to_owned()
    } else {
        String::new()
    }
}

/// The scalar before, which is the key of a value.
fn key(scalars: &[Scalar], at: usize) -> String {
    at.checked_sub(1)
        .map_or_else(String::new, |at| scalars[at].value.clone())
}

/// Quotes stay; a plain scalar is written as the controllers wrote it.
fn spelling(old: &str, from: &Scalar, new: &str, value: &str) -> String {
    if from.plain {
        return new.to_owned();
    }
    if from.block {
        // The lines stay as they are but for the value (D11).
        return old.replacen(from.value.trim_end(), value.trim_end(), 1);
    }
    match old.chars().next() {
        Some('\'') => format!("'{}'", value.replace('\'', "''")),
        Some('"') => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
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

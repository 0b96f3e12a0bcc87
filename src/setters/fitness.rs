//! What the controllers refuse although it is YAML: kyaml documents, go-yaml nodes.

use std::ops::Range;

use granit_parser::{Event, ScalarStyle};

use super::documents::Unfit;
use super::nodes::{Document, Piece, Place};

/// Refuses documents that are no mapping, and `metadata` that is none. `start` is where the
/// document begins.
pub(super) fn check(document: &Document<'_>, start: usize) -> Result<(), Unfit> {
    let nodes = || {
        let pieces = document.pieces.iter();
        pieces.filter(|piece| !matches!(piece, Piece::Comment(_)))
    };
    match nodes().next() {
        None => {}
        Some(Piece::Start(root)) if !document.collections[*root].sequence => {}
        Some(Piece::Scalar(scalar)) if scalar.is_null() => {}
        Some(Piece::Start(_)) => {
            let reason = "the document is a sequence, not a mapping";
            return Err(Unfit::unreadable(start, reason));
        }
        Some(_) => {
            let reason = "the document is a scalar, not a mapping";
            return Err(Unfit::unreadable(start, reason));
        }
    }
    // Of two keys of one text the first counts.
    let mut seen = false;
    let mut metadata = None;
    for piece in nodes() {
        if let Some(at) = metadata.take() {
            let fits = match piece {
                Piece::Start(collection) => !document.collections[*collection].sequence,
                Piece::Scalar(scalar) => scalar.is_null(),
                Piece::Alias(_) | Piece::End(_) | Piece::Comment(_) => false,
            };
            if !fits {
                return Err(Unfit::unreadable(at, "metadata is no mapping"));
            }
        }
        if let Piece::Scalar(scalar) = piece
            && scalar.place == Place::Key
            && scalar.collection == Some(0)
            && scalar.value == "metadata"
            && !std::mem::replace(&mut seen, true)
        {
            metadata = Some(scalar.range.start);
        }
    }
    Ok(())
}

/// Refuses a node with an anchor or an escape that go-yaml does not know.
pub(super) fn of_node(text: &str, event: &Event<'_>, range: &Range<usize>) -> Option<Unfit> {
    let (Event::Scalar(_, _, anchor, _)
    | Event::SequenceStart(_, anchor, _)
    | Event::MappingStart(_, anchor, _)) = event
    else {
        return None;
    };
    if *anchor != 0
        && let Some(at) = text[..range.start].rfind('&')
    {
        let name = text[at + 1..].split([' ', '\t', '\n', '\r', ',', '[', ']', '{', '}']);
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if !name.take(1).all(|name| name.chars().all(known)) {
            let reason = "the controllers' parser takes letters, digits, - and _ in anchors only";
            return Some(Unfit::unreadable(at, reason));
        }
    }
    if matches!(event, Event::Scalar(_, ScalarStyle::DoubleQuoted, ..))
        && let Some(at) = unknown_escape(&text[range.clone()])
    {
        let reason = "the controllers' parser does not know this escape";
        return Some(Unfit::unreadable(range.start + at, reason));
    }
    None
}

/// The first `\/`, or half of a surrogate pair, in a double-quoted scalar: JSON has them.
fn unknown_escape(quoted: &str) -> Option<usize> {
    let mut escapes = quoted.match_indices('\\').map(|(at, _)| at);
    while let Some(at) = escapes.next() {
        let after = quoted.get(at + 1..).unwrap_or_default();
        if after.starts_with('\\') {
            escapes.next();
            continue;
        }
        let code = after.strip_prefix('u').and_then(|hex| hex.get(..4));
        let code = code.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        if after.starts_with('/') || code.is_some_and(|code| char::from_u32(code).is_none()) {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::setters::nodes::assert_read;

    #[test]
    fn escapes_and_anchors_are_those_of_go_yaml() {
        for text in [
            "a: \"b\\/c\"\n",
            "a: \"\\ud83d\\ude00\"\n",
            "a: &b.c d\n",
            "a: &b/c\n  d: e\n",
            "a: &\u{e9}\n- d\n",
        ] {
            assert_read(text, false);
        }
        for text in [
            "a: \"\\\\/ \\u00e4 \\n / \\\"\"\n",
            "a: 'b\\/c'\n",
            "a: b\\/c\n",
            "a: &b-c_1 d\ne: *b-c_1\n",
            "a: [&b , &c]\n",
            "a: &b {c: &d e}\n",
        ] {
            assert_read(text, true);
        }
    }
}

//! Which scalar a comment marks: go-yaml v3's placement of comments.
//!
//! A scalar's *line comment* stands behind it on its last line (for a block scalar: on its header).
//! Its *head comment* is one line directly above it, where it is an item, or between a key and its
//! value. Comments above a key, behind a key, behind a collection or an alias mark nothing.

use std::collections::HashMap;
use std::ops::Range;

use super::edit::token_start;
use super::nodes::{Document, Piece, Place, Scalar};

/// A comment and the scalar it marks, by position among the document's pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) comment: Range<usize>,
    pub(super) scalar: Option<usize>,
}

impl Placed {
    /// A comment that marks nothing.
    fn idle(comment: Range<usize>) -> Self {
        Self {
            comment,
            scalar: None,
        }
    }
}

/// What came last before a comment.
#[derive(Clone, Copy)]
enum Last {
    Nothing,
    Scalar(usize),
    BlockCollection,
    Other,
}

/// Places every comment of a document, in the order of the text.
pub(super) fn place(text: &str, document: &Document<'_>) -> Vec<Placed> {
    let mut placed = Vec::new();
    // Comments on lines of their own, or behind a dash, that wait for the next node.
    let mut waiting: Vec<Range<usize>> = Vec::new();
    let mut line_comments: Vec<(usize, Range<usize>)> = Vec::new();
    let mut last = Last::Nothing;
    for (index, piece) in document.pieces.iter().enumerate() {
        match piece {
            Piece::Comment(range) => {
                if let Some(scalar) = header_of(document, last, range) {
                    line_comments.push((scalar, range.clone()));
                } else if stands_before_node(text, range) {
                    waiting.push(range.clone());
                } else if let Last::Scalar(scalar) = last {
                    line_comments.push((scalar, range.clone()));
                } else {
                    placed.push(Placed::idle(range.clone()));
                }
            }
            Piece::Scalar(scalar) => {
                let behind = matches!(last, Last::BlockCollection);
                let head = head_comment(text, scalar, &waiting)
                    .filter(|comment| !behind || is_in_line_with_dash(text, scalar, comment));
                for comment in waiting.drain(..) {
                    let marks = head.as_ref() == Some(&comment);
                    placed.push(Placed {
                        comment,
                        scalar: marks.then_some(index),
                    });
                }
                last = Last::Scalar(index);
            }
            // The comments above a sequence belong to its first item.
            Piece::Start(collection) if document.collections[*collection].sequence => {
                last = Last::Other;
            }
            // What stands above the next item comes before the end of the item above.
            Piece::End(bracket) if bracket.is_empty() => last = Last::BlockCollection,
            Piece::Start(_) | Piece::Alias(_) | Piece::End(_) => {
                placed.extend(waiting.drain(..).map(Placed::idle));
                last = Last::Other;
            }
        }
    }
    placed.extend(waiting.into_iter().map(Placed::idle));
    add_line_comments(text, document, &mut placed, line_comments);
    placed.sort_by_key(|placed| placed.comment.start);
    placed
}

/// Adds the comments behind scalars. A line comment hides the head comment of its scalar.
fn add_line_comments(
    text: &str,
    document: &Document<'_>,
    placed: &mut Vec<Placed>,
    line_comments: Vec<(usize, Range<usize>)>,
) {
    let heads: HashMap<usize, usize> = placed
        .iter()
        .enumerate()
        .filter_map(|(at, head)| Some((head.scalar?, at)))
        .collect();
    for (index, comment) in line_comments {
        let marks = document.scalar(index).is_some_and(|scalar| {
            matches!(scalar.place, Place::Value { .. } | Place::Item { .. })
                && !is_missing(scalar)
                && is_behind(text, scalar, &comment)
        });
        if marks && let Some(head) = heads.get(&index) {
            placed[*head].scalar = None;
        }
        placed.push(Placed {
            comment,
            scalar: marks.then_some(index),
        });
    }
}

/// A value that is not there: `key:` alone.
fn is_missing(scalar: &Scalar<'_>) -> bool {
    !scalar.is_block() && scalar.range.is_empty()
}

/// The block scalar whose header a comment stands on: it comes after the scalar in the parser's
/// order and before it in the text.
fn header_of(document: &Document<'_>, last: Last, comment: &Range<usize>) -> Option<usize> {
    let Last::Scalar(index) = last else {
        return None;
    };
    let scalar = document.scalar(index)?;
    (scalar.is_block() && comment.start < scalar.range.start.max(1)).then_some(index)
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind(['\n', '\r']).map_or(0, |at| at + 1)
}

/// Whether nothing but blanks and dashes stand before a comment on its line.
fn stands_before_node(text: &str, comment: &Range<usize>) -> bool {
    let before = &text[line_start(text, comment.start)..comment.start];
    before
        .trim_start_matches('\u{feff}')
        .chars()
        .all(|c| matches!(c, ' ' | '\t' | '-' | '?'))
        && !before.trim_end().ends_with("---")
}

/// Whether a comment begins on the line where a scalar ends.
fn is_behind(text: &str, scalar: &Scalar<'_>, comment: &Range<usize>) -> bool {
    if scalar.is_block() {
        return comment.start < scalar.range.start.max(1);
    }
    scalar.range.end <= comment.start
        && !text[scalar.range.end..comment.start].contains(['\n', '\r'])
}

/// The one comment that heads a scalar, if it is one line alone.
fn head_comment(text: &str, scalar: &Scalar<'_>, waiting: &[Range<usize>]) -> Option<Range<usize>> {
    if waiting.is_empty() || is_missing(scalar) {
        return None;
    }
    let group: Vec<&Range<usize>> = match scalar.place {
        Place::Key | Place::Root => return None,
        Place::Value { .. } | Place::Item { number: 0 } => waiting.iter().collect(),
        // A blank line behind a comment makes it a foot of the item before.
        Place::Item { .. } => {
            let mut group = Vec::new();
            let mut below = token_start(text, scalar);
            for comment in waiting.iter().rev() {
                if has_blank_line(&text[comment.end..below]) {
                    break;
                }
                below = line_start(text, comment.start);
                group.push(comment);
            }
            group
        }
    };
    match group.as_slice() {
        [only] if !is_above_nested_sequence(text, scalar, only) => Some((*only).clone()),
        _ => None,
    }
}

/// Whether more than one dash stands between a comment and a scalar: the comment then belongs to
/// the sequence that the scalar begins, which is an item itself.
fn is_above_nested_sequence(text: &str, scalar: &Scalar<'_>, comment: &Range<usize>) -> bool {
    let between = &text[comment.end..token_start(text, scalar)];
    let dashes = between.split_whitespace().filter(|word| *word == "-");
    dashes.count() > 1
}

/// Whether an empty line lies between the end of one line and the start of another.
fn has_blank_line(between: &str) -> bool {
    let mut lines = between.split('\n');
    lines.next();
    let rest: Vec<&str> = lines.collect();
    rest.len() > 1
        && rest[..rest.len() - 1]
            .iter()
            .any(|line| line.trim().is_empty())
}

/// Whether a comment begins where the dash of its item does. Behind a collection, one that does not
/// belongs to the collection.
fn is_in_line_with_dash(text: &str, scalar: &Scalar<'_>, comment: &Range<usize>) -> bool {
    let between = &text[comment.end..token_start(text, scalar)];
    let before = &text[line_start(text, comment.start)..comment.start];
    let dash = between.find('-').map(|at| comment.end + at);
    let Some(dash) = dash.filter(|_| before.trim().is_empty()) else {
        // The comment stands behind a dash.
        return true;
    };
    let column = |at: usize| at - line_start(text, at);
    column(comment.start) == column(dash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setters::documents::documents;
    use crate::setters::nodes::read;

    /// The scalar that the only comment of a text marks.
    fn marked(text: &str) -> Option<String> {
        let ranges = documents(text).unwrap();
        let document = read(text, &ranges[0]).unwrap();
        let placed = place(text, &document);
        let [only] = placed.as_slice() else {
            panic!("{placed:?}")
        };
        let scalar = document.scalar(only.scalar?)?;
        Some(scalar.value.clone().into_owned())
    }

    #[test]
    fn a_comment_above_an_item_marks_it_whatever_the_item_before_is() {
        for before in ["x", "k: v", "- x", "{a: b}", "|\n  x"] {
            let text = format!("a:\n- {before}\n# c\n- y\nb: z\n");
            assert_eq!(marked(&text).as_deref(), Some("y"), "{text}");
        }
        assert_eq!(
            marked("a:\n- x\n# c\n- |-\n\n  y\n").as_deref(),
            Some("\ny")
        );
        assert_eq!(marked("a:\n- k: v\n# c\n\n- y\n"), None);
        assert_eq!(marked("a:\n- k: v\n  # c\n- y\n"), None);
        assert_eq!(marked("a:\n  - k: v\n# c\n  - y\n"), None);
        assert_eq!(marked("a: [[z\n # c\n ],\n b]\n"), None);
        assert_eq!(marked("a:\n- k: v\n# c\nb: y\n"), None);
        let behind_dash = marked("a:\n- k: v\n- # c\n  - y\n");
        assert_eq!(behind_dash.as_deref(), Some("y"));
    }

    #[test]
    fn a_comment_above_a_nested_sequence_marks_none_of_its_items() {
        assert_eq!(marked("a:\n# c\n- - x\n").as_deref(), None);
        assert_eq!(marked("a:\n# c\n-\n  - x\n").as_deref(), None);
        assert_eq!(marked("a:\n- y\n# c\n- - x\n").as_deref(), None);
        assert_eq!(marked("a:\n# c\n- x\n").as_deref(), Some("x"));
        assert_eq!(marked("a:\n-\n  # c\n  - x\n").as_deref(), Some("x"));
    }
}

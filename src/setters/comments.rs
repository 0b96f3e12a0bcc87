//! Which scalar a comment marks: go-yaml v3's placement of comments.
//!
//! A scalar's *line comment* stands behind it on its last line (for a block scalar: on its header).
//! Its *head comment* is one line directly above it, where it is an item, or between a key and its
//! value. Comments above a key, behind a key, behind a collection or an alias mark nothing.

use std::ops::Range;

use granit_parser::ScalarStyle;

use super::nodes::{Document, Piece, Role, Scalar};

/// A comment and the scalar it marks, by position among the document's pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) comment: Range<usize>,
    pub(super) scalar: Option<usize>,
}

/// What came last before a comment.
enum Last {
    Nothing,
    Scalar(usize),
    Other,
}

/// Places every comment of a document.
pub(super) fn place(text: &str, document: &Document) -> Vec<Placed> {
    let mut placed = Vec::new();
    // Comments on lines of their own, or behind a dash, that wait for the next node.
    let mut waiting: Vec<Range<usize>> = Vec::new();
    let mut line_comments: Vec<(usize, Range<usize>)> = Vec::new();
    let mut last = Last::Nothing;
    for (index, piece) in document.pieces.iter().enumerate() {
        match piece {
            Piece::Comment(range) => {
                if let Some(scalar) = header_of(text, document, &last, range) {
                    line_comments.push((scalar, range.clone()));
                } else if stands_before_node(text, range) {
                    waiting.push(range.clone());
                } else {
                    match last {
                        Last::Scalar(scalar) => line_comments.push((scalar, range.clone())),
                        Last::Nothing | Last::Other => {
                            placed.push(Placed {
                                comment: range.clone(),
                                scalar: None,
                            });
                        }
                    }
                }
            }
            Piece::Scalar(scalar) => {
                let head = head_comment(text, scalar, &waiting);
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
            Piece::Start { sequence: true } => last = Last::Other,
            Piece::Start { sequence: false } | Piece::Alias(_) | Piece::End(_) => {
                placed.extend(waiting.drain(..).map(|comment| Placed {
                    comment,
                    scalar: None,
                }));
                last = Last::Other;
            }
        }
    }
    placed.extend(waiting.into_iter().map(|comment| Placed {
        comment,
        scalar: None,
    }));
    for (index, comment) in line_comments {
        let Some(Piece::Scalar(scalar)) = document.pieces.get(index) else {
            continue;
        };
        let marks = matches!(scalar.role, Role::Value | Role::Item { .. })
            && !is_missing(scalar)
            && is_behind(text, scalar, &comment);
        if marks {
            // A line comment hides every head comment.
            for other in placed
                .iter_mut()
                .filter(|other| other.scalar == Some(index))
            {
                other.scalar = None;
            }
        }
        placed.push(Placed {
            comment,
            scalar: marks.then_some(index),
        });
    }
    placed.sort_by_key(|placed| placed.comment.start);
    placed
}

/// A value that is not there: `key:` alone.
fn is_missing(scalar: &Scalar) -> bool {
    scalar.style == ScalarStyle::Plain && scalar.range.is_empty()
}

/// The block scalar whose header a comment stands on: it comes after the scalar in the parser's
/// order and before it in the text.
fn header_of(
    text: &str,
    document: &Document,
    last: &Last,
    comment: &Range<usize>,
) -> Option<usize> {
    let Last::Scalar(index) = *last else {
        return None;
    };
    let Some(Piece::Scalar(scalar)) = document.pieces.get(index) else {
        return None;
    };
    let block = matches!(scalar.style, ScalarStyle::Literal | ScalarStyle::Folded);
    let _ = text;
    (block && comment.start < scalar.range.start.max(1)).then_some(index)
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
fn is_behind(text: &str, scalar: &Scalar, comment: &Range<usize>) -> bool {
    let block = matches!(scalar.style, ScalarStyle::Literal | ScalarStyle::Folded);
    if block {
        return comment.start < scalar.range.start.max(1);
    }
    scalar.range.end <= comment.start
        && !text[scalar.range.end..comment.start].contains(['\n', '\r'])
}

/// The one comment that heads a scalar, if it is one line alone.
fn head_comment(text: &str, scalar: &Scalar, waiting: &[Range<usize>]) -> Option<Range<usize>> {
    if waiting.is_empty() || is_missing(scalar) {
        return None;
    }
    let group: Vec<&Range<usize>> = match scalar.role {
        Role::Key | Role::Root => return None,
        Role::Value | Role::Item { first: true } => waiting.iter().collect(),
        // A blank line behind a comment makes it a foot of the item before.
        Role::Item { first: false } => {
            let mut group = Vec::new();
            let mut below = scalar.range.start;
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
        [only] => Some((*only).clone()),
        _ => None,
    }
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

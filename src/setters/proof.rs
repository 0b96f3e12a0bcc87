//! Proof that edits change nothing but the scalars they are for.
//!
//! The whole proof parses the edited document again and compares node by node. Most edits do not
//! need it: when old and new spelling are one token each, of one line, between the same neighbours,
//! then reading the token alone tells what a parser reads in its place. A property test compares
//! the two proofs.

use granit_parser::{Event, Parser, ScalarStyle};

use super::documents::Unfit;
use super::edit::Edit;
use super::nodes::{Document, Piece, Scalar, read};

/// Proves the edits of one document, which are in order. `end` is where the document ends.
pub(super) fn prove(
    text: &str,
    document: &Document<'_>,
    range: &std::ops::Range<usize>,
    edits: &[Edit],
) -> Result<(), Unfit> {
    for edit in edits {
        let proven = document
            .scalar(edit.target.1)
            .is_some_and(|scalar| is_token(text, scalar, edit));
        if !proven {
            return prove_whole(text, document, range, edits);
        }
    }
    Ok(())
}

/// Whether the edit replaces one token by another that is read as the value, wherever both fit.
pub(super) fn is_token(text: &str, scalar: &Scalar<'_>, edit: &Edit) -> bool {
    let old = &text[edit.range.clone()];
    if scalar.is_block() || edit.range != scalar.range || old.contains(['\n', '\r']) {
        return false;
    }
    let before = text[..edit.range.start].chars().next_back();
    let after = text[edit.range.end..].chars().next();
    // Glued to a colon, or at the start of a line, a token may mean something else.
    let opens = matches!(before, Some(' ' | '\t'))
        || (scalar.flow && matches!(before, Some('[' | '{' | ',')));
    let closes = matches!(after, None | Some(' ' | '\t' | '\n' | '\r'))
        || (scalar.flow && matches!(after, Some(',' | ']' | '}')));
    opens
        && closes
        && reads_as(old, scalar.flow, &scalar.value) == Some(scalar.style)
        && reads_as(&edit.text, scalar.flow, &edit.value)
            .is_some_and(|style| keeps_style(scalar.style, style))
}

/// Whether a value may be written in one style where another was: a plain one may have to be quoted.
fn keeps_style(old: ScalarStyle, new: ScalarStyle) -> bool {
    old == new || (old == ScalarStyle::Plain && new == ScalarStyle::DoubleQuoted)
}

/// The style of the one scalar of this value that a parser reads in this spelling, if it does.
fn reads_as(spelling: &str, flow: bool, value: &str) -> Option<ScalarStyle> {
    if spelling.is_empty() || spelling.contains(['\n', '\r']) {
        return None;
    }
    let frame = if flow { "[\"\", " } else { "- " };
    let end = if flow { ", \"\"] # c\n" } else { " # c\n" };
    let text = format!("{frame}{spelling}{end}");
    let mut scalars = 0;
    let mut found = None;
    for next in Parser::new_from_str(&text) {
        match next {
            Ok((Event::Scalar(read, style, anchor, tag), span)) => {
                scalars += 1;
                if scalars != if flow { 2 } else { 1 } {
                    continue;
                }
                let whole = frame.len()..frame.len() + spelling.len();
                let alone = span.byte_range() == Some(whole) && anchor == 0 && tag.is_none();
                if read != value || !alone {
                    return None;
                }
                found = Some(style);
            }
            Ok((Event::Alias(_) | Event::MappingStart(..), _)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
    found.filter(|_| scalars == if flow { 3 } else { 1 })
}

/// Parses the edited document and compares it with the old one.
pub(super) fn prove_whole(
    text: &str,
    document: &Document<'_>,
    range: &std::ops::Range<usize>,
    edits: &[Edit],
) -> Result<(), Unfit> {
    let at = edits.first().map_or(range.start, |edit| edit.range.start);
    let unproven = |reason: String| Unfit::unproven(at, reason);
    let mut edited = String::with_capacity(range.len() + 64);
    let mut copied = range.start;
    for edit in edits {
        edited.push_str(&text[copied..edit.range.start]);
        edited.push_str(&edit.text);
        copied = edit.range.end;
    }
    edited.push_str(&text[copied..range.end]);
    let again = read(&edited, &(0..edited.len()))
        .map_err(|error| unproven(format!("after the edit: {}", error.reason)))?;
    let mut edits = edits.iter().peekable();
    let mut same =
        again.pieces.len() == document.pieces.len() && again.collections == document.collections;
    for (index, (old, new)) in document.pieces.iter().zip(&again.pieces).enumerate() {
        let edit = edits.next_if(|edit| edit.target.1 == index);
        same &= is_same((text, old), (&edited, new), edit);
    }
    if same && edits.next().is_none() {
        Ok(())
    } else {
        Err(unproven(
            "the edit would change more than the marked values".to_owned(),
        ))
    }
}

fn is_same(
    (old_text, old): (&str, &Piece<'_>),
    (new_text, new): (&str, &Piece<'_>),
    edit: Option<&Edit>,
) -> bool {
    match (old, new) {
        (Piece::Scalar(old), Piece::Scalar(new)) => {
            let value = edit.map_or(&*old.value, |edit| &edit.value);
            let style =
                old.style == new.style || (edit.is_some() && keeps_style(old.style, new.style));
            let tag = old.foreign_tag.is_some() == new.foreign_tag.is_some()
                || (edit.is_some() && new.foreign_tag.is_none());
            new.value == value && style && tag && old.place == new.place
        }
        (Piece::Alias(old), Piece::Alias(new)) | (Piece::Comment(old), Piece::Comment(new)) => {
            edit.is_none() && old_text[old.clone()] == new_text[new.clone()]
        }
        (Piece::Start(old), Piece::Start(new)) => edit.is_none() && old == new,
        (Piece::End(_), Piece::End(_)) => edit.is_none(),
        _ => false,
    }
}

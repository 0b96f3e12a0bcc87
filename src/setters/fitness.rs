//! What kyaml refuses although it parses.

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

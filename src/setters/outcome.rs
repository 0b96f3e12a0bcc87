//! What became of a file.

use super::marker::Marker;
use super::records::ObjectChanges;
use crate::splice::Patch;

/// Why a file is not edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
    /// The edits cannot be proven to change the marked values only; otherwise the file is one that
    /// the controllers cannot read.
    pub unproven: bool,
}

impl Refusal {
    /// Stable code, listed in `docs/reasons.md`.
    pub const fn code(&self) -> &'static str {
        if self.unproven {
            "edit-refused"
        } else {
            "unreadable-file"
        }
    }
}

/// What became of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOutcome {
    /// Every marker, in the order of the file.
    pub markers: Vec<Marker>,
    /// Change records by object.
    pub changes: Vec<ObjectChanges>,
    /// Why the file is not edited at all.
    pub refusal: Option<Refusal>,
    /// The edits, when anything changes.
    pub patch: Option<Patch>,
}

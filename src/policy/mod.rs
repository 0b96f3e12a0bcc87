//! Tag selection, and the reason.
//!
//! For: what image-reflector-controller v1.2 answers for a policy and a list of tags, and why each
//! tag won or lost, from one evaluation; and which few tags of a long list decide, for whoever wants
//! nothing but the chosen one.
//! Source: image-reflector-controller `internal/policy`, `internal/controller` (exclusion, order and
//! checksum of the stored list, digest reflection).
//! Refuses: registries and clocks. Where the controller picks at random (map order) the answer is
//! that for items in descending order of the tag that owns them, with a warning (rule D2).

mod choose;
mod contest;
mod digest;
mod exclusion;
mod explanation;
#[cfg(test)]
mod properties;
mod ranking;
mod rules;
mod selection;
mod sieve;
mod stored;
mod tag_file;
mod verdict;
mod warning;

pub use digest::{DigestReflection, reflects_digest};
pub use exclusion::{Exclusion, ExclusionError};
pub use explanation::{Explanation, Row};
pub use rules::{Policy, PolicyError};
pub use selection::Selection;
pub use sieve::{Sieve, WholeListNeeded};
pub use stored::{revision, stored_tags};
pub use tag_file::{TagFile, TagFileError, TagLines};
pub use verdict::Verdict;
pub use warning::{SelectionError, Warning};

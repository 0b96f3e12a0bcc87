//! Versions and constraints as Masterminds/semver v3.5.0 reads them.
//!
//! For: semver policies, tag ranges of Git references, and the template functions `semver` and
//! `semverCompare`.
//! Source of grammar, rules and texts: Masterminds/semver v3.5.0 `version.go` and `constraints.go`,
//! and fluxcd/pkg `version` for tags. The `semver` crate wants three parts, knows neither `||` nor
//! `!=`, and reads numbers of more than 64 bits otherwise; its order of prereleases is used where both
//! agree.
//! Refuses: to know what a tag or a policy is, beyond the rule that a tag has two dots.

mod constraint;
mod grammar;
mod quote;
mod version;

pub use constraint::{Constraint, ConstraintError};
pub use quote::quote;
pub use version::{Version, VersionError};

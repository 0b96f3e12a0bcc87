//! RE2-dialect patterns over the `regex` crate, with the meaning and the error texts of Go.
//!
//! For: `filterTags`, exclusion lists, the regular expressions of templates, and the checks of
//! `create`. A parser of Go's syntax (Go 1.26 `regexp/syntax`, Perl flags) refuses what Go refuses
//! and hands the rest to `regex` in a spelling that means the same there; a pattern that leaves no
//! choice is walked along instead.
//! Refuses: to hand a user's pattern to `regex` as it is; `[a&&b]`, `\<` or `(?x)` mean other things
//! to it.

mod compiled;
mod emit;
mod escapes;
mod extract;
mod literal;
mod parser;
mod straight;
mod unicode;

pub use compiled::{Groups, Pattern, Scratch};
pub use extract::{ExtractError, ExtractTemplate, check_extract};
pub use parser::PatternError;

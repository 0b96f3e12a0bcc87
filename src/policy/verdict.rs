//! What became of one tag.

use std::fmt;

use crate::semver::{Constraint, Version, VersionError};

/// What became of one tag. Prints as the reason, a sentence for people.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'a> {
    /// A pattern of the repository's exclusion list matches.
    Excluded(&'a str),
    /// In the list, and no policy was asked.
    Listed,
    /// The policy itself is wrong, so that no tag was looked at.
    NotJudged,
    /// The filter's pattern does not match.
    NoMatch(&'a str),
    /// Another tag gave the same item and stands for it.
    Collision(&'a str),
    /// The item is no version.
    NoVersion(&'a str),
    /// The item is no number, which ends a numerical policy.
    NoNumber(&'a str),
    /// The version is outside the range.
    OutsideRange(&'a Constraint, Version<'a>),
    /// In the choice, behind the chosen tag.
    Candidate {
        /// Place in the order, the chosen tag being 1.
        rank: usize,
        /// The chosen tag, if one could be chosen.
        winner: Option<&'a str>,
    },
    /// Chosen; holds what it is the best by.
    Selected(&'a str),
}

impl Verdict<'_> {
    /// Every code, in the order in which tags meet their fates.
    pub const CODES: &'static [&'static str] = &[
        "excluded",
        "listed",
        "not-judged",
        "no-match",
        "collision",
        "no-version",
        "no-number",
        "outside-range",
        "candidate",
        "selected",
    ];

    /// Stable code, listed in `docs/reasons.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Excluded(_) => "excluded",
            Self::Listed => "listed",
            Self::NotJudged => "not-judged",
            Self::NoMatch(_) => "no-match",
            Self::Collision(_) => "collision",
            Self::NoVersion(_) => "no-version",
            Self::NoNumber(_) => "no-number",
            Self::OutsideRange(..) => "outside-range",
            Self::Candidate { .. } => "candidate",
            Self::Selected(_) => "selected",
        }
    }

    /// What the reason says besides the code, where many tags have the same one; `None` where it speaks
    /// of this tag, and for candidates when nothing was chosen.
    pub fn shared_subject(&self) -> Option<&str> {
        match self {
            Self::Excluded(subject) | Self::NoMatch(subject) | Self::Selected(subject) => {
                Some(subject)
            }
            Self::Candidate { winner, .. } => *winner,
            Self::Listed | Self::NotJudged => Some(""),
            Self::Collision(_)
            | Self::NoVersion(_)
            | Self::NoNumber(_)
            | Self::OutsideRange(..) => None,
        }
    }

    /// Place in the order, from 1; only for tags in the choice.
    pub const fn rank(&self) -> Option<usize> {
        match self {
            Self::Candidate { rank, .. } => Some(*rank),
            Self::Selected(_) => Some(1),
            _ => None,
        }
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Excluded(pattern) => write!(f, "matches {pattern} of the exclusion list"),
            Self::Listed => Ok(()),
            Self::NotJudged => f.write_str("the policy cannot be evaluated"),
            Self::NoMatch(pattern) => write!(f, "does not match {pattern}"),
            Self::Collision(owner) => write!(f, "gives the same item as {owner}"),
            Self::NoVersion(item) => no_version(item, f),
            Self::NoNumber(item) => write!(f, "\"{item}\" is no number"),
            Self::OutsideRange(constraint, version) => constraint.write_reasons(version, f),
            Self::Candidate {
                winner: Some(winner),
                ..
            } => write!(f, "superseded by {winner}"),
            Self::Candidate { winner: None, .. } => f.write_str("nothing could be chosen"),
            Self::Selected(order) => f.write_str(order),
        }
    }
}

/// The controller refuses versions with fewer than two dots before Masterminds sees them, which is
/// the commonest surprise: it gets words of its own.
fn no_version(item: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match Version::parse_tag(item) {
        Err(VersionError::Invalid) if Version::parse(item).is_ok() => write!(
            f,
            "\"{item}\" has fewer than two dots: a version needs all three numbers"
        ),
        Err(error) => write!(f, "\"{item}\" is no version: {error}"),
        Ok(_) => Ok(()),
    }
}

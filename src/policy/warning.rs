//! Doubts about a choice, and reasons against any.

use std::fmt;

use thiserror::Error;

/// Why nothing was chosen; the controller's texts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectionError {
    /// The filter's pattern is wrong; the text names it.
    #[error("{0}")]
    Filter(String),
    /// No tag passed the filter.
    #[error("version list argument cannot be empty")]
    Empty,
    /// No version is in the range.
    #[error("unable to determine latest version from provided list")]
    NoneInRange,
    /// An item that is no number ends a numerical policy.
    #[error("failed to parse invalid numeric value '{item}'")]
    NotANumber {
        /// The item.
        item: String,
        /// The tag that gave it.
        tag: String,
    },
}

impl SelectionError {
    /// Whether it is a mistake in the policy, which the controller does not retry.
    pub const fn stalled(&self) -> bool {
        matches!(self, Self::Filter(_))
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Filter(_) => None,
            Self::Empty => Some(
                "no tag is left for the policy; 'tags' shows what became of each one".to_owned(),
            ),
            Self::NoneInRange => Some(
                "no tag is a version in the range; prereleases count only when the range names one, \
                 for example >=1.0.0-0; 'tags' shows what became of each one"
                    .to_owned(),
            ),
            Self::NotANumber { item, tag } => Some(format!(
                "the tag {tag:?} gives {item:?}; a numerical policy needs a filter that lets only \
                 numbers through"
            )),
        }
    }
}

/// A doubt about a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Several tags are as good as the winner; the controller picks one at random or by order.
    Tie(Vec<String>),
    /// Several tags give the winner's item.
    SharedItem {
        /// The item.
        item: String,
        /// The tags.
        tags: Vec<String>,
    },
    /// No tag matches the filter.
    NothingMatches,
    /// The extract is empty for every tag.
    EmptyExtract,
    /// Numbers too great to be told apart.
    HugeNumbers(String),
    /// Versions with and without `v` are mixed among the candidates.
    MixedPrefixes {
        /// Whether bytes are compared, where the prefix counts more than the version.
        by_bytes: bool,
    },
    /// Only one tag can ever match.
    FloatingTag(String),
}

impl Warning {
    /// Stable code, listed in `docs/reasons.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Tie(_) => "tie",
            Self::SharedItem { .. } => "shared-item",
            Self::NothingMatches => "nothing-matches",
            Self::EmptyExtract => "empty-extract",
            Self::HugeNumbers(_) => "huge-numbers",
            Self::MixedPrefixes { .. } => "mixed-prefixes",
            Self::FloatingTag(_) => "floating-tag",
        }
    }
}

/// How many tags a sentence names.
const NAMED: usize = 5;

/// Tags for a sentence: all of a few, the first ones of many.
fn named(tags: &[String]) -> String {
    match tags.get(..NAMED) {
        Some(first) if tags.len() > NAMED => {
            format!("{} and {} more", first.join(", "), tags.len() - NAMED)
        }
        _ => tags.join(", "),
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tie(tags) if tags.len() < 2 => f.write_str(
                "an item that is not a number makes the order a matter of chance; the controller \
                 picks any",
            ),
            Self::Tie(tags) => write!(
                f,
                "{} are equally good; one of them is always chosen here, the controller picks any",
                named(tags)
            ),
            Self::SharedItem { item, tags } => write!(
                f,
                "{} all give \"{item}\"; the least tag by bytes stands for it here, the controller \
                 picks any",
                named(tags)
            ),
            Self::NothingMatches => f.write_str("no tag matches filterTags.pattern"),
            Self::EmptyExtract => f.write_str("filterTags.extract is empty for every tag"),
            Self::HugeNumbers(item) => write!(
                f,
                "{item} is not below 2^53, where numbers that differ in the last digits are equal"
            ),
            Self::MixedPrefixes { by_bytes: false } => {
                f.write_str("versions with and without the prefix v are mixed; equal ones tie")
            }
            Self::MixedPrefixes { by_bytes: true } => f.write_str(
                "versions with and without the prefix v are mixed; by bytes every one with v comes \
                 behind every one without",
            ),
            Self::FloatingTag(tag) => write!(
                f,
                "filterTags.pattern can match the tag \"{tag}\" only, so nothing newer can ever be \
                 chosen"
            ),
        }
    }
}

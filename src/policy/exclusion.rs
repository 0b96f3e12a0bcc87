//! Tags that a repository leaves out.

use thiserror::Error;

use crate::pattern::{Pattern, PatternError};

/// The list in effect when a repository has none.
const DEFAULT: &str = r"^.*\.sig$";

/// A compiled exclusion list.
#[derive(Clone, Debug)]
pub struct Exclusion {
    texts: Vec<String>,
    patterns: Vec<Pattern>,
}

/// Why a list cannot be compiled; the controller's text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("failed to compile regex {text}: {source}")]
pub struct ExclusionError {
    text: String,
    #[source]
    source: PatternError,
}

impl Exclusion {
    /// Compiles a list; an empty one means the default.
    pub fn new(list: &[String]) -> Result<Self, ExclusionError> {
        let texts = if list.is_empty() {
            vec![DEFAULT.to_owned()]
        } else {
            list.to_vec()
        };
        let patterns = texts
            .iter()
            .map(|text| {
                Pattern::new(text).map_err(|source| ExclusionError {
                    text: text.clone(),
                    source,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { texts, patterns })
    }

    /// The list in effect.
    pub fn patterns(&self) -> &[String] {
        &self.texts
    }

    /// The first pattern that matches the tag anywhere.
    pub fn excludes(&self, tag: &str) -> Option<&str> {
        self.position(tag).map(|at| self.texts[at].as_str())
    }

    /// The place in the list of the first pattern that matches the tag anywhere.
    pub fn position(&self, tag: &str) -> Option<usize> {
        // Most lists are the default one, which needs no regular expression.
        if let [only] = self.texts.as_slice()
            && only == DEFAULT
        {
            return (tag.ends_with(".sig") && !tag.contains('\n')).then_some(0);
        }
        self.patterns
            .iter()
            .position(|pattern| pattern.is_match(tag))
    }
}

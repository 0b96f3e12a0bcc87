//! A pattern ready to search with.
//!
//! Tags are ASCII. What a pattern says of other characters is left out of the automaton that searches
//! such texts, which makes `\pL` a class of 52 letters in place of 140,000; texts with other
//! characters get an automaton of their own when the first of them comes. Where a pattern leaves no
//! choice, lists of tags need no automaton at all.

use std::ops::Range;
use std::sync::OnceLock;

use regex::bytes::{CaptureLocations, Captures, Regex, RegexBuilder};

use super::emit::{Texts, emit};
use super::literal::only_text;
use super::parser::{Node, PatternError, parse};
use super::straight::{Span, Straight};

/// Memory a compiled pattern may take, in bytes; Go's own limit is on instructions and was checked. A
/// state takes at least 32 of them: of more than 2^21 states the backtracking search of `regex` can
/// visit none, not even in an empty text, and it panics then.
const SIZE_LIMIT: usize = 60 << 20;
/// The same for texts beyond ASCII, where classes are large, and no registry allows such a tag.
const UNICODE_SIZE_LIMIT: usize = 1 << 25;
/// Nesting is limited by Go's rule before.
const NEST_LIMIT: u32 = 20_000;

/// A pattern of Go's dialect.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    /// For texts in ASCII, if the pattern leaves no choice.
    straight: Option<Straight>,
    /// For texts in ASCII; set from the beginning where there is no walk. `None` inside when it takes
    /// too much memory, which matches nothing.
    ascii: OnceLock<Option<Regex>>,
    /// The same for other texts.
    unicode: OnceLock<Option<Regex>>,
    names: Vec<String>,
    only_text: Option<String>,
}

/// Memory for searches with groups, so that a long list needs none for each of its texts.
#[derive(Default)]
pub struct Scratch {
    spans: Vec<Span>,
    ascii: Option<CaptureLocations>,
    unicode: Option<CaptureLocations>,
}

/// Where the groups of a match are.
enum Found<'s> {
    Spans(&'s [Span]),
    Locations(&'s CaptureLocations),
}

impl Found<'_> {
    fn get(&self, group: usize) -> Option<Span> {
        match self {
            Self::Spans(spans) => spans.get(group).copied(),
            Self::Locations(locations) => locations.get(group),
        }
    }
}

/// The groups of one match.
pub struct Groups<'t> {
    text: &'t str,
    captures: Captures<'t>,
}

impl<'t> Groups<'t> {
    /// The text of a group; `None` when it did not take part or does not exist. Group 0 is the match.
    pub fn get(&self, index: usize) -> Option<&'t str> {
        self.text.get(self.range(index)?)
    }

    /// Where a group is, in bytes.
    pub fn range(&self, index: usize) -> Option<Range<usize>> {
        self.captures.get(index).map(|found| found.range())
    }

    /// How many groups there are, the whole match included.
    pub fn len(&self) -> usize {
        self.captures.len()
    }

    /// Whether there is no group, which cannot be.
    pub fn is_empty(&self) -> bool {
        self.captures.len() == 0
    }
}

impl Pattern {
    /// Compiles a pattern, or refuses it with Go's text.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        let parsed = parse(source)?;
        let straight = Straight::new(&parsed.node);
        let ascii = OnceLock::new();
        if straight.is_none() {
            let regex = compile(&parsed.node, Texts::Ascii)
                .ok_or_else(|| PatternError::too_large(source))?;
            ascii.get_or_init(|| Some(regex));
        }
        Ok(Self {
            source: source.to_owned(),
            straight,
            ascii,
            unicode: OnceLock::new(),
            only_text: only_text(&parsed.node),
            names: parsed.names,
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// The names of the groups by number; empty for groups without one, and for the whole match.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The one text that the pattern can match, for example `latest` for `^latest$`. `None` when there
    /// may be several.
    pub fn only_text(&self) -> Option<&str> {
        self.only_text.as_deref()
    }

    /// Memory for [`ExtractTemplate::expand_match`](super::ExtractTemplate::expand_match).
    pub fn scratch(&self) -> Scratch {
        let groups = self.straight.as_ref().map_or(0, Straight::groups);
        Scratch {
            spans: vec![(0, 0); groups],
            ..Scratch::default()
        }
    }

    /// The automaton for a text.
    fn regex_for(&self, text: &str) -> Option<&Regex> {
        let (regex, texts) = if text.is_ascii() {
            (&self.ascii, Texts::Ascii)
        } else {
            (&self.unicode, Texts::Any)
        };
        regex
            .get_or_init(|| compile(&parse(&self.source).ok()?.node, texts))
            .as_ref()
    }

    /// Searches once and hands over how to get the text of a group; `None` without a match.
    pub(super) fn groups_in<'t>(
        &self,
        text: &'t str,
        scratch: &mut Scratch,
    ) -> Option<impl Fn(usize) -> Option<&'t str>> {
        let found = match &self.straight {
            Some(straight) if text.is_ascii() => {
                if !straight.matches(text, &mut scratch.spans) {
                    return None;
                }
                Found::Spans(&scratch.spans)
            }
            _ => {
                let (regex, start) = self.search(text, 0)?;
                let locations = if text.is_ascii() {
                    &mut scratch.ascii
                } else {
                    &mut scratch.unicode
                };
                let locations = locations.get_or_insert_with(|| regex.capture_locations());
                regex.captures_read_at(locations, text.as_bytes(), start)?;
                Found::Locations(locations)
            }
        };
        Some(move |group| {
            let (start, end) = found.get(group)?;
            text.get(start..end)
        })
    }

    /// Whether the pattern matches anywhere.
    pub fn is_match(&self, text: &str) -> bool {
        if let Some(straight) = self.straight.as_ref().filter(|_| text.is_ascii()) {
            return straight.is_match(text);
        }
        self.search(text, 0)
            .is_some_and(|(regex, start)| regex.is_match_at(text.as_bytes(), start))
    }

    /// The leftmost match.
    pub fn find(&self, text: &str) -> Option<Range<usize>> {
        let (regex, start) = self.search(text, 0)?;
        let found = regex.find_at(text.as_bytes(), start)?;
        Some(found.range())
    }

    /// The groups of the leftmost match.
    pub fn groups<'t>(&self, text: &'t str) -> Option<Groups<'t>> {
        self.groups_from(text, 0)
    }

    fn groups_from<'t>(&self, text: &'t str, at: usize) -> Option<Groups<'t>> {
        let (regex, start) = self.search(text, at)?;
        let captures = regex.captures_at(text.as_bytes(), start)?;
        Some(Groups { text, captures })
    }

    /// The automaton for a text, and where to search from so that no empty match inside of a character
    /// is found: a search of bytes looks there too, Go does not.
    fn search(&self, text: &str, mut at: usize) -> Option<(&Regex, usize)> {
        let regex = self.regex_for(text)?;
        if text.is_ascii() {
            return Some((regex, at));
        }
        loop {
            let found = regex.find_at(text.as_bytes(), at)?;
            if text.is_char_boundary(found.start()) {
                return Some((regex, at));
            }
            at = found.start() + 1;
        }
    }

    /// The groups of every match, without empty ones right behind another match.
    pub fn all_groups<'p, 't>(&'p self, text: &'t str) -> impl Iterator<Item = Groups<'t>> + 'p
    where
        't: 'p,
    {
        let (mut at, mut last_end) = (Some(0), None);
        std::iter::from_fn(move || {
            loop {
                let position = at?;
                let groups = self.groups_from(text, position)?;
                let found = groups.range(0)?;
                at = if found.end == position {
                    let next = text[position..].chars().next();
                    next.map(|character| position + character.len_utf8())
                } else {
                    Some(found.end)
                };
                let behind_another = found.is_empty() && last_end == Some(found.start);
                last_end = Some(found.end);
                if !behind_another {
                    return Some(groups);
                }
            }
        })
    }
}

/// The automaton of a pattern; `None` when it takes too much memory.
fn compile(node: &Node, texts: Texts) -> Option<Regex> {
    let size_limit = match texts {
        Texts::Ascii => SIZE_LIMIT,
        Texts::Any => UNICODE_SIZE_LIMIT,
    };
    RegexBuilder::new(&emit(node, texts))
        .size_limit(size_limit)
        .nest_limit(NEST_LIMIT)
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_pattern_is_searched_with_or_refused() {
        let large = Pattern::new(&"a{1000}".repeat(1_900)).unwrap();
        for text in ["", "aab"] {
            assert!(!large.is_match(text));
            assert!(large.groups(text).is_none());
        }
        let optional = Pattern::new(&format!("(?:{})?", "a{1000}".repeat(1_900))).unwrap();
        assert!(optional.groups("b").is_some(), "an empty match");
        let error = Pattern::new(&"a{1000}".repeat(2_100)).unwrap_err();
        assert!(error.to_string().contains("expression too large"));
    }
}

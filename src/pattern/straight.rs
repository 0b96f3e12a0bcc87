//! Patterns without a choice.
//!
//! For: what most filters are, for example `^main-[a-f0-9]+-(?P<ts>[0-9]+)`: from the beginning of the
//! text one character after the other, and no repetition that could leave the next one a character
//! that it could have taken itself. Such a pattern matches in one way at most, so that a walk along
//! the text finds the same match and groups as the automaton, in a fraction of its time.
//! Refuses: every other pattern, and texts beyond ASCII; they are for the automaton.

use super::emit::ascii_set;
use super::parser::Node;

/// Steps of a pattern at most, so that a long one is left to the limits of the automaton.
const LIMIT: usize = 64;

/// A pattern without a choice.
#[derive(Clone, Debug)]
pub(super) struct Straight {
    steps: Vec<Step>,
    groups: usize,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// As many characters of a set as there are, within limits.
    Run {
        set: u128,
        min: usize,
        max: usize,
    },
    Open(usize),
    Close(usize),
    EndText,
}

/// Where a group begins and ends; it takes part in every match.
pub(super) type Span = (usize, usize);

impl Straight {
    /// The walk for a pattern; `None` when there may be more than one way to match.
    pub(super) fn new(node: &Node) -> Option<Self> {
        let mut reader = Reader::default();
        reader.open();
        reader.node(node)?;
        reader.close(0);
        let Reader {
            steps,
            groups,
            begun,
            ..
        } = reader;
        (begun && steps.len() <= LIMIT && leaves_no_choice(&steps))
            .then_some(Self { steps, groups })
    }

    /// How many groups there are, the whole match included.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// Whether a text in ASCII matches.
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.walk(text, |_, _| ())
    }

    /// Whether a text in ASCII matches; `spans`, as many as there are groups, tell where then.
    pub(super) fn matches(&self, text: &str, spans: &mut [Span]) -> bool {
        self.walk(text, |step, at| match step {
            Step::Open(group) => spans[group].0 = at,
            Step::Close(group) => spans[group].1 = at,
            Step::Run { .. } | Step::EndText => {}
        })
    }

    /// Goes along a text; `mark` is told where each group begins and ends.
    fn walk(&self, text: &str, mut mark: impl FnMut(Step, usize)) -> bool {
        let bytes = text.as_bytes();
        let mut at = 0;
        for step in &self.steps {
            match *step {
                Step::Run { set, min, max } => {
                    let rest = &bytes[at..];
                    let run = &rest[..max.min(rest.len())];
                    let count = run.iter().position(|byte| !contains(set, *byte));
                    let count = count.unwrap_or(run.len());
                    if count < min {
                        return false;
                    }
                    at += count;
                }
                Step::EndText if at < bytes.len() => return false,
                Step::EndText => {}
                group => mark(group, at),
            }
        }
        true
    }
}

const fn contains(set: u128, byte: u8) -> bool {
    set >> (byte & 0x7f) & 1 == 1
}

/// Whether each run of variable length ends where its set does: nothing that may follow it begins with
/// a character of the set.
fn leaves_no_choice(steps: &[Step]) -> bool {
    // From the last step back: the characters that the rest may begin with.
    let mut following: u128 = 0;
    for step in steps.iter().rev() {
        if let Step::Run { set, min, max } = *step {
            if min != max && set & following != 0 {
                return false;
            }
            following = if min == 0 { set | following } else { set };
        }
    }
    true
}

#[derive(Default)]
struct Reader {
    steps: Vec<Step>,
    groups: usize,
    begun: bool,
    /// Whether a step before may take a character.
    moved: bool,
}

impl Reader {
    fn open(&mut self) -> usize {
        let group = self.groups;
        self.groups += 1;
        self.steps.push(Step::Open(group));
        group
    }

    fn close(&mut self, group: usize) {
        self.steps.push(Step::Close(group));
    }

    fn run(&mut self, node: &Node, min: usize, max: usize) -> Option<()> {
        let set = ascii_set(node)?;
        self.moved = true;
        self.steps.push(Step::Run { set, min, max });
        Some(())
    }

    /// `None` as soon as there is something else than one thing after the other.
    fn node(&mut self, node: &Node) -> Option<()> {
        if self.steps.len() > LIMIT {
            return None;
        }
        match node {
            Node::Empty => Some(()),
            Node::BeginText if !self.moved => {
                self.begun = true;
                Some(())
            }
            Node::EndText => {
                self.steps.push(Step::EndText);
                Some(())
            }
            Node::Literal(..) | Node::Class { .. } | Node::Dot(_) => self.run(node, 1, 1),
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.node(node)),
            Node::Capture(node) => {
                let group = self.open();
                self.node(node)?;
                self.close(group);
                Some(())
            }
            Node::Repeat {
                node,
                min,
                max,
                lazy,
            } if !lazy || Some(*min) == *max => {
                let max = max.map_or(Some(usize::MAX), |max| usize::try_from(max).ok())?;
                self.run(node, usize::try_from(*min).ok()?, max)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::bytes::Regex;

    use super::super::emit::{Texts, emit};
    use super::super::parser::parse;
    use super::*;

    fn straight(pattern: &str) -> Option<Straight> {
        Straight::new(&parse(pattern).unwrap().node)
    }

    #[test]
    fn only_patterns_without_a_choice_are_straight() {
        for pattern in [
            "^main-[a-f0-9]+-(?P<ts>[0-9]+)",
            r"^v?\d+\.\d+\.\d+$",
            "^((a)(b))$",
            "(?i)^RC[.]",
            "^a{2,3}[^a]*$",
            "^a{3}?b",
            r"\A\z",
        ] {
            assert!(straight(pattern).is_some(), "{pattern}");
        }
        for pattern in [
            "main", "a^b", "^.*-x$", "^a*a", "^a?b?a", "^a+?", "^(a|bc)", "^(ab)+", "^(a)?",
            r"^a\b", "(?m)^a", "(?m)^a$",
        ] {
            assert!(straight(pattern).is_none(), "{pattern}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_walk_finds_what_the_automaton_finds(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "a", "b", "k", "[ab]", "[^a]", "c+", "a*", "b?", "k{2}", "[ac]{1,2}", "(", ")", "(a+)", "(b*)",
                    "(?i)", "(?-i)", "\\d", "x*?", "c{2}?", "$", "\\z", "^", ".", "(?s:.)", "(?:b)", "é", "[é-ü]?",
                ]),
                0..7,
            ),
            texts in prop::collection::vec("[abckKx1\\n]{0,7}", 1..8),
        ) {
            let Ok(parsed) = parse(&format!("^{}", parts.concat())) else {
                return Ok(());
            };
            let Some(straight) = Straight::new(&parsed.node) else {
                return Ok(());
            };
            let automaton = Regex::new(&emit(&parsed.node, Texts::Ascii)).unwrap();
            prop_assert_eq!(straight.groups(), automaton.captures_len());
            for text in &texts {
                let expected = automaton.captures(text.as_bytes()).map(|captures| {
                    let spans = captures.iter().map(|group| group.map(|group| (group.start(), group.end())));
                    spans.collect::<Vec<_>>()
                });
                let mut spans = vec![(0, 0); straight.groups()];
                let found = straight.matches(text, &mut spans);
                let found = found.then(|| spans.into_iter().map(Some).collect::<Vec<_>>());
                prop_assert_eq!(found, expected, "{:?} on {:?}", parts, text);
            }
        }
    }
}

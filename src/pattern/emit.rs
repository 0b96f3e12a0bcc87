//! The tree in the spelling of the `regex` crate.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use super::parser::{ClassItem, Node};

/// A class that matches nothing.
const NOTHING: &str = "[^\\x{0}-\\x{10FFFF}]";

/// The texts that a spelling is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    /// Texts in ASCII: what the pattern says of other characters is left out.
    Ascii,
    /// All.
    Any,
}

/// The pattern's text for `regex`.
pub(super) fn emit(node: &Node, texts: Texts) -> String {
    let mut text = String::new();
    write(node, texts, &mut text);
    text
}

fn write(node: &Node, texts: Texts, text: &mut String) {
    match node {
        Node::Empty => text.push_str("(?:)"),
        Node::Literal(code, fold) => literal(*code, *fold, texts, text),
        Node::Class {
            items,
            negated,
            fold,
        } => one_of(&class(items, *negated, *fold), texts, text),
        Node::Dot(true) => one_of("(?s:.)", texts, text),
        Node::Dot(false) => one_of("[^\\n]", texts, text),
        Node::BeginText => text.push_str("\\A"),
        Node::EndText => text.push_str("\\z"),
        Node::BeginLine => text.push_str("(?m:^)"),
        Node::EndLine => text.push_str("(?m:$)"),
        Node::WordBoundary => text.push_str("(?-u:\\b)"),
        Node::NoWordBoundary => text.push_str("(?-u:\\B)"),
        Node::Concat(nodes) => nodes.iter().for_each(|node| write(node, texts, text)),
        Node::Alternate(nodes) => {
            text.push_str("(?:");
            for (index, node) in nodes.iter().enumerate() {
                if index > 0 {
                    text.push('|');
                }
                write(node, texts, text);
            }
            text.push(')');
        }
        Node::Capture(node) => {
            text.push('(');
            write(node, texts, text);
            text.push(')');
        }
        Node::Repeat {
            node,
            min,
            max,
            lazy,
        } => {
            text.push_str("(?:");
            write(node, texts, text);
            text.push(')');
            match (min, max) {
                (0, None) => text.push('*'),
                (1, None) => text.push('+'),
                (0, Some(1)) => text.push('?'),
                (min, None) => text.push_str(&format!("{{{min},}}")),
                (min, Some(max)) => text.push_str(&format!("{{{min},{max}}}")),
            }
            if *lazy {
                text.push('?');
            }
        }
    }
}

fn literal(code: u32, fold: bool, texts: Texts, text: &mut String) {
    // Surrogates are valid in Go's patterns and match nothing.
    if char::from_u32(code).is_none() {
        text.push_str(NOTHING);
    } else if fold {
        one_of(&format!("(?i:\\x{{{code:X}}})"), texts, text);
    } else if texts == Texts::Ascii && code > 0x7f {
        text.push_str(NOTHING);
    } else {
        text.push_str(&format!("\\x{{{code:X}}}"));
    }
}

/// Writes what matches one character.
fn one_of(spelling: &str, texts: Texts, text: &mut String) {
    let class = match texts {
        Texts::Any => None,
        Texts::Ascii => ascii_part(spelling),
    };
    let Some(class) = class else {
        text.push_str(spelling);
        return;
    };
    if class.ranges().is_empty() {
        text.push_str(NOTHING);
        return;
    }
    text.push('[');
    for part in class.ranges() {
        range(part.start().into(), part.end().into(), text);
    }
    text.push(']');
}

/// The characters of ASCII among those that a spelling of one character matches.
fn ascii_part(spelling: &str) -> Option<ClassUnicode> {
    let mut class = match regex_syntax::parse(spelling).ok()?.into_kind() {
        HirKind::Class(Class::Unicode(class)) => class,
        // A class of one character.
        HirKind::Literal(literal) => {
            let mut characters = std::str::from_utf8(&literal.0).ok()?.chars();
            let (character, None) = (characters.next()?, characters.next()) else {
                return None;
            };
            ClassUnicode::new([ClassUnicodeRange::new(character, character)])
        }
        _ => return None,
    };
    class.intersect(&ClassUnicode::new([ClassUnicodeRange::new('\0', '\x7f')]));
    Some(class)
}

/// The characters of ASCII that a node for one character matches, a bit for each; `None` for other nodes.
pub(super) fn ascii_set(node: &Node) -> Option<u128> {
    let bits = |low: u32, high: u32| (low..=high.min(0x7f)).fold(0, |set, code| set | 1 << code);
    match node {
        Node::Literal(code, false) => Some(bits(*code, *code)),
        Node::Dot(true) => Some(u128::MAX),
        Node::Dot(false) => Some(!(1 << b'\n')),
        Node::Literal(code, true) => spelled_set(&format!("(?i:\\x{{{code:X}}})")),
        Node::Class {
            items,
            negated,
            fold,
        } => {
            let mut ranges = items.iter().map(|item| match item {
                ClassItem::Range(low, high) if !fold => Some(bits(*low, *high)),
                _ => None,
            });
            let set = ranges.try_fold(0, |set, range| Some(set | range?));
            match set {
                Some(set) => Some(if *negated { !set } else { set }),
                // Sets and letter cases need the tables.
                None => spelled_set(&class(items, *negated, *fold)),
            }
        }
        _ => None,
    }
}

fn spelled_set(spelling: &str) -> Option<u128> {
    let class = ascii_part(spelling)?;
    let codes = class
        .ranges()
        .iter()
        .flat_map(|range| range.start()..=range.end());
    Some(codes.fold(0, |set, code| set | 1 << u32::from(code)))
}

fn class(items: &[ClassItem], negated: bool, fold: bool) -> String {
    let mut inner = String::new();
    for item in items {
        match item {
            ClassItem::Set(set) => inner.push_str(set),
            ClassItem::Range(low, high) => range(*low, *high, &mut inner),
        }
    }
    if inner.is_empty() {
        return if negated { "(?s:.)" } else { NOTHING }.to_owned();
    }
    let negation = if negated { "^" } else { "" };
    if fold {
        format!("(?i:[{negation}{inner}])")
    } else {
        format!("[{negation}{inner}]")
    }
}

/// A range without the surrogates inside it.
fn range(low: u32, high: u32, text: &mut String) {
    let mut part = |low: u32, high: u32| {
        if low <= high {
            text.push_str(&format!("\\x{{{low:X}}}-\\x{{{high:X}}}"));
        }
    };
    part(low, high.min(0xd7ff));
    part(low.max(0xe000), high);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::bytes::Regex;

    use super::super::parser::parse;
    use super::*;

    #[test]
    fn a_large_class_is_small_for_texts_in_ascii() {
        let node = parse("(?i)\\pL{1000}é").unwrap().node;
        let spelling = emit(&node, Texts::Ascii);
        assert_eq!(
            spelling,
            "(?:[\\x{41}-\\x{5A}\\x{61}-\\x{7A}]){1000,1000}[^\\x{0}-\\x{10FFFF}]"
        );
    }

    proptest! {
        #[test]
        fn texts_in_ascii_match_alike(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "a", "k", "(?i)", "(?-i)", "ſ", "[^b]", "\\pL", "(", ")", "|", "*", "+?", "{2}", ".",
                    "\\b", "[[:^alpha:]K]", "é", "$", "\\z", "[^s]", "(?:x|é)", "{2}?", "(?:x{2})?", "\\W",
                ]),
                0..8,
            ),
            texts in prop::collection::vec("[abksxKSX \\n]{0,6}", 1..6),
        ) {
            let Ok(parsed) = parse(&parts.concat()) else {
                return Ok(());
            };
            let [whole, ascii] = [Texts::Any, Texts::Ascii]
                .map(|texts| Regex::new(&emit(&parsed.node, texts)).unwrap());
            prop_assert_eq!(whole.captures_len(), ascii.captures_len());
            for text in &texts {
                let groups = |regex: &Regex| {
                    regex.captures(text.as_bytes()).map(|captures| {
                        let ranges = captures.iter().map(|group| group.map(|group| group.range()));
                        ranges.collect::<Vec<_>>()
                    })
                };
                prop_assert_eq!(groups(&whole), groups(&ascii), "{:?} on {:?}", parts, text);
            }
        }
    }
}

//! The tree in the spelling of the `regex` crate.

use super::parser::{ClassItem, Node};

/// A class that matches nothing.
const NOTHING: &str = "[^\\x{0}-\\x{10FFFF}]";

/// The pattern's text for `regex`.
pub(super) fn emit(node: &Node) -> String {
    let mut text = String::new();
    write(node, &mut text);
    text
}

fn write(node: &Node, text: &mut String) {
    match node {
        Node::Empty => text.push_str("(?:)"),
        Node::Literal(code, fold) => literal(*code, *fold, text),
        Node::Class {
            items,
            negated,
            fold,
        } => class(items, *negated, *fold, text),
        Node::Dot(true) => text.push_str("(?s:.)"),
        Node::Dot(false) => text.push_str("[^\\n]"),
        Node::BeginText => text.push_str("\\A"),
        Node::EndText => text.push_str("\\z"),
        Node::BeginLine => text.push_str("(?m:^)"),
        Node::EndLine => text.push_str("(?m:$)"),
        Node::WordBoundary => text.push_str("(?-u:\\b)"),
        Node::NoWordBoundary => text.push_str("(?-u:\\B)"),
        Node::Concat(nodes) => nodes.iter().for_each(|node| group(node, text)),
        Node::Alternate(nodes) => {
            text.push_str("(?:");
            for (index, node) in nodes.iter().enumerate() {
                if index > 0 {
                    text.push('|');
                }
                write(node, text);
            }
            text.push(')');
        }
        Node::Capture(node) => {
            text.push('(');
            write(node, text);
            text.push(')');
        }
        Node::Repeat {
            node,
            min,
            max,
            lazy,
        } => {
            text.push_str("(?:");
            write(node, text);
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

/// A member of a concatenation; only an alternation would swallow its neighbours, and it brings its
/// own parentheses.
fn group(node: &Node, text: &mut String) {
    write(node, text);
}

fn literal(code: u32, fold: bool, text: &mut String) {
    // Surrogates are valid in Go's patterns and match nothing.
    if char::from_u32(code).is_none() {
        text.push_str(NOTHING);
    } else if fold {
        text.push_str(&format!("(?i:\\x{{{code:X}}})"));
    } else {
        text.push_str(&format!("\\x{{{code:X}}}"));
    }
}

fn class(items: &[ClassItem], negated: bool, fold: bool, text: &mut String) {
    let mut inner = String::new();
    for item in items {
        match item {
            ClassItem::Set(set) => inner.push_str(set),
            ClassItem::Range(low, high) => range(*low, *high, &mut inner),
        }
    }
    if inner.is_empty() {
        text.push_str(if negated { "(?s:.)" } else { NOTHING });
        return;
    }
    if fold {
        text.push_str("(?i:");
    }
    text.push_str(if negated { "[^" } else { "[" });
    text.push_str(&inner);
    text.push(']');
    if fold {
        text.push(')');
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

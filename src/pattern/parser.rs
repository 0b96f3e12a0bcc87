//! Go's syntax, read with Go's errors.

use thiserror::Error;

use super::escapes::{class_character, escape, named_class, perl_class, unicode_class};

/// The greatest repeat count, and the greatest product of nested ones.
const REPEAT_LIMIT: i32 = 1000;
/// The deepest nesting.
const DEPTH_LIMIT: usize = 1000;
/// The most instructions: 128 MiB of 40 bytes each.
const SIZE_LIMIT: u64 = (128 << 20) / 40;

/// Why a pattern is refused; Go's text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("error parsing regexp: {code}: `{text}`")]
pub struct PatternError {
    code: &'static str,
    text: String,
}

impl PatternError {
    /// The refusal of a pattern that passes every other check and is too large to compile.
    pub(super) fn too_large(pattern: &str) -> Self {
        Self {
            code: "expression too large",
            text: pattern.to_owned(),
        }
    }
}

/// A refusal with Go's text; `text` is the part of the pattern that it names.
pub(super) fn error<T>(code: &'static str, text: &str) -> Result<T, PatternError> {
    Err(PatternError {
        code,
        text: text.to_owned(),
    })
}

/// Flags that a group may change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the four flags of the syntax"
)]
pub(super) struct Flags {
    pub(super) fold: bool,
    pub(super) multi_line: bool,
    pub(super) dot_newline: bool,
    pub(super) lazy: bool,
}

/// A part of a character class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClassItem {
    Range(u32, u32),
    /// A set in the `regex` crate's spelling, such as `\p{Lu}` or `[^0-9]`.
    Set(String),
}

/// A pattern as a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Empty,
    Literal(u32, bool),
    Class {
        items: Vec<ClassItem>,
        negated: bool,
        fold: bool,
    },
    Dot(bool),
    BeginText,
    EndText,
    BeginLine,
    EndLine,
    WordBoundary,
    NoWordBoundary,
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
    Capture(Box<Node>),
    /// `max` is `None` without a limit.
    Repeat {
        node: Box<Node>,
        min: i32,
        max: Option<i32>,
        lazy: bool,
    },
}

/// A parsed pattern: the tree, and the name of every group (the whole match first).
pub(super) struct Parsed {
    pub(super) node: Node,
    pub(super) names: Vec<String>,
}

/// An entry of the parser's stack.
enum Entry {
    Node(Node),
    /// An open parenthesis with the flags before it; capturing or not.
    Paren {
        flags: Flags,
        capturing: bool,
    },
    /// A finished alternative.
    Bar,
}

struct Parser<'p> {
    whole: &'p str,
    rest: &'p str,
    flags: Flags,
    stack: Vec<Entry>,
    names: Vec<String>,
}

/// Reads a pattern.
pub(super) fn parse(pattern: &str) -> Result<Parsed, PatternError> {
    let mut parser = Parser {
        whole: pattern,
        rest: pattern,
        flags: Flags::default(),
        stack: Vec::new(),
        names: vec![String::new()],
    };
    let node = parser.whole()?;
    if height(&node) > DEPTH_LIMIT {
        return error("expression nests too deeply", pattern);
    }
    if size(&node) > SIZE_LIMIT {
        return error("expression too large", pattern);
    }
    Ok(Parsed {
        node,
        names: parser.names,
    })
}

impl<'p> Parser<'p> {
    fn whole(&mut self) -> Result<Node, PatternError> {
        // The repetition right before, from its operator to the end of the pattern: stacking two is
        // an error.
        let mut last_repeat = "";
        while let Some(first) = self.rest.chars().next() {
            let before = self.rest;
            let mut repeat = "";
            match first {
                '(' if before.starts_with("(?") => self.perl_group()?,
                '(' => {
                    self.names.push(String::new());
                    self.open(true);
                    self.skip(1);
                }
                '|' => {
                    self.bar();
                    self.skip(1);
                }
                ')' => {
                    self.close()?;
                    self.skip(1);
                }
                '^' | '$' | '.' => {
                    self.push(self.sign(first));
                    self.skip(1);
                }
                '[' => self.class()?,
                '*' | '+' | '?' | '{' => {
                    if self.repetition(first, last_repeat)? {
                        repeat = before;
                    }
                }
                '\\' => self.backslash()?,
                character => {
                    self.literal(character);
                    self.skip(character.len_utf8());
                }
            }
            last_repeat = repeat;
        }
        let node = self.alternatives();
        if self.stack.is_empty() {
            Ok(node)
        } else {
            error("missing closing )", self.whole)
        }
    }

    /// What a character with a meaning of its own stands for under the flags.
    fn sign(&self, character: char) -> Node {
        match (character, self.flags.multi_line) {
            ('^', true) => Node::BeginLine,
            ('^', false) => Node::BeginText,
            ('$', true) => Node::EndLine,
            ('$', false) => Node::EndText,
            _ => Node::Dot(self.flags.dot_newline),
        }
    }

    /// Reads an operator; `false` for a brace that is a literal.
    fn repetition(&mut self, first: char, last_repeat: &str) -> Result<bool, PatternError> {
        let before = self.rest;
        let (min, max) = match first {
            '*' => (0, None),
            '+' => (1, None),
            '?' => (0, Some(1)),
            _ => {
                let Some((min, max, after)) = counts(before) else {
                    self.literal('{');
                    self.skip(1);
                    return Ok(false);
                };
                self.rest = after;
                check_counts(min, max, &before[..before.len() - after.len()])?;
                (min, max)
            }
        };
        if first != '{' {
            self.skip(1);
        }
        self.repeat(min, max, before, last_repeat)?;
        Ok(true)
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn push(&mut self, node: Node) {
        self.stack.push(Entry::Node(node));
    }

    fn literal(&mut self, character: char) {
        self.push(Node::Literal(u32::from(character), self.flags.fold));
    }

    fn open(&mut self, capturing: bool) {
        self.stack.push(Entry::Paren {
            flags: self.flags,
            capturing,
        });
    }

    /// Takes the nodes from the top of the stack down to a bar or parenthesis, as one.
    fn concat(&mut self) -> Node {
        let mut nodes = Vec::new();
        while let Some(Entry::Node(_)) = self.stack.last() {
            if let Some(Entry::Node(node)) = self.stack.pop() {
                nodes.push(node);
            }
        }
        nodes.reverse();
        match nodes.len() {
            0 => Node::Empty,
            1 => nodes.swap_remove(0),
            _ => Node::Concat(nodes),
        }
    }

    /// Ends an alternative: its node goes below the bar.
    fn bar(&mut self) {
        let node = self.concat();
        self.push(node);
        self.stack.push(Entry::Bar);
    }

    /// Takes all alternatives from the top of the stack down to a parenthesis, as one node.
    fn alternatives(&mut self) -> Node {
        let mut nodes = vec![self.concat()];
        while let Some(Entry::Bar) = self.stack.last() {
            self.stack.pop();
            nodes.push(self.concat());
        }
        nodes.reverse();
        if nodes.len() == 1 {
            nodes.swap_remove(0)
        } else {
            Node::Alternate(nodes)
        }
    }

    fn close(&mut self) -> Result<(), PatternError> {
        let node = self.alternatives();
        let Some(Entry::Paren { flags, capturing }) = self.stack.pop() else {
            return error("unexpected )", self.whole);
        };
        self.flags = flags;
        self.push(if capturing {
            Node::Capture(Box::new(node))
        } else {
            node
        });
        Ok(())
    }

    fn repeat(
        &mut self,
        min: i32,
        max: Option<i32>,
        before: &str,
        last_repeat: &str,
    ) -> Result<(), PatternError> {
        let mut lazy = self.flags.lazy;
        if self.rest.starts_with('?') {
            self.skip(1);
            lazy = !lazy;
        }
        if !last_repeat.is_empty() {
            let text = &last_repeat[..last_repeat.len() - self.rest.len()];
            return error("invalid nested repetition operator", text);
        }
        let text = &before[..before.len() - self.rest.len()];
        let Some(Entry::Node(_)) = self.stack.last() else {
            return error("missing argument to repetition operator", text);
        };
        let Some(Entry::Node(node)) = self.stack.pop() else {
            return error("missing argument to repetition operator", text);
        };
        let node = Node::Repeat {
            node: Box::new(node),
            min,
            max,
            lazy,
        };
        let counted = min >= 2 || max.is_some_and(|max| max >= 2);
        if counted && !repeats_fit(&node, REPEAT_LIMIT) {
            return error("invalid repeat count", text);
        }
        self.push(node);
        Ok(())
    }

    /// `(?P<name>`, `(?<name>`, flags, and groups that do not capture.
    fn perl_group(&mut self) -> Result<(), PatternError> {
        let text = self.rest;
        let bytes = text.as_bytes();
        let with_p = bytes.len() > 4 && &bytes[2..4] == b"P<";
        let without_p = bytes.len() > 3 && bytes[2] == b'<';
        if with_p || without_p {
            let Some(end) = text.find('>') else {
                return error("invalid named capture", text);
            };
            let name = &text[if without_p { 3 } else { 4 }..end];
            let valid = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !valid {
                return error("invalid named capture", &text[..=end]);
            }
            self.names.push(name.to_owned());
            self.open(true);
            self.skip(end + 1);
            return Ok(());
        }
        self.flag_group(text)
    }

    fn flag_group(&mut self, text: &'p str) -> Result<(), PatternError> {
        let mut flags = self.flags;
        let mut on = true;
        let mut saw_flag = false;
        let mut end = text.len();
        for (at, character) in text.char_indices().skip(2) {
            end = at + character.len_utf8();
            match character {
                'i' => flags.fold = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_newline = on,
                'U' => flags.lazy = on,
                '-' if on => {
                    on = false;
                    saw_flag = false;
                    continue;
                }
                ':' | ')' if on || saw_flag => {
                    if character == ':' {
                        self.open(false);
                    }
                    self.flags = flags;
                    self.rest = &text[end..];
                    return Ok(());
                }
                _ => break,
            }
            saw_flag = true;
        }
        error("invalid or unsupported Perl syntax", &text[..end])
    }

    fn backslash(&mut self) -> Result<(), PatternError> {
        let text = self.rest;
        let node = match text.as_bytes().get(1) {
            Some(b'A') => Node::BeginText,
            Some(b'b') => Node::WordBoundary,
            Some(b'B') => Node::NoWordBoundary,
            Some(b'z') => Node::EndText,
            Some(b'C') => return error("invalid escape sequence", &text[..2]),
            Some(b'Q') => {
                let (literal, rest) = text[2..].split_once("\\E").unwrap_or((&text[2..], ""));
                literal
                    .chars()
                    .for_each(|character| self.literal(character));
                self.rest = rest;
                return Ok(());
            }
            _ => {
                if let Some((set, rest)) = unicode_class(text)? {
                    self.rest = rest;
                    self.class_of(vec![ClassItem::Set(set)], false);
                } else if let Some(set) = perl_class(text) {
                    self.skip(2);
                    self.class_of(vec![ClassItem::Set(set.to_owned())], false);
                } else {
                    let (character, rest) = escape(text)?;
                    self.push(Node::Literal(character, self.flags.fold));
                    self.rest = rest;
                }
                return Ok(());
            }
        };
        self.push(node);
        self.skip(2);
        Ok(())
    }

    fn class_of(&mut self, items: Vec<ClassItem>, negated: bool) {
        self.push(Node::Class {
            items,
            negated,
            fold: self.flags.fold,
        });
    }

    fn class(&mut self) -> Result<(), PatternError> {
        let whole = self.rest;
        let mut text = &whole[1..];
        let negated = text.starts_with('^');
        if negated {
            text = &text[1..];
        }
        let mut items = Vec::new();
        let mut first = true;
        while first || !text.starts_with(']') {
            first = false;
            if let Some((set, rest)) = named_class(text)? {
                items.push(ClassItem::Set(set.to_owned()));
                text = rest;
            } else if let Some((set, rest)) = unicode_class(text)? {
                items.push(ClassItem::Set(set));
                text = rest;
            } else if let Some(set) = perl_class(text) {
                items.push(ClassItem::Set(set.to_owned()));
                text = &text[2..];
            } else {
                let start = text;
                let (low, rest) = class_character(text, whole)?;
                text = rest;
                let mut high = low;
                if text.len() >= 2 && text.starts_with('-') && !text[1..].starts_with(']') {
                    let (end, rest) = class_character(&text[1..], whole)?;
                    text = rest;
                    high = end;
                    if high < low {
                        let range = &start[..start.len() - text.len()];
                        return error("invalid character class range", range);
                    }
                }
                items.push(ClassItem::Range(low, high));
            }
        }
        self.rest = &text[1..];
        self.class_of(items, negated);
        Ok(())
    }
}

/// `{n}`, `{n,}` or `{n,m}`: counts (-1 for one that is too great) and the rest of the text.
fn counts(text: &str) -> Option<(i32, Option<i32>, &str)> {
    let (mut min, rest) = count(&text[1..])?;
    let (max, rest) = match rest.strip_prefix(',') {
        None => (Some(min), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => {
            let (max, rest) = count(rest)?;
            if max < 0 {
                min = -1;
            }
            (Some(max), rest)
        }
    };
    Some((min, max, rest.strip_prefix('}')?))
}

fn count(text: &str) -> Option<(i32, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(length);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    let value = digits
        .parse::<i32>()
        .ok()
        .filter(|value| *value < 100_000_000);
    Some((value.unwrap_or(-1), rest))
}

fn check_counts(min: i32, max: Option<i32>, text: &str) -> Result<(), PatternError> {
    let limit = REPEAT_LIMIT;
    let bad_max = max.is_some_and(|max| max > limit || (max >= 0 && min > max));
    if min < 0 || min > limit || bad_max {
        return error("invalid repeat count", text);
    }
    Ok(())
}

/// Whether nested counts multiply to at most the limit, by Go's integer division.
fn repeats_fit(node: &Node, mut limit: i32) -> bool {
    match node {
        Node::Repeat { node, min, max, .. } => {
            // Only counted repetitions divide; `*`, `+` and `?` are operators of their own.
            let operator = matches!((min, max), (0 | 1, None) | (0, Some(1)));
            if !operator {
                let times = max.unwrap_or(*min);
                if times == 0 {
                    return true;
                }
                if times > limit {
                    return false;
                }
                limit /= times;
            }
            repeats_fit(node, limit)
        }
        Node::Capture(node) => repeats_fit(node, limit),
        Node::Concat(nodes) | Node::Alternate(nodes) => {
            nodes.iter().all(|node| repeats_fit(node, limit))
        }
        _ => true,
    }
}

fn height(node: &Node) -> usize {
    1 + match node {
        Node::Repeat { node, .. } | Node::Capture(node) => height(node),
        Node::Concat(nodes) | Node::Alternate(nodes) => {
            nodes.iter().map(height).max().unwrap_or_default()
        }
        _ => 0,
    }
}

/// Instructions of the compiled pattern, as Go estimates them.
fn size(node: &Node) -> u64 {
    let size = match node {
        Node::Capture(node) => 2 + size(node),
        Node::Concat(nodes) => nodes.iter().map(size).fold(0, u64::saturating_add),
        Node::Alternate(nodes) => nodes
            .iter()
            .map(size)
            .fold(nodes.len() as u64 - 1, u64::saturating_add),
        Node::Repeat { node, min, max, .. } => {
            let inner = size(node);
            let times = u64::try_from(max.unwrap_or(*min)).unwrap_or_default();
            let optional = match max {
                None => 1,
                Some(max) => u64::try_from(max - min).unwrap_or_default(),
            };
            inner.saturating_mul(times.max(1)).saturating_add(optional)
        }
        _ => 1,
    };
    size.max(1)
}

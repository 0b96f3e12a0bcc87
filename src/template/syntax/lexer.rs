//! Text, delimiters, and the words of an action.
//!
//! Tokens are made one at a time: after an error the parser asks for no more, and what it says
//! depends on the token that it has come to.

use super::super::fmt::is_printable;

/// A token, the byte and the line that it begins at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind,
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) line: usize,
}

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    LeftDelimiter,
    RightDelimiter,
    /// `.name`
    Field,
    /// `$name`, or `$` alone.
    Variable,
    Identifier,
    Bool,
    Number,
    /// `1+2i`
    Complex,
    String,
    RawString,
    Character,
    Pipe,
    Declare,
    Assign,
    LeftParenthesis,
    RightParenthesis,
    /// White space, which separates operands.
    Space,
    /// A character that has a meaning in places: a comma; elsewhere an error.
    Other,
    Keyword(Keyword),
    /// `.` alone; Go counts it among its keywords.
    Dot,
    Error,
    End,
}

/// Words that are no functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Keyword {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "block" => Self::Block,
            "break" => Self::Break,
            "continue" => Self::Continue,
            "define" => Self::Define,
            "else" => Self::Else,
            "end" => Self::End,
            "if" => Self::If,
            "nil" => Self::Nil,
            "range" => Self::Range,
            "template" => Self::Template,
            "with" => Self::With,
            _ => return None,
        })
    }
}

/// White space inside actions, and what trimming removes.
const BLANKS: &[char] = &[' ', '\t', '\r', '\n'];

/// Reads tokens off a template.
pub(super) struct Lexer<'t> {
    input: &'t str,
    at: usize,
    line: usize,
    inside: bool,
    parentheses: usize,
    /// The last error, which ended the reading.
    error: Option<String>,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(input: &'t str) -> Self {
        Self {
            input,
            at: 0,
            line: 1,
            inside: false,
            parentheses: 0,
            error: None,
        }
    }

    /// The message of an error token.
    pub(super) fn error(&self) -> &str {
        self.error.as_deref().unwrap_or_default()
    }

    /// The next token. At the end, and after an error, there are no others.
    pub(super) fn next(&mut self) -> Token<'t> {
        if self.error.is_some() {
            return self.token(Kind::Error, self.at);
        }
        loop {
            let found = if self.inside {
                self.word()
            } else {
                self.outside()
            };
            match found {
                Ok(Some(token)) => return token,
                Ok(None) => {}
                Err(message) => {
                    self.error = Some(message);
                    return Token {
                        kind: Kind::Error,
                        text: "",
                        at: self.at,
                        line: self.line,
                    };
                }
            }
        }
    }

    fn rest(&self) -> &'t str {
        &self.input[self.at..]
    }

    /// A token from here up to `end`, which it moves to.
    fn token(&mut self, kind: Kind, end: usize) -> Token<'t> {
        let token = Token {
            kind,
            text: &self.input[self.at..end],
            at: self.at,
            line: self.line,
        };
        self.skip_to(end);
        token
    }

    fn skip_to(&mut self, end: usize) {
        let passed = &self.input.as_bytes()[self.at..end];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = end;
    }

    /// Text up to a delimiter, or the delimiter.
    fn outside(&mut self) -> Result<Option<Token<'t>>, String> {
        let rest = self.rest();
        let Some(found) = rest.find("{{") else {
            let kind = if rest.is_empty() {
                Kind::End
            } else {
                Kind::Text
            };
            return Ok(Some(self.token(kind, self.input.len())));
        };
        let open = self.at + found;
        if found == 0 {
            return self.left_delimiter();
        }
        let mut text = &rest[..found];
        if trims_left(&self.input[open + 2..]) {
            text = text.trim_end_matches(BLANKS);
        }
        let token = self.token(Kind::Text, self.at + text.len());
        self.skip_to(open);
        Ok((!text.is_empty()).then_some(token))
    }

    fn left_delimiter(&mut self) -> Result<Option<Token<'t>>, String> {
        let behind = &self.rest()[2..];
        let marker = if trims_left(behind) { 2 } else { 0 };
        if behind[marker..].starts_with("/*") {
            self.skip_to(self.at + 2 + marker);
            return self.comment().map(|()| None);
        }
        let token = self.token(Kind::LeftDelimiter, self.at + 2);
        self.skip_to(self.at + marker);
        self.inside = true;
        self.parentheses = 0;
        Ok(Some(token))
    }

    fn comment(&mut self) -> Result<(), String> {
        let Some(length) = self.rest()[2..].find("*/") else {
            return Err("unclosed comment".to_owned());
        };
        let end = self.at + 2 + length + 2;
        let behind = &self.input[end..];
        if trims_right(behind) {
            self.skip_to(end + 4);
            self.skip_blanks();
        } else if behind.starts_with("}}") {
            self.skip_to(end + 2);
        } else {
            return Err("comment ends before closing delimiter".to_owned());
        }
        Ok(())
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches(BLANKS).len();
        self.skip_to(self.at + length);
    }

    /// The next token of an action.
    fn word(&mut self) -> Result<Option<Token<'t>>, String> {
        let rest = self.rest();
        let trims = trims_right(rest);
        if trims || rest.starts_with("}}") {
            if self.parentheses > 0 {
                return Err("unclosed left paren".to_owned());
            }
            return Ok(Some(self.right_delimiter(trims)));
        }
        let Some(first) = rest.chars().next() else {
            return Err("unclosed action".to_owned());
        };
        let (kind, length) = match first {
            first if BLANKS.contains(&first) => (Kind::Space, self.space()),
            '=' => (Kind::Assign, 1),
            ':' if rest.starts_with(":=") => (Kind::Declare, 2),
            ':' => return Err("expected :=".to_owned()),
            '|' => (Kind::Pipe, 1),
            '"' => (
                Kind::String,
                quoted(rest, '"', "unterminated quoted string")?,
            ),
            '\'' => (
                Kind::Character,
                quoted(rest, '\'', "unterminated character constant")?,
            ),
            '`' => match rest[1..].find('`') {
                Some(end) => (Kind::RawString, end + 2),
                None => return Err("unterminated raw quoted string".to_owned()),
            },
            '$' => (Kind::Variable, name(rest)?),
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => match name(rest)? {
                1 => (Kind::Dot, 1),
                length => (Kind::Field, length),
            },
            '+' | '-' | '.' | '0'..='9' => number(rest)?,
            first if is_alphanumeric(first) => word(rest)?,
            '(' => {
                self.parentheses += 1;
                (Kind::LeftParenthesis, 1)
            }
            ')' => {
                let Some(left) = self.parentheses.checked_sub(1) else {
                    return Err("unexpected right paren".to_owned());
                };
                self.parentheses = left;
                (Kind::RightParenthesis, 1)
            }
            ' '..='~' => (Kind::Other, 1),
            other => {
                return Err(format!(
                    "unrecognized character in action: {}",
                    code_point(other)
                ));
            }
        };
        Ok(Some(self.token(kind, self.at + length)))
    }

    /// The length of white space, without the blank that belongs to a trimming delimiter.
    fn space(&self) -> usize {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches(BLANKS).len();
        if length > 1 && trims_right(&rest[length - 1..]) {
            length - 1
        } else {
            length
        }
    }

    fn right_delimiter(&mut self, trims: bool) -> Token<'t> {
        if trims {
            self.skip_to(self.at + 2);
        }
        let token = self.token(Kind::RightDelimiter, self.at + 2);
        if trims {
            self.skip_blanks();
        }
        self.inside = false;
        token
    }
}

/// Whether an action begins with a minus and white space.
fn trims_left(action: &str) -> bool {
    action
        .strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(BLANKS))
}

/// Whether white space, a minus and the closing delimiter follow.
fn trims_right(rest: &str) -> bool {
    rest.strip_prefix(BLANKS)
        .is_some_and(|rest| rest.starts_with("-}}"))
}

/// The length of a quoted text with its quotes.
fn quoted(rest: &str, quote: char, unterminated: &str) -> Result<usize, String> {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            '\n' => break,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            character if character == quote => return Ok(at + 1),
            _ => {}
        }
    }
    Err(unterminated.to_owned())
}

/// The length of `.name` or `$name`, which something must end.
fn name(rest: &str) -> Result<usize, String> {
    let length = 1 + alphanumerics(&rest[1..]);
    ends_word(&rest[length..]).map(|()| length)
}

fn word(rest: &str) -> Result<(Kind, usize), String> {
    let length = alphanumerics(rest);
    ends_word(&rest[length..])?;
    let kind = match &rest[..length] {
        "true" | "false" => Kind::Bool,
        word => Keyword::of(word).map_or(Kind::Identifier, Kind::Keyword),
    };
    Ok((kind, length))
}

fn ends_word(rest: &str) -> Result<(), String> {
    match rest.chars().next() {
        None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => Ok(()),
        Some(_) if rest.starts_with("}}") => Ok(()),
        Some(other) => Err(format!("bad character {}", code_point(other))),
    }
}

fn number(rest: &str) -> Result<(Kind, usize), String> {
    let (first, good) = one_number(rest);
    if !good {
        return Err(bad_number(&rest[..first]));
    }
    if !rest[first..].starts_with(['+', '-']) {
        return Ok((Kind::Number, first));
    }
    let (second, good) = one_number(&rest[first..]);
    let text = &rest[..first + second];
    if !good || !text.ends_with('i') {
        return Err(bad_number(text));
    }
    Ok((Kind::Complex, text.len()))
}

fn bad_number(text: &str) -> String {
    format!("bad number syntax: {}", crate::semver::quote(text))
}

/// The length of what looks like a number, and whether it ends there.
fn one_number(rest: &str) -> (usize, bool) {
    let mut scan = Scan { rest, at: 0 };
    scan.one("+-");
    let mut digits = "0123456789_";
    if scan.one("0") {
        if scan.one("xX") {
            digits = "0123456789abcdefABCDEF_";
        } else if scan.one("oO") {
            digits = "01234567_";
        } else if scan.one("bB") {
            digits = "01_";
        }
    }
    scan.run(digits);
    if scan.one(".") {
        scan.run(digits);
    }
    let exponent = match digits.len() {
        11 => scan.one("eE"),
        23 => scan.one("pP"),
        _ => false,
    };
    if exponent {
        scan.one("+-");
        scan.run("0123456789_");
    }
    scan.one("i");
    match rest[scan.at..].chars().next() {
        Some(next) if is_alphanumeric(next) => (scan.at + next.len_utf8(), false),
        _ => (scan.at, true),
    }
}

struct Scan<'t> {
    rest: &'t str,
    at: usize,
}

impl Scan<'_> {
    fn one(&mut self, of: &str) -> bool {
        let found = self.rest[self.at..].starts_with(|c| of.contains(c));
        self.at += usize::from(found);
        found
    }

    fn run(&mut self, of: &str) {
        while self.one(of) {}
    }
}

fn alphanumerics(text: &str) -> usize {
    text.find(|c| !is_alphanumeric(c)).unwrap_or(text.len())
}

/// Letters, decimal digits and the underscore. This language counts other numbers and a few marks
/// among the alphanumerics; of the numbers those outside Go's digits are few and are not letters.
fn is_alphanumeric(character: char) -> bool {
    character == '_'
        || character.is_ascii_alphanumeric()
        || (!character.is_ascii() && character.is_alphanumeric())
}

/// `U+0041 'A'`.
fn code_point(character: char) -> String {
    let code = u32::from(character);
    if is_printable(character) {
        format!("U+{code:04X} '{character}'")
    } else {
        format!("U+{code:04X}")
    }
}

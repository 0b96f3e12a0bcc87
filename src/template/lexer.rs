//! Text and actions, and the words of an action.

/// A token with the byte it begins at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) at: usize,
}

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Open,
    Close,
    /// `.name`
    Field,
    /// `$name`, or `$` alone.
    Variable,
    Identifier,
    Number,
    String,
    RawString,
    Character,
    Dot,
    Pipe,
    Declare,
    Assign,
    Comma,
    LeftParen,
    RightParen,
    /// Blanks, which separate operands.
    Space,
    Error,
    End,
}

/// The tokens of a template; the last one is `End` or `Error`, whose text is the message.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        at: 0,
        tokens: Vec::new(),
    };
    if let Err((at, message)) = lexer.run() {
        lexer.tokens.push(Token {
            kind: Kind::Error,
            text: message,
            at,
        });
    } else {
        lexer.push(Kind::End, text.len(), text.len());
    }
    lexer.tokens
}

type Failure = (usize, String);

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn push(&mut self, kind: Kind, from: usize, to: usize) {
        self.tokens.push(Token {
            kind,
            text: self.text[from..to].to_owned(),
            at: from,
        });
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn run(&mut self) -> Result<(), Failure> {
        let mut trim_next = false;
        loop {
            let start = self.at;
            let open = self.rest().find("{{").map(|found| start + found);
            let end = open.unwrap_or(self.text.len());
            let mut shown = &self.text[start..end];
            let mut shown_at = start;
            if trim_next {
                let trimmed = shown.trim_start_matches(BLANKS);
                shown_at = end - trimmed.len();
                shown = trimmed;
            }
            let trims_before = open.is_some_and(|open| has_left_trim(&self.text[open + 2..]));
            if trims_before {
                shown = shown.trim_end_matches(BLANKS);
            }
            if !shown.is_empty() {
                let to = shown_at + shown.len();
                self.push(Kind::Text, shown_at, to);
            }
            let Some(open) = open else {
                self.at = self.text.len();
                return Ok(());
            };
            self.at = open;
            trim_next = self.action(open, trims_before)?;
        }
    }

    /// One action; says whether the text behind it is trimmed.
    fn action(&mut self, open: usize, trimmed: bool) -> Result<bool, Failure> {
        self.at = open + 2 + if trimmed { 2 } else { 0 };
        if self.rest().starts_with("/*") {
            return self.comment(open);
        }
        self.tokens.push(Token {
            kind: Kind::Open,
            text: "{{".to_owned(),
            at: open,
        });
        let mut depth = 0_usize;
        loop {
            if let Some(trims) = self.close() {
                if depth > 0 {
                    return Err((self.at, "unclosed left paren".to_owned()));
                }
                return Ok(trims);
            }
            self.word(open, &mut depth)?;
        }
    }

    /// `}}` or ` -}}`.
    fn close(&mut self) -> Option<bool> {
        let rest = self.rest();
        let trims = rest.starts_with(BLANKS) && rest[1..].starts_with("-}}");
        if !trims && !rest.starts_with("}}") {
            return None;
        }
        let length = if trims { 4 } else { 2 };
        self.push(Kind::Close, self.at, self.at + length);
        self.at += length;
        Some(trims)
    }

    fn comment(&mut self, open: usize) -> Result<bool, Failure> {
        let Some(end) = self.rest().find("*/") else {
            return Err((open, "unclosed comment".to_owned()));
        };
        self.at += end + 2;
        let rest = self.rest();
        if rest.starts_with("}}") {
            self.at += 2;
            return Ok(false);
        }
        if rest.starts_with(BLANKS) && rest[1..].starts_with("-}}") {
            self.at += 4;
            return Ok(true);
        }
        Err((open, "comment ends before closing delimiter".to_owned()))
    }

    fn word(&mut self, open: usize, depth: &mut usize) -> Result<(), Failure> {
        let start = self.at;
        let Some(first) = self.rest().chars().next() else {
            return Err((open, "unclosed action".to_owned()));
        };
        match first {
            first if BLANKS.contains(&first) => {
                let length = self.rest().len() - self.rest().trim_start_matches(BLANKS).len();
                // The blank before a trimming delimiter belongs to it.
                let behind = &self.rest()[length..];
                let length = if behind.starts_with("-}}") {
                    length - 1
                } else {
                    length
                };
                self.at += length;
                if length > 0 {
                    self.push(Kind::Space, start, start + length);
                }
            }
            '=' => self.simple(Kind::Assign, 1),
            ':' if self.rest().starts_with(":=") => self.simple(Kind::Declare, 2),
            ':' => return Err((start, "expected :=".to_owned())),
            '|' => self.simple(Kind::Pipe, 1),
            ',' => self.simple(Kind::Comma, 1),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string")?,
            '\'' => self.quoted('\'', Kind::Character, "unterminated character constant")?,
            '`' => {
                let Some(end) = self.rest()[1..].find('`') else {
                    return Err((start, "unterminated raw quoted string".to_owned()));
                };
                self.simple(Kind::RawString, end + 2);
            }
            '$' => {
                let length = 1 + name_length(&self.rest()[1..]);
                self.simple(Kind::Variable, length);
                self.check_end(start)?;
            }
            '.' if !self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let length = 1 + name_length(&self.rest()[1..]);
                self.simple(if length == 1 { Kind::Dot } else { Kind::Field }, length);
                if length > 1 {
                    self.check_end(start)?;
                }
            }
            '(' => {
                *depth += 1;
                self.simple(Kind::LeftParen, 1);
            }
            ')' => {
                if *depth == 0 {
                    return Err((start, "unexpected right paren".to_owned()));
                }
                *depth -= 1;
                self.simple(Kind::RightParen, 1);
            }
            first if first.is_ascii_digit() || matches!(first, '+' | '-' | '.') => {
                self.number(start)?;
            }
            first if first.is_alphanumeric() || first == '_' => {
                let length = name_length(self.rest());
                self.simple(Kind::Identifier, length);
                self.check_end(start)?;
            }
            other => {
                let code = u32::from(other);
                return Err((
                    start,
                    format!("unrecognized character in action: U+{code:04X} '{other}'"),
                ));
            }
        }
        Ok(())
    }

    fn simple(&mut self, kind: Kind, length: usize) {
        self.push(kind, self.at, self.at + length);
        self.at += length;
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) -> Result<(), Failure> {
        let start = self.at;
        let mut escaped = false;
        for (at, character) in self.text[start + 1..].char_indices() {
            match character {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                character if character == quote => {
                    self.simple(kind, at + 2);
                    return Ok(());
                }
                _ => {}
            }
        }
        Err((start, unterminated.to_owned()))
    }

    fn number(&mut self, start: usize) -> Result<(), Failure> {
        let rest = self.rest();
        let mut length = usize::from(rest.starts_with(['+', '-']));
        let mut before = ' ';
        for character in rest[length..].chars() {
            let sign = matches!(character, '+' | '-') && matches!(before, 'e' | 'E' | 'p' | 'P');
            if !(character.is_alphanumeric() || matches!(character, '.' | '_') || sign) {
                break;
            }
            length += character.len_utf8();
            before = character;
        }
        let text = self.text[start..start + length].to_owned();
        if super::parser::number(&text).is_none() {
            return Err((
                start,
                format!("bad number syntax: {}", crate::semver::quote(&text)),
            ));
        }
        self.simple(Kind::Number, length);
        Ok(())
    }

    /// A name must be followed by something that ends it.
    fn check_end(&self, start: usize) -> Result<(), Failure> {
        let Some(next) = self.rest().chars().next() else {
            return Ok(());
        };
        let ends =
            BLANKS.contains(&next) || matches!(next, '.' | ',' | '|' | ':' | ')' | '(' | '=');
        if ends || self.rest().starts_with("}}") {
            return Ok(());
        }
        let code = u32::from(next);
        Err((start, format!("bad character U+{code:04X} '{next}'")))
    }
}

const BLANKS: &[char] = &[' ', '\t', '\r', '\n'];

fn has_left_trim(action: &str) -> bool {
    action
        .strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(BLANKS))
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len())
}

//! Writing of lines: indentation, indicators, folding.
//!
//! Follows libyaml's emitter as yaml.v2 carries it, since line breaks depend on its state.

use super::resolve::is_safe_string;
use super::scalar::{self, Analysis, Style};

/// Columns a collection moves to the right.
const INDENT: usize = 2;
/// Column beyond which a blank becomes a line break.
const WIDTH: usize = 80;

/// The text so far, and what libyaml's emitter remembers about its end.
pub(super) struct Emitter {
    text: String,
    column: usize,
    /// Columns of the enclosing collections; the last one counts.
    indents: Vec<Option<usize>>,
    /// The last character was a blank.
    whitespace: bool,
    /// Only indentation and compact indicators were written on this line.
    indention: bool,
}

impl Default for Emitter {
    fn default() -> Self {
        Self {
            text: String::new(),
            column: 0,
            indents: vec![None],
            whitespace: true,
            indention: true,
        }
    }
}

impl Emitter {
    /// The text, with a line break at its end.
    pub(super) fn finish(mut self) -> String {
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text
    }

    pub(super) fn is_indention(&self) -> bool {
        self.indention
    }

    /// Enters a collection; `indentless` keeps the column.
    pub(super) fn increase_indent(&mut self, indentless: bool) {
        let next = match self.indent() {
            None => 0,
            Some(indent) if indentless => indent,
            Some(indent) => indent + INDENT,
        };
        self.indents.push(Some(next));
    }

    /// Leaves a collection.
    pub(super) fn decrease_indent(&mut self) {
        self.indents.pop();
    }

    fn indent(&self) -> Option<usize> {
        self.indents.last().copied().flatten()
    }

    /// Moves to the collection's column, on a new line unless the current one holds nothing yet.
    pub(super) fn write_indent(&mut self) {
        let indent = self.indent().unwrap_or_default();
        let moved = self.column > indent || (self.column == indent && !self.whitespace);
        if !self.indention || moved {
            self.line_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    /// `-`, `?` or `:` before a node that may follow on the same line.
    pub(super) fn compact_indicator(&mut self, indicator: &str) {
        let indention = self.indention;
        self.indicator(indicator, true);
        self.indention = indention;
    }

    /// An indicator, behind a blank when it needs one.
    pub(super) fn indicator(&mut self, indicator: &str, needs_blank: bool) {
        if needs_blank && !self.whitespace {
            self.put(' ');
        }
        indicator.chars().for_each(|character| self.put(character));
        self.whitespace = false;
        self.indention = false;
    }

    /// A scalar or empty collection that needs no quoting.
    pub(super) fn word(&mut self, word: &str) {
        self.indicator(word, true);
    }

    /// A string in the style that fits it.
    pub(super) fn string(&mut self, text: &str, key: bool) {
        let analysis = Analysis::of(text);
        let wanted = if text.contains('\n') {
            Style::Literal
        } else if is_safe_string(text) {
            Style::Plain
        } else {
            Style::DoubleQuoted
        };
        // Scalars are indented even at the root, as goyaml does.
        let indent = self.indent().unwrap_or_default() + INDENT;
        self.indents.push(Some(indent));
        match analysis.style(wanted, key, text.is_empty()) {
            Style::Plain => self.plain(text, !key),
            Style::SingleQuoted => self.single_quoted(text, !key),
            Style::DoubleQuoted => self.double_quoted(text, !key),
            Style::Literal => self.literal(text),
        }
        self.decrease_indent();
    }

    fn plain(&mut self, text: &str, folds: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        let mut spaces = false;
        let mut breaks = false;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            if character == ' ' {
                let fold = folds && !spaces && self.column > WIDTH;
                if fold && characters.peek() != Some(&' ') {
                    self.write_indent();
                } else {
                    self.put(character);
                }
                spaces = true;
            } else if scalar::is_break(character) {
                self.text_break(character, breaks);
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                self.put(character);
                self.indention = false;
                spaces = false;
                breaks = false;
            }
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn single_quoted(&mut self, text: &str, folds: bool) {
        self.indicator("'", true);
        let mut spaces = false;
        let mut breaks = false;
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character == ' ' {
                let next = characters.peek().map(|(_, next)| *next);
                let inside = at > 0 && next.is_some();
                let fold = folds && !spaces && self.column > WIDTH && inside;
                if fold && next != Some(' ') {
                    self.write_indent();
                } else {
                    self.put(character);
                }
                spaces = true;
            } else if scalar::is_break(character) {
                self.text_break(character, breaks);
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                if character == '\'' {
                    self.put(character);
                }
                self.put(character);
                self.indention = false;
                spaces = false;
                breaks = false;
            }
        }
        self.indicator("'", false);
    }

    fn double_quoted(&mut self, text: &str, folds: bool) {
        self.indicator("\"", true);
        // The reference looks for a byte order mark at the text's start for every character, so
        // that one at the start escapes the whole text.
        let marked = text.starts_with('\u{feff}');
        let mut spaces = false;
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if marked || scalar::is_escaped(character) {
                scalar::escape(character)
                    .chars()
                    .for_each(|escaped| self.put(escaped));
                spaces = false;
            } else if character == ' ' {
                let next = characters.peek().map(|(_, next)| *next);
                if folds && !spaces && self.column > WIDTH && at > 0 && next.is_some() {
                    self.write_indent();
                    if next == Some(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(character);
                }
                spaces = true;
            } else {
                self.put(character);
                spaces = false;
            }
        }
        self.indicator("\"", false);
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|", true);
        if text.starts_with(' ') || text.starts_with(scalar::is_break) {
            self.indicator(&INDENT.to_string(), false);
        }
        let mut from_end = text.chars().rev();
        match (
            from_end.next().is_some_and(scalar::is_break),
            from_end.next(),
        ) {
            (false, _) => self.indicator("-", false),
            (true, None) => self.indicator("+", false),
            (true, Some(before)) if scalar::is_break(before) => self.indicator("+", false),
            (true, Some(_)) => {}
        }
        self.line_break();
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        for character in text.chars() {
            if scalar::is_break(character) {
                self.line_break_of(character);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                self.put(character);
                self.indention = false;
                breaks = false;
            }
        }
    }

    /// A line break inside a plain or single-quoted text; the first `\n` of a run is doubled, since
    /// a single one would be read as a blank.
    fn text_break(&mut self, character: char, in_run: bool) {
        if !in_run && character == '\n' {
            self.line_break();
        }
        self.line_break_of(character);
        self.indention = true;
    }

    fn line_break_of(&mut self, character: char) {
        self.text.push(character);
        self.column = 0;
    }

    fn line_break(&mut self) {
        self.line_break_of('\n');
    }

    fn put(&mut self, character: char) {
        self.text.push(character);
        self.column += 1;
    }
}

//! Which styles a text can be written in.

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// The longest key that is written without `?`, in bytes.
const SIMPLE_KEY: usize = 128;

/// What libyaml's analysis of a scalar allows.
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are independent verdicts"
)]
pub(super) struct Analysis {
    multiline: bool,
    plain: bool,
    single_quoted: bool,
    block: bool,
}

/// Blanks and breaks at the edges of a text and beside each other.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are independent findings"
)]
struct Findings {
    indicators: bool,
    line_breaks: bool,
    special: bool,
    edge: bool,
    trailing_space: bool,
    break_space: bool,
    space_break: bool,
}

impl Analysis {
    pub(super) fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self {
                multiline: false,
                plain: true,
                single_quoted: true,
                block: false,
            };
        }
        let found = Findings::of(text);
        let broken = found.space_break || found.special;
        Self {
            multiline: found.line_breaks,
            plain: !(found.edge
                || found.break_space
                || broken
                || found.line_breaks
                || found.indicators),
            single_quoted: !(found.break_space || broken),
            block: !(found.trailing_space || broken),
        }
    }

    /// The style that a text gets when `wanted` is asked for.
    pub(super) fn style(&self, wanted: Style, key: bool, empty: bool) -> Style {
        let mut style = wanted;
        if key && self.multiline {
            style = Style::DoubleQuoted;
        }
        if style == Style::Plain && (!self.plain || (empty && key)) {
            style = Style::SingleQuoted;
        }
        if style == Style::SingleQuoted && !self.single_quoted {
            style = Style::DoubleQuoted;
        }
        if style == Style::Literal && (!self.block || key) {
            style = Style::DoubleQuoted;
        }
        style
    }
}

impl Findings {
    fn of(text: &str) -> Self {
        let mut found = Self {
            indicators: text.starts_with("---") || text.starts_with("..."),
            ..Self::default()
        };
        let mut preceded_by_blank = true;
        let (mut previous_space, mut previous_break) = (false, false);
        let mut characters = text.chars().peekable();
        let mut first = true;
        while let Some(character) = characters.next() {
            let next = characters.peek().copied();
            let followed_by_blank = next.is_none_or(is_blank_or_break);
            found.indicators |=
                is_indicator(character, first, preceded_by_blank, followed_by_blank);
            found.special |= !is_printable(character);
            let last = next.is_none();
            if character == ' ' {
                found.edge |= first || last;
                found.trailing_space |= last;
                found.break_space |= previous_break;
                (previous_space, previous_break) = (true, false);
            } else if is_break(character) {
                found.line_breaks = true;
                found.edge |= first || last;
                found.space_break |= previous_space;
                (previous_space, previous_break) = (false, true);
            } else {
                (previous_space, previous_break) = (false, false);
            }
            preceded_by_blank = is_blank_or_break(character);
            first = false;
        }
        found
    }
}

/// Whether a character means something in a plain scalar of block style.
fn is_indicator(character: char, first: bool, after_blank: bool, before_blank: bool) -> bool {
    if !first {
        return match character {
            ':' => before_blank,
            '#' => after_blank,
            _ => false,
        };
    }
    match character {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`' => true,
        '?' | ':' | '-' => before_blank,
        _ => false,
    }
}

/// Whether a key can stand before its `:` on one line.
pub(super) fn is_simple_key(text: &str) -> bool {
    text.len() <= SIMPLE_KEY && !text.contains(is_break)
}

pub(super) fn is_break(character: char) -> bool {
    matches!(character, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank_or_break(character: char) -> bool {
    matches!(character, ' ' | '\t') || is_break(character)
}

/// libyaml's idea of printable: no tab, nothing beyond U+FFFF, no byte order mark.
fn is_printable(character: char) -> bool {
    matches!(character,
        '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// Whether a character is written as an escape between double quotes.
pub(super) fn is_escaped(character: char) -> bool {
    !is_printable(character) || is_break(character) || matches!(character, '"' | '\\')
}

/// The escape of a character between double quotes.
pub(super) fn escape(character: char) -> String {
    let short = match character {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        character => {
            let code = u32::from(character);
            return match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}

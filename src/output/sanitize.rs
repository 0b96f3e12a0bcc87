//! Control characters from registries, Git servers and clusters never reach a terminal.

use std::borrow::Cow;

/// A table cell: cut at the first line break with `...` behind it, control characters made visible
/// (ESC as `^[`, carriage return as `\r`, as kubectl does).
pub fn sanitize_cell(text: &str) -> Cow<'_, str> {
    let Some(end) = text.find(['\n', '\u{2028}', '\u{2029}']) else {
        return sanitize_line(text);
    };
    let mut cell = sanitize_line(&text[..end]).into_owned();
    cell.push_str("...");
    Cow::Owned(cell)
}

/// A line of text: like a cell, without the cut; line breaks and tabs stay.
pub fn sanitize_line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\u{1b}' => clean.push_str("^["),
            '\r' => clean.push_str("\\r"),
            character if is_unsafe(character) => {
                clean.extend(character.escape_default());
            }
            character => clean.push(character),
        }
    }
    Cow::Owned(clean)
}

/// Control characters, and the marks that reorder text (a way to make one name look like another).
fn is_unsafe(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        character => character.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_shown_and_not_sent() {
        assert_eq!(sanitize_line("a\u{1b}[31mb\r"), "a^[[31mb\\r");
        assert_eq!(sanitize_cell("one\ntwo"), "one...");
        assert_eq!(sanitize_cell("plain"), "plain");
    }

    proptest! {
        #[test]
        fn no_control_character_survives(text in any::<String>()) {
            let clean = sanitize_cell(&text);
            prop_assert!(!clean.chars().any(|c| c.is_control() && c != '\t'));
        }
    }
}

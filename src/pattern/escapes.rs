//! Escapes and classes with names: what stands for one character, or for one of a set.

use super::parser::{PatternError, error};
use super::unicode;

/// A character of a class, escaped or not, and what follows; `whole` is the class from its bracket on.
pub(super) fn class_character<'t>(
    text: &'t str,
    whole: &str,
) -> Result<(u32, &'t str), PatternError> {
    match text.chars().next() {
        None => error("missing closing ]", whole),
        Some('\\') => escape(text),
        Some(character) => Ok((u32::from(character), &text[character.len_utf8()..])),
    }
}

/// `\d`, `\s`, `\w` and their opposites, ASCII as in Go.
pub(super) fn perl_class(text: &str) -> Option<&'static str> {
    Some(match text.get(..2)? {
        "\\d" => "[0-9]",
        "\\D" => "[^0-9]",
        "\\s" => "[\\t\\n\\x0C\\r ]",
        "\\S" => "[^\\t\\n\\x0C\\r ]",
        "\\w" => "[0-9A-Za-z_]",
        "\\W" => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

/// `[:alpha:]` and the like, inside a class.
pub(super) fn named_class(text: &str) -> Result<Option<(&'static str, &str)>, PatternError> {
    if !text.starts_with("[:") || text.len() <= 2 {
        return Ok(None);
    }
    let Some(end) = text[2..].find(":]") else {
        return Ok(None);
    };
    let (name, rest) = text.split_at(end + 4);
    let set = match name {
        "[:alnum:]" => "[0-9A-Za-z]",
        "[:^alnum:]" => "[^0-9A-Za-z]",
        "[:alpha:]" => "[A-Za-z]",
        "[:^alpha:]" => "[^A-Za-z]",
        "[:ascii:]" => "[\\x00-\\x7F]",
        "[:^ascii:]" => "[^\\x00-\\x7F]",
        "[:blank:]" => "[\\t ]",
        "[:^blank:]" => "[^\\t ]",
        "[:cntrl:]" => "[\\x00-\\x1F\\x7F]",
        "[:^cntrl:]" => "[^\\x00-\\x1F\\x7F]",
        "[:digit:]" => "[0-9]",
        "[:^digit:]" => "[^0-9]",
        "[:graph:]" => "[!-~]",
        "[:^graph:]" => "[^!-~]",
        "[:lower:]" => "[a-z]",
        "[:^lower:]" => "[^a-z]",
        "[:print:]" => "[ -~]",
        "[:^print:]" => "[^ -~]",
        "[:punct:]" => "[!-/:-@\\[-`{-~]",
        "[:^punct:]" => "[^!-/:-@\\[-`{-~]",
        "[:space:]" => "[\\t-\\r ]",
        "[:^space:]" => "[^\\t-\\r ]",
        "[:upper:]" => "[A-Z]",
        "[:^upper:]" => "[^A-Z]",
        "[:word:]" => "[0-9A-Za-z_]",
        "[:^word:]" => "[^0-9A-Za-z_]",
        "[:xdigit:]" => "[0-9A-Fa-f]",
        "[:^xdigit:]" => "[^0-9A-Fa-f]",
        _ => return error("invalid character class range", name),
    };
    Ok(Some((set, rest)))
}

/// `\pL`, `\p{Greek}`, `\P{^Lu}`.
pub(super) fn unicode_class(text: &str) -> Result<Option<(String, &str)>, PatternError> {
    let mut negated = match text.get(..2) {
        Some("\\p") => false,
        Some("\\P") => true,
        _ => return Ok(None),
    };
    let (whole, name, rest) = match text[2..].chars().next() {
        Some('{') => {
            let Some(end) = text.find('}') else {
                return error("invalid character class range", text);
            };
            (&text[..=end], &text[3..end], &text[end + 1..])
        }
        letter => {
            let end = 2 + letter.map_or(0, char::len_utf8);
            (&text[..end], &text[2..end], &text[end..])
        }
    };
    let name = match name.strip_prefix('^') {
        Some(name) => {
            negated = !negated;
            name
        }
        None => name,
    };
    match unicode::class(name, negated) {
        Some(class) => Ok(Some((class, rest))),
        None => error("invalid character class range", whole),
    }
}

/// An escaped character.
pub(super) fn escape(text: &str) -> Result<(u32, &str), PatternError> {
    let mut rest = &text[1..];
    let Some(character) = rest.chars().next() else {
        return error("trailing backslash at end of expression", "");
    };
    rest = &rest[character.len_utf8()..];
    let octal = |rest: &str| {
        rest.bytes()
            .next()
            .is_some_and(|byte| (b'0'..=b'7').contains(&byte))
    };
    match character {
        '0' => return Ok(octal_escape(character, rest)),
        '1'..='7' if octal(rest) => return Ok(octal_escape(character, rest)),
        'x' => {
            let (found, consumed) = hexadecimal_escape(rest);
            rest = consumed;
            if let Some(found) = found {
                return Ok((found, rest));
            }
        }
        'a' => return Ok((7, rest)),
        'f' => return Ok((12, rest)),
        'n' => return Ok((10, rest)),
        'r' => return Ok((13, rest)),
        't' => return Ok((9, rest)),
        'v' => return Ok((11, rest)),
        character if character.is_ascii() && !character.is_ascii_alphanumeric() => {
            return Ok((u32::from(character), rest));
        }
        _ => {}
    }
    error("invalid escape sequence", &text[..text.len() - rest.len()])
}

fn octal_escape(first: char, mut rest: &str) -> (u32, &str) {
    let mut value = first.to_digit(8).unwrap_or_default();
    for _ in 1..3 {
        let Some(digit) = rest
            .chars()
            .next()
            .and_then(|character| character.to_digit(8))
        else {
            break;
        };
        value = value * 8 + digit;
        rest = &rest[1..];
    }
    (value, rest)
}

/// `\xHH` or `\x{H…}` behind its `x`; how far the text was read either way.
fn hexadecimal_escape(text: &str) -> (Option<u32>, &str) {
    let mut characters = text.chars();
    let Some(first) = characters.next() else {
        return (None, text);
    };
    if first != '{' {
        let second = characters.next();
        let value = first
            .to_digit(16)
            .zip(second.and_then(|second| second.to_digit(16)))
            .map(|(high, low)| high * 16 + low);
        return (value, characters.as_str());
    }
    let mut value = 0;
    let mut digits = 0;
    loop {
        match characters.next() {
            None => return (None, characters.as_str()),
            Some('}') => {
                return ((digits > 0).then_some(value), characters.as_str());
            }
            Some(character) => {
                let Some(digit) = character.to_digit(16) else {
                    return (None, characters.as_str());
                };
                value = value * 16 + digit;
                if value > u32::from(char::MAX) {
                    return (None, characters.as_str());
                }
                digits += 1;
            }
        }
    }
}

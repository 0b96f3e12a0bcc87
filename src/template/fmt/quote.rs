//! `strconv.Quote` and its relatives, for strings that need not be UTF-8.

use crate::semver::quote;

/// The text between double quotes, everything that is not printable as an escape.
pub(in crate::template) fn quoted(text: &[u8]) -> String {
    let mut quoted_text = String::with_capacity(text.len() + 2);
    quoted_text.push('"');
    for chunk in text.utf8_chunks() {
        quoted_text.push_str(inner(&quote(chunk.valid())));
        for byte in chunk.invalid() {
            quoted_text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    quoted_text.push('"');
    quoted_text
}

/// The same with everything outside ASCII as an escape.
pub(super) fn quoted_ascii(text: &[u8]) -> String {
    escape_wide(&quoted(text))
}

fn escape_wide(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        match u32::from(character) {
            0..=0x7f => escaped.push(character),
            code @ 0x80..=0xffff => escaped.push_str(&format!("\\u{code:04x}")),
            code => escaped.push_str(&format!("\\U{code:08x}")),
        }
        escaped
    })
}

/// A character between single quotes.
pub(super) fn quoted_character(character: char, ascii: bool) -> String {
    let body = match character {
        '\'' => "\\'".to_owned(),
        '"' => "\"".to_owned(),
        other => inner(&quote(&other.to_string())).to_owned(),
    };
    let body = if ascii { escape_wide(&body) } else { body };
    format!("'{body}'")
}

/// Whether the text can stand between back quotes as it is.
pub(super) fn can_backquote(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| {
        text.chars()
            .all(|c| !matches!(c, '\u{feff}' | '`' | '\u{7f}') && (c >= ' ' || c == '\t'))
    })
}

/// Whether Go prints a character rather than its escape.
pub(in crate::template) fn is_printable(character: char) -> bool {
    matches!(character, '"' | '\\')
        || quote(&character.to_string()).len() == character.len_utf8() + 2
}

fn inner(quoted: &str) -> &str {
    &quoted[1..quoted.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_text_are_escaped() {
        assert_eq!(quoted(b"a\xff\xc3\"\n"), r#""a\xff\xc3\"\n""#);
        assert_eq!(quoted("é☃".as_bytes()), "\"é☃\"");
        assert_eq!(quoted_ascii("é🚀".as_bytes()), r#""\u00e9\U0001f680""#);
        assert_eq!(quoted_character('\'', false), r"'\''");
        assert_eq!(quoted_character('"', false), "'\"'");
        assert_eq!(quoted_character('☃', true), r"'\u2603'");
    }

    #[test]
    fn back_quotes_hold_what_needs_no_escape() {
        assert!(can_backquote(b"a\tb\"c"));
        assert!(!can_backquote(b"a`b"));
        assert!(!can_backquote(b"a\nb"));
        assert!(!can_backquote(b"\xff"));
    }
}

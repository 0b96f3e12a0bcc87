//! Go's string and character literals: `strconv.Unquote`.

use super::super::value::Text;

/// The text of a literal in double or back quotes; `None` where Go says `invalid syntax`.
pub(super) fn unquote(literal: &str) -> Option<Text> {
    if let Some(raw) = literal.strip_prefix('`') {
        // Go drops carriage returns from raw strings.
        return Some(Text::from(raw.strip_suffix('`')?.replace('\r', "")));
    }
    let mut rest = literal.strip_prefix('"')?.strip_suffix('"')?;
    if !rest.contains(['\\', '\n', '"']) {
        return Some(Text::from(rest));
    }
    let mut bytes = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let (piece, behind) = piece(rest, '"')?;
        match piece {
            Piece::Byte(byte) => bytes.push(byte),
            Piece::Character(character) => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        rest = behind;
    }
    Some(Text::from(bytes))
}

/// The number of a character literal, or Go's complaint.
pub(super) fn character(literal: &str) -> Result<i64, String> {
    let inner = literal.strip_prefix('\'').unwrap_or(literal);
    let (piece, behind) = piece(inner, '\'').ok_or("invalid syntax")?;
    if behind != "'" {
        return Err(format!("malformed character constant: {literal}"));
    }
    Ok(match piece {
        Piece::Byte(byte) => byte.into(),
        Piece::Character(character) => u32::from(character).into(),
    })
}

enum Piece {
    Character(char),
    Byte(u8),
}

/// One character or escape, and what stands behind it.
fn piece(text: &str, quote: char) -> Option<(Piece, &str)> {
    let mut characters = text.chars();
    let first = characters.next()?;
    if first == quote || first == '\n' {
        return None;
    }
    if first != '\\' {
        return Some((Piece::Character(first), characters.as_str()));
    }
    let escape = characters.next()?;
    let simple = |character| Some((Piece::Character(character), characters.as_str()));
    match escape {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        '\\' => simple('\\'),
        '"' | '\'' if escape == quote => simple(escape),
        'x' => digits(characters.as_str(), 2, 16).and_then(byte),
        'u' => digits(characters.as_str(), 4, 16).and_then(code_point),
        'U' => digits(characters.as_str(), 8, 16).and_then(code_point),
        '0'..='7' => digits(&text[1..], 3, 8).and_then(byte),
        _ => None,
    }
}

fn digits(text: &str, count: usize, radix: u32) -> Option<(u32, &str)> {
    let body = text.get(..count)?;
    let good = body.chars().all(|digit| digit.is_digit(radix));
    good.then(|| u32::from_str_radix(body, radix).ok())
        .flatten()
        .map(|value| (value, &text[count..]))
}

fn byte((value, rest): (u32, &str)) -> Option<(Piece, &str)> {
    Some((Piece::Byte(u8::try_from(value).ok()?), rest))
}

fn code_point((value, rest): (u32, &str)) -> Option<(Piece, &str)> {
    Some((Piece::Character(char::from_u32(value)?), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_gos() {
        let text = |literal: &str| unquote(literal).map(|text| text.to_vec());
        assert_eq!(text(r#""a\tb\x41\101\u00e9""#), Some("a\tbAA\u{e9}".into()));
        assert_eq!(text(r#""\xff""#), Some(vec![0xff]));
        assert_eq!(text("`a\r\n\\n`"), Some(b"a\n\\n".to_vec()));
        for bad in [r#""\q""#, r#""\'""#, r#""\x4""#, r#""\ud800""#, r#""\400""#] {
            assert_eq!(text(bad), None, "{bad}");
        }
        assert_eq!(character("'a'"), Ok(97));
        assert_eq!(character(r"'\''"), Ok(39));
        assert_eq!(character(r"'\xff'"), Ok(255));
        assert_eq!(character("''"), Err("invalid syntax".into()));
        assert_eq!(
            character("'ab'"),
            Err("malformed character constant: 'ab'".into())
        );
    }
}

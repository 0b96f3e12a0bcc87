//! Upper and lower case, and the words inside of identifiers.
//!
//! Go maps one character to one character; this language's own mapping may give more, so that only
//! those mappings are taken that Go has too. The word rules are those of xstrings 1.5.

use super::strings::{lowered, uppered};
use super::{Call, Function, Outcome};
use crate::template::value::Parameter::String as Str;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("lower", &[Str], lowered),
    Function::new("upper", &[Str], uppered),
    Function::new("title", &[Str], title),
    Function::new("untitle", &[Str], untitle),
    Function::new("swapcase", &[Str], swapcase),
    Function::new("camelcase", &[Str], |call| {
        call.string(pascal(call.text(0)))
    }),
    Function::new("snakecase", &[Str], |call| {
        call.string(separated(&call.str(0), '_'))
    }),
    Function::new("kebabcase", &[Str], |call| {
        call.string(separated(&call.str(0), '-'))
    }),
];

/// Characters with their bytes; a byte that is no text is one replacement character.
pub(super) fn characters(text: &[u8]) -> impl Iterator<Item = (char, &[u8])> {
    text.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid();
        let characters = valid
            .char_indices()
            .map(|(at, c)| (c, &valid.as_bytes()[at..at + c.len_utf8()]));
        let invalid = chunk.invalid().chunks(1);
        characters.chain(invalid.map(|byte| (char::REPLACEMENT_CHARACTER, byte)))
    })
}

/// `unicode.IsSpace`.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace()
}

/// The one character that is the lower case of another.
pub(super) fn lower(character: char) -> char {
    if character == 'İ' {
        return 'i';
    }
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => character,
    }
}

/// The one character that is the upper case of another.
pub(super) fn upper(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(only), None) => only,
        // Greek letters with an iota below have capitals of their own.
        _ => match u32::from(character) {
            code @ (0x1f80..=0x1f87 | 0x1f90..=0x1f97 | 0x1fa0..=0x1fa7) => {
                char::from_u32(code + 8).unwrap_or(character)
            }
            code @ (0x1fb3 | 0x1fc3 | 0x1ff3) => char::from_u32(code + 9).unwrap_or(character),
            _ => character,
        },
    }
}

/// The title case, which differs from upper case for four digraphs.
fn title_case(character: char) -> char {
    match character {
        'Ǆ' | 'ǅ' | 'ǆ' => 'ǅ',
        'Ǉ' | 'ǈ' | 'ǉ' => 'ǈ',
        'Ǌ' | 'ǋ' | 'ǌ' => 'ǋ',
        'Ǳ' | 'ǲ' | 'ǳ' => 'ǲ',
        other => upper(other),
    }
}

/// `strings.Title`: every letter behind something that is neither letter, digit nor underscore.
fn title(call: &Call<'_>) -> Outcome {
    let mut before = ' ';
    let text: String = characters(call.text(0))
        .map(|(character, _)| {
            let separated = if before.is_ascii() {
                !(before.is_ascii_alphanumeric() || before == '_')
            } else {
                !before.is_alphanumeric() && is_space(before)
            };
            before = character;
            if separated {
                title_case(character)
            } else {
                character
            }
        })
        .collect();
    call.string(text)
}

fn untitle(call: &Call<'_>) -> Outcome {
    let mut first = true;
    let text: String = characters(call.text(0))
        .map(|(character, _)| {
            if is_space(character) {
                first = true;
                character
            } else if std::mem::take(&mut first) {
                lower(character)
            } else {
                character
            }
        })
        .collect();
    call.string(text)
}

fn swapcase(call: &Call<'_>) -> Outcome {
    let mut gap = true;
    let text: String = characters(call.text(0))
        .map(|(character, _)| {
            let after_gap = std::mem::replace(&mut gap, is_space(character));
            if character.is_uppercase()
                || title_case(character) == character && lower(character) != character
            {
                lower(character)
            } else if character.is_lowercase() && after_gap {
                title_case(character)
            } else if character.is_lowercase() {
                upper(character)
            } else {
                character
            }
        })
        .collect();
    call.string(text)
}

fn is_connector(character: char) -> bool {
    matches!(character, '-' | '_') || is_space(character)
}

/// Words joined, each with a capital: xstrings' `ToPascalCase`.
fn pascal(text: &[u8]) -> String {
    let mut rest = characters(text).map(|(character, _)| character);
    let mut result = String::new();
    let mut last = None;
    let mut upper_run = false;
    // Connectors in front stay.
    for character in rest.by_ref() {
        last = Some(character);
        if !is_connector(character) {
            upper_run = character.is_uppercase();
            last = Some(upper(character));
            break;
        }
        result.push(character);
    }
    let Some(mut current) = last else {
        return result;
    };
    for character in rest {
        let before = std::mem::replace(&mut current, character);
        if is_connector(character) && is_connector(before) {
            result.push(before);
            continue;
        }
        if is_connector(before) {
            upper_run = character.is_uppercase();
            current = upper(character);
            continue;
        }
        if upper_run {
            if character.is_uppercase() {
                current = lower(character);
            } else {
                upper_run = false;
            }
        }
        result.push(before);
    }
    result.push(current);
    result
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    /// Nothing is left.
    None,
    Number,
    Upper,
    Lower,
    Connector,
    Punctuation,
    Other,
}

fn is_alphabetic(character: char) -> bool {
    // Ideographs have no case and are no parts of words.
    character.is_alphabetic()
        && !matches!(character, '\u{4e00}'..='\u{9fcc}' | '\u{3400}'..='\u{4db5}')
}

fn is_punctuation(character: char) -> bool {
    matches!(character,
        '!'..='#' | '%'..='*' | ','..='/' | ':' | ';' | '?' | '@' | '['..=']' | '_' | '{' | '}'
        | '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' | '\u{2010}'..='\u{2027}'
        | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}')
}

/// The next word of an identifier, and what follows it.
fn next_word(text: &str) -> (Word, &str, &str) {
    let Some(first) = text.chars().next() else {
        return (Word::None, "", "");
    };
    let run = |belongs: &dyn Fn(char) -> bool| text.find(|c| !belongs(c)).unwrap_or(text.len());
    let (word, length) = if is_connector(first) {
        (Word::Connector, run(&is_connector))
    } else if is_punctuation(first) {
        (Word::Punctuation, run(&is_punctuation))
    } else if first.is_uppercase() {
        (Word::Upper, upper_word(text))
    } else if is_alphabetic(first) {
        (Word::Lower, run(&|c| is_alphabetic(c) && !c.is_uppercase()))
    } else if first.is_numeric() {
        (Word::Number, run(&char::is_numeric))
    } else {
        let length = run(&|c| {
            !is_connector(c) && !is_alphabetic(c) && !c.is_numeric() && !is_punctuation(c)
        });
        (Word::Other, length.max(first.len_utf8()))
    };
    (word, &text[..length], &text[length..])
}

/// A word that begins with a capital: `Status`, or the `HTTP` of `HTTPStatus`.
fn upper_word(text: &str) -> usize {
    let capitals = text.find(|c: char| !c.is_uppercase()).unwrap_or(text.len());
    let behind = text[capitals..].chars().next();
    let continues = behind.is_some_and(is_alphabetic);
    let count = text[..capitals].chars().count();
    if count > 1 && continues {
        // The last capital begins the next word.
        let last = text[..capitals]
            .chars()
            .next_back()
            .map_or(0, char::len_utf8);
        return capitals - last;
    }
    if count == 1 && continues {
        let rest = &text[capitals..];
        let length = rest
            .find(|c: char| !is_alphabetic(c) || c.is_uppercase())
            .unwrap_or(rest.len());
        return capitals + length;
    }
    capitals
}

fn push_lower(result: &mut String, word: Word, text: &str, connector: char) {
    if !matches!(word, Word::Upper | Word::Connector) {
        result.push_str(text);
        return;
    }
    result.extend(text.chars().map(|character| {
        if is_connector(character) {
            connector
        } else if character.is_uppercase() {
            lower(character)
        } else {
            character
        }
    }));
}

/// Words in lower case with a connector between: xstrings' `ToSnakeCase` and `ToKebabCase`.
fn separated(text: &str, connector: char) -> String {
    let mut result = String::new();
    let (mut word, mut part, mut rest) = next_word(text);
    let ends = |word| matches!(word, Word::None | Word::Punctuation | Word::Connector);
    let joins = |word| matches!(word, Word::Lower | Word::Number);
    while !rest.is_empty() {
        if word != Word::Connector {
            push_lower(&mut result, word, part, connector);
        }
        let (before, last) = (word, part);
        (word, part, rest) = next_word(rest);
        match before {
            Word::Number => {
                while joins(word) {
                    push_lower(&mut result, word, part, connector);
                    (word, part, rest) = next_word(rest);
                }
                if !ends(word) {
                    result.push(connector);
                }
            }
            Word::Connector => push_lower(&mut result, before, last, connector),
            Word::Punctuation => {}
            _ if word != Word::Number => {
                if !matches!(word, Word::Connector | Word::Punctuation) {
                    result.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = part;
                (word, part, rest) = next_word(rest);
                // A number belongs to the word before it, unless small letters follow.
                if word != Word::Lower {
                    push_lower(&mut result, Word::Number, number, connector);
                    if !matches!(word, Word::Connector | Word::Punctuation) {
                        result.push(connector);
                    }
                    continue;
                }
                result.push(connector);
                push_lower(&mut result, Word::Number, number, connector);
                while joins(word) {
                    push_lower(&mut result, word, part, connector);
                    (word, part, rest) = next_word(rest);
                }
                if !ends(word) {
                    result.push(connector);
                }
            }
        }
    }
    push_lower(&mut result, word, part, connector);
    result
}

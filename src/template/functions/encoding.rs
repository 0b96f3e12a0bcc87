//! base64, base32 and sums. Text that does not decode gives Go's error as the result.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::Digest;

use super::{Call, Function, Outcome};
use crate::template::value::Parameter::String as Str;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("b64enc", &[Str], |call| {
        call.budget.text(call.text(0).len() * 2)?;
        call.string(BASE64_STANDARD.encode(call.text(0)))
    }),
    Function::new("b64dec", &[Str], |call| {
        call.string(decode_64(call.text(0)).unwrap_or_else(|at| corrupt(64, at)))
    }),
    Function::new("b32enc", &[Str], |call| {
        call.budget.text(call.text(0).len() * 2)?;
        call.string(encode_32(call.text(0)))
    }),
    Function::new("b32dec", &[Str], |call| {
        call.string(decode_32(call.text(0)).unwrap_or_else(|at| corrupt(32, at)))
    }),
    Function::new("sha1sum", &[Str], |call| sum::<sha1::Sha1>(call)),
    Function::new("sha256sum", &[Str], |call| sum::<sha2::Sha256>(call)),
    Function::new("sha512sum", &[Str], |call| sum::<sha2::Sha512>(call)),
    Function::new("adler32sum", &[Str], |call| {
        call.string(adler(call.text(0)).to_string())
    }),
];

fn corrupt(base: u32, at: usize) -> Vec<u8> {
    format!("illegal base{base} data at input byte {at}").into_bytes()
}

fn sum<D: Digest>(call: &Call<'_>) -> Outcome {
    call.budget.spend(call.text(0).len() / 64 + 8)?;
    let digest = D::digest(call.text(0));
    let mut text = String::with_capacity(digest.len() * 2);
    for byte in digest {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    call.string(text)
}

/// Two sums modulo the greatest prime below 2^16.
fn adler(text: &[u8]) -> u32 {
    let (low, high) = text.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// The value of a letter of base64.
fn sextet(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Decodes as Go does; the error is the byte that Go names.
pub(super) fn decode_64(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let mut at = 0;
    loop {
        let (mut bits, mut count) = (0, 0);
        let mut padded = false;
        while count < 4 {
            let Some(byte) = text.get(at).copied() else {
                if count == 0 {
                    return Ok(decoded);
                }
                return Err(at - count);
            };
            at += 1;
            if is_line_break(byte) {
                continue;
            }
            if let Some(value) = sextet(byte) {
                bits = bits << 6 | value;
                count += 1;
                continue;
            }
            if byte != b'=' || count < 2 {
                return Err(at - 1);
            }
            at = padding_64(text, at, count)?;
            padded = true;
            break;
        }
        let bytes = (bits << (6 * (4 - count)) << 8).to_be_bytes();
        decoded.extend_from_slice(&bytes[..count - 1]);
        if padded {
            return Ok(decoded);
        }
    }
}

/// What may follow the first padding character.
fn padding_64(text: &[u8], mut at: usize, count: usize) -> Result<usize, usize> {
    let skip = |mut at: usize| {
        while text.get(at).copied().is_some_and(is_line_break) {
            at += 1;
        }
        at
    };
    if count == 2 {
        at = skip(at);
        match text.get(at) {
            None => return Err(text.len()),
            Some(b'=') => at += 1,
            Some(_) => return Err(at - 1),
        }
    }
    at = skip(at);
    if at < text.len() { Err(at) } else { Ok(at) }
}

const LETTERS_32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn encode_32(text: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len().div_ceil(5) * 8);
    for chunk in text.chunks(5) {
        let mut bytes = [0; 8];
        bytes[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(bytes);
        let letters = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let letter = usize::try_from(bits >> (35 - 5 * index) & 31).unwrap_or(0);
            encoded.push(if index < letters {
                char::from(LETTERS_32[letter])
            } else {
                '='
            });
        }
    }
    encoded
}

/// Decodes as Go does; the error is the byte that Go names, line breaks left out.
fn decode_32(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text
        .iter()
        .copied()
        .filter(|b| !is_line_break(*b))
        .collect();
    let mut decoded = Vec::with_capacity(text.len() / 8 * 5);
    let mut at = 0;
    while at < text.len() {
        let (mut bits, mut count) = (0_u64, 0);
        let mut end = false;
        while count < 8 {
            let Some(byte) = text.get(at).copied() else {
                return Err(at - count);
            };
            at += 1;
            let left = text.len() - at;
            if byte == b'=' && count >= 2 && left < 8 {
                if left + count < 7 {
                    return Err(text.len());
                }
                for index in 0..7 - count {
                    if text.get(at + index).is_some_and(|byte| *byte != b'=') {
                        return Err(at + index - 1);
                    }
                }
                if matches!(count, 1 | 3 | 6) {
                    return Err(at - 1);
                }
                end = true;
                break;
            }
            let Some(value) = LETTERS_32.iter().position(|letter| *letter == byte) else {
                return Err(at - 1);
            };
            bits = bits << 5 | value as u64;
            count += 1;
        }
        let bytes = (bits << (5 * (8 - count)) << 24).to_be_bytes();
        decoded.extend_from_slice(&bytes[..count * 5 / 8]);
        if end {
            break;
        }
    }
    Ok(decoded)
}

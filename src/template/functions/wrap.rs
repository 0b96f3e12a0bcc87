//! Breaking lines: goutils' `WrapCustom`, in bytes.

use super::{Call, Function, Outcome};
use crate::template::value::Parameter::{Int, String as Str};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("wrap", &[Int, Str], |call| {
        wrapped(call, call.text(1), b"", false)
    }),
    Function::new("wrapWith", &[Int, Str, Str], |call| {
        wrapped(call, call.text(2), call.text(1), true)
    }),
];

fn wrapped(call: &Call<'_>, text: &[u8], line_break: &[u8], long_words: bool) -> Outcome {
    let line_break = if line_break.is_empty() {
        b"\n"
    } else {
        line_break
    };
    let width = usize::try_from(call.int(0)).unwrap_or(0).max(1);
    call.budget
        .text((text.len() / width).saturating_mul(line_break.len()))?;
    let mut result = Vec::with_capacity(text.len());
    let mut at = 0;
    while text.len() - at > width {
        if text[at] == b' ' {
            at += 1;
            continue;
        }
        let line = &text[at..=at + width];
        if let Some(blank) = line.iter().rposition(|byte| *byte == b' ') {
            result.extend_from_slice(&line[..blank]);
            at += blank + 1;
        } else if long_words {
            result.extend_from_slice(&line[..width]);
            at += width;
        } else {
            let rest = &text[at + width..];
            let Some(blank) = rest.iter().position(|byte| *byte == b' ') else {
                break;
            };
            result.extend_from_slice(&text[at..at + width + blank]);
            at += width + blank + 1;
        }
        result.extend_from_slice(line_break);
    }
    result.extend_from_slice(&text[at..]);
    call.string(result)
}

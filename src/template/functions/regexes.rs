//! Regular expressions: Go's `regexp`.

use super::{Call, Function, Outcome};
use crate::pattern::{ExtractTemplate, Pattern};
use crate::template::fmt::quoted;
use crate::template::value::Parameter::{Int, String as Str};
use crate::template::value::{List, Value, types};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("regexMatch", &[Str, Str], |call| {
        Ok(Value::Bool(
            compiled(call).is_ok_and(|p| p.is_match(&call.str(1))),
        ))
    }),
    Function::new("mustRegexMatch", &[Str, Str], |call| {
        Ok(Value::Bool(compiled(call)?.is_match(&call.str(1))))
    }),
    Function::new("regexFind", &[Str, Str], find),
    Function::new("mustRegexFind", &[Str, Str], find),
    Function::new("regexFindAll", &[Str, Str, Int], find_all),
    Function::new("mustRegexFindAll", &[Str, Str, Int], find_all),
    Function::new("regexReplaceAll", &[Str, Str, Str], replace_all),
    Function::new("mustRegexReplaceAll", &[Str, Str, Str], replace_all),
    Function::new("regexReplaceAllLiteral", &[Str, Str, Str], replace_literal),
    Function::new(
        "mustRegexReplaceAllLiteral",
        &[Str, Str, Str],
        replace_literal,
    ),
    Function::new("regexSplit", &[Str, Str, Int], split),
    Function::new("mustRegexSplit", &[Str, Str, Int], split),
    Function::new("regexQuoteMeta", &[Str], |call| {
        let mut quoted = Vec::with_capacity(call.text(0).len() * 2);
        for byte in call.text(0) {
            if br"\.+*?()|[]{}^$".contains(byte) {
                quoted.push(b'\\');
            }
            quoted.push(*byte);
        }
        call.string(quoted)
    }),
];

/// The pattern of a call. Only those functions that must not fail name the call in their complaint.
fn compiled(call: &Call<'_>) -> Result<Pattern, String> {
    let source = call.str(0);
    call.budget
        .spend(source.len() * 16 + 256 + call.text(1).len() / 4)?;
    Pattern::new(&source).map_err(|error| {
        if call.name.starts_with("must") {
            return error.to_string();
        }
        let shown = if source.contains(|c: char| c == '`' || (c.is_control() && c != '\t')) {
            String::from_utf8_lossy(quoted(source.as_bytes()).as_bytes()).into_owned()
        } else {
            format!("`{source}`")
        };
        format!("regexp: Compile({shown}): {error}")
    })
}

fn find(call: &Call<'_>) -> Outcome {
    let text = call.str(1);
    let found = compiled(call)?.find(&text);
    call.string(found.map_or("", |range| &text[range]))
}

/// How many matches are wanted; a negative number means all.
fn most(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Go's nil list, which is `null` in JSON.
fn no_strings() -> Value {
    Value::List(List::nil(&types::STRINGS))
}

fn find_all(call: &Call<'_>) -> Outcome {
    let (pattern, text) = (compiled(call)?, call.str(1));
    let matches = pattern.all_groups(&text).take(most(call.int(2)));
    let texts: Vec<&str> = matches.map(|groups| groups.get(0).unwrap_or("")).collect();
    if texts.is_empty() {
        return Ok(no_strings());
    }
    call.strings(texts)
}

/// The text with every match replaced.
fn replaced(
    call: &Call<'_>,
    pattern: &Pattern,
    mut replacement: impl FnMut(&crate::pattern::Groups<'_>, &mut String),
) -> Outcome {
    let text = call.str(1);
    let mut result = String::with_capacity(text.len());
    let mut done = 0;
    for groups in pattern.all_groups(&text) {
        let Some(range) = groups.range(0) else {
            continue;
        };
        result.push_str(&text[done..range.start]);
        let before = result.len();
        replacement(&groups, &mut result);
        call.budget.text(result.len() - before)?;
        done = range.end;
    }
    result.push_str(&text[done..]);
    call.string(result)
}

fn replace_all(call: &Call<'_>) -> Outcome {
    let pattern = compiled(call)?;
    let template = ExtractTemplate::new(&call.str(2));
    replaced(call, &pattern, |groups, result| {
        template.expand(&pattern, groups, result);
    })
}

fn replace_literal(call: &Call<'_>) -> Outcome {
    let pattern = compiled(call)?;
    let literal = call.str(2);
    replaced(call, &pattern, |_, result| result.push_str(&literal))
}

fn split(call: &Call<'_>) -> Outcome {
    let (pattern, text, most) = (compiled(call)?, call.str(1), most(call.int(2)));
    if most == 0 {
        return Ok(no_strings());
    }
    if text.is_empty() && !pattern.as_str().is_empty() {
        return call.strings([""]);
    }
    let mut parts = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for groups in pattern.all_groups(&text).take(most) {
        let Some(range) = groups.range(0) else {
            continue;
        };
        if parts.len() + 1 == most {
            break;
        }
        end = range.start;
        if range.end != 0 {
            parts.push(&text[begin..end]);
        }
        begin = range.end;
    }
    if end != text.len() {
        parts.push(&text[begin..]);
    }
    call.strings(parts)
}

//! Paths with slashes. The functions for the system's own paths are those of Linux, so that a
//! template gives the same text everywhere.

use super::{Call, Function, Outcome};
use crate::template::value::Parameter::String as Str;
use crate::template::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("base", &[Str], base),
    Function::new("osBase", &[Str], base),
    Function::new("dir", &[Str], dir),
    Function::new("osDir", &[Str], dir),
    Function::new("clean", &[Str], |call| call.string(clean(call.text(0)))),
    Function::new("osClean", &[Str], |call| call.string(clean(call.text(0)))),
    Function::new("ext", &[Str], ext),
    Function::new("osExt", &[Str], ext),
    Function::new("isAbs", &[Str], is_absolute),
    Function::new("osIsAbs", &[Str], is_absolute),
];

fn base(call: &Call<'_>) -> Outcome {
    let path = call.text(0);
    if path.is_empty() {
        return call.string(".");
    }
    let end = path.iter().rposition(|byte| *byte != b'/');
    let Some(end) = end else {
        return call.string("/");
    };
    let path = &path[..=end];
    let start = path.iter().rposition(|byte| *byte == b'/');
    call.string(&path[start.map_or(0, |at| at + 1)..])
}

fn dir(call: &Call<'_>) -> Outcome {
    let path = call.text(0);
    let end = path.iter().rposition(|byte| *byte == b'/');
    call.string(clean(&path[..end.map_or(0, |at| at + 1)]))
}

fn ext(call: &Call<'_>) -> Outcome {
    let path = call.text(0);
    let name = path.iter().rposition(|byte| *byte == b'/');
    let name = &path[name.map_or(0, |at| at + 1)..];
    let dot = name.iter().rposition(|byte| *byte == b'.');
    call.string(dot.map_or(b"".as_slice(), |at| &name[at..]))
}

#[expect(clippy::unnecessary_wraps, reason = "an entry of the table")]
fn is_absolute(call: &Call<'_>) -> Outcome {
    Ok(Value::Bool(call.text(0).starts_with(b"/")))
}

/// The shortest path to the same place, by its text alone.
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join(b"/".as_slice());
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

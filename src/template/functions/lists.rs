//! Lists.

use super::compare::deep_equal;
use super::defaults::is_empty;
use super::{Call, Function, NIL_POINTER, Outcome, cast};
use crate::template::value::Parameter::{Any, Int};
use crate::template::value::{List, Type, Value, types};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("list", &[], Any, list),
    Function::variadic("tuple", &[], Any, list),
    Function::new("append", &[Any, Any], append),
    Function::new("mustAppend", &[Any, Any], append),
    Function::new("push", &[Any, Any], append),
    Function::new("mustPush", &[Any, Any], append),
    Function::new("prepend", &[Any, Any], prepend),
    Function::new("mustPrepend", &[Any, Any], prepend),
    Function::new("first", &[Any], first),
    Function::new("mustFirst", &[Any], first),
    Function::new("last", &[Any], last),
    Function::new("mustLast", &[Any], last),
    Function::new("rest", &[Any], rest),
    Function::new("mustRest", &[Any], rest),
    Function::new("initial", &[Any], initial),
    Function::new("mustInitial", &[Any], initial),
    Function::new("reverse", &[Any], reverse),
    Function::new("mustReverse", &[Any], reverse),
    Function::new("compact", &[Any], compact),
    Function::new("mustCompact", &[Any], compact),
    Function::new("uniq", &[Any], uniq),
    Function::new("mustUniq", &[Any], uniq),
    Function::new("has", &[Any, Any], has),
    Function::new("mustHas", &[Any, Any], has),
    Function::variadic("without", &[Any], Any, without),
    Function::variadic("mustWithout", &[Any], Any, without),
    Function::variadic("slice", &[Any], Any, slice),
    Function::variadic("mustSlice", &[Any], Any, slice),
    Function::new("chunk", &[Int, Any], chunk),
    Function::new("mustChunk", &[Int, Any], chunk),
    Function::variadic("concat", &[], Any, concat),
    Function::new("until", &[Int], |call| {
        let count = call.int(0);
        until_step(call, 0, count, if count < 0 { -1 } else { 1 })
    }),
    Function::new("untilStep", &[Int, Int, Int], |call| {
        until_step(call, call.int(0), call.int(1), call.int(2))
    }),
    Function::variadic("seq", &[], Int, seq),
];

/// The elements of a list, or the complaint that it is none.
fn elements<'c>(value: &'c Value, complaint: &str) -> Result<&'c [Value], String> {
    match value {
        Value::List(list) => Ok(list.values()),
        Value::Nil => Err(NIL_POINTER.to_owned()),
        other => {
            let kind = other.go_type().map_or("invalid", Type::kind_name);
            Err(format!("{complaint} {kind}"))
        }
    }
}

fn nil_list() -> Value {
    Value::List(List::nil(&types::LIST))
}

fn list(call: &Call<'_>) -> Outcome {
    call.any_list(call.values(0).cloned().collect())
}

fn append(call: &Call<'_>) -> Outcome {
    let mut values = elements(call.value(0), "Cannot push on type")?.to_vec();
    values.push(call.value(1).clone());
    call.any_list(values)
}

fn prepend(call: &Call<'_>) -> Outcome {
    let values = elements(call.value(0), "Cannot prepend on type")?;
    let first = std::iter::once(call.value(1));
    call.any_list(first.chain(values).cloned().collect())
}

fn first(call: &Call<'_>) -> Outcome {
    let values = elements(call.value(0), "Cannot find first on type")?;
    Ok(values.first().cloned().unwrap_or(Value::Nil))
}

fn last(call: &Call<'_>) -> Outcome {
    let values = elements(call.value(0), "Cannot find last on type")?;
    Ok(values.last().cloned().unwrap_or(Value::Nil))
}

fn rest(call: &Call<'_>) -> Outcome {
    match elements(call.value(0), "Cannot find rest on type")? {
        [] => Ok(nil_list()),
        [_, rest @ ..] => call.any_list(rest.to_vec()),
    }
}

fn initial(call: &Call<'_>) -> Outcome {
    match elements(call.value(0), "Cannot find initial on type")? {
        [] => Ok(nil_list()),
        [initial @ .., _] => call.any_list(initial.to_vec()),
    }
}

fn reverse(call: &Call<'_>) -> Outcome {
    let values = elements(call.value(0), "Cannot find reverse on type")?;
    call.any_list(values.iter().rev().cloned().collect())
}

fn compact(call: &Call<'_>) -> Outcome {
    let values = elements(call.value(0), "Cannot compact on type")?;
    let kept = values.iter().filter(|value| !is_empty(value));
    call.any_list(kept.cloned().collect())
}

fn contains(call: &Call<'_>, values: &[Value], wanted: &Value) -> Result<bool, String> {
    call.budget.spend(values.len() / 8)?;
    for value in values {
        if deep_equal(wanted, value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(call: &Call<'_>) -> Outcome {
    let mut kept = Vec::new();
    for value in elements(call.value(0), "Cannot find uniq on type")? {
        if !contains(call, &kept, value)? {
            kept.push(value.clone());
        }
    }
    call.any_list(kept)
}

fn has(call: &Call<'_>) -> Outcome {
    if call.value(1).is_nil() {
        return Ok(Value::Bool(false));
    }
    let values = elements(call.value(1), "Cannot find has on type")?;
    contains(call, values, call.value(0)).map(Value::Bool)
}

fn without(call: &Call<'_>) -> Outcome {
    let omitted: Vec<Value> = call.values(1).cloned().collect();
    let mut kept = Vec::new();
    for value in elements(call.value(0), "Cannot find without on type")? {
        if !contains(call, &omitted, value)? {
            kept.push(value.clone());
        }
    }
    call.any_list(kept)
}

fn slice(call: &Call<'_>) -> Outcome {
    let Value::List(list) = call.value(0) else {
        elements(call.value(0), "list should be type of slice or array but")?;
        return Ok(Value::Nil);
    };
    let values = list.values();
    if values.is_empty() {
        return Ok(Value::Nil);
    }
    let bound = |index: usize, default: usize| {
        if call.len() <= index {
            return Some(default);
        }
        usize::try_from(cast::integer(call.value(index))).ok()
    };
    let range = bound(1, 0).zip(bound(2, values.len()));
    let part = range.and_then(|(from, to)| values.get(from..to));
    let part = part.ok_or("reflect.Value.Slice: slice index out of bounds")?;
    call.list(list.go_type(), part.to_vec())
}

/// Lists of a size; the arithmetic is Go's, in floats.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lists are far shorter than what a float can count"
)]
fn chunk(call: &Call<'_>) -> Outcome {
    let values = elements(call.value(1), "Cannot chunk type")?;
    let size = call.int(0);
    let length = values.len() as f64;
    let count = ((length - 1.0) / size as f64).floor() + 1.0;
    if !(0.0..=length.max(1.0)).contains(&count) {
        return Err("runtime error: makeslice: len out of range".to_owned());
    }
    let chunks: Vec<&[Value]> = match usize::try_from(size) {
        _ if count == 0.0 => Vec::new(),
        Ok(size) => values.chunks(size.max(1)).collect(),
        // The one chunk would have the size itself.
        Err(_) if values.is_empty() => {
            return Err("runtime error: makeslice: len out of range".to_owned());
        }
        Err(_) => vec![&values[..(length % size as f64) as usize]],
    };
    let chunks: Result<Vec<Value>, String> = chunks
        .into_iter()
        .map(|chunk| call.any_list(chunk.to_vec()))
        .collect();
    call.list(&types::LISTS, chunks?)
}

fn concat(call: &Call<'_>) -> Outcome {
    let mut all = Vec::new();
    let mut any = false;
    for value in call.values(0) {
        match value {
            Value::List(list) => all.extend_from_slice(list.values()),
            Value::Nil => return Err(NIL_POINTER.to_owned()),
            other => {
                let kind = other.go_type().map_or("invalid", Type::kind_name);
                return Err(format!("Cannot concat type {kind} as list"));
            }
        }
        any |= !all.is_empty();
    }
    if any {
        call.any_list(all)
    } else {
        Ok(nil_list())
    }
}

/// The numbers from one up or down to another, as far as the step leads there.
fn steps(call: &Call<'_>, start: i64, end: i64, step: i64) -> Result<Vec<i64>, String> {
    if (end < start && step >= 0) || (end >= start && step <= 0) {
        return Ok(Vec::new());
    }
    let count = start.abs_diff(end).div_ceil(step.unsigned_abs());
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    drop(call.budget.elements(count)?);
    let mut numbers = Vec::with_capacity(count);
    let mut number = start;
    for _ in 0..count {
        numbers.push(number);
        number = number.wrapping_add(step);
    }
    Ok(numbers)
}

fn until_step(call: &Call<'_>, start: i64, end: i64, step: i64) -> Outcome {
    let numbers = steps(call, start, end, step)?;
    call.list(&types::INTS, numbers.into_iter().map(Value::int).collect())
}

/// The numbers of `seq` of the shell, in one text.
fn seq(call: &Call<'_>) -> Outcome {
    let (start, step, end) = match call.len() {
        1 => (1, None, call.int(0)),
        2 => (call.int(0), None, call.int(1)),
        3 => (call.int(0), Some(call.int(1)), call.int(2)),
        _ => return call.string(""),
    };
    let direction = if end < start { -1 } else { 1 };
    if end < start && step.is_some_and(|step| step > 0) {
        return call.string("");
    }
    let step = step.unwrap_or(direction);
    let numbers = steps(call, start, end.wrapping_add(direction), step)?;
    let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    call.string(texts.join(" "))
}

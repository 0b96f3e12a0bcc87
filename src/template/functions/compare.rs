//! `eq`, `lt` and their relatives, and `reflect.DeepEqual`.

use std::cmp::Ordering;
use std::rc::Rc;

use super::{Call, Function, Outcome};
use crate::template::fmt;
use crate::template::value::Parameter::Reflect;
use crate::template::value::{Kind, NESTING_LIMIT, Object, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("eq", &[Reflect], Reflect, eq),
    Function::new("ne", &[Reflect, Reflect], |call| {
        let equal = equal(call, call.value(0), call.value(1))?;
        Ok(Value::Bool(!equal))
    }),
    Function::new("lt", &[Reflect, Reflect], |call| {
        Ok(Value::Bool(less(call.value(0), call.value(1))?))
    }),
    Function::new("le", &[Reflect, Reflect], |call| {
        let less = less(call.value(0), call.value(1))?;
        let equal = less || equal(call, call.value(0), call.value(1))?;
        Ok(Value::Bool(equal))
    }),
    Function::new("gt", &[Reflect, Reflect], |call| {
        let less = less(call.value(0), call.value(1))?;
        let equal = less || equal(call, call.value(0), call.value(1))?;
        Ok(Value::Bool(!equal))
    }),
    Function::new("ge", &[Reflect, Reflect], |call| {
        Ok(Value::Bool(!less(call.value(0), call.value(1))?))
    }),
];

fn eq(call: &Call<'_>) -> Outcome {
    if call.len() < 2 {
        check_comparable(call, call.value(0))?;
        return Err("missing argument for comparison".to_owned());
    }
    for other in call.values(1) {
        if equal(call, call.value(0), other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn incompatible(left: &Value, right: &Value) -> String {
    format!(
        "incompatible types for comparison: {} and {}",
        left.type_name(),
        right.type_name()
    )
}

/// Equal as `eq` finds it. Integers compare across their sizes and signs, nothing else across types.
fn equal(call: &Call<'_>, left: &Value, right: &Value) -> Result<bool, String> {
    check_comparable(call, left)?;
    #[expect(clippy::float_cmp, reason = "Go compares exactly")]
    Ok(match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Nil, _) | (_, Value::Nil) => false,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Signed(left, _), Value::Signed(right, _)) => left == right,
        (Value::Unsigned(left, _), Value::Unsigned(right, _)) => left == right,
        (Value::Signed(signed, _), Value::Unsigned(unsigned, _))
        | (Value::Unsigned(unsigned, _), Value::Signed(signed, _)) => {
            u64::try_from(*signed).is_ok_and(|signed| signed == *unsigned)
        }
        (Value::Float(_) | Value::Float32(_), Value::Float(_) | Value::Float32(_)) => {
            double(left) == double(right)
        }
        (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
        (Value::String(left), Value::String(right)) => left == right,
        _ => {
            if is_basic(left) || is_basic(right) {
                return Err(incompatible(left, right));
            }
            check_comparable(call, right)?;
            match (left, right) {
                (Value::Object(left), Value::Object(right)) => same_object(left, right),
                _ => false,
            }
        }
    })
}

fn is_basic(value: &Value) -> bool {
    !matches!(
        value,
        Value::Nil | Value::List(_) | Value::Dict(_) | Value::Map(_) | Value::Object(_)
    )
}

fn double(value: &Value) -> f64 {
    match value {
        Value::Float(value) => *value,
        Value::Float32(value) => (*value).into(),
        _ => f64::NAN,
    }
}

fn is_comparable(value: &Value) -> bool {
    match value {
        Value::List(_) | Value::Dict(_) | Value::Map(_) => false,
        Value::Object(object) => {
            object.go_type().kind() == Kind::Pointer
                || object
                    .fields()
                    .iter()
                    .all(|(_, field)| is_comparable(field))
        }
        _ => true,
    }
}

fn check_comparable(call: &Call<'_>, value: &Value) -> Result<(), String> {
    if is_comparable(value) {
        return Ok(());
    }
    let shown = fmt::printf(b"%s", &[value], call.budget.text_left())?;
    let shown = String::from_utf8_lossy(&shown).into_owned();
    Err(format!(
        "non-comparable type {shown}: {}",
        value.type_name()
    ))
}

/// Pointers are equal when they point to the same object, structs when their fields are.
fn same_object(left: &Rc<dyn Object>, right: &Rc<dyn Object>) -> bool {
    if left.go_type() != right.go_type() {
        return false;
    }
    if left.go_type().kind() == Kind::Pointer {
        return Rc::ptr_eq(left, right);
    }
    deep_fields(left.as_ref(), right.as_ref(), 0).unwrap_or(false)
}

fn less(left: &Value, right: &Value) -> Result<bool, String> {
    let invalid = || "invalid type for comparison".to_owned();
    let orderable = |value: &Value| is_basic(value) && !matches!(value, Value::Nil);
    if !orderable(left) || !orderable(right) {
        return Err(invalid());
    }
    let order = match (left, right) {
        (Value::Signed(left, _), Value::Signed(right, _)) => left.cmp(right),
        (Value::Unsigned(left, _), Value::Unsigned(right, _)) => left.cmp(right),
        (Value::Signed(left, _), Value::Unsigned(right, _)) => {
            i128::from(*left).cmp(&i128::from(*right))
        }
        (Value::Unsigned(left, _), Value::Signed(right, _)) => {
            i128::from(*left).cmp(&i128::from(*right))
        }
        (Value::Float(_) | Value::Float32(_), Value::Float(_) | Value::Float32(_)) => {
            return Ok(double(left) < double(right));
        }
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(_), Value::Bool(_)) | (Value::Complex(..), Value::Complex(..)) => {
            return Err(invalid());
        }
        _ => return Err(incompatible(left, right)),
    };
    Ok(order == Ordering::Less)
}

/// `reflect.DeepEqual`: the same types and values all the way down.
pub(super) fn deep_equal(left: &Value, right: &Value) -> Result<bool, String> {
    deep(left, right, 0)
}

fn deep(left: &Value, right: &Value, depth: usize) -> Result<bool, String> {
    if depth > NESTING_LIMIT {
        return Err("the values are nested too deeply to be compared".to_owned());
    }
    if left.go_type() != right.go_type() {
        return Ok(false);
    }
    #[expect(clippy::float_cmp, reason = "Go compares exactly")]
    Ok(match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Signed(left, _), Value::Signed(right, _)) => left == right,
        (Value::Unsigned(left, _), Value::Unsigned(right, _)) => left == right,
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::Float32(left), Value::Float32(right)) => left == right,
        (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
        (Value::String(left), Value::String(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            left.is_nil() == right.is_nil()
                && all_deep(left.values().iter(), right.values().iter(), depth)?
        }
        (Value::Dict(left), Value::Dict(right)) => {
            if left.is(right) {
                return Ok(true);
            }
            let (first, second) = (left.entries(), right.entries());
            left.is_nil() == right.is_nil()
                && first
                    .iter()
                    .map(|(key, _)| key)
                    .eq(second.iter().map(|(key, _)| key))
                && all_deep(
                    first.iter().map(|(_, value)| value),
                    second.iter().map(|(_, value)| value),
                    depth,
                )?
        }
        (Value::Map(left), Value::Map(right)) => {
            let (first, second) = (left.entries(), right.entries());
            left.is_nil() == right.is_nil()
                && all_deep(
                    first.iter().flat_map(|(key, value)| [key, value]),
                    second.iter().flat_map(|(key, value)| [key, value]),
                    depth,
                )?
        }
        (Value::Object(left), Value::Object(right)) => {
            deep_fields(left.as_ref(), right.as_ref(), depth)?
        }
        _ => false,
    })
}

fn all_deep<'v>(
    mut left: impl Iterator<Item = &'v Value>,
    mut right: impl Iterator<Item = &'v Value>,
    depth: usize,
) -> Result<bool, String> {
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ok(true),
            (Some(left), Some(right)) if deep(left, right, depth + 1)? => {}
            _ => return Ok(false),
        }
    }
}

fn deep_fields(left: &dyn Object, right: &dyn Object, depth: usize) -> Result<bool, String> {
    let (left, right) = (left.fields(), right.fields());
    let values = |fields: &[(&'static str, Value)]| -> Vec<Value> {
        fields.iter().map(|(_, value)| value.clone()).collect()
    };
    all_deep(values(&left).iter(), values(&right).iter(), depth)
}

//! Integers and floats.

use super::cast::{float, integer};
use super::{Call, Function, Outcome};
use crate::template::fmt;
use crate::template::value::Parameter::{Any, Float, Int, String as Str};
use crate::template::value::Value;

const BY_ZERO: &str = "runtime error: integer divide by zero";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("add", &[], Any, |call| fold(call, 0, i64::wrapping_add)),
    Function::new("add1", &[Any], |call| {
        Ok(Value::int64(integer(call.value(0)).wrapping_add(1)))
    }),
    Function::new("sub", &[Any, Any], |call| {
        let (left, right) = pair(call);
        Ok(Value::int64(left.wrapping_sub(right)))
    }),
    Function::new("div", &[Any, Any], |call| match pair(call) {
        (_, 0) => Err(BY_ZERO.to_owned()),
        (left, right) => Ok(Value::int64(left.wrapping_div(right))),
    }),
    Function::new("mod", &[Any, Any], |call| match pair(call) {
        (_, 0) => Err(BY_ZERO.to_owned()),
        (left, right) => Ok(Value::int64(left.wrapping_rem(right))),
    }),
    Function::variadic("mul", &[Any], Any, |call| fold(call, 1, i64::wrapping_mul)),
    Function::variadic("max", &[Any], Any, |call| fold(call, i64::MIN, i64::max)),
    Function::variadic("biggest", &[Any], Any, |call| {
        fold(call, i64::MIN, i64::max)
    }),
    Function::variadic("min", &[Any], Any, |call| fold(call, i64::MAX, i64::min)),
    Function::variadic("maxf", &[Any], Any, |call| {
        fold_floats(call, |a, b| if a > b { a } else { b })
    }),
    Function::variadic("minf", &[Any], Any, |call| {
        fold_floats(call, |a, b| if a < b { a } else { b })
    }),
    Function::new("ceil", &[Any], |call| {
        Ok(Value::Float(float(call.value(0)).ceil()))
    }),
    Function::new("floor", &[Any], |call| {
        Ok(Value::Float(float(call.value(0)).floor()))
    }),
    Function::variadic("round", &[Any, Int], Float, round),
    Function::new("int", &[Any], |call| Ok(Value::int(integer(call.value(0))))),
    Function::new("int64", &[Any], |call| {
        Ok(Value::int64(integer(call.value(0))))
    }),
    Function::new("float64", &[Any], |call| {
        Ok(Value::Float(float(call.value(0))))
    }),
    Function::new("atoi", &[Str], |call| {
        Ok(Value::int(clamped(&call.str(0), 10)))
    }),
    Function::new("toDecimal", &[Any], |call| {
        let text = fmt::plain(call.value(0), call.budget.text_left())?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(Value::int64(clamped(&text, 8)))
    }),
];

fn pair(call: &Call<'_>) -> (i64, i64) {
    (integer(call.value(0)), integer(call.value(1)))
}

fn fold(call: &Call<'_>, start: i64, step: fn(i64, i64) -> i64) -> Outcome {
    Ok(Value::int64(call.values(0).map(integer).fold(start, step)))
}

/// Not-a-number wins over every number.
fn fold_floats(call: &Call<'_>, step: fn(f64, f64) -> f64) -> Outcome {
    let start = float(call.value(0));
    let result = call.values(1).map(float).fold(start, |left, right| {
        if left.is_nan() || right.is_nan() {
            f64::NAN
        } else {
            step(left, right)
        }
    });
    Ok(Value::Float(result))
}

/// Up from the threshold on, by the signed fraction: below zero nothing but whole numbers is up.
fn round(call: &Call<'_>) -> Outcome {
    let threshold = if call.len() > 2 {
        float(call.value(2))
    } else {
        0.5
    };
    let power = 10_f64.powf(float(call.value(1)));
    let digit = power * float(call.value(0));
    let rounded = if digit.fract() >= threshold {
        digit.ceil()
    } else {
        digit.floor()
    };
    Ok(Value::Float(rounded / power))
}

/// `strconv.ParseInt` without a look at its error: what is too great is the greatest.
fn clamped(text: &str, radix: u32) -> i64 {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return 0;
    }
    i64::from_str_radix(text, radix).unwrap_or(if text.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    })
}

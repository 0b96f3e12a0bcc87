//! Defaults, conditions, and questions about types.

use super::{Function, compare};
use crate::template::value::Parameter::{Any, Bool, String as Str};
use crate::template::value::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("default", &[Any], Any, |call| {
        let given = call.value(1);
        Ok(if call.len() < 2 || is_empty(given) {
            call.value(0).clone()
        } else {
            given.clone()
        })
    }),
    Function::new("empty", &[Any], |call| {
        Ok(Value::Bool(is_empty(call.value(0))))
    }),
    Function::variadic("coalesce", &[], Any, |call| {
        let found = call.values(0).find(|value| !is_empty(value));
        Ok(found.cloned().unwrap_or(Value::Nil))
    }),
    Function::variadic("all", &[], Any, |call| {
        Ok(Value::Bool(!call.values(0).any(is_empty)))
    }),
    Function::variadic("any", &[], Any, |call| {
        Ok(Value::Bool(!call.values(0).all(is_empty)))
    }),
    Function::new("ternary", &[Any, Any, Bool], |call| {
        Ok(call.value(usize::from(!call.value(2).truth())).clone())
    }),
    Function::new("typeOf", &[Any], |call| {
        call.string(call.value(0).type_name())
    }),
    Function::new("typeIs", &[Str, Any], |call| {
        Ok(Value::Bool(call.str(0) == call.value(1).type_name()))
    }),
    Function::new("typeIsLike", &[Str, Any], |call| {
        let name = call.value(1).type_name();
        let wanted = call.str(0);
        let pointed = name.strip_prefix('*') == Some(&wanted);
        Ok(Value::Bool(wanted == name || pointed))
    }),
    Function::new("kindOf", &[Any], |call| call.string(kind(call.value(0)))),
    Function::new("kindIs", &[Str, Any], |call| {
        Ok(Value::Bool(call.str(0) == kind(call.value(1))))
    }),
    Function::new("deepEqual", &[Any, Any], |call| {
        compare::deep_equal(call.value(0), call.value(1)).map(Value::Bool)
    }),
];

/// Sprig's idea of empty: what is not true. Structs are never empty.
pub(super) fn is_empty(value: &Value) -> bool {
    !value.truth()
}

fn kind(value: &Value) -> &'static str {
    value.go_type().map_or("invalid", Type::kind_name)
}

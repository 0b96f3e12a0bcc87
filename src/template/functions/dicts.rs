//! Dictionaries, which `set`, `unset` and `merge` change in place.

use super::defaults::is_empty;
use super::{Call, Function, Outcome};
use crate::template::value::Parameter::{Any, Dict as Dictionary, String as Str};
use crate::template::value::{Dict, NESTING_LIMIT, Text, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("dict", &[], Any, dict),
    Function::new("get", &[Dictionary, Str], |call| {
        let found = call.dict(0).get(call.text(1));
        Ok(found.unwrap_or_else(|| Value::from("")))
    }),
    Function::new("set", &[Dictionary, Str, Any], set),
    Function::new("unset", &[Dictionary, Str], |call| {
        call.dict(0).remove(call.text(1));
        Ok(call.value(0).clone())
    }),
    Function::new("hasKey", &[Dictionary, Str], |call| {
        Ok(Value::Bool(call.dict(0).get(call.text(1)).is_some()))
    }),
    Function::variadic("keys", &[], Dictionary, |call| {
        call.strings(entries(call, 0).map(|(key, _)| key))
    }),
    Function::new("values", &[Dictionary], |call| {
        call.any_list(entries(call, 0).map(|(_, value)| value).collect())
    }),
    Function::variadic("pluck", &[Str], Dictionary, |call| {
        let key = call.text(0);
        let dicts = (1..call.len()).map(|index| call.dict(index));
        call.any_list(dicts.filter_map(|dict| dict.get(key)).collect())
    }),
    Function::variadic("pick", &[Dictionary], Str, |call| {
        let kept = call.dict(0).entries().into_iter();
        call.new_dict(kept.filter(|(key, _)| is_named(call, key)).collect())
    }),
    Function::variadic("omit", &[Dictionary], Str, |call| {
        let kept = call.dict(0).entries().into_iter();
        call.new_dict(kept.filter(|(key, _)| !is_named(call, key)).collect())
    }),
    Function::variadic("dig", &[], Any, dig),
    Function::variadic("merge", &[Dictionary], Dictionary, |call| {
        merge_all(call, false)
    }),
    Function::variadic("mustMerge", &[Dictionary], Dictionary, |call| {
        merge_all(call, false)
    }),
    Function::variadic("mergeOverwrite", &[Dictionary], Dictionary, |call| {
        merge_all(call, true)
    }),
    Function::variadic("mustMergeOverwrite", &[Dictionary], Dictionary, |call| {
        merge_all(call, true)
    }),
    Function::new("deepCopy", &[Any], deep_copy),
    Function::new("mustDeepCopy", &[Any], deep_copy),
];

/// The entries of all dictionaries from an argument on.
fn entries(call: &Call<'_>, from: usize) -> impl Iterator<Item = (Text, Value)> {
    (from..call.len()).flat_map(move |index| call.dict(index).entries())
}

fn is_named(call: &Call<'_>, key: &Text) -> bool {
    call.values(1)
        .any(|name| matches!(name, Value::String(name) if name == key))
}

fn dict(call: &Call<'_>) -> Outcome {
    let values: Vec<&Value> = call.values(0).collect();
    let mut entries = Vec::with_capacity(values.len() / 2);
    for pair in values.chunks(2) {
        let key = Text::from(call.shown(pair[0])?);
        let value = pair
            .get(1)
            .map_or_else(|| Value::from(""), |v| (*v).clone());
        entries.push((key, value));
    }
    call.new_dict(entries)
}

fn set(call: &Call<'_>) -> Outcome {
    let dict = call.dict(0);
    put(call, &dict, Text::from(call.text(1)), call.value(2).clone())?;
    Ok(Value::Dict(dict))
}

fn put(call: &Call<'_>, dict: &Dict, key: Text, value: Value) -> Result<(), String> {
    if dict.get(&key).is_none() {
        dict.keep(call.budget.elements(2)?);
    }
    if dict.set(key, value) {
        Ok(())
    } else {
        Err("assignment to entry in nil map".to_owned())
    }
}

fn dig(call: &Call<'_>) -> Outcome {
    let values: Vec<&Value> = call.values(0).collect();
    let [path @ .., default, root] = values.as_slice() else {
        return Err("dig needs at least three arguments".to_owned());
    };
    if path.is_empty() {
        return Err("dig needs at least three arguments".to_owned());
    }
    let root = as_dict(root)?;
    let path: Result<Vec<&Text>, String> = path
        .iter()
        .map(|key| match key {
            Value::String(key) => Ok(key),
            other => Err(conversion(other, "string")),
        })
        .collect();
    let mut found = Value::Dict(root);
    for key in path? {
        match as_dict(&found)?.get(key) {
            Some(value) => found = value,
            None => return Ok((*default).clone()),
        }
    }
    Ok(found)
}

fn as_dict(value: &Value) -> Result<Dict, String> {
    match value {
        Value::Dict(dict) => Ok(dict.clone()),
        other => Err(conversion(other, "map[string]interface {}")),
    }
}

fn conversion(value: &Value, wanted: &str) -> String {
    let name = value.go_type().map_or("nil", |go_type| go_type.name());
    format!("interface conversion: interface {{}} is {name}, not {wanted}")
}

fn merge_all(call: &Call<'_>, overwrite: bool) -> Outcome {
    let mut target = call.dict(0);
    if target.is_nil() {
        target = Dict::new([]);
    }
    for index in 1..call.len() {
        merge(call, &target, &call.dict(index), overwrite, 0)?;
    }
    Ok(Value::Dict(target))
}

/// mergo's way: dictionaries are merged, everything else is replaced when it is empty or when later
/// ones win.
fn merge(
    call: &Call<'_>,
    target: &Dict,
    source: &Dict,
    overwrite: bool,
    depth: usize,
) -> Result<(), String> {
    if depth > NESTING_LIMIT {
        return Err("the values are nested too deeply to be merged".to_owned());
    }
    call.budget.spend(source.len())?;
    for (key, value) in source.entries() {
        let old = target.get(&key);
        match (&value, &old) {
            (Value::Nil, _) if !overwrite => continue,
            (Value::Dict(inner), Some(Value::Dict(old))) => {
                merge(call, old, inner, overwrite, depth + 1)?;
                continue;
            }
            _ => {}
        }
        if overwrite || old.as_ref().is_none_or(is_empty) {
            put(call, target, key, value)?;
        }
    }
    Ok(())
}

fn deep_copy(call: &Call<'_>) -> Outcome {
    if call.value(0).is_nil() {
        return Err("reflect: call of reflect.Value.Type on zero Value".to_owned());
    }
    copied(call, call.value(0), 0)
}

fn copied(call: &Call<'_>, value: &Value, depth: usize) -> Outcome {
    if depth > NESTING_LIMIT {
        return Err("the value is nested too deeply to be copied".to_owned());
    }
    match value {
        Value::Dict(dict) => {
            let mut entries = dict.entries();
            for (_, value) in &mut entries {
                *value = copied(call, value, depth + 1)?;
            }
            call.new_dict(entries)
        }
        Value::List(list) if !list.is_nil() => {
            let values: Result<Vec<Value>, String> = list
                .values()
                .iter()
                .map(|value| copied(call, value, depth + 1))
                .collect();
            call.list(list.go_type(), values?)
        }
        other => Ok(other.clone()),
    }
}

//! The objects of a scenario, as values.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::scenario::{Key, Scenario, entries};

/// The documents of a YAML text.
pub fn documents(text: &str) -> Result<Vec<Value>, String> {
    let mut parts = vec![String::new()];
    for line in text.lines() {
        let line = &quoted(line);
        if line.trim_end() == "---" {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    parts
        .iter()
        .filter(|part| !part.trim().is_empty())
        .map(|part| serde_saphyr::from_str(part).map_err(|error| format!("objects.yaml: {error}")))
        .collect()
}

/// A row of digits that begins with a zero and is no octal number is a text in YAML 1.1, and was one
/// to the recorder.
fn quoted(line: &str) -> String {
    match line.split_once(": ") {
        Some((key, value))
            if value.starts_with('0')
                && value.contains(['8', '9'])
                && value.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            format!("{key}: \"{value}\"")
        }
        _ => line.to_owned(),
    }
}

/// Kind, namespace and name of an object.
pub fn key(object: &Value) -> Key {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        text(&object["kind"]),
        text(&object["metadata"]["namespace"]),
        text(&object["metadata"]["name"]),
    )
}

/// One YAML stream of objects; JSON is YAML.
pub fn stream(objects: &[Value]) -> String {
    objects
        .iter()
        .map(|object| format!("---\n{object:#}\n"))
        .collect()
}

/// The namespaces of the objects, with the labels that the scenario wants.
pub fn namespaces(scenario: &Scenario, objects: &[Value]) -> Vec<Value> {
    let mut labels: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for object in objects {
        labels.entry(key(object).1).or_default();
    }
    for (name, wanted) in entries(&scenario.document["namespaces"]) {
        let wanted = entries(wanted).map(|(key, value)| (key.clone(), value.clone()));
        labels.entry(name.clone()).or_default().extend(wanted);
    }
    labels
        .into_iter()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, labels)| {
            json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": labels}})
        })
        .collect()
}

/// Whether a `patch` action concerns this object.
pub fn is_target(action: &Value, object: &Value) -> bool {
    let (kind, namespace, name) = key(object);
    action["kind"] == kind.as_str()
        && action["name"] == name.as_str()
        && action["namespace"].as_str().unwrap_or("flux-system") == namespace
}

/// RFC 7386.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(object) = target else {
        return;
    };
    for (name, value) in fields {
        if value.is_null() {
            object.remove(name);
        } else {
            merge(object.entry(name).or_insert(Value::Null), value);
        }
    }
}

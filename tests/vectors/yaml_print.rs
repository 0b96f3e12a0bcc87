//! Area `yaml-print`: one JSON value, and beside it the YAML that kubectl prints for it.

use std::fs;
use std::path::Path;

use kubectl_imageupdate::yaml;
use serde_json::{Value, json};

use crate::{Case, Verdict, expect};

/// The area's only case.
pub(crate) fn cases(path: &Path, document: &Value) -> Vec<Value> {
    let expected = fs::read_to_string(path.with_file_name("expected.yaml")).expect("expected.yaml");
    vec![json!({"name": "value", "value": document, "expected": expected})]
}

pub(crate) fn run(case: &Case<'_>) -> Option<Verdict> {
    let printed = yaml::print(&case.value["value"]);
    let lines = printed.lines().zip(case.text("expected").lines());
    for (at, (got, wanted)) in lines.enumerate() {
        if let Err(why) = expect(&format!("line {}", at + 1), &got, &wanted) {
            return Some(Verdict::Failed(why));
        }
    }
    Some(
        match expect("all", &printed.as_str(), &case.text("expected")) {
            Ok(()) => Verdict::Passed,
            Err(why) => Verdict::Failed(why),
        },
    )
}

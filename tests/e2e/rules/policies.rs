//! D13 and D14: what cannot be decided now is undecided, and nothing of it is written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Facts, Wanted};
use crate::compare::condition;
use crate::scenario::Key;

/// Undecided policies as `namespace:name`, with the rule.
pub type Undecided = BTreeMap<String, &'static str>;

/// Policies that decide nothing here although the controllers still offer what they chose before.
pub fn apply(wanted: &mut Wanted, facts: &Facts<'_>) -> Undecided {
    let mut undecided = Undecided::new();
    for key in wanted.keys("ImagePolicy") {
        let status = wanted.status(&key);
        if facts.object(&key)["spec"]["suspend"] == true || status["latestRef"].is_null() {
            continue;
        }
        let ready = is_ready(status);
        let Some(rule) = rule(wanted, facts, &key, ready) else {
            continue;
        };
        undecided.insert(format!("{}:{}", key.1, key.2), rule);
        if ready {
            for field in ["latestRef", "observedPreviousRef"] {
                wanted.put(rule, &key, field, facts.earlier(&key, field));
            }
            wanted.fail(rule, &key, "DependencyNotReady", &["no tags in database"]);
        }
    }
    for key in wanted.keys("ImageUpdateAutomation") {
        let mut observed = wanted.status(&key)["observedPolicies"].clone();
        let Some(fields) = observed.as_object_mut() else {
            continue;
        };
        for (name, rule) in &undecided {
            let own = name.strip_prefix(&format!("{}:", key.1));
            if own.is_some_and(|name| fields.remove(name).is_some()) {
                let left = if fields.is_empty() {
                    Value::Null
                } else {
                    Value::Object(fields.clone())
                };
                wanted.put(rule, &key, "observedPolicies", left);
            }
        }
    }
    undecided
}

/// Why a policy with a `latestRef` is undecided, if it is.
fn rule(wanted: &Wanted, facts: &Facts<'_>, policy: &Key, ready: bool) -> Option<&'static str> {
    let reference = &facts.object(policy)["spec"]["imageRepositoryRef"];
    let repository = (
        "ImageRepository".to_owned(),
        reference["namespace"]
            .as_str()
            .unwrap_or(&policy.1)
            .to_owned(),
        reference["name"].as_str().unwrap_or_default().to_owned(),
    );
    let object = facts.object(&repository);
    if object["spec"]["suspend"] == true {
        return Some("D14");
    }
    let scanned = is_ready(wanted.status(&repository));
    (!ready || !scanned).then_some("D13")
}

fn is_ready(status: &Value) -> bool {
    condition(status, "Ready").is_some_and(|condition| condition["status"] == "True")
}

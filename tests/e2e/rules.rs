//! The rules of `docs/compatibility.md`, as predicates over a scenario and its recorded answer.
//!
//! Each takes the recorded answer and puts what is expected here in its place, field by field; a
//! scenario's name is never looked at.

mod edits;
mod policies;
mod sources;
mod templates;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::compare::{Deviation, display};
use crate::objects::key;
use crate::scenario::{Commit, Expected, Key, ObjectStatus};
use crate::stage::Stage;

/// What the rules look at besides the recorded answer.
pub struct Facts<'f> {
    pub stage: &'f Stage,
    /// The objects of the phase, as they are without placeholders.
    pub objects: &'f [Value],
    /// Statuses before the phase, placeholders inside.
    pub statuses: &'f BTreeMap<Key, Value>,
    /// References before the phase, with labels.
    pub refs: &'f BTreeMap<String, String>,
}

impl Facts<'_> {
    /// The object of a status.
    fn object(&self, wanted: &Key) -> &Value {
        const NONE: &Value = &Value::Null;
        self.objects
            .iter()
            .find(|object| key(object) == *wanted)
            .unwrap_or(NONE)
    }

    /// A field of the status before the phase.
    fn earlier(&self, key: &Key, field: &str) -> Value {
        self.statuses
            .get(key)
            .map_or(Value::Null, |status| status[field].clone())
    }
}

/// The recorded answer after the rules: what is expected here.
pub struct Wanted {
    pub statuses: Vec<ObjectStatus>,
    pub refs: Option<BTreeMap<String, String>>,
    pub commits: Vec<Commit>,
    pub tree: BTreeMap<String, Vec<u8>>,
    pub deviations: Vec<Deviation>,
}

/// A field of a condition that lists what its message must name, in place of the message.
pub const NAMES: &str = "message names";

impl Wanted {
    pub fn new(expected: Expected, facts: &Facts<'_>) -> Self {
        let mut wanted = Self {
            statuses: expected.statuses,
            refs: expected.refs,
            commits: expected.commits,
            tree: expected.tree,
            deviations: Vec::new(),
        };
        let undecided = policies::apply(&mut wanted, facts);
        sources::apply(&mut wanted, facts);
        edits::apply(&mut wanted, facts, &undecided);
        templates::apply(&mut wanted, facts);
        wanted
    }

    /// Puts a value in place of a recorded one; the same value is no deviation. Null removes.
    fn put(&mut self, rule: &'static str, key: &Key, field: &str, value: Value) {
        let Some(object) = self.statuses.iter_mut().find(|object| object.key == *key) else {
            return;
        };
        if object.status[field] == value {
            return;
        }
        if value.is_null() {
            if let Some(fields) = object.status.as_object_mut() {
                fields.remove(field);
            }
        } else {
            object.status[field] = value;
        }
        self.deviations
            .push((rule, format!("{} status.{field}", display(key))));
    }

    /// Ends an object's run well.
    fn succeed(&mut self, rule: &'static str, key: &Key) {
        let ready = json!({"type": "Ready", "status": "True", "reason": "Succeeded",
            "message": "repository up-to-date"});
        self.end(rule, key, json!([ready]));
    }

    /// Fails an object's run, with what the message must name.
    fn fail(&mut self, rule: &'static str, key: &Key, reason: &str, names: &[&str]) {
        let ready = json!({"type": "Ready", "status": "False", "reason": reason, NAMES: names});
        let retry =
            json!({"type": "Reconciling", "status": "True", "reason": "ProgressingWithRetry"});
        self.end(rule, key, json!([ready, retry]));
    }

    fn end(&mut self, rule: &'static str, key: &Key, conditions: Value) {
        let Some(object) = self.statuses.iter_mut().find(|object| object.key == *key) else {
            return;
        };
        object.status["conditions"] = conditions;
        self.deviations
            .push((rule, format!("{} conditions", display(key))));
    }

    /// The keys of one kind, in order.
    fn keys(&self, kind: &str) -> Vec<Key> {
        self.statuses
            .iter()
            .filter(|object| object.key.0 == kind && object.rejected.is_none())
            .map(|object| object.key.clone())
            .collect()
    }

    /// The recorded status of an object.
    fn status(&self, key: &Key) -> &Value {
        const NONE: &Value = &Value::Null;
        self.statuses
            .iter()
            .find(|object| object.key == *key)
            .map_or(NONE, |object| &object.status)
    }

    /// Takes a commit away that is not made here: references go back, and so does what its
    /// automation would have noted of it.
    fn without_commit(&mut self, rule: &'static str, id: &str, facts: &Facts<'_>) {
        let Some(at) = self.commits.iter().position(|commit| commit.id == id) else {
            return;
        };
        let commit = self.commits.remove(at);
        self.deviations.push((rule, format!("commit {id}")));
        let parent = commit.headers.get("parents").cloned().unwrap_or_default();
        for other in &mut self.commits {
            for value in other.headers.values_mut() {
                if value == id {
                    value.clone_from(&parent);
                }
            }
        }
        for (name, value) in self.refs.iter_mut().flatten() {
            if value == id {
                // A reference that the commit began is not there.
                *value = facts.refs.get(name).cloned().unwrap_or_default();
            }
        }
        for refs in self.refs.iter_mut() {
            refs.retain(|_, value| !value.is_empty());
        }
        for key in self.keys("ImageUpdateAutomation") {
            let status = self.status(&key).clone();
            if status["lastPushCommit"] == id {
                for field in ["lastPushCommit", "lastPushTime"] {
                    self.put(rule, &key, field, facts.earlier(&key, field));
                }
            }
            if let Some(revision) = status["observedSourceRevision"].as_str() {
                let revision = revision.replace(id, &parent);
                self.put(rule, &key, "observedSourceRevision", json!(revision));
            }
        }
    }
}

//! The two ways a scenario's objects reach the program: in files, and in a cluster.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::objects::{is_target, key, merge, namespaces, stream};
use crate::scenario::{Key, Scenario, list};
use crate::support::program::{Answer, Program};

/// Statuses by object, and how the run ended.
pub struct Outcome {
    pub statuses: BTreeMap<Key, Value>,
    pub answer: Answer,
}

/// Where objects live.
pub trait Form {
    /// How reports name it.
    fn name(&self) -> &'static str;
    /// Puts the objects of a scenario there.
    fn load(&mut self, scenario: &Scenario, objects: &[Value]) -> Result<(), String>;
    /// Does a `patch` action, its placeholders filled in.
    fn patch(&mut self, action: &Value);
    /// One run over everything.
    fn reconcile(&mut self) -> Result<Outcome, String>;
    /// The objects as the next run will see them.
    fn objects(&self) -> Vec<Value>;
    /// The stored statuses.
    fn stored(&self) -> BTreeMap<Key, Value> {
        self.objects()
            .iter()
            .filter(|object| object["status"].is_object())
            .map(|object| (key(object), object["status"].clone()))
            .collect()
    }
    /// Replaces the stored status of an object.
    fn store_status(&mut self, key: &Key, status: &Value);
}

/// Objects in a file; their statuses come from the answer and go back into the file.
pub struct Files {
    program: Program,
    namespaces: Vec<Value>,
    objects: Vec<Value>,
}

impl Files {
    pub fn new() -> Self {
        Self {
            program: Program::new(),
            namespaces: Vec::new(),
            objects: Vec::new(),
        }
    }
}

impl Form for Files {
    fn name(&self) -> &'static str {
        "files"
    }

    fn load(&mut self, scenario: &Scenario, objects: &[Value]) -> Result<(), String> {
        self.namespaces = namespaces(scenario, objects);
        self.objects = objects.to_vec();
        Ok(())
    }

    fn patch(&mut self, action: &Value) {
        for object in &mut self.objects {
            if is_target(action, object) {
                merge(object, &action["merge"]);
            }
        }
    }

    fn reconcile(&mut self) -> Result<Outcome, String> {
        let all: Vec<Value> = self
            .namespaces
            .iter()
            .chain(&self.objects)
            .cloned()
            .collect();
        self.program.write("objects.yaml", &stream(&all));
        let answer = self
            .program
            .run(&["reconcile", "all", "-f", "objects.yaml", "-o", "json"]);
        let report: Value = serde_json::from_str(&answer.stdout).map_err(|error| {
            format!(
                "the answer is no JSON: {error}\n{}{}",
                answer.stdout, answer.stderr
            )
        })?;
        let statuses = statuses_of(&report);
        for (key, status) in &statuses {
            self.store_status(key, status);
        }
        Ok(Outcome { statuses, answer })
    }

    fn objects(&self) -> Vec<Value> {
        self.objects.clone()
    }

    fn store_status(&mut self, wanted: &Key, status: &Value) {
        for object in &mut self.objects {
            if key(object) == *wanted {
                object["status"] = status.clone();
            }
        }
    }
}

/// The statuses of a `reconcile -o json`.
pub fn statuses_of(report: &Value) -> BTreeMap<Key, Value> {
    let mut statuses = BTreeMap::new();
    for (field, kind) in [
        ("repositories", "ImageRepository"),
        ("policies", "ImagePolicy"),
        ("updates", "ImageUpdateAutomation"),
    ] {
        for item in list(&report[field]) {
            let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            let key = (kind.to_owned(), text("namespace"), text("name"));
            statuses.insert(key, item["status"].clone());
        }
    }
    statuses
}

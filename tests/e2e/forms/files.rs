//! Objects in a file; their statuses come from the answer and go back into the file.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Form, Outcome};
use crate::objects::{is_target, key, merge, namespaces, stream};
use crate::scenario::{Key, Scenario, list};
use crate::support::program::{Answer, Program};

/// A file of objects.
pub struct Files {
    program: Program,
    namespaces: Vec<Value>,
    objects: Vec<Value>,
    /// The scenario's own YAML, as long as nothing has changed.
    text: Option<String>,
}

impl Files {
    pub fn new() -> Self {
        Self {
            program: Program::new(),
            namespaces: Vec::new(),
            objects: Vec::new(),
            text: None,
        }
    }
}

impl Form for Files {
    fn is_shared(&self) -> bool {
        false
    }

    fn refuses(&mut self, _object: &Value) -> Option<String> {
        None
    }

    fn request(&mut self, _answers: &BTreeMap<Key, Value>) -> Option<Answer> {
        None
    }

    fn load(
        &mut self,
        scenario: &Scenario,
        objects: &[Value],
        text: Option<String>,
    ) -> Result<(), String> {
        self.text = text;
        self.namespaces = namespaces(scenario, objects);
        self.objects = objects.to_vec();
        Ok(())
    }

    fn patch(&mut self, action: &Value) {
        self.text = None;
        for object in &mut self.objects {
            if is_target(action, object) {
                merge(object, &action["merge"]);
            }
        }
    }

    fn reconcile(&mut self) -> Result<Outcome, String> {
        let objects = match &self.text {
            Some(text) => format!("---\n{text}\n"),
            None => stream(&self.objects),
        };
        let text = stream(&self.namespaces) + &objects;
        self.program.write("objects.yaml", &text);
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
        self.text = None;
        for object in &mut self.objects {
            if key(object) == *wanted {
                object["status"] = status.clone();
            }
        }
    }
}

/// The statuses of a `reconcile -o json`.
fn statuses_of(report: &Value) -> BTreeMap<Key, Value> {
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

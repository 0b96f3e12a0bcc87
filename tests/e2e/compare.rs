//! Compares what was recorded with what came out here, field by field.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cause;
use crate::observed::Observed;
use crate::rules::{NAMES, Wanted};
use crate::scenario::{Commit, Key, Scenario, entries, list};
use crate::stage::Stage;
use crate::yaml;

/// A rule of `docs/compatibility.md` and the field it changed.
pub type Deviation = (&'static str, String);

/// Differences and deviations of one phase.
#[derive(Default)]
pub struct Comparison {
    pub failures: Vec<String>,
    pub deviations: Vec<Deviation>,
}

/// Fields that `status.json` leaves out.
const LEFT_OUT: [&str; 3] = ["observedGeneration", "lastHandledReconcileAt", "conditions"];
/// Fields of which only the presence counts.
const TIMES: [&str; 3] = ["lastAutomationRunTime", "lastPushTime", "scanTime"];

pub fn compare(
    scenario: &Scenario,
    stage: &Stage,
    wanted: &Wanted,
    observed: &Observed,
) -> Comparison {
    let mut comparison = Comparison {
        deviations: wanted.deviations.clone(),
        ..Comparison::default()
    };
    comparison.statuses(wanted, observed);
    comparison.refs(wanted, observed);
    comparison.commits(scenario, wanted, observed);
    comparison.files(stage, wanted, observed);
    comparison.ending(scenario, wanted, observed);
    comparison
}

impl Comparison {
    /// Leaves out everything about statuses, where they are not this program's to write.
    pub fn forget_statuses(&mut self) {
        self.failures.retain(|text| !text.starts_with("Image"));
        self.deviations
            .retain(|(_, field)| !field.starts_with("Image"));
    }

    fn expect(&mut self, field: &str, got: &str, wanted: &str) {
        if got != wanted {
            self.failures
                .push(format!("{field}: got {got:?}, expected {wanted:?}"));
        }
    }

    fn statuses(&mut self, wanted: &Wanted, observed: &Observed) {
        for object in &wanted.statuses {
            if object.rejected.is_some() {
                continue;
            }
            let name = display(&object.key);
            match observed.statuses.get(&object.key) {
                Some(status) => self.status(&name, status, &object.status),
                None => self.failures.push(format!("{name}: no status")),
            }
        }
        let known = |key: &Key| wanted.statuses.iter().any(|object| object.key == *key);
        for key in observed.statuses.keys().filter(|key| !known(key)) {
            self.failures
                .push(format!("{}: not expected", display(key)));
        }
    }

    fn status(&mut self, name: &str, got: &Value, wanted: &Value) {
        let mut fields: Vec<&String> = entries(got)
            .chain(entries(wanted))
            .map(|(f, _)| f)
            .collect();
        fields.sort();
        fields.dedup();
        for field in fields {
            if !LEFT_OUT.contains(&field.as_str()) {
                self.value(
                    &format!("{name} status.{field}"),
                    &got[field],
                    &wanted[field],
                );
            }
        }
        for kind in ["Ready", "Stalled", "Reconciling"] {
            self.condition(
                &format!("{name} condition {kind}"),
                condition(got, kind),
                condition(wanted, kind),
            );
        }
    }

    fn value(&mut self, field: &str, got: &Value, wanted: &Value) {
        let last = field.rsplit('.').next().unwrap_or_default();
        if TIMES.contains(&last) {
            let time = |value: &Value| value.as_str().is_some_and(is_time);
            let both = time(got) && wanted.is_string();
            let neither = wanted.is_null() && got.is_null();
            if !both && !neither {
                self.expect(field, &got.to_string(), &wanted.to_string());
            }
        } else if got.is_object() && wanted.is_object() {
            let mut names: Vec<&String> = entries(got)
                .chain(entries(wanted))
                .map(|(n, _)| n)
                .collect();
            names.sort();
            names.dedup();
            for name in names {
                self.value(&format!("{field}.{name}"), &got[name], &wanted[name]);
            }
        } else {
            self.expect(field, &got.to_string(), &wanted.to_string());
        }
    }

    fn condition(&mut self, field: &str, got: Option<&Value>, wanted: Option<&Value>) {
        let (got, wanted) = match (got, wanted) {
            (None, None) => return,
            (Some(got), Some(wanted)) => (got, wanted),
            (got, wanted) => {
                let show = |value: Option<&Value>| {
                    value.map_or_else(|| "absent".to_owned(), Value::to_string)
                };
                self.expect(field, &show(got), &show(wanted));
                return;
            }
        };
        for part in ["status", "reason"] {
            self.expect(
                &format!("{field} {part}"),
                &got[part].to_string(),
                &wanted[part].to_string(),
            );
        }
        // The message of a run that goes on is progress, not part of the contract.
        if got["type"] != "Reconciling" {
            if let Some(names) = wanted.get(NAMES) {
                let message = got["message"].as_str().unwrap_or_default();
                for name in list(names).iter().filter_map(Value::as_str) {
                    if !message.contains(name) {
                        self.failures.push(format!(
                            "{field} message: {message:?} does not name {name:?}"
                        ));
                    }
                }
                return;
            }
            let [got, wanted] =
                [got, wanted].map(|condition| condition["message"].as_str().unwrap_or_default());
            if let Err(why) = cause::same(got, wanted) {
                self.failures.push(format!("{field} message: {why}"));
            }
        }
    }

    /// The exit code, and what the server's hooks said, which is relayed.
    fn ending(&mut self, scenario: &Scenario, wanted: &Wanted, observed: &Observed) {
        let failed = wanted.statuses.iter().any(|object| {
            condition(&object.status, "Ready").is_some_and(|ready| ready["status"] == "False")
        });
        let code = i32::from(failed);
        self.expect("exit code", &observed.code.to_string(), &code.to_string());
        for action in scenario.list("setup") {
            let message = action["message"].as_str().unwrap_or_default();
            if action["action"] == "reject-pushes" && !observed.errors.contains(message) {
                self.failures.push(format!(
                    "stderr does not relay {message:?}: {}",
                    observed.errors
                ));
            }
        }
    }

    fn refs(&mut self, wanted: &Wanted, observed: &Observed) {
        let Some(refs) = &wanted.refs else { return };
        if *refs != observed.refs {
            self.failures
                .push(format!("refs: got {:?}, expected {refs:?}", observed.refs));
        }
    }

    fn commits(&mut self, scenario: &Scenario, wanted: &Wanted, observed: &Observed) {
        for commit in &wanted.commits {
            match observed.commits.iter().find(|made| made.id == commit.id) {
                Some(made) => self.commit(scenario, made, commit),
                None => self
                    .failures
                    .push(format!("commit {}: not made", commit.id)),
            }
        }
        let known = |id: &str| wanted.commits.iter().any(|commit| commit.id == id);
        for made in observed.commits.iter().filter(|made| !known(&made.id)) {
            self.failures.push(format!(
                "commit {}: not expected; it changes {:?}",
                made.id,
                made.files()
            ));
        }
    }

    fn commit(&mut self, scenario: &Scenario, made: &Commit, wanted: &Commit) {
        for (name, value) in &wanted.headers {
            if name == "id" {
                continue;
            }
            let got = made.headers.get(name).map(String::as_str);
            self.expect(
                &format!("commit {} {name}", wanted.id),
                got.unwrap_or_default(),
                value,
            );
        }
        let field = format!("commit {} message", wanted.id);
        if !wanted.names.is_empty() {
            for name in wanted
                .names
                .iter()
                .filter(|name| !made.message.contains(*name))
            {
                self.failures.push(format!(
                    "{field}: {:?} does not name {name:?}",
                    made.message
                ));
            }
        } else if scenario.is_unordered("commit message lines") {
            let lines = |text: &str| {
                let mut lines: Vec<&str> = text.split('\n').collect();
                lines.sort_unstable();
                lines.join("\n")
            };
            self.expect(&field, &lines(&made.message), &lines(&wanted.message));
        } else {
            self.expect(&field, &made.message, &wanted.message);
        }
    }

    /// The changed files, byte for byte: the scalars that were recorded, in the formatting that the
    /// file had before.
    fn files(&mut self, stage: &Stage, wanted: &Wanted, observed: &Observed) {
        let mut last: BTreeMap<&str, &Commit> = BTreeMap::new();
        let commits: Vec<(&Commit, Vec<String>)> = wanted
            .commits
            .iter()
            .map(|commit| (commit, commit.files()))
            .collect();
        for (commit, files) in &commits {
            for file in files {
                last.insert(file, commit);
            }
        }
        for (path, commit) in last {
            let field = format!("tree/{path}");
            let change = observed.files.get(&(commit.id.clone(), path.to_owned()));
            let (Some(change), Some(recorded)) = (change, wanted.tree.get(path)) else {
                self.failures.push(format!("{field}: missing"));
                continue;
            };
            let recorded = stage.placeholders.fill_bytes(recorded);
            let spelled = match yaml::spell(&change.before, &recorded) {
                Ok(spelled) => spelled,
                Err(why) => {
                    self.failures.push(format!("{field}: {why}"));
                    continue;
                }
            };
            self.expect(
                &field,
                &String::from_utf8_lossy(&change.after),
                &String::from_utf8_lossy(&spelled),
            );
            if change.after == spelled && change.after != recorded {
                self.deviations.push(("D1", field));
            }
        }
    }
}

/// For messages.
pub fn display(key: &Key) -> String {
    format!("{} {}/{}", key.0, key.1, key.2)
}

/// A condition of a status.
pub fn condition<'s>(status: &'s Value, kind: &str) -> Option<&'s Value> {
    list(&status["conditions"])
        .iter()
        .find(|condition| condition["type"] == kind)
}

/// RFC 3339 in UTC with whole seconds, as Kubernetes stores times.
fn is_time(text: &str) -> bool {
    const SHAPE: &str = "0000-00-00T00:00:00Z";
    text.len() == SHAPE.len()
        && text.bytes().zip(SHAPE.bytes()).all(|(got, shape)| {
            if shape == b'0' {
                got.is_ascii_digit()
            } else {
                got == shape
            }
        })
}

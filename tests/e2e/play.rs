//! Plays a scenario in one form: its phases, then once more, then the controllers' own result.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::compare::{self, Comparison, Deviation, display};
use crate::forms::{Form, Outcome};
use crate::objects::{self, key};
use crate::observed;
use crate::rules::{Facts, Wanted};
use crate::scenario::{self, Expected, Key, Scenario};
use crate::stage::Stage;

/// What became of a scenario in one form.
#[derive(Default)]
pub struct Verdict {
    pub failures: Vec<String>,
    pub deviations: Vec<Deviation>,
}

impl Verdict {
    /// Nothing could be compared.
    pub fn failed(why: &str) -> Self {
        Self {
            failures: vec![why.to_owned()],
            ..Self::default()
        }
    }

    fn add(&mut self, place: &str, comparison: Comparison) {
        let at = |text: String| {
            if place.is_empty() {
                text
            } else {
                format!("{place}: {text}")
            }
        };
        self.failures
            .extend(comparison.failures.into_iter().map(at));
        self.deviations.extend(
            comparison
                .deviations
                .into_iter()
                .map(|(rule, field)| (rule, at(field))),
        );
    }
}

/// A scenario on its stage, between phases.
struct Run<'r> {
    scenario: &'r Scenario,
    stage: Stage,
    form: &'r mut dyn Form,
    /// Statuses, placeholders inside.
    statuses: BTreeMap<Key, Value>,
}

/// Plays everything there is to a scenario.
pub fn play(folder: &Path, form: &mut dyn Form) -> Result<Verdict, String> {
    let scenario = Scenario::load(folder)?;
    let mut verdict = Verdict::default();
    let mut run = Run::new(&scenario, form)?;
    let phases = scenario.list("phases");
    for phase in phases {
        let name = phase["name"].as_str().unwrap_or_default();
        let place = if phases.len() > 1 {
            format!("phase {name}")
        } else {
            String::new()
        };
        run.act(phase)?;
        verdict.add(&place, run.compare(scenario.expected(phase)?)?);
    }
    verdict.add("second run", run.again()?);
    verdict.add("after-state", after_state(&scenario, run.form)?);
    Ok(verdict)
}

/// With the controllers' own result as input a run makes no commit and changes no status.
fn after_state(scenario: &Scenario, form: &mut dyn Form) -> Result<Comparison, String> {
    let mut run = Run::new(scenario, form)?;
    let mut last = Expected::default();
    for phase in scenario.list("phases") {
        run.act(phase)?;
        last = scenario.expected(phase)?;
        for commit in &last.commits {
            run.stage.record(commit, &last.tree)?;
        }
        if let Some(refs) = &last.refs {
            run.stage.set_refs(refs);
        }
    }
    let mut recorded = BTreeMap::new();
    for object in last
        .statuses
        .iter()
        .filter(|object| object.rejected.is_none())
    {
        let status = with_times(&run.stage.placeholders.fill_value(&object.status));
        run.form.store_status(&object.key, &status);
        recorded.insert(object.key.clone(), status);
        run.statuses
            .insert(object.key.clone(), object.status.clone());
    }
    let refs = last.refs.clone().unwrap_or_default();
    for object in &mut last.statuses {
        object.status = moved_on(&object.status, &refs);
    }
    last.commits.clear();
    last.tree.clear();
    if !run.form.is_shared() {
        return run.compare(last);
    }
    let before = run.form.stored();
    let mut comparison = run.compare(last)?;
    comparison.forget_statuses();
    for (key, status) in run.form.stored() {
        if before.get(&key) != Some(&status) {
            let text = display(&key);
            comparison.failures.push(format!(
                "{text}: a status that is the controllers' was changed to {status}"
            ));
        }
    }
    run.request(&recorded, &mut comparison);
    Ok(comparison)
}

/// A status as it is stored: with times.
fn with_times(status: &Value) -> Value {
    const TIME: &str = "2024-01-01T00:00:00Z";
    match status {
        Value::String(text) if text == "<time>" => TIME.into(),
        Value::Array(items) => items.iter().map(with_times).collect(),
        Value::Object(fields) => {
            let mut fields: serde_json::Map<String, Value> = fields
                .iter()
                .map(|(name, value)| (name.clone(), with_times(value)))
                .collect();
            if fields.contains_key("reason") {
                fields.insert("lastTransitionTime".to_owned(), TIME.into());
            }
            Value::Object(fields)
        }
        other => other.clone(),
    }
}

impl<'r> Run<'r> {
    fn new(scenario: &'r Scenario, form: &'r mut dyn Form) -> Result<Self, String> {
        let stage = Stage::new(scenario)?;
        let text = stage.placeholders.fill(&scenario.objects);
        let mut objects = objects::documents(&text)?;
        let rejected = rejected(scenario)?;
        let refused: Vec<Value> = objects
            .extract_if(.., |object| rejected.contains_key(&key(object)))
            .collect();
        let text = refused.is_empty().then_some(text);
        form.load(scenario, &objects, text)?;
        for object in &refused {
            let recorded = stage.placeholders.fill(&rejected[&key(object)]);
            if let Some(message) = form.refuses(object)
                && message != recorded
            {
                return Err(format!("refused with {message:?}, expected {recorded:?}"));
            }
        }
        Ok(Self {
            scenario,
            stage,
            form,
            statuses: BTreeMap::new(),
        })
    }

    /// What happens before a phase's run.
    fn act(&mut self, phase: &Value) -> Result<(), String> {
        for action in scenario::list(&phase["do"]) {
            if action["action"] == "patch" {
                self.form.patch(&self.stage.placeholders.fill_value(action));
            } else {
                self.stage.act(action)?;
            }
        }
        Ok(())
    }

    /// One run, compared with what was recorded.
    fn compare(&mut self, expected: Expected) -> Result<Comparison, String> {
        let refs = self.stage.labels();
        let objects = self.form.objects();
        let outcome = self.form.reconcile()?;
        let observed = observed::observe(&mut self.stage, self.scenario, &expected, outcome);
        let facts = Facts {
            stage: &self.stage,
            objects: &objects,
            statuses: &self.statuses,
            refs: &refs,
        };
        let wanted = Wanted::new(expected, &facts);
        let comparison = compare::compare(self.scenario, &self.stage, &wanted, &observed);
        self.statuses.extend(observed.statuses);
        Ok(comparison)
    }

    /// `--request` tells what the controllers answer, in their words.
    fn request(&mut self, recorded: &BTreeMap<Key, Value>, comparison: &mut Comparison) {
        let Some(answer) = self.form.request(recorded) else {
            return;
        };
        let objects = self.form.objects();
        let mut code = 0;
        for (wanted, status) in recorded {
            let (kind, namespace, name) = wanted;
            let result = format!("{}.image.toolkit.fluxcd.io/{name}", kind.to_lowercase());
            let object = objects.iter().find(|object| key(object) == *wanted);
            let suspended = object.is_some_and(|object| object["spec"]["suspend"] == true);
            let ready = compare::condition(status, "Ready");
            let text = |field: &str| {
                ready
                    .and_then(|ready| ready[field].as_str())
                    .unwrap_or_default()
            };
            let (stream, line) = if suspended {
                (&answer.stdout, format!("{result} skipped: suspended\n"))
            } else if text("status") == "True" {
                let message = text("message");
                (&answer.stdout, format!("{result} reconciled: {message}\n"))
            } else {
                code = 1;
                let told = match text("status") {
                    "False" => text("message"),
                    _ => "not ready within",
                };
                (&answer.stderr, format!("{namespace}/{name}: {told}"))
            };
            if !stream.contains(&line) {
                comparison
                    .failures
                    .push(format!("--request: {line:?} is missing in {stream:?}"));
            }
        }
        if answer.code != code {
            let text = format!("--request: exit code {}, expected {code}", answer.code);
            comparison.failures.push(text);
        }
    }

    /// One more run, which changes nothing: no reference, and of the statuses only the times of a
    /// run.
    fn again(&mut self) -> Result<Comparison, String> {
        let refs = self.stage.refs();
        let before = self.form.stored();
        let Outcome { statuses, .. } = self.form.reconcile()?;
        let mut comparison = Comparison::default();
        let after = self.stage.refs();
        if after != refs {
            comparison
                .failures
                .push(format!("refs: got {after:?}, expected {refs:?}"));
        }
        for (key, status) in &statuses {
            let earlier = before
                .get(key)
                .map(|status| without_run_times(&moved_on(status, &refs)));
            let now = without_run_times(status);
            if earlier.as_ref().is_some_and(|earlier| *earlier != now) {
                comparison.failures.push(format!(
                    "{}: got {now}, expected {}",
                    display(key),
                    earlier.unwrap_or_default()
                ));
            }
        }
        Ok(comparison)
    }
}

/// Objects that the API server refused when it was given them, with its words.
fn rejected(scenario: &Scenario) -> Result<BTreeMap<Key, String>, String> {
    let Some(phase) = scenario.list("phases").first() else {
        return Ok(BTreeMap::new());
    };
    let statuses = scenario.expected(phase)?.statuses;
    Ok(statuses
        .into_iter()
        .filter_map(|object| Some((object.key, object.rejected?)))
        .collect())
}

/// A status without the times that every run sets.
fn without_run_times(status: &Value) -> Value {
    let mut status = status.clone();
    if let Some(fields) = status.as_object_mut() {
        fields.remove("lastAutomationRunTime");
    }
    let scan = status.get_mut("lastScanResult");
    if let Some(fields) = scan.and_then(Value::as_object_mut) {
        fields.remove("scanTime");
    }
    status
}

/// What the next run observes where another automation moved the branch after this one had looked:
/// the branch as it is.
fn moved_on(status: &Value, refs: &BTreeMap<String, String>) -> Value {
    let mut status = status.clone();
    let revision = status["observedSourceRevision"]
        .as_str()
        .unwrap_or_default();
    let branch = revision.split_once("@sha1:").map(|(branch, _)| branch);
    let tip = branch.and_then(|branch| refs.get(&format!("refs/heads/{branch}")));
    if let (Some(branch), Some(tip)) = (branch, tip) {
        status["observedSourceRevision"] = format!("{branch}@sha1:{tip}").into();
    }
    status
}

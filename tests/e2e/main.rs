//! Runs the end-to-end scenarios: what the real controllers did, beside what this program does.
//!
//! `cargo test --test e2e -- [SCENARIO…]`. Prints a line for each scenario and form and a total, and
//! fails when anything failed, when a known scenario passes, or when a named one does not exist.
//! `IMAGEUPDATE_E2E=FOLDER` runs another folder's scenarios by the same rules.

#![allow(
    clippy::pedantic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a report is printed"
)]

mod cause;
mod compare;
mod forms;
mod objects;
mod observed;
mod placeholders;
mod rules;
mod scenario;
mod stage;
#[path = "../support/mod.rs"]
mod support;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use compare::Deviation;
use forms::{Files, Form};
use rules::{Facts, Wanted};
use scenario::Scenario;
use stage::Stage;

/// What became of a scenario in one form.
#[derive(Default)]
struct Verdict {
    failures: Vec<String>,
    deviations: Vec<Deviation>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    passed: usize,
    deviating: usize,
    known: usize,
    failed: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} deviating, {} known, {} failed",
            self.passed, self.deviating, self.known, self.failed
        )
    }
}

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let folder = match std::env::var_os("IMAGEUPDATE_E2E") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/e2e"),
    };
    let names = names(&folder, &wanted);
    let mut count = Count::default();
    let mut broken = false;
    for name in &wanted {
        if !names.contains(name) {
            println!("{name}: there is no such scenario in {}", folder.display());
            broken = true;
        }
    }
    for name in &names {
        report(&folder.join(name), name, &mut Files::new(), &mut count);
    }
    println!("total: {count}");
    if broken || count.failed > 0 || names.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Folders with a `scenario.json`; the wanted ones when some are named.
fn names(folder: &Path, wanted: &[String]) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder of scenarios")
        .flatten()
        .filter(|entry| entry.path().join("scenario.json").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| wanted.is_empty() || wanted.contains(name))
        .collect();
    names.sort();
    names
}

fn report(folder: &Path, name: &str, form: &mut dyn Form, count: &mut Count) {
    let verdict = match run(folder, form) {
        Ok(verdict) => verdict,
        Err(why) => Verdict {
            failures: vec![why],
            ..Verdict::default()
        },
    };
    let form = form.name();
    if !verdict.failures.is_empty() {
        println!("{name} ({form}): failed");
        for failure in &verdict.failures {
            println!("    {failure}");
        }
        count.failed += 1;
    } else if verdict.deviations.is_empty() {
        println!("{name} ({form}): passed");
        count.passed += 1;
    } else {
        println!("{name} ({form}): deviating");
        count.deviating += 1;
    }
    for (rule, field) in &verdict.deviations {
        println!("    deviates by rule {rule} in {field}");
    }
}

fn run(folder: &Path, form: &mut dyn Form) -> Result<Verdict, String> {
    let scenario = Scenario::load(folder)?;
    let mut stage = Stage::new(&scenario)?;
    let objects = objects::documents(&stage.placeholders.fill(&scenario.objects))?;
    form.load(&scenario, &objects);
    let mut verdict = Verdict::default();
    let mut statuses = BTreeMap::new();
    for phase in scenario.list("phases") {
        let name = phase["name"].as_str().unwrap_or_default();
        for action in scenario::list(&phase["do"]) {
            if action["action"] == "patch" {
                form.patch(&stage.placeholders.fill_value(action));
            } else {
                stage.act(action)?;
            }
        }
        let expected = scenario.expected(phase)?;
        let refs = stage.labels();
        let objects = form.objects();
        let outcome = form.reconcile(&stage)?;
        let observed = observed::observe(&mut stage, &scenario, &expected, outcome);
        let facts = Facts {
            stage: &stage,
            objects: &objects,
            statuses: &statuses,
            refs: &refs,
        };
        let wanted = Wanted::new(expected, &facts);
        let comparison = compare::compare(&scenario, &stage, &wanted, &observed);
        statuses.extend(observed.statuses);
        let place = |text: String| format!("phase {name}: {text}");
        let multiple = scenario.list("phases").len() > 1;
        let place = |text: String| if multiple { place(text) } else { text };
        verdict
            .failures
            .extend(comparison.failures.into_iter().map(place));
        verdict.deviations.extend(
            comparison
                .deviations
                .into_iter()
                .map(|(rule, field)| (rule, place(field))),
        );
    }
    Ok(verdict)
}

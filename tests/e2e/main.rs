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
#[path = "../support/kube/mod.rs"]
mod kube;
mod objects;
mod observed;
mod placeholders;
mod play;
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
use std::sync::mpsc;
use std::thread;

use forms::{Files, Form, InCluster};
use play::{Verdict, play};

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
    let known = known();
    // The files' form of all scenarios runs beside the cluster's, which has one cluster for all.
    let (sender, files) = mpsc::channel();
    let scenarios: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    let beside = scenarios.clone();
    let worker = thread::spawn(move || {
        for scenario in &beside {
            if sender.send(verdict(scenario, &mut Files::new())).is_err() {
                return;
            }
        }
    });
    let mut cluster = None;
    for (name, scenario) in names.iter().zip(&scenarios) {
        let form = cluster.get_or_insert_with(InCluster::new);
        let in_cluster = verdict(scenario, form);
        let in_files = files
            .recv()
            .unwrap_or_else(|_| Verdict::failed("the runner itself failed"));
        for (form, verdict) in [("files", in_files), ("cluster", in_cluster)] {
            broken |= !count.report(&format!("{name} ({form})"), &verdict, known.get(name));
        }
    }
    let _ = worker.join();
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

/// Plays a scenario; trouble with the scenario itself is a failure of it.
fn verdict(folder: &Path, form: &mut dyn Form) -> Verdict {
    play(folder, form).unwrap_or_else(|why| Verdict::failed(&why))
}

/// Lines `- e2e/SCENARIO: reason` of `KNOWN.md`.
fn known() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/KNOWN.md");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.strip_prefix("- e2e/")?.split_once(": "))
        .map(|(name, reason)| (name.to_owned(), reason.to_owned()))
        .collect()
}

impl Count {
    /// Prints a line for a scenario and counts it. False when it passes although it is known to
    /// fail.
    fn report(&mut self, name: &str, verdict: &Verdict, known: Option<&String>) -> bool {
        let failed = !verdict.failures.is_empty();
        match known {
            Some(reason) if failed => {
                println!("{name}: known ({reason})");
                self.known += 1;
                return true;
            }
            Some(_) => {
                println!("{name}: passes, and stands in KNOWN.md");
                return false;
            }
            None => {}
        }
        if failed {
            println!("{name}: failed");
            self.failed += 1;
        } else if verdict.deviations.is_empty() {
            println!("{name}: passed");
            self.passed += 1;
        } else {
            println!("{name}: deviating");
            self.deviating += 1;
        }
        for failure in &verdict.failures {
            println!("    {failure}");
        }
        for (rule, field) in &verdict.deviations {
            println!("    deviates by rule {rule} in {field}");
        }
        true
    }
}

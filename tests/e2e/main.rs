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
mod play;
mod rules;
mod scenario;
mod stage;
#[path = "../support/mod.rs"]
mod support;
mod yaml;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use forms::{Files, Form};
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
    let verdict = match play(folder, form) {
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

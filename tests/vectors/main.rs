//! Runs the vectors: what the real programs answered, beside what this program answers.
//!
//! `cargo test --test vectors -- [AREA[/FILE]…]`. Prints a line for each file and a total, and fails
//! when anything failed, when a known case passes, or when a named area runs no case.
//! `IMAGEUPDATE_VECTORS=FOLDER` runs another folder's cases by the same rules.

#![allow(
    clippy::pedantic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a report is printed"
)]

mod command_line;
#[path = "../support/kube/mod.rs"]
mod kube;
mod policy;
mod setters;
mod template;
mod yaml_print;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

/// What became of one case.
pub enum Verdict {
    Passed,
    /// Different on purpose: rule of `docs/compatibility.md` and field, for each difference.
    Deviating(Vec<(&'static str, &'static str)>),
    Failed(String),
}

/// One case with its file's other fields.
pub struct Case<'v> {
    pub file: &'v str,
    pub document: &'v Value,
    pub value: &'v Value,
}

impl<'v> Case<'v> {
    /// A text of the case; absent reads as empty.
    pub fn text(&self, field: &str) -> &'v str {
        self.value[field].as_str().unwrap_or_default()
    }

    /// A list of texts.
    pub fn texts(&self, field: &str) -> Vec<String> {
        let items = self.value[field]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect()
    }

    pub fn has(&self, field: &str) -> bool {
        self.value.get(field).is_some()
    }
}

/// An area: a folder of vectors and how to run its cases. `None` for a file it does not know.
struct Area {
    name: &'static str,
    /// Whether a file of the folder belongs to this project.
    is_run: fn(&str) -> bool,
    /// The cases of a file.
    cases: fn(&Path, &Value) -> Vec<Value>,
    run: fn(&Case<'_>) -> Option<Verdict>,
}

const AREAS: &[Area] = &[
    Area {
        name: "cli",
        is_run: command_line::is_run,
        cases: listed,
        run: command_line::run,
    },
    Area {
        name: "policy",
        is_run: |_| true,
        cases: listed,
        run: policy::run,
    },
    Area {
        name: "setters",
        is_run: |_| true,
        cases: listed,
        run: setters::run,
    },
    Area {
        name: "template",
        is_run: |_| true,
        cases: listed,
        run: template::run,
    },
    Area {
        name: "yaml-print",
        is_run: |_| true,
        cases: yaml_print::cases,
        run: yaml_print::run,
    },
];

/// The cases of a file that lists them.
fn listed(_: &Path, document: &Value) -> Vec<Value> {
    document["cases"].as_array().expect("cases").clone()
}

/// Compares two values and says how they differ.
pub fn expect<T: PartialEq + fmt::Debug>(what: &str, got: &T, wanted: &T) -> Result<(), String> {
    if got == wanted {
        return Ok(());
    }
    Err(format!("{what}: got {got:?}, expected {wanted:?}"))
}

#[derive(Clone, Copy, Default)]
struct Count {
    passed: usize,
    deviating: usize,
    known: usize,
    failed: usize,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.deviating += other.deviating;
        self.known += other.known;
        self.failed += other.failed;
    }

    fn cases(self) -> usize {
        self.passed + self.deviating + self.known + self.failed
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            deviating,
            known,
            failed,
        } = self;
        write!(
            f,
            "{passed} passed, {deviating} deviating, {known} known, {failed} failed"
        )
    }
}

/// `KNOWN.md`: cases that fail for a reason, and areas that are not built yet.
#[derive(Default)]
struct Known {
    cases: BTreeMap<String, String>,
    areas: BTreeMap<String, String>,
}

impl Known {
    /// Lines of the form `- AREA: reason` and `- AREA/FILE/CASE: reason`.
    fn read(path: &Path) -> Self {
        let mut known = Self::default();
        for line in fs::read_to_string(path).unwrap_or_default().lines() {
            let Some((name, reason)) = line.strip_prefix("- ").and_then(|l| l.split_once(": "))
            else {
                continue;
            };
            let map = if name.contains('/') {
                &mut known.cases
            } else {
                &mut known.areas
            };
            map.insert(name.to_owned(), reason.to_owned());
        }
        known
    }
}

fn vectors_folder() -> PathBuf {
    match std::env::var_os("IMAGEUPDATE_VECTORS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"),
    }
}

fn main() -> ExitCode {
    // Arguments of cargo's own harness, such as --nocapture, mean nothing here.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let folder = vectors_folder();
    let known = Known::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/KNOWN.md"));
    let mut report = Report {
        known,
        total: Count::default(),
        broken: false,
    };
    let areas = areas_of(&folder);
    let absent = AREAS.iter().map(|area| area.name);
    for area in absent.filter(|name| wanted.is_empty() && !areas.contains(&(*name).to_owned())) {
        println!("{area}: not in this folder, skipped");
    }
    for area in areas {
        if wants(&wanted, &area, None) {
            report.area(&folder, &area, &wanted);
        }
    }
    for name in &wanted {
        let area = name.split('/').next().unwrap_or_default();
        if !folder.join(area).is_dir() {
            println!("{name}: there is no such area in {}", folder.display());
            report.broken = true;
        }
    }
    println!("total: {}", report.total);
    if report.total.cases() == 0 {
        println!("no case was run");
        return ExitCode::FAILURE;
    }
    if report.broken || report.total.failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Folders that hold more than the source of this program; the end-to-end scenarios have a program of
/// their own.
fn areas_of(folder: &Path) -> Vec<String> {
    let is_source = |path: &Path| path.extension().is_some_and(|extension| extension == "rs");
    let holds_cases = |path: &Path| {
        fs::read_dir(path)
            .is_ok_and(|entries| entries.flatten().any(|entry| !is_source(&entry.path())))
    };
    let mut areas: Vec<String> = fs::read_dir(folder)
        .expect("a folder of vectors")
        .flatten()
        .filter(|entry| entry.file_name() != "e2e" && holds_cases(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    areas.sort();
    areas
}

fn wants(wanted: &[String], area: &str, file: Option<&str>) -> bool {
    wanted.is_empty()
        || wanted
            .iter()
            .any(|name| match (name.split_once('/'), file) {
                (None, _) => name == area,
                (Some((wanted_area, _)), None) => wanted_area == area,
                (Some((wanted_area, wanted_file)), Some(file)) => {
                    wanted_area == area && wanted_file.trim_end_matches(".json") == file
                }
            })
}

struct Report {
    known: Known,
    total: Count,
    broken: bool,
}

impl Report {
    fn area(&mut self, folder: &Path, name: &str, wanted: &[String]) {
        let Some(area) = AREAS.iter().find(|area| area.name == name) else {
            match self.known.areas.get(name) {
                Some(reason) => println!("{name}: {reason}"),
                None => {
                    println!("{name}: no program for this area, and no line in KNOWN.md");
                    self.broken = true;
                }
            }
            if wanted.iter().any(|wanted| wanted == name) {
                self.broken = true;
            }
            return;
        };
        let mut files: Vec<PathBuf> = fs::read_dir(folder.join(name))
            .expect("an area")
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "json")
            })
            .collect();
        files.sort();
        let before = self.total.cases();
        for path in files {
            let file = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            if (area.is_run)(&file) && wants(wanted, name, Some(&file)) {
                self.file(area, &file, &path);
            }
        }
        if self.total.cases() == before {
            println!("{name}: no case was run");
            self.broken = true;
        }
    }

    fn file(&mut self, area: &Area, file: &str, path: &Path) {
        let text = fs::read_to_string(path).expect("vectors");
        let document: Value = serde_json::from_str(&text).expect("vectors are JSON");
        let cases = (area.cases)(path, &document);
        let mut count = Count::default();
        for value in &cases {
            let name = format!(
                "{}/{file}/{}",
                area.name,
                value["name"].as_str().unwrap_or_default()
            );
            let case = Case {
                file,
                document: &document,
                value,
            };
            let Some(verdict) = (area.run)(&case) else {
                println!("{name}: no program for this file");
                count.failed += 1;
                continue;
            };
            match (verdict, self.known.cases.get(&name)) {
                (Verdict::Failed(_), Some(_)) => count.known += 1,
                (Verdict::Failed(why), None) => {
                    println!("{name}: {why}");
                    count.failed += 1;
                }
                (_, Some(_)) => {
                    println!("{name}: passes, and stands in KNOWN.md");
                    self.broken = true;
                }
                (Verdict::Passed, None) => count.passed += 1,
                (Verdict::Deviating(rules), None) => {
                    for (rule, field) in rules {
                        println!("{name}: deviates by rule {rule} in {field}");
                    }
                    count.deviating += 1;
                }
            }
        }
        println!("{}/{file}: {count}", area.name);
        self.total.add(count);
    }
}

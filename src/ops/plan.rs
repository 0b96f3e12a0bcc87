//! From a tree and setters to a plan.
//!
//! Source: image-automation-controller, `internal/policy/applier.go` and `internal/update`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::group::Job;
use super::{excerpt, message};
use crate::key::TreePath;
use crate::model::{Excerpt, Failure, FoundMarker, Note, Plan, PlannedFile};
use crate::ports::{FileQuery, SearchReport, Tree, TreeError, TreeFile};
use crate::setters::{self, FileChanges, FileOutcome};
use crate::splice::Patch;

/// How earlier automations of the run changed files, so that later ones see it.
#[derive(Debug, Default)]
pub(super) struct Overlay(BTreeMap<TreePath, Vec<Patch>>);

impl Overlay {
    /// Adds the changes of a plan.
    pub(super) fn add(&mut self, plan: &Plan) {
        for file in &plan.files {
            let patches = self.0.entry(file.path.clone()).or_default();
            patches.push(file.patch.clone());
        }
    }

    /// Whether nothing was changed.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The changed files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &TreePath> {
        self.0.keys()
    }

    /// The content of a file after the changes, from that in the tree.
    pub(super) fn see(&self, path: &TreePath, content: Vec<u8>) -> Vec<u8> {
        let patches = self.0.get(path).into_iter().flatten();
        patches.fold(content, |content, patch| {
            // A file that changed meanwhile is found out when the first patch is to be written.
            patch.apply(&content).unwrap_or(content)
        })
    }
}

/// A file with markers, on its way into the plan.
struct Scanned {
    path: TreePath,
    outcome: FileOutcome,
    excerpts: Vec<Excerpt>,
    before: Option<Vec<u8>>,
}

/// Plans one automation. `keep_content` is for those who want to see whole files.
pub(super) fn plan(
    tree: &dyn Tree,
    job: &Job,
    overlay: &Overlay,
    keep_content: bool,
) -> Result<Plan, Failure> {
    check_strategy(job)?;
    let under = tree
        .resolve(&job.path)
        .map_err(|error| walk_failure(job, &error))?;
    let scanned: Mutex<Vec<Scanned>> = Mutex::new(Vec::new());
    let visit = |file: TreeFile| {
        let before = overlay.see(&file.path, file.bytes);
        let outcome = setters::scan_file(&file.path, &before, &job.setters);
        let splices = outcome.patch.as_ref().map_or(&[][..], Patch::splices);
        let found = Scanned {
            path: file.path,
            excerpts: excerpt::excerpts(&before, splices),
            before: (keep_content && !splices.is_empty()).then_some(before),
            outcome,
        };
        scanned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(found);
    };
    let query = FileQuery {
        under: &under,
        wanted: &setters::is_candidate,
        token: setters::TOKEN,
    };
    let report = tree
        .search(&query, &visit)
        .map_err(|error| walk_failure(job, &error))?;
    let mut scanned = scanned.into_inner().unwrap_or_else(PoisonError::into_inner);
    scanned.sort_by(|left, right| left.path.cmp(&right.path));
    assemble(job, &under, scanned, &report)
}

fn check_strategy(job: &Job) -> Result<(), Failure> {
    let strategy = job
        .object
        .spec
        .update
        .as_ref()
        .and_then(|update| update.strategy.as_deref());
    match strategy {
        // The API server fills in the default; a file may leave it out.
        None | Some("Setters") => Ok(()),
        Some(strategy) => Err(Failure::stalled(
            "InvalidUpdateStrategy",
            format!("unsupported update strategy: {strategy}"),
        )),
    }
}

fn walk_failure(job: &Job, error: &TreeError) -> Failure {
    match error {
        TreeError::NotFound(_) => Failure::new(
            "UpdateFailed",
            format!(
                "failed to apply policies: walking path for files: lstat {}: no such file or directory",
                job.path
            ),
        )
        .with_hint(Some(format!("spec.update.path is {:?}", job.object.update_path()))),
        error => Failure::new(
            "UpdateFailed",
            format!("failed to apply policies: walking path for files: {error}"),
        ),
    }
}

fn assemble(
    job: &Job,
    under: &TreePath,
    scanned: Vec<Scanned>,
    report: &SearchReport,
) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    for Scanned {
        path,
        outcome,
        excerpts,
        before,
    } in scanned
    {
        let relative = relative_name(&path, under);
        if !outcome.changes.is_empty() {
            plan.changes.push(FileChanges {
                path: relative,
                objects: outcome.changes,
            });
        }
        if let Some(refusal) = &outcome.refusal {
            plan.notes.push(Note::warning(
                refusal.code(),
                format!(
                    "{path}:{}:{}: {}",
                    refusal.line, refusal.column, refusal.reason
                ),
            ));
        }
        for marker in outcome.markers {
            if let Some(warning) = marker.warning() {
                let place = format!("{path}:{}:{}", marker.line, marker.column);
                plan.notes.push(Note::warning(
                    marker.state.code(),
                    format!("{place}: {warning}"),
                ));
            }
            plan.markers.push(FoundMarker {
                path: path.clone(),
                marker,
            });
        }
        if let Some(patch) = outcome.patch {
            plan.files.push(PlannedFile {
                path,
                patch,
                excerpts,
                before,
            });
        }
    }
    for (path, reason) in &report.unreadable {
        plan.notes.push(Note::warning(
            "unreadable-file",
            format!("{path}: {reason}"),
        ));
    }
    for link in &report.links {
        match &link.target {
            Some(target) => plan.notes.push(Note::info(
                "symlink",
                format!("{}: a link; its target {target} is edited", link.path),
            )),
            None => plan.notes.push(Note::warning(
                "symlink",
                format!(
                    "{}: a link that leads to no file of the tree is not followed",
                    link.path
                ),
            )),
        }
    }
    if !plan.is_empty() {
        plan.message = message::render(job, &plan.changes)?;
        plan.notes.extend(message::notes(job));
    }
    Ok(plan)
}

/// The name that the controller reports: relative to the update path, or to the folder of the file
/// that the path names.
fn relative_name(path: &TreePath, under: &TreePath) -> String {
    let folder = if path == under {
        under.parent()
    } else {
        under.clone()
    };
    path.below(&folder)
        .map_or_else(|| path.to_string(), str::to_owned)
}

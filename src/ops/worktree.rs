//! The same plans on the checkout that the user stands in.
//!
//! Files are edited in place; `--commit` commits exactly the edited files on the branch that is
//! checked out, `--push` pushes it to its upstream. What the user changed is never lost: a file
//! whose marked line has an uncommitted change is refused, and a commit refuses every file with
//! other uncommitted changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use similar::{DiffTag, TextDiff};

use super::group::Job;
use super::plan::{self, Overlay};
use super::run::{Apply, OpsError, RunOptions, Services, stop_if_cancelled};
use super::signing;
use super::status::rfc3339;
use super::updates::blocking;
use crate::key::TreePath;
use crate::model::{
    Applied, Failure, Note, Plan, PlannedFile, PolicyOutcome, Severity, UpdateState,
};
use crate::ports::{FileWrite, Head, Worktree, WorktreeCommit, WorktreeError};
use crate::setters::MarkerState;

type States = Vec<(usize, UpdateState)>;

/// Plans all jobs on the worktree, and goes as far as the options say.
pub(super) async fn run(
    services: &Services,
    worktree: &Arc<dyn Worktree>,
    options: &RunOptions,
    jobs: Vec<Job>,
    policies: &[PolicyOutcome],
) -> Result<(States, Vec<Note>), OpsError> {
    let notes = ignored_fields(&jobs);
    let policy_warning = policies
        .iter()
        .flat_map(|policy| &policy.notes)
        .any(|note| note.severity == Severity::Warning);
    let worktree = Arc::clone(worktree);
    let (services, options) = (services.clone(), options.clone());
    let states = blocking(move || {
        work(
            &services,
            worktree.as_ref(),
            &options,
            &jobs,
            policy_warning,
        )
    })
    .await??;
    Ok((states, notes))
}

fn ignored_fields(jobs: &[Job]) -> Vec<Note> {
    jobs.iter()
        .filter(|job| {
            job.object
                .spec
                .git
                .as_ref()
                .is_some_and(|git| git.checkout.is_some() || git.push.is_some())
        })
        .map(|job| {
            Note::info(
                "worktree-branch",
                format!(
                    "update {}: spec.git.checkout and spec.git.push do not count with --worktree",
                    job.object.key()
                ),
            )
        })
        .collect()
}

fn work(
    services: &Services,
    worktree: &dyn Worktree,
    options: &RunOptions,
    jobs: &[Job],
    policy_warning: bool,
) -> Result<States, OpsError> {
    let mut overlay = Overlay::default();
    let mut plans: Vec<Result<Plan, Failure>> = Vec::new();
    for job in jobs {
        let plan = plan::plan(worktree, job, &overlay, options.keep_content);
        if let Ok(plan) = &plan {
            overlay.add(plan);
        }
        plans.push(plan);
    }
    let warned = policy_warning
        || plans
            .iter()
            .flatten()
            .flat_map(|plan| &plan.notes)
            .any(|note| note.severity == Severity::Warning);
    let strict = Failure::local(
        "Failed",
        "warnings are failures with --strict; nothing was written",
    );
    stop_if_cancelled(services, "no file was changed")?;
    let mut states = States::new();
    for (job, plan) in jobs.iter().zip(plans) {
        let state = match plan {
            Err(failure) => UpdateState::Failed {
                failure,
                plan: None,
            },
            Ok(plan) if options.strict && warned => UpdateState::Failed {
                failure: strict.clone(),
                plan: Some(plan),
            },
            Ok(plan) if options.apply == Apply::Nothing || plan.is_empty() => {
                UpdateState::Planned {
                    plan,
                    revision: revision(worktree),
                    branch: String::new(),
                }
            }
            Ok(plan) if services.cancellation.is_cancelled() => UpdateState::Failed {
                failure: Failure::local(
                    "GitOperationFailed",
                    "failed to update source: interrupted; nothing was written",
                ),
                plan: Some(plan),
            },
            Ok(plan) => match apply(services, worktree, options.apply, job, &plan) {
                Ok(applied) => UpdateState::Applied {
                    plan,
                    applied,
                    revision: revision(worktree),
                },
                Err(failure) => UpdateState::Failed {
                    failure,
                    plan: Some(plan),
                },
            },
        };
        states.push((job.index, state));
    }
    Ok(states)
}

fn revision(worktree: &dyn Worktree) -> String {
    match worktree.head() {
        Ok(Head::Branch {
            name,
            commit: Some(commit),
        }) => format!("{name}@sha1:{commit}"),
        Ok(Head::Detached { commit }) => format!("sha1:{commit}"),
        Ok(Head::Branch { .. } | Head::None) | Err(_) => String::new(),
    }
}

fn apply(
    services: &Services,
    worktree: &dyn Worktree,
    apply: Apply,
    job: &Job,
    plan: &Plan,
) -> Result<Applied, Failure> {
    if apply >= Apply::Commit {
        let paths: Vec<TreePath> = plan.files.iter().map(|file| file.path.clone()).collect();
        worktree
            .check_commit(&paths)
            .map_err(|error| failure("", &error))?;
    }
    refuse_dirty(worktree, plan, apply >= Apply::Commit)?;
    let writes: Vec<FileWrite> = plan
        .files
        .iter()
        .map(|file| FileWrite {
            path: file.path.clone(),
            patch: file.patch.clone(),
        })
        .collect();
    worktree
        .write(&writes)
        .map_err(|error| failure("", &error))?;
    if apply < Apply::Commit {
        return Ok(Applied::default());
    }
    let author = job
        .object
        .spec
        .git
        .as_ref()
        .map(|git| git.commit.author.clone());
    let commit = worktree
        .commit(&WorktreeCommit {
            paths: plan.files.iter().map(|file| file.path.clone()).collect(),
            message: plan.message.clone(),
            author: signing::identity(&author.unwrap_or_default()),
        })
        .map_err(|error| failure("the files are edited and not committed: ", &error))?;
    if apply < Apply::Push {
        return Ok(Applied {
            commit,
            ..Applied::default()
        });
    }
    if services.cancellation.is_cancelled() {
        return Err(Failure::local(
            "GitOperationFailed",
            format!("failed to update source: commit {commit} is made and not pushed: interrupted"),
        ));
    }
    let report = worktree
        .push()
        .map_err(|error| failure(&format!("commit {commit} is made and not pushed: "), &error))?;
    Ok(Applied {
        commit,
        pushed_branch: report.updated.first().cloned(),
        refspecs: Vec::new(),
        time: Some(rfc3339(services.clock.now())),
        messages: report.messages,
    })
}

fn failure(state: &str, error: &WorktreeError) -> Failure {
    let mut text = format!("failed to update source: {state}{error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    let hint = match error {
        WorktreeError::Git { output, .. } if !output.is_empty() => {
            Some(format!("git said: {output}"))
        }
        WorktreeError::Write { left, .. } if !left.is_empty() => {
            let paths: Vec<String> = left.iter().map(ToString::to_string).collect();
            Some(format!(
                "these files could not be put back: {}",
                paths.join(", ")
            ))
        }
        _ => None,
    };
    Failure::new("GitOperationFailed", text).with_hint(hint)
}

/// Refuses, by name, files whose uncommitted changes an edit could not be told apart from.
fn refuse_dirty(worktree: &dyn Worktree, plan: &Plan, whole_file: bool) -> Result<(), Failure> {
    let mut refused = Vec::new();
    for file in &plan.files {
        let committed = worktree
            .committed(&file.path)
            .map_err(|error| failure("", &error))?;
        let Some(committed) = committed else {
            if whole_file {
                refused.push(format!("{} is not committed yet", file.path));
            }
            continue;
        };
        let now = worktree.read(&file.path).map_err(|error| {
            Failure::new(
                "GitOperationFailed",
                format!("failed to update source: {error}"),
            )
        })?;
        if committed == now {
            continue;
        }
        if whole_file {
            refused.push(format!("{} has other uncommitted changes", file.path));
        } else if let Some(line) = edited_dirty_line(plan, file, &committed, &now) {
            refused.push(format!("{}:{line} has an uncommitted change", file.path));
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        "GitOperationFailed",
        format!(
            "failed to update source: {}; nothing was written",
            refused.join(", ")
        ),
    )
    .with_hint(Some(
        "commit, stash or revert these changes first".to_owned(),
    )))
}

/// The first line that is both to be edited and changed since the last commit.
fn edited_dirty_line(
    plan: &Plan,
    file: &PlannedFile,
    committed: &[u8],
    now: &[u8],
) -> Option<usize> {
    let dirty = changed_lines(committed, now);
    let first = plan.markers.partition_point(|found| found.path < file.path);
    plan.markers[first..]
        .iter()
        .take_while(|found| found.path == file.path)
        .filter(|found| found.marker.state == MarkerState::Updated)
        .map(|found| found.marker.line)
        .find(|line| dirty.contains(line))
}

/// Numbers, from 1, of the lines of `new` that are not in `old`.
fn changed_lines(old: &[u8], new: &[u8]) -> BTreeSet<usize> {
    TextDiff::from_lines(old, new)
        .ops()
        .iter()
        .filter(|operation| operation.tag() != DiffTag::Equal)
        .flat_map(|operation| operation.new_range().map(|index| index + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_lines_are_those_of_the_new_text() {
        let lines = changed_lines(b"a\nb\nc\n", b"a\nx\ny\nc\n");
        assert_eq!(lines.into_iter().collect::<Vec<_>>(), [2, 3]);
        assert!(changed_lines(b"a\n", b"a\n").is_empty());
    }
}

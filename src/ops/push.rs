//! Plans on a fetched revision, and their way to the server.
//!
//! Deviations from image-automation-controller: D7 (fast-forward only, a replaced branch is leased
//! and must hold nothing of other people) and D8 (a lost race fetches, plans and pushes again).

use std::time::Duration;

use super::checkout::{Planned, chain, fetch_and_plan};
use super::group::{Group, Job};
use super::race::Race;
use super::run::Services;
use super::status::rfc3339;
use super::{signing, source};
use crate::model::{Applied, Failure, Note, Plan, Severity, UpdateState};
use crate::ports::{
    CheckoutReference, GitError, NewCommit, PushError, PushReport, PushRequest, Snapshot,
};

/// A group with its revision and plans.
pub(super) struct PlannedGroup {
    group: Group,
    fetched: Result<Planned, Failure>,
}

impl PlannedGroup {
    /// Every note of every plan.
    pub(super) fn notes(&self) -> impl Iterator<Item = &Note> {
        self.fetched
            .iter()
            .flat_map(|planned| planned.plans.iter().flatten())
            .flat_map(|plan| &plan.notes)
    }

    /// Whether any plan warns of something.
    pub(super) fn warns(&self) -> bool {
        self.notes().any(|note| note.severity == Severity::Warning)
    }

    /// The plans as the answer.
    pub(super) fn into_plans(self) -> Vec<(usize, UpdateState)> {
        self.settle(|plan, revision, branch| UpdateState::Planned {
            plan,
            revision,
            branch,
        })
    }

    /// Nothing is written; every automation with a plan fails.
    pub(super) fn refuse(self, failure: &Failure) -> Vec<(usize, UpdateState)> {
        self.settle(|plan, _, _| UpdateState::Failed {
            failure: failure.clone(),
            plan: Some(plan),
        })
    }

    fn settle(
        self,
        state: impl Fn(Plan, String, String) -> UpdateState,
    ) -> Vec<(usize, UpdateState)> {
        let branch = self.group.push_branch.clone();
        match self.fetched {
            Err(failure) => fail_all(&self.group, &failure),
            Ok(planned) => self
                .group
                .jobs
                .iter()
                .zip(planned.plans)
                .map(|(job, plan)| {
                    let state = match plan {
                        Ok(plan) => state(plan, planned.revision.clone(), branch.clone()),
                        Err(failure) => UpdateState::Failed {
                            failure,
                            plan: None,
                        },
                    };
                    (job.index, state)
                })
                .collect(),
        }
    }
}

fn fail_all(group: &Group, failure: &Failure) -> Vec<(usize, UpdateState)> {
    group
        .jobs
        .iter()
        .map(|job| {
            (
                job.index,
                UpdateState::Failed {
                    failure: failure.clone(),
                    plan: None,
                },
            )
        })
        .collect()
}

/// Fetches the group's revision and plans its automations, each on top of the ones before.
pub(super) fn plan_group(services: &Services, group: Group) -> PlannedGroup {
    let fetched = fetch_and_plan(services, &group);
    PlannedGroup { group, fetched }
}

/// Commits and pushes the group's plans. A lost race fetches, plans and pushes again until
/// `timeout`. With `strict` a plan that has come to warn meanwhile is not pushed.
pub(super) fn apply_group(
    services: &Services,
    planned: PlannedGroup,
    timeout: Duration,
    strict: bool,
) -> Vec<(usize, UpdateState)> {
    let mut race = Race::new(timeout);
    let mut planned = planned;
    loop {
        if services.cancellation.is_cancelled() {
            return planned.refuse(&interrupted());
        }
        let PlannedGroup { group, fetched } = planned;
        let attempt = match fetched {
            Err(failure) => return fail_all(&group, &failure),
            Ok(planned) => commit_and_push(services, &group, planned),
        };
        match attempt {
            Attempt::Done(states) => return states,
            Attempt::Moved(states) => {
                if !race.again(&services.cancellation) {
                    return states;
                }
                planned = plan_group(services, group);
                if strict && planned.warns() {
                    return planned.refuse(&strict_failure());
                }
            }
        }
    }
}

/// Ctrl-C came before the push.
fn interrupted() -> Failure {
    Failure::new(
        "GitOperationFailed",
        "failed to update source: interrupted; nothing was pushed",
    )
}

/// What `--strict` makes of a warning.
pub(super) fn strict_failure() -> Failure {
    Failure::local(
        "Failed",
        "warnings are failures with --strict; nothing was written",
    )
}

enum Attempt {
    Done(Vec<(usize, UpdateState)>),
    /// Somebody pushed in between; the states are those to report when time is up.
    Moved(Vec<(usize, UpdateState)>),
}

/// A commit on its way.
struct Pending {
    job: usize,
    plan: Plan,
    commit: String,
}

fn commit_and_push(services: &Services, group: &Group, planned: Planned) -> Attempt {
    let Planned {
        mut snapshot,
        revision,
        plans,
    } = planned;
    let mut states: Vec<(usize, UpdateState)> = Vec::new();
    let mut pending: Vec<Pending> = Vec::new();
    for (at, (job, plan)) in group.jobs.iter().zip(plans).enumerate() {
        match plan {
            Err(failure) => states.push((
                job.index,
                UpdateState::Failed {
                    failure,
                    plan: None,
                },
            )),
            Ok(plan) if plan.is_empty() => states.push((
                job.index,
                UpdateState::Planned {
                    plan,
                    revision: snapshot_revision(&*snapshot, &revision, group),
                    branch: group.push_branch.clone(),
                },
            )),
            Ok(plan) => match commit(services, &mut *snapshot, job, &plan) {
                Ok(commit) => pending.push(Pending {
                    job: at,
                    plan,
                    commit,
                }),
                Err(failure) => states.push((
                    job.index,
                    UpdateState::Failed {
                        failure,
                        plan: Some(plan),
                    },
                )),
            },
        }
    }
    if pending.is_empty() {
        return Attempt::Done(states);
    }
    if group.detached {
        let failure = detached_failure();
        states.extend(fail_pending(group, pending, &failure));
        return Attempt::Done(states);
    }
    push_pending(services, group, &mut *snapshot, &revision, pending, states)
}

/// What the controller observes when nothing changed: the checkout, or on the same branch what the
/// automations before it pushed.
fn snapshot_revision(snapshot: &dyn Snapshot, revision: &str, group: &Group) -> String {
    if is_checkout_branch(group) {
        format!("{}@sha1:{}", group.push_branch, snapshot.head())
    } else {
        revision.to_owned()
    }
}

fn is_checkout_branch(group: &Group) -> bool {
    matches!(&group.checkout, CheckoutReference::Branch(branch) if *branch == group.push_branch)
}

fn commit(
    services: &Services,
    snapshot: &mut dyn Snapshot,
    job: &Job,
    plan: &Plan,
) -> Result<String, Failure> {
    let author = job
        .object
        .spec
        .git
        .as_ref()
        .map(|git| git.commit.author.clone());
    let commit = NewCommit {
        files: plan
            .files
            .iter()
            .map(|file| (file.path.clone(), file.after.clone()))
            .collect(),
        message: plan.message.clone(),
        author: signing::identity(&author.unwrap_or_default()),
        seconds: services.clock.now().as_second(),
        offset: 0,
        signing_key: job.signer.0.clone(),
    };
    snapshot.commit(&commit).map_err(|error| {
        Failure::new(
            "GitOperationFailed",
            format!("failed to update source: {}", chain(&error)),
        )
    })
}

/// Pushes: once for all commits when they go the same way, else once for each.
fn push_pending(
    services: &Services,
    group: &Group,
    snapshot: &mut dyn Snapshot,
    revision: &str,
    pending: Vec<Pending>,
    mut states: Vec<(usize, UpdateState)>,
) -> Attempt {
    let branches = source::local_branches(&group.push_branch, &group.checkout);
    let refspecs: Vec<String> = group
        .refspecs
        .iter()
        .flat_map(|refspec| source::expand_refspec(refspec, &branches))
        .collect();
    let request = |replace| PushRequest {
        branch: &group.push_branch,
        refspecs: &refspecs,
        options: &group.options,
        replace,
        progress: services.progress.as_ref(),
        cancellation: &services.cancellation,
    };
    let mut answer = snapshot.push(&request(None));
    if let Err(PushError::NotFastForward { at, dropped, .. }) = &answer {
        let ours = group.replaces
            && dropped.iter().all(|commit| {
                pending
                    .iter()
                    .any(|pending| is_author(&group.jobs[pending.job], commit))
            });
        if ours {
            let at = at.clone();
            answer = snapshot.push(&request(Some(&at)));
        }
    }
    let time = rfc3339(services.clock.now());
    match answer {
        Ok(report) => {
            for pending in pending {
                let job = &group.jobs[pending.job];
                let state = pushed(group, &report, pending, revision, &time);
                states.push((job.index, state));
            }
            Attempt::Done(states)
        }
        Err(error) => {
            let moved = matches!(error, PushError::Moved { .. });
            let failure = push_failure(group, &error);
            states.extend(fail_pending(group, pending, &failure));
            if moved {
                Attempt::Moved(states)
            } else {
                Attempt::Done(states)
            }
        }
    }
}

/// The states of commits that were not pushed.
fn fail_pending(
    group: &Group,
    pending: Vec<Pending>,
    failure: &Failure,
) -> impl Iterator<Item = (usize, UpdateState)> {
    pending.into_iter().map(|pending| {
        let state = UpdateState::Failed {
            failure: failure.clone(),
            plan: Some(pending.plan),
        };
        (group.jobs[pending.job].index, state)
    })
}

/// What a server says to the controller, which tries to push `HEAD` itself. Nothing is sent here.
fn detached_failure() -> Failure {
    Failure::new(
        "GitOperationFailed",
        "failed to update source: failed to push to remote: command error on HEAD: funny refname",
    )
    .with_hint(Some(
        "a tag or commit is checked out, which is no branch to push; set spec.git.push.branch"
            .to_owned(),
    ))
}

fn is_author(job: &Job, commit: &crate::ports::DroppedCommit) -> bool {
    let author = job
        .object
        .spec
        .git
        .as_ref()
        .map(|git| git.commit.author.clone());
    let author = signing::identity(&author.unwrap_or_default());
    author.name == commit.name && author.email == commit.email
}

fn pushed(
    group: &Group,
    report: &PushReport,
    pending: Pending,
    revision: &str,
    time: &str,
) -> UpdateState {
    let revision = if is_checkout_branch(group) {
        format!("{}@sha1:{}", group.push_branch, pending.commit)
    } else {
        revision.to_owned()
    };
    UpdateState::Applied {
        plan: pending.plan,
        applied: Applied {
            commit: pending.commit,
            pushed_branch: Some(group.push_branch.clone()),
            refspecs: group.refspecs.clone(),
            time: Some(time.to_owned()),
            messages: report.messages.clone(),
        },
        revision,
    }
}

/// The controller's message for a failed push, with what the server said.
fn push_failure(group: &Group, error: &PushError) -> Failure {
    let url = group.source.display_url();
    let (text, hint) = match error {
        PushError::Rejected {
            reference,
            reason,
            messages,
        } => (
            format!("command error on {reference}: {reason}"),
            (!messages.is_empty()).then(|| {
                let lines: Vec<String> = messages
                    .iter()
                    .map(|line| format!("\n  remote: {line}"))
                    .collect();
                format!("{url} said:{}", lines.concat())
            }),
        ),
        PushError::Git(GitError::Forbidden {
            answer,
            credentials,
            ..
        }) => (
            format!("authorization failed: {answer}"),
            Some(format!(
                "{url} does not let these credentials write: {credentials}"
            )),
        ),
        PushError::Git(GitError::Unauthorized {
            answer,
            credentials,
            ..
        }) => (
            format!("authentication required: {answer}"),
            Some(format!("credentials used for {url}: {credentials}")),
        ),
        PushError::NotFastForward {
            reference, dropped, ..
        } => {
            let commits: Vec<String> = dropped
                .iter()
                .map(|commit| {
                    format!(
                        "{} by {} <{}>",
                        short(&commit.id),
                        commit.name,
                        commit.email
                    )
                })
                .collect();
            (
                format!("non-fast-forward update: {reference}"),
                Some(format!("the push would drop {}", commits.join(", "))),
            )
        }
        PushError::Git(GitError::Interrupted) => return interrupted(),
        PushError::Moved { reference, .. } => (
            format!("{reference} kept moving while the run was repeated"),
            Some("run again, or raise --timeout".to_owned()),
        ),
        error => (chain(error), None),
    };
    Failure::new(
        "GitOperationFailed",
        format!("failed to update source: failed to push to remote: {text}"),
    )
    .with_hint(hint)
}

fn short(id: &str) -> &str {
    id.get(..7).unwrap_or(id)
}

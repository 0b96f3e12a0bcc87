//! Plans on a fetched revision, and their way to the server.
//!
//! Deviations from image-automation-controller: D7 (fast-forward only, a replaced branch is leased
//! and must hold nothing of other people) and D8 (a lost race fetches, plans and pushes again).

use std::time::{Duration, Instant};

use super::group::{Group, Job};
use super::plan::{self, Overlay};
use super::run::Services;
use super::status::rfc3339;
use super::{signing, source};
use crate::key::TreePath;
use crate::model::{Applied, Failure, Note, Plan, UpdateState};
use crate::ports::{
    CheckoutReference, FetchRequest, GitError, NewCommit, PushError, PushReport, PushRequest,
    Snapshot,
};
use crate::setters;

/// A group with its revision and plans.
pub(super) struct PlannedGroup {
    group: Group,
    fetched: Result<Planned, Failure>,
}

struct Planned {
    snapshot: Box<dyn Snapshot>,
    /// Revision of the checkout reference, as Flux prints it.
    revision: String,
    /// One for each job.
    plans: Vec<Result<Plan, Failure>>,
}

impl PlannedGroup {
    /// Every note of every plan.
    pub(super) fn notes(&self) -> impl Iterator<Item = &Note> {
        self.fetched
            .iter()
            .flat_map(|planned| planned.plans.iter().flatten())
            .flat_map(|plan| &plan.notes)
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
pub(super) fn plan_group(services: &Services, group: Group, keep_content: bool) -> PlannedGroup {
    let fetched = fetch_and_plan(services, &group, keep_content);
    PlannedGroup { group, fetched }
}

fn fetch_and_plan(
    services: &Services,
    group: &Group,
    keep_content: bool,
) -> Result<Planned, Failure> {
    let paths: Vec<TreePath> = group.jobs.iter().map(|job| job.path.clone()).collect();
    let range = match &group.checkout {
        CheckoutReference::Semver(range) => Some(range.as_str()),
        _ => None,
    };
    let snapshot = services
        .git
        .fetch(&FetchRequest {
            source: &group.source,
            checkout: &group.checkout,
            push_branch: group.continues.then_some(group.push_branch.as_str()),
            paths: &paths,
            wanted: &setters::is_candidate,
            choose_tag: &|tags| range.and_then(|range| choose_tag(range, tags)),
            progress: services.progress.as_ref(),
            cancellation: &services.cancellation,
        })
        .map_err(|error| checkout_failure(group, &error))?;
    let mut overlay = Overlay::default();
    let mut plans = Vec::new();
    for job in &group.jobs {
        let plan = plan::plan(&*snapshot, job, &overlay, keep_content);
        if let Ok(plan) = &plan {
            overlay.add(plan);
        }
        plans.push(plan);
    }
    Ok(Planned {
        revision: snapshot.checkout().to_string(),
        snapshot,
        plans,
    })
}

/// The greatest tag in a range; equal versions (build metadata) by commit time, as the controller's
/// Git library orders them.
fn choose_tag(range: &str, tags: &[(String, i64)]) -> Option<String> {
    use crate::semver::{Constraint, Version};
    let constraint = Constraint::parse(range).ok()?;
    tags.iter()
        .filter_map(|(tag, time)| {
            Version::parse_tag(tag)
                .ok()
                .map(|version| (version, *time, tag))
        })
        .filter(|(version, _, _)| constraint.check(version))
        .max_by(|left, right| left.0.precedence(&right.0).then(left.1.cmp(&right.1)))
        .map(|(_, _, tag)| tag.clone())
}

/// The controller's message for a failed checkout.
fn checkout_failure(group: &Group, error: &GitError) -> Failure {
    let url = &group.source.url;
    let text = match error {
        GitError::RepositoryNotFound { .. } => {
            format!("unable to clone '{url}': repository not found: ")
        }
        GitError::Unauthorized { answer, .. } => {
            format!("unable to clone '{url}': authentication required: {answer}")
        }
        GitError::Forbidden { answer, .. } => {
            format!("unable to clone '{url}': authorization failed: {answer}")
        }
        GitError::ReferenceNotFound { .. } => missing_reference(group),
        GitError::EmptyRepository { .. } => {
            format!("unable to clone '{url}': remote repository is empty: it has no commit")
        }
        error => format!("unable to clone '{url}': {}", chain(error)),
    };
    let hint = match error {
        GitError::Unauthorized { credentials, .. } | GitError::Forbidden { credentials, .. } => {
            Some(format!(
                "credentials used for {}: {credentials}",
                group.source.display_url()
            ))
        }
        _ => None,
    };
    Failure::new(
        "GitOperationFailed",
        format!("failed to checkout source: {text}"),
    )
    .with_hint(hint)
}

fn missing_reference(group: &Group) -> String {
    let url = &group.source.url;
    match &group.checkout {
        // The controller fetches every branch when it pushes to another one.
        CheckoutReference::Branch(_) if group.continues => {
            format!("unable to clone '{url}': reference not found")
        }
        CheckoutReference::Branch(branch) => {
            format!("unable to clone '{url}': couldn't find remote ref \"refs/heads/{branch}\"")
        }
        CheckoutReference::Tag(tag) => {
            format!("unable to clone '{url}': couldn't find remote ref \"refs/tags/{tag}\"")
        }
        CheckoutReference::Semver(range) => format!("no match found for semver: {range}"),
        CheckoutReference::Name(name) => {
            format!("unable to resolve ref '{name}' to a specific commit")
        }
        CheckoutReference::Commit { id, .. } => {
            format!("unable to resolve commit object for '{id}': object not found")
        }
    }
}

/// An error and its sources in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

/// Commits and pushes the group's plans. A lost race fetches, plans and pushes again until
/// `timeout`.
pub(super) fn apply_group(
    services: &Services,
    planned: PlannedGroup,
    timeout: Duration,
) -> Vec<(usize, UpdateState)> {
    let PlannedGroup { group, mut fetched } = planned;
    let mut race = Race::new(timeout);
    loop {
        let attempt = match fetched {
            Err(failure) => return fail_all(&group, &failure),
            Ok(planned) => commit_and_push(services, &group, planned),
        };
        match attempt {
            Attempt::Done(states) => return states,
            Attempt::Moved(states) => {
                if !race.again(services) {
                    return states;
                }
                fetched = fetch_and_plan(services, &group, false);
            }
        }
    }
}

enum Attempt {
    Done(Vec<(usize, UpdateState)>),
    /// Somebody pushed in between; the states are those to report when time is up.
    Moved(Vec<(usize, UpdateState)>),
}

/// How often and how long a lost race is repeated.
struct Race {
    deadline: Instant,
    tries: u32,
}

impl Race {
    fn new(timeout: Duration) -> Self {
        Self {
            deadline: now_instant() + timeout,
            tries: 0,
        }
    }

    /// Waits a little, differently in every process, and says whether to try again.
    fn again(&mut self, services: &Services) -> bool {
        self.tries += 1;
        let base = 20_u64 << self.tries.min(6);
        let jitter = u64::from(std::process::id()).wrapping_mul(2_654_435_761) % base.max(1);
        let wait = Duration::from_millis(base + jitter);
        if services.cancellation.is_cancelled() || now_instant() + wait > self.deadline {
            return false;
        }
        std::thread::sleep(wait);
        true
    }
}

fn now_instant() -> Instant {
    Instant::now()
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
        files: edited_files(snapshot, plan)?,
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

/// The new contents of a plan's files, from what the snapshot holds now.
fn edited_files(snapshot: &dyn Snapshot, plan: &Plan) -> Result<Vec<(TreePath, Vec<u8>)>, Failure> {
    let fail = |text: String| {
        Failure::new(
            "GitOperationFailed",
            format!("failed to update source: {text}"),
        )
    };
    plan.files
        .iter()
        .map(|file| {
            let before = snapshot
                .read(&file.path)
                .map_err(|error| fail(chain(&error)))?;
            // The automation before this one failed, and with it what this plan stands on.
            let after = file.patch.apply(&before).ok_or_else(|| {
                fail(format!(
                    "{} is not what the run was planned on; nothing was committed",
                    file.path
                ))
            })?;
            Ok((file.path.clone(), after))
        })
        .collect()
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
    let refspecs: Vec<String> = group
        .refspecs
        .iter()
        .map(|refspec| source::expand_refspec(refspec, &group.push_branch))
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
                let state = pushed(group, &report, pending, revision, &time, &refspecs);
                states.push((job.index, state));
            }
            Attempt::Done(states)
        }
        Err(error) => {
            let moved = matches!(error, PushError::Moved { .. });
            let failure = push_failure(group, &error);
            for pending in pending {
                let index = group.jobs[pending.job].index;
                let plan = Some(pending.plan);
                states.push((
                    index,
                    UpdateState::Failed {
                        failure: failure.clone(),
                        plan,
                    },
                ));
            }
            if moved {
                Attempt::Moved(states)
            } else {
                Attempt::Done(states)
            }
        }
    }
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
    refspecs: &[String],
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
            refspecs: refspecs.to_vec(),
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
            (!messages.is_empty()).then(|| format!("{url} said: {}", messages.join("\n"))),
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

//! Automations: prepare, fetch, plan, and hand the plans to be applied.
//!
//! Source of the order of checks, reasons and messages: image-automation-controller,
//! `imageupdateautomation_controller.go` and `internal/source/source.go`.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _};

use super::gather::Gathered;
use super::group::{Group, Job, group};
use super::run::{Apply, OpsError, RunOptions, Services, stop_if_cancelled};
use super::signing::Signer;
use super::status::rfc3339;
use super::{login, message, push, source, worktree};
use crate::api::{GitRepository, ImageUpdateAutomation, Kind, ReadObject};
use crate::key::{NamespacedName, TreePath};
use crate::model::{Ahead, Failure, Note, PolicyOutcome, Severity, UpdateOutcome, UpdateState};
use crate::ports::GitSource;
use crate::setters::{SetterPolicy, SetterState, SetterTable};

/// Repositories fetched at once.
const PARALLEL_FETCHES: usize = 4;

/// What was decided about the policies of a run.
#[derive(Clone, Copy)]
pub(super) struct Choices<'r> {
    /// Every policy.
    pub(super) policies: &'r [PolicyOutcome],
    /// Those whose choice the cluster's controllers would take back.
    pub(super) ahead: &'r [Ahead],
}

impl Choices<'_> {
    /// Whether an automation must leave a policy's markers. Nobody takes back what a suspended one
    /// writes.
    fn held_back(self, update: &ImageUpdateAutomation, policy: &NamespacedName) -> bool {
        !update.spec.suspend && self.ahead.iter().any(|ahead| ahead.policy == *policy)
    }
}

/// Runs every gathered automation, each with its template. Outcomes keep the order of the objects.
pub(super) async fn run_all(
    services: &Services,
    options: &RunOptions,
    gathered: &Gathered,
    templates: Vec<message::Prepared>,
    choices: Choices<'_>,
    include_suspended: &dyn Fn(&NamespacedName) -> bool,
) -> Result<(Vec<UpdateOutcome>, Vec<Note>), OpsError> {
    let started = rfc3339(services.clock.now());
    let mut states: Vec<Option<UpdateState>> = Vec::new();
    let mut observed = Vec::new();
    let mut jobs = Vec::new();
    for (index, (update, template)) in gathered.updates.iter().zip(templates).enumerate() {
        observed.push(Vec::new());
        if update.spec.suspend && !include_suspended(&update.key()) {
            states.push(Some(UpdateState::Suspended));
            continue;
        }
        match prepare(
            services, options, gathered, template, choices, update, index,
        )
        .await
        {
            Ok((reached, job)) => {
                observed[index].clone_from(&job.observed);
                states.push(None);
                jobs.push((reached, job));
            }
            Err(failure) => states.push(Some(UpdateState::Failed {
                failure,
                plan: None,
            })),
        }
    }
    stop_if_cancelled(services, "nothing was written")?;
    let mut notes = Vec::new();
    let finished = if let Some(worktree) = &services.worktree {
        let jobs = jobs.into_iter().map(|(_, job)| job).collect();
        let (finished, worktree_notes) =
            worktree::run(services, worktree, options, jobs, choices.policies).await?;
        notes.extend(worktree_notes);
        finished
    } else {
        remote(services, options, jobs, choices.policies).await?
    };
    for (index, state) in finished {
        states[index] = Some(state);
    }
    let outcomes = gathered
        .updates
        .iter()
        .zip(states)
        .zip(observed)
        .map(|((object, state), observed)| UpdateOutcome {
            object: object.clone(),
            state: state.unwrap_or_else(|| UpdateState::Failed {
                failure: Failure::local("Failed", "the run ended before this automation"),
                plan: None,
            }),
            observed,
            started: started.clone(),
        })
        .collect();
    Ok((outcomes, notes))
}

/// How an automation reaches its repository; not in a worktree.
struct Reached {
    source: GitSource,
    target: source::Target,
}

/// The automation's way to its repository, and its job.
async fn prepare(
    services: &Services,
    options: &RunOptions,
    gathered: &Gathered,
    template: message::Prepared,
    choices: Choices<'_>,
    update: &ImageUpdateAutomation,
    index: usize,
) -> Result<(Option<Reached>, Job), Failure> {
    let (template, values) = template?;
    let selected = match gathered.selected.get(&update.key()) {
        Some(Ok(selected)) => selected.as_slice(),
        Some(Err(error)) => {
            return Err(Failure::stalled(
                "InvalidPolicySelector",
                format!("failed to parse policy selector: {error}"),
            ));
        }
        None => &[],
    };
    let (reached, signer) = if services.worktree.is_some() {
        (None, Signer::default())
    } else {
        let (reached, signer) = reach(services, options, update).await?;
        (Some(reached), signer)
    };
    let setters = setter_table(update, selected, &gathered.known, choices);
    let job = Job {
        index,
        object: update.clone(),
        signer,
        observed: setters_observed(update, selected, choices),
        setters,
        template,
        values,
        path: TreePath::clamp(update.update_path()),
    };
    Ok((reached, job))
}

/// Repository, target, login and signing key, in the controller's order.
async fn reach(
    services: &Services,
    options: &RunOptions,
    update: &ImageUpdateAutomation,
) -> Result<(Reached, Signer), Failure> {
    const PREFIX: &str = "failed configuring source manager: ";
    let kind = &update.spec.source_ref.kind;
    if kind != "GitRepository" {
        return Err(Failure::stalled(
            "InvalidSourceConfiguration",
            format!("source kind '{kind}' not supported: invalid source configuration"),
        ));
    }
    if update.spec.git.is_none() {
        return Err(source::without_git(update));
    }
    let fail = |message: String| Failure::new("SourceManagerFailed", format!("{PREFIX}{message}"));
    let key = update.source_key();
    let value = services
        .objects
        .get(Kind::GitRepository, &key)
        .await
        .map_err(|error| Failure {
            local: true,
            ..fail(format!("failed to get referenced git repository: {error}"))
        })?
        .ok_or_else(|| {
            fail(format!(
                "referenced git repository does not exist: \
                 GitRepository.source.toolkit.fluxcd.io \"{}\" not found",
                key.name
            ))
        })?;
    let repository = GitRepository::read(&value)
        .map_err(|error| fail(format!("failed to get referenced git repository: {error}")))?;
    let target = source::target(update, &repository)?;
    let branches = source::local_branches(&target.push_branch, &target.checkout);
    for refspec in &target.refspecs {
        if let Some(problem) = source::refspec_problem(refspec, &branches) {
            return Err(fail(problem));
        }
    }
    let objects = services.objects.as_ref();
    let mut git_source = login::for_git(objects, &repository).await?;
    if !options.timeout.is_zero() {
        git_source.timeout = git_source.timeout.min(options.timeout);
    }
    let signer = Signer(login::signing_key(objects, services.git.as_ref(), update).await?);
    Ok((
        Reached {
            source: git_source,
            target,
        },
        signer,
    ))
}

/// What every policy of the run means to markers of one automation.
fn setter_table(
    update: &ImageUpdateAutomation,
    selected: &[NamespacedName],
    known: &BTreeSet<NamespacedName>,
    choices: Choices<'_>,
) -> SetterTable {
    let namespace = &update.metadata.namespace;
    // Policies that no selector matches are not decided, but their markers are to be told apart
    // from those of policies that do not exist.
    let left_out = known
        .iter()
        .filter(|key| key.namespace == *namespace && !selected.contains(key))
        .map(|key| SetterPolicy {
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            state: SetterState::NotSelected,
        });
    let entries = choices.policies.iter().map(|policy| {
        let key = policy.object.key();
        let state = if key.namespace != *namespace {
            SetterState::OtherNamespace
        } else if !selected.contains(&key) {
            SetterState::NotSelected
        } else if choices.held_back(update, &key) {
            SetterState::AheadOfCluster
        } else {
            match policy.image() {
                Some(image) => SetterState::Ready {
                    name: image.name.clone(),
                    tag: image.tag.clone(),
                    digest: image.digest.clone().unwrap_or_default(),
                },
                None => SetterState::Undecided,
            }
        };
        SetterPolicy {
            namespace: key.namespace,
            name: key.name,
            state,
        }
    });
    SetterTable::new(namespace, left_out.chain(entries))
}

fn setters_observed(
    update: &ImageUpdateAutomation,
    selected: &[NamespacedName],
    choices: Choices<'_>,
) -> Vec<(String, crate::api::ImageRef)> {
    let looked_at =
        |key: &NamespacedName| selected.contains(key) && !choices.held_back(update, key);
    choices
        .policies
        .iter()
        .filter(|policy| looked_at(&policy.object.key()))
        .filter_map(|policy| {
            policy
                .image()
                .map(|image| (policy.object.metadata.name.clone(), image.clone()))
        })
        .collect()
}

/// Fetches, plans and applies on Git servers.
async fn remote(
    services: &Services,
    options: &RunOptions,
    jobs: Vec<(Option<Reached>, Job)>,
    policies: &[PolicyOutcome],
) -> Result<Vec<(usize, UpdateState)>, OpsError> {
    let groups =
        group(jobs.into_iter().filter_map(|(reached, job)| {
            reached.map(|reached| (reached.source, reached.target, job))
        }));
    let keep_content = options.keep_content;
    let planned: Vec<Result<push::PlannedGroup, OpsError>> = stream::iter(groups)
        .map(|group: Group| {
            let services = services.clone();
            blocking(move || push::plan_group(&services, group, keep_content))
        })
        .buffered(PARALLEL_FETCHES)
        .collect()
        .await;
    let planned = planned.into_iter().collect::<Result<Vec<_>, _>>()?;
    stop_if_cancelled(services, "nothing was committed or pushed")?;
    if options.strict && has_warning(policies, &planned) {
        let failure = push::strict_failure();
        return Ok(planned
            .into_iter()
            .flat_map(|group| group.refuse(&failure))
            .collect());
    }
    if options.apply == Apply::Nothing {
        return Ok(planned
            .into_iter()
            .flat_map(push::PlannedGroup::into_plans)
            .collect());
    }
    let (timeout, strict) = (options.timeout, options.strict);
    let mut finished = Vec::new();
    for group in planned {
        let services = services.clone();
        let apply = move || push::apply_group(&services, group, timeout, strict);
        finished.extend(blocking(apply).await?);
    }
    Ok(finished)
}

fn has_warning(policies: &[PolicyOutcome], groups: &[push::PlannedGroup]) -> bool {
    policies
        .iter()
        .flat_map(|policy| &policy.notes)
        .any(|note| note.severity == Severity::Warning)
        || groups.iter().any(push::PlannedGroup::warns)
}

/// Runs blocking work on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, OpsError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| OpsError::Worker(error.to_string()))
}

//! The run that `get -f`, `diff` and `reconcile` share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::gather::{self, GatherError, Scope, Targets};
use super::{message, policies, scan, updates};
use crate::api::{ImageRepository, Kind};
use crate::key::NamespacedName;
use crate::model::{RepositoryOutcome, RunReport};
use crate::ports::{Cancellation, Clock, GitHost, Objects, Progress, Registry, Worktree};

/// Everything a run reaches the world through.
#[derive(Clone)]
pub struct Services {
    /// Objects.
    pub objects: Arc<dyn Objects>,
    /// Registries.
    pub registry: Arc<dyn Registry>,
    /// Git servers.
    pub git: Arc<dyn GitHost>,
    /// The checkout the user stands in, when the run works on it.
    pub worktree: Option<Arc<dyn Worktree>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Progress.
    pub progress: Arc<dyn Progress>,
    /// Ctrl-C.
    pub cancellation: Cancellation,
}

/// How far a run goes once it has a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Apply {
    /// Nowhere: the plan is the answer.
    #[default]
    Nothing,
    /// Files of the worktree are edited.
    Edit,
    /// And committed.
    Commit,
    /// And pushed.
    Push,
}

/// What a run is to do.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Where to look.
    pub scope: Scope,
    /// For what.
    pub targets: Targets,
    /// How far to go.
    pub apply: Apply,
    /// Treat named suspended objects as if they were not.
    pub include_suspended: bool,
    /// A warning is a failure, before anything is written.
    pub strict: bool,
    /// Limit for repeating a lost push race.
    pub timeout: Duration,
    /// Message template in place of the automation's.
    pub message_template: Option<String>,
    /// Template values on top of the automation's.
    pub message_values: BTreeMap<String, String>,
}

/// Why a run has no report.
#[derive(Debug, Error)]
pub enum OpsError {
    /// Its objects could not be read.
    #[error(transparent)]
    Gather(#[from] GatherError),
    /// A name fits several objects.
    #[error("{0}")]
    Ambiguous(String),
    /// A line holds no marker.
    #[error("{0}")]
    NoMarker(String),
    /// Named objects are suspended.
    #[error("{0}")]
    Suspended(String),
    /// Ctrl-C.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// A worker thread died, which is a defect.
    #[error("a worker thread ended unexpectedly: {0}")]
    Worker(String),
}

/// Runs: gather, scan, choose, and for automations plan and perhaps apply.
pub async fn run(services: &Services, options: &RunOptions) -> Result<RunReport, OpsError> {
    let gathered =
        gather::gather(services.objects.as_ref(), &options.scope, &options.targets).await?;
    refuse_named_suspended(options, &gathered)?;
    let templates = message::read_all(options, &gathered.updates);
    // Where no message can be written there is no work to do: nothing is scanned or fetched.
    if !templates.is_empty() && templates.iter().all(Result::is_err) {
        let (updates, notes) =
            updates::run_all(services, options, &gathered, templates, &[], &|_| true).await?;
        return Ok(RunReport {
            repositories: Vec::new(),
            policies: Vec::new(),
            updates,
            notes,
        });
    }
    let named = |kind: Kind, key: &NamespacedName| {
        options.include_suspended
            && !options.targets.names.is_empty()
            && gathered.wanted.contains(&(kind, key.clone()))
    };
    let wanted: Vec<ImageRepository> = gathered.repositories.values().cloned().collect();
    let include = |key: &NamespacedName| named(Kind::ImageRepository, key);
    let repositories: BTreeMap<NamespacedName, RepositoryOutcome> =
        scan::scan_all(services, wanted, &include)
            .await
            .into_iter()
            .map(|outcome| (outcome.object.key(), outcome))
            .collect();
    stop_if_cancelled(services, "nothing was written")?;
    let include = |key: &NamespacedName| named(Kind::ImagePolicy, key);
    let decided = policies::decide_all(services, &gathered, &repositories, &include).await;
    stop_if_cancelled(services, "nothing was written")?;
    let include = |key: &NamespacedName| named(Kind::ImageUpdateAutomation, key);
    let (updates, notes) =
        updates::run_all(services, options, &gathered, templates, &decided, &include).await?;
    Ok(RunReport {
        repositories: repositories.into_values().collect(),
        policies: decided,
        updates,
        notes,
    })
}

/// A suspended object that was named is an error: the safest mode is a choice, not an accident.
fn refuse_named_suspended(
    options: &RunOptions,
    gathered: &gather::Gathered,
) -> Result<(), OpsError> {
    if options.targets.names.is_empty()
        || options.include_suspended
        || options.apply == Apply::Nothing
    {
        return Ok(());
    }
    let repositories = gathered
        .repositories
        .values()
        .filter(|object| object.spec.suspend)
        .map(|object| (Kind::ImageRepository, object.key()));
    let policies = gathered
        .policies
        .values()
        .filter(|object| object.spec.suspend)
        .map(|object| (Kind::ImagePolicy, object.key()));
    let updates = gathered
        .updates
        .iter()
        .filter(|object| object.spec.suspend)
        .map(|object| (Kind::ImageUpdateAutomation, object.key()));
    let suspended: Vec<String> = repositories
        .chain(policies)
        .chain(updates)
        .filter(|named| gathered.wanted.contains(named))
        .map(|(kind, key)| format!("{} {key} is suspended", kind.human()))
        .collect();
    if suspended.is_empty() {
        Ok(())
    } else {
        Err(OpsError::Suspended(suspended.join("\n")))
    }
}

/// Ends the run when Ctrl-C was pressed; `state` says what was and was not done.
pub(super) fn stop_if_cancelled(services: &Services, state: &str) -> Result<(), OpsError> {
    if services.cancellation.is_cancelled() {
        return Err(OpsError::Interrupted(state.to_owned()));
    }
    Ok(())
}

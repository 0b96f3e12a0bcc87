//! The run that `get -f`, `diff` and `reconcile` share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::deadline::Deadline;
use super::gather::{self, GatherError, Scope, Targets};
use super::record::{self, StatusMode};
use super::status::rfc3339;
use super::updates::Choices;
use super::{agreement, alike, message, policies, scan, updates};
use crate::api::{ImagePolicy, ImageRepository, Kind};
use crate::duration::GoDuration;
use crate::key::NamespacedName;
use crate::model::{RepositoryOutcome, RunReport};
use crate::ports::{
    Cancellation, Clock, Cluster, GitHost, Objects, ObjectsError, Progress, Registry, Worktree,
};

/// How often the cancellation flag is looked at while the cluster is waited for.
const GLANCE: Duration = Duration::from_millis(50);

/// Everything a run reaches the world through.
#[derive(Clone)]
pub struct Services {
    /// Objects.
    pub objects: Arc<dyn Objects>,
    /// The cluster that the objects are in; none when they come from files.
    pub cluster: Option<Arc<dyn Cluster>>,
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
    /// Whose status is written.
    pub status: StatusMode,
    /// Write also what the cluster's controllers would take back.
    pub ahead_of_cluster: bool,
    /// Limit for waiting for controllers, and for repeating a lost push race.
    pub timeout: Duration,
    /// Message template in place of the automation's.
    pub message_template: Option<String>,
    /// Template values on top of the automation's.
    pub message_values: BTreeMap<String, String>,
    /// Keep the whole content of files in the plans, for those who show them.
    pub keep_content: bool,
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

/// Runs: gather, scan, choose, for automations plan and perhaps apply, and write the statuses.
pub async fn run(services: &Services, options: &RunOptions) -> Result<RunReport, OpsError> {
    let deadline = Deadline::after(options.timeout);
    let reading = async {
        let objects = services.objects.as_ref();
        let (scope, targets) = (&options.scope, &options.targets);
        let gathered = gather::gather(objects, scope, targets, options.include_suspended);
        alike::or_hinted(gathered.await, objects, scope).await
    };
    let mut gathered = patiently(services, options.timeout, reading).await?;
    refuse_named_suspended(options, &gathered)?;
    let templates = message::read_all(options, &gathered.updates);
    if !templates.is_empty() && templates.iter().all(Result::is_err) {
        leave_idle(&mut gathered);
    }
    let named =
        |kind: Kind, key: &NamespacedName| gathered.on_demand.contains(&(kind, key.clone()));
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
    let (ahead, mut notes) =
        agreement::agree(services, options, &gathered, &decided, deadline).await?;
    let include = |key: &NamespacedName| named(Kind::ImageUpdateAutomation, key);
    let choices = Choices {
        policies: &decided,
        ahead: &ahead,
    };
    let (updates, update_notes) =
        updates::run_all(services, options, &gathered, templates, choices, &include).await?;
    notes.extend(update_notes);
    let mut report = RunReport {
        repositories: repositories.into_values().collect(),
        policies: decided,
        updates,
        ahead,
        notes,
    };
    write_statuses(services, options, &mut report).await;
    Ok(report)
}

/// The last step, and not undone by Ctrl-C: what was pushed is worth being told.
async fn write_statuses(services: &Services, options: &RunOptions, report: &mut RunReport) {
    let Some(cluster) = &services.cluster else {
        return;
    };
    if options.apply == Apply::Nothing || record::refused_by_strict(report, options.strict) {
        return;
    }
    let now = rfc3339(services.clock.now());
    let in_worktree = services.worktree.is_some();
    let notes = record::record(cluster.as_ref(), report, options.status, in_worktree, &now).await;
    report.notes.extend(notes);
}

/// Where no message can be written there is no work to do: nothing is scanned for automations whose
/// templates are all wrong.
fn leave_idle(gathered: &mut gather::Gathered) {
    let wanted = &gathered.wanted;
    gathered
        .policies
        .retain(|key, _| wanted.contains(&(Kind::ImagePolicy, key.clone())));
    let needed: BTreeSet<NamespacedName> = gathered
        .policies
        .values()
        .map(ImagePolicy::repository_key)
        .collect();
    gathered.repositories.retain(|key, _| {
        needed.contains(key) || wanted.contains(&(Kind::ImageRepository, key.clone()))
    });
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
    refuse_suspended(gathered)
}

/// Objects that were asked for by name and are suspended.
pub(super) fn refuse_suspended(gathered: &gather::Gathered) -> Result<(), OpsError> {
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

/// Reads from the cluster as long as nobody presses Ctrl-C and the time for the whole operation
/// lasts; no time means for ever.
pub(super) async fn patiently<T>(
    services: &Services,
    limit: Duration,
    reading: impl Future<Output = Result<T, GatherError>>,
) -> Result<T, OpsError> {
    let time_is_up = async {
        if limit.is_zero() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(limit).await;
    };
    tokio::select! {
        read = reading => Ok(read?),
        () = interrupted(&services.cancellation) => {
            Err(OpsError::Interrupted("nothing was written".to_owned()))
        }
        () = time_is_up => Err(GatherError::Objects(ObjectsError::Connection {
            message: "Unable to connect to the server: context deadline exceeded".to_owned(),
            hint: Some(format!(
                "the objects were not read within {} (--timeout)",
                GoDuration::from_std(limit)
            )),
            source: None,
        })
        .into()),
    }
}

/// Ends when Ctrl-C was pressed.
pub(super) async fn interrupted(cancellation: &Cancellation) {
    while !cancellation.is_cancelled() {
        tokio::time::sleep(GLANCE).await;
    }
}

/// Ends the run when Ctrl-C was pressed; `state` says what was and was not done.
pub(super) fn stop_if_cancelled(services: &Services, state: &str) -> Result<(), OpsError> {
    if services.cancellation.is_cancelled() {
        return Err(OpsError::Interrupted(state.to_owned()));
    }
    Ok(())
}

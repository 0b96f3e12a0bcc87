//! The vocabulary of a run: outcomes, plans, notes.
//!
//! For: values that operations make and faces show. A [`Plan`] is complete: `diff` renders it,
//! `reconcile` applies it, and nothing is computed twice.
//! Refuses: behaviour beyond constructors and plain questions.

mod chain;
mod tags;

use std::sync::Arc;

use crate::api::{ImagePolicy, ImageRef, ImageRepository, ImageUpdateAutomation};
use crate::image::ImageName;
use crate::key::{NamespacedName, TreePath};
use crate::policy::Selection;
use crate::setters::{FileChanges, Marker};

pub use chain::{AutomationChain, ExplainReport, ExplainedMarker, PolicyChain};
pub use tags::TagReport;

/// How much a note weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Probably not what was meant; `--strict` makes it a failure.
    Warning,
}

/// Something to tell the user that is not an answer and not a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Weight.
    pub severity: Severity,
    /// Stable code, listed in `docs/reasons.md`.
    pub code: &'static str,
    /// The sentence, with the object or `file:line` it is about.
    pub text: String,
}

impl Note {
    /// A warning.
    pub fn warning(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            code,
            text: text.into(),
        }
    }

    /// A remark.
    pub fn info(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Info,
            code,
            text: text.into(),
        }
    }
}

/// Why an object did not become ready. `reason` and `message` are the controllers'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Condition reason, for example `ReadOperationFailed`.
    pub reason: &'static str,
    /// Condition message.
    pub message: String,
    /// A mistake in the object: trying again will not help.
    pub stalled: bool,
    /// It is about the person who runs this program (a missing right, `--strict`), not about the
    /// object: the object's status does not learn of it.
    pub local: bool,
    /// What to do next, if known.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure that may pass.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            stalled: false,
            local: false,
            hint: None,
        }
    }

    /// A failure of this run, not of the object.
    pub fn local(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            local: true,
            ..Self::new(reason, message)
        }
    }

    /// A mistake in the object.
    pub fn stalled(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            stalled: true,
            ..Self::new(reason, message)
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// A successful scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The image with registry and implied parts.
    pub image: ImageName,
    /// Tags as the registry listed them.
    pub listed: Arc<[String]>,
    /// Tags after exclusion, in descending byte order: what policies read.
    pub stored: Arc<[String]>,
    /// The exclusion list in effect.
    pub exclusion_list: Vec<String>,
    /// Checksum of the stored list.
    pub revision: String,
    /// Which credentials were used, for people.
    pub credentials: String,
    /// RFC 3339 time of the end of the scan.
    pub time: String,
}

/// What became of a repository.
#[derive(Clone, Debug)]
pub enum RepositoryState {
    /// Scanned.
    Scanned(Scan),
    /// Not scanned.
    Failed(Failure),
    /// Suspended: nothing was asked.
    Suspended,
}

/// A repository and what became of it.
#[derive(Clone, Debug)]
pub struct RepositoryOutcome {
    /// The object.
    pub object: ImageRepository,
    /// The state.
    pub state: RepositoryState,
}

/// What became of a policy.
#[derive(Clone, Debug)]
pub enum PolicyState {
    /// Chosen now.
    Selected {
        /// The choice.
        latest: ImageRef,
        /// How it was made.
        selection: Arc<Selection>,
    },
    /// Suspended: its stored choice holds (none when it never had one).
    Held(Option<ImageRef>),
    /// Cannot be decided now: nothing of it is written.
    Undecided {
        /// Why.
        failure: Failure,
        /// How far the selection came.
        selection: Option<Arc<Selection>>,
    },
}

/// A policy and what became of it.
#[derive(Clone, Debug)]
pub struct PolicyOutcome {
    /// The object.
    pub object: ImagePolicy,
    /// The state.
    pub state: PolicyState,
    /// Ties and other doubts.
    pub notes: Vec<Note>,
}

impl PolicyOutcome {
    /// The image that markers of this policy get, if any.
    pub fn image(&self) -> Option<&ImageRef> {
        match &self.state {
            PolicyState::Selected { latest, .. } => Some(latest),
            PolicyState::Held(held) => held.as_ref(),
            PolicyState::Undecided { .. } => None,
        }
    }
}

/// One file of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFile {
    /// Path from the tree's root.
    pub path: TreePath,
    /// Content that the plan was made from.
    pub before: Vec<u8>,
    /// New content.
    pub after: Vec<u8>,
}

/// A marker somewhere in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundMarker {
    /// Path from the tree's root.
    pub path: TreePath,
    /// The marker.
    pub marker: Marker,
}

/// What one automation would commit: complete, nothing left to decide.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Files to write, by path.
    pub files: Vec<PlannedFile>,
    /// Every marker that was found, by path and line.
    pub markers: Vec<FoundMarker>,
    /// Change records for the message, by file relative to the update path.
    pub changes: Vec<FileChanges>,
    /// The commit message; empty without changes.
    pub message: String,
    /// Warnings and remarks.
    pub notes: Vec<Note>,
}

impl Plan {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// A commit that was made, and perhaps pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Hex id of the commit; empty when files were only edited.
    pub commit: String,
    /// Branch that was pushed, if any.
    pub pushed_branch: Option<String>,
    /// Refspecs that were pushed too.
    pub refspecs: Vec<String>,
    /// RFC 3339 time of the push.
    pub time: Option<String>,
    /// Lines of the server and its hooks, not yet sanitised.
    pub messages: Vec<String>,
}

/// What became of an automation.
#[derive(Clone, Debug)]
pub enum UpdateState {
    /// Suspended: nothing was done.
    Suspended,
    /// Failed before anything was written.
    Failed {
        /// Why.
        failure: Failure,
        /// How far the plan came.
        plan: Option<Plan>,
    },
    /// Planned and not applied (`diff`, `get`, `--dry-run`), or nothing to change.
    Planned {
        /// The plan.
        plan: Plan,
        /// Revision of the tree, as Flux prints it.
        revision: String,
        /// Branch that would be pushed; empty for a worktree.
        branch: String,
    },
    /// Applied.
    Applied {
        /// The plan.
        plan: Plan,
        /// What was done.
        applied: Applied,
        /// Revision that the run observed, as Flux prints it.
        revision: String,
    },
}

/// An automation and what became of it.
#[derive(Clone, Debug)]
pub struct UpdateOutcome {
    /// The object.
    pub object: ImageUpdateAutomation,
    /// The state.
    pub state: UpdateState,
    /// The policies that it looked at, with what they chose.
    pub observed: Vec<(String, ImageRef)>,
    /// RFC 3339 time the run began.
    pub started: String,
}

impl UpdateOutcome {
    /// The plan, however far it came.
    pub fn plan(&self) -> Option<&Plan> {
        match &self.state {
            UpdateState::Suspended => None,
            UpdateState::Failed { plan, .. } => plan.as_ref(),
            UpdateState::Planned { plan, .. } | UpdateState::Applied { plan, .. } => Some(plan),
        }
    }
}

/// A policy whose choice the cluster's controllers have not made: a commit of it would be taken back
/// by their next run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// The policy.
    pub policy: NamespacedName,
    /// What was chosen here.
    pub selected: ImageRef,
    /// What the controllers hold.
    pub held: Option<ImageRef>,
    /// Why they did not follow.
    pub reason: String,
}

/// Everything one run looked at, in the order of dependence, each kind by namespace and name.
#[derive(Clone, Debug, Default)]
pub struct RunReport {
    /// Repositories.
    pub repositories: Vec<RepositoryOutcome>,
    /// Policies.
    pub policies: Vec<PolicyOutcome>,
    /// Automations.
    pub updates: Vec<UpdateOutcome>,
    /// Policies whose markers were left because the cluster's controllers hold another choice.
    pub ahead: Vec<Ahead>,
    /// Warnings and remarks that belong to no single object.
    pub notes: Vec<Note>,
}

impl RunReport {
    /// The outcome of a policy.
    pub fn policy(&self, key: &NamespacedName) -> Option<&PolicyOutcome> {
        self.policies
            .iter()
            .find(|policy| policy.object.key() == *key)
    }

    /// Every note, those of objects first.
    pub fn all_notes(&self) -> impl Iterator<Item = &Note> {
        self.policies
            .iter()
            .flat_map(|policy| &policy.notes)
            .chain(
                self.updates
                    .iter()
                    .filter_map(UpdateOutcome::plan)
                    .flat_map(|plan| &plan.notes),
            )
            .chain(&self.notes)
    }
}

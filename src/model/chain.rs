//! The whole chain from an image to the lines of a file, for `explain`.

use super::{Failure, FoundMarker, Note};
use crate::api::ImageRef;
use crate::key::NamespacedName;

/// From an image to the chosen tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyChain {
    /// The policy.
    pub policy: NamespacedName,
    /// The repository it refers to.
    pub repository: NamespacedName,
    /// The image, as the repository names it.
    pub image: Option<String>,
    /// Which credentials were used, never their content.
    pub credentials: Option<String>,
    /// Tags that the registry listed.
    pub listed: Option<usize>,
    /// Patterns of the exclusion list that left tags out, with how many.
    pub excluded: Vec<(String, usize)>,
    /// Pattern and template of the filter; the template may be empty.
    pub filter: Option<(String, String)>,
    /// How the choice is made, for example `the greatest number`.
    pub order: Option<String>,
    /// How many tags got which verdict, by code.
    pub verdicts: Vec<(&'static str, usize)>,
    /// The choice.
    pub selected: Option<ImageRef>,
    /// Whether the choice is an old one that a suspended policy holds.
    pub held: bool,
    /// The tags behind the chosen one, the best first.
    pub runners_up: Vec<String>,
    /// The choice that the object's status holds.
    pub stored: Option<ImageRef>,
    /// Why nothing is chosen.
    pub failure: Option<Failure>,
    /// Doubts.
    pub notes: Vec<Note>,
}

/// A marker, and why it is or is not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedMarker {
    /// The marker.
    pub found: FoundMarker,
    /// Stable code, listed in `docs/reasons.md`.
    pub code: &'static str,
    /// Why it is or is not written.
    pub reason: String,
}

/// From the chosen tags to the lines of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutomationChain {
    /// The automation.
    pub automation: NamespacedName,
    /// Whether it is suspended, so that no run of the cluster writes anything.
    pub suspended: bool,
    /// Whether its selector takes the policy that is explained.
    pub selects: bool,
    /// Folder or file below which markers count; empty for the whole tree.
    pub path: String,
    /// Branch that is pushed; empty for a worktree and when it is not known.
    pub branch: String,
    /// Revision of the tree, as Flux prints it.
    pub revision: String,
    /// Why it cannot be planned.
    pub failure: Option<Failure>,
    /// The markers, by path and line.
    pub markers: Vec<ExplainedMarker>,
}

/// What `explain` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExplainReport {
    /// Policies.
    pub policies: Vec<PolicyChain>,
    /// Automations.
    pub automations: Vec<AutomationChain>,
    /// Warnings and remarks that belong to neither.
    pub notes: Vec<Note>,
}

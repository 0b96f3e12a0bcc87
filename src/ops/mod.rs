//! Use cases: gather objects, scan, choose, plan, apply.
//!
//! For: the one run that `get -f`, `diff` and `reconcile` share, up to the point where each stops.
//! Source of the order of checks, reasons and messages: image-reflector-controller and
//! image-automation-controller v1.2.
//! Refuses: to print, and to know which libraries stand behind the ports.

mod access;
mod agreement;
mod alike;
mod checkout;
mod deadline;
mod declare;
mod excerpt;
mod explain;
mod gather;
mod group;
mod login;
mod message;
mod plan;
mod policies;
mod preview;
mod push;
mod race;
mod read_once;
mod ready;
mod record;
mod replaced;
mod request;
mod run;
mod scan;
mod signing;
mod source;
pub mod status;
mod tag_file_registry;
mod tags;
mod updates;
mod worktree;

pub use alike::name_hints;
pub use deadline::Deadline;
pub use declare::{
    Conflict, Declaration, DeclareError, DeclareOptions, Declared, FIELD_MANAGER, declare,
};
pub use explain::{ExplainTarget, explain};
pub use gather::{GatherError, Gathered, Scope, Targets};
pub use message::{TemplateProblem, check_message_template};
pub use preview::{Preview, preview};
pub use read_once::ReadOnce;
pub use ready::{Readiness, WaitError, readiness, wait_ready};
pub use record::StatusMode;
pub use request::{Answer, RequestOptions, Requested, request};
pub use run::{Apply, OpsError, RunOptions, Services, run};
pub use tag_file_registry::TagFileRegistry;
pub use tags::{ListedTags, TagsSubject, TagsTarget, decisive_tags, find_subjects, list_tags};

/// What is wrong with a refspec, for `create`; see `source`. `branches` are those that an automation
/// has: the one it pushes, and the one it checks out.
pub fn refspec_problem(refspec: &str, branches: &[String]) -> Option<String> {
    source::refspec_problem(refspec, branches)
}

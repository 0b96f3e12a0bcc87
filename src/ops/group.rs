//! Automations that share a fetch.

use std::collections::BTreeMap;

use super::signing::Signer;
use super::source::Target;
use crate::api::{ImageRef, ImageUpdateAutomation};
use crate::key::TreePath;
use crate::ports::{CheckoutReference, GitSource};
use crate::setters::SetterTable;
use crate::template::commit::CommitTemplate;

/// One automation, everything checked that can be checked without its tree.
pub(super) struct Job {
    /// Position among the run's automations.
    pub(super) index: usize,
    /// The object.
    pub(super) object: ImageUpdateAutomation,
    /// Key to sign with.
    pub(super) signer: Signer,
    /// What markers become.
    pub(super) setters: SetterTable,
    /// The policies it looks at, with what they chose.
    pub(super) observed: Vec<(String, ImageRef)>,
    /// The message's template, parsed and checked.
    pub(super) template: CommitTemplate,
    /// `.Values` of the template.
    pub(super) values: Option<BTreeMap<String, String>>,
    /// Folder or file below which markers count.
    pub(super) path: TreePath,
}

/// Jobs on one revision of one repository: one fetch, and one push for each branch.
pub(super) struct Group {
    /// The repository.
    pub(super) source: GitSource,
    /// What is checked out.
    pub(super) checkout: CheckoutReference,
    /// The branch that is pushed.
    pub(super) push_branch: String,
    /// Whether the push branch, where it exists, is continued instead of the checkout.
    pub(super) continues: bool,
    /// Whether an existing push branch is replaced (D7).
    pub(super) replaces: bool,
    /// Whether the checkout is on no branch and stays there, so that nothing can be pushed.
    pub(super) detached: bool,
    /// Refspecs besides the branch.
    pub(super) refspecs: Vec<String>,
    /// Push options.
    pub(super) options: Vec<(String, String)>,
    /// The automations, in order.
    pub(super) jobs: Vec<Job>,
}

/// Sorts jobs into groups; groups and jobs keep their order.
pub(super) fn group(jobs: impl IntoIterator<Item = (GitSource, Target, Job)>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (source, target, job) in jobs {
        let existing = groups.iter_mut().find(|group| {
            group.source == source
                && group.checkout == target.checkout
                && group.push_branch == target.push_branch
                && group.detached == target.is_detached()
                // One push carries one set of refspecs and options; another set pushes after it,
                // by way of the lost race.
                && group.refspecs == target.refspecs
                && group.options == target.options
        });
        match existing {
            Some(group) => group.jobs.push(job),
            None => groups.push(Group {
                source,
                checkout: target.checkout.clone(),
                push_branch: target.push_branch.clone(),
                continues: target.switches && !target.recreates_branch,
                replaces: target.recreates_branch,
                detached: target.is_detached(),
                refspecs: target.refspecs,
                options: target.options,
                jobs: vec![job],
            }),
        }
    }
    groups
}

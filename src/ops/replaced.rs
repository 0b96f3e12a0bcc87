//! A push branch that a run would recreate exactly as it is.
//!
//! After a checkout of a tag the controllers see no branch, so every run of theirs recreates the
//! push branch (D7). Here a branch that already is the tag's tree with the plan's values is left
//! alone: a second run changes nothing.

use super::group::Group;
use super::plan::Overlay;
use super::run::Services;
use crate::key::TreePath;
use crate::model::{Note, Plan};
use crate::ports::{CheckoutReference, FetchRequest, Identity, NewCommit, Snapshot};
use crate::setters;

/// Empties plans whose result the push branch already holds. `checkout` is the tree that they were
/// made on, `after` the content of every file that they change.
pub(super) fn skip_if_equal<'p>(
    services: &Services,
    group: &Group,
    checkout: &dyn Snapshot,
    after: &Overlay,
    plans: impl Iterator<Item = &'p mut Plan>,
) {
    if !group.replaces || after.is_empty() || !is_equal(services, group, checkout, after) {
        return;
    }
    for plan in plans {
        plan.files.clear();
        plan.changes.clear();
        plan.message.clear();
        plan.notes.push(Note::info(
            "push-branch-current",
            format!(
                "branch {} already holds these values on top of the tag",
                group.push_branch
            ),
        ));
    }
}

/// Whether the branch's tree is the checkout's with the plan's files in it.
fn is_equal(services: &Services, group: &Group, checkout: &dyn Snapshot, after: &Overlay) -> bool {
    let paths: Vec<TreePath> = group.jobs.iter().map(|job| job.path.clone()).collect();
    let branch = CheckoutReference::Branch(group.push_branch.clone());
    let fetched = services.git.fetch(&FetchRequest {
        source: &group.source,
        checkout: &branch,
        push_branch: None,
        paths: &paths,
        wanted: &setters::is_candidate,
        choose_tag: &|_| None,
        progress: services.progress.as_ref(),
        cancellation: &services.cancellation,
    });
    // A branch that is not there is made; any other trouble shows again when it is pushed.
    let Ok(mut tip) = fetched else { return false };
    let same = |(path, bytes): (&TreePath, &Vec<u8>)| tip.read(path).is_ok_and(|at| at == *bytes);
    if !after.iter().all(same) {
        return false;
    }
    let before: Option<Vec<(TreePath, Vec<u8>)>> = after
        .keys()
        .map(|path| Some((path.clone(), checkout.read(path).ok()?)))
        .collect();
    let Some(files) = before else { return false };
    // With the old values in place both trees must be one. The commit stays here.
    let undone = tip.commit(&NewCommit {
        files,
        message: String::new(),
        author: Identity::default(),
        seconds: 0,
        offset: 0,
        signing_key: None,
    });
    undone.is_ok() && tip.tree() == checkout.tree()
}

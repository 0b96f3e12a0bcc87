//! The checkout that the user stands in.

use thiserror::Error;

use super::{Identity, PushReport, Tree};
use crate::key::TreePath;
use crate::splice::Patch;

/// Where HEAD is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// On a branch, perhaps one without a commit.
    Branch {
        /// Short name.
        name: String,
        /// Hex id, unless the branch is unborn.
        commit: Option<String>,
    },
    /// On no branch.
    Detached {
        /// Hex id.
        commit: String,
    },
    /// The folder is not inside a Git repository.
    None,
}

/// One file to write. Nothing is written when the file is no longer the one the patch is for.
#[derive(Clone, Debug)]
pub struct FileWrite {
    /// Path.
    pub path: TreePath,
    /// How it changes.
    pub patch: Patch,
}

/// A commit of files that were written before.
#[derive(Clone, Debug)]
pub struct WorktreeCommit {
    /// Files; other staged entries stay staged.
    pub paths: Vec<TreePath>,
    /// Message, verbatim.
    pub message: String,
    /// Author; the committer is the user.
    pub author: Identity,
}

/// Why the worktree could not be changed.
#[derive(Debug, Error)]
pub enum WorktreeError {
    /// The state of the checkout forbids it, for example a rebase in progress.
    #[error("{0}")]
    State(String),
    /// A file changed between planning and writing.
    #[error("{0} changed while the run was planned; nothing was written")]
    Changed(TreePath),
    /// A file could not be written; the ones before it were put back.
    #[error("cannot write {path}")]
    Write {
        /// Which one.
        path: TreePath,
        /// Why.
        #[source]
        source: std::io::Error,
        /// Files that could not be put back either.
        left: Vec<TreePath>,
    },
    /// The user's git failed.
    #[error("{action}")]
    Git {
        /// For example `git commit failed`.
        action: String,
        /// What git printed, not yet sanitised.
        output: String,
    },
}

/// The checkout that the user stands in. Calls block.
pub trait Worktree: Tree {
    /// Where HEAD is.
    fn head(&self) -> Result<Head, WorktreeError>;

    /// Whether a commit of these files can be made; the error names what is in the way.
    fn check_commit(&self, paths: &[TreePath]) -> Result<(), WorktreeError>;

    /// The content of a file in HEAD; `None` when HEAD does not have it.
    fn committed(&self, path: &TreePath) -> Result<Option<Vec<u8>>, WorktreeError>;

    /// Writes all files or none, each by rename, modes kept.
    fn write(&self, files: &[FileWrite]) -> Result<(), WorktreeError>;

    /// Commits with the user's git, hooks and signing configuration. Returns the hex id.
    fn commit(&self, commit: &WorktreeCommit) -> Result<String, WorktreeError>;

    /// Pushes HEAD's branch to its upstream with the user's git.
    fn push(&self) -> Result<PushReport, WorktreeError>;
}

//! A tree of files: a Git revision or a folder on disk.

use thiserror::Error;

use crate::key::TreePath;

/// What a search looks for. The predicate and the token come from the setters engine; the adapter
/// only applies them.
pub struct FileQuery<'a> {
    /// Folder (or single file) to look below.
    pub under: &'a TreePath,
    /// Whether a file of this path is a candidate; also asked for a file that `under` names itself.
    pub wanted: &'a (dyn Fn(&TreePath) -> bool + Sync),
    /// Only files that hold these bytes are handed over.
    pub token: &'a [u8],
}

/// One file that the query found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// Its real path.
    pub path: TreePath,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A symbolic link whose own name is a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where the link is.
    pub path: TreePath,
    /// The file inside the tree that it leads to (through further links), whatever that file's
    /// name; `None` when it leads out of the tree, to a folder or nowhere.
    pub target: Option<TreePath>,
}

/// What a search saw besides the files it handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchReport {
    /// Candidates looked at.
    pub candidates: usize,
    /// Links among the candidates, by path.
    pub links: Vec<Link>,
    /// Files that could not be read, with the reason.
    pub unreadable: Vec<(TreePath, String)>,
}

/// Why a tree could not be read.
#[derive(Debug, Error)]
pub enum TreeError {
    /// The path does not exist.
    #[error("{0}: no such file or directory")]
    NotFound(TreePath),
    /// A file or folder could not be read.
    #[error("cannot read {path}")]
    Read {
        /// Which one.
        path: TreePath,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The run was interrupted.
    #[error("interrupted")]
    Interrupted,
}

/// A tree of files.
pub trait Tree: Send + Sync {
    /// Hands every file that matches to `visit`, from several threads at once and in no order, each
    /// real file once. `.git` is never entered, links to folders are not followed, a link to a file
    /// inside the tree hands over its target. Memory does not grow with the tree.
    fn search(
        &self,
        query: &FileQuery<'_>,
        visit: &(dyn Fn(TreeFile) + Sync),
    ) -> Result<SearchReport, TreeError>;

    /// Reads one regular file.
    fn read(&self, path: &TreePath) -> Result<Vec<u8>, TreeError>;

    /// Resolves a path as Flux's secure join does: links inside the tree are followed, nothing
    /// leaves it. The result need not exist.
    fn resolve(&self, path: &TreePath) -> Result<TreePath, TreeError>;
}

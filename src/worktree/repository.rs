//! The user's checkout as [`Worktree`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::DiskTree;
use super::git::Git;
use super::write::write_all;
use crate::key::TreePath;
use crate::ports::{
    FileQuery, FileWrite, Head, PushReport, SearchReport, Tree, TreeError, TreeFile, Worktree,
    WorktreeCommit, WorktreeError,
};

/// Files and folders of the Git directory that tell of work half done.
const UNFINISHED: &[(&str, &str)] = &[
    ("MERGE_HEAD", "a merge"),
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase or an am"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("BISECT_LOG", "a bisect"),
];

/// The checkout that the user stands in.
#[derive(Clone, Debug)]
pub struct UserWorktree {
    tree: DiskTree,
    git: Git,
    /// Top of the checkout; the folder itself when it is in none.
    top: Option<PathBuf>,
}

impl UserWorktree {
    /// Opens the folder, which may be a part of a checkout or in none: paths of automations are then
    /// relative to the top of the checkout, or to the folder.
    pub fn open(
        folder: &Path,
        environment: &[(OsString, OsString)],
    ) -> Result<Self, WorktreeError> {
        let unreadable = |folder: &Path, error: &std::io::Error| {
            WorktreeError::State(format!(
                "cannot open the worktree {}: {error}",
                folder.display()
            ))
        };
        DiskTree::new(folder).map_err(|error| unreadable(folder, &error))?;
        let top = Git::new(folder, environment)
            .answer(&["rev-parse", "--show-toplevel"])
            .unwrap_or_default()
            .map(PathBuf::from);
        let root = top.as_deref().unwrap_or(folder);
        let tree = DiskTree::new(root).map_err(|error| unreadable(root, &error))?;
        Ok(Self {
            git: Git::new(tree.root(), environment),
            tree,
            top,
        })
    }

    fn git_dir(&self) -> Result<PathBuf, WorktreeError> {
        let answer = self.git.answer(&["rev-parse", "--absolute-git-dir"])?;
        answer
            .map(PathBuf::from)
            .ok_or_else(|| no_repository(&self.tree))
    }
}

fn no_repository(tree: &DiskTree) -> WorktreeError {
    WorktreeError::State(format!(
        "{} is not inside a Git repository",
        tree.root().display()
    ))
}

impl Tree for UserWorktree {
    fn search(
        &self,
        query: &FileQuery<'_>,
        visit: &(dyn Fn(TreeFile) + Sync),
    ) -> Result<SearchReport, TreeError> {
        self.tree.search(query, visit)
    }

    fn read(&self, path: &TreePath) -> Result<Vec<u8>, TreeError> {
        self.tree.read(path)
    }

    fn resolve(&self, path: &TreePath) -> Result<TreePath, TreeError> {
        self.tree.resolve(path)
    }
}

impl Worktree for UserWorktree {
    fn head(&self) -> Result<Head, WorktreeError> {
        if self.top.is_none() {
            return Ok(Head::None);
        }
        let commit = self
            .git
            .answer(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?;
        let branch = self
            .git
            .answer(&["symbolic-ref", "--quiet", "--short", "HEAD"])?;
        match (branch, commit) {
            (Some(name), commit) => Ok(Head::Branch { name, commit }),
            (None, Some(commit)) => Ok(Head::Detached { commit }),
            (None, None) => Ok(Head::None),
        }
    }

    fn check_commit(&self) -> Result<(), WorktreeError> {
        match self.head()? {
            Head::None => return Err(no_repository(&self.tree)),
            Head::Detached { commit } => {
                return Err(WorktreeError::State(format!(
                    "HEAD is detached at {commit}, so a commit would belong to no branch; check a \
                     branch out first"
                )));
            }
            Head::Branch { .. } => {}
        }
        let git_dir = self.git_dir()?;
        for (name, what) in UNFINISHED {
            if git_dir.join(name).exists() {
                return Err(WorktreeError::State(format!(
                    "{what} is in progress in {}; finish or abort it first",
                    self.tree.root().display()
                )));
            }
        }
        Ok(())
    }

    fn committed(&self, path: &TreePath) -> Result<Option<Vec<u8>>, WorktreeError> {
        if self.top.is_none() {
            return Ok(None);
        }
        // `--filters` gives the content as a checkout would write it, so that autocrlf is no change.
        let object = format!("HEAD:{}", path.as_str());
        let output = self.git.output(&["cat-file", "--filters", &object])?;
        Ok(output.status.success().then_some(output.stdout))
    }

    fn write(&self, files: &[FileWrite]) -> Result<(), WorktreeError> {
        write_all(&self.tree, files)
    }

    fn commit(&self, commit: &WorktreeCommit) -> Result<String, WorktreeError> {
        let author = format!("{} <{}>", commit.author.name, commit.author.email);
        let author = format!("--author={author}");
        // `--only` commits these paths and leaves other staged entries staged; `--cleanup=verbatim`
        // keeps the message as it is.
        let mut arguments = vec![
            "--literal-pathspecs",
            "commit",
            "--only",
            "--quiet",
            "--allow-empty-message",
            "--cleanup=verbatim",
            "--file=-",
            &author,
            "--",
        ];
        arguments.extend(commit.paths.iter().map(TreePath::as_str));
        self.git
            .run("git commit", &arguments, commit.message.as_bytes())?;
        let id = self.git.answer(&["rev-parse", "--verify", "HEAD"])?;
        id.ok_or_else(|| no_repository(&self.tree))
    }

    fn push(&self) -> Result<PushReport, WorktreeError> {
        let Head::Branch {
            name,
            commit: Some(commit),
        } = self.head()?
        else {
            return Err(WorktreeError::State(
                "there is no branch to push".to_owned(),
            ));
        };
        let remote = self
            .git
            .answer(&["config", &format!("branch.{name}.remote")])?;
        let merge = self
            .git
            .answer(&["config", &format!("branch.{name}.merge")])?;
        let (Some(remote), Some(merge)) = (remote, merge) else {
            return Err(WorktreeError::State(format!(
                "branch {name} has no upstream; set one with 'git push --set-upstream'"
            )));
        };
        let refspec = format!("refs/heads/{name}:{merge}");
        let output = self
            .git
            .run("git push", &["push", "--quiet", &remote, &refspec], b"")?;
        let messages = String::from_utf8_lossy(&output.stderr)
            .lines()
            .map(|line| {
                line.strip_prefix("remote: ")
                    .unwrap_or(line)
                    .trim_end()
                    .to_owned()
            })
            .collect();
        let branch = merge
            .strip_prefix("refs/heads/")
            .unwrap_or(&merge)
            .to_owned();
        Ok(PushReport {
            commit,
            updated: vec![branch],
            messages,
            pack_bytes: 0,
        })
    }
}

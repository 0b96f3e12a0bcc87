//! The user's checkout as [`Worktree`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::DiskTree;
use super::git::Git;
use super::obstacles;
use super::write::write_all;
use crate::key::TreePath;
use crate::ports::{
    FileQuery, FileWrite, Head, PushReport, SearchReport, Tree, TreeError, TreeFile, Worktree,
    WorktreeCommit, WorktreeError,
};

/// The checkout that the user stands in.
#[derive(Clone, Debug)]
pub struct UserWorktree {
    tree: DiskTree,
    git: Git,
    /// Top of the checkout; the folder itself when it is in none.
    top: Option<PathBuf>,
    /// Why git does not take the folder for a part of a checkout, when there is a reason to tell.
    refusal: Option<String>,
}

/// The top of the checkout that the folder is a part of, or why git refuses to say.
fn find_top(
    folder: &Path,
    environment: &[(OsString, OsString)],
) -> (Option<PathBuf>, Option<String>) {
    let asked = Git::new(folder, environment).output(&["rev-parse", "--show-toplevel"]);
    match asked {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            (Some(PathBuf::from(text.trim_end_matches('\n'))), None)
        }
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            let refusal = (!text.contains("not a git repository"))
                .then(|| text.lines().next().unwrap_or_default().to_owned());
            (None, refusal)
        }
        Err(error) => (None, Some(error.to_string())),
    }
}

/// Whether git may find a checkout for this folder. Starting git only to be told that there is none
/// would cost as much as looking through a thousand files.
fn may_be_checkout(folder: &Path, environment: &[(OsString, OsString)]) -> bool {
    let named = |name: &OsString| name == "GIT_DIR" || name == "GIT_WORK_TREE";
    environment.iter().any(|(name, _)| named(name))
        || folder
            .ancestors()
            .any(|above| above.join(".git").symlink_metadata().is_ok())
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
        let given = DiskTree::new(folder).map_err(|error| unreadable(folder, &error))?;
        let (top, refusal) = if may_be_checkout(given.root(), environment) {
            find_top(folder, environment)
        } else {
            (None, None)
        };
        let root = top.as_deref().unwrap_or(folder);
        let tree = DiskTree::new(root).map_err(|error| unreadable(root, &error))?;
        Ok(Self {
            git: Git::new(tree.root(), environment),
            tree,
            top,
            refusal,
        })
    }

    fn git_dir(&self) -> Result<PathBuf, WorktreeError> {
        let answer = self.git.answer(&["rev-parse", "--absolute-git-dir"])?;
        answer
            .map(PathBuf::from)
            .ok_or_else(|| self.no_repository())
    }

    /// Candidates that a sparse checkout leaves out, so that their markers are not seen.
    fn left_out(&self, query: &FileQuery<'_>) -> Option<(TreePath, String)> {
        let sparse = self
            .git
            .answer(&["config", "--bool", "core.sparseCheckout"]);
        if self.top.is_none() || sparse.ok().flatten().as_deref() != Some("true") {
            return None;
        }
        let mut arguments = vec!["--literal-pathspecs", "ls-files", "-t", "-z"];
        if !query.under.is_root() {
            arguments.extend(["--", query.under.as_str()]);
        }
        let listed = self.git.output(&arguments).ok()?;
        let text = String::from_utf8_lossy(&listed.stdout);
        let count = text
            .split('\0')
            .filter_map(|entry| entry.strip_prefix("S "))
            .map(TreePath::clamp)
            .filter(|path| (query.wanted)(path) && !self.tree.on_disk(path).exists())
            .count();
        (count > 0).then(|| {
            let text = format!(
                "{count} candidates are outside the sparse checkout and were not looked at"
            );
            (query.under.clone(), text)
        })
    }

    fn no_repository(&self) -> WorktreeError {
        let folder = self.tree.root().display();
        WorktreeError::State(match &self.refusal {
            Some(refusal) => format!("git does not work in {folder}: {refusal}"),
            None => format!("{folder} is not inside a Git repository"),
        })
    }
}

impl Tree for UserWorktree {
    fn search(
        &self,
        query: &FileQuery<'_>,
        visit: &(dyn Fn(TreeFile) + Sync),
    ) -> Result<SearchReport, TreeError> {
        let mut report = self.tree.search(query, visit)?;
        if let Some(left_out) = self.left_out(query) {
            report.unreadable.push(left_out);
        }
        Ok(report)
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

    fn check_commit(&self, paths: &[TreePath]) -> Result<(), WorktreeError> {
        match self.head()? {
            Head::None => return Err(self.no_repository()),
            Head::Detached { commit } => {
                return Err(WorktreeError::State(format!(
                    "HEAD is detached at {commit}, so a commit would belong to no branch; check a \
                     branch out first"
                )));
            }
            Head::Branch { .. } => {}
        }
        obstacles::check(&self.git, &self.git_dir()?, &self.tree, paths)
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
        // git commits under no empty name, which the controllers do.
        let name = match commit.author.name.trim() {
            "" => commit.author.email.as_str(),
            name => name,
        };
        let author = format!("{name} <{}>", commit.author.email);
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
        id.ok_or_else(|| self.no_repository())
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

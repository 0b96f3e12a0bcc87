//! What stands in the way of a commit, told before a file is touched.
//!
//! For: work half done, entries that the user staged, and files that git would not commit.
//! Refuses: to clear anything away.

use std::path::Path;

use super::DiskTree;
use super::git::Git;
use crate::key::TreePath;
use crate::ports::WorktreeError;

/// Files and folders of the Git directory that tell of work half done.
const UNFINISHED: &[(&str, &str)] = &[
    ("MERGE_HEAD", "a merge"),
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase or an am"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("sequencer", "a cherry-pick or a revert of several commits"),
    ("BISECT_LOG", "a bisect"),
];

fn state<T>(text: String) -> Result<T, WorktreeError> {
    Err(WorktreeError::State(text))
}

/// Checks a checkout whose HEAD is on a branch.
pub(super) fn check(
    git: &Git,
    git_dir: &Path,
    tree: &DiskTree,
    paths: &[TreePath],
) -> Result<(), WorktreeError> {
    let root = tree.root().display();
    for (name, what) in UNFINISHED {
        if git_dir.join(name).exists() {
            return state(format!(
                "{what} is in progress in {root}; finish or abort it first"
            ));
        }
    }
    let lock = git_dir.join("index.lock");
    if lock.exists() {
        return state(format!(
            "another git is at work in {root}, or died there and left {}",
            lock.display()
        ));
    }
    let unmerged = names(git, &["diff", "--name-only", "--diff-filter=U", "-z"], &[])?;
    if let Some(path) = unmerged.first() {
        return state(format!("{path} has conflicts that are not resolved"));
    }
    check_committer(git)?;
    if paths.is_empty() {
        return Ok(());
    }
    let staged = names(git, &["diff", "--cached", "--name-only", "-z"], paths)?;
    if let Some(path) = staged.first() {
        return state(format!(
            "{path} has staged changes, which a commit of the edit would take along; commit or \
             unstage them first"
        ));
    }
    check_flags(git, paths)?;
    check_case(git, paths)
}

/// git refuses to commit for nobody.
fn check_committer(git: &Git) -> Result<(), WorktreeError> {
    let output = git.output(&["var", "GIT_COMMITTER_IDENT"])?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rev().find(|line| line.contains("fatal: "));
    state(format!(
        "git does not know who commits ({}); set user.name and user.email",
        last.unwrap_or("no identity").trim_start_matches("fatal: ")
    ))
}

/// Index flags that make git look away from a file.
fn check_flags(git: &Git, paths: &[TreePath]) -> Result<(), WorktreeError> {
    for entry in names(git, &["ls-files", "-v", "-z"], paths)? {
        let Some((flag, path)) = entry.split_once(' ') else {
            continue;
        };
        if flag.eq_ignore_ascii_case("S") {
            return state(format!(
                "{path} is outside the sparse checkout, so git does not commit it; add it with \
                 'git sparse-checkout add'"
            ));
        }
        if flag.starts_with(|c: char| c.is_ascii_lowercase()) {
            return state(format!(
                "{path} is marked as unchanged; undo it with 'git update-index --no-assume-unchanged'"
            ));
        }
    }
    Ok(())
}

/// On disks that do not tell cases apart a file may have another name for git than on disk.
fn check_case(git: &Git, paths: &[TreePath]) -> Result<(), WorktreeError> {
    let ignores = git.answer(&["config", "--bool", "core.ignoreCase"])?;
    if ignores.as_deref() != Some("true") {
        return Ok(());
    }
    for path in paths {
        let pathspec = format!(":(top,icase,literal){path}");
        let output = git.output(&["ls-files", "-z", "--", &pathspec])?;
        let text = String::from_utf8_lossy(&output.stdout);
        let other = text
            .split('\0')
            .find(|name| !name.is_empty() && *name != path.as_str());
        if let Some(other) = other {
            return state(format!(
                "{path} is also {other} to git, and this disk does not tell cases apart; rename one \
                 of them first"
            ));
        }
    }
    Ok(())
}

/// What a git command lists, separated by zero bytes.
fn names(git: &Git, arguments: &[&str], paths: &[TreePath]) -> Result<Vec<String>, WorktreeError> {
    let mut all = vec!["--literal-pathspecs"];
    all.extend(arguments);
    if !paths.is_empty() {
        all.push("--");
        all.extend(paths.iter().map(TreePath::as_str));
    }
    let output = git.run(&format!("git {}", arguments[0]), &all, b"")?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}

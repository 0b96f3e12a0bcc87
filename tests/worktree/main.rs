//! The worktree adapter on real repositories.

#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    unreachable_pub,
    dead_code,
    reason = "tests panic on purpose"
)]

#[path = "../git/product.rs"]
mod product;
#[path = "../support/mod.rs"]
mod support;

mod commits;
mod edits;
mod stage;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use kubectl_imageupdate::key::TreePath;
use kubectl_imageupdate::ports::{
    FileWrite, Head, Identity, Worktree, WorktreeCommit, WorktreeError,
};
use kubectl_imageupdate::splice::{Patch, Splice};
use kubectl_imageupdate::worktree::UserWorktree;

struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    /// A repository whose branch main has `a.yaml` and `b.yaml`.
    fn new() -> Self {
        let checkout = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        checkout.git(&["init", "-q", "-b", "main"]);
        checkout.write("a.yaml", "a: 1\n");
        checkout.write("b.yaml", "b: 1\n");
        checkout.git(&["add", "."]);
        checkout.git(&["commit", "-q", "-m", "Seed"]);
        checkout
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let home = self.path().to_owned().into_os_string();
        let path = std::env::var_os("PATH").unwrap();
        [
            ("HOME", home),
            ("PATH", path),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_COMMITTER_NAME", "User".into()),
            ("GIT_COMMITTER_EMAIL", "user@example.com".into()),
            ("GIT_AUTHOR_NAME", "User".into()),
            ("GIT_AUTHOR_EMAIL", "user@example.com".into()),
        ]
        .map(|(name, value)| (name.into(), value))
        .to_vec()
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .envs(self.environment())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    fn open(&self) -> UserWorktree {
        UserWorktree::open(self.path(), &self.environment()).unwrap()
    }
}

fn write(path: &str, before: &str, after: &str) -> FileWrite {
    let whole = Splice {
        start: 0,
        old: before.as_bytes().into(),
        new: after.as_bytes().into(),
    };
    FileWrite {
        path: TreePath::clamp(path),
        patch: Patch::new(before.as_bytes(), vec![whole]).unwrap(),
    }
}

fn commit_of(paths: &[&str]) -> WorktreeCommit {
    WorktreeCommit {
        paths: paths.iter().map(|path| TreePath::clamp(path)).collect(),
        message: "Update\n\n# not a comment\n".into(),
        author: Identity {
            name: "bot".into(),
            email: "bot@example.com".into(),
        },
    }
}

#[test]
fn files_are_written_and_modes_kept() {
    let checkout = Checkout::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let path = checkout.path().join("a.yaml");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        checkout
            .open()
            .write(&[write("a.yaml", "a: 1\n", "a: 2\n")])
            .unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o755
        );
    }
    assert_eq!(checkout.read("a.yaml"), "a: 2\n");
    assert_eq!(checkout.git(&["status", "--porcelain"]).trim(), "M a.yaml");
}

#[test]
fn a_file_that_changed_meanwhile_leaves_all_files_as_they_are() {
    let checkout = Checkout::new();
    checkout.write("b.yaml", "b: mine\n");
    let writes = [
        write("a.yaml", "a: 1\n", "a: 2\n"),
        write("b.yaml", "b: 1\n", "b: 2\n"),
    ];
    let error = checkout.open().write(&writes).unwrap_err();
    assert!(matches!(error, WorktreeError::Changed(path) if path.as_str() == "b.yaml"));
    assert_eq!(checkout.read("a.yaml"), "a: 1\n");
    assert_eq!(checkout.read("b.yaml"), "b: mine\n");
}

#[test]
fn a_read_only_file_leaves_all_files_as_they_are() {
    let checkout = Checkout::new();
    let path = checkout.path().join("b.yaml");
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let writes = [
        write("a.yaml", "a: 1\n", "a: 2\n"),
        write("b.yaml", "b: 1\n", "b: 2\n"),
    ];
    let error = checkout.open().write(&writes).unwrap_err();
    assert!(matches!(error, WorktreeError::Write { path, .. } if path.as_str() == "b.yaml"));
    assert_eq!(checkout.read("a.yaml"), "a: 1\n");
    let left = fs::read_dir(checkout.path()).unwrap().flatten();
    assert!(
        !left
            .into_iter()
            .any(|e| e.file_name().to_string_lossy().starts_with(".imageupdate"))
    );
}

#[test]
fn a_commit_holds_the_named_files_and_leaves_staged_ones_staged() {
    let checkout = Checkout::new();
    checkout.write("staged.txt", "x");
    checkout.git(&["add", "staged.txt"]);
    checkout.write("a.yaml", "a: 2\n");
    let worktree = checkout.open();
    worktree.check_commit(&[]).unwrap();
    let id = worktree.commit(&commit_of(&["a.yaml"])).unwrap();
    assert_eq!(checkout.git(&["rev-parse", "HEAD"]).trim(), id);
    let shown = checkout.git(&["show", "--format=%an <%ae>|%cn|%B|", "--name-only", "HEAD"]);
    assert_eq!(
        shown,
        "bot <bot@example.com>|User|Update\n\n# not a comment\n|\n\na.yaml\n"
    );
    assert_eq!(
        checkout.git(&["status", "--porcelain"]).trim(),
        "A  staged.txt"
    );
}

#[test]
fn hooks_of_the_user_decide() {
    let checkout = Checkout::new();
    let hook = checkout.path().join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho not today >&2\nexit 1\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    }
    checkout.write("a.yaml", "a: 2\n");
    let error = checkout.open().commit(&commit_of(&["a.yaml"])).unwrap_err();
    assert!(matches!(error, WorktreeError::Git { output, .. } if output.contains("not today")));
    assert_eq!(checkout.git(&["log", "--oneline"]).lines().count(), 1);
}

#[test]
fn unfinished_work_and_detached_heads_are_refused_by_name() {
    let checkout = Checkout::new();
    let worktree = checkout.open();
    fs::write(checkout.path().join(".git/MERGE_HEAD"), "").unwrap();
    assert!(
        worktree
            .check_commit(&[])
            .unwrap_err()
            .to_string()
            .contains("a merge is in progress")
    );
    fs::remove_file(checkout.path().join(".git/MERGE_HEAD")).unwrap();
    checkout.git(&["checkout", "-q", "--detach"]);
    assert!(
        worktree
            .check_commit(&[])
            .unwrap_err()
            .to_string()
            .contains("HEAD is detached")
    );
    assert!(matches!(worktree.head().unwrap(), Head::Detached { .. }));
}

#[test]
fn a_folder_outside_every_repository_can_be_edited_and_not_committed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), "a: 1\n").unwrap();
    let checkout = Checkout::new();
    let worktree = UserWorktree::open(folder.path(), &checkout.environment()).unwrap();
    worktree
        .write(&[write("a.yaml", "a: 1\n", "a: 2\n")])
        .unwrap();
    assert_eq!(worktree.head().unwrap(), Head::None);
    assert!(
        worktree
            .check_commit(&[])
            .unwrap_err()
            .to_string()
            .contains("not inside a Git repository")
    );
}

#[test]
fn committed_content_is_seen_as_a_checkout_writes_it() {
    let checkout = Checkout::new();
    checkout.git(&["config", "core.autocrlf", "true"]);
    let worktree = checkout.open();
    let committed = worktree.committed(&TreePath::clamp("a.yaml")).unwrap();
    assert_eq!(committed.as_deref(), Some(&b"a: 1\r\n"[..]));
    assert_eq!(
        worktree.committed(&TreePath::clamp("missing")).unwrap(),
        None
    );
}

#[test]
fn a_push_goes_to_the_upstream_and_says_when_there_is_none() {
    let checkout = Checkout::new();
    let worktree = checkout.open();
    let error = worktree.push().unwrap_err().to_string();
    assert!(error.contains("has no upstream"), "{error}");
    let bare = tempfile::tempdir().unwrap();
    let url = bare.path().to_str().unwrap().to_owned();
    checkout.git(&["init", "-q", "--bare", &url]);
    checkout.git(&["push", "-q", "--set-upstream", &url, "main"]);
    checkout.git(&["remote", "add", "origin", &url]);
    checkout.git(&["config", "branch.main.remote", "origin"]);
    checkout.git(&["config", "branch.main.merge", "refs/heads/trunk"]);
    let report = worktree.push().unwrap();
    assert_eq!(report.updated, ["trunk"]);
    assert_eq!(
        checkout.git(&["ls-remote", &url, "refs/heads/trunk"])[..40],
        report.commit
    );
}

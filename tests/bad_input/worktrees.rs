//! Checkouts that are read-only, dirty, or on a full disk.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::stage::{Stage, assert_fails};
use crate::support::git_repository;
use crate::support::program::Answer;

/// A clone of the stage's repository inside the program's folder.
fn checkout(stage: &Stage) -> PathBuf {
    let folder = stage.program.path().join("checkout");
    let cloned = git_repository::git(
        stage.program.path(),
        &["clone", "-q", &stage.fleet.file_url(), "checkout"],
    );
    assert!(cloned.status.success(), "{cloned:?}");
    for (key, value) in [("user.name", "Me"), ("user.email", "me@example.com")] {
        let set = git_repository::git(&folder, &["config", key, value]);
        assert!(set.status.success(), "{set:?}");
    }
    folder
}

#[test]
fn a_worktree_that_cannot_be_written_is_named_and_stays_as_it_was() {
    let stage = Stage::new();
    let folder = checkout(&stage);
    let file = folder.join("apps/app.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(folder.join("apps"), fs::Permissions::from_mode(0o555)).unwrap();
    let answer = unprivileged(
        &stage,
        &["reconcile", "-f", "objects", "--worktree", "checkout"],
    );
    assert_fails(&answer, 1, &["apps/app.yaml", "read-only"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), stage.before);
    fs::set_permissions(folder.join("apps"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(fs::read_dir(folder.join("apps")).unwrap().count(), 1);
}

/// Runs the program as a user whom permissions bind: root is above them.
fn unprivileged(stage: &Stage, arguments: &[&str]) -> Answer {
    let id = String::from_utf8(Command::new("id").arg("-u").output().unwrap().stdout).unwrap();
    if id.trim() != "0" {
        return stage.program.run(arguments);
    }
    let copy = stage.program.path().join("program");
    fs::copy(env!("CARGO_BIN_EXE_kubectl-imageupdate"), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(stage.program.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // git asks whose the checkout is.
    let mut command = stage.program.command::<&str>(&[]);
    let variables: Vec<_> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    command = Command::new("setpriv");
    let output = command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&copy)
        .args(arguments)
        .current_dir(stage.program.path())
        .env_clear()
        .envs(variables)
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .output()
        .expect("setpriv of util-linux");
    output.into()
}

#[test]
fn edits_of_the_user_are_kept_beside_ours() {
    let stage = Stage::new();
    let folder = checkout(&stage);
    let file = folder.join("apps/app.yaml");
    fs::write(&file, format!("# mine\n{}", stage.before)).unwrap();
    stage
        .program
        .ok(&["reconcile", "-f", "objects", "--worktree", "checkout"]);
    let edited = stage.before.replace("1.0.0", "1.1.0");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        format!("# mine\n{edited}")
    );
}

#[test]
fn a_file_with_an_uncommitted_change_to_the_same_line_is_refused_by_name() {
    let stage = Stage::new();
    let folder = checkout(&stage);
    let file = folder.join("apps/app.yaml");
    let mine = stage.before.replace("1.0.0", "0.9.0");
    fs::write(&file, &mine).unwrap();
    let answer = stage
        .program
        .run(&["reconcile", "-f", "objects", "--worktree", "checkout"]);
    assert_fails(&answer, 1, &["apps/app.yaml:2", "uncommitted"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), mine);
}

#[test]
fn a_commit_refuses_a_file_that_has_other_changes() {
    let stage = Stage::new();
    let folder = checkout(&stage);
    let file = folder.join("apps/app.yaml");
    let mine = format!("# mine\n{}", stage.before);
    fs::write(&file, &mine).unwrap();
    let answer = stage.program.run(&[
        "reconcile",
        "-f",
        "objects",
        "--worktree",
        "checkout",
        "--commit",
    ]);
    assert_fails(&answer, 1, &["apps/app.yaml", "uncommitted"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), mine);
    let count = git_repository::git(&folder, &["rev-list", "--count", "HEAD"]);
    assert_eq!(String::from_utf8_lossy(&count.stdout).trim(), "1");
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let stage = Stage::new();
    // Larger than the limit below, so that the write fails in the middle of the file.
    let padding = "# padding\n".repeat(2000);
    stage.fleet.commit(
        "main",
        "Large",
        &[("apps/app.yaml", format!("{padding}{}", stage.before))],
    );
    let folder = checkout(&stage);
    let file = folder.join("apps/app.yaml");
    let before = fs::read(&file).unwrap();
    // A limit on the size of files stops a write as a full disk does, half way through.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_kubectl-imageupdate"))
        .args(["reconcile", "-f", "objects", "--worktree", "checkout"])
        .current_dir(stage.program.path())
        .env("HOME", stage.program.path().join("home"))
        .output()
        .unwrap();
    assert_fails(&output.into(), 1, &["apps/app.yaml", "too large"]);
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(fs::read_dir(folder.join("apps")).unwrap().count(), 1);
}

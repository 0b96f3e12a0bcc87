//! Commits and pushes with the user's own git.

use std::process::Command;

use crate::product::{bad, good};
use crate::stage::{FILE, MARKED, Stage, updated};
use crate::support::git_repository::git;

#[test]
fn a_commit_holds_the_edits_alone_by_the_automation_for_the_user() {
    let stage = Stage::new();
    stage.write("README.md", "mine\n");
    stage.git(&["add", "README.md"]);
    stage.write("new.txt", "mine\n");
    let answer = stage.run(&["--commit"]);
    let head = stage.head();
    assert!(
        good(&answer)
            .stdout
            .contains(&format!("committed {}", &head[..7])),
        "{answer:#?}"
    );
    assert_eq!(
        stage.git(&[
            "show",
            "--name-only",
            "--format=%an <%ae>|%cn <%ce>|%s",
            "HEAD"
        ]),
        format!(
            "flux <flux@example.com>|User <user@example.com>|Update from image update automation\n\n{FILE}\n"
        )
    );
    assert_eq!(
        stage.git(&["show", &format!("HEAD:{FILE}")]),
        updated("2.0")
    );
    assert_eq!(stage.status(), "M  README.md\n?? new.txt\n");
    // Not pushed: nobody asked for it.
    assert_eq!(stage.upstream.show("main", FILE), MARKED);
    stage.assert_sound();
}

#[test]
fn an_automation_without_a_name_commits_under_its_address() {
    let stage = Stage::new();
    let yaml = Stage::objects()
        .yaml()
        .replace("author: {name: flux, email", "author: {email");
    let file = stage.program.write("nameless.yaml", &yaml);
    let mut arguments = stage.arguments(&["--commit"]);
    arguments.extend(["-f", file.to_str().unwrap()]);
    good(&stage.program.run(&arguments));
    assert_eq!(
        stage.git(&["log", "-1", "--format=%an <%ae>"]),
        "flux@example.com <flux@example.com>\n"
    );
}

#[test]
fn files_with_changes_of_the_users_are_refused_by_name() {
    let stage = Stage::new();
    let refused = |expected: &str| {
        let (head, status, text) = (stage.head(), stage.status(), stage.read(FILE));
        let answer = stage.run(&["--commit"]);
        bad(&answer, expected);
        assert_eq!(
            (stage.head(), stage.status(), stage.read(FILE)),
            (head, status, text)
        );
    };
    stage.write(FILE, &format!("{MARKED}# mine\n"));
    refused(&format!(
        "{FILE} has other uncommitted changes; nothing was written"
    ));
    stage.git(&["add", FILE]);
    refused(&format!("{FILE} has staged changes"));
    // Staged, and taken back on disk: the commit would have dropped what is staged.
    stage.write(FILE, MARKED);
    refused(&format!("{FILE} has staged changes"));
    stage.git(&["reset", "-q", "--hard"]);
    stage.write("clusters/my-cluster/new.yaml", MARKED);
    refused("clusters/my-cluster/new.yaml is not committed yet; nothing was written");
    stage.git(&["clean", "-qfd"]);
    stage.git(&["update-index", "--assume-unchanged", FILE]);
    refused(&format!("{FILE} is marked as unchanged"));
    stage.git(&["update-index", "--no-assume-unchanged", FILE]);
    good(&stage.run(&["--commit"]));
    stage.assert_sound();
}

#[test]
fn work_half_done_is_refused_by_name_and_left_as_it_is() {
    let stage = Stage::new();
    // Two branches that do not agree about the README.
    for (branch, text) in [("theirs", "theirs\n"), ("main", "ours\n")] {
        stage.git(&["checkout", "-q", "-B", branch, "origin/main"]);
        stage.write("README.md", text);
        stage.git(&["commit", "-q", "-am", branch]);
    }
    let refused = |expected: &str| {
        let status = stage.status();
        bad(&stage.run(&["--commit"]), expected);
        assert_eq!(stage.status(), status);
        assert_eq!(stage.read(FILE), MARKED);
    };
    stage.try_git(&["merge", "-q", "theirs"]);
    refused("a merge is in progress");
    stage.git(&["merge", "--abort"]);
    stage.try_git(&["rebase", "-q", "theirs"]);
    // A rebase detaches HEAD.
    refused("HEAD is detached");
    stage.git(&["rebase", "--abort"]);
    stage.try_git(&["cherry-pick", "theirs"]);
    refused("a cherry-pick is in progress");
    stage.git(&["cherry-pick", "--abort"]);
    let patch = stage.git(&["format-patch", "--stdout", "-1", "theirs"]);
    stage.program.write("patch", &patch);
    stage.try_git(&["am", "-q", "../patch"]);
    refused("a rebase or an am is in progress");
    stage.git(&["am", "--abort"]);
    stage.git(&["bisect", "start"]);
    refused("a bisect is in progress");
    stage.git(&["bisect", "reset"]);
    // Conflicts without a merge, as a stash leaves them.
    stage.write("README.md", "stashed\n");
    stage.git(&["stash", "-q"]);
    stage.git(&["checkout", "-q", "theirs"]);
    stage.try_git(&["stash", "pop", "-q"]);
    refused("README.md has conflicts that are not resolved");
    stage.git(&["reset", "-q", "--hard"]);
    stage.git(&["checkout", "-q", "main"]);
    stage.write(".git/index.lock", "");
    refused("another git is at work");
    std::fs::remove_file(stage.checkout().join(".git/index.lock")).unwrap();
    stage.git(&["checkout", "-q", "--detach"]);
    refused("check a branch out first");
    stage.git(&["checkout", "-q", "main"]);
    good(&stage.run(&["--commit"]));
    stage.assert_sound();
}

#[test]
fn a_branch_without_a_commit_and_a_folder_without_a_repository_are_refused_by_name() {
    let stage = Stage::new();
    stage.git(&["checkout", "-q", "--orphan", "fresh"]);
    bad(
        &stage.run(&["--commit"]),
        &format!("{FILE} has staged changes"),
    );
    stage.git(&["rm", "-rq", "--cached", "."]);
    bad(
        &stage.run(&["--commit"]),
        &format!("{FILE} is not committed yet"),
    );
    std::fs::remove_dir_all(stage.checkout().join(".git")).unwrap();
    bad(&stage.run(&["--commit"]), "is not inside a Git repository");
    good(&stage.run(&[]));
    assert_eq!(stage.read(FILE), updated("2.0"));
}

#[test]
fn a_user_whom_git_does_not_know_is_told_before_anything_is_written() {
    let stage = Stage::new();
    stage.git(&["config", "--unset", "user.email"]);
    stage.git(&["config", "user.useConfigOnly", "true"]);
    bad(&stage.run(&["--commit"]), "git does not know who commits");
    assert_eq!(stage.status(), "");
}

#[test]
fn a_disk_that_does_not_tell_cases_apart_is_no_trap() {
    let stage = Stage::new();
    // As on such a disk: git knows the file by another name than the one that is found.
    stage.git(&["config", "core.ignoreCase", "true"]);
    let other = FILE.replace("app", "App");
    stage.git(&["mv", FILE, &other]);
    stage.git(&["commit", "-q", "-m", "renamed"]);
    std::fs::rename(stage.checkout().join(&other), stage.checkout().join(FILE)).unwrap();
    let head = stage.head();
    bad(
        &stage.run(&["--commit"]),
        &format!("{FILE} is also {other} to git"),
    );
    assert_eq!((stage.head(), stage.read(FILE)), (head, MARKED.to_owned()));
}

#[test]
fn hooks_and_the_users_signature_have_their_say() {
    let stage = Stage::new();
    stage.hook("pre-commit", "echo no commits today >&2; exit 1");
    let head = stage.head();
    let answer = stage.run(&["--commit"]);
    bad(
        &answer,
        "the files are edited and not committed: git commit failed",
    );
    assert!(answer.stderr.contains("no commits today"), "{answer:#?}");
    assert_eq!(stage.head(), head);
    assert_eq!(stage.status(), format!(" M {FILE}\n"));
    stage.git(&["checkout", "-q", "--", FILE]);

    stage.hook("pre-commit", "exit 0");
    stage.hook("commit-msg", "echo 'Reviewed-by: hook' >> \"$1\"");
    let key = stage.program.path().join("signer");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "user", "-f"])
        .arg(&key)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    for (name, value) in [
        ("gpg.format", "ssh"),
        ("user.signingKey", key.to_str().unwrap()),
        ("commit.gpgSign", "true"),
        ("gpg.ssh.allowedSignersFile", "../signers"),
    ] {
        stage.git(&["config", name, value]);
    }
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    stage
        .program
        .write("signers", &format!("user@example.com {public}"));
    good(&stage.run(&["--commit"]));
    stage.git(&["verify-commit", "HEAD"]);
    assert!(
        stage
            .git(&["log", "-1", "--format=%B"])
            .contains("Reviewed-by: hook")
    );
    // A key that is gone: edited and not committed.
    std::fs::remove_file(&key).unwrap();
    let head = stage.head();
    let answer = stage.run_with(&Stage::objects().tag("3.0"), &["--commit"]);
    bad(&answer, "the files are edited and not committed");
    assert_eq!(stage.head(), head);
    stage.assert_sound();
}

#[test]
fn a_push_goes_to_the_upstream_and_tells_what_it_says() {
    let stage = Stage::new();
    stage.upstream.hook("post-receive", "echo thanks");
    let answer = stage.run(&["--commit", "--push"]);
    let head = stage.head();
    assert!(
        good(&answer)
            .stdout
            .contains(&format!("pushed commit {} to branch main", &head[..7])),
        "{answer:#?}"
    );
    assert!(answer.stderr.contains("remote: thanks\n"), "{answer:#?}");
    assert_eq!(stage.upstream.tip("refs/heads/main").unwrap(), head.trim());
    // Git's push settings of the automation do not count here, and that is said.
    let elsewhere = Stage::objects().tag("3.0").git("push: {branch: elsewhere}");
    let answer = stage.run_with(&elsewhere, &["--commit", "--push"]);
    assert!(
        good(&answer)
            .stderr
            .contains("do not count with --worktree"),
        "{answer:#?}"
    );
    assert_eq!(stage.upstream.tip("refs/heads/elsewhere"), None);

    stage
        .upstream
        .hook("update", "echo $1 is protected; exit 1");
    let before = stage.upstream.tip("refs/heads/main");
    let answer = stage.run_with(&Stage::objects().tag("4.0"), &["--commit", "--push"]);
    let head = stage.head();
    bad(
        &answer,
        &format!(
            "commit {} is made and not pushed: git push failed",
            head.trim()
        ),
    );
    assert!(
        answer.stderr.contains("refs/heads/main is protected"),
        "{answer:#?}"
    );
    assert_eq!(stage.upstream.tip("refs/heads/main"), before);
    // Behind its upstream: git refuses, nothing is forced.
    stage.upstream.hook("update", "exit 0");
    stage
        .upstream
        .commit("main", "foreign", &[("x.txt", "y\n")]);
    let answer = stage.run_with(&Stage::objects().tag("5.0"), &["--commit", "--push"]);
    bad(&answer, "is made and not pushed");
    stage.git(&["branch", "-q", "--unset-upstream"]);
    let answer = stage.run_with(&Stage::objects().tag("6.0"), &["--commit", "--push"]);
    bad(&answer, "branch main has no upstream");
    stage.assert_sound();
}

#[test]
fn a_linked_worktree_commits_on_its_own_branch() {
    let stage = Stage::new();
    stage.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let file = stage
        .program
        .write("objects.yaml", &Stage::objects().yaml());
    let arguments = [
        "reconcile",
        "update",
        "--worktree",
        "side",
        "--commit",
        "-f",
    ];
    let mut arguments = arguments.to_vec();
    arguments.push(file.to_str().unwrap());
    // As inside a hook of another repository.
    let mut command = stage.program.command(&arguments);
    command.env("GIT_DIR", stage.program.path().join("nowhere"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let shown = git(&stage.checkout(), &["show", &format!("side:{FILE}")]);
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), updated("2.0"));
    assert_eq!(stage.git(&["show", &format!("main:{FILE}")]), MARKED);
    stage.assert_sound();
}

#[test]
fn ctrl_c_leaves_the_checkout_as_it_was_or_as_it_was_to_be() {
    use std::process::Stdio;
    let stage = Stage::new();
    // A hook that says that it is there and waits to be told to go on.
    let folder = stage.program.path().display().to_string();
    stage.hook(
        "pre-commit",
        &format!("touch {folder}/asked; while ! test -e {folder}/go; do sleep 0.05; done"),
    );
    let file = stage
        .program
        .write("objects.yaml", &Stage::objects().yaml());
    let mut arguments = stage.arguments(&["--commit", "--push", "-f"]);
    arguments.push(file.to_str().unwrap());
    let mut child = stage
        .program
        .command(&arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !stage.program.path().join("asked").exists() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    std::fs::write(stage.program.path().join("go"), "").unwrap();
    let answer = crate::support::program::Answer::from(child.wait_with_output().unwrap());
    // The commit that was under way is made; the push after it is not begun.
    assert_eq!(answer.code, 130, "{answer:#?}");
    assert_eq!(
        stage.git(&["show", &format!("HEAD:{FILE}")]),
        updated("2.0")
    );
    assert_eq!(stage.upstream.show("main", FILE), MARKED);
    assert_eq!(stage.status(), "");
    stage.assert_sound();
}

//! Edits of the files that the user stands in.

use std::process::{Command, Stdio};

use crate::product::{bad, good};
use crate::stage::{FILE, MARKED, Stage, updated};
use crate::support::program::Answer;

#[test]
fn without_commit_only_files_change() {
    let stage = Stage::new();
    stage.write("README.md", "mine\n");
    stage.git(&["add", "README.md"]);
    let head = stage.head();
    let answer = stage.run(&[]);
    assert!(
        good(&answer).stdout.contains(&format!("{FILE} updated")),
        "{answer:#?}"
    );
    assert_eq!(stage.read(FILE), updated("2.0"));
    assert_eq!(stage.read("clusters/other/app.yaml"), MARKED);
    assert_eq!(stage.status(), format!("M  README.md\n M {FILE}\n"));
    assert_eq!(stage.head(), head);
    // Work half done is no obstacle to an edit.
    stage.git(&["reset", "-q", "--hard"]);
    stage.git(&["checkout", "-q", "--detach"]);
    good(&stage.run_with(&Stage::objects().tag("3.0"), &[]));
    assert_eq!(stage.read(FILE), updated("3.0"));
    stage.assert_sound();
}

#[test]
fn the_users_own_changes_survive_and_a_changed_line_is_refused() {
    let stage = Stage::new();
    stage.write(FILE, &format!("# mine\n{MARKED}"));
    good(&stage.run(&[]));
    assert_eq!(stage.read(FILE), format!("# mine\n{}", updated("2.0")));
    // The line itself was edited by hand.
    let by_hand = updated("1.5");
    stage.write(FILE, &by_hand);
    bad(
        &stage.run(&[]),
        &format!("{FILE}:3 has an uncommitted change; nothing was written"),
    );
    assert_eq!(stage.read(FILE), by_hand);
}

#[test]
fn a_dry_run_and_a_diff_write_nothing() {
    let stage = Stage::new();
    let objects = Stage::objects();
    let dry = stage.run(&["--dry-run"]);
    assert!(good(&dry).stdout.contains("+image: app:2.0"), "{dry:#?}");
    let diff = objects.run(&stage.program, &["diff", "--worktree", "checkout"]);
    assert_eq!(diff.code, 1, "{diff:#?}");
    assert_eq!(stage.status(), "");
    // What the diff prints is a patch.
    stage.program.write("patch", &diff.stdout);
    stage.git(&["apply", "--check", "../patch"]);
}

#[test]
fn line_ends_of_the_checkout_are_kept() {
    let stage = Stage::new();
    stage.clone_with(&["-c", "core.autocrlf=true"]);
    let with_returns = MARKED.replace('\n', "\r\n");
    assert_eq!(stage.read(FILE), with_returns);
    good(&stage.run(&["--commit"]));
    assert_eq!(stage.read(FILE), with_returns.replace("app:1.0", "app:2.0"));
    assert_eq!(
        stage.git(&["show", &format!("HEAD:{FILE}")]),
        updated("2.0")
    );
    assert_eq!(stage.status(), "");
    stage.assert_sound();
}

#[test]
fn repositories_inside_the_checkout_are_left_alone() {
    let stage = Stage::new();
    let url = stage.upstream.file_url();
    let inner = "clusters/my-cluster/module";
    let added = stage.try_git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        &url,
        inner,
    ]);
    assert!(added.status.success(), "{added:?}");
    stage.git(&["commit", "-q", "-m", "module"]);
    good(&stage.run(&["--commit"]));
    assert_eq!(stage.read(&format!("{inner}/{FILE}")), MARKED);
    assert_eq!(stage.read(FILE), updated("2.0"));
    assert_eq!(stage.status(), "");
}

/// Runs the program where no file can grow beyond some blocks of 512 bytes.
fn run_on_a_full_disk(stage: &Stage, blocks: u32, flags: &[&str]) -> Answer {
    let objects = stage
        .program
        .write("objects.yaml", &Stage::objects().yaml());
    let mut arguments = stage.arguments(flags);
    arguments.extend(["-f", objects.to_str().unwrap()]);
    let template = stage.program.command(&arguments);
    let output = Command::new("sh")
        .arg("-c")
        // The signal would end the program before it can say what is wrong.
        .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""))
        .arg("sh")
        .arg(template.get_program())
        .args(template.get_args())
        .current_dir(stage.program.path())
        .env_clear()
        .envs(
            template
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Answer::from(output)
}

#[test]
fn a_full_disk_or_a_read_only_file_leaves_all_files_as_they_are() {
    let stage = Stage::new();
    // The first file would fit, the second does not.
    let long = format!("{MARKED}# {}\n", "x".repeat(2_000));
    let second = "clusters/my-cluster/b.yaml";
    stage.write(second, &long);
    stage.git(&["add", "."]);
    stage.git(&["commit", "-q", "-m", "long"]);
    let head = stage.head();
    for flags in [&[][..], &["--commit"]] {
        let answer = run_on_a_full_disk(&stage, 1, flags);
        bad(&answer, &format!("cannot write {second}: File too large"));
        assert_eq!(
            (stage.read(FILE), stage.read(second)),
            (MARKED.to_owned(), long.clone())
        );
        assert_eq!(
            (stage.status(), stage.head()),
            (String::new(), head.clone())
        );
        stage.assert_sound();
    }
    // Full when git wants to write its objects: edited, not committed, and said so.
    stage.git(&["rm", "-q", second]);
    stage.git(&["commit", "-q", "-m", "short"]);
    let head = stage.head();
    let answer = run_on_a_full_disk(&stage, 0, &["--commit"]);
    assert_eq!(answer.code, 1, "{answer:#?}");
    assert_eq!((stage.status(), stage.head()), (String::new(), head));

    let path = stage.checkout().join(FILE);
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).unwrap();
    bad(
        &stage.run(&[]),
        &format!("cannot write {FILE}: the file is read-only"),
    );
    assert_eq!(stage.read(FILE), MARKED);
    stage.assert_sound();
}

#[test]
fn what_a_sparse_checkout_leaves_out_is_said() {
    let stage = Stage::new();
    stage.clone_with(&["--sparse"]);
    stage.git(&["sparse-checkout", "set", "clusters/other"]);
    let all = Stage::objects().path("clusters");
    let answer = stage.run_with(&all, &["--commit"]);
    assert!(
        good(&answer)
            .stderr
            .contains("clusters: 1 candidates are outside the sparse checkout"),
        "{answer:#?}"
    );
    assert_eq!(
        stage.git(&["show", "HEAD:clusters/other/app.yaml"]),
        updated("2.0")
    );
    assert_eq!(stage.git(&["show", &format!("HEAD:{FILE}")]), MARKED);
    assert_eq!(stage.status(), "");
    bad(
        &stage.run_with(&all, &["--strict"]),
        "warnings are failures with --strict",
    );
    // Put there by hand: git takes it for a part of the checkout, and so do we.
    stage.write(FILE, MARKED);
    good(&stage.run(&["--commit"]));
    assert_eq!(
        stage.git(&["show", &format!("HEAD:{FILE}")]),
        updated("2.0")
    );
    assert_eq!(stage.status(), "");
    stage.git(&["fsck", "--full"]);
}

#[test]
fn a_partial_clone_is_edited_and_committed_like_any_other() {
    let stage = Stage::new();
    stage.clone_with(&["--filter=blob:none", "--sparse"]);
    stage.git(&["sparse-checkout", "set", "clusters/my-cluster"]);
    good(&stage.run(&["--commit", "--push"]));
    assert_eq!(stage.upstream.show("main", FILE), updated("2.0"));
    assert_eq!(
        stage.upstream.show("main", "clusters/other/app.yaml"),
        MARKED
    );
    stage.upstream.assert_sound();
}

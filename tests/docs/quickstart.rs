//! The first command of the README, as somebody types it on a machine with Rust and git.

use std::path::Path;
use std::process::Command;

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_quickstart_pushes_a_commit_of_the_marked_scalars_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells a test about its package would make it build half of the dependencies anew.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let place = text == "CARGO_HOME" || text == "CARGO_TARGET_DIR";
        if (text.starts_with("CARGO") && !place) || text == "OUT_DIR" {
            cargo.env_remove(&name);
        }
    }
    let output = cargo
        .args(["run", "--quiet", "--offline", "--example", "quickstart"])
        .current_dir(super::root())
        .env("TMPDIR", folder.path())
        // What a user of Flux may have set must not break a first look.
        .env("FLUX_SYSTEM_NAMESPACE", "apps")
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    for line in [
        "get all -f objects",
        "diff -f objects",
        "reconcile -f objects",
    ] {
        let line = format!("\nkubectl imageupdate {line}\n");
        assert!(shown.contains(&line), "{line}\n{shown}");
    }
    let (_, bare) = shown.rsplit_once("repository  ").unwrap();
    let bare = Path::new(bare.lines().next().unwrap());
    let clone = folder.path().join("clone");
    git(
        folder.path(),
        &[
            "clone",
            "--quiet",
            bare.to_str().unwrap(),
            clone.to_str().unwrap(),
        ],
    );
    assert_eq!(git(&clone, &["rev-list", "--count", "main"]), "2\n");
    let difference = git(&clone, &["diff", "--unified=0", "main~1", "main"]);
    let changed: Vec<&str> = difference
        .lines()
        .filter(|line| line.starts_with(['+', '-']))
        .collect();
    assert_eq!(
        changed,
        [
            "--- a/clusters/my-cluster/kustomization.yaml",
            "+++ b/clusters/my-cluster/kustomization.yaml",
            "-    newTag: 5.0.0 # {\"$imagepolicy\": \"flux-system:podinfo:tag\"}",
            "+    newTag: 5.2.1 # {\"$imagepolicy\": \"flux-system:podinfo:tag\"}",
        ]
    );
}

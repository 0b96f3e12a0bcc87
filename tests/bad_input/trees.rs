//! Trees that are not as the automation says.

use crate::stage::{MARKED, Stage};

#[test]
fn a_path_that_is_not_in_the_tree_is_named() {
    let stage = Stage::new();
    stage.automation("path: ./absent", "");
    stage.fails(&["image update automation flux-system/fleet", "absent"]);
}

#[test]
fn a_branch_that_does_not_exist_is_named() {
    let stage = Stage::new();
    stage.automation(
        "path: ./apps",
        "    checkout:\n      ref:\n        branch: release\n",
    );
    stage.fails(&["image update automation flux-system/fleet", "release"]);
}

#[test]
fn a_marked_file_that_cannot_be_parsed_is_reported_with_its_marker_and_the_others_are_edited() {
    let stage = Stage::new();
    let broken =
        "{{- if .Values.x }}\nimage: org/app:1 # {\"$imagepolicy\": \"flux-system:app\"}\n";
    stage
        .fleet
        .commit("main", "A chart", &[("apps/chart.yaml", broken)]);
    let answer = stage.program.run(&["reconcile", "-f", "objects"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert!(
        answer.stderr.contains("apps/chart.yaml:2"),
        "{}",
        answer.stderr
    );
    assert_eq!(stage.fleet.show("main", "apps/chart.yaml"), broken);
    let edited = stage.before.replace("1.0.0", "1.1.0");
    assert_eq!(stage.fleet.show("main", "apps/app.yaml"), edited);
}

#[test]
fn a_marker_for_an_unknown_policy_is_reported_with_its_place() {
    let stage = Stage::new();
    let text = "x: 1\nimage: org/app:1 # {\"$imagepolicy\": \"flux-system:absent\"}\n";
    stage
        .fleet
        .commit("main", "Another", &[("apps/other.yaml", text)]);
    let answer = stage.program.run(&["reconcile", "-f", "objects"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    for said in ["apps/other.yaml:2", "flux-system:absent", "policy-unknown"] {
        assert!(answer.stderr.contains(said), "{said}: {}", answer.stderr);
    }
    assert_eq!(stage.fleet.show("main", "apps/other.yaml"), text);
}

#[test]
fn strict_turns_the_same_warning_into_a_failure_before_anything_is_written() {
    let stage = Stage::new();
    stage.fleet.commit(
        "main",
        "Another",
        &[(
            "apps/other.yaml",
            MARKED.replace("flux-system:app", "flux-system:absent"),
        )],
    );
    let tip = stage.fleet.tip("main");
    let answer = stage
        .program
        .run(&["reconcile", "-f", "objects", "--strict"]);
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    assert!(answer.stderr.contains("--strict"), "{}", answer.stderr);
    assert_eq!(stage.fleet.tip("main"), tip);
}

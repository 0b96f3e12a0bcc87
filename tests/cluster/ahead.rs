//! Where the controllers run as well: what they would take back is not written.

use serde_json::json;

use super::controller::Controller;
use super::kube::{Mark, Profile};
use super::scene::Scene;

const TAGS: &[&str] = &["1.0.0", "1.1.0"];

/// The controllers hold 1.0.0; the registry has 1.1.0.
fn scene_of_controllers() -> Scene {
    let scene = Scene::with_app(Profile::Today, "v1", TAGS);
    scene.hand_to_controllers();
    let image = scene.image("team/app");
    let held = json!({"status": {"latestRef": {"name": image, "tag": "1.0.0"}}});
    scene.patch("imagepolicies", "app/status", &held);
    scene
}

#[test]
fn controllers_that_agree_in_time_let_the_commit_through() {
    let scene = scene_of_controllers();
    let controller = Controller::that_agrees(&scene);
    let mark = scene.cluster.mark();
    let done = scene.ok(&["reconcile"]);
    assert!(done.stdout.contains("pushed commit"), "{}", done.stdout);
    assert_eq!(scene.deployed("main"), "app:1.1.0");
    assert_eq!(controller.handled(), ["imagerepositories"]);
    let writes: Vec<String> = scene
        .requests(mark)
        .into_iter()
        .filter(|line| line.starts_with("patch") || line.starts_with("watch"))
        .collect();
    // One annotation and one watch; the statuses are theirs.
    assert_eq!(
        writes,
        ["patch imagerepositories/app 200", "watch imagepolicies 200"]
    );
}

#[test]
fn what_the_controllers_do_not_agree_to_is_left_and_fails() {
    let scene = scene_of_controllers();
    let answer = scene.run(&["reconcile", "--timeout=1s"]);
    assert_eq!(answer.code, 1, "{}{}", answer.stdout, answer.stderr);
    assert_eq!(scene.deployed("main"), "app:1.0.0");
    let image = scene.image("team/app");
    for text in [
        format!(
            "error: image policy {}/app: {image}:1.1.0 is selected here and the cluster's \
             controllers hold {image}:1.0.0",
            scene.namespace
        ),
        "did not follow within 1s (--timeout)".to_owned(),
        "(ahead-of-cluster)".to_owned(),
        "--ahead-of-cluster".to_owned(),
    ] {
        assert!(answer.stderr.contains(&text), "{text}\n{}", answer.stderr);
    }
    // The request stays in the cluster for the controllers to find.
    let repository = scene.read("imagerepositories", "app");
    assert!(repository["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"].is_string());
    let json = scene.run(&["reconcile", "--timeout=0s", "-o", "json"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(value["aheadOfCluster"][0]["selected"]["tag"], "1.1.0");
    assert_eq!(
        value["updates"][0]["markers"][0]["state"],
        "ahead-of-cluster"
    );
}

#[test]
fn controllers_that_may_not_be_watched_are_not_blamed_for_the_time() {
    let mut scene = scene_of_controllers();
    let rules = json!([
        {"apiGroups": ["image.toolkit.fluxcd.io"], "resources": ["*"],
            "verbs": ["get", "list", "patch"]},
        {"apiGroups": ["source.toolkit.fluxcd.io"], "resources": ["gitrepositories"],
            "verbs": ["get"]},
    ]);
    let kubeconfig =
        scene
            .cluster
            .kubeconfig_with_rules("unwatching", Some(&scene.namespace), &rules);
    scene.log_in(&kubeconfig);
    let answer = scene.run(&["reconcile"]);
    assert_eq!(answer.code, 1, "{}{}", answer.stdout, answer.stderr);
    assert_eq!(scene.deployed("main"), "app:1.0.0");
    let reason = "they were asked to scan and cannot be watched: Error from server (Forbidden): ";
    assert!(answer.stderr.contains(reason), "{}", answer.stderr);
    assert!(!answer.stderr.contains("--timeout"), "{}", answer.stderr);
}

#[track_caller]
fn assert_nothing_was_patched(scene: &Scene, mark: Mark) {
    let requests = scene.requests(mark);
    assert!(
        !requests.iter().any(|line| line.starts_with("patch")),
        "{requests:?}"
    );
}

#[test]
fn ahead_of_cluster_writes_all_the_same() {
    let scene = scene_of_controllers();
    let mark = scene.cluster.mark();
    let done = scene.ok(&["reconcile", "--ahead-of-cluster"]);
    assert!(done.stdout.contains("pushed commit"), "{}", done.stdout);
    assert!(done.stderr.contains("still hold"), "{}", done.stderr);
    assert_eq!(scene.deployed("main"), "app:1.1.0");
    assert_nothing_was_patched(&scene, mark);
}

#[test]
fn a_suspended_automation_run_by_hand_waits_for_nobody() {
    let scene = scene_of_controllers();
    let suspended = json!({"spec": {"suspend": true}});
    scene.patch("imageupdateautomations", "app", &suspended);
    let mark = scene.cluster.mark();
    scene.ok(&["reconcile", "update", "app", "--include-suspended"]);
    assert_eq!(scene.deployed("main"), "app:1.1.0");
    assert_nothing_was_patched(&scene, mark);
}

#[test]
fn diff_shows_what_would_be_committed_and_says_that_it_is_ahead() {
    let scene = scene_of_controllers();
    let answer = scene.run(&["diff"]);
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    assert!(answer.stdout.contains(":1.1.0 "), "{}", answer.stdout);
    assert!(answer.stderr.contains("still hold"), "{}", answer.stderr);
}

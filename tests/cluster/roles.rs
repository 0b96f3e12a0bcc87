//! Each verb under exactly the role that `docs/permissions.md` names for it, through the program.

use serde_json::json;

use super::controller::{Controller, Reaction, ready};
use super::kube::Profile;
use super::scene::Scene;

const TAGS: &[&str] = &["1.0.0", "1.1.0"];

fn scene_with_role(role: &str) -> Scene {
    let mut scene = Scene::with_app(Profile::Today, "v1", TAGS);
    scene.become_role(role);
    scene
}

#[test]
fn view_is_enough_to_get_and_export() {
    let scene = scene_with_role("view");
    for arguments in [
        ["get", "all"].as_slice(),
        &["get", "policy", "app"],
        &["get", "update", "-o", "yaml"],
        &["export", "repository", "--all"],
        &["export", "policy", "app"],
    ] {
        scene.ok(arguments);
    }
    let watched = scene.run(&["get", "policy", "-w", "--timeout=1s"]);
    assert!(!watched.stderr.contains("Forbidden"), "{}", watched.stderr);
}

#[test]
fn plan_is_enough_for_diff_and_a_dry_run() {
    let scene = scene_with_role("plan");
    let diff = scene.run(&["diff"]);
    assert_eq!(diff.code, 1, "{}", diff.stderr);
    assert_eq!(diff.stderr, "");
    let dry = scene.ok(&["reconcile", "--dry-run"]);
    assert!(dry.stdout.contains(":1.1.0 "), "{}", dry.stdout);
}

#[test]
fn reconcile_is_enough_to_scan_push_and_write_every_status() {
    let scene = scene_with_role("reconcile");
    let answer = scene.ok(&["reconcile"]);
    assert_eq!(answer.stderr, "");
    assert_eq!(scene.deployed("main"), "app:1.1.0");
    for plural in [
        "imagerepositories",
        "imagepolicies",
        "imageupdateautomations",
    ] {
        let status = &scene.read(plural, "app")["status"];
        assert_eq!(status["conditions"][0]["status"], "True", "{plural}");
    }
}

#[test]
fn reconcile_is_enough_beside_live_controllers() {
    let scene = scene_with_role("reconcile");
    scene.hand_to_controllers();
    let _controller = Controller::that_agrees(&scene);
    let answer = scene.ok(&["reconcile"]);
    assert_eq!(answer.stderr, "");
    assert_eq!(scene.deployed("main"), "app:1.1.0");
}

#[test]
fn create_is_enough_to_create_and_to_change() {
    let scene = scene_with_role("create");
    for interval in ["--interval=1m", "--interval=2m"] {
        scene.ok(&[
            "create",
            "repository",
            "new",
            "--image=ghcr.io/example/new",
            interval,
        ]);
    }
    assert_eq!(
        scene.read("imagerepositories", "new")["spec"]["interval"],
        "2m0s"
    );
}

#[test]
fn maintain_is_enough_to_suspend_resume_request_and_delete() {
    let scene = scene_with_role("maintain");
    let reactions = ["imagerepositories", "imagepolicies"].map(|plural| Reaction {
        path: scene.path(plural, "app"),
        status: ready("True", "Succeeded", "done"),
        consequences: Vec::new(),
    });
    let _controller = Controller::start(&scene, reactions.into());
    scene.ok(&["suspend", "policy", "app"]);
    scene.ok(&["resume", "policy", "--all"]);
    let requested = scene.ok(&["reconcile", "policy", "app", "--request"]);
    assert_eq!(requested.stderr, "");
    scene.ok(&["delete", "policy", "app", "-s"]);
}

#[test]
fn without_the_right_to_write_status_the_rest_is_done_and_one_warning_says_so() {
    let scene = scene_with_role("plan");
    let answer = scene.ok(&["reconcile"]);
    assert_eq!(scene.deployed("main"), "app:1.1.0");
    let warnings: Vec<&str> = answer
        .stderr
        .lines()
        .filter(|line| line.starts_with("Warning:"))
        .collect();
    assert_eq!(warnings.len(), 3, "one for each kind: {}", answer.stderr);
    for text in [
        "cannot patch resource \"imagerepositories/status\"",
        "the run is done, but its status is not written",
        "(status-forbidden)",
    ] {
        assert!(warnings[0].contains(text), "{}", warnings[0]);
    }
    assert_eq!(scene.ok(&["reconcile", "--status=never"]).stderr, "");
}

#[test]
fn a_secret_that_may_not_be_read_fails_what_needs_it_and_nothing_else() {
    let mut scene = Scene::with_app(Profile::Today, "v1", TAGS);
    let mut guarded = scene.app("v1");
    for object in &mut guarded[..2] {
        object["metadata"]["name"] = json!("guarded");
    }
    guarded[0]["spec"]["secretRef"] = json!({"name": "login"});
    guarded[1]["spec"]["imageRepositoryRef"]["name"] = json!("guarded");
    scene.cluster.apply(&guarded[0]);
    scene.cluster.apply(&guarded[1]);
    let role = std::fs::read_to_string("docs/rbac/reconcile.yaml").unwrap();
    let role: serde_json::Value = serde_saphyr::from_str(&role).unwrap();
    let rules: Vec<&serde_json::Value> = role["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| rule["resources"][0] != "secrets")
        .collect();
    let user = format!("no-secrets-{}", scene.namespace);
    let kubeconfig =
        scene
            .cluster
            .kubeconfig_with_rules(&user, Some(&scene.namespace), &json!(rules));
    scene.log_in(&kubeconfig);
    let answer = scene.run(&["reconcile"]);
    assert_eq!(answer.code, 1);
    assert!(
        answer.stderr.contains(&format!(
            "error: image repository {}/guarded: failed to configure authentication options: Error \
             from server (Forbidden): secrets \"login\" is forbidden: User \"{user}\" cannot get \
             resource \"secrets\"",
            scene.namespace
        )),
        "{}",
        answer.stderr
    );
    assert_eq!(scene.deployed("main"), "app:1.1.0");
    // What this person may not read is no business of the objects.
    for plural in ["imagerepositories", "imagepolicies"] {
        let status = &scene.read(plural, "guarded")["status"];
        assert!(status["conditions"].is_null(), "{plural}: {status}");
    }
}

#[test]
fn nobody_is_told_the_verb_the_resource_and_the_namespace() {
    let mut scene = Scene::with_app(Profile::Today, "v1", TAGS);
    scene.become_user("nobody");
    let sentence = |verb: &str, plural: &str| {
        format!(
            "User \"nobody\" cannot {verb} resource \"{plural}\" in API group \
             \"image.toolkit.fluxcd.io\" in the namespace \"{}\"",
            scene.namespace
        )
    };
    for (arguments, verb, plural) in [
        (["reconcile"].as_slice(), "list", "imageupdateautomations"),
        (&["diff"], "list", "imageupdateautomations"),
        (&["reconcile", "policy", "app"], "get", "imagepolicies"),
        (&["get", "repository"], "list", "imagerepositories"),
        (&["suspend", "policy", "app"], "patch", "imagepolicies"),
        (
            &["delete", "policy", "app", "-s"],
            "delete",
            "imagepolicies",
        ),
    ] {
        let answer = scene.run(arguments);
        assert_ne!(answer.code, 0, "{arguments:?}");
        let denied = answer.stderr.contains(&sentence(verb, plural))
            // Some verbs look before they write, and are told that first.
            || answer.stderr.contains(&sentence("get", plural));
        assert!(denied, "{arguments:?}: {}", answer.stderr);
        assert!(
            answer.stderr.starts_with("Error from server (Forbidden): "),
            "{}",
            answer.stderr
        );
    }
}

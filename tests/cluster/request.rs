//! `reconcile --request`: the controllers work, in the order of dependence.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::controller::{Controller, Reaction, ready};
use super::kube::{Profile, wait_until};
use super::scene::Scene;

fn reaction(scene: &Scene, plural: &str, status: Value) -> Reaction {
    Reaction {
        path: scene.path(plural, "app"),
        status,
        consequences: Vec::new(),
    }
}

/// All three kinds, each ready with a message of its own, in an order that is not the right one.
fn three(scene: &Scene) -> Vec<Reaction> {
    vec![
        reaction(
            scene,
            "imageupdateautomations",
            ready("True", "Succeeded", "repository up-to-date"),
        ),
        reaction(
            scene,
            "imagepolicies",
            ready("True", "Succeeded", "resolved to 1.0.0"),
        ),
        reaction(
            scene,
            "imagerepositories",
            ready("True", "Succeeded", "found 42 tags"),
        ),
    ]
}

#[test]
fn repositories_policies_and_automations_are_requested_in_that_order() {
    let scene = Scene::with_app(Profile::Today, "v1", &["1.0.0"]);
    let controller = Controller::start(&scene, three(&scene));
    let answer = scene.ok(&["reconcile", "update", "app", "--request"]);
    assert_eq!(
        answer.stdout,
        "imagerepository.image.toolkit.fluxcd.io/app reconciled: found 42 tags\n\
         imagepolicy.image.toolkit.fluxcd.io/app reconciled: resolved to 1.0.0\n\
         imageupdateautomation.image.toolkit.fluxcd.io/app reconciled: repository up-to-date\n"
    );
    assert_eq!(
        controller.handled(),
        [
            "imagerepositories",
            "imagepolicies",
            "imageupdateautomations"
        ]
    );
    // Nobody but the stand-in touched the registry or Git, and nothing else was annotated.
    assert!(!scene.stage.registry.log().contains("/tags/list"));
    assert!(scene.stage.git.log().is_empty());
    // Again, although everything was handled before.
    scene.ok(&["reconcile", "policy", "app", "--request"]);
    assert_eq!(controller.handled().len(), 5);
}

#[test]
fn a_failure_is_told_in_the_controllers_words_and_at_once() {
    let scene = Scene::with_app(Profile::Today, "v1", &["1.0.0"]);
    let _controller = Controller::start(
        &scene,
        vec![reaction(
            &scene,
            "imagerepositories",
            ready("False", "ReadOperationFailed", "scan failed: no access"),
        )],
    );
    let answer = scene.run(&["reconcile", "repository", "app", "--request"]);
    assert_eq!(answer.code, 1);
    assert_eq!(
        answer.stderr,
        format!(
            "error: image repository {}/app: scan failed: no access\n",
            scene.namespace
        )
    );
}

#[test]
fn a_controller_that_is_not_there_is_waited_for_until_the_timeout() {
    let scene = Scene::with_app(Profile::Today, "v1", &["1.0.0"]);
    let answer = scene.run(&["reconcile", "--request", "--timeout=1s"]);
    assert_eq!(answer.code, 1);
    // The limit is the user's, however little of it was left for the later ones.
    let error = |object: &str| {
        format!(
            "error: {object} {}/app: not ready within 1s\n",
            scene.namespace
        )
    };
    assert_eq!(
        answer.stderr,
        [
            "image repository",
            "image policy",
            "image update automation"
        ]
        .map(error)
        .concat()
    );
}

#[test]
fn ctrl_c_ends_the_wait_at_once_and_says_what_goes_on() {
    let scene = Scene::with_app(Profile::Today, "v1", &["1.0.0"]);
    let arguments = ["reconcile", "repository", "app", "--request", "-n"];
    let mut command = scene
        .stage
        .program
        .command(&[&arguments[..], &[&scene.namespace]].concat());
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the annotation", || {
        scene.read("imagerepositories", "app")["metadata"]["annotations"].is_object()
    });
    let begin = Instant::now();
    let number = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &number]).status();
    assert!(sent.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("what was requested so far goes on in the cluster"),
        "{text}"
    );
}

#[test]
fn a_suspended_object_is_refused_by_name_and_passed_by_otherwise() {
    let scene = Scene::with_app(Profile::Today, "v1", &["1.0.0"]);
    scene.patch(
        "imagerepositories",
        "app",
        &json!({"spec": {"suspend": true}}),
    );
    let named = scene.run(&["reconcile", "repository", "app", "--request"]);
    assert_eq!(named.code, 1);
    assert!(named.stderr.contains("is suspended"), "{}", named.stderr);
    let all = scene.ok(&["reconcile", "repository", "--request"]);
    assert_eq!(
        all.stdout,
        "imagerepository.image.toolkit.fluxcd.io/app skipped: suspended\n"
    );
    let repository = scene.read("imagerepositories", "app");
    assert!(repository["metadata"]["annotations"].is_null());
}

#[test]
fn a_request_makes_no_sense_for_files_or_with_a_dry_run() {
    let scene = Scene::with_app(Profile::Today, "v1", &["1.0.0"]);
    for further in ["-f=objects", "--dry-run", "--ahead-of-cluster"] {
        let answer = scene.run(&["reconcile", "--request", further]);
        assert_eq!(answer.code, 2, "{further}: {}", answer.stderr);
    }
}

//! One run from here on objects of the cluster: what is read, what is written, and what is left.

use serde_json::{Value, json};

use super::kube::Profile;
use super::scene::{DEPLOYMENT, Scene, condition};
use super::support::docker_registry::{Mode, PASSWORD, USER};

const TAGS: &[&str] = &["1.0.0", "1.1.0"];

fn docker_config(scene: &Scene) -> Value {
    let config = json!({"auths": {scene.stage.registry.host(): {
        "username": USER, "password": PASSWORD,
    }}});
    json!({".dockerconfigjson": config.to_string()})
}

fn secret(scene: &Scene, name: &str, kind: &str, data: &Value) {
    scene.cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "type": kind, "stringData": data,
        "metadata": {"namespace": scene.namespace, "name": name},
    }));
}

/// A registry and a Git server that both ask who is there.
fn guarded() -> Scene {
    let scene = Scene::behind(
        &Mode::Basic,
        Profile::Today,
        &[("team/app", TAGS)],
        &[("deploy.yaml", DEPLOYMENT)],
    );
    scene.stage.git.set(|settings| {
        settings.basic = Some(("git".to_owned(), "g1t-pass".to_owned()));
    });
    secret(
        &scene,
        "git-login",
        "Opaque",
        &json!({"username": "git", "password": "g1t-pass"}),
    );
    scene.cluster.request(
        "PATCH",
        &format!(
            "/apis/source.toolkit.fluxcd.io/v1/namespaces/{}/gitrepositories/flux-system",
            scene.namespace
        ),
        Some(&json!({"spec": {"secretRef": {"name": "git-login"}}})),
    );
    secret(
        &scene,
        "registry-login",
        "kubernetes.io/dockerconfigjson",
        &docker_config(&scene),
    );
    scene.apply_app("v1");
    scene
}

#[test]
fn logins_come_from_the_secrets_that_objects_name() {
    let scene = guarded();
    let spec = json!({"spec": {"secretRef": {"name": "registry-login"}}});
    scene.patch("imagerepositories", "app", &spec);
    let mark = scene.cluster.mark();
    let done = scene.ok(&["reconcile", "-v=6"]);
    assert_eq!(scene.deployed("main"), "app:1.1.0");
    let requests = scene.requests(mark);
    for line in [
        "get secrets/registry-login 200",
        "get secrets/git-login 200",
    ] {
        assert!(requests.iter().any(|seen| seen == line), "{requests:?}");
    }
    assert!(!requests.iter().any(|line| line.starts_with("list secrets")));
    for hidden in [PASSWORD, "g1t-pass"] {
        assert!(!done.stderr.contains(hidden) && !done.stdout.contains(hidden));
    }
}

#[test]
fn logins_come_from_the_pull_secrets_of_a_service_account() {
    let scene = guarded();
    scene.cluster.apply(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"namespace": scene.namespace, "name": "puller"},
        "imagePullSecrets": [{"name": "registry-login"}],
    }));
    let spec = json!({"spec": {"serviceAccountName": "puller"}});
    scene.patch("imagerepositories", "app", &spec);
    let done = scene.ok(&["reconcile"]).stdout;
    assert!(
        done.contains("registry-login of service account puller"),
        "{done}"
    );
    assert_eq!(scene.deployed("main"), "app:1.1.0");
}

#[test]
fn what_many_objects_name_is_read_once() {
    let scene = guarded();
    scene.cluster.apply(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"namespace": scene.namespace, "name": "puller"},
        "imagePullSecrets": [{"name": "registry-login"}],
    }));
    let spec = json!({"spec": {
        "serviceAccountName": "puller", "secretRef": {"name": "registry-login"},
    }});
    scene.patch("imagerepositories", "app", &spec);
    for mut second in scene.app("v1") {
        second["metadata"]["name"] = "second".into();
        match second["kind"].as_str() {
            Some("ImageRepository") => second["spec"]["serviceAccountName"] = "puller".into(),
            Some("ImagePolicy") => second["spec"]["imageRepositoryRef"]["name"] = "second".into(),
            _ => {}
        }
        scene.cluster.apply(&second);
    }
    let mark = scene.cluster.mark();
    scene.ok(&["reconcile", "--status=never"]);
    let mut requests = scene.requests(mark);
    requests.sort();
    assert_eq!(
        requests,
        [
            "get gitrepositories/flux-system 200",
            "get imagerepositories/app 200",
            "get imagerepositories/second 200",
            "get secrets/git-login 200",
            "get secrets/registry-login 200",
            "get serviceaccounts/puller 200",
            "list imagepolicies 200",
            "list imageupdateautomations 200",
        ]
    );
}

#[test]
fn a_missing_secret_is_the_controllers_failure_and_is_written_as_such() {
    let scene = guarded();
    let spec = json!({"spec": {"secretRef": {"name": "nowhere"}}});
    scene.patch("imagerepositories", "app", &spec);
    let answer = scene.run(&["reconcile", "repository", "app"]);
    assert_eq!(answer.code, 1);
    let message = "failed to configure authentication options: secrets \"nowhere\" not found";
    assert!(answer.stderr.contains(message), "{}", answer.stderr);
    let repository = scene.read("imagerepositories", "app");
    let ready = condition(&repository, "Ready");
    assert_eq!(ready["status"], "False");
    assert_eq!(ready["reason"], "AuthenticationFailed");
    assert_eq!(ready["message"], message);
    assert_eq!(
        condition(&repository, "Reconciling")["reason"],
        "ProgressingWithRetry"
    );
    assert_eq!(repository["status"]["observedGeneration"], -1);
}

/// A policy of another namespace on the scene's repository.
fn stranger(scene: &Scene, labels: &Value) -> String {
    let namespace = scene.cluster.namespace();
    let path = format!("/api/v1/namespaces/{namespace}");
    let labels = json!({"metadata": {"labels": labels}});
    scene.cluster.request("PATCH", &path, Some(&labels));
    scene.cluster.apply(&json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy",
        "metadata": {"namespace": namespace, "name": "stranger"},
        "spec": {
            "imageRepositoryRef": {"name": "app", "namespace": scene.namespace},
            "policy": {"semver": {"range": "*"}},
        },
    }));
    namespace
}

#[test]
fn other_namespaces_need_access_and_only_then_their_labels_are_read() {
    let scene = Scene::with_app(Profile::Today, "v1", TAGS);
    let namespace = stranger(&scene, &json!({"tenant": "b"}));
    let run = || {
        let mark = scene.cluster.mark();
        let arguments = ["reconcile", "policy", "stranger", "-n", &namespace];
        let answer = scene.stage.program.run(&arguments);
        let path = format!("/api/v1/namespaces/{namespace}");
        let looked = scene.cluster.audited(mark, |event| {
            event["requestURI"] == json!(path) && event["verb"] == "get"
        });
        (answer, looked.len())
    };
    let key = format!("{}/app", scene.namespace);
    let (answer, looked) = run();
    assert_eq!((answer.code, looked), (1, 0));
    assert!(
        answer.stderr.contains(&format!(
            "access denied: '{key}' can't be accessed due to missing ACL labels on 'accessFrom'"
        )),
        "{}",
        answer.stderr
    );
    let access = |tenant: &str| json!({"spec": {"accessFrom": {"namespaceSelectors": [{"matchLabels": {"tenant": tenant}}]}}});
    scene.patch("imagerepositories", "app", &access("a"));
    let (answer, looked) = run();
    assert_eq!((answer.code, looked), (1, 1));
    assert!(
        answer.stderr.contains(&format!(
            "access denied: '{key}' can't be accessed due to ACL labels mismatch on namespace \
             '{namespace}'"
        )),
        "{}",
        answer.stderr
    );
    scene.patch("imagerepositories", "app", &access("b"));
    let (answer, _) = run();
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let policy = scene.cluster.read(&format!(
        "/apis/image.toolkit.fluxcd.io/v1/namespaces/{namespace}/imagepolicies/stranger"
    ));
    assert_eq!(policy["status"]["latestRef"]["tag"], "1.1.0");
}

fn statuses(scene: &Scene) -> [Value; 3] {
    [
        "imagerepositories",
        "imagepolicies",
        "imageupdateautomations",
    ]
    .map(|plural| scene.read(plural, "app")["status"].clone())
}

#[test]
fn auto_leaves_the_status_of_controllers_alone_and_always_does_not() {
    let scene = Scene::with_app(Profile::Today, "v1", &["1.0.0"]);
    scene.hand_to_controllers();
    let held = json!({"status": {"latestRef": {"name": scene.image("team/app"), "tag": "1.0.0"}}});
    scene.patch("imagepolicies", "app/status", &held);
    let before = statuses(&scene);
    scene.ok(&["reconcile"]);
    assert_eq!(statuses(&scene), before);
    scene.ok(&["reconcile", "--status=always"]);
    let after = statuses(&scene);
    assert_eq!(after[0]["lastScanResult"]["tagCount"], 1);
    assert_eq!(
        after[2]["conditions"][0]["message"],
        "repository up-to-date"
    );
}

#[test]
fn never_and_a_dry_run_write_no_status() {
    let scene = Scene::with_app(Profile::Today, "v1", TAGS);
    let before = statuses(&scene);
    scene.ok(&["reconcile", "--dry-run"]);
    assert_eq!(scene.deployed("main"), "app:1.0.0");
    let strict = scene.run(&["reconcile", "--strict", "--status=never"]);
    assert_eq!(strict.code, 0, "{}", strict.stderr);
    assert_eq!(scene.deployed("main"), "app:1.1.0");
    assert_eq!(statuses(&scene), before);
}

#[test]
fn an_object_that_changes_during_the_run_is_left() {
    let scene = Scene::with_app(Profile::Today, "v1", TAGS);
    let (cluster, path) = (scene.cluster, scene.path("imageupdateautomations", "app"));
    scene.stage.git.fault(move |_| {
        cluster.request(
            "PATCH",
            &path,
            Some(&json!({"metadata": {"labels": {"changed": "meanwhile"}}})),
        );
        None
    });
    let answer = scene.ok(&["reconcile"]);
    assert!(
        answer.stderr.contains("was changed during the run"),
        "{}",
        answer.stderr
    );
    assert_eq!(scene.deployed("main"), "app:1.1.0");
    let [_, policy, update] = statuses(&scene);
    assert_eq!(policy["latestRef"]["tag"], "1.1.0");
    assert!(update["lastPushCommit"].is_null());
}

#[test]
fn conditions_keep_their_times_until_they_change() {
    let scene = Scene::with_app(Profile::Today, "v1", TAGS);
    let old = "2024-01-01T00:00:00Z";
    scene.ok(&["reconcile", "policy", "app"]);
    let mut stored = scene.read("imagepolicies", "app")["status"]["conditions"].clone();
    stored[0]["lastTransitionTime"] = json!(old);
    let status = json!({"status": {"conditions": stored}});
    scene.patch("imagepolicies", "app/status", &status);
    let mark = scene.cluster.mark();
    scene.ok(&["reconcile", "policy", "app"]);
    let policy = scene.read("imagepolicies", "app");
    assert_eq!(condition(&policy, "Ready")["lastTransitionTime"], old);
    let requests = scene.requests(mark);
    assert!(
        !requests.contains(&"patch imagepolicies/app/status 200".to_owned()),
        "{requests:?}"
    );
    let range = json!({"spec": {"policy": {"semver": {"range": "1.0.x"}}}});
    scene.patch("imagepolicies", "app", &range);
    scene.ok(&["reconcile", "policy", "app"]);
    let policy = scene.read("imagepolicies", "app");
    let ready = condition(&policy, "Ready");
    assert_ne!(ready["lastTransitionTime"], old);
    assert_eq!(ready["observedGeneration"], 2);
    let image = scene.image("team/app");
    assert_eq!(
        ready["message"],
        json!(format!(
            "Latest image tag for {image} resolved to 1.0.0 (previously {image}:1.1.0)"
        ))
    );
    assert_eq!(policy["status"]["observedPreviousRef"]["tag"], "1.1.0");
}

#[test]
fn suspended_objects_are_refused_by_name_passed_by_otherwise_and_run_on_demand() {
    let scene = Scene::with_app(Profile::Today, "v1", TAGS);
    let suspended = json!({"spec": {"suspend": true}});
    scene.patch("imageupdateautomations", "app", &suspended);
    let named = scene.run(&["reconcile", "update", "app"]);
    assert_eq!(named.code, 1);
    assert!(
        named.stderr.contains(&format!(
            "image update automation {}/app is suspended",
            scene.namespace
        )) && named.stderr.contains("--include-suspended"),
        "{}",
        named.stderr
    );
    let mark = scene.cluster.mark();
    let all = scene.ok(&["reconcile"]);
    assert!(
        all.stdout.contains("app skipped: suspended"),
        "{}",
        all.stdout
    );
    assert_eq!(
        scene.requests(mark),
        ["list imageupdateautomations 200"],
        "nothing else is needed"
    );
    assert_eq!(scene.deployed("main"), "app:1.0.0");
    scene.ok(&["reconcile", "update", "app", "--include-suspended"]);
    assert_eq!(scene.deployed("main"), "app:1.1.0");
}

#[test]
fn a_suspended_policy_holds_its_tag_and_a_suspended_repository_offers_none() {
    let scene = Scene::with_app(Profile::Today, "v1", &["1.0.0", "1.0.5", "1.1.0"]);
    let image = scene.image("team/app");
    scene.patch("imagepolicies", "app", &json!({"spec": {"suspend": true}}));
    let held = json!({"status": {"latestRef": {"name": image, "tag": "1.0.5"}}});
    scene.patch("imagepolicies", "app/status", &held);
    let done = scene.ok(&["reconcile"]).stdout;
    assert!(done.contains("held at"), "{done}");
    assert_eq!(scene.deployed("main"), "app:1.0.5");

    scene.patch("imagepolicies", "app", &json!({"spec": {"suspend": false}}));
    let suspended = json!({"spec": {"suspend": true}});
    scene.patch("imagerepositories", "app", &suspended);
    let answer = scene.run(&["reconcile"]);
    assert_eq!(answer.code, 1);
    assert!(
        answer.stderr.contains("is suspended, so it offers no tags"),
        "{}",
        answer.stderr
    );
    assert_eq!(scene.deployed("main"), "app:1.0.5");
    // What cannot be decided keeps the stored choice.
    let policy = scene.read("imagepolicies", "app");
    assert_eq!(policy["status"]["latestRef"]["tag"], "1.0.5");
    assert_eq!(condition(&policy, "Ready")["reason"], "DependencyNotReady");
}

#[test]
fn a_request_that_is_pending_is_noted_as_handled() {
    let scene = Scene::with_app(Profile::Today, "v1", TAGS);
    let requested = json!({"metadata": {"annotations": {
        "reconcile.fluxcd.io/requestedAt": "2026-01-01T00:00:00Z"}}});
    scene.patch("imagerepositories", "app", &requested);
    scene.ok(&["reconcile", "repository", "app"]);
    assert_eq!(
        scene.read("imagerepositories", "app")["status"]["lastHandledReconcileAt"],
        "2026-01-01T00:00:00Z"
    );
}

#[test]
fn named_objects_are_got_and_nothing_is_listed_for_them() {
    let scene = Scene::with_app(Profile::Today, "v1", TAGS);
    let mark = scene.cluster.mark();
    scene.ok(&["reconcile", "policy", "app", "--status=never"]);
    assert_eq!(
        scene.requests(mark),
        ["get imagepolicies/app 200", "get imagerepositories/app 200"]
    );
    let missing = scene.run(&["reconcile", "policy", "other"]);
    assert_eq!(missing.code, 1);
    assert_eq!(
        missing.stderr,
        format!(
            "Error from server (NotFound): imagepolicies.image.toolkit.fluxcd.io \"other\" not \
             found\nhint: choose one of: app\n\
             hint: looked in namespace \"{}\"; -n names another one\n",
            scene.namespace
        )
    );
    let empty = scene.cluster.namespace();
    let none = scene.stage.program.run(&["reconcile", "-n", &empty]);
    assert_eq!((none.code, none.stdout.as_str()), (0, ""));
    assert!(
        none.stderr.contains("No resources found"),
        "{}",
        none.stderr
    );
}

#[test]
fn a_suspended_policy_is_decided_on_demand() {
    let scene = Scene::with_app(Profile::Today, "v1", TAGS);
    for plural in ["imagepolicies", "imagerepositories"] {
        scene.patch(plural, "app", &json!({"spec": {"suspend": true}}));
    }
    let answer = scene.run(&["reconcile", "policy", "app", "--include-suspended"]);
    assert!(
        answer.stderr.contains("is suspended, so it offers no tags"),
        "only what is named runs: {}",
        answer.stderr
    );
    scene.patch(
        "imagerepositories",
        "app",
        &json!({"spec": {"suspend": false}}),
    );
    scene.ok(&["reconcile", "policy", "app", "--include-suspended"]);
    let policy = scene.read("imagepolicies", "app");
    assert_eq!(policy["status"]["latestRef"]["tag"], "1.1.0");
}

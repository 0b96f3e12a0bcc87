//! `create` in a cluster: what it takes over, what it removes, what it leaves to others.

use serde_json::{Value, json};

use super::kube::{Cluster, Profile, cluster};
use super::support::program::{Answer, Program};

/// The program in a namespace of its own.
struct Place {
    cluster: &'static Cluster,
    namespace: String,
    program: Program,
}

impl Place {
    fn new() -> Self {
        let cluster = cluster(Profile::Today);
        let mut program = Program::new();
        program.set("KUBECONFIG", cluster.kubeconfig("admin").to_str().unwrap());
        Self {
            cluster,
            namespace: cluster.namespace(),
            program,
        }
    }

    fn run(&self, line: &str) -> Answer {
        let mut arguments: Vec<&str> = line.split(' ').collect();
        arguments.extend(["-n", &self.namespace]);
        self.program.run(&arguments)
    }

    fn ok(&self, line: &str) -> Answer {
        let answer = self.run(line);
        assert_eq!(answer.code, 0, "{line}: {answer:?}");
        answer
    }

    fn path(&self, plural: &str) -> String {
        format!(
            "/apis/image.toolkit.fluxcd.io/v1/namespaces/{}/{plural}",
            self.namespace
        )
    }

    /// Stores a policy that a field manager wrote.
    fn store(&self, manager: &str, object: &Value) {
        let mut object = object.clone();
        object["apiVersion"] = "image.toolkit.fluxcd.io/v1".into();
        object["kind"] = "ImagePolicy".into();
        object["metadata"]["namespace"] = self.namespace.clone().into();
        object["metadata"]["name"] = "podinfo".into();
        let path = format!("{}?fieldManager={manager}", self.path("imagepolicies"));
        self.cluster.create(&path, &object);
    }

    /// Changes the policy as a field manager.
    fn change(&self, manager: &str, patch: &Value) {
        let path = format!(
            "{}/podinfo?fieldManager={manager}",
            self.path("imagepolicies")
        );
        let (code, answer) = self.cluster.request("PATCH", &path, Some(patch));
        assert_eq!(code, 200, "{answer}");
    }

    fn policy(&self) -> Value {
        self.cluster
            .read(&format!("{}/podinfo", self.path("imagepolicies")))
    }
}

fn semver() -> Value {
    json!({"spec": {
        "imageRepositoryRef": {"name": "podinfo"}, "policy": {"semver": {"range": "1.x"}},
    }})
}

const ALPHABETICAL: &str = "create policy podinfo --image-ref=podinfo --select-alpha=asc";

#[test]
fn a_semver_policy_of_flux_becomes_an_alphabetical_one_and_nothing_else() {
    let place = Place::new();
    let mut before = semver();
    before["spec"]["suspend"] = true.into();
    before["spec"]["filterTags"] = json!({"pattern": "^v(.*)$", "extract": "$1"});
    before["metadata"] = json!({"labels": {"team": "a"}, "annotations": {"note": "kept"}});
    place.store("flux", &before);
    place.change(
        "kubectl-edit",
        &json!({"spec": {"policy": {"semver": {"range": "2.x"}}}}),
    );

    let answer = place.ok(&format!("{ALPHABETICAL} --label=tier=web"));

    assert_eq!(
        answer.stdout.lines().next(),
        Some("imagepolicy.image.toolkit.fluxcd.io/podinfo configured")
    );
    for field in [".spec.filterTags", ".spec.policy.semver", ".spec.suspend"] {
        assert!(
            answer.stderr.contains(&format!("{field} was removed")),
            "{answer:?}"
        );
    }
    let stored = place.policy();
    assert_eq!(
        stored["spec"],
        json!({
            "imageRepositoryRef": {"name": "podinfo"}, "digestReflectionPolicy": "Never",
            "policy": {"alphabetical": {"order": "asc"}},
        })
    );
    let metadata = &stored["metadata"];
    assert_eq!(metadata["labels"], json!({"team": "a", "tier": "web"}));
    assert_eq!(metadata["annotations"]["note"], "kept");

    let again = place.ok(&format!("{ALPHABETICAL} --label=tier=web"));
    assert!(again.stdout.contains("podinfo unchanged"), "{again:?}");
    assert_eq!(
        place.policy()["metadata"]["resourceVersion"],
        stored["metadata"]["resourceVersion"]
    );
}

#[test]
fn a_field_of_another_manager_is_a_conflict_that_names_it_until_it_is_forced() {
    let place = Place::new();
    let mut object = semver();
    object["metadata"]["labels"] = json!({"team": "a"});
    place.store("kustomize-controller", &object);

    let refused = place.run(&format!("{ALPHABETICAL} --label=team=b"));
    assert_eq!(refused.code, 1);
    for what in [
        ".spec.policy.semver (\"kustomize-controller\")",
        ".metadata.labels.team (\"kustomize-controller\")",
        "--force-conflicts",
    ] {
        assert!(refused.stderr.contains(what), "{what}: {refused:?}");
    }
    assert_eq!(
        place.policy()["spec"]["policy"],
        json!({"semver": {"range": "1.x"}})
    );

    // What stays as it is, is no conflict.
    place.ok("create policy podinfo --image-ref=podinfo --select-semver=1.x --label=team=a");

    place.ok(&format!("{ALPHABETICAL} --label=team=b --force-conflicts"));
    let stored = place.policy();
    assert_eq!(
        stored["spec"]["policy"],
        json!({"alphabetical": {"order": "asc"}})
    );
    assert_eq!(stored["metadata"]["labels"]["team"], "b");
}

#[test]
fn a_dry_run_of_the_server_stores_nothing_and_is_told_apart() {
    let place = Place::new();
    let answer = place.ok(&format!("{ALPHABETICAL} --dry-run=server"));
    assert_eq!(
        answer.stdout.lines().next(),
        Some("imagepolicy.image.toolkit.fluxcd.io/podinfo created (server dry run)")
    );
    assert_eq!(
        place.cluster.read(&place.path("imagepolicies"))["items"],
        json!([])
    );

    place.store("flux", &semver());
    let answer = place.ok(&format!("{ALPHABETICAL} --dry-run=server"));
    assert!(
        answer.stdout.contains("configured (server dry run)"),
        "{answer:?}"
    );
    assert_eq!(
        place.policy()["spec"]["policy"],
        json!({"semver": {"range": "1.x"}})
    );
}

#[test]
fn a_dry_run_of_the_client_asks_nobody() {
    let mut program = Program::new();
    program.set("KUBECONFIG", "/does/not/exist");
    let answer = program.run(&[
        "create",
        "policy",
        "podinfo",
        "--image-ref=podinfo",
        "--select-alpha=asc",
        "--dry-run=client",
    ]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert_eq!(
        answer.stdout,
        "imagepolicy.image.toolkit.fluxcd.io/podinfo created (dry run)\n"
    );
}

#[test]
fn waiting_ends_with_the_message_of_the_controller() {
    for (status, code, told) in [
        ("True", 0, "ready: Latest image tag"),
        ("Stalled", 1, "invalid policy"),
        ("False", 1, "scan failed: no access"),
    ] {
        let place = Place::new();
        let cluster = place.cluster;
        let path = format!("{}/podinfo", place.path("imagepolicies"));
        let controller = std::thread::spawn(move || {
            super::kube::wait_until("the policy", || {
                cluster.request("GET", &path, None).0 == 200
            });
            let condition = |kind: &str, status: &str, message: &str| {
                json!({
                    "type": kind, "status": status, "reason": "Any", "message": message,
                    "observedGeneration": 1, "lastTransitionTime": "2026-01-02T03:04:05Z",
                })
            };
            let conditions = match status {
                "True" => vec![condition(
                    "Ready",
                    "True",
                    "Latest image tag for a resolved to 1",
                )],
                "Stalled" => vec![
                    condition("Stalled", "True", "invalid policy"),
                    condition("Ready", "False", "invalid policy"),
                ],
                _ => vec![condition("Ready", "False", "scan failed: no access")],
            };
            let status = json!({"status": {"observedGeneration": 1, "conditions": conditions}});
            let (code, answer) = cluster.request("PATCH", &format!("{path}/status"), Some(&status));
            assert_eq!(code, 200, "{answer}");
        });
        // Only what can still become ready is waited for until the end.
        let timeout = if status == "False" { "2s" } else { "60s" };
        let answer = place.run(&format!("{ALPHABETICAL} --wait --timeout={timeout}"));
        controller.join().unwrap();
        assert_eq!(answer.code, code, "{answer:?}");
        let all = format!("{}{}", answer.stdout, answer.stderr);
        assert!(all.contains(told), "{told}: {answer:?}");
    }
}

#[test]
fn a_write_that_another_one_overtakes_is_tried_again() {
    let place = Place::new();
    place.store("flux", &semver());
    let (cluster, path) = (
        place.cluster,
        format!("{}/podinfo", place.path("imagepolicies")),
    );
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let writer = std::thread::spawn(move || {
        let mut number = 0;
        while !stopped.load(std::sync::atomic::Ordering::SeqCst) {
            number += 1;
            let patch = json!({"metadata": {"annotations": {"number": number.to_string()}}});
            cluster.request("PATCH", &path, Some(&patch));
            std::thread::sleep(std::time::Duration::from_millis(15));
        }
    });
    for order in ["asc", "desc", "asc", "desc"] {
        place.ok(&format!(
            "create policy podinfo --image-ref=podinfo --select-alpha={order}"
        ));
        assert_eq!(
            place.policy()["spec"]["policy"],
            json!({"alphabetical": {"order": order}})
        );
    }
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    writer.join().unwrap();
}

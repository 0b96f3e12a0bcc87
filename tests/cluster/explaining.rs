//! `tags` and `explain` with objects of the cluster, under the role that `docs/permissions.md` names,
//! and without a write.

use serde_json::Value;

use super::kube::Profile;
use super::scene::Scene;

fn scene() -> Scene {
    let mut scene = Scene::with_app(
        Profile::Today,
        "v1",
        &["0.9.0", "1.0.0", "1.1.0", "latest", "sha256-0.sig"],
    );
    scene.become_role("plan");
    scene
}

#[track_caller]
fn assert_only_read(requests: &[String]) {
    assert!(!requests.is_empty());
    for request in requests {
        let verb = request.split(' ').next().unwrap_or_default();
        assert!(["get", "list"].contains(&verb), "{requests:?}");
        assert!(request.ends_with(" 200"), "{requests:?}");
    }
}

#[test]
fn tags_of_a_policy_in_the_cluster_have_their_verdicts() {
    let scene = scene();
    let before = scene.read("imagepolicies", "app");
    let mark = scene.cluster.mark();
    let answer = scene.ok(&["tags", "app", "-o", "json"]);
    assert_eq!(answer.stderr, "");
    let value: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(value["selected"], "1.1.0");
    let verdicts: Vec<(&str, &str)> = value["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["tag"].as_str().unwrap(),
                row["verdict"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("1.1.0", "selected"),
            ("1.0.0", "candidate"),
            ("latest", "no-version"),
            ("0.9.0", "outside-range"),
            ("sha256-0.sig", "excluded"),
        ]
    );
    assert_only_read(&scene.requests(mark));
    for words in [
        ["tags", "policy/app"].as_slice(),
        &["tags", "policy", "app"],
        &["tags"],
    ] {
        let selected = [words, &["--selected", "-o", "name"]].concat();
        assert_eq!(scene.ok(&selected).stdout, "1.1.0\n", "{words:?}");
    }
    assert_eq!(scene.read("imagepolicies", "app"), before);
}

#[test]
fn a_list_stands_in_for_the_registry() {
    let scene = scene();
    let list = scene
        .stage
        .program
        .write("tags.txt", "1.0.0\n3.0.0\n2.0.0\n");
    let list = format!("--tags-from={}", list.display());
    let answer = scene.ok(&["tags", "app", &list, "--selected", "-o", "name"]);
    assert_eq!(answer.stdout, "3.0.0\n");
    let chain = scene.ok(&["explain", "policy/app", &list]).stdout;
    assert!(chain.contains("3.0.0"), "{chain}");
    assert!(!scene.stage.registry.log().contains("/tags/list"));
}

#[test]
fn a_chain_is_explained_from_the_cluster_to_the_line() {
    let scene = scene();
    let mark = scene.cluster.mark();
    let answer = scene.ok(&["explain", "app"]);
    assert_eq!(answer.stderr, "");
    for text in [
        "1.1.0",
        "deploy.yaml:10",
        &format!("{}:1.0.0", scene.image("team/app")),
    ] {
        assert!(answer.stdout.contains(text), "{text}\n{}", answer.stdout);
    }
    assert_only_read(&scene.requests(mark));
    assert_eq!(scene.deployed("main"), "app:1.0.0");
}

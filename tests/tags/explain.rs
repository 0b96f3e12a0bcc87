//! `explain`: whole chains, from the image down to the markers of a checkout.

use serde_json::Value;

use super::support::docker_registry::{DockerRegistry, Mode};
use super::support::program::Program;
use super::{SEMVER, policy, repository, with};

/// Objects, a checkout with markers of every kind, and a registry.
fn chain(registry: &DockerRegistry) -> Program {
    let host = registry.host();
    let program = Program::new();
    let image = format!("{host}/apps/web");
    let stored = format!("status:\n  latestRef:\n    name: {image}\n    tag: 1.0.0\n");
    program.write("objects/policy.yaml", &(policy("web", SEMVER) + &stored));
    program.write("objects/repository.yaml", &repository("web", &image));
    program.write(
        "objects/update.yaml",
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\nmetadata:\n  \
         name: fleet\n  namespace: apps\nspec:\n  interval: 1m\n  sourceRef:\n    \
         kind: GitRepository\n    name: fleet\n  git:\n    commit:\n      author:\n        \
         email: a@b.c\n  update:\n    path: ./clusters\n    strategy: Setters\n",
    );
    let marked = |value: &str, marker: &str| {
        format!("image: {value} # {{\"$imagepolicy\": \"{marker}\"}}\n")
    };
    program.write(
        "tree/clusters/web.yaml",
        &format!(
            "kind: A\n{}other: x # {{\"$imagepolicy\": \"apps:web:nothing\"}}\n",
            marked(&format!("{image}:1.0.0"), "apps:web")
        ),
    );
    program.write("tree/old/web.yaml", &marked("1.0.0", "apps:web:tag"));
    let git = |arguments: &[&str]| {
        let status = std::process::Command::new("git")
            .args(arguments)
            .current_dir(program.path().join("tree"))
            .status();
        assert!(status.expect("git").success());
    };
    git(&["init", "-q", "-b", "main"]);
    program
}

const WEB_TAGS: &[&str] = &["1.0.0", "1.1.0", "1.2.0", "2.0.0", "latest", "sha256-0.sig"];

#[test]
fn a_policy_is_explained_from_the_image_to_the_lines() {
    let registry = DockerRegistry::start(&Mode::Open, &[("apps/web", WEB_TAGS)]);
    let host = registry.host();
    let program = chain(&registry);
    let text = program.ok(&["explain", "web", "-f", "objects", "--worktree", "tree"]);
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for expected in [
        "POLICY apps/web",
        &format!("REPOSITORY apps/web: {host}/apps/web"),
        "CREDENTIALS anonymous",
        "TAGS 6 listed",
        "EXCLUDED 1 by ^.*\\.sig$ (1)",
        "ORDER the greatest version in the range 1.x",
        "ORDERED 1 no versions, 1 outside the range, 2 candidates behind it, 1 selected",
        &format!("SELECTED {host}/apps/web:1.2.0"),
        "NEXT 1.1.0, 1.0.0",
        &format!("STORED {host}/apps/web:1.0.0 in the object's status"),
        "AUTOMATION apps/fleet",
        "PATH clusters",
        "PLACE MARKER VALUE STATE REASON",
        &format!(
            "clusters/web.yaml:2 apps:web {host}/apps/web:1.0.0 -> {host}/apps/web:1.2.0 updated \
             the next run writes it"
        ),
        "old/web.yaml:1 apps:web:tag 1.0.0 -> 1.2.0 outside-path the file is outside of \
         spec.update.path (./clusters)",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}\n{text}"
        );
    }
    assert!(text.contains("clusters/web.yaml:3"), "{text}");
    assert!(text.contains("malformed-marker"), "{text}");
    // Nothing is written.
    let file = std::fs::read_to_string(program.path().join("tree/clusters/web.yaml")).unwrap();
    assert!(file.contains(":1.0.0 #"), "{file}");
}

#[test]
fn a_line_and_an_automation_are_explained_too() {
    let registry = DockerRegistry::start(&Mode::Open, &[("apps/web", WEB_TAGS)]);
    let program = chain(&registry);
    let json = |arguments: &[&str]| -> Value {
        let text = program.ok(&with(
            arguments,
            &["-f", "objects", "--worktree", "tree", "-o", "json"],
        ));
        serde_json::from_str(&text).expect("JSON")
    };
    let place = |value: &Value| -> Vec<(String, String)> {
        value["automations"][0]["markers"]
            .as_array()
            .expect("markers")
            .iter()
            .map(|marker| {
                let line = &marker["line"];
                let file = marker["file"].as_str().unwrap();
                (
                    format!("{file}:{line}"),
                    marker["state"].as_str().unwrap().to_owned(),
                )
            })
            .collect()
    };
    let pair = |place: &str, state: &str| (place.to_owned(), state.to_owned());
    let all = [
        pair("clusters/web.yaml:2", "updated"),
        pair("clusters/web.yaml:3", "malformed-marker"),
        pair("old/web.yaml:1", "outside-path"),
    ];
    let update = json(&["explain", "update/fleet"]);
    assert_eq!(place(&update), all);
    assert_eq!(update["policies"][0]["selected"]["tag"], "1.2.0");
    assert_eq!(
        update["policies"][0]["runnersUp"],
        serde_json::json!(["1.1.0", "1.0.0"])
    );
    let line = json(&["explain", "tree/clusters/web.yaml:2"]);
    assert_eq!(place(&line), all[..1]);
    assert_eq!(line["policies"][0]["policy"], "apps/web");
    let line = json(&["explain", "tree/old/web.yaml:1"]);
    assert_eq!(place(&line), all[2..]);
    let answer = program.run(&[
        "explain",
        "tree/clusters/web.yaml:1",
        "-f",
        "objects",
        "--worktree",
        "tree",
    ]);
    assert_eq!(answer.code, 1);
    assert!(
        answer.stderr.contains("there is no marker in line 1")
            && answer.stderr.contains("are in 2, 3"),
        "{}",
        answer.stderr
    );
}

#[test]
fn a_broken_link_of_the_chain_is_named() {
    let registry = DockerRegistry::start(&Mode::Open, &[("apps/web", WEB_TAGS)]);
    let program = chain(&registry);
    let path = program.path().join("objects/update.yaml");
    let update = std::fs::read_to_string(&path).unwrap();
    program.write(
        "objects/update.yaml",
        &format!("{update}  policySelector:\n    matchLabels:\n      team: a\n  suspend: true\n"),
    );
    let explain = ["explain", "web", "-f", "objects", "--worktree", "tree"];
    let text = program.ok(&explain);
    assert!(text.contains("apps/fleet: suspended"), "{text}");
    assert!(
        text.contains("spec.policySelector leaves the policy out"),
        "{text}"
    );
    assert!(text.contains("policy-not-selected"), "{text}");
    program.write(
        "objects/policy.yaml",
        &policy("web", "  policy:\n    semver:\n      range: '>=3'\n"),
    );
    let answer = program.run(&explain);
    assert_eq!(answer.code, 1);
    assert!(
        answer
            .stdout
            .contains("unable to determine latest version from provided list (Failure)"),
        "{}",
        answer.stdout
    );
    assert!(
        answer.stdout.contains("4 outside the range"),
        "{}",
        answer.stdout
    );
    let answer = program.run(&["explain", "nobody", "-f", "objects"]);
    assert_eq!(answer.code, 1);
}

/// The chain of a repository that nobody can ask: its registry is not there, its Secret neither.
fn chain_without_registry(rules: &str) -> Program {
    let registry = DockerRegistry::start(&Mode::Open, &[]);
    let program = chain(&registry);
    drop(registry);
    let login = "  secretRef:\n    name: absent\n";
    let repository = repository("web", "ghcr.io/x/web") + login;
    program.write("objects/repository.yaml", &repository);
    program.write("objects/policy.yaml", &policy("web", rules));
    program.write("tags.txt", &WEB_TAGS.join("\n"));
    program.write(
        "tree/clusters/web.yaml",
        "image: ghcr.io/x/web:1.0.0 # {\"$imagepolicy\": \"apps:web\"}\n\
         digest: sha256:0 # {\"$imagepolicy\": \"apps:web:digest\"}\n",
    );
    program
}

const EXPLAIN_LIST: &[&str] = &["-f", "objects", "--worktree", "tree", "--tags-from"];

#[test]
fn a_chain_is_explained_with_a_list_in_place_of_the_registry() {
    let program = chain_without_registry(SEMVER);
    let text = program.ok(&with(
        &with(&["explain", "web"], EXPLAIN_LIST),
        &["tags.txt"],
    ));
    for expected in [
        "none: the tags are from tags.txt",
        "6 listed",
        "1 by ^.*\\.sig$ (1)",
        "ghcr.io/x/web:1.2.0\n",
        "1.1.0, 1.0.0\n",
        "ghcr.io/x/web:1.0.0 -> ghcr.io/x/web:1.2.0   updated",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    for target in [&["update/fleet"][..], &["tree/clusters/web.yaml:1"]] {
        let arguments = with(&with(&["explain"], target), EXPLAIN_LIST);
        let answer = program.run_with_input(&with(&arguments, &["-", "-o", "json"]), b"1.5.0\n");
        let value: Value = serde_json::from_str(&answer.stdout).expect("JSON");
        assert_eq!(value["policies"][0]["selected"]["tag"], "1.5.0");
        assert_eq!(
            value["policies"][0]["credentials"],
            "none: the tags are from standard input"
        );
    }
    let answer =
        program.run_with_input(&with(&with(&["explain", "web"], EXPLAIN_LIST), &["-"]), b"");
    assert_eq!(answer.code, 1, "an empty list");
    assert!(
        answer.stdout.contains("no tags in database"),
        "{}",
        answer.stdout
    );
    let answer = program.run(&["explain", "web", "-f", "-", "--tags-from", "-"]);
    assert_eq!(answer.code, 2, "{}", answer.stderr);
}

#[test]
fn a_list_holds_no_digests_and_the_rest_is_explained() {
    let digests = "  digestReflectionPolicy: IfNotPresent\n";
    let program = chain_without_registry(&format!("{SEMVER}{digests}"));
    let text = program.ok(&with(
        &with(&["explain", "web"], EXPLAIN_LIST),
        &["tags.txt"],
    ));
    assert!(text.contains("(digest-unknown)"), "{text}");
    assert!(text.contains("-> ghcr.io/x/web:1.2.0"), "{text}");
    assert!(text.contains("no-digest"), "{text}");
}

#[test]
fn a_list_is_of_one_image_and_a_choice_without_repository_is_for_tags() {
    let program = chain_without_registry(SEMVER);
    program.write(
        "objects/other.yaml",
        &format!(
            "{}---\n{}",
            policy("other", SEMVER),
            repository("other", "ghcr.io/x/other")
        ),
    );
    let update = with(&["explain", "update/fleet"], EXPLAIN_LIST);
    let answer = program.run(&with(&update, &["tags.txt"]));
    assert_eq!(answer.code, 1);
    assert!(
        answer
            .stderr
            .contains("would stand for 2 images (ghcr.io/x/other, ghcr.io/x/web)"),
        "{}",
        answer.stderr
    );
    let policy = ["explain", "web", "-f", "objects/policy.yaml"];
    let answer = program.run(&with(&policy, &["--tags-from", "tags.txt"]));
    assert_eq!(answer.code, 1);
    assert!(
        answer.stdout.contains("'tags web --tags-from'"),
        "{}",
        answer.stdout
    );
}

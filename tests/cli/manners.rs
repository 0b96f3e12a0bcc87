//! kubectl's manners: empty results, logs, warnings, formats, and views as they were.

use serde_json::json;

use crate::program::Program;
use crate::snapshot::assert_snapshot;
use crate::stage::stage;

#[test]
fn nothing_to_list_is_a_message_on_standard_error_and_success() {
    let stage = stage();
    let program = stage.program("admin");
    let empty = stage.cluster.namespace();
    let answer = program.run(&["get", "policy", "-n", &empty]);
    assert_eq!((answer.code, answer.stdout.as_str()), (0, ""));
    assert_eq!(
        answer.stderr,
        format!("No resources found in {empty} namespace.\n")
    );
    let listed = program.ok(&["get", "policy", "-n", &empty, "-o", "name"]);
    assert_eq!(listed, "");
}

#[test]
fn logs_grow_with_the_level_and_hold_no_secret() {
    let stage = stage();
    let program = stage.program("admin");
    stage.cluster.create(
        &format!("/api/v1/namespaces/{}/secrets", stage.namespace),
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
            "stringData": {"password": "hush-hush"}}),
    );
    let log = |level: &str| {
        let answer = program.run(&["get", "policy", "-n", &stage.namespace, level]);
        assert_eq!(answer.code, 0, "{answer:?}");
        answer.stderr
    };
    assert_eq!(log("-v=0"), "");
    assert!(!log("-v=4").contains("/apis/image.toolkit.fluxcd.io"));
    let requests = log("-v=6");
    assert!(
        requests.contains("/imagepolicies") && requests.contains("status=200"),
        "{requests}"
    );
    assert!(!requests.contains("\"spec\""), "{requests}");
    let bodies = log("--v=8");
    assert!(bodies.contains("semver"), "{bodies}");
    for level in [&requests, &bodies] {
        assert!(
            !level.contains("hush-hush") && !level.contains("PRIVATE KEY"),
            "{level}"
        );
        assert!(!level.contains('\u{1b}'), "{level}");
    }
}

#[test]
fn kinds_are_listed_and_limits_are_seconds_as_in_kubectl() {
    let stage = stage();
    let program = stage.program("reader");
    let names = program.ok(&[
        "get",
        "policy,repo,policies",
        "podinfo",
        "-oNAME",
        "--request-timeout=30",
        "-n",
        &stage.namespace,
    ]);
    assert_eq!(
        names,
        "imagepolicy.image.toolkit.fluxcd.io/podinfo\n\
         imagerepository.image.toolkit.fluxcd.io/podinfo\n"
    );
}

#[test]
fn explain_says_everything_once() {
    let program = Program::new();
    program.write(
        "all.yaml",
        "apiVersion: image.toolkit.fluxcd.io/v1\n\
         kind: ImagePolicy\n\
         metadata: {name: app}\n\
         spec: {imageRepositoryRef: {name: app}, policy: {semver: {range: '>=1'}}, suspend: true}\n\
         status: {latestRef: {name: ghcr.io/x/app, tag: 1.2.3}}\n\
         ---\n\
         apiVersion: image.toolkit.fluxcd.io/v1\n\
         kind: ImageUpdateAutomation\n\
         metadata: {name: up}\n\
         spec: {interval: 1m, sourceRef: {kind: GitRepository, name: f}, git: {push: {branch: main}, \
         commit: {author: {email: a@b.c}}}}\n",
    );
    program.write(
        "app.yaml",
        "image: ghcr.io/x/app:1.0.0 # {\"$imagepolicy\": \"flux-system:app\"}\n",
    );
    for git in [&["init", "-q"][..], &["add", "."], &["commit", "-qm", "x"]] {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"];
        let mut command = std::process::Command::new("git");
        command.args(identity).args(git).current_dir(program.path());
        assert!(command.status().unwrap().success(), "git {git:?}");
    }
    let answer = program.run(&["explain", "app", "-f", "all.yaml", "--worktree", "."]);
    assert!(answer.stdout.contains("app.yaml:1"), "{answer:?}");
    let notes = answer.stderr.matches("do not count with --worktree");
    assert_eq!(notes.count(), 1, "{}", answer.stderr);
}

#[test]
fn an_unknown_format_names_the_choices() {
    let answer = Program::new().run(&["version", "-o", "xml"]);
    assert_eq!(answer.code, 2);
    assert!(
        answer.stderr.contains(
            "unable to match a printer suitable for the output format \"xml\", allowed formats are: json,yaml"
        ),
        "{}",
        answer.stderr
    );
}

/// Ages, ports and namespaces differ from run to run.
fn steady(text: &str) -> String {
    text.replace(&stage().namespace, "NAMESPACE-OF-TEST")
}

#[test]
fn views_of_a_cluster_are_as_they_were() {
    let stage = stage();
    let program = stage.program("reader");
    let namespace = stage.namespace.as_str();
    for (name, words) in [
        ("get-all", &["get", "all"][..]),
        ("get-policy", &["get", "policy"]),
        ("get-repository", &["get", "repository"]),
        ("get-update", &["get", "update"]),
        ("get-name", &["get", "all", "-o", "name"]),
        (
            "get-no-headers",
            &[
                "get",
                "policy",
                "--no-headers",
                "--sort-by",
                ".metadata.name",
            ],
        ),
        (
            "get-columns",
            &[
                "get",
                "policy",
                "-o",
                "custom-columns=NAME:.metadata.name,TAG:.status.latestRef.tag",
            ],
        ),
        ("export", &["export", "policy", "podinfo"]),
    ] {
        let line = [words, &["-n", namespace]].concat();
        assert_snapshot(&format!("views/{name}"), &steady(&program.ok(&line)));
        let quoted: Vec<String> = line.iter().map(|word| format!("'{word}'")).collect();
        let (text, code) = crate::terminal::shown(&program, &quoted.join(" "));
        assert_eq!(code, 0, "{text}");
        assert_snapshot(&format!("views/{name}.terminal"), &steady(&text));
    }
}

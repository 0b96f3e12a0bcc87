//! What goes wrong between here and an API server, as the program tells it: in kubectl's words, in
//! time, with the exit code of failure.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::kube::{Authority, Profile, cluster, definitions, kubeconfig};
use super::scene::Scene;
use super::scripted::{Answer as Served, Scripted, json as json_answer};
use super::support::program::{Answer, Program};

/// The verbs that read the cluster first of all, with their exit code of failure.
const VERBS: [(&[&str], i32); 4] = [
    (&["reconcile"], 1),
    (&["reconcile", "--request"], 1),
    (&["diff"], 2),
    (&["get", "updates"], 1),
];

/// Runs the verbs against a server and demands one error in these words, in time.
#[track_caller]
fn assert_told(server: &[&str], expected: &str) {
    let program = Program::new();
    for (verb, code) in VERBS {
        let begin = Instant::now();
        let answer = program.run(&[verb, server].concat());
        assert!(begin.elapsed() < Duration::from_secs(15), "{verb:?}");
        assert_eq!(answer.code, code, "{verb:?}: {}", answer.stderr);
        assert_eq!(answer.stdout, "", "{verb:?}");
        let first = answer.stderr.lines().next().unwrap_or_default();
        assert!(
            first.starts_with(expected),
            "{verb:?}: {}\nexpected: {expected}",
            answer.stderr
        );
    }
}

fn at(url: &str) -> String {
    format!("--server={url}")
}

#[test]
fn no_cluster() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    assert_told(
        &[&at(&format!("https://{closed}"))],
        &format!(
            "The connection to the server {closed} was refused - did you specify the right host or \
             port?"
        ),
    );
}

#[test]
fn an_expired_token() {
    let cluster = cluster(Profile::Today);
    let authority = cluster.folder().join("ca.crt");
    assert_told(
        &[
            &at(&cluster.url()),
            &format!("--certificate-authority={}", authority.display()),
            "--token=expired",
        ],
        "error: You must be logged in to the server (Unauthorized)",
    );
}

#[test]
fn a_wrong_authority() {
    let cluster = cluster(Profile::Today);
    let other = Authority::named("another authority");
    let pair = other.client("admin", &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    let config = kubeconfig(&cluster.url(), &other.certificate, "admin", &pair);
    std::fs::write(&file, config.to_string()).unwrap();
    assert_told(
        &[&format!("--kubeconfig={}", file.display())],
        "Unable to connect to the server: tls: failed to verify certificate: x509: certificate \
         signed by unknown authority",
    );
}

#[test]
fn a_slow_server() {
    let server = Scripted::start(|_, _| Served::Silence);
    assert_told(
        &[&at(&server.url), "--request-timeout=300ms"],
        "Unable to connect to the server: context deadline exceeded",
    );
}

#[test]
fn a_slow_server_and_the_limit_for_the_whole_operation() {
    let server = Scripted::start(|_, _| Served::Silence);
    let program = Program::new();
    for (verb, code) in &VERBS[..3] {
        let server = at(&server.url);
        let flags: [&str; 2] = [&server, "--timeout=300ms"];
        let answer = program.run(&[*verb, &flags].concat());
        assert_eq!(answer.code, *code);
        assert_eq!(
            answer.stderr,
            "Unable to connect to the server: context deadline exceeded\nhint: the objects were not \
             read within 300ms (--timeout)\n"
        );
    }
}

#[test]
fn a_server_that_closes_in_the_middle_of_a_list() {
    let server = Scripted::start(|_, _| {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n";
        let body = r#"{"kind":"List","items":[{"metadata":{"name":"a","namespace":"flux-system"}"#;
        Served::Raw([head, body].concat().into_bytes())
    });
    let text = "unexpected error when reading response body. Please retry. Original error: ";
    assert_told(&[&at(&server.url)], &format!("error: {text}"));
}

#[test]
fn a_server_that_is_too_busy_for_ever() {
    let server = Scripted::start(|_, _| Served::Headers(429, "retry-after: 0\r\n", String::new()));
    assert_told(
        &[&at(&server.url)],
        "Error from server (TooManyRequests): the server has received too many requests and has \
         asked us to try again later",
    );
}

#[test]
fn a_server_that_is_unavailable() {
    let server = Scripted::start(|_, _| Served::Body(503, "text/plain", "down".into()));
    assert_told(
        &[&at(&server.url)],
        "Error from server (ServiceUnavailable): the server is currently unable to handle the \
         request",
    );
}

fn automation(name: &str) -> Value {
    json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageUpdateAutomation",
        "metadata": {"namespace": "flux-system", "name": name},
        "spec": {"suspend": true, "interval": "1m", "sourceRef": {"kind": "GitRepository", "name": "x"}},
    })
}

#[test]
fn a_list_that_grows_too_old_between_pages_is_read_to_its_end() {
    let server = Scripted::start(|_, seen| {
        let page = |items: &[Value], next: &str| json!({"items": items, "metadata": {"continue": next, "resourceVersion": "1"}});
        if seen.line.contains("continue=fresh") {
            json_answer(200, &page(&[automation("b")], ""))
        } else if seen.line.contains("continue=stale") {
            let expired = json!({
                "kind": "Status", "code": 410, "reason": "Expired", "message": "too old",
                "metadata": {"continue": "fresh"},
            });
            json_answer(410, &expired)
        } else {
            json_answer(200, &page(&[automation("a")], "stale"))
        }
    });
    let program = Program::new();
    let server = at(&server.url);
    let table = program.ok(&["get", "updates", &server]);
    assert_eq!(table.lines().count(), 3, "{table}");
    let done = program.ok(&["reconcile", &server]);
    for name in ["a", "b"] {
        assert!(
            done.contains(&format!("/{name} skipped: suspended")),
            "{done}"
        );
    }
}

#[test]
fn a_cluster_without_the_kinds_or_with_some_of_them() {
    let cluster = cluster(Profile::Bare);
    let _alone = super::BARE.lock();
    let kubeconfig = format!("--kubeconfig={}", cluster.kubeconfig("admin").display());
    let no_kind =
        |plural: &str| format!("error: the server doesn't have a resource type \"{plural}\"");
    assert_told(&[&kubeconfig], &no_kind("imageupdateautomations"));

    let mut some = definitions("v1");
    some.retain(|definition| definition["spec"]["names"]["plural"] != "imagepolicies");
    cluster.install(&some);
    let scene = Scene::new(
        Profile::Bare,
        &[("team/app", &["1.0.0"])],
        &[("README.md", "# x\n")],
    );
    let [repository, _, update] = scene.app("v1");
    scene.cluster.apply(&repository);
    scene.cluster.apply(&update);
    let scanned = scene.ok(&["reconcile", "repository"]);
    assert!(scanned.stdout.contains("scanned: 1 tags"), "{scanned:?}");
    for arguments in [["reconcile", "policy"], ["reconcile", "update"]] {
        let answer: Answer = scene.run(&arguments);
        assert_eq!(answer.code, 1);
        assert!(
            answer.stderr.starts_with(&no_kind("imagepolicies")),
            "{}",
            answer.stderr
        );
        assert!(answer.stderr.contains("hint: "), "{}", answer.stderr);
    }
    cluster.uninstall(&some);
}

#[test]
fn warnings_of_the_server_are_shown_once_at_the_end() {
    let server = Scripted::start(|_, _| {
        let list = json!({"items": [automation("a"), automation("b")], "metadata": {}});
        Served::Headers(
            200,
            "warning: 299 - \"v1 ImageUpdateAutomation is old\"\r\n",
            list.to_string(),
        )
    });
    let program = Program::new();
    let answer = program.run(&["reconcile", &at(&server.url)]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert_eq!(answer.stderr.matches("Warning:").count(), 1);
    assert_eq!(
        answer.stderr.lines().last(),
        Some("Warning: v1 ImageUpdateAutomation is old")
    );
}

#[test]
fn logs_at_every_level_keep_secrets_to_themselves() {
    let mut scene = Scene::with_app(Profile::Today, "v1", &["1.0.0"]);
    scene.cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"namespace": scene.namespace, "name": "login"},
        "stringData": {".dockerconfigjson":
            json!({"auths": {"example.com": {"username": "u", "password": "hunter2"}}}).to_string()},
    }));
    scene.patch(
        "imagerepositories",
        "app",
        &json!({"spec": {"secretRef": {"name": "login"}}}),
    );
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"namespace": scene.namespace, "name": "robot"},
    });
    scene.cluster.apply(&account);
    let path = format!(
        "/api/v1/namespaces/{}/serviceaccounts/robot/token",
        scene.namespace
    );
    let token = scene.cluster.create(&path, &json!({"spec": {}}));
    let token = token["status"]["token"].as_str().unwrap().to_owned();
    let flag = format!("--token={token}");
    let server = at(&scene.cluster.url());
    let authority = format!(
        "--certificate-authority={}",
        scene.cluster.folder().join("ca.crt").display()
    );
    let quiet = scene.run(&["reconcile", "repository"]);
    assert!(!quiet.stderr.contains("API request"), "{}", quiet.stderr);
    let loud = scene.run(&["reconcile", "repository", "-v=8"]);
    assert!(
        loud.stderr.contains("API request") && loud.stderr.contains("path="),
        "{}",
        loud.stderr
    );
    let denied = scene.run(&["get", "policy", &flag, &server, &authority, "-v=8"]);
    scene.stage.program.set("KUBECTL_IMAGEUPDATE_LOG", "trace");
    let traced = scene.run(&["reconcile", "repository"]);
    let traced_token = scene.run(&["get", "policy", &flag, &server, &authority]);
    let encoded = "aHVudGVyMg";
    for answer in [loud, denied, traced, traced_token] {
        for secret in ["hunter2", encoded, token.as_str()] {
            let text = format!("{}{}", answer.stdout, answer.stderr);
            if let Some(at) = text.find(secret) {
                panic!("a secret is logged: {}", &text[at.saturating_sub(300)..at]);
            }
        }
    }
}

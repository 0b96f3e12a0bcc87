//! kubectl's connection flags, each really sent; and the command lines that contact nobody.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::kube::{Cluster, Profile, cluster};
use super::scene::Scene;
use super::scripted::{Scripted, json as json_answer};
use super::support::program::Program;

/// Runs `get policies` in a fresh namespace without any kubeconfig of its own, and gives the API
/// server's record of it.
#[track_caller]
fn recorded(cluster: &Cluster, flags: &[&str]) -> Value {
    let namespace = cluster.namespace();
    let mark = cluster.mark();
    let answer = Program::new().run(&[&["get", "policies", "-n", &namespace], flags].concat());
    assert_eq!(answer.code, 0, "{flags:?}: {}", answer.stderr);
    let seen = cluster.audited(mark, |event| {
        let uri = event["requestURI"].as_str().unwrap_or_default();
        uri.contains(&format!("/namespaces/{namespace}/"))
    });
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen[0].0.clone()
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn server_authority_and_client_certificate_are_enough_without_a_kubeconfig() {
    let cluster = cluster(Profile::Today);
    let folder = tempfile::tempdir().unwrap();
    let pair = cluster.authority().client("reader", &[]);
    let certificate = written(folder.path(), "crt", &pair.certificate);
    let key = written(folder.path(), "key", &pair.key);
    let authority = written(folder.path(), "ca", &cluster.authority().certificate);
    let server = format!("--server={}", cluster.url());
    let certificate = format!("--client-certificate={}", certificate.display());
    let key = format!("--client-key={}", key.display());
    let authority = format!("--certificate-authority={}", authority.display());
    let event = recorded(cluster, &[&server, &certificate, &key, &authority]);
    assert_eq!(event["user"]["username"], "reader");
    // Under a name that the certificate holds, and not checked at all.
    for further in ["--tls-server-name=localhost", "--request-timeout=30s"] {
        recorded(cluster, &[&server, &certificate, &key, &authority, further]);
    }
    recorded(
        cluster,
        &[&server, &certificate, &key, "--insecure-skip-tls-verify"],
    );
    let wrong = Program::new().run(&[
        "get",
        "policies",
        &server,
        &certificate,
        &key,
        &authority,
        "--tls-server-name=elsewhere.example.com",
    ]);
    assert!(
        wrong.stderr.contains("not elsewhere.example.com"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn context_cluster_user_and_kubeconfig_choose_from_the_file() {
    let cluster = cluster(Profile::Today);
    let folder = tempfile::tempdir().unwrap();
    let read = |user: &str| -> Value {
        let text = std::fs::read_to_string(cluster.kubeconfig(user)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let (admin, reader) = (read("admin"), read("reader"));
    let right = &admin["clusters"][0]["cluster"];
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "broken",
        "clusters": [
            {"name": "right", "cluster": right},
            {"name": "wrong", "cluster": {"server": "https://127.0.0.1:1"}},
        ],
        "users": [admin["users"][0], reader["users"][0]],
        "contexts": [
            {"name": "broken", "context": {"cluster": "wrong", "user": "admin"}},
            {"name": "good", "context": {"cluster": "right", "user": "admin"}},
        ],
    });
    let file = written(folder.path(), "kubeconfig", &config.to_string());
    let file = format!("--kubeconfig={}", file.display());
    let user = |flags: &[&str]| recorded(cluster, flags)["user"]["username"].clone();
    assert_eq!(user(&[&file, "--context=good"]), "admin");
    assert_eq!(user(&[&file, "--cluster=right"]), "admin");
    assert_eq!(user(&[&file, "--context=good", "--user=reader"]), "reader");
}

#[test]
fn a_token_and_an_impersonation_are_sent_whole() {
    let cluster = cluster(Profile::Today);
    let scene = Scene::with_app(Profile::Today, "v1", &["1.0.0"]);
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"namespace": scene.namespace, "name": "robot"},
    });
    cluster.apply(&account);
    let path = format!(
        "/api/v1/namespaces/{}/serviceaccounts/robot/token",
        scene.namespace
    );
    let token = cluster.create(&path, &json!({"spec": {}}));
    let flag = format!("--token={}", token["status"]["token"].as_str().unwrap());
    let server = format!("--server={}", cluster.url());
    let authority = format!(
        "--certificate-authority={}",
        cluster.folder().join("ca.crt").display()
    );
    // Without a kubeconfig, whose client certificate would come first, as with kubectl.
    let arguments = ["get", "policies", "-n", &scene.namespace];
    let denied = Program::new().run(&[&arguments[..], &[&flag, &server, &authority]].concat());
    let robot = format!("User \"system:serviceaccount:{}:robot\"", scene.namespace);
    assert!(denied.stderr.contains(&robot), "{}", denied.stderr);

    let admin = format!("--kubeconfig={}", cluster.kubeconfig("admin").display());
    let event = recorded(
        cluster,
        &[
            &admin,
            "--as=jane",
            "--as-group=team-a",
            "--as-group=system:masters",
            "--as-uid=42",
            "--as-user-extra=reason=incident 7",
            "--as-user-extra=reason=night",
        ],
    );
    let impersonated = &event["impersonatedUser"];
    assert_eq!(event["user"]["username"], "admin");
    assert_eq!(impersonated["username"], "jane");
    assert_eq!(impersonated["uid"], "42");
    let groups = impersonated["groups"].as_array().unwrap();
    assert!(groups.contains(&json!("team-a")), "{impersonated}");
    assert_eq!(
        impersonated["extra"]["reason"],
        json!(["incident 7", "night"])
    );
    let bad = scene.run(&["get", "policies", "--as=jane", "--as-user-extra=reason"]);
    assert_eq!(bad.code, 2, "{}", bad.stderr);
}

#[test]
fn compression_is_asked_for_unless_it_is_disabled() {
    let server = Scripted::start(|_, _| json_answer(200, &json!({"items": [], "metadata": {}})));
    let flag = format!("--server={}", server.url);
    let program = Program::new();
    program.ok(&["get", "policies", &flag]);
    program.ok(&["get", "policies", &flag, "--disable-compression"]);
    let asked: Vec<bool> = server
        .seen()
        .iter()
        .map(|seen| seen.headers.contains("accept-encoding: gzip"))
        .collect();
    assert_eq!(asked, [true, false]);
    for seen in server.seen() {
        assert!(
            seen.headers.contains("user-agent: kubectl-imageupdate/"),
            "{}",
            seen.headers
        );
    }
}

const OBJECTS: &str = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata:\n  \
    name: p\nspec:\n  imageRepositoryRef:\n    name: r\n  policy:\n    semver:\n      range: '*'\n";

#[test]
fn help_completion_exports_and_files_contact_no_api_server_and_need_no_kubeconfig() {
    let server = Scripted::start(|_, _| json_answer(200, &json!({"items": [], "metadata": {}})));
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server.url}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "nobody"}}],
        "users": [{"name": "nobody", "user": {}}],
    });
    let mut program = Program::new();
    let objects = program.write("objects.yaml", OBJECTS);
    let objects = objects.to_str().unwrap().to_owned();
    let lines: [&[&str]; 11] = [
        &["--help"],
        &["reconcile", "--help"],
        &["get", "--help"],
        &["completion", "bash"],
        &["--version"],
        &[
            "create",
            "repository",
            "r",
            "--image=ghcr.io/a/b",
            "--export",
        ],
        &[
            "create",
            "policy",
            "p",
            "--image-ref=r",
            "--select-semver=*",
            "--export",
        ],
        &["get", "policies", "-f", &objects],
        &["reconcile", "policy", "-f", &objects],
        &["reconcile", "-f", &objects],
        &["diff", "-f", &objects],
    ];
    // Twice: with a kubeconfig whose server counts, and with one that does not exist.
    let counting = program.write("kubeconfig", &config.to_string());
    for kubeconfig in [counting.to_str().unwrap(), "/nowhere/kubeconfig"] {
        program.set("KUBECONFIG", kubeconfig);
        for line in lines {
            let answer = program.run(line);
            let complaint = format!("{line:?}: {}", answer.stderr);
            assert!(!answer.stderr.contains("onnect"), "{complaint}");
            assert!(!answer.stderr.contains("kubeconfig"), "{complaint}");
            assert_eq!(server.lines(), [""; 0], "{line:?}");
        }
    }
    program.set("KUBECONFIG", counting.to_str().unwrap());
    program.ok(&["get", "policies"]);
    assert_eq!(server.lines().len(), 1, "the server counts");
}

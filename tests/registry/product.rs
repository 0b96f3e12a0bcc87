//! The program itself against registries: what is shared, and what is never told.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::http::{Answer, Delivery};
use crate::support::program::Program;
use crate::support::registry_server::{
    Access, OCI_MANIFEST, RegistryContent, RegistryOptions, RegistryServer, TokenAuth,
};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

const PASSWORD: &str = "correct-horse";

fn content() -> RegistryContent {
    RegistryContent::of(&[("apps/web", &["1.0.0", "1.1.0"])])
}

fn repository(name: &str, host: &str, fields: &str) -> String {
    format!(
        "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\n\
         metadata: {{name: {name}, namespace: apps}}\nspec:\n  image: {host}/apps/web\n{fields}"
    )
}

fn policy(name: &str, of: &str) -> String {
    format!(
        "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\n\
         metadata: {{name: {name}, namespace: apps}}\nspec:\n  imageRepositoryRef: {{name: {of}}}\n\
         \x20 policy: {{semver: {{range: \">=1\"}}}}\n"
    )
}

fn pull_secret(host: &str, password: &str) -> String {
    let auth = STANDARD.encode(format!("puller:{password}"));
    let config = format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#);
    format!(
        "---\napiVersion: v1\nkind: Secret\ntype: kubernetes.io/dockerconfigjson\n\
         metadata: {{name: regcred, namespace: apps}}\nstringData:\n  .dockerconfigjson: '{config}'\n"
    )
}

fn bearer() -> RegistryServer {
    RegistryOptions::new(&content())
        .access(Access::Token(TokenAuth {
            users: vec![("puller".into(), PASSWORD.into())],
            identity: None,
            public: Vec::new(),
            realm: None,
        }))
        .start()
}

#[test]
fn one_scan_serves_every_repository_and_policy_of_an_image() {
    let server = RegistryServer::open(&content());
    let host = server.host();
    let program = Program::new();
    let objects = [
        repository("one", &host, "  interval: 5m\n"),
        // Another limit is no other scan.
        repository("two", &host, "  interval: 1h\n  timeout: 30s\n"),
        policy("a", "one"),
        policy("b", "one"),
        policy("c", "two"),
    ]
    .concat();
    let file = program.write("objects.yaml", &objects);
    let answer = program.run(&["reconcile", "policy", "-f", file.to_str().unwrap()]);
    assert_eq!(answer.code, 0, "{answer:#?}");
    assert_eq!(server.log(), ["GET /v2/apps/web/tags/list?n=1000"]);
}

#[test]
fn no_secret_is_told_at_any_level_of_logging() {
    let server = bearer();
    let host = server.host();
    for (password, code) in [(PASSWORD, 0), ("wrong-horse", 1)] {
        let program = Program::new();
        let objects = [
            repository(
                "web",
                &host,
                "  interval: 5m\n  secretRef: {name: regcred}\n",
            ),
            policy("web", "web"),
            pull_secret(&host, password),
        ]
        .concat();
        let file = program.write("objects.yaml", &objects);
        let answer = program.run(&[
            "reconcile",
            "policy",
            "web",
            "-v",
            "9",
            "-f",
            file.to_str().unwrap(),
        ]);
        assert_eq!(answer.code, code, "{answer:#?}");
        // The log is there at all, and says which credentials were used.
        assert!(answer.stderr.contains("registry request"), "{answer:#?}");
        for secret in [
            password.to_owned(),
            STANDARD.encode(format!("puller:{password}")),
            "token-1".to_owned(),
        ] {
            for text in [&answer.stdout, &answer.stderr] {
                assert!(!text.contains(&secret), "{secret}: {text}");
            }
        }
        if code == 1 {
            assert!(answer.stderr.contains("secret apps/regcred"), "{answer:#?}");
        }
    }
}

#[test]
fn ctrl_c_does_not_wait_for_the_digest_of_a_silent_registry() {
    let server = RegistryOptions::new(&content())
        .script(|request| {
            let digest = request.path().contains("/manifests/");
            digest.then(|| Answer::new(200, OCI_MANIFEST, "{}").delivered(Delivery::Silence))
        })
        .start();
    let program = Program::new();
    let reflecting = policy("web", "web") + "  digestReflectionPolicy: IfNotPresent\n";
    let objects = repository("web", &server.host(), "  interval: 24h\n") + &reflecting;
    let file = program.write("objects.yaml", &objects);
    let child = program
        .command(&["reconcile", "policy", "-f", file.to_str().unwrap()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !server.log().iter().any(|line| line.starts_with("HEAD ")) {
        assert!(started.elapsed() < PATIENCE, "the digest is not asked for");
        std::thread::yield_now();
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    // Nothing else ends it: the registry says nothing for a day.
    let answer = child.wait_with_output().unwrap();
    assert_eq!(answer.status.code(), Some(130), "{answer:#?}");
}

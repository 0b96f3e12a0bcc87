//! Registries and Git hosts that cannot be reached or refuse.

use crate::stage::{Stage, assert_fails};
use crate::support::closed_port::closed_port;
use crate::support::git_server::{GitServer, Settings};
use crate::support::registry_server::{Access, RegistryContent, RegistryOptions};

#[test]
fn an_unreachable_registry_is_named() {
    let stage = Stage::new();
    let host = closed_port().to_string();
    stage.repository(&format!("image: {host}/org/app"));
    stage.fails(&["image repository flux-system/app", &host, "refused"]);
}

#[test]
fn a_repository_that_the_registry_does_not_know_is_named() {
    let stage = Stage::new();
    stage.repository(&format!("image: {}/org/other", stage.registry.host()));
    stage.fails(&[
        "image repository flux-system/app",
        "org/other",
        "NAME_UNKNOWN",
    ]);
}

#[test]
fn a_registry_that_wants_credentials_is_told_from_one_that_refuses_them() {
    let content = RegistryContent::of(&[("org/app", &["1.0.0"])]);
    let closed = RegistryOptions::new(&content)
        .basic("puller", "hunter2", "registry")
        .start();
    let stage = Stage::new();
    stage.repository(&format!("image: {}/org/app", closed.host()));
    stage.fails(&[
        "image repository flux-system/app",
        "UNAUTHORIZED",
        "anonymous",
    ]);

    let wrong = serde_json::json!({"auths": {closed.host(): {"username": "puller", "password": "hunter2x"}}});
    stage.program.write("docker.json", &wrong.to_string());
    let answer = stage.program.run(&[
        "reconcile",
        "-f",
        "objects",
        "--registry-config",
        "docker.json",
    ]);
    assert_fails(&answer, 1, &["UNAUTHORIZED", "docker.json"]);
    stage.assert_untouched();
}

#[test]
fn a_registry_that_forbids_is_named() {
    let content = RegistryContent::of(&[("org/app", &["1.0.0"])]);
    let forbidding = RegistryOptions::new(&content)
        .access(Access::default())
        .script(|_| {
            Some(crate::support::registry_server::failure(
                403,
                "DENIED",
                "requested access to the resource is denied",
                &serde_json::json!({}),
            ))
        })
        .start();
    let stage = Stage::new();
    stage.repository(&format!("image: {}/org/app", forbidding.host()));
    stage.fails(&["image repository flux-system/app", "DENIED"]);
}

#[test]
fn an_unreachable_git_host_is_named() {
    let stage = Stage::new();
    let url = format!("http://{}/fleet.git", closed_port());
    stage.git(&url, "");
    stage.fails(&["image update automation flux-system/fleet", &url]);
}

#[test]
fn a_git_repository_that_does_not_exist_is_named() {
    let stage = Stage::new();
    let url = format!("file://{}/none.git", stage.repositories.root().display());
    stage.git(&url, "");
    stage.fails(&["image update automation flux-system/fleet", &url]);
}

#[test]
fn a_git_server_that_refuses_the_login_is_named_without_the_password() {
    let stage = Stage::new();
    let server = GitServer::start(
        stage.repositories.root(),
        Settings {
            basic: Some(("bot".to_owned(), "right".to_owned())),
            ..Settings::default()
        },
    );
    let url = server.url("fleet");
    stage.git(&url, "");
    stage.fails(&[
        "image update automation flux-system/fleet",
        "authentication",
    ]);

    stage.git(&url, "  secretRef:\n    name: login\n");
    stage.program.write(
        "objects/secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: login\n  namespace: flux-system\n\
         stringData:\n  username: bot\n  password: hunter2\n",
    );
    stage.fails(&[
        "image update automation flux-system/fleet",
        "authentication",
    ]);
}

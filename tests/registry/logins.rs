//! Logging in: challenges, token servers, secrets, the user's files and helpers.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubectl_imageupdate::ports::{Provider, Registry as _, RegistryFailure};
use kubectl_imageupdate::registry::{Environment, RegistryClient, RegistrySettings};

use crate::support::http::Answer;
use crate::support::registry_server::{
    Access, RegistryContent, RegistryOptions, RegistryServer, TokenAuth,
};
use crate::{client, password, request, secret, settings, sorted, tags};

fn content() -> RegistryContent {
    RegistryContent::of(&[
        ("apps/web", &["1.0.0", "1.1.0"]),
        ("apps/api", &["2.0.0"]),
        ("pub/tool", &["3.0.0"]),
    ])
}

fn basic() -> RegistryServer {
    RegistryOptions::new(&content())
        .basic("puller", "s3cret", "registry")
        .start()
}

fn bearer(auth: TokenAuth) -> RegistryServer {
    RegistryOptions::new(&content())
        .access(Access::Token(auth))
        .start()
}

fn token_auth() -> TokenAuth {
    TokenAuth {
        users: vec![("puller".into(), "s3cret".into())],
        identity: Some("refresh-me".into()),
        public: vec!["pub/tool".into()],
        realm: None,
    }
}

#[tokio::test]
async fn a_password_from_a_secret_is_sent_after_the_challenge() {
    let server = basic();
    let mut scan = request(&server.host(), "apps/web");
    scan.credentials = vec![password(&server.host(), "puller", "s3cret")];
    let client = client();
    let list = tags(&client, &scan).await.unwrap();
    assert_eq!(list.tags, ["1.0.0", "1.1.0"]);
    assert_eq!(list.credentials, "secret apps/regcred");
    assert_eq!(list.requests, 2);
    // The next repository is asked with the password at once.
    let mut next = scan.clone();
    next.image = request(&server.host(), "apps/api").image;
    assert_eq!(tags(&client, &next).await.unwrap().requests, 1);
}

#[tokio::test]
async fn refusals_read_as_in_the_controllers_conditions() {
    let server = basic();
    let expected = format!(
        "GET http://{}/v2/apps/web/tags/list?n=1000: UNAUTHORIZED: authentication required; [map[Action:pull Class: Name:apps/web Type:repository]]",
        server.host()
    );
    let anonymous = request(&server.host(), "apps/web");
    let mut wrong = anonymous.clone();
    wrong.credentials = vec![password(&server.host(), "puller", "wr0ng")];
    let mut elsewhere = anonymous.clone();
    elsewhere.credentials = vec![password("ghcr.io", "puller", "s3cret")];
    for (scan, hint, requests) in [
        (anonymous, "anonymous access was refused", 1),
        (wrong, "credentials used: secret apps/regcred", 2),
        (elsewhere, "anonymous access was refused", 1),
    ] {
        server.http().clear();
        let error = tags(&client(), &scan).await.unwrap_err();
        assert_eq!(error.failure, RegistryFailure::Unauthorized);
        assert_eq!(error.message, expected);
        assert!(error.hint.as_deref().unwrap().contains(hint), "{error:?}");
        assert!(!format!("{error:?}").contains("wr0ng"));
        assert_eq!(server.log().len(), requests);
    }
}

#[tokio::test]
async fn a_token_is_asked_for_once_per_repository() {
    let server = bearer(token_auth());
    let mut scan = request(&server.host(), "apps/web");
    scan.credentials = vec![password(&server.host(), "puller", "s3cret")];
    let client = client();
    assert_eq!(tags(&client, &scan).await.unwrap().requests, 3);
    client.digest(&scan, "1.0.0").await.unwrap();
    assert_eq!(tags(&client, &scan).await.unwrap().requests, 1);
    let log = server.log();
    let tokens: Vec<&String> = log.iter().filter(|line| line.contains("/token")).collect();
    assert_eq!(
        tokens,
        ["GET /token?scope=repository%3Aapps%2Fweb%3Apull&service=registry.test"]
    );
    assert_eq!(log.len(), 5);
}

#[tokio::test]
async fn anonymous_tokens_read_public_repositories_only() {
    let server = bearer(token_auth());
    let client = client();
    let list = tags(&client, &request(&server.host(), "pub/tool"))
        .await
        .unwrap();
    assert_eq!(list.tags, ["3.0.0"]);
    assert_eq!(list.credentials, "anonymous");
    server.http().clear();
    let error = tags(&client, &request(&server.host(), "apps/web"))
        .await
        .unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Unauthorized);
    assert!(
        error
            .message
            .contains("UNAUTHORIZED: authentication required")
    );
    assert!(error.hint.unwrap().contains("anonymous access was refused"));
    // One token, one try with it: the same token would be refused again.
    assert_eq!(server.log().len(), 2, "{:?}", server.log());
}

#[tokio::test]
async fn identity_tokens_use_oauth2_and_fall_back_where_it_is_unknown() {
    let entry = r#"{"auth":"dXNlcjo=","identitytoken":"refresh-me"}"#;
    let server = bearer(token_auth());
    let mut scan = request(&server.host(), "apps/web");
    scan.credentials = vec![secret(&server.host(), entry)];
    assert_eq!(sorted(&client(), &scan).await, ["1.0.0", "1.1.0"]);
    let post = server
        .http()
        .requests()
        .into_iter()
        .find(|request| request.method == "POST")
        .expect("a POST");
    assert_eq!(post.form("grant_type").as_deref(), Some("refresh_token"));
    assert_eq!(
        post.form("scope").as_deref(),
        Some("repository:apps/web:pull")
    );
    assert_eq!(post.form("service").as_deref(), Some("registry.test"));

    let old = bearer(TokenAuth {
        identity: None,
        ..token_auth()
    });
    let mut scan = request(&old.host(), "pub/tool");
    scan.credentials = vec![secret(&old.host(), entry)];
    assert_eq!(sorted(&client(), &scan).await, ["3.0.0"]);
}

#[tokio::test]
async fn a_registry_token_is_sent_as_it_is() {
    let server = RegistryOptions::new(&content())
        .script(|request| {
            (request.header("authorization") != Some("Bearer ready-made")).then(|| {
                Answer::new(401, "text/plain", "").header(
                    "WWW-Authenticate",
                    "Bearer realm=\"http://localhost:1/token\"",
                )
            })
        })
        .start();
    let mut scan = request(&server.host(), "apps/web");
    scan.credentials = vec![secret(&server.host(), r#"{"registrytoken":"ready-made"}"#)];
    assert_eq!(sorted(&client(), &scan).await.len(), 2);
}

#[tokio::test]
async fn a_wrong_password_is_reported_by_the_token_server() {
    let server = bearer(token_auth());
    let mut scan = request(&server.host(), "apps/web");
    scan.credentials = vec![password(&server.host(), "puller", "wr0ng")];
    let error = tags(&client(), &scan).await.unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Unauthorized);
    assert_eq!(
        error.message,
        format!(
            "GET http://{}/token?scope=repository%3Aapps%2Fweb%3Apull&service=registry.test: UNAUTHORIZED: incorrect username or password",
            server.host()
        )
    );
    assert_eq!(
        error.hint,
        Some(format!(
            "credentials used: secret apps/regcred; the image is {}/apps/web",
            server.host()
        ))
    );
}

#[tokio::test]
async fn a_realm_in_a_private_network_gets_nothing() {
    let thief = RegistryServer::open(&content());
    let server = bearer(TokenAuth {
        realm: Some(format!("http://{}/token", thief.host())),
        ..token_auth()
    });
    let mut scan = request(&server.host(), "apps/web");
    scan.credentials = vec![password(&server.host(), "puller", "s3cret")];
    let error = tags(&client(), &scan).await.unwrap_err();
    assert!(
        error.message.contains(
            "invalid realm in www-authenticate: realm host \"127.0.0.1\" is a private or link-local address"
        ),
        "{error}"
    );
    assert!(thief.log().is_empty());
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    // The first token is taken for expired, whatever it is.
    let server = RegistryOptions::new(&content())
        .access(Access::Token(token_auth()))
        .script(|request| {
            (request.header("authorization") == Some("Bearer token-1")).then(|| {
                let realm = format!("http://{}/token", request.header("host").unwrap());
                Answer::new(401, "application/json", r#"{"errors":[{"code":"UNAUTHORIZED","message":"expired"}]}"#)
                    .header("WWW-Authenticate", format!("Bearer realm=\"{realm}\",service=\"registry.test\",scope=\"repository:apps/web:pull\",error=\"invalid_token\""))
            })
        })
        .start();
    let mut scan = request(&server.host(), "apps/web");
    scan.credentials = vec![password(&server.host(), "puller", "s3cret")];
    assert_eq!(sorted(&client(), &scan).await.len(), 2);
}

#[tokio::test]
async fn a_registry_that_hides_behind_404_is_asked_how_to_log_in() {
    let server = RegistryOptions::new(&content())
        .basic("puller", "s3cret", "registry")
        .script(|request| {
            let hidden = request.header("authorization").is_none() && request.path() != "/v2/";
            hidden.then(|| Answer::new(404, "text/plain", "not here"))
        })
        .start();
    let mut scan = request(&server.host(), "apps/web");
    assert!(tags(&client(), &scan).await.is_err());
    assert_eq!(server.log().len(), 1);
    scan.credentials = vec![password(&server.host(), "puller", "s3cret")];
    assert_eq!(sorted(&client(), &scan).await.len(), 2);
}

#[tokio::test]
async fn a_login_scheme_that_is_not_known_is_named() {
    let server = RegistryOptions::new(&content())
        .script(|_| {
            Some(Answer::new(401, "text/plain", "no").header("WWW-Authenticate", "Negotiate"))
        })
        .start();
    let error = tags(&client(), &request(&server.host(), "apps/web"))
        .await
        .unwrap_err();
    assert!(
        error.message.contains("not known here (negotiate)"),
        "{error}"
    );
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_named_before_anything_is_sent() {
    let server = basic();
    let mut scan = request(&server.host(), "apps/web");
    scan.credentials = vec![secret(&server.host(), r#"{"auth":"aHVudGVyMg=="}"#)];
    let error = tags(&client(), &scan).await.unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Credentials);
    assert!(
        error.message.starts_with("secret apps/regcred: entry "),
        "{error}"
    );
    assert!(!error.message.contains("hunter2"));
    assert!(server.log().is_empty());
}

#[tokio::test]
async fn credentials_are_not_taken_along_to_another_host() {
    let other = RegistryOptions::new(&content())
        .bind(std::net::Ipv4Addr::LOCALHOST.into())
        .start();
    let target = format!(
        "http://localhost:{}/v2/apps/web/tags/list",
        other.http().address().port()
    );
    let server = RegistryOptions::new(&content())
        .basic("puller", "s3cret", "registry")
        .script(move |request| {
            request
                .header("authorization")
                .is_some()
                .then(|| Answer::new(307, "text/plain", "").header("Location", target.clone()))
        })
        .start();
    let mut scan = request(&server.host(), "apps/web");
    scan.credentials = vec![password(&server.host(), "puller", "s3cret")];
    assert_eq!(sorted(&client(), &scan).await.len(), 2);
    let seen = other.http().requests();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("authorization"), None);
}

#[tokio::test]
async fn a_challenge_of_another_host_gets_nothing() {
    let thief = RegistryOptions::new(&content())
        .basic("nobody", "nothing", "registry")
        .start();
    let target = format!(
        "http://localhost:{}/v2/apps/web/tags/list",
        thief.http().address().port()
    );
    let server = RegistryOptions::new(&content())
        .script(move |_| {
            Some(Answer::new(307, "text/plain", "").header("Location", target.clone()))
        })
        .start();
    let mut scan = request(&server.host(), "apps/web");
    scan.credentials = vec![password(&server.host(), "puller", "s3cret")];
    let error = tags(&client(), &scan).await.unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Unauthorized);
    let seen = thief.http().requests();
    assert!(
        seen.iter()
            .all(|request| request.header("authorization").is_none())
    );
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn scans_at_the_same_time_learn_from_the_first() {
    let server = basic();
    let mut scan = request(&server.host(), "apps/web");
    scan.credentials = vec![password(&server.host(), "puller", "s3cret")];
    let client = client();
    let scans = futures::future::join_all((0..8).map(|_| tags(&client, &scan))).await;
    assert!(scans.into_iter().all(|scan| scan.is_ok()));
    assert_eq!(server.log().len(), 9);
}

#[tokio::test]
async fn a_redirect_into_a_private_network_is_refused() {
    let server = RegistryOptions::new(&content())
        .script(|_| {
            Some(Answer::new(302, "text/plain", "").header("Location", "http://169.254.169.254/x"))
        })
        .start();
    let error = tags(&client(), &request(&server.host(), "apps/web"))
        .await
        .unwrap_err();
    assert!(
        error
            .message
            .contains("redirect to the private address 169.254.169.254"),
        "{error}"
    );
}

// --- the user's own files and programs ---

struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        std::fs::write(file, text).expect("a file");
        self
    }

    fn program(&self, name: &str, text: &str) -> &Self {
        self.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{text}\n"));
        let file = self.path().join("bin").join(name);
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).expect("a program");
        self
    }

    fn settings(&self) -> RegistrySettings {
        let path = format!("{}/bin:/usr/bin:/bin", self.path().display());
        let home = self.path().display().to_string();
        let variables = [("HOME".to_owned(), home), ("PATH".to_owned(), path)];
        RegistrySettings {
            environment: variables.into_iter().collect::<Environment>(),
            ..settings()
        }
    }

    fn client(&self) -> RegistryClient {
        RegistryClient::new(self.settings())
    }
}

fn config(host: &str, user: &str, password: &str) -> String {
    let auth = STANDARD.encode(format!("{user}:{password}"));
    format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#)
}

#[tokio::test]
async fn the_users_docker_and_podman_files_are_found() {
    let server = basic();
    for file in [".docker/config.json", ".config/containers/auth.json"] {
        let home = Home::new();
        home.write(file, &config(&server.host(), "puller", "s3cret"));
        let list = tags(&home.client(), &request(&server.host(), "apps/web"))
            .await
            .unwrap();
        assert_eq!(list.tags.len(), 2);
        assert!(list.credentials.ends_with(file), "{}", list.credentials);
    }
}

#[tokio::test]
async fn the_objects_secret_comes_before_the_users_files_and_after_the_flag() {
    let server = basic();
    let home = Home::new();
    home.write(
        ".docker/config.json",
        &config(&server.host(), "puller", "s3cret"),
    );
    home.write("flag.json", &config(&server.host(), "puller", "s3cret"));
    let mut scan = request(&server.host(), "apps/web");
    scan.credentials = vec![password(&server.host(), "puller", "wr0ng")];
    let error = tags(&home.client(), &scan).await.unwrap_err();
    assert_eq!(
        error.hint.as_deref(),
        Some("credentials used: secret apps/regcred")
    );
    let mut settings = home.settings();
    settings.registry_config = Some(home.path().join("flag.json"));
    let list = tags(&RegistryClient::new(settings), &scan).await.unwrap();
    assert!(list.credentials.ends_with("flag.json"));
}

#[tokio::test]
async fn helpers_and_the_store_of_the_users_file_are_run() {
    let server = basic();
    let answer = r#"read server; echo "$server" >> "$HOME/asked"; echo '{"Username":"puller","Secret":"s3cret"}'"#;
    for config in [
        format!(r#"{{"credHelpers":{{"{}":"test"}}}}"#, server.host()),
        r#"{"credsStore":"test"}"#.to_owned(),
    ] {
        let home = Home::new();
        home.write(".docker/config.json", &config)
            .program("docker-credential-test", answer);
        let client = home.client();
        for repository in ["apps/web", "apps/api"] {
            let list = tags(&client, &request(&server.host(), repository))
                .await
                .unwrap();
            assert!(
                list.credentials
                    .starts_with("credential helper docker-credential-test of "),
                "{}",
                list.credentials
            );
        }
        // Two repositories of one registry need one answer.
        let asked = std::fs::read_to_string(home.path().join("asked")).unwrap();
        assert_eq!(asked, format!("{}\n", server.host()));
    }
}

#[tokio::test]
async fn a_broken_helper_is_named_with_the_registry_and_the_file() {
    let server = basic();
    for (program, expected) in [
        (
            None,
            "docker-credential-test: executable file not found in PATH",
        ),
        (
            Some("exec sleep 3600"),
            "docker-credential-test gave no answer within 2s",
        ),
        (
            Some("echo hunter2"),
            "docker-credential-test printed something that is not a credential",
        ),
        (
            Some("echo locked; exit 1"),
            "docker-credential-test failed: locked",
        ),
    ] {
        let home = Home::new();
        home.write(
            ".docker/config.json",
            &format!(r#"{{"credHelpers":{{"{}":"test"}}}}"#, server.host()),
        );
        if let Some(text) = program {
            home.program("docker-credential-test", text);
        }
        let mut settings = home.settings();
        if expected.contains("no answer") {
            settings.helper_timeout = Duration::from_secs(2);
        }
        let client = RegistryClient::new(settings);
        let error = tags(&client, &request(&server.host(), "apps/web"))
            .await
            .unwrap_err();
        assert_eq!(error.failure, RegistryFailure::Credentials);
        assert_eq!(
            error.message,
            format!("no credentials for {}/apps/web: {expected}", server.host())
        );
        assert!(error.hint.unwrap().contains(".docker/config.json"));
    }
}

#[tokio::test]
async fn a_helper_that_outlasts_the_scan_is_named() {
    let server = basic();
    let home = Home::new();
    home.write(".docker/config.json", r#"{"credsStore":"test"}"#)
        .program("docker-credential-test", "exec sleep 3600");
    let mut scan = request(&server.host(), "apps/web");
    scan.timeout = Duration::from_secs(2);
    let error = tags(&home.client(), &scan).await.unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Timeout);
    let helper = format!(
        "credential helper docker-credential-test of {}/.docker/config.json",
        home.path().display()
    );
    assert_eq!(
        error.message,
        format!(
            "asking the {helper} for credentials: context deadline exceeded (no complete answer within 2s)"
        )
    );
    assert_eq!(
        error.hint,
        Some(format!(
            "credentials used: {helper}; the image is {}/apps/web",
            server.host()
        ))
    );
}

#[tokio::test]
async fn an_open_registry_needs_no_helper() {
    let server = RegistryServer::open(&content());
    let home = Home::new();
    home.write(".docker/config.json", r#"{"credsStore":"missing"}"#);
    assert_eq!(
        sorted(&home.client(), &request(&server.host(), "apps/web"))
            .await
            .len(),
        2
    );
}

#[tokio::test]
async fn a_helper_that_a_secret_names_is_never_run() {
    let server = basic();
    let home = Home::new();
    home.program("docker-credential-evil", r#"touch "$HOME/ran""#);
    let mut scan = request(&server.host(), "apps/web");
    let mut credential = password(&server.host(), "x", "y");
    credential.config = kubectl_imageupdate::redacted::Redacted::new(
        format!(
            r#"{{"credsStore":"evil","credHelpers":{{"{}":"evil"}}}}"#,
            server.host()
        )
        .into_bytes(),
    );
    scan.credentials = vec![credential];
    let error = tags(&home.client(), &scan).await.unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Unauthorized);
    assert!(!home.path().join("ran").exists());
}

#[tokio::test]
async fn a_clouds_host_is_checked_before_anything_is_sent() {
    let server = basic();
    for (provider, name) in [
        (Provider::Aws, "AWS"),
        (Provider::Azure, "Azure"),
        (Provider::Gcp, "GCP"),
    ] {
        let mut scan = request(&server.host(), "apps/web");
        scan.provider = provider;
        let error = tags(&client(), &scan).await.unwrap_err();
        let start = format!(
            "Get \"http://{host}/v2/apps/web/tags/list?n=1000\": invalid {name} registry: '{host}'. must match ",
            host = server.host()
        );
        assert!(error.message.starts_with(&start), "{error}");
    }
    assert!(server.log().is_empty());
}

//! Who the server takes us for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use kubectl_imageupdate::api::Kind;
use kubectl_imageupdate::cluster::{ConnectionSettings, LiveCluster};
use kubectl_imageupdate::ports::{ObjectScope, Objects as _, ObjectsError};
use kubectl_imageupdate::redacted::Redacted;
use serde_json::{Value, json};

use super::kube::{Cluster, Profile, cluster};
use super::{reason, run, settings};

/// A token of a new service account.
pub(crate) fn service_account_token(cluster: &Cluster, namespace: &str, name: &str) -> String {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
    cluster.create(&path, &account);
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": 3600},
    });
    let answer = cluster.create(&format!("{path}/{name}/token"), &request);
    answer["status"]["token"].as_str().unwrap().to_owned()
}

/// A kubeconfig of the test cluster with another user entry.
fn kubeconfig(folder: &Path, user: &Value) -> PathBuf {
    let admin = fs::read_to_string(cluster(Profile::Today).kubeconfig("admin")).unwrap();
    let mut config: Value = serde_json::from_str(&admin).unwrap();
    config["users"] = json!([{"name": "u", "user": user}]);
    config["contexts"][0]["context"]["user"] = "u".into();
    let path = folder.join("config");
    fs::write(&path, config.to_string()).unwrap();
    path
}

fn list(settings: ConnectionSettings, namespace: &str) -> Result<Vec<Value>, ObjectsError> {
    let scope = ObjectScope {
        namespace: Some(namespace.to_owned()),
        ..ObjectScope::default()
    };
    run(LiveCluster::new(settings).list(Kind::ImagePolicy, &scope))
}

fn plugin(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("plugin");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn exec(command: &Path, further: Value) -> Value {
    let mut exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": command,
        "interactiveMode": "IfAvailable",
    });
    for (name, value) in further.as_object().into_iter().flatten() {
        exec[name] = value.clone();
    }
    json!({ "exec": exec })
}

#[test]
fn a_bad_token_is_told_as_kubectl_tells_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = kubeconfig(folder.path(), &json!({"token": "hunter2"}));
    let error = list(settings(path), "apps").unwrap_err();
    assert_eq!(
        error.to_string(),
        "You must be logged in to the server (Unauthorized)"
    );
    assert_eq!(reason(&error), (401, "Unauthorized"));
}

#[test]
fn a_token_comes_from_the_flag_the_entry_or_a_file() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    let token = service_account_token(cluster, &namespace, "robot");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), format!("{token}\n")).unwrap();
    let bad = || exec(Path::new("/no/such/plugin"), json!({}));
    let cases = [
        (json!({"token": token}), None),
        (json!({"tokenFile": "token"}), None),
        // The flag spares the plugin.
        (bad(), Some(Redacted::new(token.clone()))),
    ];
    for (user, flag) in cases {
        let settings = ConnectionSettings {
            token: flag,
            ..settings(kubeconfig(folder.path(), &user))
        };
        let text = list(settings, &namespace).unwrap_err().to_string();
        let name = format!("User \"system:serviceaccount:{namespace}:robot\" cannot list");
        assert!(text.contains(&name), "{user}: {text}");
    }
}

#[test]
fn a_plugin_is_run_once_and_told_what_it_wants_to_know() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    let token = service_account_token(cluster, &namespace, "robot");
    let folder = tempfile::tempdir().unwrap();
    let command = plugin(
        folder.path(),
        &format!(
            "echo run >> \"$COUNT\"; printf %s \"$KUBERNETES_EXEC_INFO\" > \"$COUNT.info\"\n\
             echo '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\
             \"status\":{{\"token\":\"{token}\",\"expirationTimestamp\":\"2099-01-01T00:00:00Z\"}}}}'"
        ),
    );
    let count = folder.path().join("count");
    let user = exec(
        &command,
        json!({"provideClusterInfo": true, "env": [{"name": "COUNT", "value": count}]}),
    );
    let live = LiveCluster::new(settings(kubeconfig(folder.path(), &user)));
    run(async {
        for _ in 0..2 {
            let error = live
                .list(Kind::ImagePolicy, &ObjectScope::default())
                .await
                .unwrap_err();
            assert_eq!(reason(&error), (403, "Forbidden"));
        }
    });
    assert_eq!(fs::read_to_string(&count).unwrap(), "run\n");
    let info: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("count.info")).unwrap())
            .unwrap();
    assert_eq!(info["kind"], "ExecCredential");
    assert_eq!(info["spec"]["interactive"], false);
    assert_eq!(info["spec"]["cluster"]["server"], cluster.url());
}

#[test]
fn a_plugin_is_asked_again_when_its_token_is_refused() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    let token = service_account_token(cluster, &namespace, "robot");
    let folder = tempfile::tempdir().unwrap();
    let command = plugin(
        folder.path(),
        &format!(
            "token=old; [ -e \"$COUNT\" ] && token={token}; echo run >> \"$COUNT\"\n\
             echo '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\
             \"status\":{{\"token\":\"'$token'\"}}}}'"
        ),
    );
    let count = folder.path().join("count");
    let user = exec(
        &command,
        json!({"env": [{"name": "COUNT", "value": count}]}),
    );
    let error = list(settings(kubeconfig(folder.path(), &user)), &namespace).unwrap_err();
    assert_eq!(reason(&error), (403, "Forbidden"));
    assert_eq!(fs::read_to_string(&count).unwrap(), "run\nrun\n");
}

#[test]
fn a_plugin_may_give_a_client_certificate() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    let pair = cluster.authority().client("reader", &[]);
    let folder = tempfile::tempdir().unwrap();
    let answer = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"clientCertificateData": pair.certificate, "clientKeyData": pair.key},
    });
    fs::write(folder.path().join("answer"), answer.to_string()).unwrap();
    let command = plugin(folder.path(), "cat \"$(dirname \"$0\")/answer\"");
    let user = exec(&command, json!({}));
    list(settings(kubeconfig(folder.path(), &user)), &namespace).unwrap();
}

#[test]
fn a_failing_plugin_is_told_without_what_it_printed() {
    let folder = tempfile::tempdir().unwrap();
    let getting = "Unable to connect to the server: getting credentials: ";
    let failing = plugin(folder.path(), "echo hunter2; exit 3");
    for (user, expected) in [
        (
            exec(
                Path::new("/no/such/plugin"),
                json!({"installHint": "install it"}),
            ),
            format!("{getting}exec: executable /no/such/plugin not found"),
        ),
        (
            exec(&failing, json!({})),
            format!(
                "{getting}exec: executable {} failed with exit code 3",
                failing.display()
            ),
        ),
        (
            exec(Path::new("echo"), json!({"args": ["{\"status\": hunter2"]})),
            format!("{getting}decoding stdout: not an ExecCredential (line 1, column 12)"),
        ),
        (
            exec(Path::new("echo"), json!({"interactiveMode": "Always"})),
            format!(
                "{getting}exec plugin cannot support interactive mode: standard input is not a \
                 terminal"
            ),
        ),
        (
            exec(
                Path::new("echo"),
                json!({"apiVersion": "client.authentication.k8s.io/v1alpha1"}),
            ),
            "exec plugin: invalid apiVersion \"client.authentication.k8s.io/v1alpha1\"".to_owned(),
        ),
    ] {
        let error = list(settings(kubeconfig(folder.path(), &user)), "apps").unwrap_err();
        assert_eq!(error.to_string(), expected);
        if let ObjectsError::Connection {
            hint: Some(hint), ..
        } = error
        {
            assert_eq!(hint, "install it");
        }
    }
}

#[test]
fn impersonation_is_sent_whole_from_flags_and_from_the_entry() {
    let cluster = cluster(Profile::Today);
    let expected = |namespace: &str| {
        json!({
            "username": "jane", "uid": "42", "groups": ["devs", "ops", "system:authenticated"],
            "extra": {"example.com/scopes": [namespace, "b"]},
        })
    };
    let admin: Value =
        serde_json::from_str(&fs::read_to_string(cluster.kubeconfig("admin")).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for by_flag in [true, false] {
        let namespace = cluster.namespace();
        let mut user = admin["users"][0]["user"].clone();
        let mut with = settings(PathBuf::new());
        if by_flag {
            with.impersonate_user = Some("jane".into());
            with.impersonate_uid = Some("42".into());
            with.impersonate_groups = vec!["devs".into(), "ops".into()];
            with.impersonate_extra = vec![
                ("example.com/scopes".into(), namespace.clone()),
                ("example.com/scopes".into(), "b".into()),
            ];
        } else {
            user["as"] = "jane".into();
            user["as-uid"] = "42".into();
            user["as-groups"] = json!(["devs", "ops"]);
            user["as-user-extra"] = json!({"example.com/scopes": [namespace, "b"]});
        }
        with.kubeconfig = Some(kubeconfig(folder.path(), &user));
        let mark = cluster.mark();
        let error = list(with, &namespace).unwrap_err();
        assert!(
            error.to_string().contains("User \"jane\" cannot list"),
            "{error}"
        );
        let seen = cluster.audited(mark, |event| {
            event["requestURI"]
                .as_str()
                .is_some_and(|uri| uri.contains(&namespace))
        });
        let mut impersonated = seen[0].0["impersonatedUser"].clone();
        impersonated["groups"]
            .as_array_mut()
            .unwrap()
            .sort_by_key(ToString::to_string);
        assert_eq!(impersonated, expected(&namespace), "by flag: {by_flag}");
    }
}

#[test]
fn an_oidc_login_that_cannot_be_renewed_is_told_without_its_secrets() {
    // A token that ran out in 2001, and an issuer that is not there.
    let claims = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        r#"{"exp":1000000000,"iss":"https://127.0.0.1:1"}"#,
    );
    let user = json!({"auth-provider": {"name": "oidc", "config": {
        "idp-issuer-url": "https://127.0.0.1:1", "client-id": "kubernetes",
        "client-secret": "hunter2", "refresh-token": "hunter3",
        "id-token": format!("e30.{claims}.hunter4"),
    }}});
    let folder = tempfile::tempdir().unwrap();
    let error = list(settings(kubeconfig(folder.path(), &user)), "apps").unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(
        text.starts_with("Unable to connect to the server: getting credentials: "),
        "{text}"
    );
    assert!(!text.contains("hunter"), "{text}");
}

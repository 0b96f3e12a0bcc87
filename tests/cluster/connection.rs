//! Finding the server, and not finding it.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kubectl_imageupdate::api::Kind;
use kubectl_imageupdate::cluster::{ConnectionSettings, Environment, LiveCluster};
use kubectl_imageupdate::ports::{ObjectScope, Objects as _, ObjectsError};
use kubectl_imageupdate::redacted::Redacted;
use serde_json::{Value, json};

use super::kube::{self, Profile, cluster};
use super::scripted::{Answer, Scripted, json as json_answer};
use super::{run, settings};

fn list(settings: ConnectionSettings) -> Result<usize, ObjectsError> {
    let live = LiveCluster::new(settings);
    run(live.list(Kind::ImageRepository, &ObjectScope::default())).map(|objects| objects.len())
}

fn failure(settings: ConnectionSettings) -> String {
    list(settings).unwrap_err().to_string()
}

/// Writes a kubeconfig made of the admin's one, changed.
fn changed(folder: &Path, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let admin = fs::read_to_string(cluster(Profile::Today).kubeconfig("admin")).unwrap();
    let mut config: Value = serde_json::from_str(&admin).unwrap();
    change(&mut config);
    let path = folder.join(name);
    fs::write(&path, config.to_string()).unwrap();
    path
}

fn with_variables(variables: &[(&str, OsString)]) -> ConnectionSettings {
    ConnectionSettings {
        environment: Environment {
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            ..Environment::default()
        },
        ..ConnectionSettings::default()
    }
}

#[test]
fn nothing_is_read_or_contacted_before_an_object_is_asked_for() {
    let settings = settings(PathBuf::from("/no/such/kubeconfig"));
    let live = LiveCluster::new(settings);
    assert!(live.take_warnings().is_empty());
}

#[test]
fn without_any_configuration_the_local_server_is_tried_and_the_reason_told() {
    let error = list(ConnectionSettings::default()).unwrap_err();
    let ObjectsError::Connection { message, hint, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        message,
        "The connection to the server localhost:8080 was refused - did you specify the right host \
         or port?"
    );
    assert_eq!(hint.as_deref(), Some("no kubeconfig names a cluster"));
}

#[test]
fn names_that_do_not_exist_are_told_as_kubectl_tells_them() {
    let folder = tempfile::tempdir().unwrap();
    let good = changed(folder.path(), "good", |_| {});
    let missing = folder.path().join("missing");
    let with = |change: fn(&mut ConnectionSettings)| {
        let mut settings = settings(good.clone());
        change(&mut settings);
        settings
    };
    for (settings, expected) in [
        (
            settings(missing.clone()),
            format!("stat {}: no such file or directory", missing.display()),
        ),
        (
            with(|settings| settings.context = Some("nope".into())),
            "context was not found for specified context: nope".to_owned(),
        ),
        (
            with(|settings| settings.cluster = Some("nope".into())),
            "no server found for cluster \"nope\"".to_owned(),
        ),
        (
            with(|settings| settings.user = Some("nope".into())),
            "auth info \"nope\" does not exist".to_owned(),
        ),
        (
            with(|settings| settings.certificate_authority = Some("nope.crt".into())),
            "unable to read certificate-authority nope.crt for test due to open nope.crt: no such \
             file or directory"
                .to_owned(),
        ),
        (
            with(|settings| settings.impersonate_groups = vec!["g".into()]),
            "requesting uid, groups or user-extra for admin without impersonating a user"
                .to_owned(),
        ),
    ] {
        assert_eq!(failure(settings), expected);
    }
}

#[test]
fn a_broken_kubeconfig_is_named_with_its_line_and_without_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken");
    fs::write(&path, "users:\n- name: u\n  user: {token: hunter2\n").unwrap();
    let text = failure(settings(path.clone()));
    assert!(
        text.starts_with(&format!(
            "error loading config file \"{}\": yaml: ",
            path.display()
        )) && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn several_kubeconfigs_are_merged_and_missing_ones_passed_by() {
    let folder = tempfile::tempdir().unwrap();
    let users = changed(folder.path(), "users", |config| {
        config["clusters"] = json!([]);
        config["contexts"] = json!([]);
        config["current-context"] = Value::Null;
    });
    let rest = changed(folder.path(), "rest", |config| {
        config["users"] = json!([{"name": "admin", "user": {"token": "loses"}}]);
        config["contexts"][0]["context"]["namespace"] = "from-context".into();
    });
    let list_of_files = std::env::join_paths([folder.path().join("missing"), users, rest]).unwrap();
    let settings = with_variables(&[("KUBECONFIG", list_of_files)]);
    let live = LiveCluster::new(settings.clone());
    assert_eq!(
        live.context_namespace().unwrap().as_deref(),
        Some("from-context")
    );
    list(settings).unwrap();
}

#[test]
fn the_default_kubeconfig_is_in_the_home_folder_and_its_paths_are_relative_to_it() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".kube");
    fs::create_dir(&folder).unwrap();
    fs::write(
        folder.join("ca.crt"),
        &cluster(Profile::Today).authority().certificate,
    )
    .unwrap();
    changed(&folder, "config", |config| {
        config["clusters"][0]["cluster"]["certificate-authority-data"] = Value::Null;
        config["clusters"][0]["cluster"]["certificate-authority"] = "ca.crt".into();
    });
    let settings = with_variables(&[("HOME", home.path().as_os_str().to_owned())]);
    assert_eq!(
        LiveCluster::new(settings.clone())
            .context_namespace()
            .unwrap(),
        None
    );
    list(settings).unwrap();
}

#[test]
fn a_refused_connection_and_an_unknown_host_read_as_in_kubectl() {
    let at = |server: &str| ConnectionSettings {
        server: Some(server.into()),
        ..ConnectionSettings::default()
    };
    assert_eq!(
        failure(at("https://127.0.0.1:1")),
        "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or \
         port?"
    );
    assert_eq!(
        failure(at("https://nope.invalid:6443")),
        "Unable to connect to the server: dial tcp: lookup nope.invalid: no such host"
    );
    assert!(failure(at("ftp://127.0.0.1")).contains("unsupported protocol scheme"));
}

#[test]
fn a_certificate_of_another_authority_or_for_another_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.crt");
    fs::write(&other, kube::Authority::new().certificate).unwrap();
    let good = changed(folder.path(), "good", |_| {});
    let foreign = ConnectionSettings {
        certificate_authority: Some(other),
        ..settings(good.clone())
    };
    assert_eq!(
        failure(foreign),
        "Unable to connect to the server: tls: failed to verify certificate: x509: certificate \
         signed by unknown authority"
    );
    let misnamed = ConnectionSettings {
        tls_server_name: Some("k8s.example.com".into()),
        ..settings(good.clone())
    };
    assert_eq!(
        failure(misnamed),
        "Unable to connect to the server: tls: failed to verify certificate: x509: certificate is \
         valid for localhost, not k8s.example.com"
    );
    list(ConnectionSettings {
        tls_server_name: Some("localhost".into()),
        ..settings(good.clone())
    })
    .unwrap();
    list(ConnectionSettings {
        insecure_skip_tls_verify: true,
        tls_server_name: Some("k8s.example.com".into()),
        ..settings(good)
    })
    .unwrap();
}

#[test]
fn a_server_that_speaks_no_tls_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
        // What the client still has to say is read, so that the answer is not lost in a reset.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let text = failure(ConnectionSettings {
        server: Some(format!("https://127.0.0.1:{port}")),
        insecure_skip_tls_verify: true,
        ..ConnectionSettings::default()
    });
    assert_eq!(
        text,
        "Unable to connect to the server: tls: first record does not look like a TLS handshake"
    );
    server.join().unwrap();
}

#[test]
fn credentials_never_travel_over_plain_http() {
    let server = Scripted::start(|_, _| json_answer(200, &json!({"items": []})));
    list(ConnectionSettings {
        server: Some(server.url.clone()),
        token: Some(Redacted::new("hunter2".into())),
        ..ConnectionSettings::default()
    })
    .unwrap();
    assert!(!server.seen()[0].headers.contains("hunter2"));
}

#[test]
fn a_server_below_a_path_is_asked_below_it() {
    let server = Scripted::start(|_, _| json_answer(200, &json!({"items": []})));
    list(ConnectionSettings {
        server: Some(format!("{}/k8s/clusters/c-1", server.url)),
        ..ConnectionSettings::default()
    })
    .unwrap();
    assert_eq!(
        server.lines(),
        ["GET /k8s/clusters/c-1/apis/image.toolkit.fluxcd.io/v1/imagerepositories?limit=500"]
    );
}

#[test]
fn the_proxy_of_the_kubeconfig_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let tunnels = Arc::new(AtomicUsize::new(0));
    let proxy = tunnel_proxy(Arc::clone(&tunnels));
    let path = changed(folder.path(), "config", |config| {
        config["clusters"][0]["cluster"]["proxy-url"] = proxy.into();
    });
    list(settings(path)).unwrap();
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);

    let path = changed(folder.path(), "config", |config| {
        config["clusters"][0]["cluster"]["proxy-url"] = "ftp://u:hunter2@proxy".into();
    });
    assert_eq!(
        failure(settings(path)),
        "invalid proxy URL: unsupported scheme \"ftp\", must be http, https, or socks5"
    );
}

/// An HTTP proxy that knows CONNECT and counts.
fn tunnel_proxy(tunnels: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            tunnels.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || tunnel(client));
        }
    });
    url
}

fn tunnel(mut client: TcpStream) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut line = String::from("x");
    while !line.trim().is_empty() {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    let mut server = TcpStream::connect(first.split(' ').nth(1).unwrap()).unwrap();
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    let (mut from_server, mut to_client) = (server.try_clone().unwrap(), client);
    std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
    let _ = std::io::copy(&mut reader, &mut server);
}

#[test]
fn in_a_pod_the_pods_own_account_is_used() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    let folder = tempfile::tempdir().unwrap();
    let token = super::login::service_account_token(cluster, &namespace, "robot");
    for (name, content) in [
        ("token", token.as_str()),
        ("ca.crt", &cluster.authority().certificate),
        ("namespace", &namespace),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let (host, port) = cluster
        .url()
        .trim_start_matches("https://")
        .split_once(':')
        .map(|(host, port)| (OsString::from(host), OsString::from(port)))
        .unwrap();
    let mut settings = with_variables(&[
        ("KUBERNETES_SERVICE_HOST", host),
        ("KUBERNETES_SERVICE_PORT", port),
    ]);
    settings.environment.service_account = folder.path().to_owned();
    let live = LiveCluster::new(settings.clone());
    assert_eq!(live.context_namespace().unwrap(), Some(namespace.clone()));
    let text = failure(settings);
    let user = format!("User \"system:serviceaccount:{namespace}:robot\" cannot list");
    assert!(text.contains(&user), "{text}");
}

/// A proxy that answers CONNECT with a refusal.
fn refusing_proxy() -> String {
    let server = Scripted::start(|_, _| {
        Answer::Raw(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n".to_vec())
    });
    server.url.replacen("http://", "http://jane:hunter2@", 1)
}

#[test]
fn a_proxy_that_refuses_is_told_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = refusing_proxy();
    let path = changed(folder.path(), "config", |config| {
        config["clusters"][0]["cluster"]["proxy-url"] = proxy.into();
    });
    let text = failure(settings(path));
    assert!(
        text.starts_with("Unable to connect to the server: ") && text.contains("proxy"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn an_address_that_never_answers_is_given_up_within_the_request_timeout() {
    // TEST-NET-1 is routed nowhere; where it is refused at once, that is an answer too.
    let begin = std::time::Instant::now();
    let text = failure(ConnectionSettings {
        server: Some("https://192.0.2.1:6443".into()),
        request_timeout: Some(std::time::Duration::from_millis(500)),
        ..ConnectionSettings::default()
    });
    assert!(begin.elapsed().as_secs() < 10);
    assert!(text.contains("to the server"), "{text}");
}

//! Our sentences beside those of the real kubectl, in the same situations.

use std::path::{Path, PathBuf};
use std::process::Command;

use kubectl_imageupdate::api::Kind;
use kubectl_imageupdate::cluster::{ConnectionSettings, LiveCluster};
use kubectl_imageupdate::ports::{ObjectScope, Objects as _};
use serde_json::Value;

use super::kube::{self, Profile, cluster, program};
use super::run;

/// What kubectl says, without the `error: ` that it puts before some sentences.
fn kubectl(kubeconfig: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program("kubectl"))
        .arg("get")
        .arg("imagepolicies.image.toolkit.fluxcd.io")
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(arguments)
        // The discovery cache of another test would answer for a server that is not there.
        .env("KUBECACHEDIR", kubeconfig.with_extension("cache"))
        .env_remove("HTTPS_PROXY")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

fn ours(settings: ConnectionSettings) -> String {
    let scope = ObjectScope {
        namespace: Some("default".into()),
        ..ObjectScope::default()
    };
    run(LiveCluster::new(settings).list(Kind::ImagePolicy, &scope))
        .unwrap_err()
        .to_string()
}

fn write(folder: &Path, name: &str, config: &Value) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

#[test]
fn failures_read_as_in_kubectl() {
    let cluster = cluster(Profile::Today);
    let bare = kube::cluster(Profile::Bare);
    let _alone = super::BARE.lock();
    let folder = tempfile::tempdir().unwrap();
    let pair = cluster.authority().client("admin", &["system:masters"]);
    let authority = &cluster.authority().certificate;
    let good = kube::kubeconfig(&cluster.url(), authority, "admin", &pair);
    let mut refused = good.clone();
    refused["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1".into();
    let stranger = kube::Authority::named("a stranger");
    let foreign = kube::kubeconfig(&cluster.url(), &stranger.certificate, "admin", &pair);

    let nobody = cluster.kubeconfig("nobody");
    let good = write(folder.path(), "good", &good);
    let refused = write(folder.path(), "refused", &refused);
    let foreign = write(folder.path(), "foreign", &foreign);
    let missing = folder.path().join("missing");
    let bare = bare.kubeconfig("admin");

    let plain: &[&str] = &[];
    let mut differences: Vec<String> = Vec::new();
    for (kubeconfig, arguments) in [
        (&nobody, plain),
        (&bare, plain),
        (&refused, plain),
        (&foreign, plain),
        (&missing, plain),
        (&good, &["--user", "nope"]),
        (&good, &["--cluster", "nope"]),
        (&good, &["--tls-server-name", "k8s.example.com"]),
        (&good, &["--certificate-authority", "/nope.crt"]),
        (&good, &["--as-group", "g"]),
    ] {
        let mut settings = ConnectionSettings {
            kubeconfig: Some(kubeconfig.clone()),
            ..ConnectionSettings::default()
        };
        match *arguments {
            ["--user", user] => settings.user = Some(user.into()),
            ["--cluster", name] => settings.cluster = Some(name.into()),
            ["--tls-server-name", name] => settings.tls_server_name = Some(name.into()),
            ["--certificate-authority", file] => settings.certificate_authority = Some(file.into()),
            ["--as-group", group] => settings.impersonate_groups = vec![group.into()],
            _ => {}
        }
        let (ours, theirs) = (ours(settings), kubectl(kubeconfig, arguments));
        if ours != theirs {
            differences.push(format!("{arguments:?}\n ours   {ours}\n theirs {theirs}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

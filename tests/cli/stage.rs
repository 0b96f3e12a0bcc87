//! What several tests here stand on: a real API server with a few objects, and the program under
//! any name.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::kube::{self, Cluster, Profile};
use crate::program::Program;

/// The cluster of this test program, with a namespace that holds two policies, a repository, an
/// automation and a Git repository.
pub(crate) struct Stage {
    pub(crate) cluster: &'static Cluster,
    pub(crate) namespace: String,
}

/// The stage, set on the first call.
pub(crate) fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let cluster = kube::cluster(Profile::Today);
        let namespace = cluster.namespace();
        for object in objects(&namespace) {
            cluster.apply(&object);
        }
        Stage { cluster, namespace }
    })
}

impl Stage {
    /// The program with the kubeconfig of a user.
    pub(crate) fn program(&self, user: &str) -> Program {
        let mut program = Program::new();
        let kubeconfig = self.cluster.kubeconfig(user);
        program.set("KUBECONFIG", kubeconfig.to_str().unwrap());
        program
    }
}

fn objects(namespace: &str) -> Vec<Value> {
    let image = |kind: &str, name: &str, spec: Value, status: Value| {
        json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": kind, "spec": spec,
            "metadata": {"name": name, "namespace": namespace}, "status": status,
        })
    };
    let ready = |message: &str| {
        json!([{
            "type": "Ready", "status": "True", "reason": "Succeeded", "message": message,
            "lastTransitionTime": "2025-11-20T12:00:00Z", "observedGeneration": 1,
        }])
    };
    let repository = json!({"name": "podinfo"});
    let policy = |range: &str| json!({"imageRepositoryRef": repository, "policy": {"semver": {"range": range}}});
    vec![
        image(
            "ImageRepository",
            "podinfo",
            json!({"image": "ghcr.io/stefanprodan/podinfo", "interval": "5m"}),
            json!({"conditions": ready("successful scan: found 7 tags"),
                "lastScanResult": {"tagCount": 7, "scanTime": "2025-11-20T12:00:00Z", "latestTags": []}}),
        ),
        image(
            "ImagePolicy",
            "podinfo",
            policy("5.x"),
            json!({"latestRef": {"name": "ghcr.io/stefanprodan/podinfo", "tag": "5.2.1"},
                "conditions": ready("resolved to 5.2.1")}),
        ),
        image(
            "ImagePolicy",
            "podinfo-next",
            policy("6.x"),
            json!({"conditions": ready("a message of\u{1b}[31m two\nlines")}),
        ),
        image(
            "ImageUpdateAutomation",
            "flux-system",
            json!({"interval": "1m", "sourceRef": {"kind": "GitRepository", "name": "fleet"},
                "git": {"commit": {"author": {"email": "a@b.c"}}}}),
            json!({"conditions": ready("repository up-to-date")}),
        ),
        json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"name": "fleet", "namespace": namespace},
            "spec": {"interval": "1m", "url": "https://example.com/fleet"},
        }),
    ]
}

/// A folder that holds the program under another name, as krew and flux install it.
pub(crate) fn installed_as(folder: &Path, name: &str) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join(name);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-imageupdate"), &path).unwrap();
    path
}

/// A command with nothing of the machine in its environment but the PATH, with `folder` before it.
pub(crate) fn hermetic(program: &Path, folder: &Path, home: &Path) -> Command {
    let mut path = std::ffi::OsString::from(folder);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .env("TZ", "UTC")
        .current_dir(home);
    command
}

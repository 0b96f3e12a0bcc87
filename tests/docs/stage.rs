//! A place where the command lines of the documents run: a cluster with Flux's objects in it, a
//! registry, a Git server, a checkout, and kubectl with the plugin on the PATH.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::kube::{self, Cluster, Profile};
use crate::support::docker_registry::{DockerRegistry, Mode};
use crate::support::git_repository::{self, Repositories, Repository};
use crate::support::git_server::{GitServer, Settings};
use crate::support::program::Answer;
use crate::support::walk_through::PODINFO_TAGS;

const KINDS: &[&str] = &[
    "imagerepositories",
    "imagepolicies",
    "imageupdateautomations",
    "gitrepositories",
];
const NAMESPACES: &[&str] = &["flux-system", "apps"];

pub(crate) struct Stage {
    folder: tempfile::TempDir,
    cluster: &'static Cluster,
    registry: DockerRegistry,
    _repositories: Repositories,
    fleet: Repository,
    git: GitServer,
    seed: String,
    controllers: Controllers,
    /// The namespaces are the same for everybody.
    _alone: MutexGuard<'static, ()>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let registry =
            DockerRegistry::start(&Mode::Open, &[("stefanprodan/podinfo", PODINFO_TAGS)]);
        let repositories = Repositories::new();
        let fleet = repositories.create("fleet");
        let git = GitServer::start(repositories.root(), Settings::default());
        let cluster = kube::cluster(Profile::Today);
        for namespace in NAMESPACES {
            let object =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            let (status, answer) = cluster.request("POST", "/api/v1/namespaces", Some(&object));
            assert!(status < 300 || status == 409, "{answer}");
        }
        let mut stage = Self {
            folder: tempfile::tempdir().unwrap(),
            cluster,
            registry,
            _repositories: repositories,
            fleet,
            git,
            seed: String::new(),
            controllers: Controllers::start(cluster),
            _alone: alone,
        };
        stage.furnish();
        stage
    }

    fn furnish(&mut self) {
        let host = self.registry.host();
        let kustomization = format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages:\n- name: podinfod\n  \
             newName: {host}/stefanprodan/podinfo # {{\"$imagepolicy\": \"flux-system:podinfo:name\"}}\n  \
             newTag: 5.0.0 # {{\"$imagepolicy\": \"flux-system:podinfo:tag\"}}\n"
        );
        // The marker stands on line 24.
        let deployment = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: podinfo\n{}        image: {host}/stefanprodan/podinfo:5.0.0 # {{\"$imagepolicy\": \"flux-system:podinfo\"}}\n",
            "# Room for more.\n".repeat(14)
                + "spec:\n  template:\n    spec:\n      containers:\n      - name: podinfo\n",
        );
        let objects: String = self
            .objects("flux-system")
            .iter()
            .map(|object| format!("---\n{object}\n"))
            .collect();
        self.fleet.commit(
            "main",
            "Seed",
            &[
                ("clusters/my-cluster/kustomization.yaml", kustomization),
                ("clusters/my-cluster/objects.yaml", objects.clone()),
                ("clusters/app/deployment.yaml", deployment),
                ("objects/objects.yaml", objects.clone()),
                ("podinfo.yaml", objects.clone()),
                ("policy.yaml", objects),
                ("tags.txt", PODINFO_TAGS.join("\n")),
            ],
        );
        self.seed = self.fleet.tip("refs/heads/main").unwrap();
        git_repository::git(
            self.folder.path(),
            &["clone", "-q", &self.git.url("fleet"), "checkout"],
        );
        let bin = self.folder.path().join("bin");
        std::fs::create_dir_all(self.folder.path().join("home")).unwrap();
        std::fs::create_dir_all(&bin).unwrap();
        let program = env!("CARGO_BIN_EXE_kubectl-imageupdate");
        for (name, target) in [
            ("kubectl-imageupdate", Path::new(program)),
            ("kubectl", &kube::program("kubectl")),
        ] {
            std::os::unix::fs::symlink(target, bin.join(name)).unwrap();
        }
    }

    pub(crate) fn host(&self) -> String {
        self.registry.host()
    }

    pub(crate) fn checkout(&self) -> PathBuf {
        self.folder.path().join("checkout")
    }

    fn objects(&self, namespace: &str) -> Vec<Value> {
        let object = |version: &str, kind: &str, name: &str, spec: Value| {
            json!({"apiVersion": version, "kind": kind, "spec": spec,
                "metadata": {"name": name, "namespace": namespace}})
        };
        let image = "image.toolkit.fluxcd.io/v1";
        vec![
            object(
                "source.toolkit.fluxcd.io/v1",
                "GitRepository",
                "flux-system",
                json!({"interval": "1m0s", "url": self.git.url("fleet"), "ref": {"branch": "main"}}),
            ),
            object(
                image,
                "ImageRepository",
                "podinfo",
                json!({"interval": "1m0s", "image": format!("{}/stefanprodan/podinfo", self.host())}),
            ),
            object(
                image,
                "ImagePolicy",
                "podinfo",
                json!({"imageRepositoryRef": {"name": "podinfo"}, "policy": {"semver": {"range": ">=5.0.0"}}}),
            ),
            object(
                image,
                "ImageUpdateAutomation",
                "flux-system",
                json!({"interval": "1m0s", "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
                    "update": {"path": "./clusters", "strategy": "Setters"},
                    "git": {"checkout": {"ref": {"branch": "main"}}, "push": {"branch": "main"},
                        "commit": {"author": {"name": "bot", "email": "bot@example.com"}}}}),
            ),
        ]
    }

    /// Puts everything back to where it was at first.
    pub(crate) fn reset(&self) {
        self.fleet
            .git(&["update-ref", "refs/heads/main", &self.seed]);
        let checkout = self.checkout();
        for line in [
            &["fetch", "-q"][..],
            &["reset", "-q", "--hard", "origin/main"],
            &["clean", "-qfdx"],
        ] {
            git_repository::git(&checkout, line);
        }
        // The documents are read at the repository's root.
        let docs = checkout.join("docs");
        std::os::unix::fs::symlink(crate::root().join("docs"), docs).unwrap();
        for namespace in NAMESPACES {
            for kind in KINDS {
                let group = if *kind == "gitrepositories" {
                    "source"
                } else {
                    "image"
                };
                let path =
                    format!("/apis/{group}.toolkit.fluxcd.io/v1/namespaces/{namespace}/{kind}");
                self.cluster.request("DELETE", &path, None);
            }
            for object in self.objects(namespace) {
                self.cluster.apply(&object);
            }
        }
    }

    /// Runs a line of shell in the checkout.
    pub(crate) fn run(&self, line: &str) -> Answer {
        let mut path = self.folder.path().join("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        Command::new("bash")
            .args(["-o", "pipefail", "-c", line])
            .current_dir(self.checkout())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path().join("home"))
            .env("TZ", "UTC")
            .env("GIT_COMMITTER_NAME", "somebody")
            .env("GIT_COMMITTER_EMAIL", "somebody@example.com")
            .env("KUBECONFIG", self.cluster.kubeconfig("admin"))
            .output()
            .unwrap()
            .into()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.controllers.stop();
    }
}

/// Stands in for Flux's controllers: every object is ready as soon as it is seen, and every request
/// is handled at once.
struct Controllers {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Controllers {
    fn start(cluster: &'static Cluster) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !asked.load(Ordering::SeqCst) {
                for kind in &KINDS[..3] {
                    reconcile(cluster, kind);
                }
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }

    fn stop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn reconcile(cluster: &Cluster, kind: &str) {
    let (status, list) = cluster.request(
        "GET",
        &format!("/apis/image.toolkit.fluxcd.io/v1/{kind}"),
        None,
    );
    if status != 200 {
        return;
    }
    for object in list["items"].as_array().into_iter().flatten() {
        let metadata = &object["metadata"];
        let generation = &metadata["generation"];
        let request = &metadata["annotations"]["reconcile.fluxcd.io/requestedAt"];
        let seen = object["status"]["observedGeneration"] == *generation;
        let handled = object["status"]["lastHandledReconcileAt"] == *request;
        if object["spec"]["suspend"] == true || seen && handled {
            continue;
        }
        let path = format!(
            "/apis/image.toolkit.fluxcd.io/v1/namespaces/{}/{kind}/{}/status",
            metadata["namespace"].as_str().unwrap_or_default(),
            metadata["name"].as_str().unwrap_or_default()
        );
        let ready = json!([{
            "type": "Ready", "status": "True", "reason": "Succeeded", "message": "ready",
            "lastTransitionTime": "2025-11-20T12:00:00Z", "observedGeneration": generation,
        }]);
        // The object may be gone by now.
        cluster.request(
            "PATCH",
            &path,
            Some(&json!({"status": {
                "observedGeneration": generation,
                "lastHandledReconcileAt": request,
                "conditions": ready,
            }})),
        );
    }
}

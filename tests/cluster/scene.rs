//! A namespace of the cluster with what a reconcile needs around it: a registry, a Git server and
//! the program itself.

use std::path::Path;

use serde_json::{Value, json};

use super::kube::{Audited, Cluster, Mark, Profile, cluster};
use super::support::docker_registry::Mode;
use super::support::program::Answer;
use super::support::walk_through::Stage;

/// The namespace is fresh; `NAMESPACE` in files becomes its name.
pub(super) struct Scene {
    pub(super) stage: Stage,
    pub(super) cluster: &'static Cluster,
    pub(super) namespace: String,
}

impl Scene {
    pub(super) fn new(
        profile: Profile,
        images: &[(&str, &[&str])],
        files: &[(&str, &str)],
    ) -> Self {
        Self::behind(&Mode::Open, profile, images, files)
    }

    /// The same with a registry of this mode.
    pub(super) fn behind(
        mode: &Mode<'_>,
        profile: Profile,
        images: &[(&str, &[&str])],
        files: &[(&str, &str)],
    ) -> Self {
        let cluster = cluster(profile);
        let namespace = cluster.namespace();
        let files: Vec<(&str, String)> = files
            .iter()
            .map(|(path, text)| (*path, text.replace("NAMESPACE", &namespace)))
            .collect();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (*path, text.as_str()))
            .collect();
        let mut scene = Self {
            stage: Stage::with(mode, images, &files),
            cluster,
            namespace,
        };
        scene.become_user("admin");
        scene.cluster.apply(&scene.git_repository("flux-system"));
        scene
    }

    /// Runs everything from now on as this user.
    pub(super) fn become_user(&mut self, user: &str) {
        let kubeconfig = self.cluster.kubeconfig(user);
        self.log_in(&kubeconfig);
    }

    /// Runs everything from now on with exactly one of the published roles, in this namespace.
    pub(super) fn become_role(&mut self, role: &str) {
        let kubeconfig = self
            .cluster
            .kubeconfig_with_role(role, Some(&self.namespace));
        self.log_in(&kubeconfig);
    }

    /// Runs everything from now on with this kubeconfig.
    pub(super) fn log_in(&mut self, kubeconfig: &Path) {
        let kubeconfig = kubeconfig.to_str().expect("a path").to_owned();
        self.stage.program.set("KUBECONFIG", &kubeconfig);
    }

    pub(super) fn git_repository(&self, name: &str) -> Value {
        json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"namespace": self.namespace, "name": name},
            "spec": {"interval": "1m", "url": self.stage.git.url("fleet"), "ref": {"branch": "main"}},
        })
    }

    /// The registry's name of an image.
    pub(super) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.stage.registry.host())
    }

    /// The three objects of one application, all called `app`: semver `>=1.0.0`, branch main, all of
    /// the tree.
    pub(super) fn apply_app(&self, version: &str) {
        for object in self.app(version) {
            self.cluster.apply(&object);
        }
    }

    pub(super) fn app(&self, version: &str) -> [Value; 3] {
        let api = format!("image.toolkit.fluxcd.io/{version}");
        let metadata = json!({"namespace": self.namespace, "name": "app"});
        [
            json!({
                "apiVersion": api, "kind": "ImageRepository", "metadata": metadata,
                "spec": {"image": self.image("team/app"), "interval": "5m"},
            }),
            json!({
                "apiVersion": api, "kind": "ImagePolicy", "metadata": metadata,
                "spec": {
                    "imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": ">=1.0.0"}},
                },
            }),
            json!({
                "apiVersion": api, "kind": "ImageUpdateAutomation", "metadata": metadata,
                "spec": {
                    "interval": "30m", "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
                    "git": {"commit": {"author": {"name": "bot", "email": "bot@example.com"}}},
                    "update": {"strategy": "Setters"},
                },
            }),
        ]
    }

    /// A registry with tags of `team/app`, a deployment of 1.0.0 with its marker, and the objects.
    pub(super) fn with_app(profile: Profile, version: &str, tags: &[&str]) -> Self {
        let scene = Self::new(
            profile,
            &[("team/app", tags)],
            &[("deploy.yaml", DEPLOYMENT)],
        );
        scene.apply_app(version);
        scene
    }

    /// Runs the program in the namespace.
    pub(super) fn run(&self, arguments: &[&str]) -> Answer {
        let mut arguments = arguments.to_vec();
        arguments.extend(["-n", &self.namespace]);
        if !arguments.iter().any(|word| word.starts_with("--timeout")) {
            arguments.push("--timeout=30s");
        }
        self.stage.program.run(&arguments)
    }

    /// The line of the deployment's image on a branch, by stock git.
    pub(super) fn deployed(&self, branch: &str) -> String {
        let text = self.stage.fleet.show(branch, "deploy.yaml");
        let image = text.lines().find_map(|line| {
            let value = line.trim().strip_prefix("image: ")?;
            value.split(' ').next()
        });
        let image = image.expect("an image").to_owned();
        image.rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// Runs the program and demands success.
    #[track_caller]
    pub(super) fn ok(&self, arguments: &[&str]) -> Answer {
        let answer = self.run(arguments);
        assert_eq!(
            answer.code, 0,
            "{arguments:?}\n{}{}",
            answer.stdout, answer.stderr
        );
        answer
    }

    /// The path of an object of the image kinds, in v1.
    pub(super) fn path(&self, plural: &str, name: &str) -> String {
        format!(
            "/apis/image.toolkit.fluxcd.io/v1/namespaces/{}/{plural}/{name}",
            self.namespace
        )
    }

    /// An object of the image kinds as the API server has it.
    pub(super) fn read(&self, plural: &str, name: &str) -> Value {
        self.cluster.read(&self.path(plural, name))
    }

    /// The same in another version.
    pub(super) fn read_as(&self, version: &str, plural: &str, name: &str) -> Value {
        let path = self.path(plural, name);
        self.cluster
            .read(&path.replace("/v1/", &format!("/{version}/")))
    }

    /// Changes an object as admin, or its status with `/status` behind the name.
    pub(super) fn patch(&self, plural: &str, name: &str, changes: &Value) -> Value {
        let place = self.path(plural, name);
        let (status, answer) = self.cluster.request("PATCH", &place, Some(changes));
        assert!(status < 300, "{place}: {status} {answer}");
        answer
    }

    /// Makes the controllers look after everything, as their finalizer says.
    pub(super) fn hand_to_controllers(&self) {
        let patch = json!({"metadata": {"finalizers": ["finalizers.fluxcd.io"]}});
        for plural in [
            "imagerepositories",
            "imagepolicies",
            "imageupdateautomations",
        ] {
            self.patch(plural, "app", &patch);
        }
    }

    /// The requests of the program in this namespace since the mark, as `verb path status`, without
    /// their queries.
    pub(super) fn requests(&self, mark: Mark) -> Vec<String> {
        let ours = |event: &Value| {
            let agent = event["userAgent"].as_str().unwrap_or_default();
            let uri = event["requestURI"].as_str().unwrap_or_default();
            // A watch is logged when it begins and again when it ends.
            let once = event["verb"] != "watch" || event["stage"] == "ResponseStarted";
            once && agent.starts_with("kubectl-imageupdate/")
                && uri.contains(&format!("namespaces/{}", self.namespace))
        };
        self.cluster
            .audited(mark, ours)
            .iter()
            .map(|event| short(event, &self.namespace))
            .collect()
    }
}

fn short(event: &Audited, namespace: &str) -> String {
    let line = event.line();
    let mut parts = line.split(' ');
    let verb = parts.next().unwrap_or_default();
    let uri = parts.next().unwrap_or_default();
    let code = parts.next().unwrap_or_default();
    let path = uri.split('?').next().unwrap_or_default();
    let place = format!("/namespaces/{namespace}/");
    let path = path.split_once(&place).map_or(path, |(_, rest)| rest);
    format!("{verb} {path} {code}")
}

pub(super) const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app\nspec:\n  \
    template:\n    spec:\n      containers:\n      - name: app\n        image: HOST/team/app:1.0.0 \
    # {\"$imagepolicy\": \"NAMESPACE:app\"}\n";

/// The condition of a type.
pub(super) fn condition<'o>(object: &'o Value, kind: &str) -> &'o Value {
    object["status"]["conditions"]
        .as_array()
        .and_then(|conditions| conditions.iter().find(|c| c["type"] == kind))
        .unwrap_or(&Value::Null)
}

//! Steps that a repository goes through beside its controllers: new tags, several automations, held
//! and suspended objects, signatures. Objects in files; registry, Git server and program are real.

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::git_repository::{Repositories, Repository};
use support::git_server::{GitServer, Settings};
use support::program::{Answer, Program};
use support::registry_server::{RegistryContent, RegistryServer};

/// A registry with one image, a repository, and a file of objects.
struct Scene {
    program: Program,
    content: RegistryContent,
    registry: RegistryServer,
    git: GitServer,
    fleet: Repository,
    objects: Vec<Value>,
    /// Keeps the repository's folder.
    _repositories: Repositories,
}

impl Scene {
    fn new(tags: &[&str], files: &[(&str, &str)]) -> Self {
        let content = RegistryContent::of(&[("team/app", tags)]);
        let registry = RegistryServer::open(&content);
        let repositories = Repositories::new();
        let fleet = repositories.create("fleet");
        let git = GitServer::start(repositories.root(), Settings::default());
        let host = registry.host();
        let files: Vec<(&str, String)> = files
            .iter()
            .map(|(path, text)| (*path, text.replace("HOST", &host)))
            .collect();
        fleet.commit("main", "Seed", &files);
        Self {
            program: Program::new(),
            content,
            registry,
            git,
            fleet,
            objects: Vec::new(),
            _repositories: repositories,
        }
    }

    fn add(&mut self, kind: &str, namespace: &str, name: &str, spec: Value) -> &mut Self {
        let version = match kind {
            "GitRepository" => "source.toolkit.fluxcd.io/v1",
            _ => "image.toolkit.fluxcd.io/v1",
        };
        self.objects.push(json!({
            "apiVersion": version, "kind": kind,
            "metadata": {"namespace": namespace, "name": name}, "spec": spec,
        }));
        self
    }

    /// An image repository, a policy over it, and the Git repository.
    fn add_chain(&mut self, namespace: &str, range: &str) -> &mut Self {
        let image = self.image();
        let url = self.git.url("fleet");
        self.add(
            "ImageRepository",
            namespace,
            "app",
            json!({"image": image, "interval": "1h"}),
        )
        .add(
            "ImagePolicy",
            namespace,
            "app",
            json!({"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": range}}}),
        )
        .add(
            "GitRepository",
            namespace,
            "fleet",
            json!({"interval": "1h", "url": url, "ref": {"branch": "main"}}),
        )
    }

    fn add_update(&mut self, namespace: &str, name: &str, path: &str) -> &mut Self {
        let author = json!({"name": name, "email": format!("{name}@example.com")});
        self.add(
            "ImageUpdateAutomation",
            namespace,
            name,
            json!({
                "interval": "1h",
                "sourceRef": {"kind": "GitRepository", "name": "fleet"},
                "git": {"commit": {"author": author}},
                "update": {"path": path, "strategy": "Setters"},
            }),
        )
    }

    fn image(&self) -> String {
        format!("{}/team/app", self.registry.host())
    }

    fn object(&mut self, kind: &str, name: &str) -> &mut Value {
        self.objects
            .iter_mut()
            .find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
            .expect("an object")
    }

    /// A run over everything; statuses go back into the file.
    fn run(&mut self) -> (Answer, Value) {
        let documents: Vec<String> = self.objects.iter().map(Value::to_string).collect();
        self.program
            .write("objects.yaml", &documents.join("\n---\n"));
        let answer = self
            .program
            .run(&["reconcile", "all", "-f", "objects.yaml", "-o", "json"]);
        let report: Value = serde_json::from_str(&answer.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", answer.stdout, answer.stderr));
        for (field, kind) in [
            ("repositories", "ImageRepository"),
            ("policies", "ImagePolicy"),
            ("updates", "ImageUpdateAutomation"),
        ] {
            for item in report[field].as_array().expect("a list") {
                for object in &mut self.objects {
                    let metadata = &object["metadata"];
                    if object["kind"] == kind
                        && metadata["name"] == item["name"]
                        && metadata["namespace"] == item["namespace"]
                    {
                        object["status"] = item["status"].clone();
                    }
                }
            }
        }
        (answer, report)
    }

    #[track_caller]
    fn ok(&mut self) -> Value {
        let (answer, report) = self.run();
        assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
        report
    }

    fn tip(&self) -> String {
        self.fleet.tip("refs/heads/main").expect("a branch")
    }

    /// `git log` of main in one format, newest first.
    fn log(&self, format: &str) -> Vec<String> {
        let log = self
            .fleet
            .git(&["log", &format!("--format={format}"), "main"]);
        log.lines().map(str::to_owned).collect()
    }

    /// Lines that a commit changed.
    fn changed(&self, revision: &str) -> Vec<String> {
        let parent = format!("{revision}^");
        let diff = self.fleet.git(&["diff", "--unified=0", &parent, revision]);
        diff.lines()
            .filter(|line| line.starts_with(['+', '-']))
            .filter(|line| !line.starts_with("+++") && !line.starts_with("---"))
            .map(str::to_owned)
            .collect()
    }

    /// The requests that carry data: fetches and pushes.
    fn fetches_and_pushes(&self) -> (usize, usize) {
        let log = self.git.take_log();
        let count = |wanted: &str| {
            log.iter()
                .filter(|request| request.target.contains(wanted))
                .count()
        };
        (
            count("info/refs?service=git-upload-pack"),
            count("/git-receive-pack"),
        )
    }
}

/// One marked container, with a line that must never change.
const DEPLOYMENT: &str = "\
kind: Deployment
metadata: {name: app}   # as it was

image: HOST/team/app:1.0.0 # {\"$imagepolicy\": \"team-a:app\"}
tag: '1.0.0' # {\"$imagepolicy\": \"team-a:app:tag\"}
";

#[test]
fn a_second_run_changes_nothing_and_a_new_tag_exactly_what_the_policy_says() {
    let mut scene = Scene::new(&["1.0.0", "1.1.0"], &[("a/app.yaml", DEPLOYMENT)]);
    scene
        .add_chain("team-a", "1.x")
        .add_update("team-a", "bot", "./a");
    scene.ok();
    let first = scene.tip();
    let statuses = scene.objects.clone();
    scene.ok();
    assert_eq!(scene.tip(), first);
    for (before, after) in statuses.iter().zip(&scene.objects) {
        assert_eq!(
            before["status"]["conditions"],
            after["status"]["conditions"]
        );
    }
    // Outside the range: the scan sees it, nothing is chosen or written.
    scene.content.push_tags("team/app", ["2.0.0"]);
    let report = scene.ok();
    assert_eq!(
        report["repositories"][0]["status"]["lastScanResult"]["tagCount"],
        3
    );
    assert_eq!(scene.tip(), first);
    // Inside: exactly the marked scalars.
    scene.content.push_tags("team/app", ["1.2.0"]);
    scene.ok();
    let image = scene.image();
    let (plain, tag) = (
        "# {\"$imagepolicy\": \"team-a:app\"}",
        "# {\"$imagepolicy\": \"team-a:app:tag\"}",
    );
    assert_eq!(
        scene.changed("main"),
        [
            format!("-image: {image}:1.1.0 {plain}"),
            format!("-tag: '1.1.0' {tag}"),
            format!("+image: {image}:1.2.0 {plain}"),
            format!("+tag: '1.2.0' {tag}"),
        ]
    );
    assert_eq!(scene.log("%P")[0], first);
}

/// One repository, in which two automations each look after a folder.
fn two_automations() -> Scene {
    let mut scene = Scene::new(
        &["1.0.0", "1.1.0"],
        &[("a/app.yaml", DEPLOYMENT), ("b/app.yaml", DEPLOYMENT)],
    );
    scene
        .add_chain("team-a", "1.x")
        .add_update("team-a", "first", "./a")
        .add_update("team-a", "second", "./b");
    scene
}

#[test]
fn two_automations_on_one_repository_fetch_once_and_push_once() {
    let mut scene = two_automations();
    scene.ok();
    assert_eq!(scene.fetches_and_pushes(), (1, 1));
    assert_eq!(scene.log("%an"), ["second", "first", "Seed"]);
    assert_eq!(scene.changed("main").len(), 4);
    assert_eq!(scene.changed("main^").len(), 4);
    scene.ok();
    assert_eq!(scene.fetches_and_pushes(), (1, 0));
    scene.fleet.assert_sound();
}

#[test]
fn namespaces_use_their_own_policies_only() {
    let theirs = DEPLOYMENT.replace("team-a", "team-b");
    let mut scene = Scene::new(
        &["1.0.0", "1.1.0", "2.0.0"],
        &[("a/app.yaml", DEPLOYMENT), ("b/app.yaml", &theirs)],
    );
    scene
        .add_chain("team-a", "1.x")
        .add_update("team-a", "a", ".")
        .add_chain("team-b", "2.x")
        .add_update("team-b", "b", ".");
    let report = scene.ok();
    let show = |path: &str| scene.fleet.show("main", path);
    assert!(show("a/app.yaml").contains("tag: '1.1.0'"));
    assert!(show("b/app.yaml").contains("tag: '2.0.0'"));
    // The same image and login: one scan for both, and each commit holds its own file.
    let lists = scene.registry.log();
    let lists = lists.iter().filter(|line| line.contains("tags/list"));
    assert_eq!(lists.count(), 1);
    assert_eq!(report["updates"][0]["files"], json!(["a/app.yaml"]));
    assert_eq!(report["updates"][1]["files"], json!(["b/app.yaml"]));
}

#[test]
fn suspended_automations_rest_held_policies_hold_and_suspended_repositories_offer_nothing() {
    let mut scene = Scene::new(&["1.0.0"], &[("a/app.yaml", DEPLOYMENT)]);
    scene
        .add_chain("team-a", "1.x")
        .add_update("team-a", "bot", "./a");
    scene.ok();
    let seed = scene.tip();
    scene.content.push_tags("team/app", ["1.1.0"]);

    scene.object("ImageUpdateAutomation", "bot")["spec"]["suspend"] = json!(true);
    let report = scene.ok();
    assert_eq!(report["updates"][0]["state"], "suspended");
    assert_eq!(report["policies"][0]["latestRef"]["tag"], "1.1.0");
    assert_eq!(scene.tip(), seed);

    scene.object("ImageUpdateAutomation", "bot")["spec"]["suspend"] = json!(false);
    scene.object("ImagePolicy", "app")["status"]["latestRef"]["tag"] = json!("1.0.0");
    scene.object("ImagePolicy", "app")["spec"]["suspend"] = json!(true);
    let report = scene.ok();
    assert_eq!(report["policies"][0]["state"], "held");
    assert_eq!(scene.tip(), seed);

    scene.object("ImagePolicy", "app")["spec"]["suspend"] = json!(false);
    scene.object("ImageRepository", "app")["spec"]["suspend"] = json!(true);
    let (answer, report) = scene.run();
    assert_eq!(answer.code, 1);
    assert_eq!(report["policies"][0]["reason"], "DependencyNotReady");
    assert_eq!(report["policies"][0]["status"]["latestRef"]["tag"], "1.0.0");
    assert_eq!(scene.tip(), seed);

    scene.object("ImageRepository", "app")["spec"]["suspend"] = json!(false);
    scene.ok();
    assert!(
        scene
            .fleet
            .show("main", "a/app.yaml")
            .contains("tag: '1.1.0'")
    );
}

/// The throw-away keys of the recorded scenarios.
fn recorded(scenario: &str, file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors/e2e")
        .join(scenario)
        .join(file)
}

/// The private key that a scenario's Secret holds.
fn private_key(scenario: &str, key: &str) -> String {
    let text = fs::read_to_string(recorded(scenario, "objects.yaml")).expect("objects");
    text.split("\n---\n")
        .filter_map(|part| serde_saphyr::from_str::<Value>(part).ok())
        .find_map(|object| object["stringData"][key].as_str().map(str::to_owned))
        .expect("a key")
}

/// Two commits in one push, both signed; returns the scene.
fn signed(scenario: &str, kind: &str, key: &str) -> Scene {
    let mut scene = two_automations();
    for name in ["first", "second"] {
        scene.object("ImageUpdateAutomation", name)["spec"]["git"]["commit"]["signingKey"] =
            json!({"type": kind, "secretRef": {"name": "signing"}});
    }
    scene.objects.push(json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"namespace": "team-a", "name": "signing"},
        "stringData": {key: private_key(scenario, key)},
    }));
    scene.ok();
    assert_eq!(scene.fetches_and_pushes(), (1, 1));
    scene
}

#[test]
fn git_accepts_the_openpgp_signature_of_every_commit_of_a_push() {
    let scene = signed("auto-sign-gpg", "gpg", "git.asc");
    let home = tempfile::tempdir().expect("a folder");
    fs::set_permissions(
        home.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .expect("a private folder");
    let gpg = |program: &str, arguments: &[&str]| {
        std::process::Command::new(program)
            .args(arguments)
            .env("GNUPGHOME", home.path())
            .output()
            .expect("gnupg must be installed")
    };
    let public = recorded("auto-sign-gpg", "public.asc");
    let imported = gpg(
        "gpg",
        &["--batch", "--import", public.to_str().expect("UTF-8")],
    );
    assert!(imported.status.success(), "{imported:?}");
    for revision in ["main", "main^"] {
        let output = support::git_repository::command(&scene.fleet.path)
            .args(["verify-commit", revision])
            .env("GNUPGHOME", home.path())
            .output()
            .expect("git must be installed");
        assert!(output.status.success(), "{output:?}");
    }
    gpg("gpgconf", &["--kill", "all"]);
}

#[test]
fn git_accepts_the_ssh_signature_of_every_commit_of_a_push() {
    let scene = signed("auto-sign-ssh", "ssh", "identity");
    let signers = recorded("auto-sign-ssh", "allowed_signers");
    let setting = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    for revision in ["main", "main^"] {
        let arguments = ["-c", &setting, "verify-commit", revision];
        let output = scene.fleet.try_git(&arguments);
        assert!(output.status.success(), "{output:?}");
    }
}

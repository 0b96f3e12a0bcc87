//! A registry, a repository and three objects that work; each test breaks one thing.

use crate::support::git_repository::{Repositories, Repository};
use crate::support::program::{Answer, Program};
use crate::support::registry_server::{RegistryContent, RegistryServer};

pub const MARKED: &str =
    "spec:\n  image: HOST/org/app:1.0.0 # {\"$imagepolicy\": \"flux-system:app\"}\n";

/// What a test starts from.
pub struct Stage {
    pub program: Program,
    pub registry: RegistryServer,
    pub repositories: Repositories,
    pub fleet: Repository,
    /// The file that holds the marked line.
    pub before: String,
}

impl Stage {
    pub fn new() -> Self {
        let content = RegistryContent::of(&[("org/app", &["1.0.0", "1.1.0", "dev"])]);
        let registry = RegistryServer::open(&content);
        let repositories = Repositories::new();
        let fleet = repositories.create("fleet");
        let before = MARKED.replace("HOST", &registry.host());
        fleet.commit("main", "Seed", &[("apps/app.yaml", before.as_str())]);
        let stage = Self {
            program: Program::new(),
            registry,
            repositories,
            fleet,
            before,
        };
        let image = format!("{}/org/app", stage.registry.host());
        stage.repository(&format!("image: {image}"));
        stage.policy("semver:\n      range: '>=1.0.0'");
        stage.automation("path: ./apps", "");
        stage.git(&stage.fleet.file_url(), "");
        stage
    }

    pub fn object(&self, file: &str, kind: &str, name: &str, spec: &str) {
        let group = if kind == "GitRepository" {
            "source.toolkit.fluxcd.io/v1"
        } else {
            "image.toolkit.fluxcd.io/v1"
        };
        self.program.write(
            &format!("objects/{file}.yaml"),
            &format!(
                "apiVersion: {group}\nkind: {kind}\nmetadata:\n  name: {name}\n  \
                 namespace: flux-system\nspec:\n{spec}"
            ),
        );
    }

    pub fn repository(&self, fields: &str) {
        self.object(
            "repository",
            "ImageRepository",
            "app",
            &format!("  interval: 1m\n  {fields}\n"),
        );
    }

    pub fn policy(&self, choice: &str) {
        self.object(
            "policy",
            "ImagePolicy",
            "app",
            &format!("  imageRepositoryRef:\n    name: app\n  policy:\n    {choice}\n"),
        );
    }

    /// The automation: a field of `update`, and further fields of `git`.
    pub fn automation(&self, update: &str, git: &str) {
        self.object(
            "automation",
            "ImageUpdateAutomation",
            "fleet",
            &format!(
                "  interval: 1m\n  sourceRef:\n    kind: GitRepository\n    name: fleet\n  \
                 update:\n    strategy: Setters\n    {update}\n  git:\n    commit:\n      \
                 author:\n        email: bot@example.com\n{git}"
            ),
        );
    }

    pub fn git(&self, url: &str, fields: &str) {
        self.object(
            "git",
            "GitRepository",
            "fleet",
            &format!("  interval: 1m\n  url: {url}\n  ref:\n    branch: main\n{fields}"),
        );
    }

    /// The repository still holds what it was given.
    #[track_caller]
    pub fn assert_untouched(&self) {
        assert_eq!(self.fleet.git(&["rev-list", "--count", "--all"]), "1");
        self.fleet.assert_sound();
    }

    /// Runs `reconcile -f objects`, which must fail, say all of this, and push nothing.
    #[track_caller]
    pub fn fails(&self, said: &[&str]) -> Answer {
        let answer = self
            .program
            .run(&["reconcile", "-f", "objects", "--timeout=20s"]);
        assert_fails(&answer, 1, said);
        self.assert_untouched();
        answer
    }
}

/// The exit code, and every one of these texts on standard error; no panic, no secret.
#[track_caller]
pub fn assert_fails(answer: &Answer, code: i32, said: &[&str]) {
    assert_eq!(answer.code, code, "{}{}", answer.stdout, answer.stderr);
    for text in said {
        assert!(
            answer.stderr.contains(text),
            "{text:?} is not in\n{}{}",
            answer.stdout,
            answer.stderr
        );
    }
    assert!(!answer.stderr.contains("panicked"), "{}", answer.stderr);
    assert!(!answer.stderr.contains("hunter2"), "{}", answer.stderr);
}

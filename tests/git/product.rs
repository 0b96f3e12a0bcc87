//! The program itself against real servers: objects from files, a policy that holds its tag, so
//! that no registry is needed.

use std::fmt::Write as _;
use std::process::{Child, Stdio};

use crate::support::program::{Answer, Program};

/// The namespace of every object.
const NAMESPACE: &str = "flux-system";

/// One automation and everything it needs, as YAML.
#[derive(Clone, Debug)]
pub struct Objects {
    pub url: String,
    /// Tag that the policy holds.
    pub tag: String,
    /// `spec.update.path`.
    pub path: String,
    /// Further lines of the GitRepository's `spec`.
    pub repository: String,
    /// Further lines of the automation's `spec.git`.
    pub git: String,
    /// Further documents, for example Secrets.
    pub more: String,
}

impl Objects {
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            tag: "2.0".to_owned(),
            path: "clusters/my-cluster".to_owned(),
            repository: "  ref: {branch: main}\n".to_owned(),
            git: String::new(),
            more: String::new(),
        }
    }

    pub fn tag(mut self, tag: &str) -> Self {
        tag.clone_into(&mut self.tag);
        self
    }

    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Adds a line to the GitRepository's `spec`.
    pub fn repository(mut self, line: &str) -> Self {
        let _ = writeln!(self.repository, "  {line}");
        self
    }

    /// Adds a line to the automation's `spec.git`.
    pub fn git(mut self, line: &str) -> Self {
        let _ = writeln!(self.git, "    {line}");
        self
    }

    /// Adds a Secret of these keys.
    pub fn secret(mut self, name: &str, data: &[(&str, &str)]) -> Self {
        let _ = write!(
            self.more,
            "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {NAMESPACE}}}\n\
             stringData:\n"
        );
        for (key, value) in data {
            let _ = writeln!(self.more, "  {key}: {}", serde_json::json!(value));
        }
        self
    }

    /// A Secret for the GitRepository to log in with.
    pub fn login(self, data: &[(&str, &str)]) -> Self {
        self.repository("secretRef: {name: login}")
            .secret("login", data)
    }

    pub fn yaml(&self) -> String {
        let Self {
            url,
            tag,
            path,
            repository,
            git,
            more,
        } = self;
        format!(
            "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: app, namespace: {NAMESPACE}}}
spec: {{image: registry.invalid/app, interval: 5m, suspend: true}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: app, namespace: {NAMESPACE}}}
spec:
  suspend: true
  imageRepositoryRef: {{name: app}}
  policy: {{alphabetical: {{order: asc}}}}
status: {{latestRef: {{name: app, tag: \"{tag}\"}}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: fleet, namespace: {NAMESPACE}}}
spec:
  interval: 1m
  url: \"{url}\"
{repository}---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {{name: fleet, namespace: {NAMESPACE}}}
spec:
  interval: 5m
  sourceRef: {{kind: GitRepository, name: fleet}}
  git:
    commit: {{author: {{name: flux, email: flux@example.com}}}}
{git}  update: {{path: {path}, strategy: Setters}}
{more}"
        )
    }

    /// Runs `reconcile update` on these objects.
    pub fn reconcile(&self, program: &Program) -> Answer {
        self.run(program, &["reconcile", "update"])
    }

    /// Starts the same without waiting for it.
    pub fn start(&self, program: &Program) -> Child {
        let file = program.write("objects.yaml", &self.yaml());
        program
            .command(&["reconcile", "update", "-f", file.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs a command line on these objects.
    pub fn run(&self, program: &Program, arguments: &[&str]) -> Answer {
        let file = program.write("objects.yaml", &self.yaml());
        let mut all = arguments.to_vec();
        all.extend(["-f", file.to_str().unwrap()]);
        program.run(&all)
    }
}

/// Demands success.
#[track_caller]
pub fn good(answer: &Answer) -> &Answer {
    assert_eq!(answer.code, 0, "{answer:#?}");
    answer
}

/// Demands failure with this in what was said.
#[track_caller]
pub fn bad(answer: &Answer, expected: &str) {
    assert_eq!(answer.code, 1, "{answer:#?}");
    assert!(
        answer.stderr.contains(expected),
        "{expected:?}\n{answer:#?}"
    );
}

//! Commit messages as users see them: `diff --message`, overrides, and the checks before any work.

mod support;

use support::docker_registry::{DockerRegistry, Mode};
use support::git_repository::{Repositories, Repository};
use support::program::{Answer, Program};

const TEMPLATE: &str = "{{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}\n{{ end }}\
                        for {{ .Values.cluster }}";

/// A checkout with one marked image, and the objects that update it.
struct Stage {
    program: Program,
    host: String,
    _registry: Option<DockerRegistry>,
    _repositories: Repositories,
}

fn objects(host: &str, template: &str) -> String {
    let template = template.replace('\n', "\n        ");
    format!(
        "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: app, namespace: apps}}
spec: {{image: {host}/org/app, interval: 1m, insecure: true}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: app, namespace: apps}}
spec:
  imageRepositoryRef: {{name: app}}
  policy: {{semver: {{range: 1.x}}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {{name: auto, namespace: apps}}
spec:
  interval: 1m
  sourceRef: {{kind: GitRepository, name: fleet}}
  git:
    checkout: {{ref: {{branch: main}}}}
    commit:
      author: {{email: bot@example.com}}
      messageTemplate: |-
        {template}
      messageTemplateValues: {{cluster: prod}}
  update: {{path: ., strategy: Setters}}
"
    )
}

impl Stage {
    fn new(template: &str) -> Self {
        let registry = DockerRegistry::start(&Mode::Open, &[("org/app", &["1.0.0", "1.1.0"])]);
        let host = registry.host();
        Self::on(host, Some(registry), template)
    }

    /// Without a registry: nothing listens at the host.
    fn without_registry(template: &str) -> Self {
        Self::on("127.0.0.1:1".to_owned(), None, template)
    }

    fn on(host: String, registry: Option<DockerRegistry>, template: &str) -> Self {
        let repositories = Repositories::new();
        let fleet: Repository = repositories.create("fleet");
        let deployment = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app\nspec:\n  template:\n    \
             spec:\n      containers:\n      - image: {host}/org/app:1.0.0 # {{\"$imagepolicy\": \
             \"apps:app\"}}\n"
        );
        fleet.commit("main", "Seed", &[("deploy.yaml", deployment)]);
        let program = Program::new();
        let clone = program.path().join("checkout");
        let cloned = std::process::Command::new("git")
            .args(["clone", "--quiet", "--branch", "main"])
            .arg(repositories.root().join("fleet.git"))
            .arg(&clone)
            .status()
            .expect("git");
        assert!(cloned.success());
        program.write("objects.yaml", &objects(&host, template));
        Self {
            program,
            host,
            _registry: registry,
            _repositories: repositories,
        }
    }

    fn diff(&self, more: &[&str]) -> Answer {
        let mut arguments = vec!["diff", "-f", "objects.yaml", "--worktree", "checkout"];
        arguments.extend(more);
        self.program.run(&arguments)
    }
}

#[test]
fn diff_message_shows_the_message_and_nothing_else() {
    let stage = Stage::new(TEMPLATE);
    let host = &stage.host;
    let answer = stage.diff(&["--message"]);
    assert_eq!(
        answer.stdout,
        format!("{host}/org/app:1.0.0 -> {host}/org/app:1.1.0\nfor prod\n"),
        "{}",
        answer.stderr
    );
    assert_eq!(answer.code, 1);
}

#[test]
fn a_template_and_its_values_can_be_tried() {
    let stage = Stage::new(TEMPLATE);
    let answer = stage.diff(&[
        "--message",
        "--message-template",
        "{{ .Values.cluster | upper }} {{ .Values.team }} {{ len .Changed.Changes }}",
        "--values",
        "team=web",
    ]);
    assert_eq!(answer.stdout, "PROD web 1\n", "{}", answer.stderr);
    let answer = stage.diff(&["--message", "--values", "cluster=a=b"]);
    assert!(answer.stdout.ends_with("for a=b\n"), "{}", answer.stdout);
    let answer = stage.diff(&["--message", "--values", "cluster"]);
    assert_eq!(answer.code, 2);
    assert!(
        answer.stderr.contains("must be key=value"),
        "{}",
        answer.stderr
    );
}

#[test]
fn a_template_that_cannot_work_ends_the_run_before_any_work() {
    for (template, error) in [
        (
            "{{ if }}",
            "template: commit message:1: missing value for if",
        ),
        (
            "{{ .Nope }}",
            "can't evaluate field Nope in type source.TemplateData",
        ),
    ] {
        let stage = Stage::without_registry(template);
        let answer = stage.diff(&[]);
        assert_eq!(answer.code, 2, "{}", answer.stderr);
        assert_eq!(answer.stdout, "");
        assert!(answer.stderr.contains(error), "{}", answer.stderr);
        // Nobody asked the registry, which would have been another error.
        assert!(!answer.stderr.contains("127.0.0.1:1"), "{}", answer.stderr);
        let answer =
            stage
                .program
                .run(&["reconcile", "-f", "objects.yaml", "--worktree", "checkout"]);
        assert_eq!(answer.code, 1, "{}", answer.stderr);
        assert!(answer.stderr.contains(error), "{}", answer.stderr);
        assert!(!answer.stderr.contains("127.0.0.1:1"), "{}", answer.stderr);
    }
}

#[test]
fn a_template_without_end_is_stopped() {
    let doubling = format!(
        "{{{{ $x := \"0123456789abcdef\" }}}}{}{{{{ len $x }}}}",
        "{{ $x = cat $x $x }}".repeat(40)
    );
    for (template, error) in [
        (
            "{{ range until 30000 }}{{ range until 30000 }}{{ end }}{{ end }}",
            "takes more than 5000000 steps",
        ),
        (
            "{{ range until 3000 }}{{ repeat 30000 \"a\" }}{{ end }}",
            "the output is longer than 67108864 bytes",
        ),
        (
            "{{ define \"again\" }}{{ template \"again\" . }}{{ end }}{{ template \"again\" . }}",
            "exceeded maximum template depth (100000)",
        ),
        (
            "{{ repeat 2000000000 \"a\" | len }}",
            "takes more than 5000000 steps",
        ),
        (doubling.as_str(), "takes more than 5000000 steps"),
    ] {
        let stage = Stage::without_registry(template);
        let answer = stage.diff(&[]);
        assert_eq!(answer.code, 2, "{template}: {}", answer.stderr);
        assert_eq!(answer.stdout, "");
        assert!(
            answer.stderr.contains(error),
            "{template}: {}",
            answer.stderr
        );
    }
}

#[test]
fn a_missing_function_comes_with_a_hint() {
    let stage = Stage::without_registry("{{ now }}");
    let answer = stage.diff(&[]);
    assert!(
        answer.stderr.contains("function \"now\" not defined"),
        "{}",
        answer.stderr
    );
    assert!(
        answer.stderr.contains("depends on the clock"),
        "{}",
        answer.stderr
    );
}

#[test]
fn the_removed_field_is_rendered_with_a_warning_and_its_successor() {
    let stage = Stage::new("{{range .Updated.Images}}{{println .}}{{end}}");
    let host = &stage.host;
    let answer = stage.diff(&["--message"]);
    assert_eq!(
        answer.stdout,
        format!("{host}/org/app:1.1.0\n"),
        "{}",
        answer.stderr
    );
    assert!(
        answer
            .stderr
            .contains("{{range .Changed.Changes}}{{println .NewValue}}{{end}}"),
        "{}",
        answer.stderr
    );
}

#[test]
fn what_cannot_be_rewritten_is_said() {
    let stage = Stage::new("{{ range .Updated.Images }}{{ . }} {{ .Policy.Name }}{{ end }}");
    let host = &stage.host;
    let answer = stage.diff(&["--message"]);
    assert_eq!(answer.stdout, format!("{host}/org/app:1.1.0 app\n"));
    assert!(
        answer.stderr.contains(
            "Rewritten: {{ range .Changed.Changes }}{{ .NewValue }} {{ .Policy.Name }}{{ end }} \
             (this still needs a hand: "
        ) && answer
            .stderr
            .contains("can't evaluate field Policy in type update.Change"),
        "{}",
        answer.stderr
    );
}

#[test]
fn create_refuses_a_template_that_cannot_work() {
    let program = Program::new();
    let create = |template: &str| {
        let template = format!("--commit-template={template}");
        program.run(&[
            "create",
            "update",
            "auto",
            "--git-repo-ref=fleet",
            "--author-name=bot",
            "--author-email=bot@example.com",
            "--checkout-branch=main",
            "--export",
            &template,
        ])
    };
    let answer = create("{{ .Changed.Nope }}");
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    assert!(
        answer
            .stderr
            .contains("can't evaluate field Nope in type update.Result"),
        "{}",
        answer.stderr
    );
    let answer = create("{{ uper .Values.x }}");
    assert!(
        answer.stderr.contains("did you mean upper?"),
        "{}",
        answer.stderr
    );
    let answer = create("{{ range .Changed.Changes }}{{ println .NewValue }}{{ end }}");
    assert_eq!(answer.code, 0, "{}", answer.stderr);
}

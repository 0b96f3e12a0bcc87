//! The marker report of the real program: every state, with file, line, column, old and new value.
//!
//! The policies are suspended with a stored choice, so that no registry is needed.

mod support;

use serde_json::{Value, json};
use support::program::{Answer, Program};

fn policy(name: &str, fields: &str, status: &str) -> String {
    format!(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata:\n  name: {name}\n  \
         namespace: apps\n{fields}spec:\n  suspend: true\n  imageRepositoryRef: {{name: x}}\n  \
         policy: {{semver: {{range: 1.x}}}}\n{status}---\n"
    )
}

/// A program with three policies (one decided, one not, one that the selector leaves out), an
/// automation over `tree/apps`, and these files.
fn stage(files: &[(&str, &str)]) -> Program {
    let program = Program::new();
    let labels = "  labels: {team: apps}\n";
    let status = "status:\n  latestRef: {name: ghcr.io/acme/web, tag: 1.4.1}\n";
    let automation = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\n\
        metadata:\n  name: fleet\n  namespace: apps\nspec:\n  interval: 30m\n  \
        sourceRef: {kind: GitRepository, name: fleet}\n  \
        policySelector: {matchLabels: {team: apps}}\n  update: {path: ./apps}\n  \
        git:\n    commit:\n      author: {name: bot, email: bot@example.com}\n";
    program.write(
        "objects.yaml",
        &[
            policy("web", labels, status),
            policy("new", labels, ""),
            policy("out", "", status),
            automation.to_owned(),
        ]
        .concat(),
    );
    for (path, text) in files {
        program.write(&format!("tree/{path}"), text);
    }
    program
}

fn marked(value: &str, setter: &str) -> String {
    format!("image: {value} # {{\"$imagepolicy\": \"{setter}\"}}\n")
}

fn dry_run(program: &Program, more: &[&str]) -> Answer {
    let arguments = [
        "reconcile",
        "-f",
        "objects.yaml",
        "--worktree",
        "tree",
        "--dry-run",
    ];
    program.run(&[&arguments, more].concat())
}

/// The markers of `-o json`, as the only automation has them.
fn report(answer: &Answer) -> Vec<Value> {
    let value: Value = serde_json::from_str(&answer.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", answer.stdout, answer.stderr));
    value["updates"][0]["markers"]
        .as_array()
        .expect("markers")
        .clone()
}

#[test]
fn every_marker_is_reported_with_its_place_and_state() {
    let image = "ghcr.io/acme/web:1.4.0";
    let program = stage(&[
        (
            "apps/a-updated.yaml",
            &format!("a: 1\n{}", marked(image, "apps:web")),
        ),
        (
            "apps/b-current.yaml",
            &marked("ghcr.io/acme/web:1.4.1", "apps:web"),
        ),
        ("apps/c-unknown.yaml", &marked(image, "apps:absent")),
        ("apps/d-not-ready.yaml", &marked(image, "apps:new")),
        ("apps/e-not-selected.yaml", &marked(image, "apps:out")),
        ("apps/f-other.yaml", &marked(image, "other:web")),
        ("apps/g-malformed.yaml", &marked(image, "apps/web")),
        (
            "apps/h-misplaced.yaml",
            "# {\"$imagepolicy\": \"apps:web\"}\nimage: x\n",
        ),
        (
            "apps/i-template.yaml",
            &format!(
                "{{{{- if .x }}}}\n  {}{{{{- end }}}}\n",
                marked(image, "apps:web")
            ),
        ),
        (
            "apps/j-patch.yaml",
            &format!(
                "- op: replace\n  value: {}",
                &marked(image, "apps:web")[7..]
            ),
        ),
        (
            "apps/kustomization.yaml",
            "images:\n- name: web\n  newTag: 1.4.0 # {\"$imagepolicy\": \"apps:web\"}\n",
        ),
        ("apps/l-digest.yaml", &marked("sha256:0", "apps:web:digest")),
        ("elsewhere/a.yaml", &marked(image, "apps:web")),
    ]);
    let answer = dry_run(&program, &["-o", "json"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let rows: Vec<Value> = report(&answer)
        .iter()
        .map(|marker| {
            json!([
                marker["file"],
                marker["line"],
                marker["column"],
                marker["setter"],
                marker["state"],
                marker["old"],
                marker["new"]
            ])
        })
        .collect();
    let new = "ghcr.io/acme/web:1.4.1";
    let expected = [
        json!([
            "apps/a-updated.yaml",
            2,
            8,
            "apps:web",
            "updated",
            image,
            new
        ]),
        json!(["apps/b-current.yaml", 1, 8, "apps:web", "current", new, new]),
        json!([
            "apps/c-unknown.yaml",
            1,
            8,
            "apps:absent",
            "policy-unknown",
            image,
            null
        ]),
        json!([
            "apps/d-not-ready.yaml",
            1,
            8,
            "apps:new",
            "policy-not-ready",
            image,
            null
        ]),
        json!([
            "apps/e-not-selected.yaml",
            1,
            8,
            "apps:out",
            "policy-not-selected",
            image,
            null
        ]),
        json!([
            "apps/f-other.yaml",
            1,
            8,
            "other:web",
            "other-namespace",
            image,
            null
        ]),
        json!([
            "apps/g-malformed.yaml",
            1,
            8,
            "apps/web",
            "malformed-marker",
            image,
            null
        ]),
        json!([
            "apps/h-misplaced.yaml",
            1,
            1,
            "apps:web",
            "misplaced-marker",
            null,
            null
        ]),
        json!([
            "apps/i-template.yaml",
            2,
            33,
            "apps:web",
            "unreadable-file",
            null,
            null
        ]),
        json!([
            "apps/j-patch.yaml",
            2,
            33,
            "apps:web",
            "unreadable-file",
            null,
            null
        ]),
        json!([
            "apps/kustomization.yaml",
            3,
            11,
            "apps:web",
            "wrong-kustomization-marker",
            "1.4.0",
            new
        ]),
        json!([
            "apps/l-digest.yaml",
            1,
            8,
            "apps:web:digest",
            "no-digest",
            "sha256:0",
            null
        ]),
    ];
    assert_eq!(rows.len(), expected.len(), "{rows:#?}");
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row, expected);
    }
}

#[test]
fn warnings_name_the_place_and_the_diff_shows_the_values() {
    let image = "ghcr.io/acme/web:1.4.0";
    let program = stage(&[
        ("apps/a.yaml", &marked(image, "apps:web")),
        (
            "apps/b.yaml",
            &format!("\n{}", marked(image, "apps:absent")),
        ),
        (
            "apps/c.yaml",
            &format!("- x\n- {}", &marked(image, "apps:web")[7..]),
        ),
    ]);
    let answer = program.run(&["diff", "-f", "objects.yaml", "--worktree", "tree"]);
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    assert!(
        answer.stdout.contains("-image: ghcr.io/acme/web:1.4.0 #")
            && answer.stdout.contains("+image: ghcr.io/acme/web:1.4.1 #"),
        "{}",
        answer.stdout
    );
    for said in [
        "apps/b.yaml:2:8: marker \"apps:absent\"",
        "apps/c.yaml:1:1: the document is a sequence",
        "apps/c.yaml:2:",
    ] {
        assert!(answer.stderr.contains(said), "{said}: {}", answer.stderr);
    }
}

#[cfg(unix)]
#[test]
fn links_are_reported_and_edit_their_target_inside_the_tree_only() {
    use std::os::unix::fs::symlink;
    let image = "ghcr.io/acme/web:1.4.0";
    let program = stage(&[
        ("shared/real.yaml", &marked(image, "apps:web")),
        ("apps/a.yaml", "a: 1\n"),
    ]);
    program.write("outside.yaml", &marked(image, "apps:web"));
    let apps = program.path().join("tree/apps");
    symlink("../shared/real.yaml", apps.join("link.yaml")).expect("a link");
    symlink(program.path().join("outside.yaml"), apps.join("out.yaml")).expect("a link");
    let answer = dry_run(&program, &["-o", "json"]);
    let files: Vec<Value> = report(&answer)
        .iter()
        .map(|marker| marker["file"].clone())
        .collect();
    assert_eq!(files, [json!("shared/real.yaml")]);
    let answer = program.run(&["reconcile", "-f", "objects.yaml", "--worktree", "tree"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert!(
        answer.stderr.contains("apps/link.yaml: a link"),
        "{}",
        answer.stderr
    );
    assert!(
        answer.stderr.contains("apps/out.yaml: a link"),
        "{}",
        answer.stderr
    );
    let read = |path: &str| std::fs::read_to_string(program.path().join(path)).expect("a file");
    assert!(read("tree/shared/real.yaml").contains("1.4.1"));
    assert!(read("outside.yaml").contains("1.4.0"));
    assert!(apps.join("link.yaml").is_symlink());
}

#[test]
fn a_thousand_files_are_edited_at_once_and_a_second_run_changes_nothing() {
    let before = marked("ghcr.io/acme/web:1.4.0", "apps:web");
    let names: Vec<String> = (0..1200)
        .map(|n| format!("apps/{}/{n}.yaml", n % 30))
        .collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, &*before)).collect();
    let program = stage(&files);
    let run = || program.ok(&["reconcile", "-f", "objects.yaml", "--worktree", "tree"]);
    assert!(run().contains("files edited"));
    for name in &names {
        let text = std::fs::read_to_string(program.path().join("tree").join(name)).expect("a file");
        assert_eq!(text, before.replace("1.4.0", "1.4.1"));
    }
    assert!(run().contains("up-to-date"));
}

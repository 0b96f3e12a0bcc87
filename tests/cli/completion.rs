//! `__complete` and `kubectl_complete-…`: what fits at the end of a command line.

use std::time::{Duration, Instant};

use crate::program::{Answer, Program};
use crate::stage::{hermetic, installed_as, stage};

/// The candidates without descriptions, and the directive.
fn candidates(answer: &Answer) -> (Vec<String>, String) {
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    let mut lines: Vec<String> = answer.stdout.lines().map(str::to_owned).collect();
    let directive = lines.pop().expect("a directive");
    let values = lines
        .iter()
        .map(|line| line.split('\t').next().unwrap().to_owned())
        .collect();
    (values, directive)
}

#[track_caller]
fn assert_completed(program: &Program, words: &[&str], expected: &[&str], directive: &str) {
    let mut line = vec!["__complete"];
    line.extend(words);
    let (values, found) = candidates(&program.run(&line));
    assert_eq!(values, expected, "{words:?}");
    assert_eq!(found, directive, "{words:?}");
}

#[test]
fn verbs_kinds_flags_and_choices_need_no_cluster() {
    let program = Program::new();
    for (words, expected, directive) in [
        (&["re"][..], &["reconcile", "resume"][..], ":4"),
        (&["create", ""], &["repository", "policy", "update"], ":4"),
        (&["create", "image", "p"], &["policy"], ":4"),
        (
            &["get", ""],
            &["all", "repository", "policy", "update"],
            ":4",
        ),
        (&["get", "images", "u"], &["update"], ":4"),
        (&["-n", "x", "suspend", "im"], &[], ":4"),
        (&["get", "--no-h"], &["--no-headers"], ":4"),
        (&["--color=n"], &["never"], ":4"),
        (&["--color", "a"], &["auto", "always"], ":4"),
        (&["get", "policy", "-o", "j"], &["json", "jsonpath="], ":4"),
        (&["get", "policy", "-o", "jsonp"], &["jsonpath="], ":6"),
        (&["version", "--output="], &["json", "yaml"], ":4"),
        (
            &["create", "policy", "x", "--select-alpha", ""],
            &["asc", "desc"],
            ":4",
        ),
        (&["completion", "f"], &["fish"], ":4"),
        (&["get", "--", "-"], &[], ":4"),
        (&["nonsense", ""], &[], ":4"),
    ] {
        assert_completed(&program, words, expected, directive);
    }
}

#[test]
fn files_and_folders_are_left_to_the_shell() {
    let program = Program::new();
    assert_completed(&program, &["get", "all", "-f", ""], &[], ":0");
    assert_completed(&program, &["get", "all", "--kubeconfig="], &[], ":0");
    assert_completed(&program, &["reconcile", "--worktree", ""], &[], ":16");
}

#[test]
fn descriptions_stand_behind_a_tab_unless_they_are_not_wanted() {
    let program = Program::new();
    let described = program.ok(&["__complete", "get", "po"]);
    assert_eq!(described, "policy\timage policies\n:4\n");
    assert_eq!(
        program.ok(&["__completeNoDesc", "get", "po"]),
        "policy\n:4\n"
    );
    assert!(program.ok(&["__complete"]).contains("reconcile\tScan"));
}

#[test]
fn names_come_from_the_cluster() {
    let stage = stage();
    let program = stage.program("reader");
    let namespace = stage.namespace.as_str();
    let in_namespace = |words: &[&'static str]| -> Vec<String> {
        let mut line = vec!["__complete", "-n", namespace];
        line.extend(words);
        candidates(&program.run(&line)).0
    };
    assert_eq!(
        in_namespace(&["get", "policy", ""]),
        ["podinfo", "podinfo-next"]
    );
    assert_eq!(
        in_namespace(&["get", "images", "policy", "podinfo", ""]),
        ["podinfo-next"]
    );
    assert_eq!(in_namespace(&["suspend", "iua", "f"]), ["flux-system"]);
    assert_eq!(
        in_namespace(&["get", "policy/podinfo-"]),
        ["policy/podinfo-next"]
    );
    assert_eq!(in_namespace(&["diff", ""]), ["flux-system"]);
    assert_eq!(
        in_namespace(&["create", "policy", "x", "--image-ref", ""]),
        ["podinfo"]
    );
    // The flags may stand anywhere, and words that mean nothing yet do not matter.
    let line = ["__complete", "get", "policy", "--namespace", namespace, ""];
    assert_eq!(
        candidates(&program.run(&line)).0,
        ["podinfo", "podinfo-next"]
    );
}

#[test]
fn namespaces_git_repositories_and_contexts_are_known() {
    let stage = stage();
    let program = stage.program("admin");
    let prefix = &stage.namespace[..stage.namespace.len() - 1];
    let (values, _) = candidates(&program.run(&["__complete", "get", "all", "-n", prefix]));
    assert!(values.contains(&stage.namespace), "{values:?}");
    let flag = format!("--namespace={prefix}");
    let (values, _) = candidates(&program.run(&["__complete", "get", "all", &flag]));
    assert!(values.contains(&stage.namespace), "{values:?}");
    let line = [
        "create",
        "update",
        "x",
        "-n",
        &stage.namespace,
        "--git-repo-ref",
        "",
    ];
    assert_completed(&program, &line, &["fleet"], ":4");
    assert_completed(&program, &["get", "all", "--context", ""], &["test"], ":4");
    assert_completed(&program, &["get", "all", "--user="], &["admin"], ":4");
}

#[test]
fn names_come_from_files_when_files_are_given() {
    let program = Program::new();
    program.write(
        "objects/policies.yaml",
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: app}\nspec: {}\n",
    );
    assert_completed(
        &program,
        &["get", "policy", "-f", "objects", ""],
        &["app"],
        ":4",
    );
    assert_completed(&program, &["diff", "-f", "nowhere", ""], &[], ":4");
    // Standard input is the shell's, not ours.
    assert_completed(&program, &["get", "policy", "-f", "-", ""], &[], ":4");
}

#[test]
fn a_user_without_rights_gets_nothing_and_no_message() {
    let program = stage().program("nobody");
    assert_completed(&program, &["get", "policy", "-A", ""], &[], ":4");
}

#[test]
fn a_server_that_never_answers_costs_less_than_a_second() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let program = Program::new();
    let begin = Instant::now();
    assert_completed(
        &program,
        &["get", "policy", "--server", &url, ""],
        &[],
        ":4",
    );
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn the_name_of_the_file_makes_a_completion_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = installed_as(folder.path(), "kubectl_complete-imageupdate");
    let output = hermetic(&path, folder.path(), folder.path())
        .args(["resu"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("resume\t") && text.ends_with(":4\n"),
        "{text}"
    );
    assert!(output.status.success());
}

#[test]
fn the_link_for_kubectl_is_made_beside_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    let path = installed_as(&bin, "kubectl-image_update");
    let install = |program: &std::path::Path| -> Answer {
        let mut command = hermetic(program, &bin, folder.path());
        command
            .args(["completion", "--install"])
            .output()
            .unwrap()
            .into()
    };
    let link = bin.join("kubectl_complete-image_update");
    let answer = install(&path);
    assert_eq!(answer.stdout, format!("{} created\n", link.display()));
    assert_eq!(
        std::fs::read_link(&link).unwrap().to_str(),
        Some("kubectl-image_update")
    );
    // Again, and found through the PATH.
    let again = install(std::path::Path::new("kubectl-image_update"));
    assert_eq!(
        again.stdout,
        format!("{} unchanged\n", link.display()),
        "{again:?}"
    );

    std::fs::remove_file(&link).unwrap();
    std::fs::write(&link, "somebody else's").unwrap();
    let refused = install(&path);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("is there already"),
        "{}",
        refused.stderr
    );
    assert_eq!(std::fs::read_to_string(&link).unwrap(), "somebody else's");
}

#[test]
fn completion_needs_a_shell_or_install_and_flux_needs_neither() {
    let folder = tempfile::tempdir().unwrap();
    let path = installed_as(folder.path(), "flux-imageupdate");
    let run = |words: &[&str]| -> Answer {
        let mut command = hermetic(&path, folder.path(), folder.path());
        command.args(words).output().unwrap().into()
    };
    let install = run(&["completion", "--install"]);
    assert_eq!((install.code, install.stdout.as_str()), (0, ""));
    assert!(
        install.stderr.contains("nothing to install"),
        "{}",
        install.stderr
    );
    let neither = run(&["completion"]);
    assert_eq!(neither.code, 2);
    assert!(
        neither
            .stderr
            .contains("Choose one of: bash, zsh, fish, powershell")
            && neither
                .stderr
                .contains("see 'flux imageupdate completion --help'"),
        "{}",
        neither.stderr
    );
    assert_eq!(run(&["completion", "bash", "--install"]).code, 2);
}

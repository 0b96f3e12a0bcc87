//! A real kubectl finds the plugin, runs it and completes it.

use std::path::Path;
use std::process::Command;

use crate::kube;
use crate::program::Answer;
use crate::stage::{hermetic, installed_as, stage};

struct Kubectl {
    folder: tempfile::TempDir,
}

impl Kubectl {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        installed_as(&folder.path().join("bin"), "kubectl-imageupdate");
        Self { folder }
    }

    fn bin(&self) -> std::path::PathBuf {
        self.folder.path().join("bin")
    }

    fn command(&self) -> Command {
        let mut command = hermetic(&kube::program("kubectl"), &self.bin(), self.folder.path());
        command.env("KUBECONFIG", stage().cluster.kubeconfig("reader"));
        command
    }

    fn run(&self, words: &[&str]) -> Answer {
        self.command().args(words).output().unwrap().into()
    }
}

#[test]
fn kubectl_lists_the_plugin() {
    let kubectl = Kubectl::new();
    let answer = kubectl.run(&["plugin", "list"]);
    let path = kubectl.bin().join("kubectl-imageupdate");
    assert!(answer.stdout.contains(path.to_str().unwrap()), "{answer:?}");
    assert!(!answer.stderr.contains("kubectl-imageupdate"), "{answer:?}");
}

#[test]
fn kubectl_runs_the_plugin_against_a_cluster() {
    let kubectl = Kubectl::new();
    let answer = kubectl.run(&["imageupdate", "get", "all", "-A"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    let row = answer
        .stdout
        .lines()
        .find(|line| line.starts_with(&stage().namespace) && line.contains("imagepolicy/podinfo "))
        .unwrap_or_else(|| panic!("{}", answer.stdout));
    assert!(row.contains("5.2.1"), "{row}");
    assert!(answer.stdout.contains("NAMESPACE"), "{}", answer.stdout);
}

#[test]
fn help_usage_and_exit_codes_pass_through_kubectl() {
    let kubectl = Kubectl::new();
    let help = kubectl.run(&["imageupdate", "get", "--help"]);
    assert!(
        help.stdout.contains("Usage: kubectl imageupdate get"),
        "{}",
        help.stdout
    );
    let mistake = kubectl.run(&["imageupdate", "gte"]);
    assert_eq!(mistake.code, 2);
    assert!(
        mistake.stderr.contains("see 'kubectl imageupdate --help'"),
        "{}",
        mistake.stderr
    );
    let version = kubectl.run(&["imageupdate", "--version"]);
    assert_eq!(
        version.stdout,
        concat!("kubectl imageupdate ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn another_file_name_is_another_command() {
    let kubectl = Kubectl::new();
    installed_as(&kubectl.bin(), "kubectl-image_update");
    for name in ["image-update", "image_update"] {
        let help = kubectl.run(&[name, "--help"]);
        assert!(
            help.stdout.contains("Usage: kubectl image-update"),
            "{}",
            help.stdout
        );
    }
}

#[test]
fn kubectl_completes_the_plugin_with_live_names() {
    let kubectl = Kubectl::new();
    let installed = kubectl.run(&["imageupdate", "completion", "--install"]);
    assert_eq!(installed.code, 0, "{installed:?}");
    assert!(Path::new(&kubectl.bin().join("kubectl_complete-imageupdate")).exists());
    let complete = |words: &[&str]| {
        let answer: Answer = kubectl
            .command()
            .args(["__complete", "imageupdate"])
            .args(words)
            .output()
            .unwrap()
            .into();
        answer.stdout
    };
    let verbs = complete(&["re"]);
    assert!(
        verbs.contains("reconcile\tScan") && verbs.contains("resume\t"),
        "{verbs}"
    );
    let names = complete(&["get", "policy", "-n", &stage().namespace, "podinfo-"]);
    assert!(names.starts_with("podinfo-next\n:4\n"), "{names}");
    let formats = complete(&["version", "--output=j"]);
    assert!(formats.starts_with("json\n:4\n"), "{formats}");
}

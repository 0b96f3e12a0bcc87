//! The completion scripts in the shells that this machine has. Bash is always there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::stage::{hermetic, installed_as, stage};

fn which(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Runs a shell's script in a folder where the program is on the PATH.
fn shell(program: &Path, script: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    installed_as(&bin, "kubectl-imageupdate");
    let mut command: Command = hermetic(program, &bin, folder.path());
    command.env("KUBECONFIG", stage().cluster.kubeconfig("reader"));
    std::fs::create_dir(folder.path().join("manifests")).unwrap();
    std::fs::write(folder.path().join("my file.yaml"), "").unwrap();
    let output = command.args(["-c", script]).output().unwrap();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// What bash offers for a line with the cursor at its end: bash's own division into words is used.
fn in_bash(line: &str) -> Vec<String> {
    let script = format!(
        r#"
        source <(kubectl-imageupdate completion bash)
        COMP_LINE={line:?}
        COMP_POINT=${{#COMP_LINE}}
        # Bash breaks at blanks, and around '=' and ':'.
        COMP_WORDS=()
        rest=$COMP_LINE
        while [[ $rest =~ ^[[:space:]]*([=:]+|[^=:[:space:]]+)(.*)$ ]]; do
            COMP_WORDS+=("${{BASH_REMATCH[1]}}")
            rest=${{BASH_REMATCH[2]}}
        done
        [[ $COMP_LINE == *[[:space:]] ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        compopt() {{ echo "compopt $*"; }}
        $(complete -p kubectl-imageupdate | sed 's/.*-F \([^ ]*\).*/\1/')
        (( ${{#COMPREPLY[@]}} == 0 )) || printf '%s\n' "${{COMPREPLY[@]}}"
        "#
    );
    let text = shell(&which("bash").expect("bash"), &script);
    text.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_values_and_live_names() {
    let namespace = &stage().namespace;
    for (line, expected) in [
        ("kubectl-imageupdate rec", &["reconcile"][..]),
        (
            "kubectl-imageupdate get ",
            &["all", "repository", "policy", "update"],
        ),
        ("kubectl-imageupdate get all --color=al", &["always"]),
        (
            "kubectl-imageupdate get all -o cus",
            &["compopt -o nospace", "custom-columns="],
        ),
        (
            "kubectl-imageupdate get all --worktree ",
            &["compopt -o dirnames"],
        ),
        ("kubectl-imageupdate get all -f ", &["compopt -o default"]),
        ("kubectl-imageupdate nothing ", &[]),
    ] {
        assert_eq!(in_bash(line), expected, "{line}");
    }
    assert_eq!(
        in_bash(&format!(
            "kubectl-imageupdate -n {namespace} get image policy "
        )),
        ["podinfo", "podinfo-next"]
    );
    assert_eq!(
        in_bash(&format!(
            "kubectl-imageupdate get policy/podinfo-n --namespace={namespace} "
        )),
        Vec::<String>::new()
    );
}

#[test]
fn the_script_names_the_file_that_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = installed_as(folder.path(), "kubectl-image_update");
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = Command::new(&path)
            .args(["completion", shell])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("kubectl-image_update"), "{text}");
        assert!(!text.contains("kubectl-imageupdate"), "{text}");
        assert!(
            !text.contains("@PROGRAM@") && !text.contains("@FUNCTION@"),
            "{text}"
        );
    }
}

#[test]
fn fish_completes_where_it_is_installed() {
    let Some(fish) = which("fish") else { return };
    let namespace = &stage().namespace;
    let ask = |line: &str| {
        let script = format!("kubectl-imageupdate completion fish | source; complete -C '{line}'");
        shell(&fish, &script)
    };
    assert_eq!(
        ask("kubectl-imageupdate get pol"),
        "policy\timage policies\n"
    );
    assert_eq!(
        ask("kubectl-imageupdate get all --color=nev"),
        "--color=never\tNever\n"
    );
    assert_eq!(
        ask(&format!("kubectl-imageupdate -n {namespace} get policy ")),
        "podinfo\npodinfo-next\n"
    );
    assert!(ask("kubectl-imageupdate get all -f my").contains("my file.yaml"));
}

/// The completion system of zsh runs only at a terminal; its functions are replaced by ones that
/// print what they are given.
#[test]
fn zsh_completes_where_it_is_installed() {
    let Some(zsh) = which("zsh") else { return };
    let ask = |words: &str, current: &str| {
        let script = format!(
            r#"
            compdef() {{ registered=$1; }}
            compset() {{ print -r -- "compset $*"; }}
            _describe() {{ shift; print -rl -- "${{(@P)2}}"; shift 2; print -r -- "options $*"; }}
            _files() {{ print -r -- "files $*"; }}
            source <(kubectl-imageupdate completion zsh)
            words=({words} '{current}'); CURRENT=${{#words}}; PREFIX='{current}'
            $registered
            "#
        );
        shell(&zsh, &script)
    };
    assert_eq!(
        ask("kubectl-imageupdate get", "pol"),
        "compset -P --*=\npolicy:image policies\noptions \n"
    );
    assert_eq!(
        ask("kubectl-imageupdate get all -o", "jsonp"),
        "compset -P --*=\njsonpath=:values picked by a template\noptions -S\n"
    );
    assert_eq!(
        ask("kubectl-imageupdate get all -f", ""),
        "compset -P --*=\nfiles \n"
    );
    assert_eq!(
        ask("kubectl-imageupdate reconcile --worktree", ""),
        "compset -P --*=\nfiles -/\n"
    );
    let namespace = &stage().namespace;
    let names = ask(
        &format!("kubectl-imageupdate get policy -n {namespace}"),
        "podinfo-",
    );
    assert!(names.contains("\npodinfo-next\n"), "{names}");
}

//! At a terminal and in a pipe: control characters, colour, progress, questions, interrupts.
//!
//! `script` of util-linux gives a terminal to a command.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::program::Program;
use crate::stage::{Stage, stage};

/// The program at a terminal of 80 columns: standard input, output and error all are it.
fn at_terminal(program: &Program, arguments: &str) -> Command {
    let line = format!(
        "stty cols 80 rows 24 -echo; exec {} {arguments}",
        env!("CARGO_BIN_EXE_kubectl-imageupdate")
    );
    let bare = program.command::<&str>(&[]);
    let mut command = Command::new("script");
    command
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .env_clear();
    for (name, value) in bare.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .current_dir(program.path());
    command
}

/// What the terminal shows, with bare line ends, and the exit code.
pub(crate) fn shown(program: &Program, arguments: &str) -> (String, i32) {
    let output = at_terminal(program, arguments)
        .stdin(Stdio::null())
        .output()
        .expect("script of util-linux");
    let text = String::from_utf8(output.stdout)
        .unwrap()
        .replace("\r\n", "\n");
    (text, output.status.code().unwrap_or(-1))
}

fn program(stage: &Stage) -> Program {
    stage.program("reader")
}

#[test]
fn control_characters_of_a_cluster_never_reach_the_terminal() {
    let stage = stage();
    let program = program(stage);
    let line = format!("get policy podinfo-next -n {}", stage.namespace);
    let (table, code) = shown(&program, &line);
    assert_eq!(code, 0, "{table}");
    assert!(table.contains("a message of^[[31m two..."), "{table:?}");
    for format in [
        "yaml",
        "json",
        "jsonpath={.status}",
        "custom-columns=M:.status.conditions[0].message",
    ] {
        let (text, _) = shown(&program, &format!("{line} -o '{format}'"));
        let bad = text
            .chars()
            .find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        assert_eq!(bad, None, "{format}: {text:?}");
    }
    // In a pipe a table is the same, and a machine format is byte for byte.
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(program.ok(&words), table);
    let value = program.ok(&[
        &words[..],
        &["-o", "jsonpath={.status.conditions[0].message}"],
    ]
    .concat());
    assert!(value.contains('\u{1b}'), "{value:?}");
}

#[test]
fn colour_is_for_terminals_and_obeys_the_environment() {
    let stage = stage();
    let line = "get policy -n Not-A-Name";
    let red = "\u{1b}[31merror:\u{1b}[0m";
    let mut colourful = program(stage);
    let (text, code) = shown(&colourful, line);
    assert!(text.starts_with(red), "{text:?}");
    assert_ne!(code, 0);
    assert!(
        !shown(&colourful, &format!("{line} --color=never"))
            .0
            .contains('\u{1b}')
    );
    // In a pipe there is none, unless it is asked for.
    let words: Vec<&str> = line.split(' ').collect();
    assert!(!colourful.run(&words).stderr.contains('\u{1b}'));
    assert!(
        colourful
            .run(&[&words[..], &["--color=always"]].concat())
            .stderr
            .starts_with(red)
    );
    colourful.set("CLICOLOR_FORCE", "1");
    assert!(colourful.run(&words).stderr.starts_with(red));
    // NO_COLOR counts even when it is empty.
    let mut plain = program(stage);
    plain.set("NO_COLOR", "");
    assert!(!shown(&plain, line).0.contains('\u{1b}'));
}

#[test]
fn progress_is_drawn_on_terminals_only() {
    let program = Program::new();
    // A registry that accepts and then says nothing, so that the scan lasts until its limit.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap();
    program.write(
        "r.yaml",
        &format!(
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: slow, \
             namespace: n}}\nspec: {{image: \"{host}/org/app\", interval: 1m, timeout: 1s, insecure: true}}\n"
        ),
    );
    let line = "reconcile repository -f r.yaml --timeout 2s";
    let (text, code) = shown(&program, line);
    assert_eq!(code, 1, "{text:?}");
    assert!(
        text.contains(&format!("Scanning {host}/org/app")),
        "{text:?}"
    );
    let last = text.trim_end().lines().last().unwrap_or_default();
    assert!(
        !last.contains("Scanning"),
        "progress is gone when it is over: {text:?}"
    );
    let words: Vec<&str> = line.split(' ').collect();
    let piped = program.run(&words);
    assert!(
        !piped.stderr.contains("Scanning") && !piped.stderr.contains('\u{1b}'),
        "{piped:?}"
    );
    let (quiet, _) = shown(&program, &format!("{line} --quiet"));
    assert!(!quiet.contains("Scanning"), "{quiet:?}");
}

#[test]
fn a_question_is_asked_at_a_terminal_and_ctrl_c_answers_it() {
    let stage = stage();
    let admin = stage.program("admin");
    let line = format!("delete policy podinfo -n {}", stage.namespace);
    let words: Vec<&str> = line.split(' ').collect();
    let refused = admin.run(&words);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("--yes"), "{refused:?}");

    for (typed, code, said) in [(&b"n\n"[..], 1, "aborting"), (b"\x03", 130, "interrupted")] {
        let mut child = at_terminal(&admin, &line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut terminal = child.stdout.take().unwrap();
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(b"[y/N] ") && terminal.read(&mut byte).unwrap() == 1 {
            text.push(byte[0]);
        }
        let mut keyboard = child.stdin.take().unwrap();
        keyboard.write_all(typed).unwrap();
        terminal.read_to_end(&mut text).unwrap();
        drop(keyboard);
        let status = child.wait().unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(text.contains(said), "{typed:?}: {text:?}");
        assert_eq!(status.code(), Some(code), "{typed:?}: {text:?}");
    }
    let path = format!(
        "/apis/image.toolkit.fluxcd.io/v1/namespaces/{}/imagepolicies/podinfo",
        stage.namespace
    );
    stage.cluster.read(&path);
}

#[test]
fn ctrl_c_while_waiting_is_130_and_says_so() {
    let program = Program::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut child = program
        .command(&["get", "policy", "-n", "x", "--server", &url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It has connected, so that it is waiting for an answer.
    let (_connection, _) = listener.accept().unwrap();
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let mut errors = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{errors}");
    assert!(errors.contains("interrupted"), "{errors}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let program = Program::new();
    let many: String = (0..5000)
        .map(|number| {
            format!(
                "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: \
                 r{number}, namespace: n}}\nspec: {{image: \"ghcr.io/org/app{number}\", interval: 1m, suspend: true}}\n"
            )
        })
        .collect();
    program.write("many.yaml", &many);
    let mut child = program
        .command(&["get", "repository", "-f", "many.yaml"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert!(first.contains("NAME"), "{first}");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_full_disk_is_a_failure() {
    let program = Program::new();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = program
        .command(&["version"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("writing to standard output"), "{errors}");
}

#[test]
fn a_closed_standard_error_changes_nothing() {
    let stage = stage();
    let program = program(stage);
    let line = format!(
        "exec {} -v=8 get policy -n {} 2>&-",
        env!("CARGO_BIN_EXE_kubectl-imageupdate"),
        stage.namespace
    );
    let bare = program.command::<&str>(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", &line]).env_clear();
    for (name, value) in bare.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("podinfo-next"));
}

//! Ctrl-C at every stage, and what a terminal shows meanwhile.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::fixture::{MARKED, small};
use crate::product::{Objects, good};
use crate::support::git_repository::Repositories;
use crate::support::git_server::{Fault, GitServer, RequestHead, Settings};
use crate::support::program::{Answer, Program};

const FILE: &str = "clusters/my-cluster/app.yaml";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Presses Ctrl-C.
fn interrupt(child: &Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

type Stage = fn(&RequestHead) -> bool;

/// Makes the server misbehave at a stage, and tells when it is reached.
fn misbehave(server: &GitServer, stage: Stage, fault: Fault) -> Receiver<()> {
    let (reached, wait) = channel();
    server.fault(move |head| {
        stage(head).then(|| {
            let _ = reached.send(());
            fault.clone()
        })
    });
    wait
}

#[test]
fn ctrl_c_ends_the_run_at_every_stage_and_leaves_the_server_and_the_cache_whole() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let program = Program::new();
    let stages: [(Stage, &str); 3] = [
        (
            |head| head.advertises("git-upload-pack"),
            "interrupted: nothing was committed or pushed",
        ),
        (
            |head| head.posts("git-upload-pack"),
            "interrupted: nothing was committed or pushed",
        ),
        (
            |head| head.advertises("git-receive-pack"),
            "interrupted: nothing was written",
        ),
    ];
    let before = repository.tip("refs/heads/main");
    for (stage, said) in stages {
        let objects = Objects::new(&server.url("fleet")).tag("2.0");
        let reached = misbehave(&server, stage, Fault::Silence);
        let child = objects.start(&program);
        reached.recv_timeout(PATIENCE).unwrap();
        interrupt(&child);
        let answer = Answer::from(child.wait_with_output().unwrap());
        assert_eq!(answer.code, 130, "{answer:#?}");
        assert!(answer.stderr.contains(said), "{said}: {answer:#?}");
        assert!(!answer.stdout.contains("pushed"), "{answer:#?}");
        assert_eq!(repository.tip("refs/heads/main"), before);
        server.set(|settings| settings.faults = None);
    }
    good(&Objects::new(&server.url("fleet")).reconcile(&program));
    assert_eq!(repository.show("main", FILE), MARKED.replace("1.0", "2.0"));
    repository.assert_sound();
}

#[test]
fn ctrl_c_while_the_server_takes_the_push_waits_for_its_word() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let folder = repositories.root().to_owned();
    // The hook says that it is there, and goes on when it is told to.
    repository.hook(
        "pre-receive",
        &format!(
            "touch {0}/asked; while ! test -e {0}/go; do sleep 0.05; done",
            folder.display()
        ),
    );
    let server = GitServer::start(repositories.root(), Settings::default());
    let program = Program::new();
    let mut child = Objects::new(&server.url("fleet")).start(&program);
    while !folder.join("asked").exists() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    interrupt(&child);
    // The run has heard it, and waits all the same.
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    while !said.contains("stopping at the next safe point") {
        let mut byte = [0];
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{said}");
        said.push(char::from(byte[0]));
    }
    assert_eq!(child.try_wait().unwrap(), None);
    std::fs::write(folder.join("go"), "").unwrap();
    let answer = Answer::from(child.wait_with_output().unwrap());
    let tip = repository.tip("refs/heads/main").unwrap();
    assert_eq!(answer.code, 0, "{answer:#?}");
    assert!(
        answer
            .stdout
            .contains(&format!("pushed commit {} to branch main", &tip[..7])),
        "{answer:#?}"
    );
    assert_eq!(repository.show("main", FILE), MARKED.replace("1.0", "2.0"));
    repository.assert_sound();
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_a_server_that_is_silent() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let program = Program::new();
    let reached = misbehave(
        &server,
        |head| head.posts("git-receive-pack"),
        Fault::ServeInSilence,
    );
    let mut child = Objects::new(&server.url("fleet")).start(&program);
    reached.recv_timeout(PATIENCE).unwrap();
    interrupt(&child);
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    while !said.contains("stop at once") {
        let mut byte = [0];
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{said}");
        said.push(char::from(byte[0]));
    }
    interrupt(&child);
    stderr.read_to_string(&mut said).unwrap();
    let answer = Answer::from(child.wait_with_output().unwrap());
    assert_eq!(answer.code, 130, "{answer:#?}");
    assert!(
        said.contains("a push that was under way is either whole or did not happen"),
        "{said}"
    );
    repository.assert_sound();
    // Whichever it was, the next run finds out.
    server.set(|settings| settings.faults = None);
    good(&Objects::new(&server.url("fleet")).reconcile(&program));
    assert_eq!(repository.show("main", FILE), MARKED.replace("1.0", "2.0"));
    let log = repository.git(&["log", "--format=%ae", "main"]);
    assert_eq!(log.matches("flux@example.com").count(), 1, "{log}");
}

/// Whether the typescript of a terminal holds these words by now.
fn shows(screen: &Path, words: &str) -> bool {
    std::fs::read(screen).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(words))
}

#[test]
fn a_terminal_shows_the_fetch_and_the_push_and_a_file_shows_neither() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let program = Program::new();
    let objects = Objects::new(&server.url("fleet"));
    let plain = objects.reconcile(&program);
    assert!(!good(&plain).stderr.contains("Fetching"), "{plain:#?}");

    // The server goes on when the terminal shows what it is waited for.
    let screen = program.write("screen", "");
    repository.hook(
        "pre-receive",
        &format!(
            "echo checking; until grep -q 'Pushing main' {}; do sleep 0.05; done",
            screen.display()
        ),
    );
    let seen = screen.clone();
    server.fault(move |head| {
        let started = Instant::now();
        while head.posts("git-upload-pack") && !shows(&seen, "Fetching") {
            assert!(started.elapsed() < PATIENCE, "the fetch is not shown");
            std::thread::yield_now();
        }
        None
    });
    let file = program.write("objects.yaml", &objects.tag("3.0").yaml());
    let line = format!(
        "{} reconcile update -f {}",
        env!("CARGO_BIN_EXE_kubectl-imageupdate"),
        file.display()
    );
    let template = program.command::<&str>(&[]);
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--flush", "--return", "--command", &line])
        .arg(&screen)
        .current_dir(program.path())
        .env_clear()
        .envs(
            template
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("TERM", "xterm")
        .stdin(Stdio::null());
    let output = command
        .output()
        .expect("script (util-linux) must be installed");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}");
    let url = server.url("fleet");
    for expected in [
        format!("Fetching {url}"),
        format!("Pushing main to {url}"),
        "remote: checking".to_owned(),
    ] {
        assert!(shown.contains(&expected), "{expected}: {shown:?}");
    }
    // What stays on the screen: the last time the progress is drawn, it is wiped out.
    let end = shown.rfind("Pushing main").unwrap();
    assert!(
        shown[end..].contains("\u{1b}[2K") || shown[end..].contains("\u{1b}[K"),
        "{shown:?}"
    );
}

//! What goes wrong between the program and a real server, told and survived.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Child;
use std::sync::{Arc, Mutex};

use crate::fixture::{MARKED, small};
use crate::product::{Objects, bad, good};
use crate::support::git_repository::{Repositories, git};
use crate::support::git_server::{Fault, GitServer, RequestHead, Settings};
use crate::support::program::{Answer, Program};
use crate::support::ssh_server::SshServer;

const FILE: &str = "clusters/my-cluster/app.yaml";
const OTHER: &str = "clusters/other/app.yaml";
const ROUNDS: usize = 20;

#[test]
fn of_twenty_rounds_of_two_runs_on_one_branch_all_forty_commits_arrive() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let before = repository.tip("refs/heads/main").unwrap();
    // Each with a cache of its own in the first half, with one cache in the second.
    let shared = tempfile::TempDir::new().unwrap();
    let mut programs = [Program::new(), Program::new()];
    for round in 0..ROUNDS {
        if round == ROUNDS / 2 {
            for program in &mut programs {
                program.set("XDG_CACHE_HOME", shared.path().to_str().unwrap());
            }
        }
        let tag = format!("2.{round}");
        let racers: Vec<Child> = programs
            .iter()
            .zip(["clusters/my-cluster", "clusters/other"])
            .map(|(program, path)| {
                let objects = Objects::new(&server.url("fleet")).tag(&tag).path(path);
                objects.start(program)
            })
            .collect();
        for racer in racers {
            let answer = Answer::from(racer.wait_with_output().unwrap());
            assert!(
                good(&answer).stdout.contains("pushed commit"),
                "{round}: {answer:#?}"
            );
        }
        for file in [FILE, OTHER] {
            assert_eq!(repository.show("main", file), MARKED.replace("1.0", &tag));
        }
    }
    let log = repository.git(&["log", "--format=%P", &format!("{before}..main")]);
    assert_eq!(log.lines().count(), 2 * ROUNDS, "{log}");
    assert!(
        log.lines().all(|parents| parents.len() == 40),
        "a straight line"
    );
    repository.assert_sound();
}

#[test]
fn a_connection_that_is_cut_anywhere_ends_in_the_truth() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let program = Program::new();
    type Stage = fn(&RequestHead) -> bool;
    let stages: [(&str, Stage); 4] = [
        ("the greeting", |head| head.advertises("git-upload-pack")),
        ("the fetch", |head| head.posts("git-upload-pack")),
        ("the greeting of the push", |head| {
            head.advertises("git-receive-pack")
        }),
        ("the report", |head| head.posts("git-receive-pack")),
    ];
    let mut tag = 1;
    for (name, stage) in stages {
        for bytes in [0, 5, 30, 90, 300] {
            tag += 1;
            let tag = format!("{tag}.0");
            server.fault(move |head| stage(head).then_some(Fault::CutReply(bytes)));
            let objects = Objects::new(&server.url("fleet")).tag(&tag);
            let answer = objects.reconcile(&program);
            server.set(|settings| settings.faults = None);
            let arrived = repository.show("main", FILE) == MARKED.replace("1.0", &tag);
            // Whatever was cut: said to be pushed when it is, and not when it is not.
            assert_eq!(answer.code == 0, arrived, "{name} {bytes}: {answer:#?}");
            assert_eq!(
                arrived,
                answer.stdout.contains("pushed commit"),
                "{answer:#?}"
            );
            if !arrived {
                assert!(
                    answer.stderr.contains("the connection was closed"),
                    "{name} {bytes}: {answer:#?}"
                );
                // The next run finds its way, and the cache whole.
                good(&objects.reconcile(&program));
            }
            if name == "the report" {
                assert!(arrived, "{answer:#?}");
            }
        }
    }
    repository.assert_sound();
}

/// When a proxy ends a connection.
enum Cut {
    Never,
    /// After so many bytes of the server's.
    After(u64),
    /// At the server's first byte after something has happened.
    Once(Box<dyn Fn() -> bool + Send>),
}

impl Cut {
    /// Whether these bytes of the server's are held back, and the connection with them.
    fn falls(&mut self, count: usize) -> bool {
        let falls = match self {
            Self::Never => false,
            Self::After(left) => match left.checked_sub(count as u64) {
                Some(rest) => {
                    *left = rest;
                    false
                }
                None => true,
            },
            Self::Once(happened) => happened(),
        };
        if falls {
            // From now on all goes through again.
            *self = Self::Never;
        }
        falls
    }
}

/// A proxy in front of a port of this machine.
fn cutting_proxy(to: u16) -> (u16, Arc<Mutex<Cut>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let cut = Arc::new(Mutex::new(Cut::Never));
    let shared = Arc::clone(&cut);
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let cut = Arc::clone(&shared);
            let mut server = TcpStream::connect(("127.0.0.1", to)).unwrap();
            let (mut from, mut into) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut into);
                let _ = into.shutdown(Shutdown::Write);
            });
            std::thread::spawn(move || {
                let mut buffer = [0; 256];
                while let Ok(count @ 1..) = server.read(&mut buffer) {
                    if cut.lock().unwrap().falls(count)
                        || client.write_all(&buffer[..count]).is_err()
                    {
                        break;
                    }
                }
                let _ = client.shutdown(Shutdown::Both);
                let _ = server.shutdown(Shutdown::Both);
            });
        }
    });
    (port, cut)
}

#[test]
fn a_connection_of_ssh_that_is_cut_anywhere_ends_in_the_truth() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = SshServer::start(true);
    let (port, cut) = cutting_proxy(server.port());
    let own = format!(":{}/", server.port());
    let url = server
        .url(&repository.path)
        .replace(&own, &format!(":{port}/"));
    let known = server
        .known_hosts("host_ed25519.pub")
        .replace(&format!("]:{} ", server.port()), &format!("]:{port} "));
    let key = String::from_utf8(server.key("client")).unwrap();
    let program = Program::new();
    let objects = |tag: &str| {
        Objects::new(&url)
            .tag(tag)
            .login(&[("identity", &key), ("known_hosts", &known)])
    };
    let set = |next: Cut| std::mem::replace(&mut *cut.lock().unwrap(), next);
    // About as much as a run that nobody cuts receives. The first run fetches more, for the cache.
    const PLENTY: u64 = 1 << 40;
    good(&objects("1.1").reconcile(&program));
    set(Cut::After(PLENTY));
    good(&objects("2.0").reconcile(&program));
    let Cut::After(rest) = set(Cut::Never) else {
        panic!("the run was cut");
    };
    let whole = PLENTY - rest;
    for part in 0..6 {
        let tag = format!("{}.0", part + 3);
        let objects = objects(&tag);
        set(Cut::After(whole * part / 6));
        let answer = objects.reconcile(&program);
        set(Cut::Never);
        let arrived = repository.show("main", FILE) == MARKED.replace("1.0", &tag);
        assert_eq!(answer.code == 0, arrived, "{part}: {answer:#?}");
        assert!(!arrived || part > 2, "{part}: {answer:#?}");
        if !arrived {
            good(&objects.reconcile(&program));
        }
    }
    // The branch has moved, and not a byte of the report gets through.
    let tip = repository.path.join("refs/heads/main");
    let before = std::fs::read(&tip).unwrap();
    set(Cut::Once(Box::new(move || {
        std::fs::read(&tip).is_ok_and(|now| now != before)
    })));
    good(&objects("9.0").reconcile(&program));
    assert!(matches!(set(Cut::Never), Cut::Never), "nothing was cut");
    assert_eq!(repository.show("main", FILE), MARKED.replace("1.0", "9.0"));
    repository.assert_sound();
}

#[test]
fn the_limit_of_the_whole_run_ends_the_wait_for_a_silent_server() {
    let repositories = Repositories::new();
    small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    server.fault(|_| Some(Fault::Silence));
    let answer = Objects::new(&server.url("fleet"))
        .run(&Program::new(), &["reconcile", "update", "--timeout", "1s"]);
    bad(&answer, "no answer within 1 s");
}

#[test]
fn repositories_without_what_is_needed_are_named() {
    let repositories = Repositories::new();
    repositories.create("empty");
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let program = Program::new();
    let run = |objects: Objects| objects.reconcile(&program);
    let fleet = Objects::new(&server.url("fleet"));
    let on = |reference: &str| Objects {
        repository: format!("  ref: {reference}\n"),
        ..fleet.clone()
    };
    bad(
        &run(Objects::new(&server.url("empty"))),
        "remote repository is empty: it has no commit",
    );
    bad(
        &run(Objects::new(&server.url("nowhere"))),
        "repository not found",
    );
    bad(
        &run(on("{branch: gone}")),
        "couldn't find remote ref \"refs/heads/gone\"",
    );
    bad(
        &run(on("{branch: gone}").git("push: {branch: x}")),
        "reference not found",
    );
    let push = |objects: Objects| objects.git("push: {branch: x}");
    bad(
        &run(push(on("{tag: v9}"))),
        "couldn't find remote ref \"refs/tags/v9\"",
    );
    bad(
        &run(push(on("{semver: \">=9\"}"))),
        "no match found for semver: >=9",
    );
    bad(
        &run(push(on("{name: refs/pull/9/head}"))),
        "unable to resolve ref 'refs/pull/9/head' to a specific commit",
    );
    let absent = "1234567890123456789012345678901234567890";
    bad(
        &run(push(on(&format!("{{commit: {absent}}}")))),
        &format!("unable to resolve commit object for '{absent}': object not found"),
    );
    // HEAD names a branch that nobody made; the branch that is asked for is there.
    repository.git(&["symbolic-ref", "HEAD", "refs/heads/unborn"]);
    good(&run(fleet));

    let folder = repositories.root().join("new-hash.git");
    let made = git(
        repositories.root(),
        &[
            "init",
            "-q",
            "--bare",
            "-b",
            "main",
            "--object-format=sha256",
            folder.to_str().unwrap(),
        ],
    );
    assert!(made.status.success(), "{made:?}");
    bad(&run(Objects::new(&server.url("new-hash"))), "sha256");
    repository.assert_sound();
}

#[test]
fn redirects_busy_servers_and_web_pages_are_understood() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(
        repositories.root(),
        Settings {
            basic: Some(("flux".to_owned(), "secret-word".to_owned())),
            ..Settings::default()
        },
    );
    let trap = GitServer::start(repositories.root(), Settings::default());
    let program = Program::new();
    let objects = Objects::new(&server.url("fleet"))
        .login(&[("username", "flux"), ("password", "secret-word")]);
    let elsewhere = trap.url("fleet");
    server.fault(move |head| {
        Some(Fault::Answer {
            status: 301,
            content_type: "text/plain",
            headers: vec![(
                "Location",
                format!("{elsewhere}{}", head.target.split_once(".git").unwrap().1),
            )],
            body: String::new(),
        })
    });
    let trapped = objects.reconcile(&program);
    let log = trap.take_log();
    assert!(!log.is_empty());
    assert!(
        log.iter().all(|entry| entry.authorization.is_none()),
        "{log:#?}\n{trapped:#?}"
    );
    trap.set(|settings| settings.basic = Some(("flux".to_owned(), "secret-word".to_owned())));
    bad(
        &objects.clone().tag("9.0").reconcile(&program),
        "redirected to 127.0.0.1, where the credentials are not sent",
    );
    // A busy server says when to come back.
    let busy = std::sync::atomic::AtomicBool::new(true);
    server.fault(move |_| {
        busy.swap(false, std::sync::atomic::Ordering::SeqCst)
            .then(|| Fault::Answer {
                status: 429,
                content_type: "text/plain",
                headers: vec![("Retry-After", "1".to_owned())],
                body: "slow down".to_owned(),
            })
    });
    good(&objects.clone().tag("3.0").reconcile(&program));
    server.fault(|_| {
        Some(Fault::Answer {
            status: 200,
            content_type: "text/html",
            headers: Vec::new(),
            body: "<html>log in</html>".to_owned(),
        })
    });
    bad(
        &objects.tag("4.0").reconcile(&program),
        "this is no Git server: it answered with \"text/html\"",
    );
    repository.assert_sound();
}

#[test]
fn refusals_of_a_server_change_nothing_and_every_protocol_works() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let program = Program::new();
    let objects = |tag: &str| Objects::new(&server.url("fleet")).tag(tag);
    let before = repository.tip("refs/heads/main");
    let refused = |expected: &str| {
        let answer = objects("2.0").reconcile(&program);
        bad(&answer, expected);
        assert_eq!(repository.tip("refs/heads/main"), before);
        repository.assert_sound();
    };
    server.set(|settings| settings.full_disk = true);
    refused("File too large");
    server.set(|settings| settings.full_disk = false);
    repository.configure("receive.maxInputSize", "100");
    refused("pack exceeds maximum allowed size");
    repository.configure("receive.maxInputSize", "0");
    repository.configure("http.receivepack", "false");
    refused("authorization failed: 403 Forbidden");
    repository.configure("http.receivepack", "true");
    repository.hook("update", "echo protected; exit 1");
    refused("command error on refs/heads/main: hook declined");
    repository.hook("update", "exit 0");
    repository.configure("receive.hideRefs", "refs/heads/main");
    refused("command error on refs/heads/main: deny updating a hidden ref");
    repository.git(&["config", "--unset", "receive.hideRefs"]);
    // What is fetched is cut off from its history, what is pushed is not: a server that takes no
    // shallow pushes and checks every object takes ours.
    repository.configure("receive.shallowUpdate", "false");
    repository.configure("receive.fsckObjects", "true");
    for (number, version) in ["version=2", "version=1", "version=0", ""]
        .into_iter()
        .enumerate()
    {
        server.set(|settings| settings.forced_protocol = Some(version));
        good(&objects(&format!("3.{number}")).reconcile(&program));
    }
    repository.assert_sound();
}

#[test]
fn a_corrupt_pack_and_a_damaged_cache_are_not_believed() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let program = Program::new();
    let objects = |tag: &str| Objects::new(&server.url("fleet")).tag(tag);
    for offset in [9, 14, 60] {
        server.fault(move |head| {
            head.posts("git-upload-pack")
                .then_some(Fault::CorruptPack(offset))
        });
        bad(
            &objects("2.0").reconcile(&program),
            "the server sent a pack that cannot be read",
        );
        server.set(|settings| settings.faults = None);
    }
    good(&objects("3.0").reconcile(&program));
    // A machine that went down left every pack of the cache in ruins.
    let mut ruined = 0;
    let mut folders = vec![program.path().join("home/.cache")];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            let objects = path.to_string_lossy().contains("/objects/");
            if path.is_dir() {
                folders.push(path);
            } else if objects {
                let mut permissions = std::fs::metadata(&path).unwrap().permissions();
                std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
                std::fs::set_permissions(&path, permissions).unwrap();
                let length = std::fs::metadata(&path).unwrap().len() as usize;
                std::fs::write(&path, vec![0x55; length]).unwrap();
                ruined += 1;
            }
        }
    }
    assert!(ruined > 0);
    good(&objects("4.0").reconcile(&program));
    assert_eq!(repository.show("main", FILE), MARKED.replace("1.0", "4.0"));
    repository.assert_sound();
}

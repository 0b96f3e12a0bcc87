//! Everything that can go wrong on the way, and what is said about it.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kubectl_imageupdate::git::GitClient;
use kubectl_imageupdate::key::TreePath;
use kubectl_imageupdate::ports::{
    Cancellation, CheckoutReference, FetchRequest, GitCredentials, GitError, GitHost as _,
    PushError, PushRequest, Snapshot,
};
use kubectl_imageupdate::redacted::Redacted;
use tempfile::TempDir;

use crate::fixture::{Fetch, chain, edit, push, push_with, search, small, source};
use crate::servers::large;
use crate::support::git_repository::{Repositories, Repository};
use crate::support::git_server::{Fault, GitServer, RequestHead, Settings};

const FILE: &str = "clusters/my-cluster/app.yaml";

/// Which requests a fault is for.
type Stage = fn(&RequestHead) -> bool;

const FETCH_STAGES: [Stage; 2] = [
    |head| head.advertises("git-upload-pack"),
    |head| head.posts("git-upload-pack"),
];

/// A fetch that fails must leave a cache from which the next one works.
fn survives(server: &GitServer, repository: &Repository, url: &str, path: &str) {
    server.set(|settings| settings.faults = None);
    let source = source(url);
    let mut snapshot = Fetch::branch(&source, "main").at(path).run().unwrap();
    let (files, _) = search(snapshot.as_ref(), path);
    let text = format!("{:?}\n", Instant::now());
    snapshot
        .commit(&edit(files[0].path.as_str(), &text))
        .unwrap();
    push(snapshot.as_mut(), "main").unwrap();
    repository.assert_sound();
}

#[test]
fn a_fetch_that_is_cut_anywhere_fails_with_a_reason_and_leaves_nothing_broken() {
    let repositories = Repositories::new();
    let repository = large(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let url = server.url("large");
    let source = source(&url);
    let run = |cache: &TempDir| {
        let fetched = Fetch::branch(&source, "main")
            .at("clusters/c7")
            .cached(cache.path())
            .run()?;
        assert_eq!(search(fetched.as_ref(), "clusters/c7").0.len(), 30);
        Ok::<_, GitError>(())
    };
    let mut failures = 0;
    for stage in FETCH_STAGES {
        for bytes in [0, 3, 40, 100, 250, 600, 1_000, 2_000] {
            let cache = TempDir::new().unwrap();
            server.fault(move |head| stage(head).then_some(Fault::CutReply(bytes)));
            if let Err(error) = run(&cache) {
                failures += 1;
                let text = chain(&error);
                assert!(
                    text.contains("the connection was closed"),
                    "{bytes}: {text}"
                );
                assert!(text.starts_with("fetching from http://127.0.0.1"), "{text}");
            }
            server.set(|settings| settings.faults = None);
            run(&cache).unwrap();
        }
    }
    assert!(failures >= 11, "{failures}");
    survives(&server, &repository, &url, "clusters/c8");
}

#[test]
fn a_corrupt_pack_is_refused_and_not_kept() {
    let repositories = Repositories::new();
    let repository = large(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let url = server.url("large");
    let source = source(&url);
    let mut reasons = Vec::new();
    for offset in [5, 9, 12, 20, 60, 150, 300, 600] {
        let cache = TempDir::new().unwrap();
        let run = || {
            Fetch::branch(&source, "main")
                .at("clusters/c7")
                .cached(cache.path())
                .run()
        };
        server.fault(move |head| {
            head.posts("git-upload-pack")
                .then_some(Fault::CorruptPack(offset))
        });
        let error = run()
            .err()
            .unwrap_or_else(|| panic!("{offset} was accepted"));
        reasons.push(chain(&error));
        server.set(|settings| settings.faults = None);
        let fetched = run().unwrap();
        let (files, report) = search(fetched.as_ref(), "clusters/c7");
        assert_eq!((files.len(), report.unreadable.len()), (30, 0));
    }
    let named = reasons
        .iter()
        .filter(|text| text.contains("the server sent a pack that cannot be read"))
        .count();
    assert!(named >= 6, "{reasons:#?}");
    survives(&server, &repository, &url, "clusters/c8");
}

/// A snapshot of main with one commit.
fn edited(url: &str, text: &str) -> (Box<dyn Snapshot>, String) {
    let source = source(url);
    let mut snapshot = Fetch::branch(&source, "main").run().unwrap();
    let commit = snapshot.commit(&edit(FILE, text)).unwrap();
    (snapshot, commit)
}

#[test]
fn a_push_whose_answer_is_lost_is_looked_up_and_not_reported_as_failed() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let url = server.url("fleet");
    for (number, fault) in [
        Fault::LoseReply,
        Fault::CutReply(0),
        Fault::CutReply(5),
        Fault::CutReply(20),
        Fault::CutReply(45),
    ]
    .into_iter()
    .enumerate()
    {
        let (mut snapshot, commit) = edited(&url, &format!("{number}\n"));
        server.fault(move |head| head.posts("git-receive-pack").then(|| fault.clone()));
        let report = push(snapshot.as_mut(), "main").unwrap();
        assert_eq!(report.commit, commit);
        assert_eq!(repository.tip("refs/heads/main").unwrap(), commit);
        server.set(|settings| settings.faults = None);
    }
    repository.assert_sound();
}

#[test]
fn a_push_that_never_arrived_is_reported_as_failed_and_can_be_repeated() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let before = repository.tip("refs/heads/main");
    let (mut snapshot, commit) = edited(&server.url("fleet"), "x\n");
    let stages: [Stage; 2] = [
        |head| head.posts("git-receive-pack"),
        |head| head.advertises("git-receive-pack"),
    ];
    for stage in stages {
        server.fault(move |head| stage(head).then_some(Fault::Refuse));
        let error = push(snapshot.as_mut(), "main").unwrap_err();
        assert!(matches!(error, PushError::Git(_)), "{error:?}");
        assert_eq!(repository.tip("refs/heads/main"), before);
    }
    // Neither the push nor the question afterwards gets through.
    server.fault(|head| {
        (head.posts("git-receive-pack") || head.advertises("git-upload-pack"))
            .then_some(Fault::Refuse)
    });
    let error = push(snapshot.as_mut(), "main").unwrap_err();
    assert!(matches!(error, PushError::Unknown { .. }), "{error:?}");
    server.set(|settings| settings.faults = None);
    push(snapshot.as_mut(), "main").unwrap();
    assert_eq!(repository.tip("refs/heads/main"), Some(commit));
    repository.assert_sound();
}

#[test]
fn a_lost_answer_and_a_push_of_somebody_else_are_told_apart() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    // Ours arrives, its answer is lost, and somebody builds on it before we look again.
    let (mut snapshot, commit) = edited(&server.url("fleet"), "x\n");
    let theirs = repository.clone();
    server.fault(move |head| {
        if head.advertises("git-upload-pack") {
            theirs.commit("main", "on top", &[("other.txt", "y\n")]);
        }
        head.posts("git-receive-pack").then_some(Fault::LoseReply)
    });
    push(snapshot.as_mut(), "main").unwrap();
    server.set(|settings| settings.faults = None);
    let log = repository.git(&["log", "--format=%H", "main"]);
    assert!(log.lines().any(|line| line == commit), "{log}");

    // Ours never arrives, and somebody else was there.
    let (mut snapshot, _) = edited(&server.url("fleet"), "z\n");
    let theirs = repository.clone();
    server.fault(move |head| {
        if head.posts("git-receive-pack") {
            theirs.commit("main", "instead", &[("other.txt", "z\n")]);
            return Some(Fault::Refuse);
        }
        None
    });
    let error = push(snapshot.as_mut(), "main").unwrap_err();
    assert!(matches!(error, PushError::Moved { .. }), "{error:?}");
    repository.assert_sound();
}

#[test]
fn a_race_that_is_lost_inside_the_server_is_a_lost_race() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let (mut snapshot, _) = edited(&server.url("fleet"), "x\n");
    let theirs = repository.clone();
    server.fault(move |head| {
        if head.posts("git-receive-pack") {
            theirs.commit("main", "first", &[("other.txt", "z\n")]);
        }
        None
    });
    match push(snapshot.as_mut(), "main") {
        Err(PushError::Moved { now, .. }) => {
            assert_eq!(Some(now), repository.tip("refs/heads/main"));
        }
        other => panic!("{other:?}"),
    }
    repository.assert_sound();
}

#[test]
fn refusals_of_the_server_are_told_in_its_words() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let before = repository.tip("refs/heads/main");
    let (mut snapshot, _) = edited(&server.url("fleet"), "x\n");
    let mut refused = |expected: &str| {
        match push(snapshot.as_mut(), "main") {
            Err(PushError::Rejected {
                reason, messages, ..
            }) => {
                let all = format!("{reason}\n{}", messages.join("\n"));
                assert!(all.contains(expected), "{all}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(repository.tip("refs/heads/main"), before);
        repository.assert_sound();
    };
    repository.hook("update", "echo branch $1 is protected; exit 1");
    refused("branch refs/heads/main is protected");
    refused("hook declined");
    repository.hook("update", "exit 0");
    repository.configure("receive.maxInputSize", "100");
    refused("pack exceeds maximum allowed size");
    repository.configure("receive.maxInputSize", "0");
    server.set(|settings| settings.full_disk = true);
    refused("couldn't write");
    server.set(|settings| settings.full_disk = false);
    repository.configure("receive.fsckObjects", "true");
    push(snapshot.as_mut(), "main").unwrap();
    repository.assert_sound();
}

#[test]
fn a_read_only_login_and_an_expired_token_are_told_apart() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(
        repositories.root(),
        Settings {
            basic: Some(("flux".to_owned(), "secret".to_owned())),
            ..Settings::default()
        },
    );
    let mut source = source(&server.url("fleet"));
    source.credentials = GitCredentials::Basic {
        username: "flux".to_owned(),
        password: Redacted::new("secret".to_owned()),
    };
    let mut snapshot = Fetch::branch(&source, "main").run().unwrap();
    snapshot.commit(&edit(FILE, "x\n")).unwrap();
    repository.configure("http.receivepack", "false");
    let error = push(snapshot.as_mut(), "main").unwrap_err();
    assert!(
        matches!(error, PushError::Git(GitError::Forbidden { .. })),
        "{error:?}"
    );
    server.set(|settings| settings.basic = Some(("flux".to_owned(), "rotated".to_owned())));
    let error = push(snapshot.as_mut(), "main").unwrap_err();
    assert!(
        matches!(error, PushError::Git(GitError::Unauthorized { .. })),
        "{error:?}"
    );
}

#[test]
fn every_protocol_version_works() {
    for version in ["version=0", "version=1", "version=2", ""] {
        let repositories = Repositories::new();
        let repository = small(&repositories);
        let server = GitServer::start(
            repositories.root(),
            Settings {
                forced_protocol: Some(version),
                ..Settings::default()
            },
        );
        survives(&server, &repository, &server.url("fleet"), "clusters");
    }
}

#[test]
fn a_silent_server_is_given_up_at_the_deadline() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let mut source = source(&server.url("fleet"));
    source.timeout = Duration::from_secs(2);
    for stage in FETCH_STAGES {
        server.fault(move |head| stage(head).then_some(Fault::Silence));
        let error = Fetch::branch(&source, "main").run().err().unwrap();
        assert_eq!(
            error.to_string(),
            format!(
                "fetching from {}: no answer within 2 s",
                server.url("fleet")
            )
        );
    }
    server.set(|settings| settings.faults = None);
    // A server that takes the push and never says so: the branch does. Long enough for the server
    // to take it, however busy the machine is.
    source.timeout = Duration::from_secs(10);
    let mut snapshot = Fetch::branch(&source, "main").run().unwrap();
    let commit = snapshot.commit(&edit(FILE, "x\n")).unwrap();
    server.fault(|head| {
        head.posts("git-receive-pack")
            .then_some(Fault::ServeInSilence)
    });
    push(snapshot.as_mut(), "main").unwrap();
    assert_eq!(repository.tip("refs/heads/main"), Some(commit));
}

#[test]
fn an_interruption_ends_the_wait_at_once_and_changes_nothing() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("fleet"));
    let checkout = CheckoutReference::Branch("main".to_owned());
    for stage in FETCH_STAGES {
        let cancellation = Cancellation::default();
        let flag = cancellation.clone();
        // Interrupted exactly while the server is silent.
        server.fault(move |head| {
            stage(head).then(|| {
                flag.cancel();
                Fault::Silence
            })
        });
        let started = Instant::now();
        let error = GitClient::new()
            .fetch(&FetchRequest {
                source: &source,
                checkout: &checkout,
                push_branch: None,
                paths: &[TreePath::root()],
                wanted: &|_| true,
                choose_tag: &|_: &[(String, i64)]| None,
                progress: &(),
                cancellation: &cancellation,
            })
            .err()
            .unwrap();
        assert!(matches!(error, GitError::Interrupted), "{error:?}");
        assert!(started.elapsed() < source.timeout);
    }
    server.set(|settings| settings.faults = None);
    let (mut snapshot, _) = edited(&server.url("fleet"), "x\n");
    let before = repository.tip("refs/heads/main");
    let cancellation = Cancellation::default();
    cancellation.cancel();
    let error = snapshot
        .push(&PushRequest {
            branch: "main",
            refspecs: &[],
            options: &[],
            replace: None,
            progress: &(),
            cancellation: &cancellation,
        })
        .unwrap_err();
    assert!(
        matches!(error, PushError::Git(GitError::Interrupted)),
        "{error:?}"
    );
    assert_eq!(repository.tip("refs/heads/main"), before);
}

#[test]
fn a_server_that_denies_what_is_no_fast_forward_still_says_so_itself() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    repository.configure("receive.denyNonFastForwards", "true");
    let other = repository.commit("other", "other", &[("x", "y\n")]);
    let (mut snapshot, _) = edited(&repository.file_url(), "x\n");
    match push_with(snapshot.as_mut(), "other", &[], &[], Some(&other)) {
        Err(PushError::Rejected { reason, .. }) => assert_eq!(reason, "non-fast-forward"),
        other => panic!("{other:?}"),
    }
}

/// Starts this program again as one of two that race.
fn racer(url: &str, file: &str, cache: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "faults::racing_child",
            "--ignored",
            "--nocapture",
        ])
        .env("TEST_URL", url)
        .env("TEST_FILE", file)
        .env("TEST_CACHE", cache)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

const ROUNDS: usize = 20;

#[test]
fn of_two_processes_that_race_on_one_branch_no_commit_is_lost() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let cache = TempDir::new().unwrap();
    for cached in [false, true] {
        let before = repository.tip("refs/heads/main").unwrap();
        let cache = if cached {
            cache.path().to_str().unwrap()
        } else {
            ""
        };
        let url = server.url("fleet");
        let racers = [FILE, "clusters/other/app.yaml"].map(|file| racer(&url, file, cache));
        for mut racer in racers {
            assert!(racer.wait().unwrap().success());
        }
        let log = repository.git(&["log", "--format=%s", &format!("{before}..main")]);
        assert_eq!(log.lines().count(), 2 * ROUNDS, "{log}");
        for file in [FILE, "clusters/other/app.yaml"] {
            let own = log.lines().filter(|line| line.starts_with(file)).count();
            assert_eq!(own, ROUNDS);
            assert_eq!(
                repository.show("main", file),
                format!("round {} of {cached}\n", ROUNDS - 1)
            );
        }
        // A straight line: nobody's work was merged or dropped.
        let merges = repository.git(&["log", "--merges", "--format=%H", "main"]);
        assert!(merges.is_empty());
        repository.assert_sound();
    }
}

#[test]
#[ignore = "run by the test above, with variables"]
fn racing_child() {
    let url = std::env::var("TEST_URL").unwrap();
    let file = std::env::var("TEST_FILE").unwrap();
    let cache = std::env::var("TEST_CACHE").unwrap();
    let source = source(&url);
    for round in 0..ROUNDS {
        loop {
            let mut fetch = Fetch::branch(&source, "main");
            if !cache.is_empty() {
                fetch = fetch.cached(cache.as_ref());
            }
            let mut snapshot = fetch.run().unwrap();
            let text = format!("round {round} of {}\n", !cache.is_empty());
            let mut commit = edit(&file, &text);
            commit.message = format!("{file} {round}");
            snapshot.commit(&commit).unwrap();
            match push(snapshot.as_mut(), "main") {
                Ok(_) => break,
                Err(PushError::Moved { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}

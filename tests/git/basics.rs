//! The main road: fetch, search, commit, push.

use kubectl_imageupdate::key::TreePath;
use kubectl_imageupdate::ports::{GitCredentials, GitError, PushError};
use kubectl_imageupdate::redacted::Redacted;

use crate::fixture::{Fetch, MARKED, edit, paths, push, search, small, source};
use crate::support::git_repository::{Entry, Repositories};
use crate::support::git_server::{GitServer, Settings};

#[test]
fn an_edit_arrives_over_http_in_five_requests_and_changes_one_file() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("fleet"));
    let mut snapshot = Fetch::branch(&source, "main")
        .at("clusters/my-cluster")
        .run()
        .unwrap();
    let (files, report) = search(snapshot.as_ref(), "clusters/my-cluster");
    assert_eq!(paths(&files), ["clusters/my-cluster/app.yaml"]);
    assert_eq!(report.candidates, 2);
    let before = repository.tip("refs/heads/main").unwrap();
    assert_eq!(snapshot.base().to_string(), format!("main@sha1:{before}"));

    let edited = MARKED.replace("1.0", "1.1");
    let commit = snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", &edited))
        .unwrap();
    let report = push(snapshot.as_mut(), "main").unwrap();
    assert_eq!(report.commit, commit);
    assert_eq!(repository.tip("refs/heads/main").unwrap(), commit);
    assert_eq!(
        repository.show("main", "clusters/my-cluster/app.yaml"),
        edited
    );
    assert_eq!(
        repository.git(&["diff", "--name-only", &before, "main"]),
        "clusters/my-cluster/app.yaml"
    );
    assert_eq!(
        repository.git(&["log", "-1", "--format=%an %ae %cn %ce %ai %B", "main"]),
        "flux flux@example.com flux flux@example.com 2027-01-15 10:00:00 +0200 Update from image update automation\n"
            .trim_end()
    );
    repository.assert_sound();
    let log = server.log();
    assert_eq!(log.len(), 5, "{log:#?}");
    assert!(log.iter().all(|entry| entry.connection == 0), "{log:#?}");
}

#[test]
fn an_edit_arrives_over_file() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let source = source(&repository.file_url());
    let mut snapshot = Fetch::branch(&source, "main").run().unwrap();
    let (files, _) = search(snapshot.as_ref(), "");
    assert_eq!(
        paths(&files),
        ["clusters/my-cluster/app.yaml", "clusters/other/app.yaml"]
    );
    let first = snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", "a\n"))
        .unwrap();
    let second = snapshot
        .commit(&edit("clusters/other/app.yaml", "b\n"))
        .unwrap();
    assert_eq!(snapshot.head(), second);
    assert_eq!(
        snapshot
            .read(&TreePath::clamp("clusters/my-cluster/app.yaml"))
            .unwrap(),
        b"a\n"
    );
    push(snapshot.as_mut(), "main").unwrap();
    assert_eq!(repository.tip("refs/heads/main^").unwrap(), first);
    assert_eq!(repository.tip("refs/heads/main").unwrap(), second);
    repository.assert_sound();
}

#[test]
fn a_login_is_sent_and_a_wrong_one_is_named() {
    let repositories = Repositories::new();
    small(&repositories);
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
    Fetch::branch(&source, "main").run().unwrap();
    source.credentials = GitCredentials::Basic {
        username: "flux".to_owned(),
        password: Redacted::new("wrong".to_owned()),
    };
    source.credential_source = "secret flux-system/git".to_owned();
    let error = Fetch::branch(&source, "main").run().err().unwrap();
    let text = error.to_string();
    assert!(matches!(error, GitError::Unauthorized { .. }), "{error:?}");
    assert!(
        text.contains("401") && text.contains("secret flux-system/git"),
        "{text}"
    );
    assert!(!text.contains("wrong"));
}

#[test]
fn what_does_not_exist_is_said_to_be_missing() {
    let repositories = Repositories::new();
    small(&repositories);
    repositories.create("empty");
    let server = GitServer::start(repositories.root(), Settings::default());
    let missing = source(&server.url("nowhere"));
    let error = Fetch::branch(&missing, "main").run().err().unwrap();
    assert!(
        matches!(error, GitError::RepositoryNotFound { .. }),
        "{error:?}"
    );
    let empty = source(&server.url("empty"));
    let error = Fetch::branch(&empty, "main").run().err().unwrap();
    assert!(
        matches!(error, GitError::EmptyRepository { .. }),
        "{error:?}"
    );
    let fleet = source(&server.url("fleet"));
    let error = Fetch::branch(&fleet, "none").run().err().unwrap();
    assert!(
        error
            .to_string()
            .contains("couldn't find remote ref \"refs/heads/none\""),
        "{error}"
    );
    let closed = source("http://127.0.0.1:1/x.git");
    let error = Fetch::branch(&closed, "main").run().err().unwrap();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");
}

#[test]
fn links_inside_the_tree_lead_to_their_file_once() {
    let repositories = Repositories::new();
    let repository = repositories.create("links");
    let file = |text: &str| Entry::File(text.as_bytes().to_vec());
    let link = |target: &str| Entry::Link(target.to_owned());
    repository.commit(
        "main",
        "seed",
        &[
            ("apps/real.yaml", file(MARKED)),
            ("apps/again.yaml", link("real.yaml")),
            ("apps/template.yaml", link("../shared/template.txt")),
            ("apps/out.yaml", link("../../outside.yaml")),
            ("apps/folder.yaml", link("../shared")),
            ("apps/nowhere.yaml", link("missing.yaml")),
            ("apps/chain.yaml", link("../other/step")),
            ("other/step", link("../shared/template.txt")),
            ("shared/template.txt", file(MARKED)),
            ("current", link("apps")),
        ],
    );
    let source = source(&repository.file_url());
    let snapshot = Fetch::branch(&source, "main").at("apps").run().unwrap();
    let (files, report) = search(snapshot.as_ref(), "apps");
    assert_eq!(paths(&files), ["apps/real.yaml", "shared/template.txt"]);
    let links: Vec<_> = report
        .links
        .iter()
        .map(|link| {
            let target = link.target.as_ref().map(TreePath::as_str);
            (link.path.as_str(), target)
        })
        .collect();
    assert_eq!(
        links,
        [
            ("apps/again.yaml", Some("apps/real.yaml")),
            ("apps/chain.yaml", Some("shared/template.txt")),
            ("apps/folder.yaml", None),
            ("apps/nowhere.yaml", None),
            ("apps/out.yaml", None),
            ("apps/template.yaml", Some("shared/template.txt")),
        ]
    );
    let resolved = snapshot.resolve(&TreePath::clamp("current/x")).unwrap();
    assert_eq!(resolved.as_str(), "apps/x");
}

#[test]
fn a_lost_race_is_told_apart_from_a_refusal() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("fleet"));
    let mut snapshot = Fetch::branch(&source, "main").run().unwrap();
    snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", "ours\n"))
        .unwrap();
    let theirs = repository.commit("main", "theirs", &[("README.md", "theirs\n")]);
    match push(snapshot.as_mut(), "main") {
        Err(PushError::Moved { now, .. }) => assert_eq!(now, theirs),
        other => panic!("{other:?}"),
    }
    let mut snapshot = Fetch::branch(&source, "main").run().unwrap();
    snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", "ours\n"))
        .unwrap();
    repository.hook(
        "pre-receive",
        "echo not on Fridays; echo really >&2; exit 1",
    );
    match push(snapshot.as_mut(), "main") {
        Err(PushError::Rejected {
            reason, messages, ..
        }) => {
            assert_eq!(reason, "pre-receive hook declined");
            assert_eq!(messages, ["not on Fridays", "really"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(repository.tip("refs/heads/main").unwrap(), theirs);
}

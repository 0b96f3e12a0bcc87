//! Servers that offer less, or something else.

use std::time::Duration;

use kubectl_imageupdate::ports::{CheckoutReference, GitCredentials, GitError};
use kubectl_imageupdate::redacted::Redacted;

use crate::fixture::{Fetch, MARKED, chain, edit, paths, push, search, small, source};
use crate::support::git_repository::{Entry, Repositories, Repository, git};
use crate::support::git_server::{Fault, GitServer, Settings};

/// More objects than a repository that is taken whole.
pub fn large(repositories: &Repositories) -> Repository {
    let repository = repositories.create("large");
    let files: Vec<(String, String)> = (0..1200)
        .map(|number| {
            (
                format!("clusters/c{}/app{number}.yaml", number % 40),
                format!("{MARKED}# {number}\n"),
            )
        })
        .collect();
    let entries: Vec<(&str, Entry)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), Entry::from(text.as_str())))
        .collect();
    repository.commit("main", "seed", &entries);
    repository
}

fn edit_and_push(url: &str, path: &str, repository: &Repository) {
    let source = source(url);
    let mut snapshot = Fetch::branch(&source, "main").at(path).run().unwrap();
    let (files, _) = search(snapshot.as_ref(), path);
    assert!(!files.is_empty());
    let first = files[0].path.as_str().to_owned();
    snapshot.commit(&edit(&first, "edited\n")).unwrap();
    push(snapshot.as_mut(), "main").unwrap();
    assert_eq!(repository.show("main", &first), "edited\n");
    repository.assert_sound();
}

#[test]
fn of_a_large_repository_only_the_folder_is_fetched() {
    let repositories = Repositories::new();
    let repository = large(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("large"));
    let snapshot = Fetch::branch(&source, "main")
        .at("clusters/c7")
        .run()
        .unwrap();
    let (files, _) = search(snapshot.as_ref(), "clusters/c7");
    assert_eq!(files.len(), 30);
    let log = server.take_log();
    assert_eq!(log.len(), 6, "{log:#?}");
    let received: u64 = log.iter().map(|entry| entry.sent).sum();
    assert!(received < 15_000, "{received}");
    drop(snapshot);
    edit_and_push(&server.url("large"), "clusters/c8", &repository);
}

#[test]
fn a_search_elsewhere_fetches_what_is_missing() {
    let repositories = Repositories::new();
    large(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("large"));
    let snapshot = Fetch::branch(&source, "main")
        .at("clusters/c7")
        .run()
        .unwrap();
    assert_eq!(search(snapshot.as_ref(), "clusters/c9").0.len(), 30);
    assert_eq!(search(snapshot.as_ref(), "").0.len(), 1200);
}

#[test]
fn servers_that_refuse_kinds_of_filters_are_served_with_others() {
    for refused in [
        &["combine"][..],
        &["combine", "tree"],
        &["combine", "tree", "blob:none"],
    ] {
        let repositories = Repositories::new();
        let repository = large(&repositories);
        for kind in refused {
            repository.configure(&format!("uploadpackfilter.{kind}.allow"), "false");
        }
        let server = GitServer::start(repositories.root(), Settings::default());
        edit_and_push(&server.url("large"), "clusters/c7", &repository);
        edit_and_push(&repository.file_url(), "clusters/c7", &repository);
    }
}

#[test]
fn a_server_without_filters_gives_the_commit_whole_in_one_request() {
    let repositories = Repositories::new();
    let repository = large(&repositories);
    repository.configure("uploadpack.allowFilter", "false");
    let server = GitServer::start(repositories.root(), Settings::default());
    edit_and_push(&server.url("large"), "clusters/c7", &repository);
    assert_eq!(server.log().len(), 5);
    edit_and_push(&repository.file_url(), "clusters/c8", &repository);
}

#[test]
fn the_old_protocol_is_spoken_with_old_servers() {
    for wants_any in [false, true] {
        let repositories = Repositories::new();
        let repository = large(&repositories);
        if wants_any {
            repository.configure("uploadpack.allowReachableSHA1InWant", "true");
        }
        let server = GitServer::start(
            repositories.root(),
            Settings {
                old_protocol: true,
                ..Settings::default()
            },
        );
        edit_and_push(&server.url("large"), "clusters/c7", &repository);
    }
}

#[test]
fn a_sha256_repository_is_refused_by_name() {
    let repositories = Repositories::new();
    let made = git(
        repositories.root(),
        &["init", "-q", "--bare", "--object-format=sha256", "new.git"],
    );
    assert!(made.status.success());
    let server = GitServer::start(repositories.root(), Settings::default());
    let path = repositories.root().join("new.git");
    for url in [server.url("new"), Repository::at(path).file_url()] {
        let source = source(&url);
        let error = Fetch::branch(&source, "main").run().err().unwrap();
        assert!(chain(&error).contains("object format sha256"), "{error:?}");
    }
}

#[test]
fn modes_links_submodules_and_pointers_stay_as_they_are() {
    let repositories = Repositories::new();
    let repository = repositories.create("mixed");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    repository.commit(
        "main",
        "seed",
        &[
            ("a/run.yaml", Entry::Executable(MARKED.as_bytes().to_vec())),
            ("a/link.yaml", Entry::Link("run.yaml".to_owned())),
            ("a/module", Entry::Submodule("1".repeat(40))),
            ("a/big.bin", Entry::from(pointer)),
        ],
    );
    let before = repository.git(&["ls-tree", "-r", "main"]);
    edit_and_push(&repository.file_url(), "a", &repository);
    let after = repository.git(&["ls-tree", "-r", "main"]);
    let changed: Vec<_> = before
        .lines()
        .zip(after.lines())
        .filter(|(before, after)| before != after)
        .collect();
    assert_eq!(changed.len(), 1);
    assert!(changed[0].1.starts_with("100755 blob") && changed[0].1.ends_with("a/run.yaml"));
}

#[test]
fn a_web_page_is_never_taken_for_git() {
    let repositories = Repositories::new();
    small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("fleet"));
    let page = |status| Fault::Answer {
        status,
        content_type: "text/html",
        headers: Vec::new(),
        body: "<html><body>Sign in</body></html>".to_owned(),
    };
    for (status, expected) in [
        (200, "this is no Git server: it answered with \"text/html\""),
        (502, "502 Bad Gateway"),
    ] {
        server.fault(move |_| Some(page(status)));
        let error = Fetch::branch(&source, "main").run().err().unwrap();
        assert!(chain(&error).contains(expected), "{}", chain(&error));
        assert!(!chain(&error).contains("Sign in"));
    }
    server.fault(|_| {
        Some(Fault::Answer {
            status: 403,
            content_type: "text/plain",
            headers: Vec::new(),
            body: "the token has expired\n".to_owned(),
        })
    });
    let error = Fetch::branch(&source, "main").run().err().unwrap();
    assert!(matches!(error, GitError::Forbidden { .. }));
    assert!(error.to_string().contains("the token has expired"));
}

#[test]
fn a_busy_server_is_asked_again_after_the_pause_it_names() {
    let repositories = Repositories::new();
    small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let mut source = source(&server.url("fleet"));
    let busy = |pause: &str| Fault::Answer {
        status: 429,
        content_type: "text/plain",
        headers: vec![("Retry-After", pause.to_owned())],
        body: "slow down".to_owned(),
    };
    server.fault(move |head| (head.number == 0).then(|| busy("0")));
    Fetch::branch(&source, "main").run().unwrap();
    source.timeout = Duration::from_secs(5);
    server.fault(move |_| Some(busy("3600")));
    let error = Fetch::branch(&source, "main").run().err().unwrap();
    assert!(chain(&error).contains("429"), "{}", chain(&error));
}

#[test]
fn credentials_follow_a_redirect_on_their_host_and_never_leave_it() {
    let repositories = Repositories::new();
    small(&repositories);
    let login = Some(("flux".to_owned(), "secret".to_owned()));
    let settings = Settings {
        basic: login,
        ..Settings::default()
    };
    let server = GitServer::start(repositories.root(), settings.clone());
    let elsewhere = GitServer::start(repositories.root(), settings);
    let mut source = source(&server.url("old"));
    source.credentials = GitCredentials::Basic {
        username: "flux".to_owned(),
        password: Redacted::new("secret".to_owned()),
    };
    let to = |target: String| {
        move |head: &crate::support::git_server::RequestHead| {
            head.target.starts_with("/old.git/").then(|| Fault::Answer {
                status: 301,
                content_type: "text/plain",
                headers: vec![("Location", head.target.replacen("/old.git", &target, 1))],
                body: String::new(),
            })
        }
    };
    server.fault(to("/fleet.git".to_owned()));
    Fetch::branch(&source, "main").run().unwrap();
    assert_eq!(server.take_log().len(), 4);

    server.fault(to(elsewhere.url("fleet")));
    let error = Fetch::branch(&source, "main").run().err().unwrap();
    assert!(matches!(error, GitError::Unauthorized { .. }), "{error:?}");
    assert!(
        error.to_string().contains("the credentials are not sent"),
        "{error}"
    );
    assert!(
        elsewhere
            .log()
            .iter()
            .all(|entry| entry.authorization.is_none())
    );
}

#[test]
fn a_bearer_token_is_sent_as_such() {
    let repositories = Repositories::new();
    small(&repositories);
    let server = GitServer::start(
        repositories.root(),
        Settings {
            bearer: Some("token".to_owned()),
            ..Settings::default()
        },
    );
    let mut source = source(&server.url("fleet"));
    source.credentials = GitCredentials::Bearer(Redacted::new("token".to_owned()));
    Fetch::branch(&source, "main").run().unwrap();
}

#[test]
fn tags_that_are_equal_otherwise_are_decided_by_their_commits_dates() {
    let repositories = Repositories::new();
    let repository = repositories.create("tags");
    for (name, seconds) in [("a", 30), ("b", 50), ("c", 40)] {
        let stream = format!(
            "commit refs/tags/v1.0.0+{name}\ncommitter S <s@example.com> {seconds} +0000\ndata 1\nm\nM 644 inline f.yaml\ndata 1\nx\n"
        );
        repository.fast_import(stream.as_bytes());
    }
    repository.commit("main", "seed", &[("x", "y\n")]);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("tags"));
    let checkout = CheckoutReference::Semver("*".to_owned());
    let fetched = kubectl_imageupdate::ports::GitHost::fetch(
        &kubectl_imageupdate::git::GitClient::new(),
        &kubectl_imageupdate::ports::FetchRequest {
            source: &source,
            checkout: &checkout,
            push_branch: None,
            paths: &[],
            wanted: &|_| true,
            choose_tag: &|tags: &[(String, i64)]| {
                let latest = tags.iter().max_by_key(|(_, time)| *time);
                latest.map(|(name, _)| name.clone())
            },
            progress: &(),
            cancellation: &Default::default(),
        },
    )
    .unwrap();
    assert!(
        fetched.base().to_string().starts_with("v1.0.0+b@sha1:"),
        "{}",
        fetched.base()
    );
}

#[test]
fn links_into_folders_that_were_not_fetched_are_followed() {
    let repositories = Repositories::new();
    let repository = large(&repositories);
    repository.commit(
        "main",
        "links",
        &[
            (
                "clusters/c7/linked.yaml",
                Entry::Link("../../far/away/real.txt".to_owned()),
            ),
            ("far/away/real.txt", Entry::from(MARKED)),
            ("current", Entry::Link("clusters/c7".to_owned())),
        ],
    );
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("large"));
    let snapshot = Fetch::branch(&source, "main").at("current").run().unwrap();
    let (files, _) = search(snapshot.as_ref(), "current");
    assert_eq!(files.len(), 31);
    assert!(paths(&files).contains(&"far/away/real.txt"));
}

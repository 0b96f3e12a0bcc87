//! What is kept between runs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use kubectl_imageupdate::ports::{GitCredentials, GitError, GitSource};
use kubectl_imageupdate::redacted::Redacted;
use tempfile::TempDir;

use crate::fixture::{Fetch, MARKED, edit, paths, push, search, small, source};
use crate::servers::large;
use crate::support::git_repository::{Entry, Repositories, Repository};
use crate::support::git_server::{GitServer, Logged, Settings};

/// One run: fetch and search. Gives how many files had the token.
fn run(source: &GitSource, cache: &Path, path: &str) -> usize {
    let snapshot = Fetch::branch(source, "main")
        .at(path)
        .cached(cache)
        .run()
        .unwrap();
    search(snapshot.as_ref(), path).0.len()
}

fn received(log: &[Logged]) -> u64 {
    log.iter().map(|entry| entry.sent).sum()
}

/// The only entry of a cache.
fn entry(cache: &Path) -> PathBuf {
    std::fs::read_dir(cache.join("git"))
        .unwrap()
        .map(|item| item.unwrap().path())
        .find(|path| path.is_dir())
        .unwrap()
}

#[test]
fn a_small_repository_is_fetched_once_and_then_only_what_is_new() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("fleet"));
    let cache = TempDir::new().unwrap();
    assert_eq!(run(&source, cache.path(), "clusters"), 2);
    assert_eq!(server.take_log().len(), 3);
    assert_eq!(run(&source, cache.path(), "clusters"), 2);
    assert_eq!(server.take_log().len(), 2);

    repository.commit("main", "next", &[("clusters/new/app.yaml", MARKED)]);
    assert_eq!(run(&source, cache.path(), "clusters"), 3);
    let log = server.take_log();
    assert_eq!(log.len(), 3);
    assert!(received(&log) < 3_000, "{log:#?}");

    // Our own push is known afterwards.
    let mut snapshot = Fetch::branch(&source, "main")
        .cached(cache.path())
        .run()
        .unwrap();
    for text in ["1\n", "2\n"] {
        snapshot
            .commit(&edit("clusters/new/app.yaml", text))
            .unwrap();
        push(snapshot.as_mut(), "main").unwrap();
    }
    drop(snapshot);
    server.take_log();
    assert_eq!(run(&source, cache.path(), "clusters"), 2);
    assert_eq!(server.take_log().len(), 2);
    repository.commit("main", "again", &[("clusters/new/app.yaml", MARKED)]);
    assert_eq!(run(&source, cache.path(), "clusters"), 3);
    repository.assert_sound();
    Repository::at(entry(cache.path())).assert_sound();
}

#[test]
fn of_a_large_repository_only_changed_folders_and_marked_files_are_fetched_again() {
    let repositories = Repositories::new();
    let repository = large(&repositories);
    let plain: Vec<(String, Entry)> = (0..40)
        .map(|number| {
            let path = format!("clusters/c7/deep/er/plain{number}.yaml");
            (path, Entry::from(format!("plain: {number}\n")))
        })
        .collect();
    let plain: Vec<(&str, Entry)> = plain
        .iter()
        .map(|(path, entry)| (path.as_str(), entry.clone()))
        .collect();
    repository.commit("main", "plain", &plain);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("large"));
    let cache = TempDir::new().unwrap();
    let path = "clusters/c7";
    assert_eq!(run(&source, cache.path(), path), 30);
    assert_eq!(server.take_log().len(), 6);
    assert_eq!(run(&source, cache.path(), path), 30);
    assert_eq!(server.take_log().len(), 2);
    // Files without a marker are not kept.
    let unmarked = repository.git(&["rev-parse", "main:clusters/c7/deep/er/plain1.yaml"]);
    let kept = Repository::at(entry(cache.path()));
    assert!(
        !kept
            .try_git(&["cat-file", "-e", &unmarked])
            .status
            .success()
    );
    let marked = repository.git(&["rev-parse", "main:clusters/c7/app7.yaml"]);
    assert!(kept.try_git(&["cat-file", "-e", &marked]).status.success());

    repository.commit("main", "elsewhere", &[("clusters/c8/app8.yaml", "x\n")]);
    assert_eq!(run(&source, cache.path(), path), 30);
    let log = server.take_log();
    assert!(log.len() <= 5 && received(&log) < 10_000, "{log:#?}");

    repository.commit("main", "here", &[("clusters/c7/deep/er/new.yaml", MARKED)]);
    let mut snapshot = Fetch::branch(&source, "main")
        .at(path)
        .cached(cache.path())
        .run()
        .unwrap();
    let (files, report) = search(snapshot.as_ref(), path);
    assert_eq!((files.len(), report.candidates), (31, 71));
    assert!(paths(&files).contains(&"clusters/c7/deep/er/new.yaml"));
    let log = server.take_log();
    assert!(log.len() <= 10 && received(&log) < 10_000, "{log:#?}");
    snapshot
        .commit(&edit("clusters/c7/deep/er/new.yaml", "x\n"))
        .unwrap();
    push(snapshot.as_mut(), "main").unwrap();
    drop(snapshot);
    server.take_log();
    assert_eq!(run(&source, cache.path(), path), 30);
    assert_eq!(server.take_log().len(), 2);
    // Another folder of the same repository.
    assert_eq!(run(&source, cache.path(), "clusters/c9"), 30);
    repository.assert_sound();
}

#[test]
fn a_file_without_marker_that_gets_edited_elsewhere_is_looked_at_again() {
    let repositories = Repositories::new();
    let repository = large(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("large"));
    let cache = TempDir::new().unwrap();
    repository.commit("main", "one", &[("clusters/c7/app7.yaml", "plain\n")]);
    assert_eq!(run(&source, cache.path(), "clusters/c7"), 29);
    repository.commit("main", "two", &[("clusters/c7/app7.yaml", MARKED)]);
    assert_eq!(run(&source, cache.path(), "clusters/c7"), 30);
    repository.commit("main", "three", &[("clusters/c7/app7.yaml", "plain\n")]);
    assert_eq!(run(&source, cache.path(), "clusters/c7"), 29);
}

#[test]
fn nothing_is_read_from_the_cache_before_the_server_lets_the_login_in() {
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
    let login = |password: &str| GitCredentials::Basic {
        username: "flux".to_owned(),
        password: Redacted::new(password.to_owned()),
    };
    let cache = TempDir::new().unwrap();
    source.credentials = login("secret");
    run(&source, cache.path(), "");
    let before = std::fs::metadata(entry(cache.path())).unwrap();
    assert_eq!(before.permissions().mode() & 0o777, 0o700);
    source.credentials = login("revoked");
    let error = Fetch::branch(&source, "main")
        .cached(cache.path())
        .run()
        .err()
        .unwrap();
    assert!(matches!(error, GitError::Unauthorized { .. }), "{error:?}");
    let kept = std::fs::read_dir(entry(cache.path())).unwrap();
    for item in kept.flatten().filter(|item| item.path().is_file()) {
        let text = std::fs::read_to_string(item.path()).unwrap();
        assert!(!text.contains("secret"), "{}", item.path().display());
    }
}

#[test]
fn a_damaged_or_half_written_cache_is_begun_anew() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("fleet"));
    let cache = TempDir::new().unwrap();
    run(&source, cache.path(), "clusters");
    let entry = entry(cache.path());
    let mut rest = vec![entry.join("objects")];
    while let Some(folder) = rest.pop() {
        for item in std::fs::read_dir(folder).unwrap().flatten() {
            if item.path().is_dir() {
                rest.push(item.path());
            } else {
                std::fs::remove_file(item.path()).unwrap();
                std::fs::write(item.path(), "damaged").unwrap();
            }
        }
    }
    assert_eq!(run(&source, cache.path(), "clusters"), 2);
    assert_eq!(run(&source, cache.path(), "clusters"), 2);

    // A killed run leaves its mark, and perhaps half a line.
    std::fs::write(entry.join("busy"), "").unwrap();
    std::fs::write(entry.join("tips"), "1234").unwrap();
    assert_eq!(run(&source, cache.path(), "clusters"), 2);
    server.take_log();
    assert_eq!(run(&source, cache.path(), "clusters"), 2);
    assert_eq!(server.take_log().len(), 2);
    repository.assert_sound();
}

#[test]
fn a_file_that_is_damaged_in_the_cache_is_fetched_again() {
    let repositories = Repositories::new();
    let repository = large(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("large"));
    let cache = TempDir::new().unwrap();
    assert_eq!(run(&source, cache.path(), "clusters/c7"), 30);
    let id = repository.git(&["rev-parse", "main:clusters/c7/app7.yaml"]);
    let file = entry(cache.path())
        .join("objects")
        .join(&id[..2])
        .join(&id[2..]);
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "").unwrap();
    for requests in [3, 6, 2] {
        server.take_log();
        assert_eq!(run(&source, cache.path(), "clusters/c7"), 30);
        assert_eq!(server.take_log().len(), requests);
    }
}

#[test]
fn two_runs_at_once_share_one_cache() {
    let repositories = Repositories::new();
    large(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("large"));
    let cache = TempDir::new().unwrap();
    std::thread::scope(|scope| {
        for path in ["clusters/c1", "clusters/c2", "clusters/c1", "clusters/c3"] {
            let (source, cache) = (&source, cache.path());
            scope.spawn(move || {
                for _ in 0..3 {
                    assert_eq!(run(source, cache, path), 30);
                }
            });
        }
    });
    server.take_log();
    assert_eq!(run(&source, cache.path(), "clusters/c2"), 30);
    assert_eq!(server.take_log().len(), 2);
}

#[test]
fn a_cache_that_cannot_be_written_changes_nothing() {
    let repositories = Repositories::new();
    small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("fleet"));
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(run(&source, &file, "clusters"), 2);
}

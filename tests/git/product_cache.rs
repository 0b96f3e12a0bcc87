//! The program's cache of fetched objects, and single files as update paths.

use crate::fixture::{MARKED, small};
use crate::product::{Objects, bad, good};
use crate::support::git_repository::Repositories;
use crate::support::git_server::{GitServer, Settings};
use crate::support::program::Program;

/// Entries of the cache below a folder.
fn entries(folder: &std::path::Path) -> Vec<String> {
    let Ok(items) = std::fs::read_dir(folder.join("kubectl-imageupdate/git")) else {
        return Vec::new();
    };
    items
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn what_was_fetched_is_kept_in_the_users_cache_folder_unless_told_otherwise() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let mut program = Program::new();
    let objects = Objects::new(&server.url("fleet"));
    let home_cache = program.path().join("home/.cache");

    good(&objects.run(&program, &["reconcile", "update", "--no-cache"]));
    assert!(entries(&home_cache).is_empty());

    good(&objects.clone().tag("3.0").reconcile(&program));
    assert_eq!(entries(&home_cache).len(), 3, "entry, lock and readers");
    server.take_log();
    let again = objects.clone().tag("3.0").reconcile(&program);
    assert!(good(&again).stdout.contains("repository up-to-date"));
    assert_eq!(server.take_log().len(), 2, "an unchanged branch");

    let elsewhere = program.path().join("cache");
    program.set("XDG_CACHE_HOME", elsewhere.to_str().unwrap());
    good(&objects.clone().tag("4.0").reconcile(&program));
    assert_eq!(entries(&elsewhere).len(), 3);
    repository.assert_sound();
    assert_eq!(
        repository.show("main", "clusters/my-cluster/app.yaml"),
        MARKED.replace("1.0", "4.0")
    );
    assert_eq!(
        repository.show("main", "clusters/other/app.yaml"),
        MARKED,
        "outside the path"
    );
}

#[test]
fn an_update_path_may_name_one_file() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    repository.commit(
        "main",
        "more",
        &[("clusters/my-cluster/readme.txt", MARKED)],
    );
    let server = GitServer::start(repositories.root(), Settings::default());
    let program = Program::new();
    let objects = Objects::new(&server.url("fleet"));
    let one = objects.clone().path("./clusters/my-cluster/app.yaml");
    let answer = one.reconcile(&program);
    assert!(
        good(&answer)
            .stdout
            .contains("clusters/my-cluster/app.yaml updated"),
        "{answer:#?}"
    );
    // A name that the controllers do not look into is not looked into here either.
    let other = objects.clone().path("clusters/my-cluster/readme.txt");
    let answer = other.reconcile(&program);
    assert!(good(&answer).stdout.contains("repository up-to-date"));
    let missing = objects.path("clusters/my-cluster/none.yaml");
    bad(&missing.reconcile(&program), "no such file or directory");
    assert_eq!(
        repository.show("main", "clusters/my-cluster/readme.txt"),
        MARKED
    );
    repository.assert_sound();
}

//! What is checked out, and what is pushed to.

use kubectl_imageupdate::ports::{CheckoutReference, GitError, PushError};

use crate::fixture::{Fetch, MARKED, edit, push, push_with, search, small, source};
use crate::support::git_repository::{Repositories, Repository};
use crate::support::git_server::{GitServer, Settings};

/// A repository with two commits on main, tags on the first, a pull request and a branch.
fn tagged(repositories: &Repositories) -> (Repository, String, String) {
    let repository = small(repositories);
    let first = repository.tip("refs/heads/main").unwrap();
    repository.git(&["tag", "v1.0.0", &first]);
    repository.git(&[
        "-c",
        "user.name=T",
        "-c",
        "user.email=t@example.com",
        "tag",
        "-a",
        "-m",
        "annotated",
        "v1.1.0",
        &first,
    ]);
    repository.git(&["update-ref", "refs/pull/1/head", &first]);
    let second = repository.commit("main", "second", &[("second.txt", "2\n")]);
    (repository, first, second)
}

fn revision(source: &kubectl_imageupdate::ports::GitSource, checkout: CheckoutReference) -> String {
    let snapshot = Fetch::new(source, checkout).run().unwrap();
    search(snapshot.as_ref(), "clusters");
    snapshot.base().to_string()
}

#[test]
fn every_kind_of_reference_is_checked_out() {
    let repositories = Repositories::new();
    let (_, first, second) = tagged(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("fleet"));
    let name = |name: &str| CheckoutReference::Name(name.to_owned());
    let commit = |branch: Option<&str>| CheckoutReference::Commit {
        id: first.clone(),
        branch: branch.map(ToOwned::to_owned),
    };
    for (checkout, expected) in [
        (
            CheckoutReference::Branch("main".to_owned()),
            format!("main@sha1:{second}"),
        ),
        (
            CheckoutReference::Tag("v1.0.0".to_owned()),
            format!("v1.0.0@sha1:{first}"),
        ),
        (
            CheckoutReference::Tag("v1.1.0".to_owned()),
            format!("v1.1.0@sha1:{first}"),
        ),
        (
            CheckoutReference::Semver(">=1.0.0".to_owned()),
            format!("v1.1.0@sha1:{first}"),
        ),
        (name("refs/heads/main"), format!("main@sha1:{second}")),
        (name("refs/tags/v1.1.0^{}"), format!("v1.1.0@sha1:{first}")),
        (name("refs/pull/1/head"), format!("1/head@sha1:{first}")),
        (commit(None), format!("sha1:{first}")),
        (commit(Some("main")), format!("main@sha1:{first}")),
    ] {
        assert_eq!(revision(&source, checkout), expected);
    }
}

#[test]
fn references_that_do_not_exist_are_named() {
    let repositories = Repositories::new();
    tagged(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("fleet"));
    let message = |checkout| {
        let error = Fetch::new(&source, checkout).run().err().unwrap();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    };
    let unknown = "1".repeat(40);
    let commit = CheckoutReference::Commit {
        id: unknown.clone(),
        branch: None,
    };
    assert!(message(commit).contains(&unknown));
    assert!(message(CheckoutReference::Tag("v9".to_owned())).contains("refs/tags/v9"));
    let name = CheckoutReference::Name("refs/heads/".to_owned());
    assert!(message(name).contains("cannot begin or end with a slash"));
    // A prefix of a branch is not the branch.
    let prefix = CheckoutReference::Branch("mai".to_owned());
    assert!(message(prefix).contains("refs/heads/mai"));
}

#[test]
fn a_push_branch_is_made_from_the_checkout_and_then_continued() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("fleet"));
    let main = repository.tip("refs/heads/main").unwrap();
    let mut snapshot = Fetch::branch(&source, "main").onto("auto").run().unwrap();
    assert_eq!(snapshot.base().to_string(), format!("main@sha1:{main}"));
    let first = snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", "1\n"))
        .unwrap();
    push(snapshot.as_mut(), "auto").unwrap();
    assert_eq!(repository.tip("refs/heads/auto").unwrap(), first);
    assert_eq!(repository.tip("refs/heads/main").unwrap(), main);

    let later = repository.commit("main", "later", &[("README.md", "later\n")]);
    let mut snapshot = Fetch::branch(&source, "main").onto("auto").run().unwrap();
    assert_eq!(snapshot.base().to_string(), format!("auto@sha1:{first}"));
    assert_eq!(
        snapshot.checkout().to_string(),
        format!("main@sha1:{later}")
    );
    let second = snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", "2\n"))
        .unwrap();
    push(snapshot.as_mut(), "auto").unwrap();
    assert_eq!(repository.tip("refs/heads/auto").unwrap(), second);
    assert_eq!(repository.tip("refs/heads/auto^").unwrap(), first);
    repository.assert_sound();
}

#[test]
fn a_branch_that_appeared_since_the_fetch_is_a_lost_race() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let source = source(&repository.file_url());
    let mut snapshot = Fetch::branch(&source, "main").onto("auto").run().unwrap();
    snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", "1\n"))
        .unwrap();
    let theirs = repository.commit("auto", "theirs", &[("x", "y\n")]);
    match push(snapshot.as_mut(), "auto") {
        Err(PushError::Moved { now, .. }) => assert_eq!(now, theirs),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_branch_behind_a_tag_is_moved_forward_and_a_diverged_one_only_replaced_on_request() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("fleet"));
    let root = repository.tip("refs/heads/main").unwrap();
    repository.git(&["branch", "auto", &root]);
    let second = repository.commit("main", "second", &[("second.txt", "2\n")]);
    repository.git(&["tag", "v1", &second]);
    let tag = || CheckoutReference::Tag("v1".to_owned());

    let mut snapshot = Fetch::new(&source, tag()).run().unwrap();
    let first = snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", "1\n"))
        .unwrap();
    push(snapshot.as_mut(), "auto").unwrap();
    assert_eq!(repository.tip("refs/heads/auto").unwrap(), first);

    let mut snapshot = Fetch::new(&source, tag()).run().unwrap();
    let again = snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", "2\n"))
        .unwrap();
    match push(snapshot.as_mut(), "auto") {
        Err(PushError::NotFastForward { at, dropped, .. }) => {
            assert_eq!(at, first);
            let dropped: Vec<_> = dropped
                .iter()
                .map(|commit| (commit.id.as_str(), commit.email.as_str()))
                .collect();
            assert_eq!(dropped, [(first.as_str(), "flux@example.com")]);
        }
        other => panic!("{other:?}"),
    }
    // The lease is on the commit that was seen, not on whatever is there.
    match push_with(snapshot.as_mut(), "auto", &[], &[], Some(&root)) {
        Err(PushError::Moved { now, .. }) => assert_eq!(now, first),
        other => panic!("{other:?}"),
    }
    push_with(snapshot.as_mut(), "auto", &[], &[], Some(&first)).unwrap();
    assert_eq!(repository.tip("refs/heads/auto").unwrap(), again);
    assert_eq!(repository.tip("refs/heads/auto^").unwrap(), second);
    repository.assert_sound();
}

#[test]
fn refspecs_travel_with_the_branch_all_or_none() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("fleet"));
    let refspec = ["refs/heads/main:refs/for/review".to_owned()];
    let mut snapshot = Fetch::branch(&source, "main").run().unwrap();
    let commit = snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", "1\n"))
        .unwrap();
    let report = push_with(snapshot.as_mut(), "main", &refspec, &[], None).unwrap();
    assert_eq!(report.updated, ["refs/heads/main", "refs/for/review"]);
    assert_eq!(repository.tip("refs/for/review").unwrap(), commit);

    repository.hook("update", "test \"$1\" != refs/for/review");
    let mut snapshot = Fetch::branch(&source, "main").run().unwrap();
    snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", "2\n"))
        .unwrap();
    match push_with(snapshot.as_mut(), "main", &refspec, &[], None) {
        Err(PushError::Rejected { reference, .. }) => assert_eq!(reference, "refs/for/review"),
        other => panic!("{other:?}"),
    }
    assert_eq!(repository.tip("refs/heads/main").unwrap(), commit);

    for bad in [
        "+refs/heads/main:refs/heads/x",
        ":refs/heads/x",
        "main:x",
        "refs/heads/main",
    ] {
        let refused = push_with(snapshot.as_mut(), "main", &[bad.to_owned()], &[], None);
        assert!(matches!(refused, Err(PushError::Unsupported(_))), "{bad}");
    }
    let diverged = repository.commit("other", "other", &[("x", "y\n")]);
    let onto_other = ["refs/heads/main:refs/heads/other".to_owned()];
    match push_with(snapshot.as_mut(), "main", &onto_other, &[], None) {
        Err(PushError::NotFastForward { reference, at, .. }) => {
            assert_eq!((reference.as_str(), at), ("refs/heads/other", diverged));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(repository.tip("refs/heads/main").unwrap(), commit);
}

#[test]
fn push_options_reach_the_hooks_or_are_refused() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("fleet"));
    repository.hook(
        "pre-receive",
        "echo $GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0 $GIT_PUSH_OPTION_1",
    );
    repository.hook("post-receive", "echo merge here");
    let options = [
        ("merge".to_owned(), "yes".to_owned()),
        ("empty".to_owned(), String::new()),
    ];
    let mut snapshot = Fetch::branch(&source, "main").run().unwrap();
    snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", "1\n"))
        .unwrap();
    let report = push_with(snapshot.as_mut(), "main", &[], &options, None).unwrap();
    assert_eq!(report.messages, ["2 merge=yes empty=", "merge here"]);

    repository.configure("receive.advertisePushOptions", "false");
    snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", MARKED))
        .unwrap();
    let refused = push_with(snapshot.as_mut(), "main", &[], &options, None).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the receiving end does not support push options"
    );
    // The same snapshot goes on from its first push.
    push(snapshot.as_mut(), "main").unwrap();
    repository.assert_sound();
}

#[test]
fn a_repository_whose_head_is_unborn_still_has_its_branches() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    repository.git(&["symbolic-ref", "HEAD", "refs/heads/nothing"]);
    let source = source(&repository.file_url());
    Fetch::branch(&source, "main").run().unwrap();
    let error = Fetch::branch(&source, "nothing").run().err().unwrap();
    assert!(
        matches!(error, GitError::ReferenceNotFound { .. }),
        "{error:?}"
    );
}

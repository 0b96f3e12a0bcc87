//! Push branches, refspecs, options and what servers say, through the program itself.

use crate::fixture::MARKED;
use crate::product::{Objects, bad, good};
use crate::stage::Stage;
use crate::support::git_server::{Fault, Settings};

const FILE: &str = "clusters/my-cluster/app.yaml";

impl Stage {
    fn tip(&self, branch: &str) -> Option<String> {
        self.repository.tip(&format!("refs/heads/{branch}"))
    }

    fn pushes(&self) -> usize {
        let log = self.server.take_log();
        log.iter()
            .filter(|entry| entry.method == "POST" && entry.target.ends_with("git-receive-pack"))
            .count()
    }
}

/// The objects without a reference of the GitRepository's own.
fn checkout(objects: Objects, reference: &str) -> Objects {
    Objects {
        repository: format!("  ref: {reference}\n"),
        ..objects
    }
}

#[test]
fn a_push_branch_is_made_then_continued_and_never_rewound() {
    let stage = Stage::new(Settings::default());
    let objects = stage.objects().git("push: {branch: auto}");
    good(&objects.reconcile(&stage.program));
    let first = stage.tip("auto").unwrap();
    let main = stage.tip("main");
    // The checkout branch moves on; the push branch is continued all the same.
    stage
        .repository
        .commit("main", "foreign", &[("x.txt", "y\n")]);
    good(&objects.clone().tag("3.0").reconcile(&stage.program));
    let log = stage.repository.git(&["log", "--format=%H", "auto"]);
    assert!(log.contains(&first), "{log}");
    assert!(log.contains(main.as_deref().unwrap()), "{log}");
    // Merged into the checkout branch, and an update later: pushed on top once more.
    stage
        .repository
        .git(&["update-ref", "refs/heads/main", "refs/heads/auto"]);
    good(&objects.tag("4.0").reconcile(&stage.program));
    assert_eq!(
        stage.repository.show("auto", FILE),
        MARKED.replace("1.0", "4.0")
    );
    assert_eq!(
        stage.repository.show("main", FILE),
        MARKED.replace("1.0", "3.0")
    );
    stage.repository.assert_sound();
}

#[test]
fn after_a_tag_checkout_only_commits_of_the_automation_are_replaced() {
    let stage = Stage::new(Settings::default());
    stage.repository.git(&["tag", "v1", "main"]);
    let objects = checkout(stage.objects(), "{tag: v1}").git("push: {branch: auto}");
    good(&objects.reconcile(&stage.program));
    let first = stage.tip("auto").unwrap();
    // As the controllers do: made anew from the tag, since all that is dropped is the automation's.
    good(&objects.clone().tag("3.0").reconcile(&stage.program));
    let second = stage.tip("auto").unwrap();
    let log = stage.repository.git(&["log", "--format=%H", "auto"]);
    assert!(!log.contains(&first), "{log}");

    let foreign = stage
        .repository
        .commit("auto", "somebody's work", &[("x.txt", "y\n")]);
    let answer = objects.tag("4.0").reconcile(&stage.program);
    bad(&answer, "non-fast-forward update: refs/heads/auto");
    for expected in [
        &format!("{} by Seed <seed@example.com>", &foreign[..7]),
        &format!("{} by flux <flux@example.com>", &second[..7]),
    ] {
        assert!(answer.stderr.contains(expected), "{expected} {answer:#?}");
    }
    assert_eq!(stage.tip("auto"), Some(foreign));
    stage.repository.assert_sound();
}

#[test]
fn the_checkout_branch_is_never_forced_however_it_is_named() {
    let stage = Stage::new(Settings::default());
    let objects = checkout(stage.objects(), "{name: refs/heads/main}").git("push: {branch: main}");
    // Somebody pushes between the fetch and the push: the controllers would overwrite it.
    let theirs = stage.repository.clone();
    let once = std::sync::atomic::AtomicBool::new(false);
    stage.server.fault(move |head| {
        if head.advertises("git-receive-pack")
            && !once.swap(true, std::sync::atomic::Ordering::SeqCst)
        {
            theirs.commit("main", "in between", &[("x.txt", "y\n")]);
        }
        None
    });
    good(&objects.reconcile(&stage.program));
    assert_eq!(stage.repository.show("main", "x.txt"), "y\n");
    assert_eq!(
        stage.repository.show("main", FILE),
        MARKED.replace("1.0", "2.0")
    );
    stage.repository.assert_sound();
}

#[test]
fn refspecs_are_refused_before_anything_is_asked_and_pushed_with_the_branch() {
    let stage = Stage::new(Settings::default());
    for (refspec, reason) in [
        (":refs/heads/main", "it deletes the destination"),
        ("+refs/heads/main:refs/heads/x", "it forces the update"),
        ("main", "it has no ':'"),
        (
            "HEAD:refs/heads/x",
            "its source matches nothing that is pushed",
        ),
        ("refs/heads/main:refs/heads/a..b", "not a reference name"),
    ] {
        let answer = stage
            .objects()
            .git(&format!("push: {{refspec: \"{refspec}\"}}"))
            .reconcile(&stage.program);
        bad(&answer, reason);
        assert!(stage.server.take_log().is_empty(), "{refspec}");
    }
    let objects = stage
        .objects()
        .git("push: {branch: auto, refspec: \"refs/heads/*:refs/heads/copy/*\"}");
    let answer = objects.reconcile(&stage.program);
    assert!(
        good(&answer)
            .stdout
            .contains("to branch auto and refspecs refs/heads/*:refs/heads/copy/*"),
        "{answer:#?}"
    );
    assert_eq!(stage.pushes(), 1);
    assert_eq!(stage.tip("copy/auto"), stage.tip("auto"));
    assert_eq!(stage.tip("copy/main"), stage.tip("main"));

    // All or none, where the server can.
    stage.repository.hook(
        "update",
        "case $1 in refs/heads/review) echo no review; exit 1;; esac",
    );
    let objects = stage
        .objects()
        .tag("3.0")
        .git("push: {refspec: \"refs/heads/main:refs/heads/review\"}");
    let before = stage.tip("main");
    let answer = objects.reconcile(&stage.program);
    bad(&answer, "command error on refs/heads/review: hook declined");
    assert!(
        answer.stderr.contains("\n  remote: no review\n"),
        "{answer:#?}"
    );
    assert_eq!((stage.tip("main"), stage.tip("review")), (before, None));
    // And told, where it cannot.
    stage
        .repository
        .configure("receive.advertiseAtomic", "false");
    bad(
        &objects.reconcile(&stage.program),
        "command error on refs/heads/review: hook declined; refs/heads/main was updated",
    );
    assert_eq!(
        stage.repository.show("main", FILE),
        MARKED.replace("1.0", "3.0")
    );
    stage.repository.assert_sound();
}

#[test]
fn push_options_arrive_or_the_push_is_refused() {
    let stage = Stage::new(Settings::default());
    stage.repository.hook(
        "post-receive",
        "echo \"options: $GIT_PUSH_OPTION_0 $GIT_PUSH_OPTION_1\"",
    );
    let objects = stage
        .objects()
        .git("push: {options: {merge_request.create: \"\", ci.skip: \"true\"}}");
    let answer = objects.reconcile(&stage.program);
    assert!(
        good(&answer)
            .stderr
            .contains("remote: options: ci.skip=true merge_request.create="),
        "{answer:#?}"
    );
    stage
        .repository
        .configure("receive.advertisePushOptions", "false");
    let before = stage.tip("main");
    bad(
        &objects.tag("3.0").reconcile(&stage.program),
        "the receiving end does not support push options",
    );
    assert_eq!(stage.tip("main"), before);
    stage.repository.assert_sound();
}

#[test]
fn what_hooks_say_is_relayed_without_control_characters() {
    let stage = Stage::new(Settings::default());
    stage
        .repository
        .hook("pre-receive", "printf 'a \\033[31mred\\033[0m line\\n'");
    // Comes after the report.
    stage.repository.hook(
        "post-receive",
        "echo; echo 'Create a merge request: https://x/y'",
    );
    let answer = stage.objects().reconcile(&stage.program);
    let text = &good(&answer).stderr;
    assert!(text.contains("remote: a ^[[31mred^[[0m line\n"), "{text:?}");
    assert!(
        text.contains("remote: Create a merge request: https://x/y\n"),
        "{text:?}"
    );
    assert!(!text.contains('\u{1b}'));

    stage
        .repository
        .hook("pre-receive", "echo branch main is protected >&2; exit 1");
    let before = stage.tip("main");
    let answer = stage.objects().tag("3.0").reconcile(&stage.program);
    bad(
        &answer,
        "command error on refs/heads/main: pre-receive hook declined",
    );
    assert!(
        answer
            .stderr
            .contains("\n  remote: branch main is protected\n"),
        "{answer:#?}"
    );
    assert_eq!(stage.tip("main"), before);
    stage.repository.assert_sound();
}

#[test]
fn automations_of_one_branch_are_pushed_at_once() {
    let stage = Stage::new(Settings::default());
    let other = "---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: other, namespace: flux-system}
spec:
  interval: 5m
  sourceRef: {kind: GitRepository, name: fleet}
  git: {commit: {author: {email: other@example.com}}}
  update: {path: clusters/other, strategy: Setters}
";
    stage.repository.hook("post-receive", "echo once");
    let mut objects = stage.objects();
    objects.more.push_str(other);
    let answer = objects.reconcile(&stage.program);
    assert_eq!(good(&answer).stderr.matches("remote: once").count(), 1);
    assert_eq!(stage.pushes(), 1);
    let log = stage.repository.git(&["log", "-2", "--format=%ae", "main"]);
    assert_eq!(log, "other@example.com\nflux@example.com");
    stage.repository.assert_sound();
}

#[test]
fn a_lost_answer_is_looked_up_and_the_commit_is_named() {
    let stage = Stage::new(Settings::default());
    stage
        .server
        .fault(|head| head.posts("git-receive-pack").then_some(Fault::LoseReply));
    let answer = stage.objects().reconcile(&stage.program);
    let tip = stage.tip("main").unwrap();
    let expected = format!("pushed commit {} to branch main", &tip[..7]);
    assert!(good(&answer).stdout.contains(&expected), "{answer:#?}");
    assert_eq!(
        stage.repository.show("main", FILE),
        MARKED.replace("1.0", "2.0")
    );
    stage.repository.assert_sound();
}

#[test]
fn a_lost_race_is_run_again_until_the_time_is_up() {
    let stage = Stage::new(Settings::default());
    // Always somebody else in between.
    let theirs = stage.repository.clone();
    stage.server.fault(move |head| {
        if head.posts("git-receive-pack") {
            let path = format!("foreign/{}.txt", head.number);
            theirs.commit("main", "foreign", &[(path.as_str(), "y\n")]);
        }
        None
    });
    // Time for more than one attempt, however busy the machine is.
    let answer = stage
        .objects()
        .run(&stage.program, &["reconcile", "update", "--timeout", "8s"]);
    bad(
        &answer,
        "refs/heads/main kept moving while the run was repeated",
    );
    assert!(stage.pushes() > 1);
    assert_eq!(stage.repository.show("main", FILE), MARKED);
    // A foreign commit that takes the work away: planned again, nothing is left to do.
    let theirs = stage.repository.clone();
    stage.server.fault(move |head| {
        if head.posts("git-receive-pack") {
            theirs.commit("main", "same", &[(FILE, MARKED.replace("1.0", "2.0"))]);
        }
        None
    });
    let answer = stage.objects().reconcile(&stage.program);
    assert!(good(&answer).stdout.contains("repository up-to-date"));
    stage.repository.assert_sound();
}

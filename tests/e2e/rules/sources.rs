//! D7: refspecs that delete, force or match nothing are refused before any push, and a branch that
//! holds commits of others is not replaced. D16: a repository
//! without a commit is an error that is reported.

use serde_json::Value;

use super::{Facts, Wanted};
use crate::compare::condition;
use crate::objects::key;
use crate::scenario::Key;

pub fn apply(wanted: &mut Wanted, facts: &Facts<'_>) {
    for key in wanted.keys("ImageUpdateAutomation") {
        let object = facts.object(&key);
        if object["spec"]["suspend"] == true {
            continue;
        }
        let branch = push_branch(facts, object);
        if let Some(refspec) = object["spec"]["git"]["push"]["refspec"].as_str()
            && is_refused(refspec, &branch)
        {
            refuse(wanted, facts, &key, refspec, &branch);
        }
        let pushed = wanted.status(&key)["lastPushCommit"].clone();
        let drops = drops_others(wanted, facts, object, &branch, pushed.as_str());
        if let Some(id) = pushed.as_str().filter(|_| drops) {
            keep_branch(wanted, facts, &key, id);
        }
        let ready = condition(wanted.status(&key), "Ready");
        if ready.is_some_and(|ready| ready["status"] == "Unknown") {
            wanted.fail(
                "D16",
                &key,
                "GitOperationFailed",
                &["failed to checkout source", "no commit"],
            );
        }
    }
}

/// The branch that an automation pushes.
pub fn push_branch(facts: &Facts<'_>, object: &Value) -> String {
    let git = &object["spec"]["git"];
    let source = &object["spec"]["sourceRef"];
    let namespace = source["namespace"]
        .as_str()
        .or(object["metadata"]["namespace"].as_str());
    let repository = facts.objects.iter().find(|candidate| {
        let (kind, of, name) = key(candidate);
        kind == "GitRepository" && Some(of.as_str()) == namespace && source["name"] == name.as_str()
    });
    let reference = match git["checkout"]["ref"].is_object() {
        true => &git["checkout"]["ref"],
        false => repository.map_or(&Value::Null, |object| &object["spec"]["ref"]),
    };
    git["push"]["branch"]
        .as_str()
        .or(reference["branch"].as_str())
        .unwrap_or("master")
        .to_owned()
}

/// Whether a recorded push drops commits of other people from the push branch.
fn drops_others(
    wanted: &Wanted,
    facts: &Facts<'_>,
    object: &Value,
    branch: &str,
    pushed: Option<&str>,
) -> bool {
    let made = wanted
        .commits
        .iter()
        .find(|commit| Some(commit.id.as_str()) == pushed);
    let before = facts.refs.get(&format!("refs/heads/{branch}"));
    let (Some(made), Some(before)) = (made, before) else {
        return false;
    };
    let parent = made.headers.get("parents").map(String::as_str);
    let author = &object["spec"]["git"]["commit"]["author"]["email"];
    facts
        .stage
        .authors_between(made, parent.unwrap_or_default(), before)
        .iter()
        .any(|email| author != email.as_str())
}

/// The push is refused.
fn keep_branch(wanted: &mut Wanted, facts: &Facts<'_>, key: &Key, pushed: &str) {
    wanted.without_commit("D7", pushed, facts);
    for field in ["observedPolicies", "observedSourceRevision"] {
        wanted.put("D7", key, field, facts.earlier(key, field));
    }
    wanted.fail(
        "D7",
        key,
        "GitOperationFailed",
        &["failed to push to remote: non-fast-forward update"],
    );
}

fn is_refused(refspec: &str, branch: &str) -> bool {
    let Some((from, to)) = refspec.split_once(':') else {
        return true;
    };
    let pushed = format!("refs/heads/{branch}");
    let matches = match from.split_once('*') {
        Some((head, tail)) => pushed.starts_with(head) && pushed.ends_with(tail),
        None => from == pushed,
    };
    !matches || to.is_empty()
}

fn refuse(wanted: &mut Wanted, facts: &Facts<'_>, key: &Key, refspec: &str, branch: &str) {
    let reference = format!("refs/heads/{branch}");
    let others: Vec<Value> = wanted
        .keys("ImageUpdateAutomation")
        .iter()
        .filter(|other| *other != key)
        .map(|other| wanted.status(other)["lastPushCommit"].clone())
        .collect();
    let own: Vec<String> = wanted
        .commits
        .iter()
        .filter(|commit| !others.iter().any(|other| *other == commit.id.as_str()))
        .filter(|commit| {
            let refs = commit.headers.get("refs").map(String::as_str);
            refs.unwrap_or_default()
                .split(", ")
                .any(|name| name == reference)
        })
        .map(|commit| commit.id.clone())
        .collect();
    for id in own {
        wanted.without_commit("D7", &id, facts);
    }
    for field in [
        "observedPolicies",
        "observedSourceRevision",
        "lastPushCommit",
        "lastPushTime",
    ] {
        wanted.put("D7", key, field, facts.earlier(key, field));
    }
    wanted.fail("D7", key, "SourceManagerFailed", &[refspec]);
}

//! What an automation checks out and where it pushes.
//!
//! Source: image-automation-controller, `internal/source/git.go`; the precedence inside a reference
//! is that of fluxcd/pkg `git/gogit`: commit, name, tag, semver, branch, `master`.

use crate::api::{GitRepository, GitRepositoryRef, ImageUpdateAutomation};
use crate::model::Failure;
use crate::ports::CheckoutReference;

/// The branch that is checked out when nothing says otherwise. The remote's HEAD is not asked.
const DEFAULT_BRANCH: &str = "master";

/// Where an automation works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// What is checked out.
    pub(super) checkout: CheckoutReference,
    /// Branch to push.
    pub(super) push_branch: String,
    /// Whether the push branch is another than the one checked out.
    pub(super) switches: bool,
    /// Refspecs besides the branch.
    pub(super) refspecs: Vec<String>,
    /// Push options, by key.
    pub(super) options: Vec<(String, String)>,
    /// The fetch of a tag brings no branch, so that the controller recreates an existing push
    /// branch from the tag.
    pub(super) recreates_branch: bool,
}

impl Target {
    /// Whether the checkout is on no branch, and no push branch leads away from there.
    pub(super) fn is_detached(&self) -> bool {
        let on_branch = match &self.checkout {
            CheckoutReference::Branch(_) => true,
            CheckoutReference::Name(name) => name.starts_with("refs/heads/"),
            CheckoutReference::Tag(_)
            | CheckoutReference::Semver(_)
            | CheckoutReference::Commit { .. } => false,
        };
        !on_branch && !self.switches
    }
}

/// Works out the target, or the controller's failure.
pub(super) fn target(
    automation: &ImageUpdateAutomation,
    repository: &GitRepository,
) -> Result<Target, Failure> {
    let spec = automation
        .spec
        .git
        .as_ref()
        .ok_or_else(|| without_git(automation))?;
    let reference: Option<&GitRepositoryRef> = spec
        .checkout
        .as_ref()
        .map(|checkout| &checkout.reference)
        .or(repository.spec.reference.as_ref());
    let branch = reference.and_then(|reference| text(reference.branch.as_deref()));
    let push = spec.push.as_ref();
    let (push_branch, switches) = match push.and_then(|push| text(push.branch.as_deref())) {
        Some(push_branch) => {
            let compared = match reference {
                Some(_) => branch.unwrap_or_default(),
                None => DEFAULT_BRANCH,
            };
            (push_branch.to_owned(), push_branch != compared)
        }
        None => match branch {
            Some(branch) => (branch.to_owned(), false),
            None => {
                return Err(Failure::new(
                    "SourceManagerFailed",
                    "failed configuring source manager: push spec not provided, and cannot be \
                     inferred from .spec.git.checkout.ref or GitRepository .spec.ref",
                ));
            }
        },
    };
    let checkout = checkout(reference);
    Ok(Target {
        recreates_branch: switches && fetches_only_a_tag(&checkout),
        checkout,
        push_branch,
        switches,
        refspecs: push
            .and_then(|push| text(push.refspec.as_deref()))
            .map(str::to_owned)
            .into_iter()
            .collect(),
        options: push
            .and_then(|push| push.options.clone())
            .unwrap_or_default()
            .into_iter()
            .collect(),
    })
}

/// The controller's failure for an automation without `spec.git`.
pub(super) fn without_git(automation: &ImageUpdateAutomation) -> Failure {
    Failure::stalled(
        "InvalidSourceConfiguration",
        format!(
            "source kind '{}' necessitates field .spec.git: invalid source configuration",
            automation.spec.source_ref.kind
        ),
    )
}

fn checkout(reference: Option<&GitRepositoryRef>) -> CheckoutReference {
    let Some(reference) = reference else {
        return CheckoutReference::Branch(DEFAULT_BRANCH.to_owned());
    };
    let branch = text(reference.branch.as_deref());
    if let Some(id) = text(reference.commit.as_deref()) {
        CheckoutReference::Commit {
            id: id.to_owned(),
            branch: branch.map(str::to_owned),
        }
    } else if let Some(name) = text(reference.name.as_deref()) {
        CheckoutReference::Name(name.to_owned())
    } else if let Some(tag) = text(reference.tag.as_deref()) {
        CheckoutReference::Tag(tag.to_owned())
    } else if let Some(range) = text(reference.semver.as_deref()) {
        CheckoutReference::Semver(range.to_owned())
    } else {
        CheckoutReference::Branch(branch.unwrap_or(DEFAULT_BRANCH).to_owned())
    }
}

fn fetches_only_a_tag(checkout: &CheckoutReference) -> bool {
    match checkout {
        CheckoutReference::Tag(_) => true,
        CheckoutReference::Name(name) => name.starts_with("refs/tags/"),
        CheckoutReference::Branch(_)
        | CheckoutReference::Semver(_)
        | CheckoutReference::Commit { .. } => false,
    }
}

/// Empty reads as absent.
fn text(field: Option<&str>) -> Option<&str> {
    field.filter(|text| !text.is_empty())
}

/// The branches that a run has: the one it pushes, and the one it checks out.
pub(super) fn local_branches(push_branch: &str, checkout: &CheckoutReference) -> Vec<String> {
    let mut branches = vec![push_branch.to_owned()];
    let other = match checkout {
        CheckoutReference::Branch(branch) => Some(branch.as_str()),
        CheckoutReference::Name(name) => name.strip_prefix("refs/heads/"),
        CheckoutReference::Tag(_)
        | CheckoutReference::Semver(_)
        | CheckoutReference::Commit { .. } => None,
    };
    branches.extend(
        other
            .filter(|other| *other != push_branch)
            .map(str::to_owned),
    );
    branches
}

/// Checks a refspec before anything is pushed: both sides full names, no delete, no force. Returns
/// what is wrong with it. The first of the branches is the one that is pushed.
pub(super) fn refspec_problem(refspec: &str, branches: &[String]) -> Option<String> {
    let problem = if refspec.starts_with('+') {
        "it forces the update; remove the leading '+'".to_owned()
    } else {
        match refspec.split_once(':') {
            None => "it has no ':' between source and destination".to_owned(),
            Some(("", _)) => "it deletes the destination".to_owned(),
            Some((from, to)) => sides_problem(from, to, branches)?,
        }
    };
    Some(format!("refspec {refspec:?}: {problem}"))
}

fn sides_problem(from: &str, to: &str, branches: &[String]) -> Option<String> {
    if !to.starts_with("refs/") {
        return Some(
            "the destination is not a full reference name such as refs/heads/main".to_owned(),
        );
    }
    if !is_reference_name(&to.replacen('*', "x", 1)) {
        return Some("the destination is not a reference name".to_owned());
    }
    if from.contains('*') != to.contains('*') {
        return Some("only one of its sides holds a '*'".to_owned());
    }
    let names: Vec<String> = branches
        .iter()
        .map(|branch| format!("refs/heads/{branch}"))
        .collect();
    if names
        .iter()
        .any(|name| name == from || wildcard_part(from, name).is_some())
    {
        return None;
    }
    let pushed = names.first().map_or("refs/heads/main", String::as_str);
    Some(if from.contains('*') {
        format!("its source matches nothing that is pushed; the pushed branch is {pushed}")
    } else {
        format!("its source matches nothing that is pushed; write {pushed}:{to}")
    })
}

/// The refspecs that a refspec stands for: one for each branch that its wildcard matches.
pub(super) fn expand_refspec(refspec: &str, branches: &[String]) -> Vec<String> {
    match refspec.split_once(':') {
        Some((from, to)) if from.contains('*') => branches
            .iter()
            .map(|branch| format!("refs/heads/{branch}"))
            .filter_map(|name| {
                let middle = wildcard_part(from, &name)?;
                Some(format!("{name}:{}", to.replacen('*', middle, 1)))
            })
            .collect(),
        _ => vec![refspec.to_owned()],
    }
}

/// Whether a server can have a reference of this name, by the rules of `git check-ref-format`.
fn is_reference_name(name: &str) -> bool {
    let forbidden = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    !name.contains(forbidden)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

fn wildcard_part<'n>(pattern: &str, name: &'n str) -> Option<&'n str> {
    let (head, tail) = pattern.split_once('*')?;
    name.strip_prefix(head)?.strip_suffix(tail)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::ReadObject;

    fn plan(checkout: Value, push: Value, repository_ref: Value) -> Result<Target, Failure> {
        let mut git = json!({"commit": {"author": {"email": "a@b"}}});
        if !checkout.is_null() {
            git["checkout"] = json!({"ref": checkout});
        }
        if !push.is_null() {
            git["push"] = push;
        }
        let automation = ImageUpdateAutomation::read(&json!({
            "metadata": {"name": "a", "namespace": "n"},
            "spec": {"git": git, "sourceRef": {"kind": "GitRepository", "name": "r"}},
        }))
        .unwrap();
        let repository = GitRepository::read(&json!({
            "metadata": {"name": "r", "namespace": "n"},
            "spec": {"url": "http://x", "ref": repository_ref},
        }))
        .unwrap();
        target(&automation, &repository)
    }

    #[track_caller]
    fn assert_target(
        (checkout, push, reference): (Value, Value, Value),
        expected: &CheckoutReference,
        branch: &str,
        switches: bool,
    ) {
        let target = plan(checkout, push, reference).unwrap();
        assert_eq!(
            (&target.checkout, target.push_branch.as_str()),
            (expected, branch)
        );
        assert_eq!(target.switches, switches);
    }

    #[test]
    fn the_push_branch_follows_the_controllers_table() {
        let branch = |name: &str| CheckoutReference::Branch(name.to_owned());
        let (none, aaa, ccc) = (
            Value::Null,
            json!({"branch": "aaa"}),
            json!({"branch": "ccc"}),
        );
        let bbb = json!({"branch": "bbb"});
        assert_target(
            (aaa.clone(), none.clone(), none.clone()),
            &branch("aaa"),
            "aaa",
            false,
        );
        assert_target(
            (aaa.clone(), bbb.clone(), none.clone()),
            &branch("aaa"),
            "bbb",
            true,
        );
        assert_target(
            (none.clone(), none.clone(), ccc.clone()),
            &branch("ccc"),
            "ccc",
            false,
        );
        assert_target(
            (none.clone(), bbb.clone(), ccc.clone()),
            &branch("ccc"),
            "bbb",
            true,
        );
        assert_target(
            (none.clone(), aaa.clone(), none.clone()),
            &branch("master"),
            "aaa",
            true,
        );
        assert_target((aaa, bbb, ccc), &branch("aaa"), "bbb", true);
        let by_name = json!({"name": "refs/heads/main"});
        assert_target(
            (by_name, json!({"branch": "main"}), none),
            &CheckoutReference::Name("refs/heads/main".into()),
            "main",
            true,
        );
    }

    #[test]
    fn a_commit_or_tag_without_a_push_branch_of_its_own_is_detached() {
        let detached =
            |checkout: Value, push: Value| plan(checkout, push, Value::Null).unwrap().is_detached();
        let none = Value::Null;
        assert!(detached(
            json!({"branch": "main", "commit": "12"}),
            none.clone()
        ));
        assert!(detached(
            json!({"branch": "main", "tag": "v1"}),
            none.clone()
        ));
        assert!(!detached(json!({"branch": "main"}), none.clone()));
        let by_name = json!({"branch": "main", "name": "refs/heads/main"});
        assert!(!detached(by_name, none));
        let elsewhere = json!({"branch": "updates"});
        assert!(!detached(
            json!({"branch": "main", "commit": "12"}),
            elsewhere
        ));
    }

    #[test]
    fn a_push_branch_that_cannot_be_inferred_is_the_controllers_error() {
        let failure = plan(Value::Null, Value::Null, json!({"tag": "v1"})).unwrap_err();
        assert_eq!(failure.reason, "SourceManagerFailed");
        assert!(
            failure.message.ends_with("GitRepository .spec.ref"),
            "{}",
            failure.message
        );
    }

    #[test]
    fn refspecs_that_delete_force_or_match_nothing_are_refused() {
        let branches = ["auto".to_owned(), "main".to_owned()];
        for (refspec, fragment) in [
            (":refs/heads/x", "deletes"),
            ("+refs/heads/auto:refs/heads/x", "forces"),
            ("auto", "no ':'"),
            ("HEAD:refs/for/main", "matches nothing"),
            ("auto:refs/heads/x", "matches nothing"),
            ("refs/heads/other:refs/heads/x", "matches nothing"),
            ("refs/tags/*:refs/heads/*", "matches nothing"),
            ("refs/heads/auto:x", "full reference name"),
            ("refs/heads/auto:", "full reference name"),
            ("refs/heads/auto:refs/heads/a b", "not a reference name"),
            ("refs/heads/auto:refs/heads/a..b", "not a reference name"),
            ("refs/heads/auto:refs/heads/*", "only one of its sides"),
            ("refs/heads/*:refs/heads/x", "only one of its sides"),
        ] {
            let problem = refspec_problem(refspec, &branches).expect(refspec);
            assert!(problem.contains(fragment), "{problem}");
        }
        for refspec in [
            "refs/heads/auto:refs/for/main",
            "refs/heads/main:refs/heads/copy",
            "refs/heads/*:refs/heads/copy/*",
        ] {
            assert_eq!(refspec_problem(refspec, &branches), None, "{refspec}");
        }
        assert_eq!(
            expand_refspec("refs/heads/*:refs/heads/copy/*", &branches),
            [
                "refs/heads/auto:refs/heads/copy/auto",
                "refs/heads/main:refs/heads/copy/main"
            ]
        );
    }

    #[test]
    fn the_branches_of_a_run_are_the_one_it_pushes_and_the_one_it_checks_out() {
        let branch = |name: &str| CheckoutReference::Branch(name.to_owned());
        assert_eq!(local_branches("auto", &branch("main")), ["auto", "main"]);
        assert_eq!(local_branches("main", &branch("main")), ["main"]);
        let by_name = CheckoutReference::Name("refs/heads/main".to_owned());
        assert_eq!(local_branches("auto", &by_name), ["auto", "main"]);
        let tag = CheckoutReference::Tag("v1".to_owned());
        assert_eq!(local_branches("auto", &tag), ["auto"]);
    }
}

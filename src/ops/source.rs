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

/// Checks a refspec before anything is pushed: both sides full names, no delete, no force. Returns
/// what is wrong with it.
pub(super) fn refspec_problem(refspec: &str, pushed_branch: &str) -> Option<String> {
    let problem = if refspec.starts_with('+') {
        "it forces the update; remove the leading '+'".to_owned()
    } else {
        let Some((from, to)) = refspec.split_once(':') else {
            return Some(format!(
                "refspec {refspec:?}: it has no ':' between source and destination"
            ));
        };
        let source = format!("refs/heads/{pushed_branch}");
        if from.is_empty() {
            "it deletes the destination".to_owned()
        } else if to.is_empty() || !to.starts_with("refs/") {
            "the destination is not a full reference name such as refs/heads/main".to_owned()
        } else if from == source {
            return None;
        } else if !from.contains('*') {
            format!("its source matches nothing that is pushed; write {source}:{to}")
        } else if matches_wildcard(from, &source) && to.contains('*') {
            return None;
        } else {
            format!("its source matches nothing that is pushed; the pushed branch is {source}")
        }
    };
    Some(format!("refspec {refspec:?}: {problem}"))
}

/// The refspec with a wildcard filled in for the pushed branch.
pub(super) fn expand_refspec(refspec: &str, pushed_branch: &str) -> String {
    let source = format!("refs/heads/{pushed_branch}");
    match refspec.split_once(':') {
        Some((from, to)) if from.contains('*') => {
            let middle = wildcard_part(from, &source).unwrap_or_default();
            format!("{source}:{}", to.replacen('*', middle, 1))
        }
        _ => refspec.to_owned(),
    }
}

fn matches_wildcard(pattern: &str, name: &str) -> bool {
    wildcard_part(pattern, name).is_some()
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
        for (refspec, fragment) in [
            (":refs/heads/x", "deletes"),
            ("+refs/heads/main:refs/heads/x", "forces"),
            ("main", "no ':'"),
            ("HEAD:refs/for/main", "matches nothing"),
            ("refs/heads/other:refs/heads/x", "matches nothing"),
            ("refs/heads/main:x", "full reference name"),
        ] {
            let problem = refspec_problem(refspec, "main").expect(refspec);
            assert!(problem.contains(fragment), "{problem}");
        }
        assert_eq!(
            refspec_problem("refs/heads/main:refs/for/main", "main"),
            None
        );
        assert_eq!(
            refspec_problem("refs/heads/*:refs/heads/copy/*", "main"),
            None
        );
        assert_eq!(
            expand_refspec("refs/heads/*:refs/heads/copy/*", "main"),
            "refs/heads/main:refs/heads/copy/main"
        );
    }
}

//! From a group of automations to its revision and their plans.
//!
//! Source of the messages: image-automation-controller, `internal/source/source.go`, and fluxcd/pkg
//! `git/gogit`.

use super::group::Group;
use super::plan::{self, Overlay};
use super::replaced;
use super::run::Services;
use crate::key::TreePath;
use crate::model::{Failure, Plan};
use crate::ports::{CheckoutReference, FetchRequest, GitError, Snapshot};
use crate::setters;

/// A revision with the plans on it.
pub(super) struct Planned {
    pub(super) snapshot: Box<dyn Snapshot>,
    /// Revision of the checkout reference, as Flux prints it.
    pub(super) revision: String,
    /// One for each job.
    pub(super) plans: Vec<Result<Plan, Failure>>,
}

/// Fetches the group's revision and plans its automations, each on top of the ones before.
pub(super) fn fetch_and_plan(
    services: &Services,
    group: &Group,
    keep_content: bool,
) -> Result<Planned, Failure> {
    let paths: Vec<TreePath> = group.jobs.iter().map(|job| job.path.clone()).collect();
    let range = match &group.checkout {
        CheckoutReference::Semver(range) => Some(range.as_str()),
        _ => None,
    };
    let snapshot = services
        .git
        .fetch(&FetchRequest {
            source: &group.source,
            checkout: &group.checkout,
            push_branch: group.continues.then_some(group.push_branch.as_str()),
            paths: &paths,
            wanted: &setters::is_candidate,
            choose_tag: &|tags| range.and_then(|range| choose_tag(range, tags)),
            progress: services.progress.as_ref(),
            cancellation: &services.cancellation,
        })
        .map_err(|error| checkout_failure(group, &error))?;
    let mut overlay = Overlay::default();
    let mut plans = Vec::new();
    for job in &group.jobs {
        let plan = plan::plan(&*snapshot, job, &overlay, keep_content);
        if let Ok(plan) = &plan {
            overlay.add(plan);
        }
        plans.push(plan);
    }
    let done = plans.iter_mut().flatten();
    replaced::skip_if_equal(services, group, &*snapshot, &overlay, done);
    Ok(Planned {
        revision: snapshot.checkout().to_string(),
        snapshot,
        plans,
    })
}

/// The greatest tag in a range; equal versions (build metadata) by commit time, as the controller's
/// Git library orders them.
fn choose_tag(range: &str, tags: &[(String, i64)]) -> Option<String> {
    use crate::semver::{Constraint, Version};
    let constraint = Constraint::parse(range).ok()?;
    tags.iter()
        .filter_map(|(tag, time)| {
            Version::parse_tag(tag)
                .ok()
                .map(|version| (version, *time, tag))
        })
        .filter(|(version, _, _)| constraint.check(version))
        .max_by(|left, right| left.0.precedence(&right.0).then(left.1.cmp(&right.1)))
        .map(|(_, _, tag)| tag.clone())
}

/// The controller's message for a failed checkout.
fn checkout_failure(group: &Group, error: &GitError) -> Failure {
    let url = group.source.url_without_secrets();
    if let GitError::Credentials(text) = error {
        return Failure::new(
            "SourceManagerFailed",
            format!(
                "failed configuring source manager: failed to configure authentication options: \
                 {text}"
            ),
        );
    }
    let text = match error {
        GitError::RepositoryNotFound { .. } => {
            format!("unable to clone '{url}': repository not found: ")
        }
        GitError::Unauthorized { answer, .. } => {
            format!("unable to clone '{url}': authentication required: {answer}")
        }
        GitError::Forbidden { answer, .. } => {
            format!("unable to clone '{url}': authorization failed: {answer}")
        }
        GitError::ReferenceNotFound { .. } => missing_reference(group),
        GitError::EmptyRepository { .. } => {
            format!("unable to clone '{url}': remote repository is empty: it has no commit")
        }
        error => format!("unable to clone '{url}': {}", chain(error)),
    };
    let hint = match error {
        GitError::Unauthorized { credentials, .. } | GitError::Forbidden { credentials, .. } => {
            Some(format!(
                "credentials used for {}: {credentials}",
                group.source.display_url()
            ))
        }
        _ => None,
    };
    Failure::new(
        "GitOperationFailed",
        format!("failed to checkout source: {text}"),
    )
    .with_hint(hint)
}

fn missing_reference(group: &Group) -> String {
    let url = group.source.url_without_secrets();
    match &group.checkout {
        // The controller fetches every branch when it pushes to another one.
        CheckoutReference::Branch(_) if group.continues => {
            format!("unable to clone '{url}': reference not found")
        }
        CheckoutReference::Branch(branch) => {
            format!("unable to clone '{url}': couldn't find remote ref \"refs/heads/{branch}\"")
        }
        CheckoutReference::Tag(tag) => {
            format!("unable to clone '{url}': couldn't find remote ref \"refs/tags/{tag}\"")
        }
        CheckoutReference::Semver(range) => format!("no match found for semver: {range}"),
        CheckoutReference::Name(name) => {
            format!("unable to resolve ref '{name}' to a specific commit")
        }
        CheckoutReference::Commit { id, .. } => {
            format!("unable to resolve commit object for '{id}': object not found")
        }
    }
}

/// An error and its sources in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

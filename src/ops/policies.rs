//! One decision for each policy, in the controller's order of checks.
//!
//! Source: image-reflector-controller, `imagepolicy_controller.go`. Deviations: D13 and D14 of
//! `docs/compatibility.md` (what cannot be decided now is undecided).

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt as _, stream};

use super::gather::Gathered;
use super::run::{Services, interrupted};
use super::{access, scan};
use crate::api::{ImagePolicy, ImageRef, ImageRepository};
use crate::image::ImageName;
use crate::key::NamespacedName;
use crate::model::{
    Failure, Note, PolicyOutcome, PolicyState, RepositoryOutcome, RepositoryState, Scan,
};
use crate::policy::{Policy, PolicyError, Selection, SelectionError, reflects_digest};

/// What the controller says about a list of tags that is empty or was never read.
const NO_TAGS: &str = "retrying in 30s error: no tags in database";
/// What the controller says about workload identity with its default feature gates.
const FEATURE_GATE: &str = "to use spec.serviceAccountName in the ImageRepository for provider \
    authentication please enable the ObjectLevelWorkloadIdentity feature gate in the controller";

/// How many policies ask for a digest at once.
const PARALLEL_DIGESTS: usize = 8;

/// Decides every gathered policy, by key.
pub(super) async fn decide_all(
    services: &Services,
    gathered: &Gathered,
    repositories: &BTreeMap<NamespacedName, RepositoryOutcome>,
    include_suspended: &dyn Fn(&NamespacedName) -> bool,
) -> Vec<PolicyOutcome> {
    stream::iter(&gathered.policies)
        .map(|(key, policy)| async move {
            if policy.spec.suspend && !include_suspended(key) {
                PolicyOutcome {
                    object: policy.clone(),
                    state: PolicyState::Held(policy.status.latest()),
                    notes: Vec::new(),
                }
            } else {
                decide(services, gathered, repositories, policy).await
            }
        })
        .buffered(PARALLEL_DIGESTS)
        .collect()
        .await
}

async fn decide(
    services: &Services,
    gathered: &Gathered,
    repositories: &BTreeMap<NamespacedName, RepositoryOutcome>,
    policy: &ImagePolicy,
) -> PolicyOutcome {
    let mut notes = Vec::new();
    let state = match choose(gathered, repositories, policy) {
        Err((failure, selection)) => {
            notes.extend(
                selection
                    .iter()
                    .flat_map(|lost| doubts(&policy.key(), lost)),
            );
            PolicyState::Undecided { failure, selection }
        }
        Ok((repository, selection)) => {
            notes.extend(doubts(&policy.key(), &selection));
            let tag = selection.tag().unwrap_or_default().to_owned();
            match with_digest(services, policy, repository, tag, &mut notes).await {
                Ok(latest) => PolicyState::Selected { latest, selection },
                Err(failure) => PolicyState::Undecided {
                    failure,
                    selection: Some(selection),
                },
            }
        }
    };
    PolicyOutcome {
        object: policy.clone(),
        state,
        notes,
    }
}

/// The warnings of a choice, naming its policy.
pub(super) fn doubts(policy: &NamespacedName, selection: &Selection) -> Vec<Note> {
    selection
        .warnings()
        .iter()
        .map(|warning| Note::warning(warning.code(), format!("policy {policy}: {warning}")))
        .collect()
}

/// The controller's failure for a policy that chooses nothing.
pub(super) fn no_choice(error: &SelectionError) -> Failure {
    let failure = if error.stalled() {
        Failure::stalled("InvalidPolicy", format!("failed to filter tags: {error}"))
    } else {
        Failure::new("Failure", error.to_string())
    };
    failure.with_hint(error.hint())
}

/// The controller's failure for a policy without tags to choose from.
pub(super) fn no_tags(hint: String) -> Failure {
    Failure::new("DependencyNotReady", NO_TAGS).with_hint(Some(hint))
}

/// The controller's failure for a policy whose rules cannot be read.
pub(super) fn invalid(error: &PolicyError) -> Failure {
    Failure::stalled("InvalidPolicy", format!("invalid policy: {error}"))
}

/// How the tags lost, counted: what to know before changing the policy.
fn how_tags_lost(
    rules: &Policy,
    policy: &ImagePolicy,
    selection: &Selection,
    tags: &[String],
) -> String {
    let range = policy
        .spec
        .policy
        .semver
        .as_ref()
        .map_or("", |semver| semver.range.as_str());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in selection.explain(rules, tags).rows() {
        *counts.entry(row.verdict.code()).or_default() += 1;
    }
    let outside = format!("are outside the range \"{range}\"");
    let parts: Vec<String> = [
        ("no-match", "do not match filterTags.pattern"),
        ("no-version", "are no versions"),
        ("no-number", "are no numbers"),
        ("outside-range", &outside),
    ]
    .into_iter()
    .filter_map(|(code, what)| Some(format!("{} {what}", counts.get(code)?)))
    .collect();
    format!(
        "of {} tags, {}; 'tags {}' lists them",
        tags.len(),
        parts.join(", "),
        policy.metadata.name
    )
}

type Undecided = (Failure, Option<Arc<Selection>>);

/// Everything up to the tag.
fn choose<'g>(
    gathered: &'g Gathered,
    repositories: &BTreeMap<NamespacedName, RepositoryOutcome>,
    policy: &ImagePolicy,
) -> Result<(&'g ImageRepository, Arc<Selection>), Undecided> {
    let fail = |failure: Failure| (failure, None);
    check_interval(policy).map_err(fail)?;
    let repository = repository(gathered, policy).map_err(fail)?;
    ImageName::parse(&repository.spec.image)
        .map_err(|error| fail(Failure::stalled("ImageURLInvalid", error.to_string())))?;
    if uses_workload_identity(repository) {
        return Err(fail(Failure::stalled("FeatureGateDisabled", FEATURE_GATE)));
    }
    let rules = Policy::new(&policy.spec).map_err(|error| fail(invalid(&error)))?;
    let scan = tags(repositories, &repository.key()).map_err(fail)?;
    let selection = Arc::new(rules.select(scan.stored.as_ref()));
    if let Some(error) = selection.error() {
        let failure = no_choice(error);
        let failure = if matches!(error, SelectionError::Empty | SelectionError::NoneInRange) {
            let lost = how_tags_lost(&rules, policy, &selection, &scan.stored);
            failure.with_hint(Some(lost))
        } else {
            failure
        };
        return Err((failure, Some(selection)));
    }
    Ok((repository, selection))
}

fn check_interval(policy: &ImagePolicy) -> Result<(), Failure> {
    let always = policy.spec.digest_reflection_policy.as_deref() == Some("Always");
    if always && policy.spec.interval.is_none() {
        return Err(Failure::stalled(
            "IntervalNotConfigured",
            "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
        ));
    }
    Ok(())
}

/// The repository a policy refers to, if it may.
pub(super) fn repository<'g>(
    gathered: &'g Gathered,
    policy: &ImagePolicy,
) -> Result<&'g ImageRepository, Failure> {
    const PREFIX: &str = "failed to get the referred ImageRepository: ";
    let key = policy.repository_key();
    if let Some(refusal) = gathered.unread.get(&key) {
        return Err(Failure::local(
            "DependencyNotReady",
            format!("{PREFIX}{refusal}"),
        ));
    }
    let repository = gathered.repositories.get(&key).ok_or_else(|| {
        Failure::new(
            "DependencyNotReady",
            format!(
                "{PREFIX}referenced ImageRepository does not exist: \
                 ImageRepository.image.toolkit.fluxcd.io \"{}\" not found",
                key.name
            ),
        )
    })?;
    let none = BTreeMap::new();
    let labels = match gathered.namespaces.get(&policy.metadata.namespace) {
        Some(Ok(labels)) => labels,
        Some(Err(refusal)) => {
            return Err(Failure::local("AccessDenied", format!("{PREFIX}{refusal}")));
        }
        None => &none,
    };
    match access::denied(repository, &policy.key(), labels) {
        Some(denied) => Err(Failure::new("AccessDenied", format!("{PREFIX}{denied}"))),
        None => Ok(repository),
    }
}

fn uses_workload_identity(repository: &ImageRepository) -> bool {
    let cloud = !matches!(
        repository.spec.provider.as_deref(),
        None | Some("" | "generic")
    );
    cloud
        && repository
            .spec
            .service_account_name
            .as_deref()
            .is_some_and(|name| !name.is_empty())
}

/// The tags that were scanned now. Without a scan nothing is decided (D13, D14), in the words that
/// the controller has for a list it does not have.
fn tags<'r>(
    repositories: &'r BTreeMap<NamespacedName, RepositoryOutcome>,
    key: &NamespacedName,
) -> Result<&'r Scan, Failure> {
    match repositories.get(key).map(|outcome| &outcome.state) {
        Some(RepositoryState::Scanned(scan)) if scan.stored.is_empty() => {
            Err(no_tags(if scan.listed.is_empty() {
                format!("image repository {key} has no tags")
            } else {
                format!("the exclusion list of image repository {key} leaves out every tag")
            }))
        }
        Some(RepositoryState::Scanned(scan)) => Ok(scan),
        Some(RepositoryState::Failed(failure)) => Err(Failure {
            local: failure.local,
            ..no_tags(format!("image repository {key} could not be scanned"))
        }),
        Some(RepositoryState::Suspended) => Err(no_tags(format!(
            "image repository {key} is suspended, so it offers no tags"
        ))),
        None => Err(no_tags(format!("image repository {key} was not scanned"))),
    }
}

/// The chosen image, with its digest when the policy reflects it.
async fn with_digest(
    services: &Services,
    policy: &ImagePolicy,
    repository: &ImageRepository,
    tag: String,
    notes: &mut Vec<Note>,
) -> Result<ImageRef, Failure> {
    let mut latest = ImageRef {
        name: repository.spec.image.clone(),
        tag,
        digest: None,
    };
    let stored = policy.status.latest();
    let reflection = policy.spec.digest_reflection_policy.as_deref();
    match reflects_digest(reflection, stored.as_ref(), &latest) {
        crate::policy::DigestReflection::None => return Ok(latest),
        crate::policy::DigestReflection::Keep(digest) => {
            latest.digest = Some(digest);
            return Ok(latest);
        }
        crate::policy::DigestReflection::Fetch if services.registry.is_list() => {
            notes.push(Note::warning(
                "digest-unknown",
                format!(
                    "policy {}: a list of tags holds no digests, so that of {} is not known; markers \
                     are explained as if there were none",
                    policy.key(),
                    latest.tag
                ),
            ));
            return Ok(latest);
        }
        crate::policy::DigestReflection::Fetch => {}
    }
    let failed = |cause: String| {
        Failure::new(
            "Failed",
            format!(
                "failed fetching digest of {}:{}: {cause}",
                latest.name, latest.tag
            ),
        )
    };
    let prepared = scan::prepare(services, repository)
        .await
        .map_err(|failure| Failure {
            local: failure.local,
            ..failed(failure.message)
        })?;
    let mut request = prepared.request;
    // The controller does not hand spec.insecure on to this request; same answers as the
    // controllers means the same here.
    request.insecure = false;
    let answer = tokio::select! {
        answer = services.registry.digest(&request, &latest.tag) => answer,
        () = interrupted(&services.cancellation) => return Err(failed("interrupted".to_owned())),
    };
    let digest = answer.map_err(|error| {
        failed(format!(
            "failed fetching descriptor for \"{}:{}\": {}",
            latest.name, latest.tag, error.message
        ))
        .with_hint(error.hint.clone())
    })?;
    latest.digest = Some(digest.to_string());
    Ok(latest)
}

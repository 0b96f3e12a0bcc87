//! Tags of an image, and what policies make of them.
//!
//! Refuses: to choose anything itself; it brings lists and policies together.

use std::ops::ControlFlow;

use super::alike::{self, Missing};
use super::gather::{self, GatherError, Gathered, Scope, Targets};
use super::policies;
use super::run::{OpsError, Services};
use super::scan;
use crate::api::{ImagePolicy, ImagePolicySpec, ImageRepository, Kind};
use crate::image::ImageName;
use crate::key::NamespacedName;
use crate::model::{Failure, Note, RepositoryState, Scan, TagReport};
use crate::policy::{Exclusion, Policy, Sieve, WholeListNeeded};
use crate::ports::Objects;

/// Interval of an image without an object: the limit for its scan.
const SCAN_LIMIT: &str = "5m";

/// Whose tags are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagsTarget {
    /// Every policy of the scope.
    Policies,
    /// A policy, or else a repository, of this name.
    Named(String),
    /// One object of this kind.
    Object(Kind, String),
    /// An image, without any object.
    Image(ImageName),
    /// Nothing but a list that is at hand.
    List,
}

/// A policy, a repository or an image whose tags are wanted.
#[derive(Clone, Debug, Default)]
pub struct TagsSubject {
    policy: Option<ImagePolicy>,
    repository: Option<ImageRepository>,
    /// Why the policy may not read its repository, or has none.
    failure: Option<Failure>,
}

/// The tags of a subject as its registry listed them, or why there are none.
#[derive(Clone, Debug)]
pub struct ListedTags(Result<Scan, Failure>);

impl ListedTags {
    /// The tags in the registry's order; none after a failure.
    pub fn tags(&self) -> Vec<&str> {
        match &self.0 {
            Ok(scan) => scan.listed.iter().map(String::as_str).collect(),
            Err(_) => Vec::new(),
        }
    }
}

/// Finds whose tags are wanted.
pub async fn find_subjects(
    objects: &dyn Objects,
    scope: &Scope,
    target: &TagsTarget,
) -> Result<Vec<TagsSubject>, OpsError> {
    let find = async |kind, names: Vec<String>| {
        let targets = Targets {
            kinds: vec![kind],
            names,
        };
        let mut gathered = gather::gather(objects, scope, &targets, false).await?;
        gather::add_suspended(objects, &mut gathered).await?;
        Ok::<Gathered, GatherError>(gathered)
    };
    let subjects = match target {
        TagsTarget::Policies => of_policies(&find(Kind::ImagePolicy, Vec::new()).await?),
        TagsTarget::Object(kind, name) => {
            let gathered = find(*kind, vec![name.clone()]).await;
            let gathered = alike::or_hinted(gathered, objects, scope).await?;
            only_one(name, of_kind(*kind, &gathered))?
        }
        TagsTarget::Named(name) => {
            let policies = match find(Kind::ImagePolicy, vec![name.clone()]).await {
                Ok(gathered) => of_policies(&gathered),
                Err(GatherError::NotFound(_)) => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            let repositories = match find(Kind::ImageRepository, vec![name.clone()]).await {
                Ok(gathered) => of_kind(Kind::ImageRepository, &gathered),
                Err(GatherError::NotFound(_)) if !policies.is_empty() => Vec::new(),
                Err(GatherError::NotFound(_)) => return Err(unknown(objects, scope, name).await),
                Err(error) => return Err(error.into()),
            };
            disagreement(name, &policies, &repositories)?;
            let found = if policies.is_empty() {
                repositories
            } else {
                policies
            };
            only_one(name, found)?
        }
        TagsTarget::Image(image) => {
            let mut repository = ImageRepository::default();
            repository.spec.image = image.to_string();
            SCAN_LIMIT.clone_into(&mut repository.spec.interval);
            vec![TagsSubject {
                repository: Some(repository),
                ..TagsSubject::default()
            }]
        }
        TagsTarget::List => vec![TagsSubject::default()],
    };
    Ok(subjects)
}

fn of_kind(kind: Kind, gathered: &Gathered) -> Vec<TagsSubject> {
    if kind == Kind::ImagePolicy {
        return of_policies(gathered);
    }
    let repositories = gathered.repositories.values().cloned();
    repositories
        .map(|repository| TagsSubject {
            repository: Some(repository),
            ..TagsSubject::default()
        })
        .collect()
}

fn of_policies(gathered: &Gathered) -> Vec<TagsSubject> {
    let policies = gathered.policies.values();
    policies
        .map(|policy| {
            let (repository, failure) = match policies::repository(gathered, policy) {
                Ok(repository) => (Some(repository.clone()), None),
                Err(failure) => (None, Some(failure)),
            };
            TagsSubject {
                policy: Some(policy.clone()),
                repository,
                failure,
            }
        })
        .collect()
}

async fn unknown(objects: &dyn Objects, scope: &Scope, name: &str) -> OpsError {
    let sentence = format!("there is no image policy and no image repository \"{name}\"");
    let kinds = [Kind::ImagePolicy, Kind::ImageRepository];
    let missing = Missing::of_kinds(&kinds, name, sentence);
    alike::hinted(GatherError::NotFound(missing), objects, scope)
        .await
        .into()
}

/// A name that fits both kinds is no question as long as the policy reads that very repository.
fn disagreement(
    name: &str,
    policies: &[TagsSubject],
    repositories: &[TagsSubject],
) -> Result<(), OpsError> {
    for policy in policies
        .iter()
        .filter_map(|subject| subject.policy.as_ref())
    {
        let namesake = repositories
            .iter()
            .filter_map(|subject| subject.repository.as_ref())
            .find(|repository| repository.metadata.namespace == policy.metadata.namespace);
        let reads = policy.repository_key();
        if namesake.is_some_and(|repository| repository.key() != reads) {
            return Err(OpsError::Ambiguous(format!(
                "\"{name}\" is an image policy, which reads the image repository {reads}, and \
                 another image repository; say policy/{name} or repository/{name}"
            )));
        }
    }
    Ok(())
}

fn only_one(name: &str, subjects: Vec<TagsSubject>) -> Result<Vec<TagsSubject>, OpsError> {
    if subjects.len() > 1 {
        return Err(OpsError::Ambiguous(format!(
            "\"{name}\" is in several namespaces; choose one with -n"
        )));
    }
    Ok(subjects)
}

impl TagsSubject {
    /// A policy that need not exist, over a list that is at hand.
    pub fn of_spec(key: &NamespacedName, spec: &ImagePolicySpec) -> Self {
        let mut policy = ImagePolicy::default();
        policy.metadata.namespace.clone_from(&key.namespace);
        policy.metadata.name.clone_from(&key.name);
        policy.spec = spec.clone();
        Self {
            policy: Some(policy),
            ..Self::default()
        }
    }

    /// What becomes of these tags, whatever registry they are from.
    pub fn judge<'t>(&self, tags: Vec<&'t str>) -> TagReport<'t> {
        let mut report = TagReport {
            policy: self.policy.as_ref().map(ImagePolicy::key),
            image: self.image(),
            ..TagReport::default()
        };
        if let Err(failure) = self.exclude(tags, &mut report) {
            report.failure = Some(failure);
            return report;
        }
        if let Some(policy) = &self.policy {
            choose(policy, &mut report);
        }
        report
    }

    /// What becomes of the tags that a registry listed.
    pub fn judge_listed<'t>(&self, listed: &'t ListedTags) -> TagReport<'t> {
        let mut report = self.judge(listed.tags());
        match &listed.0 {
            Ok(scan) => report.credentials = Some(scan.credentials.clone()),
            Err(failure) => {
                report.selection = None;
                report.notes.clear();
                report.failure = Some(failure.clone());
            }
        }
        report
    }

    fn image(&self) -> String {
        let repository = self.repository.as_ref();
        repository.map_or_else(String::new, |repository| repository.spec.image.clone())
    }

    /// The exclusion list in effect; none without an object, since it belongs to one.
    fn exclusion(&self) -> Result<Option<Exclusion>, Failure> {
        let has_object = self.policy.is_some()
            || self
                .repository
                .as_ref()
                .is_some_and(|repository| !repository.metadata.name.is_empty());
        if !has_object {
            return Ok(None);
        }
        let list = self
            .repository
            .as_ref()
            .map_or(&[][..], |repository| &repository.spec.exclusion_list);
        Exclusion::new(list)
            .map(Some)
            .map_err(|error| Failure::new("ReadOperationFailed", format!("scan failed: {error}")))
    }

    fn exclude<'t>(&self, tags: Vec<&'t str>, report: &mut TagReport<'t>) -> Result<(), Failure> {
        report.kept = tags;
        let Some(exclusion) = self.exclusion()? else {
            return Ok(());
        };
        let TagReport { kept, excluded, .. } = report;
        kept.retain(|tag| match exclusion.position(tag) {
            None => true,
            Some(at) => {
                excluded.push((*tag, at));
                false
            }
        });
        report.exclusion = Some(exclusion);
        Ok(())
    }
}

/// Of a list that comes tag by tag, those that a subject's choice depends on.
struct Decisive<'p> {
    exclusion: &'p Exclusion,
    sieve: Sieve<'p>,
    /// That a tag was excluded is told when no other is left.
    excluded: Option<String>,
}

impl Decisive<'_> {
    fn pass(&mut self, tag: &str) -> ControlFlow<()> {
        if self.exclusion.position(tag).is_some() {
            self.excluded.get_or_insert_with(|| tag.to_owned());
            return ControlFlow::Continue(());
        }
        match self.sieve.pass(tag) {
            Ok(()) => ControlFlow::Continue(()),
            Err(WholeListNeeded) => ControlFlow::Break(()),
        }
    }
}

/// For each subject those few tags of a list that its choice depends on: judging them gives the tag,
/// the failure and the doubts that the whole list gives. `list` hands every tag to what it is given,
/// until that or itself breaks off. `None` when it did, and when a subject does not choose: the whole
/// list has to be judged then.
pub fn decisive_tags(
    subjects: &[TagsSubject],
    list: impl FnOnce(&mut dyn FnMut(&str) -> ControlFlow<()>) -> ControlFlow<()>,
) -> Option<Vec<Vec<String>>> {
    let rules = subjects.iter().map(|subject| {
        let exclusion = subject.exclusion().ok()??;
        let policy = Policy::new(&subject.policy.as_ref()?.spec).ok()?;
        Some((exclusion, policy))
    });
    let rules = rules.collect::<Option<Vec<_>>>()?;
    let decisive = rules.iter().map(|(exclusion, policy)| Decisive {
        exclusion,
        sieve: Sieve::new(policy),
        excluded: None,
    });
    let mut decisive: Vec<Decisive<'_>> = decisive.collect();
    let end = list(&mut |tag| {
        decisive
            .iter_mut()
            .try_for_each(|decisive| decisive.pass(tag))
    });
    if end.is_break() {
        return None;
    }
    let tags = decisive.into_iter().map(|decisive| {
        let mut tags = decisive.sieve.into_tags();
        tags.extend(decisive.excluded);
        tags
    });
    Some(tags.collect())
}

fn choose(policy: &ImagePolicy, report: &mut TagReport<'_>) {
    let key = policy.key();
    if policy.spec.suspend {
        report.notes.push(Note::info(
            "suspended",
            format!("policy {key} is suspended: it holds what it chose before"),
        ));
    }
    match Policy::new(&policy.spec) {
        Err(error) => report.failure = Some(policies::invalid(&error)),
        Ok(rules) if report.kept.is_empty() => {
            // The controller asks for the list before it filters.
            report.failure = Some(policies::no_tags(if report.excluded.is_empty() {
                "the list has no tags".to_owned()
            } else {
                "the exclusion list leaves out every tag".to_owned()
            }));
            report.rules = Some(rules);
        }
        Ok(rules) => {
            let selection = rules.select_unsorted(&report.kept);
            report.notes.extend(policies::doubts(&key, &selection));
            report.failure = selection.error().map(policies::no_choice);
            report.rules = Some(rules);
            report.selection = Some(selection);
        }
    }
}

/// Scans the registries of all subjects, each image and login once. A suspended repository is asked
/// too: nothing is decided here.
pub async fn list_tags(services: &Services, subjects: &[TagsSubject]) -> Vec<ListedTags> {
    let wanted: Vec<ImageRepository> = subjects
        .iter()
        .filter_map(|subject| subject.repository.clone())
        .collect();
    let mut scans = scan::scan_all(services, wanted, &|_| true)
        .await
        .into_iter();
    subjects
        .iter()
        .map(|subject| {
            let state = subject.repository.as_ref().and_then(|_| scans.next());
            if let Some(failure) = &subject.failure {
                return ListedTags(Err(failure.clone()));
            }
            ListedTags(match state.map(|outcome| outcome.state) {
                Some(RepositoryState::Scanned(scan)) => Ok(scan),
                Some(RepositoryState::Failed(failure)) => Err(failure),
                Some(RepositoryState::Suspended) | None => {
                    Err(Failure::new("Failure", "there is no registry to ask"))
                }
            })
        })
        .collect()
}

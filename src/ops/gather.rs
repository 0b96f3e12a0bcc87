//! Which objects a run needs, read once each.
//!
//! Automations need the policies of their namespace that their selector matches; policies need
//! their repositories. Nothing else is listed or got.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use thiserror::Error;

use super::alike::Missing;
use crate::api::{
    ApiError, ImagePolicy, ImageRepository, ImageUpdateAutomation, Kind, LabelSelector, Namespace,
    ReadObject,
};
use crate::key::NamespacedName;
use crate::ports::{ObjectScope, Objects, ObjectsError};
use crate::selector::Selector;

/// Requests to the API server under way at once.
const PARALLEL_READS: usize = 8;

/// Where a run looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// One namespace, or all.
    pub namespace: Option<String>,
    /// Label selector in kubectl's notation; for objects that are not named.
    pub labels: Option<String>,
}

/// What a run is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Kinds whose objects are wanted in their own right.
    pub kinds: Vec<Kind>,
    /// Names; none means all of the scope.
    pub names: Vec<String>,
}

/// The objects of a run.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// Repositories, by key.
    pub repositories: BTreeMap<NamespacedName, ImageRepository>,
    /// Policies, by key.
    pub policies: BTreeMap<NamespacedName, ImagePolicy>,
    /// Automations, in the order of the source.
    pub updates: Vec<ImageUpdateAutomation>,
    /// Keys of policies per automation, or the selector's error.
    pub selected: BTreeMap<NamespacedName, Result<Vec<NamespacedName>, String>>,
    /// Every policy in the namespaces of the automations, also those that no selector matches.
    pub known: BTreeSet<NamespacedName>,
    /// Repositories that policies name and that the API server did not show, with what it said.
    pub unread: BTreeMap<NamespacedName, String>,
    /// Labels of namespaces, as far as needed, or what the API server said.
    pub namespaces: BTreeMap<String, Result<BTreeMap<String, String>, String>>,
    /// Keys of objects that were asked for by kind or name, for `get`.
    pub wanted: BTreeSet<(Kind, NamespacedName)>,
    /// Of these, the ones that run although they are suspended.
    pub on_demand: BTreeSet<(Kind, NamespacedName)>,
}

/// Why the objects of a run could not be read.
#[derive(Debug, Error)]
pub enum GatherError {
    /// The source of objects failed.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// An object has a field of the wrong type.
    #[error("{}reading an object", place.as_deref().map(|p| format!("{p}: ")).unwrap_or_default())]
    Object {
        /// `file:line`, if known.
        place: Option<String>,
        /// Which field.
        #[source]
        source: ApiError,
    },
    /// Named objects that do not exist.
    #[error("{0}")]
    NotFound(Missing),
}

/// Reads everything that a run of `targets` needs.
pub(super) async fn gather(
    objects: &dyn Objects,
    scope: &Scope,
    targets: &Targets,
    include_suspended: bool,
) -> Result<Gathered, GatherError> {
    let mut gathered = needed(objects, scope, targets, include_suspended).await?;
    add_namespaces(objects, &mut gathered).await?;
    Ok(gathered)
}

/// The `targets` and the image objects that they need. Named ones may run although suspended.
pub(super) async fn needed(
    objects: &dyn Objects,
    scope: &Scope,
    targets: &Targets,
    include_suspended: bool,
) -> Result<Gathered, GatherError> {
    let mut gathered = Gathered::default();
    let mut missing = Vec::new();
    for kind in &targets.kinds {
        match kind {
            Kind::ImageRepository => {
                for object in find::<ImageRepository>(objects, scope, targets, &mut missing).await?
                {
                    gathered.wanted.insert((*kind, object.key()));
                    gathered.repositories.insert(object.key(), object);
                }
            }
            Kind::ImagePolicy => {
                for object in find::<ImagePolicy>(objects, scope, targets, &mut missing).await? {
                    gathered.wanted.insert((*kind, object.key()));
                    gathered.policies.insert(object.key(), object);
                }
            }
            Kind::ImageUpdateAutomation => {
                for object in
                    find::<ImageUpdateAutomation>(objects, scope, targets, &mut missing).await?
                {
                    gathered.wanted.insert((*kind, object.key()));
                    gathered.updates.push(object);
                }
            }
            Kind::GitRepository | Kind::Secret | Kind::ServiceAccount | Kind::Namespace => {}
        }
    }
    if !missing.is_empty() {
        return Err(GatherError::NotFound(Missing::each(&missing)));
    }
    if include_suspended && !targets.names.is_empty() {
        gathered.on_demand.clone_from(&gathered.wanted);
    }
    let on_demand = gathered.on_demand.clone();
    let runs = |kind: Kind, key: NamespacedName, suspended: bool| {
        !suspended || on_demand.contains(&(kind, key))
    };
    let updates = |update: &ImageUpdateAutomation| {
        runs(
            Kind::ImageUpdateAutomation,
            update.key(),
            update.spec.suspend,
        )
    };
    let policies =
        |policy: &ImagePolicy| runs(Kind::ImagePolicy, policy.key(), policy.spec.suspend);
    select_policies(objects, &mut gathered, &updates).await?;
    add_repositories(objects, &mut gathered, &policies).await?;
    Ok(gathered)
}

/// Also reads what suspended objects refer to, which a run has no need of.
pub(super) async fn add_suspended(
    objects: &dyn Objects,
    gathered: &mut Gathered,
) -> Result<(), GatherError> {
    select_policies(objects, gathered, &|update| update.spec.suspend).await?;
    add_repositories(objects, gathered, &|_| true).await?;
    add_namespaces(objects, gathered).await
}

/// The objects of one kind that were asked for: all of the scope, or the named ones.
async fn find<T>(
    objects: &dyn Objects,
    scope: &Scope,
    targets: &Targets,
    missing: &mut Vec<(Kind, String)>,
) -> Result<Vec<T>, GatherError>
where
    T: ReadObject,
{
    let kind = T::KIND;
    let one_namespace = scope.namespace.as_ref();
    if let (Some(namespace), false) = (one_namespace, targets.names.is_empty()) {
        let mut found = Vec::new();
        for name in &targets.names {
            let key = NamespacedName::new(namespace, name);
            match objects.get(kind, &key).await? {
                Some(value) => found.push(read(objects, &value)?),
                None => missing.push((kind, name.clone())),
            }
        }
        return Ok(found);
    }
    let listed = objects
        .list(
            kind,
            &ObjectScope {
                namespace: scope.namespace.clone(),
                labels: scope.labels.clone(),
                fields: None,
            },
        )
        .await?;
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for value in &listed {
        let name = value["metadata"]["name"].as_str().unwrap_or_default();
        if targets.names.is_empty() || targets.names.iter().any(|wanted| wanted == name) {
            seen.insert(name.to_owned());
            found.push(read(objects, value)?);
        }
    }
    missing.extend(
        targets
            .names
            .iter()
            .filter(|name| !seen.contains(*name))
            .map(|name| (kind, name.clone())),
    );
    Ok(found)
}

fn read<T: ReadObject>(objects: &dyn Objects, value: &serde_json::Value) -> Result<T, GatherError> {
    T::read(value).map_err(|source| {
        let key = NamespacedName::new(
            value["metadata"]["namespace"].as_str().unwrap_or_default(),
            value["metadata"]["name"].as_str().unwrap_or_default(),
        );
        GatherError::Object {
            place: objects.place(T::KIND, &key),
            source,
        }
    })
}

/// For each automation the policies of its namespace that its selector matches.
async fn select_policies(
    objects: &dyn Objects,
    gathered: &mut Gathered,
    wanted: &(dyn Fn(&ImageUpdateAutomation) -> bool + Sync),
) -> Result<(), GatherError> {
    let namespaces: BTreeSet<String> = gathered
        .updates
        .iter()
        .filter(|update| wanted(update))
        .map(|update| update.metadata.namespace.clone())
        .collect();
    let mut by_namespace: BTreeMap<String, Vec<ImagePolicy>> = BTreeMap::new();
    for namespace in namespaces {
        let scope = ObjectScope {
            namespace: Some(namespace.clone()),
            ..Default::default()
        };
        let policies = objects
            .list(Kind::ImagePolicy, &scope)
            .await?
            .iter()
            .map(|value| read(objects, value))
            .collect::<Result<_, _>>()?;
        by_namespace.insert(namespace, policies);
    }
    for update in gathered.updates.iter().filter(|update| wanted(update)) {
        let Some(policies) = by_namespace.get(&update.metadata.namespace) else {
            continue;
        };
        gathered.known.extend(policies.iter().map(ImagePolicy::key));
        let selected = matching(update.spec.policy_selector.as_ref(), policies);
        if let Ok(keys) = &selected {
            for policy in policies
                .iter()
                .filter(|policy| keys.contains(&policy.key()))
            {
                gathered
                    .policies
                    .entry(policy.key())
                    .or_insert_with(|| policy.clone());
            }
        }
        gathered.selected.insert(update.key(), selected);
    }
    Ok(())
}

fn matching(
    selector: Option<&LabelSelector>,
    policies: &[ImagePolicy],
) -> Result<Vec<NamespacedName>, String> {
    let selector = match selector {
        None => Selector::everything(),
        Some(selector) => {
            Selector::from_label_selector(selector).map_err(|error| error.to_string())?
        }
    };
    Ok(policies
        .iter()
        .filter(|policy| selector.matches(&policy.metadata.labels))
        .map(ImagePolicy::key)
        .collect())
}

/// The repositories that policies refer to.
async fn add_repositories(
    objects: &dyn Objects,
    gathered: &mut Gathered,
    wanted: &(dyn Fn(&ImagePolicy) -> bool + Sync),
) -> Result<(), GatherError> {
    let needed: BTreeSet<NamespacedName> = gathered
        .policies
        .values()
        .filter(|policy| wanted(policy))
        .map(ImagePolicy::repository_key)
        .filter(|key| !gathered.repositories.contains_key(key))
        .collect();
    let found: Vec<(NamespacedName, Result<_, String>)> = stream::iter(needed)
        .map(|key| async move {
            let answer = or_refusal(objects.get(Kind::ImageRepository, &key).await)?;
            Ok::<_, ObjectsError>((key, answer))
        })
        .buffered(PARALLEL_READS)
        .try_collect()
        .await?;
    for (key, answer) in found {
        match answer {
            Ok(Some(value)) => {
                gathered.repositories.insert(key, read(objects, &value)?);
            }
            Ok(None) => {}
            Err(refusal) => {
                gathered.unread.insert(key, refusal);
            }
        }
    }
    Ok(())
}

/// Labels of the namespaces whose policies refer across namespaces.
async fn add_namespaces(objects: &dyn Objects, gathered: &mut Gathered) -> Result<(), GatherError> {
    let needed: BTreeSet<String> = gathered
        .policies
        .values()
        .filter(|policy| {
            let key = policy.repository_key();
            // Without `accessFrom` nobody has access, whatever the labels.
            let asks = |repository: &ImageRepository| repository.spec.access_from.is_some();
            key.namespace != policy.metadata.namespace
                && gathered.repositories.get(&key).is_some_and(asks)
        })
        .map(|policy| policy.metadata.namespace.clone())
        .collect();
    for namespace in needed {
        let key = NamespacedName::new("", &namespace);
        let labels = match or_refusal(objects.get(Kind::Namespace, &key).await)? {
            Ok(Some(value)) => Ok(read::<Namespace>(objects, &value)?.metadata.labels),
            Ok(None) => Ok(BTreeMap::new()),
            Err(refusal) => Err(refusal),
        };
        gathered.namespaces.insert(namespace, labels);
    }
    Ok(())
}

/// A right that is missing, or a kind that the cluster does not have, concerns what needs it; the
/// rest of the run goes on. Anything else ends the run.
fn or_refusal<T>(answer: Result<T, ObjectsError>) -> Result<Result<T, String>, ObjectsError> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(error @ (ObjectsError::Answer { code: 403, .. } | ObjectsError::NoKind(_))) => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

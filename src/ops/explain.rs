//! The whole chain: image, tags, choice, markers, and why each is or is not written.
//!
//! Source of the way: the same scan, choice and plan as a run, stopped before anything is written.
//! Besides the automation's own path the rest of the tree is looked through, since a marker in the
//! wrong place is what people look for longest.

use std::collections::{BTreeMap, BTreeSet};

use super::alike::{self, Missing};
use super::gather::{self, GatherError, Gathered, Scope, Targets};
use super::run::{OpsError, RunOptions, Services, stop_if_cancelled};
use super::{message, policies, scan, updates};
use crate::api::{ImagePolicy, ImageRepository, ImageUpdateAutomation, Kind};
use crate::key::{NamespacedName, TreePath};
use crate::model::{
    AutomationChain, ExplainReport, ExplainedMarker, FoundMarker, MarkerReason, Note, PolicyChain,
    PolicyOutcome, PolicyState, RepositoryOutcome, RepositoryState, UpdateOutcome, UpdateState,
};
use crate::policy::{Exclusion, Policy, Selection, Verdict};
use crate::setters::MarkerState;

/// How many tags behind the chosen one are named.
const RUNNERS_UP: usize = 5;

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExplainTarget {
    /// A policy, a repository (its policies) or an automation of this name.
    Named(String),
    /// One object of this kind.
    Object(Kind, String),
    /// A line of a file: its path in the tree, or one that ends with that.
    Line {
        /// The path.
        path: String,
        /// The line, from 1.
        line: usize,
    },
}

/// The objects that an explanation is about.
#[derive(Debug, Default)]
struct Focus {
    policies: BTreeSet<NamespacedName>,
    updates: BTreeSet<NamespacedName>,
    /// Only markers of the policies are of interest.
    own_markers_only: bool,
}

/// Explains; nothing is written.
pub async fn explain(
    services: &Services,
    scope: &Scope,
    target: &ExplainTarget,
) -> Result<ExplainReport, OpsError> {
    let targets = Targets {
        kinds: Kind::IMAGE.to_vec(),
        names: Vec::new(),
    };
    let mut gathered = gather::gather(services.objects.as_ref(), scope, &targets, false).await?;
    gather::add_suspended(services.objects.as_ref(), &mut gathered).await?;
    let focus = match focus(target, &gathered) {
        Ok(focus) => focus,
        Err(OpsError::Gather(error)) => {
            let objects = services.objects.as_ref();
            return Err(alike::hinted(error, objects, scope).await.into());
        }
        Err(error) => return Err(error),
    };
    if services.registry.is_list() && !matches!(target, ExplainTarget::Line { .. }) {
        refuse_several_images(&gathered, &focus)?;
    }
    let repositories = scan_focus(services, &gathered, &focus).await;
    stop_if_cancelled(services, "nothing was written")?;
    let decided = decide(services, &gathered, &focus, &repositories).await;
    stop_if_cancelled(services, "nothing was written")?;
    let (mut automations, notes) = plan(services, gathered.clone(), &focus, &decided).await?;
    let mut shown = focus.policies.clone();
    if let ExplainTarget::Line { path, line } = target {
        shown = keep_line(&mut automations, path, *line)?;
    }
    Ok(ExplainReport {
        policies: decided
            .iter()
            .filter(|outcome| shown.contains(&outcome.object.key()))
            .map(|outcome| policy_chain(outcome, &repositories))
            .collect(),
        automations,
        notes,
    })
}

fn focus(target: &ExplainTarget, gathered: &Gathered) -> Result<Focus, OpsError> {
    match target {
        ExplainTarget::Line { .. } => Ok(Focus {
            policies: gathered.policies.keys().cloned().collect(),
            updates: gathered
                .updates
                .iter()
                .map(ImageUpdateAutomation::key)
                .collect(),
            own_markers_only: false,
        }),
        ExplainTarget::Object(kind, name) => named(*kind, name, gathered)
            .ok_or_else(|| GatherError::NotFound(Missing::each(&[(*kind, name.clone())])).into()),
        ExplainTarget::Named(name) => bare_name(name, gathered),
    }
}

/// Policy, then repository, then automation. A policy and an automation of one name agree when the
/// automation takes the policy.
fn bare_name(name: &str, gathered: &Gathered) -> Result<Focus, OpsError> {
    let found: Vec<(Kind, Focus)> = [
        Kind::ImagePolicy,
        Kind::ImageRepository,
        Kind::ImageUpdateAutomation,
    ]
    .into_iter()
    .filter_map(|kind| Some((kind, named(kind, name, gathered)?)))
    .collect();
    let policies = |focus: &Focus| focus.policies.clone();
    let kinds: Vec<Kind> = found.iter().map(|(kind, _)| *kind).collect();
    let mut found = found.into_iter();
    let Some((kind, first)) = found.next() else {
        let sentence = format!(
            "there is no image policy, image repository or image update automation \"{name}\""
        );
        let missing = Missing::of_kinds(&Kind::IMAGE, name, sentence);
        return Err(GatherError::NotFound(missing).into());
    };
    if let Some((other, _)) = found.find(|(_, other)| first.policies.is_disjoint(&policies(other)))
    {
        let words = kinds.iter().map(|kind| kind.words().first().copied());
        let choices: Vec<String> = words
            .flatten()
            .map(|word| format!("{word}/{name}"))
            .collect();
        return Err(OpsError::Ambiguous(format!(
            "\"{name}\" is an {} and an {} that have nothing to do with each other; say {}",
            kind.human(),
            other.human(),
            choices.join(" or ")
        )));
    }
    Ok(first)
}

/// The objects around one name; `None` when there is no such object.
fn named(kind: Kind, name: &str, gathered: &Gathered) -> Option<Focus> {
    let of_policies = |policies: BTreeSet<NamespacedName>| Focus {
        updates: gathered
            .updates
            .iter()
            .filter(|update| {
                policies
                    .iter()
                    .any(|policy| policy.namespace == update.metadata.namespace)
            })
            .map(ImageUpdateAutomation::key)
            .collect(),
        policies,
        own_markers_only: true,
    };
    match kind {
        Kind::ImagePolicy => {
            let keys = gathered.policies.keys().filter(|key| key.name == name);
            let keys: BTreeSet<NamespacedName> = keys.cloned().collect();
            (!keys.is_empty()).then(|| of_policies(keys))
        }
        Kind::ImageRepository => {
            let repository = gathered.repositories.keys().find(|key| key.name == name)?;
            let policies = gathered.policies.values();
            let readers = policies.filter(|policy| policy.repository_key() == *repository);
            Some(of_policies(readers.map(ImagePolicy::key).collect()))
        }
        Kind::ImageUpdateAutomation => {
            let update = gathered
                .updates
                .iter()
                .find(|update| update.metadata.name == name)?;
            let selected = gathered.selected.get(&update.key());
            let policies = selected.and_then(|selected| selected.as_ref().ok());
            Some(Focus {
                policies: policies.into_iter().flatten().cloned().collect(),
                updates: BTreeSet::from([update.key()]),
                own_markers_only: false,
            })
        }
        _ => None,
    }
}

/// One list cannot stand for the tags of several images. A line names one policy, whichever it is.
fn refuse_several_images(gathered: &Gathered, focus: &Focus) -> Result<(), OpsError> {
    let images: BTreeSet<&str> = gathered
        .policies
        .values()
        .filter(|policy| focus.policies.contains(&policy.key()))
        .filter_map(|policy| gathered.repositories.get(&policy.repository_key()))
        .map(|repository| repository.spec.image.as_str())
        .collect();
    if images.len() < 2 {
        return Ok(());
    }
    let images: Vec<&str> = images.into_iter().collect();
    Err(OpsError::Ambiguous(format!(
        "the list of tags would stand for {} images ({}); explain one policy at a time",
        images.len(),
        images.join(", ")
    )))
}

/// Scans the repositories that the policies in focus read, no others.
async fn scan_focus(
    services: &Services,
    gathered: &Gathered,
    focus: &Focus,
) -> BTreeMap<NamespacedName, RepositoryOutcome> {
    let needed: BTreeSet<NamespacedName> = gathered
        .policies
        .values()
        .filter(|policy| focus.policies.contains(&policy.key()))
        .map(ImagePolicy::repository_key)
        .collect();
    let wanted: Vec<ImageRepository> = needed
        .iter()
        .filter_map(|key| gathered.repositories.get(key).cloned())
        .collect();
    scan::scan_all(services, wanted, &|_| false)
        .await
        .into_iter()
        .map(|outcome| (outcome.object.key(), outcome))
        .collect()
}

/// Decides the policies in focus; the others stand by what their status says, so that markers that
/// name them are told from markers that name nothing.
async fn decide(
    services: &Services,
    gathered: &Gathered,
    focus: &Focus,
    repositories: &BTreeMap<NamespacedName, RepositoryOutcome>,
) -> Vec<PolicyOutcome> {
    let mut in_focus = gathered.clone();
    in_focus
        .policies
        .retain(|key, _| focus.policies.contains(key));
    let mut decided = policies::decide_all(services, &in_focus, repositories, &|_| false).await;
    let others = gathered
        .policies
        .values()
        .filter(|policy| !focus.policies.contains(&policy.key()));
    decided.extend(others.map(|policy| PolicyOutcome {
        object: policy.clone(),
        state: PolicyState::Held(policy.status.latest()),
        notes: Vec::new(),
    }));
    if services.registry.is_list() {
        hint_at_tags(&mut decided, repositories);
    }
    decided
}

/// A list does for the tags of a repository, not for its image; who only wants a choice needs neither.
fn hint_at_tags(
    decided: &mut [PolicyOutcome],
    repositories: &BTreeMap<NamespacedName, RepositoryOutcome>,
) {
    for outcome in decided {
        let key = outcome.object.repository_key();
        if let PolicyState::Undecided { failure, .. } = &mut outcome.state
            && !repositories.contains_key(&key)
            && failure.hint.is_none()
        {
            let name = &outcome.object.metadata.name;
            failure.hint = Some(format!(
                "'tags {name} --tags-from' shows what the policy chooses without its repository"
            ));
        }
    }
}

/// Plans each automation twice in one fetch: on its own path, and on the whole tree for the markers
/// that the path misses.
async fn plan(
    services: &Services,
    mut gathered: Gathered,
    focus: &Focus,
    decided: &[PolicyOutcome],
) -> Result<(Vec<AutomationChain>, Vec<Note>), OpsError> {
    let mut chains = Vec::new();
    let mut doubled = Vec::new();
    for update in &gathered.updates {
        let key = update.key();
        if !focus.updates.contains(&key) {
            continue;
        }
        let selects = match gathered.selected.get(&key) {
            Some(Ok(selected)) => selected.iter().any(|key| focus.policies.contains(key)),
            Some(Err(_)) | None => true,
        };
        chains.push(AutomationChain {
            suspended: update.spec.suspend,
            selects: selects || !focus.own_markers_only,
            path: TreePath::clamp(update.update_path()).to_string(),
            automation: key,
            ..AutomationChain::default()
        });
        let mut whole_tree = update.clone();
        if let Some(update) = &mut whole_tree.spec.update {
            update.path = None;
        }
        doubled.extend([update.clone(), whole_tree]);
    }
    gathered.updates = doubled;
    let options = RunOptions::default();
    let templates = message::read_all(&options, &gathered.updates);
    let choices = updates::Choices {
        policies: decided,
        ahead: &[],
    };
    let (outcomes, notes) =
        updates::run_all(services, &options, &gathered, templates, choices, &|_| true).await?;
    for (chain, pair) in chains.iter_mut().zip(outcomes.chunks(2)) {
        if let [own, whole_tree] = pair {
            fill(chain, own, whole_tree, focus);
        }
    }
    // Every automation ran twice, and said some things twice.
    let mut said: Vec<Note> = Vec::new();
    for note in notes {
        if !said.contains(&note) {
            said.push(note);
        }
    }
    Ok((chains, said))
}

fn fill(
    chain: &mut AutomationChain,
    own: &UpdateOutcome,
    whole_tree: &UpdateOutcome,
    focus: &Focus,
) {
    match &own.state {
        UpdateState::Failed { failure, .. } => chain.failure = Some(failure.clone()),
        UpdateState::Planned {
            revision, branch, ..
        } => {
            chain.revision.clone_from(revision);
            chain.branch.clone_from(branch);
        }
        UpdateState::Suspended | UpdateState::Applied { .. } => {}
    }
    let under = TreePath::clamp(&chain.path);
    let markers = own.plan().into_iter().flat_map(|plan| &plan.markers);
    let mut explained: Vec<ExplainedMarker> = markers
        .map(|found| inside(found, chain.suspended))
        .collect();
    let markers = whole_tree.plan().into_iter().flat_map(|plan| &plan.markers);
    explained.extend(
        markers
            .filter(|found| found.path.below(&under).is_none())
            .map(|found| ExplainedMarker {
                found: found.clone(),
                reason: MarkerReason::OutsidePath,
                sentence: format!(
                    "the file is outside of spec.update.path ({})",
                    own.object.update_path()
                ),
            }),
    );
    if focus.own_markers_only {
        explained.retain(|marker| {
            focus
                .policies
                .iter()
                .any(|policy| names(&marker.found, policy))
        });
    }
    explained.sort_by(|left, right| {
        let place = |marker: &ExplainedMarker| {
            let found = &marker.found;
            (found.path.clone(), found.marker.line, found.marker.column)
        };
        place(left).cmp(&place(right))
    });
    chain.markers = explained;
}

/// Why a marker below the automation's path is or is not written.
fn inside(found: &FoundMarker, suspended: bool) -> ExplainedMarker {
    let state = found.marker.state;
    let (reason, sentence) = match state {
        MarkerState::Updated if suspended => (
            MarkerReason::AutomationSuspended,
            "it would be written, but the automation is suspended".to_owned(),
        ),
        MarkerState::Updated => (
            MarkerReason::State(state),
            "the next run writes it".to_owned(),
        ),
        MarkerState::Current => (
            MarkerReason::State(state),
            "it has the value already".to_owned(),
        ),
        MarkerState::UnreadableFile => (
            MarkerReason::State(state),
            "the controllers cannot read the file, so nothing in it is written".to_owned(),
        ),
        _ => (
            MarkerReason::State(state),
            found.marker.warning().unwrap_or_default(),
        ),
    };
    ExplainedMarker {
        found: found.clone(),
        reason,
        sentence,
    }
}

/// Whether a marker's text names the policy, whichever part it asks for; a malformed one need only
/// mention it.
fn names(found: &FoundMarker, policy: &NamespacedName) -> bool {
    if found.marker.state == MarkerState::Malformed {
        return found.marker.setter.contains(&policy.name);
    }
    let mut parts = found.marker.setter.split(':');
    parts.next() == Some(&policy.namespace) && parts.next() == Some(&policy.name)
}

/// Keeps the markers of one line, and returns the policies that they name.
fn keep_line(
    automations: &mut Vec<AutomationChain>,
    path: &str,
    line: usize,
) -> Result<BTreeSet<NamespacedName>, OpsError> {
    let wanted = TreePath::clamp(path);
    let fits = |found: &TreePath| {
        *found == wanted
            || wanted
                .as_str()
                .strip_suffix(found.as_str())
                .is_some_and(|rest| rest.ends_with('/'))
    };
    let mut lines = BTreeSet::new();
    for chain in automations.iter_mut() {
        chain.markers.retain(|marker| fits(&marker.found.path));
        lines.extend(chain.markers.iter().map(|marker| marker.found.marker.line));
        chain
            .markers
            .retain(|marker| marker.found.marker.line == line);
    }
    // What could not be planned may be the answer.
    automations.retain(|chain| !chain.markers.is_empty() || chain.failure.is_some());
    let found = automations.iter().flat_map(|chain| &chain.markers);
    let policies: BTreeSet<NamespacedName> = found
        .filter_map(|marker| {
            let mut parts = marker.found.marker.setter.split(':');
            Some(NamespacedName::new(parts.next()?, parts.next()?))
        })
        .collect();
    if automations.is_empty() {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        return Err(OpsError::NoMarker(if lines.is_empty() {
            format!("no automation finds a marker in {path}")
        } else {
            format!(
                "there is no marker in line {line} of {path}; its markers are in {}",
                lines.join(", ")
            )
        }));
    }
    Ok(policies)
}

fn policy_chain(
    outcome: &PolicyOutcome,
    repositories: &BTreeMap<NamespacedName, RepositoryOutcome>,
) -> PolicyChain {
    let policy = &outcome.object;
    let spec = &policy.spec;
    let mut chain = PolicyChain {
        policy: policy.key(),
        repository: policy.repository_key(),
        filter: spec
            .filter_tags
            .as_ref()
            .map(|filter| (filter.pattern.clone(), filter.extract.clone())),
        stored: policy.status.latest(),
        notes: outcome.notes.clone(),
        ..PolicyChain::default()
    };
    let rules = Policy::new(spec).ok();
    chain.order = rules.as_ref().map(|rules| rules.best().to_owned());
    let selection = match &outcome.state {
        PolicyState::Selected { latest, selection } => {
            chain.selected = Some(latest.clone());
            Some(selection)
        }
        PolicyState::Held(held) => {
            chain.selected.clone_from(held);
            chain.held = true;
            None
        }
        PolicyState::Undecided { failure, selection } => {
            chain.failure = Some(failure.clone());
            selection.as_ref()
        }
    };
    let Some(repository) = repositories.get(&chain.repository) else {
        return chain;
    };
    chain.image = Some(repository.object.spec.image.clone());
    if let RepositoryState::Scanned(scan) = &repository.state {
        chain.credentials = Some(scan.credentials.clone());
        chain.listed = Some(scan.listed.len());
        chain.excluded = excluded(&scan.listed, &scan.exclusion_list);
        if let (Some(rules), Some(selection)) = (&rules, selection) {
            count_verdicts(&mut chain, rules, selection, &scan.stored);
        }
    }
    chain
}

/// How many tags each pattern of the exclusion list left out.
fn excluded(listed: &[String], list: &[String]) -> Vec<(String, usize)> {
    let Ok(exclusion) = Exclusion::new(list) else {
        return Vec::new();
    };
    let mut counts = vec![0; list.len()];
    for at in listed.iter().filter_map(|tag| exclusion.position(tag)) {
        counts[at] += 1;
    }
    list.iter()
        .cloned()
        .zip(counts)
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn count_verdicts(
    chain: &mut PolicyChain,
    rules: &Policy,
    selection: &Selection,
    stored: &[String],
) {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for row in selection.explain(rules, stored).rows() {
        *counts.entry(row.verdict.code()).or_default() += 1;
        if row.verdict.code() == "candidate" && chain.runners_up.len() < RUNNERS_UP {
            chain.runners_up.push(row.tag.to_owned());
        }
    }
    // In the order of the chain, not of the alphabet.
    chain.verdicts = Verdict::CODES
        .iter()
        .filter_map(|code| Some((*code, *counts.get(code)?)))
        .collect();
}

//! One evaluation of a policy: the winner, and what became of every other tag.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

use thiserror::Error;

use super::rules::{Filter, Order, Policy};
use crate::number::parse_float;
use crate::semver::{Constraint, Version, VersionError};

/// Doubles above this hold no longer every integer.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// What became of one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The filter's pattern does not match.
    NoMatch,
    /// Another tag gave the same item and owns it.
    Collision(String),
    /// The item is no version, with Masterminds' reason.
    NoVersion(String),
    /// The item is no number.
    NoNumber,
    /// The version is outside the range, with Masterminds' reasons.
    OutsideRange(Vec<String>),
    /// In the choice, at this rank from 1.
    Candidate(usize),
    /// Chosen.
    Selected,
}

impl Verdict {
    /// Stable code, listed in `docs/reasons.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoMatch => "no-match",
            Self::Collision(_) => "collision",
            Self::NoVersion(_) => "no-version",
            Self::NoNumber => "no-number",
            Self::OutsideRange(_) => "outside-range",
            Self::Candidate(_) => "candidate",
            Self::Selected => "selected",
        }
    }
}

/// Why nothing was chosen; the controller's texts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectionError {
    /// The filter's pattern is wrong; the text names it.
    #[error("{0}")]
    Filter(String),
    /// No tag passed the filter.
    #[error("version list argument cannot be empty")]
    Empty,
    /// No version is in the range.
    #[error("unable to determine latest version from provided list")]
    NoneInRange,
    /// An item that is no number ends a numerical policy.
    #[error("failed to parse invalid numeric value '{0}'")]
    NotANumber(String),
}

impl SelectionError {
    /// Whether it is a mistake in the policy, which the controller does not retry.
    pub const fn stalled(&self) -> bool {
        matches!(self, Self::Filter(_))
    }
}

/// A doubt about a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Several tags are as good as the winner; the controller picks one at random or by order.
    Tie(Vec<String>),
    /// Several tags give the winner's item.
    SharedItem {
        /// The item.
        item: String,
        /// The tags.
        tags: Vec<String>,
    },
    /// No tag matches the filter.
    NothingMatches,
    /// The extract is empty for every tag.
    EmptyExtract,
    /// Numbers too great to be told apart.
    HugeNumbers(String),
    /// Versions with and without `v` are mixed among the candidates.
    MixedPrefixes,
    /// Only one tag can ever match, and it does not look like a version.
    FloatingTag(String),
}

impl Warning {
    /// Stable code, listed in `docs/reasons.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Tie(_) => "tie",
            Self::SharedItem { .. } => "shared-item",
            Self::NothingMatches => "nothing-matches",
            Self::EmptyExtract => "empty-extract",
            Self::HugeNumbers(_) => "huge-numbers",
            Self::MixedPrefixes => "mixed-prefixes",
            Self::FloatingTag(_) => "floating-tag",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tie(tags) => {
                write!(
                    f,
                    "{} are equally good; the first one is chosen here, the controller picks any",
                    tags.join(", ")
                )
            }
            Self::SharedItem { item, tags } => {
                write!(
                    f,
                    "{} all give \"{item}\"; the least tag by bytes stands for it",
                    tags.join(", ")
                )
            }
            Self::NothingMatches => f.write_str("no tag matches filterTags.pattern"),
            Self::EmptyExtract => f.write_str("filterTags.extract is empty for every tag"),
            Self::HugeNumbers(item) => write!(
                f,
                "{item} is beyond 2^53, where numbers that differ in the last digits are equal"
            ),
            Self::MixedPrefixes => {
                f.write_str("versions with and without the prefix v are mixed; equal ones tie")
            }
            Self::FloatingTag(tag) => {
                write!(
                    f,
                    "only the tag {tag} can match, so nothing newer can ever be chosen"
                )
            }
        }
    }
}

/// The result of a policy for a list of tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    tag: Option<String>,
    tied: Vec<String>,
    collisions: Vec<(String, Vec<String>)>,
    warnings: Vec<Warning>,
    error: Option<SelectionError>,
    /// The list and each tag's item; what an explanation needs without another evaluation.
    stored: Vec<String>,
    fates: Vec<Fate>,
}

/// What is remembered of a tag: as little as possible.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    NoMatch,
    /// Owned by the tag at this place of the list.
    Collision(u32),
    NoVersion(VersionError),
    NoNumber,
    Outside,
    Candidate,
}

/// An item with the tag that owns it, by place in the stored list.
struct Item<'t> {
    text: std::borrow::Cow<'t, str>,
    owner: usize,
}

impl Selection {
    /// The chosen tag, as the registry spells it.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Tags as good as the winner, the winner included.
    pub fn tied(&self) -> &[String] {
        &self.tied
    }

    /// Items that several tags gave, with those tags in stored order; the last one owns the item.
    pub fn collisions(&self) -> &[(String, Vec<String>)] {
        &self.collisions
    }

    /// Doubts.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Why nothing was chosen.
    pub fn error(&self) -> Option<&SelectionError> {
        self.error.as_ref()
    }

    /// Whether the controller's answer would depend on chance.
    pub fn is_random_there(&self) -> bool {
        self.warnings
            .iter()
            .any(|warning| matches!(warning, Warning::Tie(_)))
    }

    pub(super) fn of(policy: &Policy, stored: &[String]) -> Self {
        let mut selection = Self {
            stored: stored.to_vec(),
            ..Self::default()
        };
        let items = match selection.items(policy.filter.as_ref(), stored) {
            Ok(items) => items,
            Err(error) => {
                selection.error = Some(error);
                return selection;
            }
        };
        if items.is_empty() {
            selection.error = Some(SelectionError::Empty);
            if policy.filter.is_some() && !stored.is_empty() {
                selection.warnings.push(Warning::NothingMatches);
            }
            return selection;
        }
        let filtered = policy.filter.is_some();
        let result = match &policy.order {
            Order::Semver(constraint) => selection.semver(&items, constraint),
            Order::Alphabetical { ascending } => Ok(alphabetical(&items, *ascending)),
            Order::Numerical { ascending } => selection.numerical(&items, *ascending, filtered),
        };
        match result {
            Ok(winner) => selection.settle(&items, winner, policy),
            Err(error) => selection.error = Some(error),
        }
        selection
    }

    /// The items in descending order of the tag that owns them. Of several tags with one item the
    /// last of the list owns it.
    fn items<'t>(
        &mut self,
        filter: Option<&Filter>,
        stored: &'t [String],
    ) -> Result<Vec<Item<'t>>, SelectionError> {
        self.fates = vec![Fate::Candidate; stored.len()];
        let Some(filter) = filter else {
            return Ok(stored
                .iter()
                .enumerate()
                .map(|(owner, tag)| Item {
                    text: tag.as_str().into(),
                    owner,
                })
                .collect());
        };
        let pattern = filter
            .pattern
            .as_ref()
            .map_err(|error| SelectionError::Filter(error.clone()))?;
        let mut items: Vec<Item<'t>> = Vec::new();
        for (owner, tag) in stored.iter().enumerate() {
            let text = match &filter.extract {
                None if pattern.is_match(tag) => tag.as_str().into(),
                None => {
                    self.fates[owner] = Fate::NoMatch;
                    continue;
                }
                Some(extract) => {
                    let Some(groups) = pattern.groups(tag) else {
                        self.fates[owner] = Fate::NoMatch;
                        continue;
                    };
                    let mut item = String::new();
                    extract.expand(pattern, &groups, &mut item);
                    item.into()
                }
            };
            items.push(Item { text, owner });
        }
        Ok(self.without_collisions(items, stored))
    }

    fn without_collisions<'t>(
        &mut self,
        items: Vec<Item<'t>>,
        stored: &'t [String],
    ) -> Vec<Item<'t>> {
        let mut owners: HashMap<&str, usize> = HashMap::with_capacity(items.len());
        for item in &items {
            owners.insert(&item.text, item.owner);
        }
        if owners.len() == items.len() {
            return items;
        }
        let mut shared: Vec<(String, Vec<String>)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut lost = vec![false; items.len()];
        for (at, item) in items.iter().enumerate() {
            let owner = owners[&*item.text];
            if owner != item.owner {
                self.fates[item.owner] = Fate::Collision(u32::try_from(owner).unwrap_or(u32::MAX));
                lost[at] = true;
            }
            if let Some(place) = places.get(&*item.text) {
                shared[*place].1.push(stored[item.owner].clone())
            } else {
                places.insert(&item.text, shared.len());
                shared.push((item.text.to_string(), vec![stored[item.owner].clone()]));
            }
        }
        shared.retain(|(_, tags)| tags.len() > 1);
        shared.sort();
        drop((owners, places));
        self.collisions = shared;
        let mut lost = lost.into_iter();
        items
            .into_iter()
            .filter(|_| !lost.next().unwrap_or(false))
            .collect()
    }

    /// The highest version in the range; the first of equals.
    fn semver(
        &mut self,
        items: &[Item<'_>],
        constraint: &Constraint,
    ) -> Result<usize, SelectionError> {
        let mut best: Option<(usize, Version<'_>)> = None;
        let mut ties = Vec::new();
        let (mut with_v, mut without_v) = (false, false);
        for (at, item) in items.iter().enumerate() {
            let version = match Version::parse_tag(&item.text) {
                Ok(version) => version,
                Err(error) => {
                    self.fates[item.owner] = Fate::NoVersion(error);
                    continue;
                }
            };
            if !constraint.check(&version) {
                self.fates[item.owner] = Fate::Outside;
                continue;
            }
            with_v |= item.text.starts_with('v');
            without_v |= !item.text.starts_with('v');
            match best.as_ref().map(|(_, best)| version.precedence(best)) {
                Some(Ordering::Less) => {}
                Some(Ordering::Equal) => ties.push(at),
                None | Some(Ordering::Greater) => {
                    ties.clear();
                    ties.push(at);
                    best = Some((at, version));
                }
            }
        }
        let (winner, _) = best.ok_or(SelectionError::NoneInRange)?;
        self.tied_items(items, &ties);
        if with_v && without_v {
            self.warnings.push(Warning::MixedPrefixes);
        }
        Ok(winner)
    }

    /// The greatest or least number; the last of equals.
    fn numerical(
        &mut self,
        items: &[Item<'_>],
        ascending: bool,
        filtered: bool,
    ) -> Result<usize, SelectionError> {
        let mut numbers = Vec::with_capacity(items.len());
        let mut bad = None;
        for item in items {
            if let Ok(number) = parse_float(&item.text) {
                numbers.push(number)
            } else {
                self.fates[item.owner] = Fate::NoNumber;
                bad.get_or_insert_with(|| item.text.to_string());
            }
        }
        if let Some(bad) = bad {
            return Err(SelectionError::NotANumber(bad));
        }
        let mut winner = 0;
        for (at, number) in numbers.iter().enumerate() {
            let best = numbers[winner];
            // Not-a-number replaces and is replaced, since it is neither smaller nor larger.
            let loses = if ascending {
                *number < best
            } else {
                *number > best
            };
            if !loses {
                winner = at;
            }
        }
        let best = numbers[winner];
        #[expect(clippy::float_cmp, reason = "the controller compares exactly")]
        let ties: Vec<usize> = numbers
            .iter()
            .enumerate()
            .filter(|(at, number)| *at == winner || **number == best)
            .map(|(at, _)| at)
            .collect();
        self.tied_items(items, &ties);
        if best.abs() > EXACT_INTEGERS && best.is_finite() {
            self.warnings
                .push(Warning::HugeNumbers(items[winner].text.to_string()));
        }
        if numbers.iter().any(|number| number.is_nan()) && filtered && numbers.len() > 1 {
            // With a map's order a not-a-number makes every outcome possible.
            self.note_tie(vec![self.stored[items[winner].owner].clone()]);
        }
        Ok(winner)
    }

    /// Notes the owners of equally good items, and a doubt when there are several.
    fn tied_items(&mut self, items: &[Item<'_>], ties: &[usize]) {
        let owners: Vec<String> = ties
            .iter()
            .map(|at| self.stored[items[*at].owner].clone())
            .collect();
        if owners.len() > 1 {
            self.note_tie(owners.clone());
        }
        self.tied = owners;
    }

    /// Adds the tags that share an item with one of the tied ones.
    fn add_sharing_tags(&mut self) {
        let mut sharing: Vec<String> = self
            .collisions
            .iter()
            .filter(|(_, tags)| tags.iter().any(|tag| self.tied.contains(tag)))
            .flat_map(|(_, tags)| tags.clone())
            .filter(|tag| !self.tied.contains(tag))
            .collect();
        sharing.sort();
        sharing.dedup();
        self.tied.append(&mut sharing);
    }

    fn note_tie(&mut self, tags: Vec<String>) {
        if !self.is_random_there() {
            self.warnings.push(Warning::Tie(tags));
        }
    }

    fn settle(&mut self, items: &[Item<'_>], winner: usize, policy: &Policy) {
        let item = &items[winner];
        let tag = self.stored[item.owner].clone();
        if self.tied.is_empty() {
            self.tied.push(tag.clone());
        }
        self.add_sharing_tags();
        if let Some((item, tags)) = self.collisions.iter().find(|(text, _)| *text == *item.text) {
            self.warnings.push(Warning::SharedItem {
                item: item.clone(),
                tags: tags.clone(),
            });
        }
        let extracts = policy
            .filter
            .as_ref()
            .is_some_and(|filter| filter.extract.is_some());
        if extracts && items.iter().all(|item| item.text.is_empty()) {
            self.warnings.push(Warning::EmptyExtract);
        }
        let alphabetical = matches!(policy.order, Order::Alphabetical { .. });
        if alphabetical && items.len() == 1 && is_floating(&tag) && policy.filter.is_some() {
            self.warnings.push(Warning::FloatingTag(tag.clone()));
        }
        self.tag = Some(tag);
    }

    /// What became of each stored tag, in stored order; `policy` is the one that selected.
    pub fn verdicts(&self, policy: &Policy) -> Vec<(&str, Verdict)> {
        let ranks = self.ranks(policy);
        self.stored
            .iter()
            .enumerate()
            .zip(&self.fates)
            .map(|((at, tag), fate)| {
                let verdict = match fate {
                    Fate::NoMatch => Verdict::NoMatch,
                    Fate::Collision(owner) => {
                        let owner = usize::try_from(*owner)
                            .ok()
                            .and_then(|o| self.stored.get(o));
                        Verdict::Collision(owner.cloned().unwrap_or_default())
                    }
                    Fate::NoVersion(error) => Verdict::NoVersion(error.to_string()),
                    Fate::NoNumber => Verdict::NoNumber,
                    Fate::Outside => Verdict::OutsideRange(outside(policy, tag)),
                    Fate::Candidate if self.tag.as_deref() == Some(tag) => Verdict::Selected,
                    Fate::Candidate => Verdict::Candidate(ranks.get(&at).copied().unwrap_or(0)),
                };
                (tag.as_str(), verdict)
            })
            .collect()
    }

    /// Ranks of candidates, computed only when somebody asks.
    fn ranks(&self, policy: &Policy) -> HashMap<usize, usize> {
        let mut candidates: Vec<(usize, String)> = self
            .fates
            .iter()
            .enumerate()
            .filter(|(_, fate)| **fate == Fate::Candidate)
            .map(|(at, _)| (at, item_of(policy, &self.stored[at])))
            .collect();
        candidates.sort_by(|(left_at, left), (right_at, right)| {
            let winner = |at: &usize| self.tag.as_deref() == Some(&self.stored[*at]);
            winner(right_at)
                .cmp(&winner(left_at))
                .then_with(|| compare(policy, right, left))
                .then(left_at.cmp(right_at))
        });
        candidates
            .into_iter()
            .enumerate()
            .map(|(rank, (at, _))| (at, rank + 1))
            .collect()
    }
}

/// The last or first item by bytes.
fn alphabetical(items: &[Item<'_>], ascending: bool) -> usize {
    let mut winner = 0;
    for (at, item) in items.iter().enumerate() {
        let order = item.text.cmp(&items[winner].text);
        if (ascending && order.is_gt()) || (!ascending && order.is_lt()) {
            winner = at;
        }
    }
    winner
}

/// A tag without any digit, such as `latest`.
fn is_floating(tag: &str) -> bool {
    !tag.bytes().any(|byte| byte.is_ascii_digit())
}

/// The item of a tag that is known to match.
fn item_of(policy: &Policy, tag: &str) -> String {
    let extracted = policy.filter.as_ref().and_then(|filter| {
        let (pattern, extract) = (filter.pattern.as_ref().ok()?, filter.extract.as_ref()?);
        let groups = pattern.groups(tag)?;
        let mut item = String::new();
        extract.expand(pattern, &groups, &mut item);
        Some(item)
    });
    extracted.unwrap_or_else(|| tag.to_owned())
}

/// Better items are greater.
fn compare(policy: &Policy, left: &str, right: &str) -> Ordering {
    match &policy.order {
        Order::Semver(_) => match (Version::parse_tag(left), Version::parse_tag(right)) {
            (Ok(left), Ok(right)) => left.precedence(&right),
            _ => Ordering::Equal,
        },
        Order::Alphabetical { ascending } => {
            let order = left.cmp(right);
            if *ascending { order } else { order.reverse() }
        }
        Order::Numerical { ascending } => {
            let (left, right) = (parse_float(left), parse_float(right));
            let order = match (left, right) {
                (Ok(left), Ok(right)) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
                _ => Ordering::Equal,
            };
            if *ascending { order } else { order.reverse() }
        }
    }
}

/// Why a version is outside the range.
fn outside(policy: &Policy, tag: &str) -> Vec<String> {
    let Order::Semver(constraint) = &policy.order else {
        return Vec::new();
    };
    let item = item_of(policy, tag);
    Version::parse_tag(&item)
        .map(|version| constraint.explain(&version))
        .unwrap_or_default()
}

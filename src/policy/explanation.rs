//! What became of every tag, from what the one evaluation remembered.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::rules::{Order, Policy};
use super::selection::{Fate, Selection, sort_as_stored};
use super::verdict::Verdict;
use crate::number::parse_float;
use crate::semver::Version;

/// A selection with the policy and the tags that it was made from.
pub struct Explanation<'a, T> {
    selection: &'a Selection,
    policy: &'a Policy,
    tags: &'a [T],
    /// Places of the candidates, the best one first.
    ranked: Vec<usize>,
    /// Places of the other tags, in stored order.
    others: Vec<usize>,
    /// For a tag that shares its item, the tag that owns it.
    owners: HashMap<usize, usize>,
}

/// One tag.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The tag, as the registry spells it.
    pub tag: &'a str,
    /// What the order compares: the tag itself, or what the template made of it; empty when the
    /// filter does not match.
    pub item: &'a str,
    /// What became of it.
    pub verdict: Verdict<'a>,
}

impl<'a, T: AsRef<str>> Explanation<'a, T> {
    pub(super) fn new(selection: &'a Selection, policy: &'a Policy, tags: &'a [T]) -> Self {
        let owners = if policy.filter.is_some() {
            shared_items(selection, tags)
        } else {
            HashMap::new()
        };
        let (mut ranked, mut others): (Vec<usize>, Vec<usize>) = (0..tags.len())
            .partition(|at| selection.fate(*at) == Fate::Candidate && !owners.contains_key(at));
        sort_as_stored(tags, &mut others, selection.is_in_stored_order());
        rank(selection, policy, tags, &mut ranked);
        Self {
            selection,
            policy,
            tags,
            ranked,
            others,
            owners,
        }
    }

    /// Every tag: the candidates from the best one on, then the others in descending byte order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'a>> {
        let candidates = self.ranked.iter().enumerate().map(|(rank, at)| {
            let verdict = match (self.selection.winner(), rank) {
                (Some(_), 0) => Verdict::Selected(self.policy.best()),
                (winner, _) => Verdict::Candidate {
                    rank: rank + 1,
                    winner: winner.map(|at| self.tags[at].as_ref()),
                },
            };
            (*at, verdict)
        });
        let others = self.others.iter().map(|at| (*at, self.verdict(*at)));
        candidates.chain(others).map(|(at, verdict)| Row {
            tag: self.tags[at].as_ref(),
            item: self.selection.item(self.tags, at),
            verdict,
        })
    }

    /// Items that several tags gave, with those tags in stored order; the last one owns the item.
    pub fn collisions(&self) -> Vec<(&'a str, Vec<&'a str>)> {
        let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
        for (at, owner) in &self.owners {
            groups.entry(*owner).or_default().push(*at);
        }
        let mut collisions: Vec<(&str, Vec<&str>)> = groups
            .into_iter()
            .map(|(owner, mut places)| {
                places.push(owner);
                sort_as_stored(self.tags, &mut places, self.selection.is_in_stored_order());
                let mut tags: Vec<&str> = places.iter().map(|at| self.tags[*at].as_ref()).collect();
                // A registry may list a tag twice.
                tags.dedup();
                (self.selection.item(self.tags, owner), tags)
            })
            .filter(|(_, tags)| tags.len() > 1)
            .collect();
        collisions.sort_unstable();
        collisions
    }

    /// The verdict of a tag that is not in the choice.
    fn verdict(&self, at: usize) -> Verdict<'a> {
        if let Some(owner) = self.owners.get(&at) {
            return Verdict::Collision(self.tags[*owner].as_ref());
        }
        let item = self.selection.item(self.tags, at);
        match self.selection.fate(at) {
            Fate::NotJudged | Fate::Candidate => Verdict::NotJudged,
            Fate::NoMatch => {
                let filter = self.policy.filter.as_ref();
                let pattern = filter.and_then(|filter| filter.pattern.as_ref().ok());
                Verdict::NoMatch(pattern.map_or("", |pattern| pattern.as_str()))
            }
            Fate::NoNumber => Verdict::NoNumber(item),
            Fate::Outside => match (&self.policy.order, Version::parse_tag(item)) {
                (Order::Semver(constraint), Ok(version)) => {
                    Verdict::OutsideRange(constraint, version)
                }
                _ => Verdict::NoVersion(item),
            },
            Fate::NoVersion => Verdict::NoVersion(item),
        }
    }
}

/// For each tag that passed the filter and does not own its item, the tag that does: the last one in
/// stored order. Whether the order can read the item does not matter.
fn shared_items<T: AsRef<str>>(selection: &Selection, tags: &[T]) -> HashMap<usize, usize> {
    let goes_behind = |left: usize, right: usize| {
        if selection.is_in_stored_order() {
            left > right
        } else {
            (tags[right].as_ref(), left) > (tags[left].as_ref(), right)
        }
    };
    let passed = |at: &usize| !matches!(selection.fate(*at), Fate::NotJudged | Fate::NoMatch);
    let mut owner: HashMap<&str, usize> = HashMap::new();
    let mut shared = false;
    for at in (0..tags.len()).filter(passed) {
        owner
            .entry(selection.item(tags, at))
            .and_modify(|known| {
                shared = true;
                if goes_behind(at, *known) {
                    *known = at;
                }
            })
            .or_insert(at);
    }
    if !shared {
        return HashMap::new();
    }
    (0..tags.len())
        .filter(passed)
        .map(|at| (at, owner[selection.item(tags, at)]))
        .filter(|(at, owner)| at != owner)
        .collect()
}

/// Sorts candidates, the best first. Equals are in the order in which they would win.
fn rank<T: AsRef<str>>(
    selection: &Selection,
    policy: &Policy,
    tags: &[T],
    candidates: &mut Vec<usize>,
) {
    let earlier = |left: usize, right: usize| {
        if selection.is_in_stored_order() {
            left.cmp(&right)
        } else {
            let order = tags[right].as_ref().cmp(tags[left].as_ref());
            order.then(left.cmp(&right))
        }
    };
    let items = candidates.iter().map(|at| (*at, selection.item(tags, *at)));
    match &policy.order {
        Order::Semver(_) => {
            let mut versions: Vec<_> = items
                .filter_map(|(at, item)| Some((at, Version::parse_tag(item).ok()?)))
                .collect();
            versions.sort_unstable_by(|left, right| {
                let order = right.1.precedence(&left.1);
                order.then_with(|| earlier(left.0, right.0))
            });
            *candidates = versions.into_iter().map(|(at, _)| at).collect();
        }
        Order::Numerical { ascending } => {
            let mut numbers: Vec<_> = items
                .map(|(at, item)| (at, parse_float(item).unwrap_or(f64::NAN)))
                .collect();
            numbers.sort_unstable_by(|left, right| {
                let order = total(right.1, left.1);
                let order = if *ascending { order } else { order.reverse() };
                order.then_with(|| earlier(right.0, left.0))
            });
            *candidates = numbers.into_iter().map(|(at, _)| at).collect();
        }
        Order::Alphabetical { ascending } => candidates.sort_unstable_by(|left, right| {
            let (left_item, right_item) =
                (selection.item(tags, *left), selection.item(tags, *right));
            let order = right_item.cmp(left_item);
            let order = if *ascending { order } else { order.reverse() };
            order.then_with(|| earlier(*left, *right))
        }),
    }
    // Where chance decides there (a not-a-number), the winner need not be the best.
    let place = selection
        .winner()
        .and_then(|winner| candidates.iter().position(|at| *at == winner));
    if let Some(place) = place {
        candidates[..=place].rotate_right(1);
    }
}

/// Numbers in order, zeros of both signs being equal and not-a-numbers last.
fn total(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right)
        .unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
}

//! What became of every tag, from what the one evaluation remembered.

use std::collections::HashMap;

use super::ranking::{Ranking, shared_items};
use super::rules::{Order, Policy};
use super::selection::{Fate, Selection, sort_as_stored};
use super::verdict::Verdict;
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
        let (candidates, mut others): (Vec<usize>, Vec<usize>) =
            (0..tags.len()).partition(|at| selection.fate(*at) == Fate::Candidate);
        let mut owners = HashMap::new();
        let ranking = Ranking::new(selection, &policy.order, tags);
        let ranked = if policy.filter.is_some() {
            // Equal items have one fate.
            let unfit =
                |at: &usize| !matches!(selection.fate(*at), Fate::NotJudged | Fate::NoMatch);
            let unfit = others.iter().copied().filter(unfit);
            shared_items(selection, tags, unfit, &mut owners);
            let ranked = ranking.sort(&candidates, Some(&mut owners));
            if ranked.len() < candidates.len() {
                let owned = |at: &usize| owners.contains_key(at);
                others.extend(candidates.into_iter().filter(owned));
            }
            ranked
        } else {
            ranking.sort(&candidates, None)
        };
        sort_as_stored(tags, &mut others, selection.is_in_stored_order());
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

//! One evaluation of a policy: the winner, and what became of every tag.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::choose::{self, Choice};
use super::explanation::Explanation;
use super::ranking::prefix;
use super::rules::{Filter, Policy};
use super::warning::{SelectionError, Warning};

/// What is remembered of a tag: as little as possible, since there may be 100,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The filter cannot be compiled.
    NotJudged,
    NoMatch,
    NoVersion,
    NoNumber,
    Outside,
    Candidate,
}

/// What the order compares for each tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Items {
    /// The tag itself.
    #[default]
    Tags,
    /// What the template made of it: one text, and where each tag's part of it ends.
    Extracted { text: String, ends: Vec<usize> },
}

/// The result of a policy for a list of tags. It does not hold the list: [`Selection::explain`] wants
/// the same one again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    tag: Option<String>,
    tied: Vec<String>,
    warnings: Vec<Warning>,
    error: Option<SelectionError>,
    winner: usize,
    fates: Vec<Fate>,
    items: Items,
    stored_order: bool,
}

/// A list of tags with their items, as the orders see it.
pub(super) struct Input<'a, T> {
    tags: &'a [T],
    fates: Vec<Fate>,
    items: &'a Items,
    filtered: bool,
    stored_order: bool,
}

impl<T: AsRef<str>> Input<'_, T> {
    pub(super) fn tag(&self, at: usize) -> &str {
        self.tags[at].as_ref()
    }

    pub(super) fn item(&self, at: usize) -> &str {
        self.items.get(self.tags, at)
    }

    /// Whether items went through the controller's map, where equal ones become one.
    pub(super) fn is_filtered(&self) -> bool {
        self.filtered
    }

    /// The tags that passed the filter.
    pub(super) fn candidates(&self) -> impl Iterator<Item = usize> {
        self.fates
            .iter()
            .enumerate()
            .filter(|(_, fate)| **fate == Fate::Candidate)
            .map(|(at, _)| at)
    }

    pub(super) fn sort_as_stored(&self, places: &mut [usize]) {
        sort_as_stored(self.tags, places, self.stored_order);
    }
}

/// Sorts places in a list as the controller stores tags: in descending byte order. `stored_order` says
/// that the list already is.
pub(super) fn sort_as_stored<T: AsRef<str>>(tags: &[T], places: &mut [usize], stored_order: bool) {
    if stored_order {
        places.sort_unstable();
        return;
    }
    let keyed = places.iter().map(|at| (!prefix(tags[*at].as_ref()), *at));
    let mut keyed: Vec<(u128, usize)> = keyed.collect();
    keyed.sort_unstable_by(|left, right| {
        let order = left.0.cmp(&right.0);
        order.then_with(|| stored(tags, left.1, right.1))
    });
    for (place, (_, at)) in places.iter_mut().zip(keyed) {
        *place = at;
    }
}

fn stored<T: AsRef<str>>(tags: &[T], left: usize, right: usize) -> Ordering {
    let order = tags[right].as_ref().cmp(tags[left].as_ref());
    order.then(left.cmp(&right))
}

impl Items {
    fn get<'a, T: AsRef<str>>(&'a self, tags: &'a [T], at: usize) -> &'a str {
        match self {
            Self::Tags => tags[at].as_ref(),
            Self::Extracted { text, ends } => {
                let start = at.checked_sub(1).map_or(0, |before| ends[before]);
                &text[start..ends[at]]
            }
        }
    }
}

impl Selection {
    /// The chosen tag, as the registry spells it.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Tags whose item is as good as the winner's, the winner included: first those that own their
    /// item, then those that share one.
    pub fn tied(&self) -> &[String] {
        &self.tied
    }

    /// Doubts.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Why nothing was chosen.
    pub fn error(&self) -> Option<&SelectionError> {
        self.error.as_ref()
    }

    /// Says what became of each tag. `policy` and `tags` are those that were selected with.
    pub fn explain<'a, T: AsRef<str>>(
        &'a self,
        policy: &'a Policy,
        tags: &'a [T],
    ) -> Explanation<'a, T> {
        Explanation::new(self, policy, tags)
    }

    /// Evaluates. `stored_order` says that the tags are sorted as the controller stores them.
    pub(super) fn of<T: AsRef<str>>(policy: &Policy, tags: &[T], stored_order: bool) -> Self {
        let mut selection = Self {
            stored_order,
            ..Self::default()
        };
        match selection.evaluate(policy, tags) {
            Ok(choice) => selection.finish(choice, policy, tags),
            Err(error) => selection.error = Some(error),
        }
        selection
    }

    fn evaluate<T: AsRef<str>>(
        &mut self,
        policy: &Policy,
        tags: &[T],
    ) -> Result<Choice, SelectionError> {
        self.fates = vec![Fate::Candidate; tags.len()];
        let filter = policy.filter.as_ref();
        if let Some(filter) = filter {
            self.pass(filter, tags)?;
            self.doubt_filter(policy, filter, tags.is_empty());
        }
        if !self.fates.contains(&Fate::Candidate) {
            return Err(SelectionError::Empty);
        }
        let input = Input {
            tags,
            fates: self.fates.clone(),
            items: &self.items,
            filtered: filter.is_some(),
            stored_order: self.stored_order,
        };
        choose::choose(&input, &mut self.fates, &policy.order)
    }

    /// Filters and extracts.
    fn pass<T: AsRef<str>>(&mut self, filter: &Filter, tags: &[T]) -> Result<(), SelectionError> {
        let pattern = match &filter.pattern {
            Ok(pattern) => pattern,
            Err(error) => {
                self.fates.fill(Fate::NotJudged);
                return Err(SelectionError::Filter(error.clone()));
            }
        };
        let Some(extract) = &filter.extract else {
            for (tag, fate) in tags.iter().zip(&mut self.fates) {
                if !pattern.is_match(tag.as_ref()) {
                    *fate = Fate::NoMatch;
                }
            }
            return Ok(());
        };
        let mut scratch = pattern.scratch();
        let mut text = String::new();
        let mut ends = Vec::with_capacity(tags.len());
        for (tag, fate) in tags.iter().zip(&mut self.fates) {
            if !extract.expand_match(pattern, tag.as_ref(), &mut scratch, &mut text) {
                *fate = Fate::NoMatch;
            }
            ends.push(text.len());
        }
        self.items = Items::Extracted { text, ends };
        Ok(())
    }

    /// Doubts about the filter, whatever the order makes of the items.
    fn doubt_filter(&mut self, policy: &Policy, filter: &Filter, no_tags: bool) {
        if no_tags {
            return;
        }
        if !self.fates.contains(&Fate::Candidate) {
            self.warnings.push(Warning::NothingMatches);
        } else if matches!(&self.items, Items::Extracted { text, .. } if text.is_empty()) {
            self.warnings.push(Warning::EmptyExtract);
        }
        // A tag whose digest is looked up again and again is a choice, not an accident.
        let only = filter.pattern.as_ref().ok().and_then(|p| p.only_text());
        if let Some(tag) = only.filter(|_| !policy.always_reflects) {
            self.warnings.push(Warning::FloatingTag(tag.to_owned()));
        }
    }

    fn finish<T: AsRef<str>>(&mut self, choice: Choice, policy: &Policy, tags: &[T]) {
        let Choice {
            winner,
            owners,
            sharing,
            warnings,
        } = choice;
        let text = |at: &usize| tags[*at].as_ref().to_owned();
        self.warnings.extend(warnings);
        let mut tied: Vec<String> = owners.iter().map(text).collect();
        if tied.iter().any(|tag| *tag != tied[0]) {
            self.warnings.push(Warning::Tie(tied.clone()));
        }
        if policy.filter.is_some() {
            let item = self.items.get(tags, winner);
            let others = sharing
                .iter()
                .filter(|at| self.items.get(tags, **at) == item);
            let mut shared: Vec<String> = others.chain([&winner]).map(text).collect();
            shared.dedup();
            if shared.len() > 1 {
                self.warnings.push(Warning::SharedItem {
                    item: item.to_owned(),
                    tags: shared,
                });
            }
        }
        // A registry may list a tag twice.
        let mut seen: HashSet<&str> = owners.iter().map(|at| tags[*at].as_ref()).collect();
        tied.extend(
            sharing
                .iter()
                .filter(|at| seen.insert(tags[**at].as_ref()))
                .map(text),
        );
        self.tag = Some(text(&winner));
        self.winner = winner;
        self.tied = tied;
    }

    pub(super) fn winner(&self) -> Option<usize> {
        self.tag.is_some().then_some(self.winner)
    }

    pub(super) fn fate(&self, at: usize) -> Fate {
        self.fates.get(at).copied().unwrap_or(Fate::Candidate)
    }

    pub(super) fn item<'a, T: AsRef<str>>(&'a self, tags: &'a [T], at: usize) -> &'a str {
        self.items.get(tags, at)
    }

    /// Which of two places comes first as the controller stores tags.
    pub(super) fn stored_order<T: AsRef<str>>(
        &self,
        tags: &[T],
        left: usize,
        right: usize,
    ) -> Ordering {
        if self.stored_order {
            left.cmp(&right)
        } else {
            stored(tags, left, right)
        }
    }

    pub(super) fn is_in_stored_order(&self) -> bool {
        self.stored_order
    }
}

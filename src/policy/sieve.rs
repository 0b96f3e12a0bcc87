//! The few tags of a long list that a choice depends on.

use super::contest::{Contest, Place};
use super::rules::Policy;
use super::selection::Fate;
use crate::pattern::Scratch;

/// Tags pass by one after the other, and those stay that can matter: the best ones so far, and the
/// first of each kind that an error or a doubt speaks of. Choosing among these few gives the tag, the
/// error and the doubts that the whole list gives; ranks and verdicts of the others are lost.
pub struct Sieve<'p> {
    policy: &'p Policy,
    contest: Contest<'p>,
    scratch: Scratch,
    item: String,
    seen: Seen,
    best: Vec<Kept>,
    witnesses: Vec<String>,
    bad: Vec<String>,
}

/// A sieve cannot help: what is best depends on the whole list, because it holds a not-a-number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WholeListNeeded;

/// Of what a tag was the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    any: bool,
    passed: bool,
    extract: bool,
}

struct Kept {
    tag: String,
    /// Stays when it is beaten.
    witness: bool,
}

impl<'p> Sieve<'p> {
    /// A sieve for the choice that a policy makes.
    pub fn new(policy: &'p Policy) -> Self {
        let pattern = policy.filter.as_ref().map(|filter| &filter.pattern);
        let scratch = match pattern {
            Some(Ok(pattern)) => pattern.scratch(),
            Some(Err(_)) | None => Scratch::default(),
        };
        Self {
            policy,
            contest: Contest::new(&policy.order),
            scratch,
            item: String::new(),
            seen: Seen::default(),
            best: Vec::new(),
            witnesses: Vec::new(),
            bad: Vec::new(),
        }
    }

    /// Looks at the next tag.
    pub fn pass(&mut self, tag: &str) -> Result<(), WholeListNeeded> {
        let before = (self.seen, self.contest.prefixes());
        let place = self.place(tag);
        let witness = before != (self.seen, self.contest.prefixes());
        match place {
            Some(Place::Unordered) => return Err(WholeListNeeded),
            Some(Place::Better) => {
                let beaten = self.best.drain(..).filter(|kept| kept.witness);
                self.witnesses.extend(beaten.map(|kept| kept.tag));
                self.keep(tag, witness);
            }
            Some(Place::Equal) => self.keep(tag, witness),
            Some(Place::Unfit(Fate::NoNumber)) if !witness => self.keep_bad(tag),
            Some(Place::Worse | Place::Unfit(_)) | None => {
                if witness {
                    self.witnesses.push(tag.to_owned());
                }
            }
        }
        Ok(())
    }

    /// The tags that stayed.
    pub fn into_tags(self) -> Vec<String> {
        let mut tags = self.witnesses;
        tags.extend(self.bad);
        tags.extend(self.best.into_iter().map(|kept| kept.tag));
        tags
    }

    fn keep(&mut self, tag: &str, witness: bool) {
        let tag = tag.to_owned();
        self.best.push(Kept { tag, witness });
    }

    /// The message names that item among those that are no numbers whose tag comes first in the stored
    /// order; with an extract only all of them together tell which tag an item belongs to.
    fn keep_bad(&mut self, tag: &str) {
        let filter = self.policy.filter.as_ref();
        let extracts = filter.is_some_and(|filter| filter.extract.is_some());
        let beaten = self.bad.last_mut().filter(|_| !extracts);
        match beaten {
            Some(bad) if bad.as_str() < tag => tag.clone_into(bad),
            Some(_) => {}
            None => self.bad.push(tag.to_owned()),
        }
    }

    /// Filters, extracts and compares; `None` for a tag that does not pass the filter.
    fn place(&mut self, tag: &str) -> Option<Place> {
        self.seen.any = true;
        let item = match &self.policy.filter {
            None => tag,
            Some(filter) => {
                let pattern = filter.pattern.as_ref().ok()?;
                match &filter.extract {
                    None if pattern.is_match(tag) => tag,
                    None => return None,
                    Some(extract) => {
                        self.item.clear();
                        let found =
                            extract.expand_match(pattern, tag, &mut self.scratch, &mut self.item);
                        if !found {
                            return None;
                        }
                        &self.item
                    }
                }
            }
        };
        self.seen.passed = true;
        self.seen.extract |= !item.is_empty();
        Some(self.contest.place(item))
    }
}

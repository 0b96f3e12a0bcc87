//! The best item so far, and how the next one compares with it.

use std::cmp::Ordering;

use super::rules::Order;
use super::selection::Fate;
use crate::number::parse_float;
use crate::semver::{Constraint, Version};

/// Items that come one by one, compared with the best of those before. Nothing is kept of the others.
pub(super) struct Contest<'p> {
    best: Best<'p>,
    prefixes: Prefixes,
}

enum Best<'p> {
    Version {
        constraint: &'p Constraint,
        best: Option<BestVersion>,
    },
    Bytes {
        ascending: bool,
        best: Option<String>,
    },
    Number {
        ascending: bool,
        best: Option<f64>,
    },
}

/// What is compared of a version, without the text that it was read from.
struct BestVersion {
    numbers: [u64; 3],
    prerelease: String,
}

/// How an item compares with the best one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The best one from now on.
    Better,
    /// As good.
    Equal,
    /// Beaten.
    Worse,
    /// Not a number, which is neither smaller nor larger than any: what is best depends on all items.
    Unordered,
    /// Not in the contest.
    Unfit(Fate),
}

/// Which spellings of versions were among the candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Prefixes {
    with_v: bool,
    without_v: bool,
}

impl Prefixes {
    /// Whether some have a `v` and some have none.
    pub(super) fn are_mixed(self) -> bool {
        self.with_v && self.without_v
    }
}

impl<'p> Contest<'p> {
    /// A contest without an item.
    pub(super) fn new(order: &'p Order) -> Self {
        let best = match order {
            Order::Semver(constraint) => Best::Version {
                constraint,
                best: None,
            },
            Order::Alphabetical { ascending } => Best::Bytes {
                ascending: *ascending,
                best: None,
            },
            Order::Numerical { ascending } => Best::Number {
                ascending: *ascending,
                best: None,
            },
        };
        Self {
            best,
            prefixes: Prefixes::default(),
        }
    }

    /// The prefixes of the items in the contest.
    pub(super) fn prefixes(&self) -> Prefixes {
        self.prefixes
    }

    /// Compares an item with the best one, and makes it the best one if it is better.
    pub(super) fn place(&mut self, item: &str) -> Place {
        match &mut self.best {
            Best::Version { constraint, best } => {
                place_version(item, constraint, best, &mut self.prefixes)
            }
            Best::Bytes { ascending, best } => {
                note_digits(item, &mut self.prefixes);
                place_bytes(item, *ascending, best)
            }
            Best::Number { ascending, best } => place_number(item, *ascending, best),
        }
    }
}

/// The highest version in the range.
fn place_version(
    item: &str,
    constraint: &Constraint,
    best: &mut Option<BestVersion>,
    prefixes: &mut Prefixes,
) -> Place {
    let Ok(version) = Version::parse_tag(item) else {
        return Place::Unfit(Fate::NoVersion);
    };
    if !constraint.check(&version) {
        return Place::Unfit(Fate::Outside);
    }
    if item.starts_with('v') {
        prefixes.with_v = true;
    } else {
        prefixes.without_v = true;
    }
    let place = Place::of(best.as_ref().map(|best| best.precedes(&version)));
    if place == Place::Better {
        let best = best.get_or_insert_with(|| BestVersion {
            numbers: [0; 3],
            prerelease: String::new(),
        });
        best.numbers = [version.major, version.minor, version.patch];
        version.prerelease.clone_into(&mut best.prerelease);
    }
    place
}

impl BestVersion {
    /// The order of a version after this one: greater if the version is.
    fn precedes(&self, version: &Version<'_>) -> Ordering {
        let [major, minor, patch] = self.numbers;
        version.precedence(&Version {
            major,
            minor,
            patch,
            prerelease: &self.prerelease,
            metadata: "",
            original: "",
        })
    }
}

/// The last or first item by bytes.
fn place_bytes(item: &str, ascending: bool, best: &mut Option<String>) -> Place {
    let order = best
        .as_deref()
        .map(|best| directed(item.cmp(best), ascending));
    let place = Place::of(order);
    if place == Place::Better {
        item.clone_into(best.get_or_insert_default());
    }
    place
}

/// Digits in front, with a `v` or without, look like a version that is compared by bytes.
fn note_digits(item: &str, prefixes: &mut Prefixes) {
    match item.as_bytes() {
        [b'v', second, ..] => prefixes.with_v |= second.is_ascii_digit(),
        [first, ..] => prefixes.without_v |= first.is_ascii_digit(),
        [] => {}
    }
}

/// The greatest or least number.
fn place_number(item: &str, ascending: bool, best: &mut Option<f64>) -> Place {
    let Ok(number) = parse_float(item) else {
        return Place::Unfit(Fate::NoNumber);
    };
    if number.is_nan() {
        return Place::Unordered;
    }
    let order = best.and_then(|best| number.partial_cmp(&best));
    let place = Place::of(order.map(|order| directed(order, ascending)));
    if place == Place::Better {
        *best = Some(number);
    }
    place
}

/// An order of items in the direction of a policy: greater for the better one.
pub(super) fn directed(order: Ordering, ascending: bool) -> Ordering {
    if ascending { order } else { order.reverse() }
}

impl Place {
    /// The first item is better than none.
    fn of(order: Option<Ordering>) -> Self {
        match order {
            None | Some(Ordering::Greater) => Self::Better,
            Some(Ordering::Equal) => Self::Equal,
            Some(Ordering::Less) => Self::Worse,
        }
    }
}

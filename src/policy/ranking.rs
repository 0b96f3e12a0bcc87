//! Places of a list in order, the best first.
//!
//! A list may hold 100,000 tags. Each place gets a number whose order is that of the items as far as
//! it goes, and the texts are looked at only where two numbers are equal.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::contest::directed;
use super::rules::Order;
use super::selection::Selection;
use crate::number::parse_float;
use crate::semver::Version;

/// Bits of the major and minor number of a version in its key; the patch number has one more, and the
/// lowest bit tells that the key is all there is to compare.
const PART: u32 = 42;

/// A place in the list.
#[derive(Clone, Copy)]
struct Keyed {
    /// The lower one is better.
    key: u128,
    at: usize,
}

/// The candidates of a selection, the best one first.
pub(super) struct Ranking<'a, T> {
    selection: &'a Selection,
    order: &'a Order,
    tags: &'a [T],
}

impl<'a, T: AsRef<str>> Ranking<'a, T> {
    /// The ranking by an order.
    pub(super) fn new(selection: &'a Selection, order: &'a Order, tags: &'a [T]) -> Self {
        Self {
            selection,
            order,
            tags,
        }
    }

    /// Sorts candidates, the best first; equals are in the order in which they would win. Those that
    /// share their item go to `owners`, each with the one that owns it, and do not stay.
    pub(super) fn sort(
        &self,
        candidates: &[usize],
        owners: Option<&mut HashMap<usize, usize>>,
    ) -> Vec<usize> {
        let key = |at: &usize| Keyed {
            key: self.key(*at),
            at: *at,
        };
        let mut keyed: Vec<Keyed> = candidates.iter().map(key).collect();
        keyed.sort_unstable_by(|left, right| {
            self.compare(*left, *right)
                .then_with(|| self.earlier(left.at, right.at))
        });
        if let Some(owners) = owners {
            for equals in keyed.chunk_by(|left, right| self.compare(*left, *right).is_eq()) {
                if equals.len() > 1 {
                    let places = equals.iter().map(|keyed| keyed.at);
                    shared_items(self.selection, self.tags, places, owners);
                }
            }
            keyed.retain(|keyed| !owners.contains_key(&keyed.at));
        }
        let mut ranked: Vec<usize> = keyed.into_iter().map(|keyed| keyed.at).collect();
        // Where chance decides there (a not-a-number), the winner need not be the best.
        let winner = self.selection.winner();
        let place = winner.and_then(|winner| ranked.iter().position(|at| *at == winner));
        if let Some(place) = place {
            ranked[..=place].rotate_right(1);
        }
        ranked
    }

    fn item(&self, at: usize) -> &'a str {
        self.selection.item(self.tags, at)
    }

    fn key(&self, at: usize) -> u128 {
        let item = self.item(at);
        match self.order {
            Order::Semver(_) => {
                Version::parse_tag(item).map_or(u128::MAX, |version| !version_key(&version))
            }
            Order::Alphabetical { ascending: true } => !prefix(item),
            Order::Alphabetical { ascending: false } => prefix(item),
            Order::Numerical { ascending } => match parse_float(item) {
                Ok(number) if !number.is_nan() => {
                    let key = number_key(number);
                    u128::from(if *ascending { !key } else { key })
                }
                // Not-a-numbers come last.
                _ => u128::MAX,
            },
        }
    }

    /// The order of two items: less for the better one.
    fn compare(&self, left: Keyed, right: Keyed) -> Ordering {
        left.key.cmp(&right.key).then_with(|| match self.order {
            Order::Numerical { .. } => Ordering::Equal,
            Order::Alphabetical { ascending } => {
                directed(self.item(right.at).cmp(self.item(left.at)), *ascending)
            }
            // The key is turned round.
            Order::Semver(_) if left.key & 1 == 0 => Ordering::Equal,
            Order::Semver(_) => {
                let versions = [right.at, left.at].map(|at| Version::parse_tag(self.item(at)));
                match versions {
                    [Ok(right), Ok(left)] => right.precedence(&left),
                    _ => Ordering::Equal,
                }
            }
        })
    }

    /// Which of two equals would win, or stand before the other one.
    fn earlier(&self, left: usize, right: usize) -> Ordering {
        let order = self.selection.stored_order(self.tags, left, right);
        match self.order {
            Order::Numerical { .. } => order.reverse(),
            Order::Semver(_) | Order::Alphabetical { .. } => order,
        }
    }
}

/// The first sixteen bytes of a text as a number; shorter texts are filled up with zeros.
pub(super) fn prefix(text: &str) -> u128 {
    let mut bytes = [0; 16];
    let length = text.len().min(bytes.len());
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    u128::from_be_bytes(bytes)
}

/// The bits of a double in the order of the doubles; zeros of both signs are equal.
fn number_key(number: f64) -> u64 {
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

/// Three numbers and whether it is a release, from the highest bits on. What does not fit fills its
/// bits and all below except the lowest one, which says that nothing else has to be compared.
fn version_key(version: &Version<'_>) -> u128 {
    let mut key = 0;
    let mut fits = true;
    for (number, bits) in [
        (version.major, PART),
        (version.minor, PART),
        (version.patch, PART + 1),
    ] {
        let limit = (1 << bits) - 1;
        fits &= number < limit;
        key = key << bits | u128::from(if fits { number } else { limit });
    }
    let release = version.prerelease.is_empty();
    key << 1 | u128::from(fits && release)
}

/// For each of some places that does not own its item, the one that does: the last one in stored order.
pub(super) fn shared_items<T: AsRef<str>>(
    selection: &Selection,
    tags: &[T],
    places: impl Iterator<Item = usize> + Clone,
    owners: &mut HashMap<usize, usize>,
) {
    let mut owner: HashMap<&str, usize> = HashMap::new();
    let mut shared = false;
    for at in places.clone() {
        owner
            .entry(selection.item(tags, at))
            .and_modify(|known| {
                shared = true;
                if selection.stored_order(tags, at, *known).is_gt() {
                    *known = at;
                }
            })
            .or_insert(at);
    }
    if shared {
        let pairs = places.map(|at| (at, owner[selection.item(tags, at)]));
        owners.extend(pairs.filter(|(at, owner)| at != owner));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::{ImagePolicySpec, OrderChoice};
    use crate::policy::Policy;

    proptest! {
        #[test]
        fn keys_of_versions_never_contradict_their_precedence(
            left in version(),
            right in version(),
        ) {
            let versions = [&left, &right].map(|text| Version::parse_tag(text).unwrap());
            let keys = [version_key(&versions[0]), version_key(&versions[1])];
            let order = versions[0].precedence(&versions[1]);
            if keys[0] != keys[1] {
                prop_assert_eq!(keys[0].cmp(&keys[1]), order);
            } else if keys[0] & 1 == 1 {
                prop_assert_eq!(order, Ordering::Equal);
            }
        }

        #[test]
        fn keys_of_numbers_are_in_their_order(left in any::<f64>(), right in any::<f64>()) {
            if let Some(order) = left.partial_cmp(&right) {
                prop_assert_eq!(number_key(left).cmp(&number_key(right)), order);
            }
        }

        #[test]
        fn prefixes_never_contradict_the_order_of_texts(left in "[ab\\x00]{0,18}", right in "[ab\\x00]{0,18}") {
            if prefix(&left) != prefix(&right) {
                prop_assert_eq!(prefix(&left).cmp(&prefix(&right)), left.cmp(&right));
            }
        }
    }

    fn version() -> impl Strategy<Value = String> {
        let number = || {
            prop_oneof![
                (0_u64..3).prop_map(|number| number.to_string()),
                prop::sample::select(vec![
                    (1_u64 << 42) - 2,
                    (1 << 42) - 1,
                    1 << 42,
                    (1 << 43) - 2,
                    (1 << 43) - 1,
                    1 << 43,
                    u64::MAX,
                ])
                .prop_map(|number| number.to_string()),
            ]
        };
        let rest = prop::sample::select(vec!["", "-a", "-b", "+x"]);
        (number(), number(), number(), rest)
            .prop_map(|(major, minor, patch, rest)| format!("{major}.{minor}.{patch}{rest}"))
    }

    #[test]
    fn zeros_of_both_signs_are_equal() {
        assert_eq!(number_key(-0.0), number_key(0.0));
    }

    #[test]
    fn not_a_numbers_come_last_in_both_orders() {
        for (order, expected) in [("asc", ["2", "1", "nan"]), ("desc", ["1", "2", "nan"])] {
            let mut spec = ImagePolicySpec::default();
            let order = Some(order.to_owned());
            spec.policy.numerical = Some(OrderChoice { order });
            let policy = Policy::new(&spec).unwrap();
            // The last one keeps the others from being chosen.
            let tags = ["nan", "2", "1", "x"];
            let selection = policy.select_unsorted(&tags);
            let ranked = Ranking::new(&selection, &policy.order, &tags).sort(&[0, 1, 2], None);
            let ranked: Vec<&str> = ranked.iter().map(|at| tags[*at]).collect();
            assert_eq!(ranked, expected);
        }
    }
}

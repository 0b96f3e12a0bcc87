//! Which of the items is the best, and which are as good.
//!
//! Tags may come in any order. What the controller leaves to chance (the order of a Go map) is
//! settled as if items stood in descending byte order of the tag that owns them; since that order
//! only decides among equals, only equals are ever sorted.

use std::collections::HashMap;

use super::contest::{Contest, Place};
use super::rules::Order;
use super::selection::{Fate, Input};
use super::warning::{SelectionError, Warning};
use crate::number::parse_float;

/// From here on doubles no longer hold every integer: the next one is this one, too.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// The best items.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// The chosen tag.
    pub(super) winner: usize,
    /// Tags whose items are as good as the winner's, one for each item, the winner included.
    pub(super) owners: Vec<usize>,
    /// Tags that give one of those items without owning it.
    pub(super) sharing: Vec<usize>,
    /// Doubts that only the order knows.
    pub(super) warnings: Vec<Warning>,
}

/// Whether the first or the last of equals wins.
#[derive(Clone, Copy)]
enum Among {
    First,
    Last,
}

/// The best of the candidates in an order; `fates` learn which of them are not in the contest.
pub(super) fn choose<T: AsRef<str>>(
    input: &Input<'_, T>,
    fates: &mut [Fate],
    order: &Order,
) -> Result<Choice, SelectionError> {
    let mut contest = Contest::new(order);
    let mut equals = Vec::new();
    let mut bad = Vec::new();
    let mut unordered = false;
    for at in input.candidates() {
        match contest.place(input.item(at)) {
            Place::Better => {
                equals.clear();
                equals.push(at);
            }
            Place::Equal => equals.push(at),
            Place::Worse => {}
            Place::Unordered => unordered = true,
            Place::Unfit(fate) => {
                fates[at] = fate;
                if fate == Fate::NoNumber {
                    bad.push(at);
                }
            }
        }
    }
    if let Some(at) = settle(input, bad, Among::First).owners.first() {
        return Err(SelectionError::NotANumber {
            item: input.item(*at).to_owned(),
            tag: input.tag(*at).to_owned(),
        });
    }
    let mut choice = match order {
        Order::Numerical { ascending } if unordered => without_order(input, *ascending),
        _ if equals.is_empty() => return Err(SelectionError::NoneInRange),
        Order::Numerical { .. } => settle(input, equals, Among::Last),
        Order::Semver(_) | Order::Alphabetical { .. } => settle(input, equals, Among::First),
    };
    let item = input.item(choice.winner);
    choice.warnings.extend(doubt(order, &contest, item));
    Ok(choice)
}

/// What the order makes one doubt.
fn doubt(order: &Order, contest: &Contest<'_>, item: &str) -> Option<Warning> {
    match order {
        Order::Numerical { .. } => parse_float(item)
            .is_ok_and(|number| number.is_finite() && number.abs() >= EXACT_INTEGERS)
            .then(|| Warning::HugeNumbers(item.to_owned())),
        Order::Semver(_) | Order::Alphabetical { .. } => {
            contest
                .prefixes()
                .are_mixed()
                .then_some(Warning::MixedPrefixes {
                    by_bytes: matches!(order, Order::Alphabetical { .. }),
                })
        }
    }
}

/// A not-a-number replaces and is replaced, since it is neither smaller nor larger; the items have to
/// be gone through one by one, in order.
fn without_order<T: AsRef<str>>(input: &Input<'_, T>, ascending: bool) -> Choice {
    let all = settle(input, input.candidates().collect(), Among::First);
    let numbers: Vec<f64> = all
        .owners
        .iter()
        .map(|at| parse_float(input.item(*at)).unwrap_or(f64::NAN))
        .collect();
    let mut winner = 0;
    for (at, number) in numbers.iter().enumerate() {
        let best = numbers[winner];
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
    let equals = (0..numbers.len()).filter(|at| *at == winner || numbers[*at] == best);
    let owners: Vec<usize> = equals.map(|at| all.owners[at]).collect();
    let good: Vec<&str> = owners.iter().map(|at| input.item(*at)).collect();
    let mut choice = Choice {
        winner: all.owners[winner],
        sharing: all
            .sharing
            .into_iter()
            .filter(|at| good.contains(&input.item(*at)))
            .collect(),
        owners,
        warnings: Vec::new(),
    };
    if input.is_filtered() && numbers.len() > 1 && choice.owners.len() == 1 {
        // With a map's order a not-a-number makes every outcome possible.
        let tag = input.tag(choice.winner).to_owned();
        choice.warnings.push(Warning::Tie(vec![tag]));
    }
    choice
}

/// Splits equally good tags into those that own their item and those that share it, and takes the
/// first or last owner.
fn settle<T: AsRef<str>>(input: &Input<'_, T>, mut equals: Vec<usize>, among: Among) -> Choice {
    input.sort_as_stored(&mut equals);
    let mut choice = Choice::default();
    if input.is_filtered() && equals.len() > 1 {
        // The controller's map of items remembers the tag that was put in last.
        let owner: HashMap<&str, usize> = equals.iter().map(|at| (input.item(*at), *at)).collect();
        for at in equals {
            if owner.get(input.item(at)) == Some(&at) {
                choice.owners.push(at);
            } else {
                choice.sharing.push(at);
            }
        }
    } else {
        choice.owners = equals;
    }
    let winner = match among {
        Among::First => choice.owners.first(),
        Among::Last => choice.owners.last(),
    };
    choice.winner = winner.copied().unwrap_or_default();
    choice
}

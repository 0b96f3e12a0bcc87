//! The three orders: which of the items is the best, and which are as good.
//!
//! Tags may come in any order. What the controller leaves to chance (the order of a Go map) is
//! settled as if items stood in descending byte order of the tag that owns them; since that order
//! only decides among equals, only equals are ever sorted.

use std::collections::HashMap;

use super::selection::{Fate, Input};
use super::warning::{SelectionError, Warning};
use crate::number::parse_float;
use crate::semver::{Constraint, Version};

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

/// The highest version in the range; the first of equals.
pub(super) fn by_version<T: AsRef<str>>(
    input: &Input<'_, T>,
    fates: &mut [Fate],
    constraint: &Constraint,
) -> Result<Choice, SelectionError> {
    let mut best: Option<Version<'_>> = None;
    let mut equals = Vec::new();
    let (mut with_v, mut without_v) = (false, false);
    for at in input.candidates() {
        let text = input.item(at);
        let Ok(version) = Version::parse_tag(text) else {
            fates[at] = Fate::NoVersion;
            continue;
        };
        if !constraint.check(&version) {
            fates[at] = Fate::Outside;
            continue;
        }
        if text.starts_with('v') {
            with_v = true;
        } else {
            without_v = true;
        }
        let order = best.as_ref().map(|best| version.precedence(best));
        if order.is_none_or(std::cmp::Ordering::is_gt) {
            equals.clear();
            best = Some(version);
        } else if order.is_some_and(std::cmp::Ordering::is_lt) {
            continue;
        }
        equals.push(at);
    }
    if best.is_none() {
        return Err(SelectionError::NoneInRange);
    }
    let mut choice = settle(input, equals, Among::First);
    if with_v && without_v {
        choice
            .warnings
            .push(Warning::MixedPrefixes { by_bytes: false });
    }
    Ok(choice)
}

/// The last or first item by bytes.
pub(super) fn by_bytes<T: AsRef<str>>(input: &Input<'_, T>, ascending: bool) -> Choice {
    let mut equals: Vec<usize> = Vec::new();
    let (mut with_v, mut without_v) = (false, false);
    for at in input.candidates() {
        match input.item(at).as_bytes() {
            [b'v', second, ..] => with_v |= second.is_ascii_digit(),
            [first, ..] => without_v |= first.is_ascii_digit(),
            [] => {}
        }
        let order = match equals.first() {
            None => std::cmp::Ordering::Greater,
            Some(best) if ascending => input.item(at).cmp(input.item(*best)),
            Some(best) => input.item(*best).cmp(input.item(at)),
        };
        if order.is_gt() {
            equals.clear();
        }
        if order.is_ge() {
            equals.push(at);
        }
    }
    let mut choice = settle(input, equals, Among::First);
    if with_v && without_v {
        choice
            .warnings
            .push(Warning::MixedPrefixes { by_bytes: true });
    }
    choice
}

/// The greatest or least number; the last of equals.
pub(super) fn by_number<T: AsRef<str>>(
    input: &Input<'_, T>,
    fates: &mut [Fate],
    ascending: bool,
) -> Result<Choice, SelectionError> {
    let mut equals: Vec<usize> = Vec::new();
    let mut best = 0.0;
    let mut bad = Vec::new();
    let mut chance = false;
    for at in input.candidates() {
        let Ok(number) = parse_float(input.item(at)) else {
            fates[at] = Fate::NoNumber;
            bad.push(at);
            continue;
        };
        chance |= number.is_nan();
        let (better, worse) = if ascending {
            (number > best, number < best)
        } else {
            (number < best, number > best)
        };
        if better {
            equals.clear();
        }
        if equals.is_empty() || !worse {
            best = number;
            equals.push(at);
        }
    }
    if let Some(at) = settle(input, bad, Among::First).owners.first() {
        return Err(SelectionError::NotANumber {
            item: input.item(*at).to_owned(),
            tag: input.tag(*at).to_owned(),
        });
    }
    let mut choice = if chance {
        without_order(input, ascending)
    } else {
        settle(input, equals, Among::Last)
    };
    let item = input.item(choice.winner);
    if parse_float(item).is_ok_and(|number| number.is_finite() && number.abs() >= EXACT_INTEGERS) {
        choice.warnings.push(Warning::HugeNumbers(item.to_owned()));
    }
    Ok(choice)
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

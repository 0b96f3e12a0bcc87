//! The choice that a mistyped word most likely means.
//!
//! For: naming the verb, kind, flag, value or object that somebody meant.
//! Refuses: to guess: a word that is like nothing means nothing.

/// The choice that is spelled most like the word, if any is close enough to be meant. Case does not
/// count.
pub fn nearest<'c>(word: &str, choices: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    choices
        .into_iter()
        .map(|choice| (distance(&word, &choice.to_lowercase()), choice))
        .filter(|(distance, choice)| *distance <= allowance(&word, choice))
        .min()
        .map(|(_, choice)| choice)
}

/// How many edits apart two words may be and still be taken for each other: one in three letters, and
/// a third of what is left over counts as well.
fn allowance(word: &str, choice: &str) -> usize {
    let length = word.chars().count().max(choice.chars().count());
    match length {
        0..=2 => 0,
        _ => (length + 1) / 3,
    }
}

/// Edits between two words: letters put in, left out, replaced, or swapped with the next one.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut older: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for at in 1..=left.len() {
        let mut row = vec![at];
        for to in 1..=right.len() {
            let replaced = previous[to - 1] + usize::from(left[at - 1] != right[to - 1]);
            let mut best = replaced.min(previous[to] + 1).min(row[to - 1] + 1);
            let swapped =
                at > 1 && to > 1 && left[at - 1] == right[to - 2] && left[at - 2] == right[to - 1];
            if swapped {
                best = best.min(older[to - 2] + 1);
            }
            row.push(best);
        }
        older = std::mem::replace(&mut previous, row);
    }
    previous[right.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slip_of_the_fingers_finds_the_word() {
        let verbs = ["create", "get", "diff", "reconcile", "export", "resume"];
        for (typed, meant) in [
            ("gte", Some("get")),
            ("gett", Some("get")),
            ("recncile", Some("reconcile")),
            ("Reconcile", Some("reconcile")),
            ("exprot", Some("export")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, verbs), meant, "{typed}");
        }
    }

    proptest! {
        #[test]
        fn a_word_is_nearest_to_itself(word in "[a-z]{3,12}", other in "[a-z]{3,12}") {
            prop_assert_eq!(nearest(&word, [other.as_str(), word.as_str()]), Some(word.as_str()));
        }

        #[test]
        fn the_distance_is_the_same_both_ways(left in any::<String>(), right in any::<String>()) {
            prop_assert_eq!(distance(&left, &right), distance(&right, &left));
        }
    }
}

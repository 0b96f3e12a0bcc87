//! What must hold for every policy and every list.

use proptest::prelude::*;

use super::{Policy, Selection, Sieve, Verdict, Warning, stored_tags};
use crate::api::{FilterTags, ImagePolicySpec, OrderChoice, SemverChoice};
use crate::policy::Exclusion;

fn tag() -> impl Strategy<Value = String> {
    prop_oneof![
        "v?[0-3]\\.[0-3]\\.[0-3]",
        "v?[0-2]\\.0\\.[0-2]-(rc|alpha)\\.[0-9]{1,2}",
        "[0-2]\\.0\\.0\\+[a-c]",
        "main-[a-c]{2}-[0-9]{1,3}",
        "[0-9]{1,3}",
        "1e3|nan|inf|0x1p4|9007199254740993|1_0|latest|sha256-0.sig",
        "[a-z]{1,4}",
    ]
}

fn tags() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(tag(), 0..24)
}

fn spec() -> impl Strategy<Value = ImagePolicySpec> {
    let range = prop_oneof![
        Just("*".to_owned()),
        Just(">=1.0.0".to_owned()),
        Just(">=1.0.0-0".to_owned()),
        Just("~1.0 || ^2".to_owned()),
    ];
    let order = prop_oneof![Just(None), Just(Some("asc")), Just(Some("desc"))];
    let filter = prop_oneof![
        Just(None),
        Just(Some((".*", ""))),
        Just(Some(("^main-[a-c]+-(?P<n>[0-9]+)$", "$n"))),
        Just(Some(("^v?(?P<version>[0-9.]+)", "$version"))),
        Just(Some(("^[0-9]+$", ""))),
        Just(Some(("^(.).*", ""))),
    ];
    (0..3, range, order, filter).prop_map(|(kind, range, order, filter)| {
        let mut spec = ImagePolicySpec::default();
        let order = Some(OrderChoice {
            order: order.map(str::to_owned),
        });
        match kind {
            0 => spec.policy.semver = Some(SemverChoice { range }),
            1 => spec.policy.alphabetical = order,
            _ => spec.policy.numerical = order,
        }
        spec.filter_tags = filter.map(|(pattern, extract)| FilterTags {
            pattern: pattern.to_owned(),
            extract: extract.to_owned(),
        });
        spec
    })
}

fn select(spec: &ImagePolicySpec, tags: &[String]) -> (Policy, Vec<String>, Selection) {
    let policy = Policy::new(spec).unwrap();
    let stored = stored_tags(tags, &Exclusion::new(&[]).unwrap());
    let selection = policy.select(&stored);
    (policy, stored, selection)
}

/// Whether equals stand behind the choice, where one more tag may tip the scales.
fn is_tied(selection: &Selection) -> bool {
    selection
        .warnings()
        .iter()
        .any(|warning| matches!(warning, Warning::Tie(_) | Warning::SharedItem { .. }))
}

proptest! {
    #[test]
    fn the_order_of_the_list_does_not_matter(
        spec in spec(),
        tags in tags(),
        seed in any::<u64>(),
    ) {
        let (policy, stored, selection) = select(&spec, &tags);
        let mut mixed = stored.clone();
        mixed.sort_by_key(|tag| {
            tag.bytes().fold(seed, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
        });
        let unsorted = policy.select_unsorted(&mixed);
        prop_assert_eq!(unsorted.tag(), selection.tag());
        prop_assert_eq!(unsorted.error(), selection.error());
        prop_assert_eq!(unsorted.warnings(), selection.warnings());
        let rows = |selection: &Selection, tags: &[String]| -> Vec<String> {
            let explanation = selection.explain(&policy, tags);
            explanation
                .rows()
                .map(|row| format!("{} {} {}", row.tag, row.verdict.code(), row.verdict))
                .collect()
        };
        prop_assert_eq!(rows(&unsorted, &mixed), rows(&selection, &stored));
    }

    #[test]
    fn what_a_sieve_leaves_decides_as_the_whole_list_does(spec in spec(), tags in tags()) {
        let policy = Policy::new(&spec).unwrap();
        let mut sieve = Sieve::new(&policy);
        if tags.iter().try_for_each(|tag| sieve.pass(tag)).is_err() {
            prop_assert!(tags.iter().any(|tag| tag.contains("nan")));
            return Ok(());
        }
        let left = sieve.into_tags();
        prop_assert!(left.len() <= tags.len());
        let (few, all) = (policy.select_unsorted(&left), policy.select_unsorted(&tags));
        prop_assert_eq!(few.tag(), all.tag());
        prop_assert_eq!(few.tied(), all.tied());
        prop_assert_eq!(few.error(), all.error());
        prop_assert_eq!(few.warnings(), all.warnings());
    }

    #[test]
    fn the_explained_winner_is_the_engines(spec in spec(), tags in tags()) {
        let (policy, stored, selection) = select(&spec, &tags);
        let explanation = selection.explain(&policy, &stored);
        let rows: Vec<_> = explanation.rows().collect();
        prop_assert_eq!(rows.len(), stored.len());
        let selected: Vec<&str> = rows
            .iter()
            .filter(|row| matches!(row.verdict, Verdict::Selected(_)))
            .map(|row| row.tag)
            .collect();
        prop_assert_eq!(selected, selection.tag().into_iter().collect::<Vec<_>>());
        // Ranks count from 1 without a gap.
        let ranks: Vec<usize> = rows.iter().filter_map(|row| row.verdict.rank()).collect();
        prop_assert_eq!(&ranks, &(1..=ranks.len()).collect::<Vec<_>>());
    }

    #[test]
    fn a_losing_tag_never_changes_the_winner(
        spec in spec(),
        tags in tags(),
        another in tag(),
    ) {
        let (_, _, before) = select(&spec, &tags);
        let with: Vec<String> = tags.iter().cloned().chain([another.clone()]).collect();
        let (_, _, after) = select(&spec, &with);
        let decided = before.tag().is_some() && after.tag().is_some();
        if decided && !is_tied(&before) && !is_tied(&after) && after.tag() != Some(&another) {
            prop_assert_eq!(before.tag(), after.tag());
        }
    }

    #[test]
    fn of_two_candidates_the_better_ranked_one_wins(spec in spec(), tags in tags()) {
        let (policy, stored, selection) = select(&spec, &tags);
        if selection.tag().is_none() || stored.iter().any(|tag| tag == "nan") {
            return Ok(());
        }
        let explanation = selection.explain(&policy, &stored);
        let ranked: Vec<&str> = explanation
            .rows()
            .filter(|row| row.verdict.rank().is_some())
            .map(|row| row.tag)
            .collect();
        for (at, better) in ranked.iter().enumerate() {
            for worse in &ranked[at + 1..] {
                let pair = policy.select_unsorted(&[worse, better]);
                prop_assert_eq!(pair.tag(), Some(*better), "{} {}", better, worse);
            }
        }
    }
}

#[test]
fn a_sieve_keeps_few_tags_of_a_long_list() {
    let words: Vec<String> = (0..10_000)
        .map(|at| format!("word-{}", at * 7919 % 10_000))
        .collect();
    let versions: Vec<String> = (0..10_000)
        .map(|at| format!("1.{}.{}", at % 97, at % 89))
        .collect();
    for (rules, tags) in [
        (r#"{"numerical": {}}"#, &words),
        (r#"{"alphabetical": {"order": "desc"}}"#, &words),
        (r#"{"semver": {"range": ">=1.0.0"}}"#, &versions),
        (r#"{"semver": {"range": ">=2.0.0"}}"#, &versions),
    ] {
        let spec = ImagePolicySpec {
            policy: serde_json::from_str(rules).unwrap(),
            ..ImagePolicySpec::default()
        };
        let policy = Policy::new(&spec).unwrap();
        let mut sieve = Sieve::new(&policy);
        for tag in tags {
            sieve.pass(tag).unwrap();
        }
        let left = sieve.into_tags();
        assert!((1..5).contains(&left.len()), "{rules}: {left:?}");
        let (few, all) = (policy.select_unsorted(&left), policy.select_unsorted(tags));
        assert_eq!(few.tag(), all.tag(), "{rules}");
        assert_eq!(few.error(), all.error(), "{rules}");
    }
}

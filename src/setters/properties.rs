//! Properties of scans over generated YAML.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::documents::documents;
use super::edit::Edit;
use super::nodes::{self, Place};
use super::{FileOutcome, MarkerState, SetterPolicy, SetterState, SetterTable, proof, scan_file};
use crate::key::TreePath;

/// What a node is written as.
#[derive(Clone, Debug)]
enum Node {
    /// A scalar as it is spelled, its marker, and whether that stands above it.
    Scalar(String, Option<&'static str>),
    /// `|` or `>` with its lines.
    Block(&'static str, Vec<&'static str>, Option<&'static str>),
    Mapping(Vec<(String, Node)>),
    Sequence(Vec<Node>),
    /// `[]` or `{}` over one or several lines.
    Flow(bool, Vec<(String, Option<&'static str>)>, bool),
}

/// How a document is laid out.
#[derive(Clone, Debug)]
struct Layout {
    indentation: usize,
    line_break: &'static str,
    byte_order_mark: bool,
    final_break: bool,
    separators: bool,
    blank_lines: bool,
}

const MARKERS: &[&str] = &[
    "ns:p",
    "ns:p:tag",
    "ns:p:name",
    "ns:q:tag",
    "ns:r:tag",
    "ns:absent",
];

fn marker() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![2 => Just(None), 3 => proptest::sample::select(MARKERS).prop_map(Some)]
}

/// Scalars as they are spelled in a block.
fn spelling() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}(:[a-z0-9.]{1,6})?",
        "[0-9]{1,3}(\\.[0-9]{1,2})?",
        "'[a-z:#{} ,]{0,10}'",
        "\"[a-z:#{} ,]{0,10}\"",
        proptest::sample::select(vec![
            "~",
            "true",
            "null",
            "1.10",
            "0x1f",
            "2024-01-02",
            "&a v1",
            "!!str 1",
            "!!float 1.0",
            "!!float &c 1.0",
            "\"a\\n\\u00e4\"",
            "'it''s'",
            "https://x/y#z",
            "ä€🎉",
            "-1",
            "\"\"",
            "''",
        ])
        .prop_map(str::to_owned),
    ]
}

/// Scalars as they are spelled inside a flow collection.
fn flow_spelling() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "'[a-z:# ]{0,10}'",
        "\"[a-z:# ,]{0,10}\"",
        "[0-9]\\.[0-9]"
    ]
}

fn scalar() -> impl Strategy<Value = Node> {
    (spelling(), marker()).prop_map(|(text, marker)| Node::Scalar(text, marker))
}

fn leaf() -> impl Strategy<Value = Node> {
    let headers = proptest::sample::select(vec!["|", "|-", ">", ">-", "|+", "|2-"]);
    let lines = proptest::sample::select(vec![
        "img:1",
        "two words",
        "# no comment",
        "{a: b}",
        "blanks \t",
    ]);
    prop_oneof![
        6 => scalar(),
        1 => (headers, prop::collection::vec(lines, 1..3), marker())
            .prop_map(|(header, lines, marker)| Node::Block(header, lines, marker)),
        1 => (any::<bool>(), prop::collection::vec((flow_spelling(), marker()), 1..4), any::<bool>())
            .prop_map(|(mapping, items, wrapped)| Node::Flow(mapping, items, wrapped)),
    ]
}

fn mapping(inner: impl Strategy<Value = Node>) -> impl Strategy<Value = Node> {
    let key = "[a-z]{1,3}|image|name|kind|'q k'";
    prop::collection::vec((key, inner), 1..5).prop_map(Node::Mapping)
}

fn document() -> impl Strategy<Value = Node> {
    let node = leaf().prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            mapping(inner.clone()),
            prop::collection::vec(inner, 1..4).prop_map(Node::Sequence),
        ]
    });
    mapping(node)
}

fn layout() -> impl Strategy<Value = Layout> {
    (
        1..5_usize,
        proptest::sample::select(vec!["\n", "\n", "\r\n"]),
        any::<[bool; 4]>(),
    )
        .prop_map(|(indentation, line_break, flags)| Layout {
            indentation,
            line_break,
            byte_order_mark: flags[0],
            final_break: flags[1],
            separators: flags[2],
            blank_lines: flags[3],
        })
}

fn file() -> impl Strategy<Value = String> {
    (layout(), prop::collection::vec(document(), 1..3)).prop_map(|(layout, documents)| {
        let mut text = String::new();
        if layout.byte_order_mark {
            text.push('\u{feff}');
        }
        for (index, document) in documents.iter().enumerate() {
            if index > 0 || layout.separators {
                text.push_str("---\n");
            }
            write_node(&mut text, document, 0, &layout);
        }
        if !layout.final_break {
            text.truncate(text.trim_end_matches('\n').len());
        }
        text.replace('\n', layout.line_break)
    })
}

fn comment(marker: Option<&str>) -> String {
    marker.map_or_else(String::new, |setter| {
        format!(" # {{\"$imagepolicy\": \"{setter}\"}}")
    })
}

/// Writes a collection's entries at an indentation, each on lines of its own.
fn write_node(text: &mut String, node: &Node, indentation: usize, layout: &Layout) {
    let blanks = " ".repeat(indentation);
    match node {
        Node::Mapping(entries) => {
            for (key, value) in entries {
                let _ = write!(text, "{blanks}{key}:");
                write_value(text, value, indentation, layout);
            }
        }
        Node::Sequence(items) => {
            for item in items {
                let _ = write!(text, "{blanks}-");
                write_value(text, item, indentation, layout);
            }
        }
        Node::Scalar(..) | Node::Block(..) | Node::Flow(..) => {}
    }
    if layout.blank_lines {
        text.push('\n');
    }
}

/// Writes what follows a colon or a dash.
fn write_value(text: &mut String, node: &Node, indentation: usize, layout: &Layout) {
    let deeper = indentation + layout.indentation;
    match node {
        Node::Scalar(spelling, marker) => {
            let _ = writeln!(text, " {spelling}{}", comment(*marker));
        }
        Node::Block(header, lines, marker) => {
            let _ = writeln!(text, " {header}{}", comment(*marker));
            let width = if header.contains('2') {
                2
            } else {
                layout.indentation
            };
            for line in lines {
                let _ = writeln!(text, "{}{line}", " ".repeat(indentation + width));
            }
        }
        Node::Flow(mapping, items, wrapped) => {
            let (open, close) = if *mapping { ('{', '}') } else { ('[', ']') };
            let blanks = " ".repeat(deeper);
            let _ = write!(text, " {open}");
            for (index, (spelling, marker)) in items.iter().enumerate() {
                let key = if *mapping {
                    format!("k{index}: ")
                } else {
                    String::new()
                };
                if *wrapped {
                    let _ = write!(text, "\n{blanks}{key}{spelling},{}", comment(*marker));
                } else {
                    let _ = write!(text, "{key}{spelling}, ");
                }
            }
            let end = if *wrapped {
                format!("\n{blanks}")
            } else {
                String::new()
            };
            let _ = writeln!(text, "{end}{close}");
        }
        Node::Mapping(_) | Node::Sequence(_) => {
            text.push('\n');
            write_node(text, node, deeper, layout);
        }
    }
}

fn table(tag: &str, other: &str) -> SetterTable {
    let policy = |name: &str, state| SetterPolicy {
        namespace: "ns".to_owned(),
        name: name.to_owned(),
        state,
    };
    let ready = |tag: &str| SetterState::Ready {
        name: "registry.example.com:5000/org/app".to_owned(),
        tag: tag.to_owned(),
        digest: String::new(),
    };
    SetterTable::new(
        "ns",
        [
            policy("p", ready(tag)),
            policy("q", ready(other)),
            policy("r", SetterState::Undecided),
        ],
    )
}

fn tag() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9_][a-zA-Z0-9_.-]{0,8}",
        proptest::sample::select(vec![
            "1.10",
            "true",
            "null",
            "on",
            "1e3",
            "0x1f",
            "2024-01-02",
            "...",
            "---",
            "1_000",
            "y",
            "08",
            ".5",
            "-",
            "latest",
        ])
        .prop_map(str::to_owned),
    ]
}

fn scan(text: &str, table: &SetterTable) -> FileOutcome {
    scan_file(&TreePath::clamp("a.yaml"), text.as_bytes(), table)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn only_marked_scalars_change_and_once(text in file(), tag in tag(), other in tag()) {
        let table = table(&tag, &other);
        let outcome = scan(&text, &table);
        prop_assert_eq!(&outcome.refusal, &None, "{}", text);
        let updated = outcome.markers.iter().filter(|m| m.state == MarkerState::Updated).count();
        let Some(patch) = outcome.patch else {
            prop_assert_eq!(updated, 0);
            return Ok(());
        };
        prop_assert_eq!(patch.splices().len(), updated);
        let after = String::from_utf8(patch.apply(text.as_bytes()).unwrap()).unwrap();

        // Outside the replacements every byte stays.
        let mut rest = after.as_bytes();
        let mut at = 0;
        for splice in patch.splices() {
            let kept = &text.as_bytes()[at..splice.start];
            prop_assert_eq!(&rest[..kept.len()], kept);
            prop_assert_eq!(&rest[kept.len()..kept.len() + splice.new.len()], &*splice.new);
            rest = &rest[kept.len() + splice.new.len()..];
            at = splice.end();
        }
        prop_assert_eq!(rest, &text.as_bytes()[at..]);

        // For a parser nothing but the marked scalars differs.
        let (before, now) = (values(&text), values(&after));
        prop_assert_eq!(before.len(), now.len());
        let differing = before.iter().zip(&now).filter(|(old, new)| old != new).count();
        prop_assert_eq!(differing, updated, "{}\n{}", text, after);

        // A second run changes nothing.
        let again = scan(&after, &table);
        prop_assert_eq!(again.patch, None);
        prop_assert_eq!(again.refusal, None);
        let current = again.markers.iter().filter(|m| m.state == MarkerState::Current).count();
        prop_assert!(current >= updated);
    }

    #[test]
    fn the_short_proof_is_as_strong_as_parsing_again(
        text in file(),
        choice in any::<prop::sample::Index>(),
        spelling in prop_oneof![spelling(), flow_spelling(), "[ -~]{0,6}", "[a:#,\\[{}'\"&*!|>% -]{1,4}"],
        value in prop_oneof![Just(None), "[ -~]{0,6}".prop_map(Some)],
    ) {
        let ranges = documents(&text).unwrap();
        let document = nodes::read(&text, &ranges[0]).unwrap();
        let places: Vec<usize> = document
            .scalars()
            .filter(|(_, scalar)| matches!(scalar.place, Place::Value { .. } | Place::Item { .. }))
            .map(|(piece, _)| piece)
            .collect();
        prop_assume!(!places.is_empty());
        let piece = places[choice.index(places.len())];
        let scalar = document.scalar(piece).unwrap();
        let edit = Edit {
            range: scalar.range.clone(),
            value: value.unwrap_or_else(|| spelling.trim_matches(['"', '\'']).to_owned()),
            text: spelling,
            target: (0, piece),
        };
        if proof::is_token(&text, scalar, &edit) {
            let whole = proof::prove_whole(&text, &document, &ranges[0], std::slice::from_ref(&edit));
            prop_assert_eq!(whole, Ok(()), "{:?} in\n{}", edit, text);
        }
    }
}

/// Every scalar of every document, in order.
fn values(text: &str) -> Vec<String> {
    documents(text)
        .unwrap()
        .iter()
        .flat_map(|range| {
            let document = nodes::read(text, range).unwrap();
            let values: Vec<String> = document
                .scalars()
                .map(|(_, scalar)| scalar.value.clone().into_owned())
                .collect();
            values
        })
        .collect()
}

#[test]
fn a_file_in_which_more_than_the_marked_value_would_change_is_refused() {
    let text = "a: 1\nb: 2\n";
    let ranges = documents(text).unwrap();
    let document = nodes::read(text, &ranges[0]).unwrap();
    let prove = |range: std::ops::Range<usize>, spelling: &str, value: &str| {
        let edit = Edit {
            range,
            text: spelling.to_owned(),
            target: (0, 2),
            value: value.to_owned(),
        };
        proof::prove(text, &document, &ranges[0], &[edit])
    };
    assert_eq!(prove(3..4, "v1", "v1"), Ok(()));
    // A value that is no string as it is spelled, a comment, a key, another scalar's bytes.
    for (range, spelling, value) in [
        (3..4, "v1 # c", "v1 # c"),
        (3..4, "x: y", "x: y"),
        (3..4, "[v1]", "[v1]"),
        (3..4, "\"v1", "v1"),
        (3..4, "v1\nc: d", "v1"),
        (8..9, "v1", "v1"),
        (0..4, "v1", "v1"),
    ] {
        let unfit = prove(range, spelling, value).unwrap_err();
        assert_eq!(
            unfit.kind,
            super::documents::UnfitKind::Unproven,
            "{spelling}"
        );
    }
}

//! The YAML printer: what `sigs.k8s.io/yaml` prints, byte for byte.
//!
//! For: `create --export`, `export` and `-o yaml`, so that a file made here and a file made by flux
//! or kubectl are the same file. No YAML crate prints this form: keys in natural order, sequences
//! not indented, YAML 1.1 words quoted, long lines folded at column 80.
//! Refuses: anything but JSON values; it cannot print anchors, tags or comments.

mod emitter;
mod resolve;
mod scalar;

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use self::emitter::Emitter;

/// Whether a text, written without quotes, is read as the same string by YAML 1.1 readers.
pub fn is_plain_string(text: &str) -> bool {
    resolve::is_string(text)
}

/// The YAML text of a value, with a line break at its end.
pub fn print(value: &Value) -> String {
    let mut emitter = Emitter::default();
    node(&mut emitter, value, Place::Root);
    emitter.finish()
}

/// Where a node stands, which decides how a collection begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    SequenceItem,
    MappingValue,
}

fn node(emitter: &mut Emitter, value: &Value, place: Place) {
    match value {
        Value::Object(fields) if fields.is_empty() => emitter.word("{}"),
        Value::Array(items) if items.is_empty() => emitter.word("[]"),
        Value::Object(fields) => mapping(emitter, fields),
        // A sequence below a key stays in the key's column.
        Value::Array(items) => sequence(emitter, items, place == Place::MappingValue),
        Value::String(text) => emitter.string(&without_next_line(text), false),
        Value::Number(number) => emitter.word(&number_text(number)),
        Value::Bool(true) => emitter.word("true"),
        Value::Bool(false) => emitter.word("false"),
        Value::Null => emitter.word("null"),
    }
}

fn mapping(emitter: &mut Emitter, fields: &Map<String, Value>) {
    let mut keys: Vec<&String> = fields.keys().collect();
    keys.sort_by(|left, right| natural_order(left, right));
    emitter.increase_indent(false);
    for key in keys {
        emitter.write_indent();
        let text = without_next_line(key);
        if scalar::is_simple_key(&text) {
            emitter.string(&text, true);
            emitter.indicator(":", false);
        } else {
            emitter.compact_indicator("?");
            emitter.string(&text, false);
            emitter.write_indent();
            emitter.compact_indicator(":");
        }
        node(emitter, &fields[key.as_str()], Place::MappingValue);
    }
    emitter.decrease_indent();
}

fn sequence(emitter: &mut Emitter, items: &[Value], in_mapping: bool) {
    emitter.increase_indent(in_mapping && !emitter.is_indention());
    for item in items {
        emitter.write_indent();
        emitter.compact_indicator("-");
        node(emitter, item, Place::SequenceItem);
    }
    emitter.decrease_indent();
}

/// The reference prints by way of JSON read as YAML, whose reader takes U+0085 for a line break and
/// folds it: one becomes a blank, more become line breaks, blanks beside them vanish.
fn without_next_line(text: &str) -> String {
    if !text.contains('\u{85}') {
        return text.to_owned();
    }
    let parts: Vec<&str> = text.split('\u{85}').collect();
    let last = parts.len() - 1;
    let mut folded = String::new();
    let mut breaks = 0;
    for (index, part) in parts.iter().enumerate() {
        let part = if index > 0 {
            part.trim_start_matches(' ')
        } else {
            part
        };
        let part = if index < last {
            part.trim_end_matches(' ')
        } else {
            part
        };
        if index > 0 {
            breaks += 1;
        }
        if part.is_empty() && index < last && index > 0 {
            continue;
        }
        match breaks {
            0 => {}
            1 => folded.push(' '),
            more => folded.push_str(&"\n".repeat(more - 1)),
        }
        breaks = 0;
        folded.push_str(part);
    }
    folded
}

/// A number as Go prints it: integers plain, floats by `strconv.FormatFloat(f, 'g', -1, 64)`.
fn number_text(number: &Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    let Some(float) = number.as_f64() else {
        return number.to_string();
    };
    let scientific = format!("{float:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    // The shortest form of 'g' changes to an exponent below 1e-4 and from 1e21 on; integers that
    // large are floats to the reference.
    if (-4..21).contains(&exponent) {
        return format!("{float}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// The order of keys in yaml.v2: letters behind everything else, runs of digits as numbers.
fn natural_order(left: &str, right: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    for i in 0..a.len().min(b.len()) {
        if a[i] == b[i] {
            continue;
        }
        return match (a[i].is_alphabetic(), b[i].is_alphabetic()) {
            (true, true) => a[i].cmp(&b[i]),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => number_order(&a, &b, i),
        };
    }
    a.len().cmp(&b.len())
}

/// Compares from the first difference on: by the value of the digits there, by their count, by the
/// characters.
fn number_order(a: &[char], b: &[char], at: usize) -> Ordering {
    // A zero behind a digit that is no zero is part of a greater number.
    let mut start = 0_i64;
    if a[at] == '0' || b[at] == '0' {
        let before = a[..at].iter().rev().take_while(|c| c.is_ascii_digit());
        start = i64::from(before.into_iter().any(|c| *c != '0'));
    }
    let read = |text: &[char]| {
        let mut value = start;
        let mut end = at;
        while let Some(digit) = text.get(end).and_then(|c| c.to_digit(10)) {
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
            end += 1;
        }
        (value, end)
    };
    read(a).cmp(&read(b)).then(a[at].cmp(&b[at]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_collections_follow_their_keys() {
        let value = json!({"a": [{"b": {"c": [1, {"d": 2}]}}], "e": {"f": {"g": []}}});
        assert_eq!(
            print(&value),
            "a:\n- b:\n    c:\n    - 1\n    - d: 2\ne:\n  f:\n    g: []\n"
        );
    }

    #[test]
    fn a_literal_below_a_key_is_indented_below_it() {
        assert_eq!(
            print(&json!({"a": {"b": "x\ny"}})),
            "a:\n  b: |-\n    x\n    y\n"
        );
    }

    #[test]
    fn a_literal_at_the_root_is_indented_too() {
        assert_eq!(print(&json!("\n-")), "|2-\n\n  -\n");
    }

    #[test]
    fn a_key_of_more_than_128_bytes_is_a_complex_one() {
        let key = "k".repeat(130);
        assert_eq!(print(&json!({key.as_str(): 1})), format!("? {key}\n: 1\n"));
    }

    /// Texts that every reader takes alike. Line breaks of YAML 1.1 that 1.2 gave up, and the merge
    /// key, are printed as kubectl prints them and read in two ways.
    fn is_unambiguous(text: &str) -> bool {
        text != "<<" && !text.contains(['\u{85}', '\u{2028}', '\u{2029}'])
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~]{0,90}".prop_map(Value::from),
            "([a-z]{1,12} {1,2}){0,20}".prop_map(Value::from),
            "[ a-z\n#:-]{0,20}".prop_map(Value::from),
            "\\PC{0,8}"
                .prop_filter("ambiguous", |text| is_unambiguous(text))
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(
                    "[ -~]{0,10}".prop_filter("ambiguous", |text| is_unambiguous(text)),
                    inner,
                    0..4
                )
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_as_the_same_value(value in value()) {
            let printed = print(&value);
            let read: Value = serde_saphyr::from_str(&printed)
                .map_err(|error| TestCaseError::fail(format!("{error}\n{printed}")))?;
            prop_assert_eq!(read, value, "{}", printed);
        }
    }
}

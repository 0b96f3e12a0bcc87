//! Digits that no number holds exactly, such as a commit id without letters, stay texts.
//!
//! For: reading YAML. A YAML reader turns a long row of digits into a floating-point number, and
//! then the commit that a `GitRepository` names is lost. YAML readers that follow YAML 1.1 to the
//! letter read some of them as texts; here all of them are.
//! Refuses: to touch numbers that fit, quoted texts, and block scalars.

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

/// Rows of at most so many digits fit into 64 bits.
const EXACT: usize = 18;

/// Puts the text back where `part` has a long row of digits and `value` a number.
pub(super) fn restore(mut value: Value, part: &str) -> Value {
    for (path, text) in long_rows(part) {
        if let Some(place) = value.pointer_mut(&path)
            && place.is_number()
        {
            *place = Value::String(text);
        }
    }
    value
}

/// A collection that is open while the events pass.
struct Frame {
    sequence: bool,
    /// Nodes seen.
    count: usize,
    /// The last key of a mapping.
    key: String,
}

/// Plain scalars that are long rows of digits, with their JSON pointers.
fn long_rows(part: &str) -> Vec<(String, String)> {
    // Most documents hold none, and then the events are not worth their time.
    let candidate = part.split(|character: char| !character.is_ascii_digit());
    if !candidate.into_iter().any(|row| row.len() > EXACT) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut frames: Vec<Frame> = Vec::new();
    for event in Parser::new_from_str(part) {
        let Ok((event, _)) = event else { break };
        match event {
            Event::Scalar(text, style, ..) => {
                let is_key = frames
                    .last()
                    .is_some_and(|frame| !frame.sequence && frame.count % 2 == 0);
                if is_key {
                    if let Some(frame) = frames.last_mut() {
                        frame.key = text.to_string();
                    }
                } else if style == ScalarStyle::Plain && is_long_row(&text) {
                    found.push((pointer(&frames), text.to_string()));
                }
                advance(&mut frames);
            }
            Event::Alias(..) => advance(&mut frames),
            Event::SequenceStart(..) => frames.push(Frame {
                sequence: true,
                count: 0,
                key: String::new(),
            }),
            Event::MappingStart(..) => frames.push(Frame {
                sequence: false,
                count: 0,
                key: String::new(),
            }),
            Event::SequenceEnd | Event::MappingEnd => {
                frames.pop();
                advance(&mut frames);
            }
            Event::DocumentEnd => break,
            _ => {}
        }
    }
    found
}

fn is_long_row(text: &str) -> bool {
    text.len() > EXACT && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn advance(frames: &mut [Frame]) {
    if let Some(frame) = frames.last_mut() {
        frame.count += 1;
    }
}

fn pointer(frames: &[Frame]) -> String {
    let mut pointer = String::new();
    for frame in frames {
        pointer.push('/');
        if frame.sequence {
            pointer.push_str(&frame.count.to_string());
        } else {
            pointer.push_str(&frame.key.replace('~', "~0").replace('/', "~1"));
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        restore(serde_saphyr::from_str(text).unwrap(), text)
    }

    #[test]
    fn a_commit_id_without_letters_stays_a_text() {
        let id = "0123456789012345678901234567890123456789";
        let value = read(&format!(
            "spec:\n  a/b: [1, {{c: {id}}}]\n  ref: {{commit: {id}}}\n  replicas: 12\n  id: \"{id}\"\n"
        ));
        assert_eq!(
            value,
            json!({"spec": {
                "a/b": [1, {"c": id}], "ref": {"commit": id}, "replicas": 12, "id": id,
            }})
        );
    }

    #[test]
    fn numbers_that_fit_and_block_scalars_are_left_alone() {
        let value = read("a: 123456789012345678\nb: |\n  c: 12345678901234567890123\n");
        assert_eq!(
            value,
            json!({"a": 123_456_789_012_345_678_i64, "b": "c: 12345678901234567890123\n"})
        );
    }
}

//! The items of a list, one by one, while the answer arrives.
//!
//! A list of thousands of objects is never held as a whole: the splitter follows strings and
//! brackets only, hands over the text of each item as soon as it is complete, and keeps the rest of
//! the answer (with the items left out) for its `metadata`.

/// Cuts a list answer into items.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// The answer without its items.
    envelope: Vec<u8>,
    /// The beginning of an item whose end is in a later chunk.
    item: Vec<u8>,
    depth: usize,
    string: StringState,
    /// The last complete string at the first level, perhaps a key.
    key: Vec<u8>,
    items: ItemsState,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum StringState {
    #[default]
    Outside,
    Inside,
    Escaped,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum ItemsState {
    #[default]
    Before,
    Between,
    Item,
    After,
}

impl Splitter {
    /// Takes the next bytes; `visit` gets the text of every item that they complete.
    pub(super) fn push(&mut self, chunk: &[u8], visit: &mut dyn FnMut(&[u8])) {
        let mut begin = 0;
        let mut at = 0;
        while at < chunk.len() {
            if self.string == StringState::Inside {
                // Most bytes are inside strings; the next one that matters is looked for at once.
                let rest = &chunk[at..];
                let length = rest
                    .iter()
                    .position(|byte| matches!(byte, b'"' | b'\\'))
                    .unwrap_or(rest.len());
                self.keep_key(&rest[..length]);
                at += length;
                if at == chunk.len() {
                    break;
                }
            }
            let byte = chunk[at];
            match self.step(byte) {
                Step::Goes => {}
                Step::ItemBegins => {
                    self.envelope.extend_from_slice(&chunk[begin..at]);
                    begin = at;
                }
                Step::ItemEnds => {
                    let text = &chunk[begin..=at];
                    if self.item.is_empty() {
                        visit(text);
                    } else {
                        self.item.extend_from_slice(text);
                        visit(&self.item);
                        self.item.clear();
                    }
                    begin = at + 1;
                }
                Step::Separator => {
                    self.envelope.extend_from_slice(&chunk[begin..at]);
                    begin = at + 1;
                }
            }
            at += 1;
        }
        if self.items == ItemsState::Item {
            self.item.extend_from_slice(&chunk[begin..]);
        } else {
            self.envelope.extend_from_slice(&chunk[begin..]);
        }
    }

    /// The answer without its items; valid JSON when the answer was.
    pub(super) fn into_envelope(self) -> Vec<u8> {
        self.envelope
    }

    fn keep_key(&mut self, bytes: &[u8]) {
        if self.depth == 1 && self.items == ItemsState::Before {
            self.key.extend_from_slice(bytes);
        }
    }

    fn step(&mut self, byte: u8) -> Step {
        match self.string {
            StringState::Escaped => {
                self.keep_key(&[byte]);
                self.string = StringState::Inside;
                return Step::Goes;
            }
            StringState::Inside => {
                if byte == b'\\' {
                    self.string = StringState::Escaped;
                } else if byte == b'"' {
                    self.string = StringState::Outside;
                }
                return Step::Goes;
            }
            StringState::Outside => {}
        }
        match byte {
            b'"' => {
                self.string = StringState::Inside;
                self.key.clear();
                Step::Goes
            }
            b'{' | b'[' => self.open(byte),
            b'}' | b']' => self.close(),
            b',' if self.items == ItemsState::Between && self.depth == 2 => Step::Separator,
            _ => Step::Goes,
        }
    }

    fn open(&mut self, byte: u8) -> Step {
        self.depth += 1;
        if self.items == ItemsState::Between && self.depth == 3 {
            self.items = ItemsState::Item;
            return Step::ItemBegins;
        }
        if self.items == ItemsState::Before
            && self.depth == 2
            && byte == b'['
            && self.key == b"items"
        {
            self.items = ItemsState::Between;
        }
        Step::Goes
    }

    fn close(&mut self) -> Step {
        self.depth = self.depth.saturating_sub(1);
        match (&self.items, self.depth) {
            (ItemsState::Item, 2) => {
                self.items = ItemsState::Between;
                Step::ItemEnds
            }
            (ItemsState::Between, 1) => {
                self.items = ItemsState::After;
                Step::Goes
            }
            _ => Step::Goes,
        }
    }
}

enum Step {
    Goes,
    ItemBegins,
    ItemEnds,
    Separator,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn split(text: &[u8], size: usize) -> (Vec<Value>, Value) {
        let mut splitter = Splitter::default();
        let mut items = Vec::new();
        for chunk in text.chunks(size.max(1)) {
            splitter.push(chunk, &mut |item| {
                items.push(serde_json::from_slice(item).unwrap());
            });
        }
        (
            items,
            serde_json::from_slice(&splitter.into_envelope()).unwrap(),
        )
    }

    #[test]
    fn items_are_found_whatever_they_hold_and_wherever_the_answer_is_cut() {
        let items = vec![
            json!({"items": [{"a": "}]\""}], "b": "\\"}),
            json!({}),
            json!({"n": [[1, 2], {"x": null}]}),
        ];
        let list = json!({
            "kind": "items", "other": ["items"], "items": items,
            "metadata": {"continue": "abc", "items": [1]},
        });
        for text in [
            list.to_string(),
            serde_json::to_string_pretty(&list).unwrap(),
        ] {
            for size in 1..text.len() {
                let (found, envelope) = split(text.as_bytes(), size);
                assert_eq!(found, items);
                assert_eq!(envelope["metadata"], list["metadata"]);
                assert_eq!(envelope["items"], json!([]));
            }
        }
    }

    #[test]
    fn an_empty_list_and_a_null_list_have_no_items() {
        for text in [r#"{"items":[],"kind":"X"}"#, r#"{"items":null,"kind":"X"}"#] {
            let (found, envelope) = split(text.as_bytes(), 3);
            assert!(found.is_empty());
            assert_eq!(envelope["kind"], "X");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_taken_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 1_usize..40) {
            let mut splitter = Splitter::default();
            for chunk in bytes.chunks(size) {
                splitter.push(chunk, &mut |_| {});
            }
            splitter.into_envelope();
        }

        #[test]
        fn any_texts_survive(texts in proptest::collection::vec(".*", 0..5), size in 1_usize..40) {
            let items: Vec<Value> = texts.iter().map(|text| json!({"t": text, "u": {"v": [text]}})).collect();
            let list = json!({"a": texts, "items": items});
            let (found, _) = split(list.to_string().as_bytes(), size);
            prop_assert_eq!(found, items);
        }
    }
}

//! Documents of one file: YAML or JSON, each with the line it begins on.

use serde_json::Value;

use super::long_digits;
use crate::ports::ObjectsError;

/// One document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Document {
    /// Line of its first content, from 1.
    pub(super) line: usize,
    /// What it holds.
    pub(super) value: Value,
}

/// Reads every document of a file; empty ones are passed over. `shown` names the file in errors.
pub(super) fn split(shown: &str, bytes: &[u8]) -> Result<Vec<Document>, ObjectsError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        problem(shown, line, 1, "the file is not UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = Vec::new();
    for (first_line, part) in parts(text) {
        let Some(offset) = content_line(part) else {
            continue;
        };
        let content = part.strip_prefix("---").unwrap_or(part);
        if content.trim_start().starts_with('{') {
            documents.extend(json_documents(shown, content, first_line)?);
            continue;
        }
        let value = read(shown, part, first_line)?;
        if !value.is_null() {
            documents.push(Document {
                line: first_line + offset,
                value,
            });
        }
    }
    Ok(documents)
}

/// The parts between lines that begin with `---`, each with the number of its first line. Such a
/// line always ends a document, also inside a literal block.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut start_line) = (0, 1);
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let content = line.trim_end_matches(['\n', '\r']);
        let marker =
            content == "---" || content.starts_with("--- ") || content.starts_with("---\t");
        if marker && at > start {
            parts.push((start_line, &text[start..at]));
            (start, start_line) = (at, index + 1);
        }
        at += line.len();
    }
    parts.push((start_line, &text[start..]));
    parts
}

/// How many lines of a part hold nothing, before its first content.
fn content_line(part: &str) -> Option<usize> {
    part.lines().position(|line| {
        let line = line.strip_prefix("---").unwrap_or(line).trim();
        !line.is_empty() && !line.starts_with('#')
    })
}

fn read(shown: &str, part: &str, first_line: usize) -> Result<Value, ObjectsError> {
    let options = serde_saphyr::options! {
        // As kubectl reads it: YAML 1.1 booleans and octal numbers, one value a key.
        strict_booleans: false,
        legacy_octal_numbers: true,
        emit_comments: false,
        with_snippet: false,
        budget: None
    };
    let value = serde_saphyr::from_str_with_options(part, options).map_err(|error| {
        let location = error.location();
        let (line, column) =
            location.map_or((1, 1), |location| (location.line(), location.column()));
        let line = usize::try_from(line).unwrap_or(1).max(1) + first_line - 1;
        let message = error.to_string();
        problem(
            shown,
            line,
            usize::try_from(column).unwrap_or(1),
            first_line_of(&message),
        )
    })?;
    Ok(long_digits::restore(value, part))
}

/// The message without the place, which is counted from the document's own start.
fn first_line_of(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.split(" at line ").next().unwrap_or_default()
}

/// JSON documents, one behind the other, from this line of the file on.
fn json_documents(
    shown: &str,
    text: &str,
    first_line: usize,
) -> Result<Vec<Document>, ObjectsError> {
    let mut documents = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    loop {
        let start = stream.byte_offset();
        match stream.next() {
            None => return Ok(documents),
            Some(Ok(value)) => {
                let blanks = text[start..].len() - text[start..].trim_start().len();
                let line = text[..start + blanks].matches('\n').count() + first_line;
                documents.push(Document { line, value });
            }
            Some(Err(error)) => {
                // Flow mappings of YAML look like JSON at first sight.
                if documents.is_empty()
                    && let Ok(value) = read(shown, text, first_line)
                {
                    let blanks = text.len() - text.trim_start().len();
                    let line = text[..blanks].matches('\n').count() + first_line;
                    return Ok(vec![Document { line, value }]);
                }
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or_default();
                let line = error.line() + first_line - 1;
                return Err(problem(shown, line, error.column(), message));
            }
        }
    }
}

fn problem(shown: &str, line: usize, column: usize, message: &str) -> ObjectsError {
    ObjectsError::Document {
        place: format!("{shown}:{line}:{column}"),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn values(text: &str) -> Vec<Value> {
        split("f", text.as_bytes())
            .unwrap()
            .into_iter()
            .map(|document| document.value)
            .collect()
    }

    #[test]
    fn scalars_are_read_as_kubectl_reads_them() {
        assert_eq!(
            values("a: yes\nb: \"yes\"\nc: 012\nd: 1.0\ne: 2024-01-01\nf: ~\ng: 1e3\nh: 1m\n"),
            [
                json!({"a": true, "b": "yes", "c": 10, "d": 1.0, "e": "2024-01-01", "f": null,
                "g": 1000.0, "h": "1m"})
            ]
        );
    }

    #[test]
    fn documents_know_their_lines() {
        let text = "# head\n---\na: 1\n---\n# nothing\n---\n\nb: 2\n--- # c\nc: 3\n";
        let documents = split("f", text.as_bytes()).unwrap();
        let lines: Vec<usize> = documents.iter().map(|document| document.line).collect();
        assert_eq!(lines, [3, 8, 10]);
    }

    #[test]
    fn json_documents_follow_each_other() {
        assert_eq!(
            values("{\"a\": 1}\n\n{\"b\": 2}"),
            [json!({"a": 1}), json!({"b": 2})]
        );
        assert_eq!(values("{a: 1, b: [x]}"), [json!({"a": 1, "b": ["x"]})]);
        let text = "{\"a\": 1}\n---\n{\"b\": 2}\n--- {c: 3}\n---\nd: 4\n";
        let documents = split("f", text.as_bytes()).unwrap();
        let found: Vec<_> = documents
            .iter()
            .map(|document| (document.line, document.value.to_string()))
            .collect();
        let wanted = ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}", "{\"d\":4}"].map(str::to_owned);
        assert_eq!(
            found,
            [1, 3, 4, 6].into_iter().zip(wanted).collect::<Vec<_>>()
        );
    }

    #[test]
    fn errors_name_file_line_and_column() {
        let error = split("f", b"{\"a\": 1,\n \"b\": ]}")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("f:2:"), "{error}");
        let error = split("f", b"a: 1\n---\n b: 1\nc: 2\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("f:4:"), "{error}");
        assert!(split("f", b"\xff").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = split("f", &bytes);
        }
    }
}

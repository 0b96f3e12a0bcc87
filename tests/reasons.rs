//! Holds `docs/reasons.md` to the code: every code and condition reason that the program can answer
//! is in the document with a sentence and an example, and the document holds no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The first string behind each `opening`, when nothing but blanks is between them.
fn strings_behind(text: &str, opening: &str) -> Vec<String> {
    text.split(opening)
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"'))
        .map(|(string, _)| string.to_owned())
        .collect()
}

/// Every string inside the functions `code`.
fn strings_of_code(text: &str) -> Vec<String> {
    text.split("pub const fn code(")
        .skip(1)
        .flat_map(|rest| {
            let body = rest.split("\n    }\n").next().unwrap_or_default();
            let strings = body.split('"').skip(1).step_by(2);
            strings.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

/// Codes and condition reasons of the program, without those of its own tests.
fn answered() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut found = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        found.extend(strings_of_code(text));
        for opening in [
            "Note::warning(",
            "Note::info(",
            "Failure::new(",
            "Failure::stalled(",
            ".into_failure(",
        ] {
            found.extend(strings_behind(text, opening));
        }
    }
    found
}

/// The rows of the document's tables: code, sentence, example.
fn documented() -> Vec<(String, String, String)> {
    let text = fs::read_to_string(root().join("docs/reasons.md")).expect("docs/reasons.md");
    text.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let line = line.trim_matches('|').replace("\\|", "or");
            let mut cells = line.split('|').map(|cell| cell.trim().to_owned());
            let mut cell = || cells.next().unwrap_or_default();
            (cell().trim_matches('`').to_owned(), cell(), cell())
        })
        .collect()
}

#[test]
fn the_document_lists_exactly_what_the_program_answers() {
    let documented: BTreeSet<String> = documented().into_iter().map(|(code, ..)| code).collect();
    let answered = answered();
    assert!(answered.len() > 40, "{answered:?}");
    let missing: Vec<_> = answered.difference(&documented).collect();
    assert!(missing.is_empty(), "docs/reasons.md lacks {missing:?}");
    let unknown: Vec<_> = documented.difference(&answered).collect();
    assert!(unknown.is_empty(), "docs/reasons.md invents {unknown:?}");
}

#[test]
fn every_code_has_a_sentence_and_an_example_and_stands_once() {
    let mut seen = BTreeSet::new();
    for (code, sentence, example) in documented() {
        assert!(!sentence.is_empty(), "{code} has no sentence");
        assert!(!example.is_empty(), "{code} has no example");
        assert!(seen.insert(code.clone()), "{code} stands twice");
    }
}

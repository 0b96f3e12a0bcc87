//! `docs/formatting.md` is what running makes of the vectors.

#[path = "../support/formatting.rs"]
mod text;

use crate::root;

#[test]
fn the_diffs_of_the_document_are_those_of_the_program() {
    let found = std::fs::read_to_string(root().join("docs/formatting.md")).unwrap_or_default();
    let made = text::document(root());
    assert!(
        found == made,
        "docs/formatting.md is not what the program does; run 'cargo run --example formatting'\n{}",
        similar::TextDiff::from_lines(&found, &made).unified_diff()
    );
}

//! Texts as they were last time, in `tests/cli/snapshots`.
//!
//! A text that should be different is written again with `IMAGEUPDATE_BLESS=1`, and its difference
//! is then read in review.

use std::path::Path;

/// Compares a text with its file.
#[track_caller]
pub(crate) fn assert_snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli/snapshots")
        .join(format!("{name}.txt"));
    if std::env::var_os("IMAGEUPDATE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{} differs; IMAGEUPDATE_BLESS=1 writes it again\n{}",
        path.display(),
        similar::TextDiff::from_lines(expected.as_str(), text).unified_diff()
    );
}

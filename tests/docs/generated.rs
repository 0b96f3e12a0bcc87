//! `docs/cli.md`, `man/` and `completions/` are what the command tree makes of itself.

use std::collections::BTreeSet;

use crate::root;

#[test]
fn generated_files_are_fresh() {
    let mut expected = BTreeSet::new();
    for document in kubectl_imageupdate::cli::documents() {
        let found = std::fs::read_to_string(root().join(&document.path)).unwrap_or_default();
        assert!(
            found == document.text,
            "{} is not what the help makes of it; run 'cargo run --example reference'\n{}",
            document.path,
            similar::TextDiff::from_lines(&found, &document.text).unified_diff()
        );
        expected.insert(document.path);
    }
    for folder in ["man", "completions"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = format!("{folder}/{name}");
            assert!(expected.contains(&path), "{path} belongs to no command");
        }
    }
}

/// Where `man` is, it reads every page without a complaint.
#[test]
fn man_pages_are_well_formed() {
    for document in kubectl_imageupdate::cli::documents() {
        if !document.path.starts_with("man/") {
            continue;
        }
        for heading in [
            ".SH NAME",
            ".SH SYNOPSIS",
            ".SH DESCRIPTION",
            ".SH OPTIONS",
            "EXIT STATUS",
        ] {
            assert!(
                document.text.contains(heading),
                "{} lacks {heading}",
                document.path
            );
        }
        let output = std::process::Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8"])
            .arg(root().join(&document.path))
            .env("MANWIDTH", "80")
            .output();
        if let Ok(output) = output {
            let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                !complaints.contains("warning"),
                "{}: {complaints}",
                document.path
            );
        }
    }
}

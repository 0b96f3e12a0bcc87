//! The documents say what is so: generated files are fresh, links lead somewhere, and command lines
//! run.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as expected, in its helping functions too"
)]

#[path = "../support/kube/mod.rs"]
mod kube;
#[path = "../support/mod.rs"]
mod support;

mod commands;
mod formatting;
mod generated;
mod links;
mod quickstart;
mod stage;

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every document: the repository's root, and `docs` with what is below it.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("docs")];
    let mut add = |folder: &Path, folders: Option<&mut Vec<PathBuf>>| {
        let mut inner = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                inner.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
        if let Some(folders) = folders {
            folders.extend(inner);
        }
    };
    add(root(), None);
    while let Some(folder) = folders.pop() {
        add(&folder, Some(&mut folders));
    }
    found.sort();
    assert!(found.len() > 5, "{found:?}");
    found
}

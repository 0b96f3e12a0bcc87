//! Markers in YAML, and byte-exact edits.
//!
//! For: finding every `$imagepolicy` marker that image-automation-controller finds, changing the
//! marked scalar's bytes and nothing else, and saying what became of each marker.
//! Source of the rules: image-automation-controller `internal/update`, kyaml v0.21.1 and go-yaml v3
//! (how comments hang on nodes), as `vectors/setters` records them.
//! Refuses: files and trees; it gets bytes and returns bytes. A file that the controller cannot
//! parse is never edited (rule D3).

mod comments;
mod documents;
mod edit;
mod fitness;
mod lines;
mod marker;
mod nodes;
mod outcome;
mod proof;
#[cfg(test)]
mod properties;
mod records;
mod scan;
mod style;
mod table;
mod tabs;

pub use marker::{Marker, MarkerState};
pub use outcome::{FileOutcome, Refusal};
pub use records::{Change, FileChanges, ObjectChanges};
pub use scan::scan_file;
pub use table::{SetterPolicy, SetterState, SetterTable};

use crate::key::TreePath;

/// The bytes without which a file is never parsed: the marker's key with its quotes.
pub const TOKEN: &[u8] = b"\"$imagepolicy\"";

/// Whether a file of this path may hold markers: its extension is exactly `.yaml` or `.yml`, or its
/// name is exactly `Kustomization`; nothing below `.git` counts.
pub fn is_candidate(path: &TreePath) -> bool {
    let name = path.file_name();
    let fits = name == "Kustomization" || name.ends_with(".yaml") || name.ends_with(".yml");
    fits && path.parts().all(|part| part != ".git")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_follow_fluxs_file_rules() {
        for path in [
            "a.yaml",
            "b/c.yml",
            "Kustomization",
            ".hidden/x.yaml",
            ".yaml",
        ] {
            assert!(is_candidate(&TreePath::clamp(path)), "{path}");
        }
        for path in [
            "a.YAML",
            "a.json",
            "kustomization",
            ".git/x.yaml",
            "x/.git/y.yml",
            "a.yaml.tpl",
        ] {
            assert!(!is_candidate(&TreePath::clamp(path)), "{path}");
        }
    }
}

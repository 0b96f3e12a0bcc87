//! The name that the program shows: it does not know its own.

use std::ffi::OsStr;
use std::path::Path;

/// The name that the program shows, from the path it was called by: `kubectl-foo_bar` is
/// `kubectl foo-bar`, `flux-foo` is `flux foo`.
pub fn program_name(argv0: &OsStr) -> String {
    let stem = Path::new(argv0)
        .file_stem()
        .and_then(OsStr::to_str)
        .unwrap_or("kubectl-imageupdate")
        .to_owned();
    for (prefix, host) in [
        ("kubectl-", "kubectl"),
        ("kubectl_complete-", "kubectl"),
        ("flux-", "flux"),
    ] {
        if let Some(name) = stem.strip_prefix(prefix) {
            return format!("{host} {}", name.replace('_', "-"));
        }
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_file() {
        for (path, name) in [
            ("/usr/bin/kubectl-imageupdate", "kubectl imageupdate"),
            ("kubectl-image_update", "kubectl image-update"),
            ("kubectl_complete-image_update", "kubectl image-update"),
            ("flux-imageupdate", "flux imageupdate"),
            ("imageupdate", "imageupdate"),
        ] {
            assert_eq!(program_name(OsStr::new(path)), name);
        }
    }
}

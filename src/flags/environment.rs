//! The process's environment, and the table of variables that count.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Environment variables, with what they mean. The documentation is made from this table.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("CLICOLOR_FORCE", "any value but 0 forces colour"),
    ("DOCKER_CONFIG", "folder of docker's config.json"),
    (
        "FLUX_NS_FOLLOWS_KUBE_CONTEXT",
        "accepted; the context's namespace always counts",
    ),
    ("FORCE_COLOR", "as CLICOLOR_FORCE"),
    ("FLUX_SYSTEM_NAMESPACE", "namespace when -n is not given"),
    ("HOME", "the user's folder"),
    (
        "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY",
        "proxies for registries and Git servers",
    ),
    ("KUBECONFIG", "list of kubeconfig files, merged"),
    (
        "KUBECTL_EXTERNAL_DIFF",
        "program that diff shows differences with",
    ),
    (
        "KUBECTL_IMAGEUPDATE_LOG",
        "log filter, for example kube=debug; wins over -v",
    ),
    ("NO_COLOR", "present: no colour"),
    ("REGISTRY_AUTH_FILE", "podman's credentials"),
    ("SSH_AUTH_SOCK", "ssh agent"),
    (
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "certificate authorities in place of the system's",
    ),
    ("TERM", "dumb: no colour"),
    ("TZ", "time zone of times in tables"),
    ("XDG_CACHE_HOME", "parent of the cache folder"),
    ("XDG_RUNTIME_DIR", "parent of podman's credentials"),
];

/// The environment a run sees, taken once: nothing below reads the process's own.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    current_dir: PathBuf,
    called_as: OsString,
}

impl Environment {
    /// An environment of these variables, in this folder.
    pub fn new(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        current_dir: PathBuf,
    ) -> Self {
        Self {
            variables: variables.into_iter().collect(),
            current_dir,
            called_as: OsString::new(),
        }
    }

    /// The same environment for a program that was called by this path: `argv[0]`.
    #[must_use]
    pub fn called_as(mut self, path: OsString) -> Self {
        self.called_as = path;
        self
    }

    /// The path that the program was called by.
    pub fn program_path(&self) -> &Path {
        Path::new(&self.called_as)
    }

    /// A variable that is UTF-8 and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variables
            .get(OsStr::new(name))
            .and_then(|v| v.to_str())
            .filter(|v| !v.is_empty())
    }

    /// A variable as a path, unless it is empty.
    pub fn path(&self, name: &str) -> Option<&Path> {
        self.variables
            .get(OsStr::new(name))
            .filter(|v| !v.is_empty())
            .map(Path::new)
    }

    /// Whether a variable is there, even empty.
    pub fn has(&self, name: &str) -> bool {
        self.variables.contains_key(OsStr::new(name))
    }

    /// The variables.
    pub fn variables(&self) -> &BTreeMap<OsString, OsString> {
        &self.variables
    }

    /// The folder that relative paths start from.
    pub fn current_dir(&self) -> &Path {
        &self.current_dir
    }

    /// A path from the command line, made absolute.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.current_dir.join(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_variables_read_as_absent() {
        let environment = Environment::new(
            [("A".into(), "".into()), ("B".into(), "b".into())],
            PathBuf::from("/tmp"),
        );
        assert_eq!(environment.text("A"), None);
        assert!(environment.has("A"));
        assert_eq!(environment.text("B"), Some("b"));
        assert_eq!(environment.absolute(Path::new("x")), Path::new("/tmp/x"));
    }
}

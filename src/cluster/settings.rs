//! How to reach the API server, as a person asked for it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::redacted::Redacted;

/// kubectl's connection flags, and the surroundings that count when a flag is not given.
///
/// Empty settings reach nothing but `localhost:8080`, as kubectl without any configuration does.
#[derive(Clone, Debug, Default)]
pub struct ConnectionSettings {
    /// `--kubeconfig`: this file alone; `KUBECONFIG` and the default file do not count.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--cluster`.
    pub cluster: Option<String>,
    /// `--user`.
    pub user: Option<String>,
    /// `--server`.
    pub server: Option<String>,
    /// `--token`.
    pub token: Option<Redacted<String>>,
    /// `--tls-server-name`.
    pub tls_server_name: Option<String>,
    /// `--certificate-authority`.
    pub certificate_authority: Option<PathBuf>,
    /// `--client-certificate`.
    pub client_certificate: Option<PathBuf>,
    /// `--client-key`.
    pub client_key: Option<PathBuf>,
    /// `--insecure-skip-tls-verify`.
    pub insecure_skip_tls_verify: bool,
    /// `--as`.
    pub impersonate_user: Option<String>,
    /// `--as-group`, repeatable.
    pub impersonate_groups: Vec<String>,
    /// `--as-uid`.
    pub impersonate_uid: Option<String>,
    /// `--as-user-extra`, repeatable: key and value.
    pub impersonate_extra: Vec<(String, String)>,
    /// `--request-timeout`: limit for one request, its repetitions and its whole answer included;
    /// no limit when absent. A watch is limited until it begins.
    pub request_timeout: Option<Duration>,
    /// `--disable-compression`.
    pub disable_compression: bool,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// What the process was started in.
    pub environment: Environment,
}

/// The part of the surroundings that a connection depends on. Empty unless taken from the process,
/// so that a test decides what there is.
#[derive(Clone, Default)]
pub struct Environment {
    /// Environment variables, of those that [`Environment::of_process`] takes.
    pub variables: HashMap<String, OsString>,
    /// Folder with a pod's `token`, `ca.crt` and `namespace`.
    pub service_account: PathBuf,
    /// Whether a credential plugin may ask a person.
    pub interactive: bool,
}

/// The variables that a connection depends on.
const VARIABLES: [&str; 11] = [
    "KUBECONFIG",
    "HOME",
    "USERPROFILE",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Without the values: a proxy's address may hold a password.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("service_account", &self.service_account)
            .field("interactive", &self.interactive)
            .finish()
    }
}

impl Environment {
    /// The surroundings of this process.
    pub fn of_process() -> Self {
        Self {
            variables: VARIABLES
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), std::env::var_os(name)?)))
                .collect(),
            service_account: PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount"),
            interactive: std::io::stdin().is_terminal(),
        }
    }

    /// The text of a variable; empty and unreadable ones count as absent.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .and_then(|value| value.to_str())
            .filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_shown_without_secrets() {
        let mut settings = ConnectionSettings {
            token: Some(Redacted::new("hunter2".to_owned())),
            ..ConnectionSettings::default()
        };
        let variables = &mut settings.environment.variables;
        variables.insert("HTTPS_PROXY".to_owned(), "http://u:hunter3@proxy".into());
        let shown = format!("{settings:?}");
        assert!(
            shown.contains("HTTPS_PROXY") && !shown.contains("hunter"),
            "{shown}"
        );
    }
}

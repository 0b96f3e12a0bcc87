//! Credential plugins of a kubeconfig (`users[].user.exec`).
//!
//! For: running the plugin once, on first use, and reading what it prints. The plugin is asked here
//! and not by the client library, which runs it several times and repeats its output, token
//! included, in an error.

use std::process::Stdio;

use jiff::Timestamp;
use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;

use super::failure::{configuration, unreachable};
use crate::ports::ObjectsError;
use crate::redacted::Redacted;

const VERSIONS: [&str; 2] = [
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
];

/// A checked plugin.
#[derive(Clone, Debug)]
pub(super) struct Plugin {
    command: String,
    config: ExecConfig,
    interactive: bool,
}

/// What a plugin gave.
#[derive(Clone, Debug, Default)]
pub(super) struct Credentials {
    pub(super) token: Option<Redacted<String>>,
    pub(super) certificate: Option<(Vec<u8>, Redacted<Vec<u8>>)>,
    pub(super) expires: Option<Timestamp>,
}

impl Plugin {
    /// Checks the plugin's entry as kubectl does before anything runs.
    pub(super) fn check(
        config: &ExecConfig,
        user: &str,
        terminal: bool,
    ) -> Result<Self, ObjectsError> {
        let command = config.command.clone().unwrap_or_default();
        if command.is_empty() {
            return Err(configuration(format!(
                "command must be specified for {user} to use exec authentication plugin"
            )));
        }
        let version = config.api_version.as_deref().unwrap_or_default();
        if version.is_empty() {
            return Err(configuration(format!(
                "apiVersion must be specified for {user} to use exec authentication plugin"
            )));
        }
        if !VERSIONS.contains(&version) {
            return Err(configuration(format!(
                "exec plugin: invalid apiVersion {version:?}"
            )));
        }
        let interactive = match &config.interactive_mode {
            Some(ExecInteractiveMode::Never) => false,
            Some(ExecInteractiveMode::Always) if !terminal => {
                return Err(unreachable(
                    "getting credentials: exec plugin cannot support interactive mode: standard \
                     input is not a terminal",
                ));
            }
            None if version == VERSIONS[0] => {
                return Err(configuration(format!(
                    "interactiveMode must be specified for {user} to use exec authentication plugin"
                )));
            }
            Some(ExecInteractiveMode::Always | ExecInteractiveMode::IfAvailable) | None => terminal,
        };
        Ok(Self {
            command,
            config: config.clone(),
            interactive,
        })
    }

    /// Runs the plugin. Its standard error goes to the user's; its output is never repeated.
    pub(super) async fn run(&self) -> Result<Credentials, ObjectsError> {
        let output = self.process().output().await.map_err(|error| {
            let reason = if error.kind() == std::io::ErrorKind::NotFound {
                format!("executable {} not found", self.command)
            } else {
                format!("executable {} cannot be run: {error}", self.command)
            };
            self.failed(&format!("exec: {reason}"))
        })?;
        if !output.status.success() {
            let status = match output.status.code() {
                Some(code) => format!("exit code {code}"),
                None => "a signal".to_owned(),
            };
            return Err(self.failed(&format!(
                "exec: executable {} failed with {status}",
                self.command
            )));
        }
        self.read(&output.stdout)
    }

    fn process(&self) -> tokio::process::Command {
        let mut spec = json!({ "interactive": self.interactive });
        if let Some(cluster) = &self.config.cluster {
            spec["cluster"] = serde_json::to_value(cluster).unwrap_or_default();
        }
        let info = json!({
            "apiVersion": self.config.api_version, "kind": "ExecCredential", "spec": spec,
        });
        let mut command = tokio::process::Command::new(&self.command);
        command
            .args(self.config.args.iter().flatten())
            .env("KUBERNETES_EXEC_INFO", info.to_string())
            .stdin(if self.interactive {
                Stdio::inherit()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        for variable in self.config.env.iter().flatten() {
            if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
                command.env(name, value);
            }
        }
        command
    }

    fn read(&self, stdout: &[u8]) -> Result<Credentials, ObjectsError> {
        // The decoder's own message may quote a token, so only its place is told.
        let answer: Answer = serde_json::from_slice(stdout).map_err(|error| {
            self.failed(&format!(
                "decoding stdout: not an ExecCredential (line {}, column {})",
                error.line(),
                error.column()
            ))
        })?;
        if answer.api_version != self.config.api_version {
            return Err(self.failed(&format!(
                "exec plugin is configured to use API version {}, plugin returned version {}",
                self.config.api_version.as_deref().unwrap_or_default(),
                answer.api_version.unwrap_or_default()
            )));
        }
        let Some(status) = answer.status else {
            return Err(self.failed("exec plugin didn't return a status field"));
        };
        let expires = status
            .expiration_timestamp
            .map(|text| text.parse())
            .transpose()
            .map_err(|error| self.failed(&format!("expirationTimestamp: {error}")))?;
        let certificate = match (status.client_certificate_data, status.client_key_data) {
            (Some(certificate), Some(key)) => {
                Some((certificate.into_bytes(), Redacted::new(key.into_bytes())))
            }
            (None, None) => None,
            _ => {
                return Err(self.failed("exec plugin returned only certificate or key, not both"));
            }
        };
        let token = status.token.filter(|token| !token.is_empty());
        if token.is_none() && certificate.is_none() {
            return Err(self.failed("exec plugin didn't return a token or cert/key pair"));
        }
        Ok(Credentials {
            token: token.map(Redacted::new),
            certificate,
            expires,
        })
    }

    fn failed(&self, reason: &str) -> ObjectsError {
        match unreachable(&format!("getting credentials: {reason}")) {
            ObjectsError::Connection {
                message, source, ..
            } => ObjectsError::Connection {
                message,
                hint: self.config.install_hint.clone(),
                source,
            },
            other => other,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    api_version: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

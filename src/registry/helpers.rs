//! Runs credential helpers and cloud command lines of the workstation: no shell, a time limit, and
//! nothing of what they print reaches a message except what went wrong.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::docker_config;
use super::login::Credential;
use super::settings::Environment;
use crate::redacted::Redacted;

/// Most bytes of output that are read.
const MAX_OUTPUT: u64 = 1024 * 1024;
/// What helpers print when they have nothing.
const NOT_FOUND: &str = "credentials not found";

/// Programs found through the environment's `PATH`.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    environment: Environment,
    timeout: Duration,
}

/// How a program failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProgramError {
    /// It is not in `PATH`.
    Missing(String),
    /// It ended badly, took too long or printed something else.
    Failed(String),
}

impl ProgramError {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Missing(text) | Self::Failed(text) => text,
        }
    }
}

#[derive(Deserialize)]
struct HelperAnswer {
    #[serde(rename = "Username", default)]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

impl Programs {
    pub(super) fn new(environment: Environment, timeout: Duration) -> Self {
        Self {
            environment,
            timeout,
        }
    }

    /// Asks `docker-credential-<name>` for a server's credentials.
    pub(super) async fn docker_credential(
        &self,
        name: &str,
        server: &str,
    ) -> Result<Credential, ProgramError> {
        let program = helper_program(name)?;
        let output = self.run(&program, &["get"], server.as_bytes()).await?;
        let said = printable(&output.stdout);
        if !output.success {
            // Helpers report on stdout; a failed one prints no secret.
            if said.contains(NOT_FOUND) {
                return Ok(Credential::Anonymous);
            }
            let said = if said.is_empty() {
                printable(&output.stderr)
            } else {
                said
            };
            return Err(failed(&program, &format!("failed: {said}")));
        }
        let answer: HelperAnswer = serde_json::from_slice(output.stdout.expose())
            .map_err(|_| failed(&program, "printed something that is not a credential"))?;
        Ok(docker_config::credential(answer.username, answer.secret))
    }

    /// Runs a command line and returns what it printed, without the line's end.
    pub(super) async fn output(
        &self,
        program: &str,
        arguments: &[&str],
    ) -> Result<Redacted<String>, ProgramError> {
        let output = self.run(program, arguments, b"").await?;
        if !output.success {
            let said = printable(&output.stderr);
            return Err(failed(program, &format!("failed: {said}")));
        }
        let text = std::str::from_utf8(output.stdout.expose())
            .map(str::trim)
            .ok()
            .filter(|text| !text.is_empty())
            .ok_or_else(|| failed(program, "printed nothing that can be used"))?;
        Ok(Redacted::new(text.to_owned()))
    }

    /// Where a program is, if `PATH` has it.
    pub(super) fn find(&self, program: &str) -> Option<PathBuf> {
        let path = self.environment.get("PATH")?;
        let suffixes: &[&str] = if cfg!(windows) {
            &[".exe", ".cmd", ".bat", ""]
        } else {
            &[""]
        };
        std::env::split_paths(path)
            .flat_map(|folder| {
                suffixes
                    .iter()
                    .map(move |suffix| folder.join(format!("{program}{suffix}")))
            })
            .find(|file| is_program(file))
    }

    async fn run(
        &self,
        program: &str,
        arguments: &[&str],
        input: &[u8],
    ) -> Result<Output, ProgramError> {
        let file = self.find(program).ok_or_else(|| {
            ProgramError::Missing(format!("{program}: executable file not found in PATH"))
        })?;
        let child = Command::new(file)
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(program, &format!("cannot be started: {error}")))?;
        match tokio::time::timeout(self.timeout, converse(child, input)).await {
            Ok(outcome) => outcome.map_err(|error| failed(program, &error.to_string())),
            Err(_) => Err(failed(
                program,
                &format!("gave no answer within {:?}", self.timeout),
            )),
        }
    }
}

struct Output {
    success: bool,
    stdout: Redacted<Vec<u8>>,
    stderr: Redacted<Vec<u8>>,
}

async fn converse(mut child: Child, input: &[u8]) -> std::io::Result<Output> {
    let (mut stdin, stdout, stderr) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin.take() {
            // A program that does not read its input is no reason to fail.
            let _ = stdin.write_all(input).await;
            let _ = stdin.shutdown().await;
        }
    };
    let ((), stdout, stderr) = tokio::join!(write, read(stdout), read(stderr));
    let (stdout, stderr) = (stdout?, stderr?);
    let status = child.wait().await?;
    Ok(Output {
        success: status.success(),
        stdout: Redacted::new(stdout),
        stderr: Redacted::new(stderr),
    })
}

async fn read(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(MAX_OUTPUT).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// The program of a helper. The name comes from a file, so it must not lead elsewhere.
fn helper_program(name: &str) -> Result<String, ProgramError> {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_.+@".contains(c);
    if name.is_empty() || !name.chars().all(safe) {
        return Err(ProgramError::Failed(format!(
            "{name:?} is not the name of a credential helper"
        )));
    }
    Ok(format!("docker-credential-{name}"))
}

fn failed(program: &str, words: &str) -> ProgramError {
    ProgramError::Failed(format!("{program} {words}"))
}

/// The first line of a failed program's output, short and without control characters.
fn printable(bytes: &Redacted<Vec<u8>>) -> String {
    let text = String::from_utf8_lossy(bytes.expose());
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or("no message")
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect()
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Instant;

    use super::*;

    /// Programs in a folder of their own: name and shell text.
    fn programs(scripts: &[(&str, &str)]) -> (tempfile::TempDir, Programs) {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in scripts {
            let file = folder.path().join(name);
            std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("a script");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))
                .expect("a program");
        }
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let environment = [("PATH".to_owned(), path)].into_iter().collect();
        let programs = Programs::new(environment, Duration::from_secs(60));
        (folder, programs)
    }

    async fn ask(text: &str) -> Result<Credential, ProgramError> {
        let (_folder, programs) = programs(&[("docker-credential-test", text)]);
        programs.docker_credential("test", "r.example").await
    }

    #[tokio::test]
    async fn a_helper_is_asked_for_the_server() {
        let text = r#"read server; echo "{\"ServerURL\":\"x\",\"Username\":\"$1\",\"Secret\":\"$server\"}""#;
        let expected = docker_config::credential("get".into(), "r.example".into());
        assert_eq!(ask(text).await, Ok(expected));
    }

    #[tokio::test]
    async fn a_token_user_means_an_identity_token() {
        let answer = ask(r#"echo '{"Username":"<token>","Secret":"t"}'"#).await;
        assert!(matches!(answer, Ok(Credential::Identity { .. })));
    }

    #[tokio::test]
    async fn nothing_found_is_not_an_error() {
        let text = "echo 'credentials not found in native keychain'; exit 1";
        assert_eq!(ask(text).await, Ok(Credential::Anonymous));
    }

    #[tokio::test]
    async fn failing_and_babbling_helpers_are_named_and_never_quoted_when_they_succeed() {
        let failure = ask("echo 'vault is locked'; exit 3").await.unwrap_err();
        assert_eq!(
            failure.into_text(),
            "docker-credential-test failed: vault is locked"
        );
        let junk = ask("echo hunter2").await.unwrap_err().into_text();
        assert_eq!(
            junk,
            "docker-credential-test printed something that is not a credential"
        );
    }

    #[tokio::test]
    async fn a_hanging_helper_is_ended() {
        let (_folder, mut programs) = programs(&[("docker-credential-test", "exec sleep 3600")]);
        programs.timeout = Duration::from_millis(200);
        let start = Instant::now();
        let error = programs.docker_credential("test", "r").await.unwrap_err();
        assert_eq!(
            error.into_text(),
            "docker-credential-test gave no answer within 200ms"
        );
        assert!(start.elapsed() < Duration::from_secs(60));
    }

    #[tokio::test]
    async fn missing_helpers_and_names_that_lead_elsewhere_are_refused() {
        let (_folder, programs) = programs(&[]);
        let missing = programs.docker_credential("nowhere", "r").await;
        assert!(matches!(missing, Err(ProgramError::Missing(_))));
        for name in ["../../bin/sh", "a/b", "", "a b", "$(x)"] {
            let refused = programs.docker_credential(name, "r").await;
            assert!(matches!(refused, Err(ProgramError::Failed(_))), "{name}");
        }
    }

    #[tokio::test]
    async fn the_environment_is_the_one_that_was_given() {
        let (_folder, programs) = programs(&[("show", "env | grep -c '^HOME=' || true")]);
        let count = programs.output("show", &[]).await.unwrap();
        assert_eq!(count.expose(), "0");
    }
}

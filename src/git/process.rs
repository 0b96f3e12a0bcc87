//! Streams made by programs of the workstation: git itself for `file://`, ssh for `ssh://`.
//!
//! For: starting them with a clean environment and understanding their last words.
//! Refuses: to let them ask questions on the terminal.

use std::io;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::connection::Service;
use super::failure::Site;
use super::limits::{Limits, Waiter};
use super::stream::{ErrorText, Opener, Pipe};
use crate::ports::GitError;

/// Variables that would point git at a repository of the caller, as inside a hook.
pub(super) const REPOSITORY_VARIABLES: [&str; 12] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
];

/// Starts a program whose input and output are a conversation.
fn start(
    mut command: Command,
    program: &str,
    service: Service,
    site: &Site,
    waiter: &Waiter,
    limits: &Limits,
) -> Result<Pipe, GitError> {
    for variable in REPOSITORY_VARIABLES {
        command.env_remove(variable);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let spawned = waiter
        .wait(limits, || async {
            let mut child = command.spawn()?;
            let errors = ErrorText::default();
            let finished = child.stderr.take().map(|mut stderr| {
                let errors = errors.clone();
                tokio::spawn(async move {
                    let mut buffer = vec![0; 4096];
                    while let Ok(count) = stderr.read(&mut buffer).await
                        && count > 0
                    {
                        errors.add(&buffer[..count]);
                    }
                })
            });
            let missing = || std::io::Error::other("the program has no pipes");
            Ok::<_, std::io::Error>(Pipe {
                reader: Box::new(child.stdout.take().ok_or_else(missing)?),
                writer: Box::new(child.stdin.take().ok_or_else(missing)?),
                errors,
                finished,
                _keep: Box::new(child),
            })
        })
        .map_err(|error| site.failed(service.action(), error))?;
    spawned.map_err(|error| {
        site.refused(
            service.action(),
            format!("cannot run {program}, which this transport needs: {error}"),
        )
    })
}

/// Runs a program with this input, and gives what it printed.
pub(super) fn run_to_end(
    mut command: Command,
    input: Vec<u8>,
    waiter: &Waiter,
    limits: &Limits,
) -> io::Result<Output> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    waiter.wait(limits, || async move {
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // The program may end without reading; its exit code tells.
            let _ = stdin.write_all(&input).await;
        }
        child.wait_with_output().await
    })?
}

/// `file://`: git's own server programs, run here.
pub(super) struct LocalOpener {
    path: PathBuf,
}

impl LocalOpener {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Opener for LocalOpener {
    fn open(
        &mut self,
        service: Service,
        site: &Site,
        waiter: &Waiter,
        limits: &Limits,
    ) -> Result<Pipe, GitError> {
        if !self.path.exists() {
            return Err(site.repository_not_found());
        }
        let mut command = Command::new("git");
        command
            .arg(service.name().trim_start_matches("git-"))
            .arg(&self.path);
        match service.protocol() {
            Some(protocol) => command.env("GIT_PROTOCOL", protocol),
            None => command.env_remove("GIT_PROTOCOL"),
        };
        start(command, "git", service, site, waiter, limits)
    }

    fn explain(&self, text: &str, site: &Site) -> Option<GitError> {
        text.contains("does not appear to be a git repository")
            .then(|| site.repository_not_found())
    }
}

/// `ssh://` with the user's own ssh: its configuration, agent and known hosts.
pub(super) struct SecureShellOpener {
    host: String,
    user: Option<String>,
    port: Option<u16>,
    path: String,
}

impl SecureShellOpener {
    pub(super) fn new(url: &reqwest::Url, site: &Site) -> Result<Self, GitError> {
        let host = url
            .host_str()
            .map(|host| host.trim_matches(['[', ']']).to_owned())
            .ok_or_else(|| site.refused("reading the URL", "it names no host"))?;
        if host.starts_with('-') || url.username().starts_with('-') {
            // ssh would take it for an option.
            return Err(site.refused("reading the URL", "a host or user may not begin with '-'"));
        }
        let user = (!url.username().is_empty()).then(|| decode(url.username()));
        Ok(Self {
            host,
            user: Some(user.unwrap_or_else(|| "git".to_owned())),
            port: url.port(),
            path: decode(url.path()),
        })
    }
}

/// Undoes percent encoding.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while position < bytes.len() {
        let escape = text
            .get(position + 1..position + 3)
            .filter(|_| bytes[position] == b'%')
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = escape {
            decoded.push(byte);
            position += 3;
        } else {
            decoded.push(bytes[position]);
            position += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The command that runs a service at the other end of an ssh session.
pub(super) fn remote_command(service: Service, path: &str) -> String {
    // `/~user/x` means that user's home to git.
    let path = path
        .strip_prefix('/')
        .filter(|rest| rest.starts_with('~'))
        .unwrap_or(path);
    format!("{} '{}'", service.name(), path.replace('\'', r"'\''"))
}

/// What an ssh server's or git's last words mean.
pub(super) fn explain_secure_shell(text: &str, site: &Site) -> Option<GitError> {
    let last = text.lines().last().unwrap_or(text).trim().to_owned();
    if text.contains("does not appear to be a git repository")
        || text.contains("epository not found")
    {
        return Some(site.repository_not_found());
    }
    if text.contains("Permission denied (") {
        return Some(site.unauthorized(last));
    }
    let unreachable = [
        "Could not resolve hostname",
        "Connection refused",
        "Connection timed out",
        "No route to host",
        "Network is unreachable",
    ];
    if unreachable.iter().any(|words| text.contains(words)) {
        return Some(GitError::Unreachable {
            url: site.url.clone(),
            source: last.into(),
        });
    }
    None
}

impl Opener for SecureShellOpener {
    fn open(
        &mut self,
        service: Service,
        site: &Site,
        waiter: &Waiter,
        limits: &Limits,
    ) -> Result<Pipe, GitError> {
        // The user's own wrapper, as git honours it: a command line for the shell.
        let wrapper = std::env::var("GIT_SSH_COMMAND")
            .ok()
            .filter(|command| !command.trim().is_empty());
        let mut command = match &wrapper {
            Some(line) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("{line} \"$@\"")).arg("ssh");
                shell
            }
            None => Command::new(std::env::var_os("GIT_SSH").unwrap_or_else(|| "ssh".into())),
        };
        command.args(["-o", "BatchMode=yes"]);
        if let Some(protocol) = service.protocol() {
            command
                .args(["-o", "SendEnv=GIT_PROTOCOL"])
                .env("GIT_PROTOCOL", protocol);
        } else {
            command.env_remove("GIT_PROTOCOL");
        }
        if let Some(port) = self.port {
            command.arg("-p").arg(port.to_string());
        }
        let destination = match &self.user {
            Some(user) => format!("{user}@{}", self.host),
            None => self.host.clone(),
        };
        command
            .arg(destination)
            .arg(remote_command(service, &self.path));
        start(command, "ssh", service, site, waiter, limits)
    }

    fn explain(&self, text: &str, site: &Site) -> Option<GitError> {
        explain_secure_shell(text, site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_path_is_quoted_for_the_shell_and_keeps_a_home() {
        assert_eq!(
            remote_command(Service::UploadPack, "/a'b"),
            r"git-upload-pack '/a'\''b'"
        );
        assert_eq!(
            remote_command(Service::ReceivePack, "/~me/x.git"),
            "git-receive-pack '~me/x.git'"
        );
    }

    #[test]
    fn percent_escapes_are_undone_and_broken_ones_kept() {
        assert_eq!(decode("/a%20b%2Fc%zz%4"), "/a b/c%zz%4");
        assert_eq!(decode("%é"), "%é");
    }
}

//! Logins of the user's credential helpers.
//!
//! For: asking `git credential` for a login after a server wanted one, and telling the helper
//! whether it worked.
//! Refuses: to ask on the terminal, and to ask before a server did.

use std::io::Write as _;

use tokio::process::Command;

use super::limits::{Limits, Waiter};
use super::process::{REPOSITORY_VARIABLES, decode, run_to_end};
use crate::redacted::Redacted;

/// A login from a helper.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: Redacted<String>,
}

/// The lines that describe a server to a helper.
pub(super) fn describe(url: &reqwest::Url, login: Option<&Login>) -> Option<Vec<u8>> {
    let host = url.host_str()?;
    let host = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let path = decode(url.path().trim_start_matches('/'));
    let username = match login {
        Some(login) => login.username.clone(),
        None => decode(url.username()),
    };
    let mut fields = vec![
        ("protocol", url.scheme().to_owned()),
        ("host", host),
        ("path", path),
    ];
    if !username.is_empty() {
        fields.push(("username", username));
    }
    if let Some(login) = login {
        fields.push(("password", login.password.expose().clone()));
    }
    let mut text = Vec::new();
    for (key, value) in fields {
        // A line break would smuggle in another field.
        if value.contains(['\n', '\r', '\0']) {
            return None;
        }
        writeln!(text, "{key}={value}").ok()?;
    }
    text.push(b'\n');
    Some(text)
}

/// Runs one action of `git credential`. `None` when there is no git, no helper or no answer.
fn run(action: &str, input: Vec<u8>, waiter: &Waiter, limits: &Limits) -> Option<Vec<u8>> {
    let mut command = Command::new("git");
    command
        .args(["credential", action])
        .env("GIT_TERMINAL_PROMPT", "0");
    if std::env::var_os("GIT_ASKPASS").is_none() {
        // Empty means: do not fall back to a graphical prompt either.
        command.env("GIT_ASKPASS", "");
    }
    for variable in REPOSITORY_VARIABLES {
        command.env_remove(variable);
    }
    let output = run_to_end(command, input, waiter, limits).ok()?;
    output.status.success().then_some(output.stdout)
}

/// Asks the helpers for a login.
pub(super) fn fill(url: &reqwest::Url, waiter: &Waiter, limits: &Limits) -> Option<Login> {
    let answer = run("fill", describe(url, None)?, waiter, limits)?;
    read_login(answer)
}

/// The login in a helper's answer.
pub(super) fn read_login(answer: Vec<u8>) -> Option<Login> {
    let text = String::from_utf8(answer).ok()?;
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    };
    Some(Login {
        username: field("username")?.to_owned(),
        password: Redacted::new(field("password")?.to_owned()),
    })
}

/// Tells the helpers whether a login worked.
pub(super) fn report(
    worked: bool,
    url: &reqwest::Url,
    login: &Login,
    waiter: &Waiter,
    limits: &Limits,
) {
    if let Some(input) = describe(url, Some(login)) {
        let _ = run(
            if worked { "approve" } else { "reject" },
            input,
            waiter,
            limits,
        );
    }
}

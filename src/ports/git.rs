//! A Git server: fetch a revision, commit on it, push.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use super::{Cancellation, Progress, ProxySettings, TlsSettings, Tree};
use crate::key::TreePath;
use crate::redacted::Redacted;

/// How to log in to a Git server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum GitCredentials {
    /// What the workstation offers: ssh agent and configuration, git's credential helpers.
    #[default]
    Ambient,
    /// HTTP basic.
    Basic {
        /// User name.
        username: String,
        /// Password or token.
        password: Redacted<String>,
    },
    /// HTTP bearer.
    Bearer(Redacted<String>),
    /// An ssh key.
    Ssh {
        /// Private key file.
        identity: Redacted<Vec<u8>>,
        /// Passphrase of the key.
        passphrase: Option<Redacted<String>>,
        /// Text of a `known_hosts` file; the only keys that are trusted.
        known_hosts: String,
    },
    /// A GitHub App, whose key buys a token of one installation.
    GitHubApp(GitHubApp),
    /// What a program of the workstation is logged in with.
    Workstation(WorkstationLogin),
}

/// A GitHub App and the account it is installed in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GitHubApp {
    /// The app's id.
    pub id: String,
    /// Its private key, PEM.
    pub key: Redacted<Vec<u8>>,
    /// Where it is installed.
    pub installation: GitHubInstallation,
    /// URL of the API.
    pub api: String,
}

/// How an installation of a GitHub App is named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GitHubInstallation {
    /// Its id.
    Id(String),
    /// The organisation or user that has it.
    Owner(String),
}

/// Programs whose login to a cloud also opens its Git servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkstationLogin {
    /// The Azure command line, for Azure DevOps.
    Azure,
    /// The AWS command line, for CodeCommit.
    CodeCommit,
}

/// One repository and how to reach it. Two automations with equal sources share a fetch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GitSource {
    /// URL, perhaps with a user name.
    pub url: String,
    /// Login.
    pub credentials: GitCredentials,
    /// Where the login comes from, for people; never its content.
    pub credential_source: String,
    /// Private CA and client certificate.
    pub tls: TlsSettings,
    /// Proxy; the environment's when absent.
    pub proxy: Option<ProxySettings>,
    /// Limit for the fetch and for the push, each.
    pub timeout: Duration,
}

impl GitSource {
    /// The URL without user name and password, for messages and progress.
    pub fn display_url(&self) -> String {
        let (scheme, _, rest) = split_login(&self.url);
        format!("{scheme}{rest}")
    }

    /// The URL as the controllers' messages show it, without what may be secret.
    pub fn url_without_secrets(&self) -> String {
        url_without_secrets(&self.url)
    }
}

/// A URL without its password. The user name stays where it is one, as in `ssh://git@host`: over
/// http people put tokens there.
pub fn url_without_secrets(url: &str) -> String {
    match split_login(url) {
        (scheme @ ("ssh://" | ""), Some(login), rest) => {
            let name = login.split_once(':').map_or(login, |(name, _)| name);
            format!("{scheme}{name}@{rest}")
        }
        (scheme, _, rest) => format!("{scheme}{rest}"),
    }
}

/// The scheme with its slashes, what stands before the `@`, and the rest. A slash in a password makes
/// it look like a port that is no number, and a path: whoever forgets the escape has it hidden all the
/// same.
fn split_login(url: &str) -> (&str, Option<&str>, &str) {
    let (scheme, rest) = url
        .find("://")
        .map_or(("", url), |end| url.split_at(end + "://".len()));
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let is_torn = match authority.rsplit_once(':') {
        Some((host, port)) => {
            !scheme.is_empty()
                && !authority.contains('@')
                && !host.starts_with('[')
                && !is_port(port)
        }
        None => false,
    };
    let searched = if is_torn { rest } else { authority };
    let login = searched.rsplit_once('@').map(|(login, _)| login);
    match login {
        Some(login) => (scheme, Some(login), &rest[login.len() + 1..]),
        None => (scheme, None, rest),
    }
}

/// What to check out, already reduced to the one field that counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CheckoutReference {
    /// A branch.
    Branch(String),
    /// A tag, peeled.
    Tag(String),
    /// The greatest tag in a range (the adapter lists, [`FetchRequest::choose_tag`] decides).
    Semver(String),
    /// A full reference name.
    Name(String),
    /// A commit id, looked for on `branch` or on every branch.
    Commit {
        /// Hex id.
        id: String,
        /// Branch that holds it.
        branch: Option<String>,
    },
}

/// Chooses among tags, each with its commit time in seconds since the epoch.
pub type TagChoice<'a> = dyn Fn(&[(String, i64)]) -> Option<String> + Sync + 'a;

/// A request for one revision.
pub struct FetchRequest<'a> {
    /// The repository.
    pub source: &'a GitSource,
    /// What to check out.
    pub checkout: &'a CheckoutReference,
    /// A branch to continue from instead, when the server has it and it is not what `checkout` names.
    pub push_branch: Option<&'a str>,
    /// Folders whose files will be searched.
    pub paths: &'a [TreePath],
    /// Which files will be read; see [`super::FileQuery::wanted`].
    pub wanted: &'a (dyn Fn(&TreePath) -> bool + Sync),
    /// Chooses among tags (name, commit time) for [`CheckoutReference::Semver`].
    pub choose_tag: &'a TagChoice<'a>,
    /// Where progress goes.
    pub progress: &'a dyn Progress,
    /// Polled while waiting.
    pub cancellation: &'a Cancellation,
}

/// A commit and the reference it was reached by. Prints as Flux prints it: `main@sha1:<id>`, or
/// `sha1:<id>` without a reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// Full reference name, for example `refs/heads/main`.
    pub reference: Option<String>,
    /// Hex id.
    pub commit: String,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reference) = &self.reference {
            let short = reference.splitn(3, '/').nth(2).unwrap_or(reference);
            write!(f, "{short}@")?;
        }
        write!(f, "sha1:{}", self.commit)
    }
}

/// Name and address of an author or committer, as written in the commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name; may be empty.
    pub name: String,
    /// E-mail address.
    pub email: String,
}

/// A private key to sign commits with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SigningKey {
    /// An armored OpenPGP secret key.
    OpenPgp {
        /// The `git.asc` text.
        armored: Redacted<Vec<u8>>,
        /// Its passphrase.
        passphrase: Option<Redacted<String>>,
    },
    /// An ssh private key.
    Ssh {
        /// The `identity` text.
        identity: Redacted<Vec<u8>>,
        /// Its passphrase.
        passphrase: Option<Redacted<String>>,
    },
}

/// A commit to be made on a snapshot.
#[derive(Clone, Debug)]
pub struct NewCommit {
    /// New content by path; every path exists in the snapshot as a regular file.
    pub files: Vec<(TreePath, Vec<u8>)>,
    /// Message, verbatim.
    pub message: String,
    /// Author and committer.
    pub author: Identity,
    /// Seconds since the epoch.
    pub seconds: i64,
    /// Offset from UTC in seconds.
    pub offset: i32,
    /// Key, already checked by [`GitHost::check_signing_key`].
    pub signing_key: Option<SigningKey>,
}

/// A push of a snapshot's own commits.
#[derive(Clone)]
pub struct PushRequest<'a> {
    /// Branch to update.
    pub branch: &'a str,
    /// Further refspecs, full names on both sides, pushed with the branch in one atomic request
    /// where the server can.
    pub refspecs: &'a [String],
    /// Push options.
    pub options: &'a [(String, String)],
    /// Replace the branch although it is not a fast-forward, provided that it still is at this id.
    pub replace: Option<&'a str>,
    /// Where progress goes.
    pub progress: &'a dyn Progress,
    /// Polled until the pack is sent.
    pub cancellation: &'a Cancellation,
}

/// What a push did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushReport {
    /// Id of the commit that the branch is at now.
    pub commit: String,
    /// References that were updated, full names.
    pub updated: Vec<String>,
    /// Lines of the server and its hooks, not yet sanitised.
    pub messages: Vec<String>,
    /// Bytes of the pack.
    pub pack_bytes: u64,
}

/// A commit that replacing a branch would drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedCommit {
    /// Hex id.
    pub id: String,
    /// Author's name.
    pub name: String,
    /// Author's e-mail address.
    pub email: String,
}

/// Why a Git operation failed. Texts follow the controller's where the controller has one.
#[derive(Debug, Error)]
pub enum GitError {
    /// The host could not be reached.
    #[error("cannot reach {url}")]
    Unreachable {
        /// URL without credentials.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server refused the login, or wants one.
    #[error(
        "{url}: authentication required or refused ({answer}); credentials used: {credentials}"
    )]
    Unauthorized {
        /// URL without credentials.
        url: String,
        /// What the server answered.
        answer: String,
        /// [`GitSource::credential_source`].
        credentials: String,
    },
    /// The login may read but not write, or not even read.
    #[error("{url}: access denied ({answer}); credentials used: {credentials}")]
    Forbidden {
        /// URL without credentials.
        url: String,
        /// What the server answered.
        answer: String,
        /// [`GitSource::credential_source`].
        credentials: String,
    },
    /// No such repository.
    #[error("{url}: repository not found")]
    RepositoryNotFound {
        /// URL without credentials.
        url: String,
    },
    /// The repository has no commit.
    #[error("{url}: remote repository is empty")]
    EmptyRepository {
        /// URL without credentials.
        url: String,
    },
    /// The reference does not exist.
    #[error("{url}: couldn't find remote ref {reference:?}")]
    ReferenceNotFound {
        /// URL without credentials.
        url: String,
        /// What was asked for.
        reference: String,
    },
    /// Anything the protocol or an object said.
    #[error("{action} {url}")]
    Failed {
        /// For example `fetching from`.
        action: &'static str,
        /// URL without credentials.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The deadline passed.
    #[error("{action} {url}: no answer within {seconds} s")]
    Timeout {
        /// For example `fetching from`.
        action: &'static str,
        /// URL without credentials.
        url: String,
        /// The limit.
        seconds: u64,
    },
    /// The login data itself cannot be used.
    #[error("{0}")]
    Credentials(String),
    /// The signing key cannot be used.
    #[error("{0}")]
    SigningKey(String),
    /// The run was interrupted; nothing was sent that changes the server.
    #[error("interrupted")]
    Interrupted,
}

/// Why a push did not happen, or may not have happened.
#[derive(Debug, Error)]
pub enum PushError {
    /// The branch moved since the fetch: fetch again, plan again.
    #[error("{reference} moved to {now} since it was fetched")]
    Moved {
        /// Full reference name.
        reference: String,
        /// Where it is now, hex id.
        now: String,
    },
    /// The branch exists and is not an ancestor.
    #[error("{reference} is at {at}, which is not an ancestor of the new commit")]
    NotFastForward {
        /// Full reference name.
        reference: String,
        /// Where it is, hex id.
        at: String,
        /// The commits that replacing it would drop, newest first.
        dropped: Vec<DroppedCommit>,
    },
    /// The server refused.
    #[error("{reference}: {reason}")]
    Rejected {
        /// Full reference name.
        reference: String,
        /// The server's word.
        reason: String,
        /// Lines of the server and its hooks, not yet sanitised.
        messages: Vec<String>,
    },
    /// The request cannot be sent to this server, for example push options it does not know.
    #[error("{0}")]
    Unsupported(String),
    /// The connection broke and the reference could not be read again: the outcome is unknown.
    #[error(
        "the connection broke after the commit was sent, and {reference} could not be read again"
    )]
    Unknown {
        /// Full reference name.
        reference: String,
        /// Why.
        #[source]
        source: Box<GitError>,
    },
    /// Anything else; the server is unchanged.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// One fetched revision. Commits stack on it and later reads see them.
pub trait Snapshot: Tree {
    /// What was checked out, before any commit of ours. When the push branch was continued, this
    /// is the push branch's tip.
    fn base(&self) -> &Revision;

    /// The commit that the checkout reference itself names, even when the push branch was continued.
    fn checkout(&self) -> &Revision;

    /// The id that reads see now: the base, or the last commit made here.
    fn head(&self) -> String;

    /// The id of the tree that reads see now. Equal trees have equal ids.
    fn tree(&self) -> String;

    /// Writes blobs, trees and the commit, locally. Returns its hex id.
    fn commit(&mut self, commit: &NewCommit) -> Result<String, GitError>;

    /// Pushes every commit made here that is not pushed yet.
    fn push(&mut self, request: &PushRequest<'_>) -> Result<PushReport, PushError>;
}

/// Git servers. Calls block; run them on a blocking thread.
pub trait GitHost: Send + Sync {
    /// Fetches one revision.
    fn fetch(&self, request: &FetchRequest<'_>) -> Result<Box<dyn Snapshot>, GitError>;

    /// Checks that a key can be read and unlocked, before anything is fetched. `secret` is the
    /// Secret's name, for the controller's messages.
    fn check_signing_key(&self, key: &SigningKey, secret: &str) -> Result<(), GitError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_their_logins() {
        for (url, shown) in [
            ("https://host/repo.git", "https://host/repo.git"),
            ("https://host:8443/re@po", "https://host:8443/re@po"),
            ("https://[::1]:8443/re@po", "https://[::1]:8443/re@po"),
            ("https://token@host/repo", "https://host/repo"),
            ("https://user:pass@host:1/re@po", "https://host:1/re@po"),
            ("https://user:p@ss@host/repo", "https://host/repo"),
            ("https://user:pa/ss@host/repo", "https://host/repo"),
            ("https://user:a/b/c@host", "https://host"),
            ("ssh://git@host/repo", "ssh://git@host/repo"),
            ("ssh://git:secret@host/repo", "ssh://git@host/repo"),
            ("git@host:org/re@po", "git@host:org/re@po"),
            ("host:org/re@po", "host:org/re@po"),
            ("https://user:pass@", "https://"),
            ("", ""),
        ] {
            assert_eq!(url_without_secrets(url), shown, "{url}");
        }
    }
}

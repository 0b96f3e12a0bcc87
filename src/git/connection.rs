//! One conversation with a Git server, whatever carries it.
//!
//! For: the two steps of every transport, and choosing the transport by the URL's scheme.
//! Refuses: to know what is said.

use std::io::Read;
use std::sync::Arc;

use super::failure::Site;
use super::http::HttpConnection;
use super::limits::{Limits, Waiter};
use super::process::{LocalOpener, SecureShellOpener};
use super::secure_shell::KeyOpener;
use super::stream::StreamConnection;
use crate::ports::{GitCredentials, GitError, GitSource};

/// The two services of a Git server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    UploadPack,
    ReceivePack,
}

impl Service {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }

    /// What a failure of this service interrupted.
    pub(super) const fn action(self) -> &'static str {
        match self {
            Self::UploadPack => "fetching from",
            Self::ReceivePack => "pushing to",
        }
    }

    /// Only upload-pack knows version 2 of the protocol.
    pub(super) const fn protocol(self) -> Option<&'static str> {
        match self {
            Self::UploadPack => Some("version=2"),
            Self::ReceivePack => None,
        }
    }
}

/// A transport.
pub(super) trait Connection: Send {
    /// Opens a service and gives its advertisement.
    fn advertise<'a>(
        &'a mut self,
        service: Service,
        limits: &'a Limits,
    ) -> Result<Box<dyn Read + 'a>, GitError>;

    /// Sends one request and gives the answer. The advertisement was read to its end before.
    fn request<'a>(
        &'a mut self,
        service: Service,
        body: Vec<u8>,
        limits: &'a Limits,
    ) -> Result<Box<dyn Read + 'a>, GitError>;

    /// Whether every request stands alone, as with http. Otherwise one process serves them all, and
    /// in protocol v0 it ends after one pack.
    fn stateless(&self) -> bool;
}

/// Chooses the transport for a source. Nothing is sent yet.
pub(super) fn connect(
    source: &GitSource,
    waiter: &Arc<Waiter>,
) -> Result<Box<dyn Connection>, GitError> {
    let site = Site::new(source);
    let url = reqwest::Url::parse(&source.url)
        .map_err(|error| site.refused("reading the URL", error.to_string()))?;
    let waiter = Arc::clone(waiter);
    match url.scheme() {
        "http" | "https" => Ok(Box::new(HttpConnection::new(source, url, site, waiter)?)),
        "file" => {
            let path = url
                .to_file_path()
                .map_err(|()| site.refused("reading the URL", "not an absolute path"))?;
            let opener = LocalOpener::new(path);
            Ok(Box::new(StreamConnection::new(
                Box::new(opener),
                site,
                waiter,
            )))
        }
        "ssh" => match &source.credentials {
            GitCredentials::Ambient => {
                let opener = SecureShellOpener::new(&url, &site)?;
                Ok(Box::new(StreamConnection::new(
                    Box::new(opener),
                    site,
                    waiter,
                )))
            }
            GitCredentials::Ssh {
                identity,
                passphrase,
                known_hosts,
            } => {
                let passphrase = passphrase.as_ref();
                let opener = KeyOpener::new(&url, identity, passphrase, known_hosts, &site)?;
                Ok(Box::new(StreamConnection::new(
                    Box::new(opener),
                    site,
                    waiter,
                )))
            }
            GitCredentials::Basic { .. }
            | GitCredentials::Bearer(_)
            | GitCredentials::GitHubApp(_)
            | GitCredentials::Workstation(_) => Err(GitError::Credentials(
                "invalid 'ssh' auth option: 'identity' is required".to_owned(),
            )),
        },
        other => Err(site.refused("reading the URL", format!("unknown transport '{other}'"))),
    }
}

//! Git over ssh with a key that is held in memory.
//!
//! For: logins from Secrets: private key, passphrase, `known_hosts`.
//! Refuses: to look at the user's agent, keys and known hosts, and to trust an unknown host.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{Handle, Handler};
use russh::keys::ssh_key::PublicKey;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{ChannelMsg, ChannelReadHalf};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpStream;

use super::connection::Service;
use super::failure::Site;
use super::known_hosts::{self, KnownKeys, Verdict};
use super::limits::{Limits, Waiter};
use super::process::{decode, explain_secure_shell, remote_command};
use super::signing::{KeyFailure, read_private_key};
use super::stream::{ErrorText, Opener, Pipe};
use crate::ports::GitError;
use crate::redacted::Redacted;

/// How much of an answer waits here to be read.
const WINDOW: usize = 256 * 1024;

/// Opens channels on one session; a session that ended is made anew.
pub(super) struct KeyOpener {
    host: String,
    port: u16,
    user: String,
    path: String,
    key: Arc<PrivateKey>,
    known: KnownKeys,
    session: Option<Handle<HostCheck>>,
}

/// Judges the server's key, and keeps what it saw for the message.
struct HostCheck {
    known: KnownKeys,
    seen: Arc<Mutex<Option<(PublicKey, Verdict)>>>,
}

impl Handler for HostCheck {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            return Ok(false);
        };
        let verdict = self.known.judge(key);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((key.clone(), verdict));
        Ok(verdict == Verdict::Trusted)
    }
}

/// What can go wrong before a service runs.
enum Failure {
    Unreachable(std::io::Error),
    Refused(russh::Error),
    Login,
}

impl From<russh::Error> for Failure {
    fn from(error: russh::Error) -> Self {
        Self::Refused(error)
    }
}

impl KeyOpener {
    pub(super) fn new(
        url: &reqwest::Url,
        identity: &Redacted<Vec<u8>>,
        passphrase: Option<&Redacted<String>>,
        known_hosts: &str,
        site: &Site,
    ) -> Result<Self, GitError> {
        let required = |what: &str| {
            GitError::Credentials(format!("invalid 'ssh' auth option: '{what}' is required"))
        };
        if identity.expose().is_empty() {
            return Err(required("identity"));
        }
        if known_hosts.trim().is_empty() {
            return Err(required("known_hosts"));
        }
        let host = url.host_str().ok_or_else(|| required("host"))?;
        let key = read_private_key(identity.expose(), passphrase).map_err(|failure| {
            let reason = match failure {
                KeyFailure::NeedsPassphrase => {
                    "it is protected by a passphrase, and no 'password' is given".to_owned()
                }
                KeyFailure::Text(text) => text,
            };
            GitError::Credentials(format!(
                "{}: the ssh key of {} cannot be used: {reason}",
                site.url, site.credentials
            ))
        })?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let port = url.port().unwrap_or(22);
        let user = match url.username() {
            "" => "git".to_owned(),
            user => decode(user),
        };
        Ok(Self {
            known: known_hosts::read(known_hosts, &host, port),
            host,
            port,
            user,
            path: decode(url.path()),
            key: Arc::new(key),
            session: None,
        })
    }

    async fn connect(
        &self,
        seen: Arc<Mutex<Option<(PublicKey, Verdict)>>>,
    ) -> Result<Handle<HostCheck>, Failure> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(Failure::Unreachable)?;
        // A failure only costs speed.
        let _ = stream.set_nodelay(true);
        let mut config = russh::client::Config::default();
        let algorithms = self.known.algorithms();
        if !algorithms.is_empty() {
            config.preferred.key = algorithms.into();
        }
        let handler = HostCheck {
            known: self.known.clone(),
            seen,
        };
        let mut session = russh::client::connect_stream(Arc::new(config), stream, handler).await?;
        let hash = if self.key.algorithm().is_rsa() {
            // A server that does not say so is old, or follows RFC 8332 all the same.
            let said = session.best_supported_rsa_hash().await?;
            said.unwrap_or(Some(HashAlg::Sha256))
        } else {
            None
        };
        let key = PrivateKeyWithHashAlg::new(Arc::clone(&self.key), hash);
        if !session
            .authenticate_publickey(self.user.as_str(), key)
            .await?
            .success()
        {
            return Err(Failure::Login);
        }
        Ok(session)
    }

    /// Runs the service on a channel of its own.
    async fn run(&self, session: &Handle<HostCheck>, service: Service) -> Result<Pipe, Failure> {
        let channel = session.channel_open_session().await?;
        if let Some(protocol) = service.protocol() {
            // Most servers accept it, and those that do not speak v0.
            channel.set_env(false, "GIT_PROTOCOL", protocol).await?;
        }
        channel
            .exec(true, remote_command(service, &self.path))
            .await?;
        let (receiving, sending) = channel.split();
        let (ours, theirs) = tokio::io::duplex(WINDOW);
        let errors = ErrorText::default();
        let finished = tokio::spawn(pump(receiving, theirs, errors.clone()));
        Ok(Pipe {
            reader: Box::new(ours),
            writer: Box::new(sending.make_writer()),
            errors,
            finished: Some(finished),
            _keep: Box::new(sending),
        })
    }

    fn explain_failure(
        &self,
        failure: Failure,
        seen: Option<(PublicKey, Verdict)>,
        service: Service,
        site: &Site,
    ) -> GitError {
        if let Some((key, verdict)) = seen
            && verdict != Verdict::Trusted
        {
            let shown = format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256));
            let host = &self.host;
            let text = match verdict {
                Verdict::Changed => format!(
                    "host key mismatch: {host} showed {shown}, which is none of its keys in known_hosts of {}; somebody may be listening, or the host has a new key",
                    site.credentials
                ),
                Verdict::Revoked => {
                    format!("the host key {shown} of {host} is marked as revoked in known_hosts")
                }
                _ => format!(
                    "unknown host key: known_hosts of {} has no key for {host} port {}, which showed {shown}; compare it with what the host publishes and add it",
                    site.credentials, self.port
                ),
            };
            return site.refused(service.action(), text);
        }
        match failure {
            Failure::Unreachable(error) => GitError::Unreachable {
                url: site.url.clone(),
                source: Box::new(error),
            },
            Failure::Login => site.unauthorized(format!(
                "the server does not accept the ssh key for user {}",
                self.user
            )),
            Failure::Refused(error) => site.refused(service.action(), format!("ssh: {error}")),
        }
    }
}

/// Carries what the server sends to the reader and to the error text, until the channel ends.
async fn pump(mut receiving: ChannelReadHalf, mut reader: DuplexStream, errors: ErrorText) {
    while let Some(message) = receiving.wait().await {
        match message {
            ChannelMsg::Data { data } if reader.write_all(&data).await.is_err() => return,
            ChannelMsg::ExtendedData { data, .. } => errors.add(&data),
            ChannelMsg::Failure => errors.add(b"the server does not run commands"),
            ChannelMsg::Close => return,
            _ => {}
        }
    }
}

impl Opener for KeyOpener {
    fn open(
        &mut self,
        service: Service,
        site: &Site,
        waiter: &Waiter,
        limits: &Limits,
    ) -> Result<Pipe, GitError> {
        let stopped = |error| site.failed(service.action(), error);
        if let Some(session) = &self.session {
            let reused = waiter
                .wait(limits, || self.run(session, service))
                .map_err(stopped)?;
            if let Ok(pipe) = reused {
                return Ok(pipe);
            }
            self.session = None;
        }
        let seen = Arc::new(Mutex::new(None));
        let opened = waiter
            .wait(limits, || async {
                let session = self.connect(Arc::clone(&seen)).await?;
                let pipe = self.run(&session, service).await?;
                Ok::<_, Failure>((session, pipe))
            })
            .map_err(stopped)?;
        match opened {
            Ok((session, pipe)) => {
                self.session = Some(session);
                Ok(pipe)
            }
            Err(failure) => {
                let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
                Err(self.explain_failure(failure, seen, service, site))
            }
        }
    }

    fn explain(&self, text: &str, site: &Site) -> Option<GitError> {
        explain_secure_shell(text, site)
    }

    fn close(&mut self) {
        self.session = None;
    }
}

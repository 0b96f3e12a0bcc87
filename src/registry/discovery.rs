//! Finding the scheme that a registry speaks, with the first real request.

use std::time::Duration;

use reqwest::{Response, StatusCode};

use super::schemes::Schemes;
use super::session::Session;
use super::transport::{Call, Trouble};
use super::transport_failure::{Cause, TransportFailure};

/// How long https may stay silent before plain http is asked beside it, where that is allowed.
const HTTPS_HEAD_START: Duration = Duration::from_millis(300);

/// A scheme and the first answer over it.
type Discovery = Result<(&'static str, Response), Trouble>;

impl Session<'_> {
    /// Tries both schemes in their order; the scheme that the registry speaks, and its answer.
    pub(super) async fn discover(&self, call: impl Fn(&str) -> Result<Call, Trouble>) -> Discovery {
        match self.schemes {
            Schemes::Https => Ok(("https", self.deliver(&call("https")?).await?)),
            Schemes::HttpFirst => self.plain_first(&call("http")?, &call("https")?).await,
            Schemes::HttpsFirst => self.secure_first(&call("https")?, &call("http")?).await,
        }
    }

    async fn plain_first(&self, plain: &Call, secure: &Call) -> Discovery {
        let outcome = match self.deliver(plain).await {
            Ok(response) if response.status() != StatusCode::BAD_REQUEST => {
                return Ok(("http", response));
            }
            Err(Trouble::Transport(failure)) if !speaks_another(&failure) => {
                return Err(Trouble::Transport(failure));
            }
            Err(Trouble::Other(error)) => return Err(Trouble::Other(error)),
            outcome => outcome,
        };
        match self.deliver(secure).await {
            Ok(response) => Ok(("https", response)),
            // It does not speak TLS either: what happened in plain text counts.
            Err(Trouble::Transport(failure)) if failure.cause != Cause::Tls => {
                outcome.map(|response| ("http", response))
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// https gets a head start and wins when it is spoken at all.
    async fn secure_first(&self, secure: &Call, plain: &Call) -> Discovery {
        let secure = self.deliver(secure);
        tokio::pin!(secure);
        let early = tokio::time::timeout(HTTPS_HEAD_START, &mut secure).await;
        let trouble = match early {
            Ok(Ok(response)) => return Ok(("https", response)),
            Ok(Err(trouble @ Trouble::Other(_))) => return Err(trouble),
            Ok(Err(trouble)) => Some(trouble),
            Err(_) => None,
        };
        if let Some(trouble) = trouble {
            return match self.plain_answer(plain).await {
                Ok(Some(response)) => Ok(("http", response)),
                Ok(None) => Err(trouble),
                Err(other) => Err(both(trouble, other)),
            };
        }
        let plain = self.plain_answer(plain);
        tokio::pin!(plain);
        tokio::select! {
            outcome = &mut secure => match outcome {
                Ok(response) => Ok(("https", response)),
                Err(trouble) => match plain.await {
                    Ok(Some(response)) => Ok(("http", response)),
                    Ok(None) => Err(trouble),
                    Err(other) => Err(both(trouble, other)),
                },
            },
            outcome = &mut plain => match outcome {
                Ok(Some(response)) => Ok(("http", response)),
                Ok(None) => secure.await.map(|response| ("https", response)),
                Err(other) => match secure.await {
                    Ok(response) => Ok(("https", response)),
                    Err(trouble) => Err(both(trouble, other)),
                },
            },
        }
    }

    /// An answer in plain text, unless it is what a TLS server says to plain text.
    async fn plain_answer(&self, call: &Call) -> Result<Option<Response>, Trouble> {
        let response = self.deliver(call).await?;
        Ok(Some(response).filter(|response| response.status() != StatusCode::BAD_REQUEST))
    }
}

/// Whether a failure of plain http looks like a server that speaks TLS.
fn speaks_another(failure: &TransportFailure) -> bool {
    matches!(failure.cause, Cause::Lost | Cause::Protocol)
}

/// The failure to show when both schemes failed: TLS problems speak for themselves, since the
/// server then does speak https; of two dead ports both are named.
fn both(secure: Trouble, plain: Trouble) -> Trouble {
    match (secure, plain) {
        (Trouble::Transport(mut secure), Trouble::Transport(plain))
            if secure.cause != Cause::Tls =>
        {
            secure.text = format!("{}; {}", secure.text, plain.text);
            Trouble::Transport(secure)
        }
        (secure, _) => secure,
    }
}

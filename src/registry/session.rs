//! One image's conversation with its registry: sends a request until it is answered for good.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode, Url};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::authorizing::{Authorization, Rounds, read_challenge};
use super::challenge::Challenge;
use super::client::Shared;
use super::cloud;
use super::endpoint::{Endpoint, EndpointKey};
use super::login::Login;
use super::refusal::Refusal;
use super::retries::{self, Tries};
use super::schemes::Schemes;
use super::sink::{BodyError, Sink};
use super::transport::{Call, Route, Trouble};
use super::transport_failure::{TransportFailure, shown};
use crate::image::ImageName;
use crate::ports::{RegistryError, RegistryFailure, ScanRequest};

/// Most bytes of a refusal that are read.
const MAX_REFUSAL: usize = 64 * 1024;

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// Path and query below the registry's origin.
    Path(String),
    /// A page that a registry named, already checked to be its own.
    Page(Url),
}

/// The head of an answer whose body went to a sink.
#[derive(Debug)]
pub(super) struct Answer {
    /// The URL that was asked for, before any redirect.
    pub(super) asked: Url,
    pub(super) headers: HeaderMap,
}

/// Why an exchange failed.
#[derive(Debug)]
pub(super) enum ExchangeError {
    /// The registry answered with another status.
    Refused(Box<Refusal>),
    /// The body is not what was asked for: the request, and what is wrong.
    Body(String, BodyError),
    /// Everything else.
    Failed(RegistryError),
}

impl From<Trouble> for ExchangeError {
    fn from(trouble: Trouble) -> Self {
        Self::Failed(trouble.into_error(None))
    }
}

/// Why a body did not arrive.
pub(super) enum Received {
    /// Asking again may help.
    Broken(TransportFailure),
    /// It will not.
    Refused(Box<ExchangeError>),
}

/// The memory of the registry that a request goes to.
pub(super) fn endpoint(shared: &Shared, request: &ScanRequest) -> Arc<Endpoint> {
    shared.endpoints.get(EndpointKey {
        registry: request.image.registry().to_owned(),
        plain: request.image.allows_plain_http() || request.insecure,
        route: route(request),
    })
}

fn route(request: &ScanRequest) -> Route {
    Route {
        tls: request.tls.clone(),
        proxy: request.proxy.clone(),
    }
}

/// What a session waits for.
#[derive(Default)]
struct Waiting {
    /// For people.
    words: String,
    /// The source of credentials that is being asked.
    source: Option<String>,
}

pub(super) struct Session<'a> {
    pub(super) shared: &'a Shared,
    pub(super) request: &'a ScanRequest,
    pub(super) endpoint: &'a Endpoint,
    pub(super) schemes: Schemes,
    pub(super) deadline: Instant,
    pub(super) login: OnceCell<Login>,
    route: Route,
    /// What is being waited for.
    current: Mutex<Waiting>,
    sent: AtomicU32,
}

impl<'a> Session<'a> {
    /// A conversation whose time runs from now on.
    pub(super) fn new(
        shared: &'a Shared,
        request: &'a ScanRequest,
        endpoint: &'a Endpoint,
    ) -> Self {
        let listed = request.image.allows_plain_http();
        Self {
            shared,
            request,
            endpoint,
            schemes: Schemes::of(request.image.registry(), listed, request.insecure),
            deadline: Instant::now() + request.timeout.max(Duration::from_secs(1)),
            login: OnceCell::new(),
            route: route(request),
            current: Mutex::default(),
            sent: AtomicU32::new(0),
        }
    }

    pub(super) fn image(&self) -> &ImageName {
        &self.request.image
    }

    /// Requests sent so far.
    pub(super) fn requests(&self) -> u32 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The source of the credentials that were needed, or that are being asked for.
    pub(super) fn credentials(&self) -> String {
        if let Some(login) = self.login.get() {
            return login.source.clone();
        }
        let asked = self.lock_current().source.clone();
        asked.unwrap_or_else(|| Login::anonymous().source)
    }

    /// What is being waited for, for people: a request, or a source of credentials.
    pub(super) fn current(&self) -> String {
        self.lock_current().words.clone()
    }

    /// Notes that a source of credentials is asked from now on.
    pub(super) fn begin_asking(&self, source: &str) {
        *self.lock_current() = Waiting {
            words: format!("asking the {source} for credentials"),
            source: Some(source.to_owned()),
        };
    }

    /// Checks what can be checked before anything is sent: the provider's hosts, and that the
    /// object's credentials can be read.
    pub(super) fn check(&self, path: &str) -> Result<(), RegistryError> {
        let registry = self.image().registry();
        cloud::check_host(self.request.provider, registry).map_err(|words| {
            let url = format!("{}://{registry}{path}", self.scheme());
            RegistryError {
                failure: RegistryFailure::Protocol,
                message: format!("Get {url:?}: {words}"),
                hint: None,
                source: None,
            }
        })?;
        self.shared.keychain.check(self.request)
    }

    /// Sends a request until it is answered for good. A successful body goes to `sink`.
    pub(super) async fn exchange(
        &self,
        method: &Method,
        target: &Target,
        accept: &'static str,
        sink: &mut dyn Sink,
    ) -> Result<Answer, ExchangeError> {
        let mut first = self.endpoint.first_contact().await;
        let mut authorization = self.known_authorization().await?;
        let mut tries = Tries::new(self.shared.retry_pause, self.deadline);
        let mut rounds = Rounds::default();
        loop {
            let sent = self
                .send(method, target, accept, authorization.as_ref())
                .await;
            let response = match sent {
                Ok(response) => response,
                Err(trouble) => {
                    pause(&mut tries, trouble).await?;
                    continue;
                }
            };
            let challenge = self.challenge(target, &response);
            first.take();
            if response.status().is_success() {
                let asked = self.asked(target)?;
                match self.receive(method, &asked, response, sink).await {
                    Ok(answer) => return Ok(answer),
                    Err(Received::Refused(error)) => return Err(*error),
                    Err(Received::Broken(failure)) => {
                        pause(&mut tries, Trouble::Transport(failure)).await?;
                        continue;
                    }
                }
            }
            let url = response.url().clone();
            let refusal = self.refusal(method, &self.asked(target)?, response).await;
            let answer = self
                .next_authorization(
                    challenge,
                    &url,
                    &refusal,
                    authorization.as_ref(),
                    &mut rounds,
                )
                .await?;
            if answer.is_some() {
                authorization = answer;
            } else {
                again(&mut tries, refusal).await?;
            }
        }
    }

    /// The challenge of a 401, remembered for later requests. One that another host sends after a
    /// redirect is not answered: it would get the credentials.
    fn challenge(
        &self,
        target: &Target,
        response: &Response,
    ) -> Option<Result<Challenge, Vec<String>>> {
        if response.status() != StatusCode::UNAUTHORIZED {
            return None;
        }
        let asked = self.asked(target).ok()?;
        if asked.origin() != response.url().origin() {
            return None;
        }
        let challenge = read_challenge(response);
        if let Ok(challenge) = &challenge {
            self.endpoint.set_challenge(challenge);
        }
        Some(challenge)
    }

    /// What to show after a refusal, if there is anything left to show.
    async fn next_authorization(
        &self,
        challenge: Option<Result<Challenge, Vec<String>>>,
        url: &Url,
        refusal: &Refusal,
        refused: Option<&Authorization>,
        rounds: &mut Rounds,
    ) -> Result<Option<Authorization>, ExchangeError> {
        match challenge {
            Some(Ok(challenge)) => self.answer(&challenge, url, refused, rounds).await,
            Some(Err(schemes)) if !schemes.is_empty() && refused.is_none() => {
                Err(ExchangeError::Failed(unknown_schemes(refusal, &schemes)))
            }
            _ if matches!(refusal.status.as_u16(), 403 | 404) && refused.is_none() => {
                self.ask_for_challenge(rounds).await
            }
            _ => Ok(None),
        }
    }

    async fn send(
        &self,
        method: &Method,
        target: &Target,
        accept: &'static str,
        authorization: Option<&Authorization>,
    ) -> Result<Response, Trouble> {
        let call = |scheme: &str| -> Result<Call, Trouble> {
            Ok(Call {
                method: method.clone(),
                url: self.url(target, scheme).map_err(Trouble::Other)?,
                accept,
                authorization: authorization.map(|authorization| authorization.value.clone()),
                form: Vec::new(),
            })
        };
        if let Some(scheme) = self.endpoint.scheme() {
            return self.deliver(&call(scheme)?).await;
        }
        let (mut scheme, response) = self.discover(call).await?;
        // A plain port may send its callers on to https on the same host.
        if scheme == "http" && response.url().scheme() == "https" {
            let secure = self.url(target, "https").map_err(Trouble::Other)?;
            if response.url().origin() == secure.origin() {
                scheme = "https";
            }
        }
        self.endpoint.set_scheme(scheme);
        Ok(response)
    }

    /// Sends one call and counts it.
    pub(super) async fn deliver(&self, call: &Call) -> Result<Response, Trouble> {
        self.endpoint.released().await;
        self.sent.fetch_add(1, Ordering::Relaxed);
        *self.lock_current() = Waiting {
            words: format!("{} {}", call.method, shown(&call.url)),
            source: None,
        };
        self.shared.transport.send(&self.route, call).await
    }

    /// The scheme that is known by now, or the first that is tried.
    fn scheme(&self) -> &'static str {
        self.endpoint.scheme().unwrap_or(self.schemes.first())
    }

    fn url(&self, target: &Target, scheme: &str) -> Result<Url, RegistryError> {
        match target {
            Target::Page(url) => Ok(url.clone()),
            Target::Path(path) => {
                let text = format!("{scheme}://{}{path}", self.image().registry());
                Url::parse(&text).map_err(|error| RegistryError {
                    failure: RegistryFailure::Protocol,
                    message: format!("{text}: {error}"),
                    hint: None,
                    source: None,
                })
            }
        }
    }

    /// The URL of a target over the scheme that is known by now.
    pub(super) fn asked(&self, target: &Target) -> Result<Url, ExchangeError> {
        self.url(target, self.scheme())
            .map_err(ExchangeError::Failed)
    }

    /// Reads a successful body to its end, so that the connection can be used again.
    pub(super) async fn receive(
        &self,
        method: &Method,
        asked: &Url,
        mut response: Response,
        sink: &mut dyn Sink,
    ) -> Result<Answer, Received> {
        let refuse = |error| {
            let asked = format!("{method} {}", shown(asked));
            Received::Refused(Box::new(ExchangeError::Body(asked, error)))
        };
        sink.begin();
        let headers = std::mem::take(response.headers_mut());
        loop {
            match response.chunk().await {
                Ok(Some(bytes)) => sink.take(&bytes).map_err(refuse)?,
                Ok(None) => break,
                Err(error) => {
                    let failure = TransportFailure::new(method, asked, None, error);
                    return Err(if failure.is_transient() {
                        Received::Broken(failure)
                    } else {
                        Received::Refused(Box::new(Trouble::Transport(failure).into()))
                    });
                }
            }
        }
        self.endpoint.release(response.version());
        sink.finish().map_err(refuse)?;
        Ok(Answer {
            asked: asked.clone(),
            headers,
        })
    }

    pub(super) async fn refusal(
        &self,
        method: &Method,
        asked: &Url,
        mut response: Response,
    ) -> Refusal {
        let mut body = Vec::new();
        while let Ok(Some(bytes)) = response.chunk().await {
            body.extend_from_slice(&bytes);
            if body.len() > MAX_REFUSAL {
                break;
            }
        }
        self.endpoint.release(response.version());
        Refusal {
            method: method.clone(),
            url: shown(asked),
            status: response.status(),
            retry_after: retries::retry_after(response.headers()),
            body,
        }
    }

    fn lock_current(&self) -> MutexGuard<'_, Waiting> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits before the next try after a failure, or gives up with it.
pub(super) async fn pause(tries: &mut Tries, trouble: Trouble) -> Result<(), ExchangeError> {
    let wait = match &trouble {
        Trouble::Transport(failure) if failure.is_transient() => tries.next(None),
        _ => None,
    };
    let Some(wait) = wait else {
        return Err(trouble.into());
    };
    tracing::debug!(?wait, "the connection broke, asking again");
    tokio::time::sleep(wait).await;
    Ok(())
}

/// Waits before the next try after a refusal that may pass, or gives up with it.
pub(super) async fn again(tries: &mut Tries, refusal: Refusal) -> Result<(), ExchangeError> {
    let wait = if retries::is_transient(refusal.status.as_u16()) {
        tries.next(refusal.retry_after)
    } else {
        None
    };
    let Some(wait) = wait else {
        return Err(ExchangeError::Refused(Box::new(refusal)));
    };
    tracing::debug!(?wait, status = refusal.status.as_u16(), "asking again");
    tokio::time::sleep(wait).await;
    Ok(())
}

fn unknown_schemes(refusal: &Refusal, schemes: &[String]) -> RegistryError {
    RegistryError {
        failure: RegistryFailure::Unauthorized,
        message: format!(
            "{}: the registry asks for a login that is not known here ({})",
            refusal.text(),
            schemes.join(", ")
        ),
        hint: None,
        source: None,
    }
}

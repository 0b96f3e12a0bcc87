//! One image's conversation with its registry: finds the scheme, answers challenges, repeats what
//! failed in passing.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Method, Response, StatusCode, Url};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::challenge::{self, Bearer, Challenge};
use super::client::Shared;
use super::cloud;
use super::endpoint::{Endpoint, EndpointKey};
use super::login::{Credential, Login};
use super::refusal::Refusal;
use super::retries::{self, Tries};
use super::schemes::Schemes;
use super::sink::{BodyError, Sink, SmallSink};
use super::tokens::{self, Token, TokenKey};
use super::transport::{Call, Route, Trouble};
use super::transport_failure::{Cause, TransportFailure, shown};
use crate::image::ImageName;
use crate::ports::{RegistryError, RegistryFailure, ScanRequest};
use crate::redacted::Redacted;

/// How long https may stay silent before plain http is asked beside it, where that is allowed.
const HTTPS_HEAD_START: Duration = Duration::from_millis(300);
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
    Refused(Refusal),
    /// The body is not what was asked for.
    Body(Method, Url, BodyError),
    /// Everything else.
    Failed(RegistryError),
}

impl From<Trouble> for ExchangeError {
    fn from(trouble: Trouble) -> Self {
        Self::Failed(trouble.into_error(None))
    }
}

/// `Authorization`, and the token behind it if there is one.
#[derive(Clone, Debug)]
struct Authorization {
    value: Redacted<String>,
    token: Option<UsedToken>,
}

/// A token that is shown.
#[derive(Clone, Debug)]
struct UsedToken {
    key: TokenKey,
    /// Made for this very request.
    fresh: bool,
}

/// The state of one exchange's login.
#[derive(Default)]
struct Rounds {
    /// Challenges answered.
    answered: u32,
    /// Whether the registry was asked for its challenge apart from the request.
    pinged: bool,
}

pub(super) struct Session<'a> {
    shared: &'a Shared,
    request: &'a ScanRequest,
    endpoint: Arc<Endpoint>,
    route: Route,
    schemes: Schemes,
    deadline: Instant,
    login: OnceCell<Login>,
    /// The URL that is being asked for.
    current: Mutex<String>,
    sent: AtomicU32,
}

impl<'a> Session<'a> {
    pub(super) fn new(shared: &'a Shared, request: &'a ScanRequest) -> Self {
        let route = Route {
            tls: request.tls.clone(),
            proxy: request.proxy.clone(),
        };
        let listed = request.image.allows_plain_http();
        let endpoint = shared.endpoints.get(EndpointKey {
            registry: request.image.registry().to_owned(),
            plain: listed || request.insecure,
            route: route.clone(),
        });
        Self {
            shared,
            request,
            endpoint,
            route,
            schemes: Schemes::of(request.image.registry(), listed, request.insecure),
            deadline: Instant::now() + request.timeout.max(Duration::from_secs(1)),
            login: OnceCell::new(),
            current: Mutex::default(),
            sent: AtomicU32::new(0),
        }
    }

    pub(super) fn image(&self) -> &ImageName {
        &self.request.image
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Requests sent so far.
    pub(super) fn requests(&self) -> u32 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The source of the credentials that were needed.
    pub(super) fn credentials(&self) -> String {
        self.login
            .get()
            .map_or_else(|| Login::anonymous().source, |login| login.source.clone())
    }

    /// Method and URL of the last request, for people.
    pub(super) fn current(&self) -> String {
        self.lock_current().clone()
    }

    /// The URL of a path below the registry, for messages before anything is sent.
    pub(super) fn planned_url(&self, path: &str) -> String {
        let scheme = self.endpoint.scheme().unwrap_or(self.schemes.first());
        format!("{scheme}://{}{path}", self.image().registry())
    }

    /// Checks what can be checked before anything is sent: the provider's hosts, and that the
    /// object's credentials can be read.
    pub(super) fn check_credentials(&self, path: &str) -> Result<(), RegistryError> {
        cloud::check_host(self.request.provider, self.image().registry()).map_err(|words| {
            RegistryError {
                failure: RegistryFailure::Protocol,
                message: format!("Get {:?}: {words}", self.planned_url(path)),
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
        let _permit = self.endpoint.permits.acquire().await;
        let first = match self.endpoint.scheme() {
            None => Some(self.endpoint.first.lock().await),
            Some(_) => None,
        };
        let mut first = first.filter(|_| self.endpoint.scheme().is_none());
        let mut authorization = self.known_authorization().await?;
        let mut tries = Tries::new(self.shared.retry_pause, self.deadline);
        let mut rounds = Rounds::default();
        loop {
            let sent = self
                .send(method, target, accept, authorization.as_ref())
                .await;
            let response = match sent {
                Ok(response) => response,
                Err(Trouble::Transport(failure)) if failure.is_transient() => {
                    self.pause(&mut tries, None, failure).await?;
                    continue;
                }
                Err(trouble) => return Err(trouble.into()),
            };
            let status = response.status();
            let challenge = (status == StatusCode::UNAUTHORIZED).then(|| read_challenge(&response));
            if let Some(Ok(challenge)) = &challenge {
                self.endpoint.set_challenge(challenge);
            }
            first.take();
            if status.is_success() {
                let asked = self.asked(target).unwrap_or_else(|| response.url().clone());
                match self.receive(method, &asked, response, sink).await {
                    Ok(answer) => return Ok(answer),
                    Err(Received::Refused(error)) => return Err(error),
                    Err(Received::Broken(failure)) => {
                        self.pause(&mut tries, None, failure).await?;
                        continue;
                    }
                }
            }
            let url = response.url().clone();
            let refusal = self.refusal(method, target, response).await;
            let answer = match challenge {
                Some(Ok(challenge)) => {
                    self.answer(&challenge, &url, authorization.as_ref(), &mut rounds)
                        .await?
                }
                Some(Err(schemes)) if !schemes.is_empty() && authorization.is_none() => {
                    return Err(ExchangeError::Failed(unknown_schemes(&refusal, &schemes)));
                }
                _ if matches!(status.as_u16(), 403 | 404) && authorization.is_none() => {
                    self.ask_for_challenge(&mut rounds).await?
                }
                _ => None,
            };
            if answer.is_some() {
                authorization = answer;
                continue;
            }
            if retries::is_transient(status.as_u16())
                && let Some(wait) = tries.next(refusal.retry_after)
            {
                tracing::debug!(?wait, status = status.as_u16(), "registry request again");
                tokio::time::sleep(wait).await;
                continue;
            }
            return Err(ExchangeError::Refused(refusal));
        }
    }

    /// Waits before the next try, or gives up with the failure.
    async fn pause(
        &self,
        tries: &mut Tries,
        asked: Option<Duration>,
        failure: TransportFailure,
    ) -> Result<(), ExchangeError> {
        let Some(wait) = tries.next(asked) else {
            return Err(Trouble::Transport(failure).into());
        };
        tracing::debug!(?wait, failure = failure.text, "registry request again");
        tokio::time::sleep(wait).await;
        Ok(())
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
        let (mut scheme, response) = match self.schemes.second() {
            None => ("https", self.deliver(&call("https")?).await?),
            Some(second) => {
                self.discover(&call(self.schemes.first())?, &call(second)?)
                    .await?
            }
        };
        // A plain port may send its callers on to https on the same host.
        if scheme == "http" && response.url().scheme() == "https" {
            let asked = self.url(target, "https").map_err(Trouble::Other)?;
            if response.url().origin() == asked.origin() {
                scheme = "https";
            }
        }
        self.endpoint.set_scheme(scheme);
        Ok(response)
    }

    /// Sends one call and counts it.
    async fn deliver(&self, call: &Call) -> Result<Response, Trouble> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        *self.lock_current() = format!("{} {}", call.method, shown(&call.url));
        self.shared.transport.send(&self.route, call).await
    }

    /// Tries both schemes in their order; the scheme that a registry speaks, and its answer.
    async fn discover(
        &self,
        first: &Call,
        second: &Call,
    ) -> Result<(&'static str, Response), Trouble> {
        let names = (
            self.schemes.first(),
            self.schemes.second().unwrap_or("http"),
        );
        if self.schemes == Schemes::HttpFirst {
            let outcome = self.deliver(first).await;
            return match outcome {
                Ok(response) if response.status() != StatusCode::BAD_REQUEST => {
                    Ok((names.0, response))
                }
                Err(Trouble::Transport(failure)) if !speaks_another(&failure) => {
                    Err(Trouble::Transport(failure))
                }
                Err(Trouble::Other(error)) => Err(Trouble::Other(error)),
                plain => match self.deliver(second).await {
                    Ok(response) => Ok((names.1, response)),
                    // It does not speak TLS either: what happened in plain text counts.
                    Err(Trouble::Transport(failure)) if failure.cause != Cause::Tls => {
                        plain.map(|response| (names.0, response))
                    }
                    Err(trouble) => Err(trouble),
                },
            };
        }
        let https = self.deliver(first);
        tokio::pin!(https);
        let early = tokio::time::timeout(HTTPS_HEAD_START, &mut https).await;
        match early {
            Ok(Ok(response)) => return Ok((names.0, response)),
            Ok(Err(Trouble::Other(error))) => return Err(Trouble::Other(error)),
            _ => {}
        }
        let secure = async {
            match early {
                Ok(outcome) => outcome,
                Err(_) => https.await,
            }
        };
        let plain = async {
            match self.deliver(second).await {
                // What a TLS server answers to plain text.
                Ok(response) if response.status() == StatusCode::BAD_REQUEST => None,
                outcome => Some(outcome),
            }
        };
        tokio::pin!(secure, plain);
        tokio::select! {
            outcome = &mut secure => match outcome {
                Ok(response) => Ok((names.0, response)),
                Err(trouble) => match plain.await {
                    Some(Ok(response)) => Ok((names.1, response)),
                    other => Err(both(trouble, other)),
                },
            },
            outcome = &mut plain => match outcome {
                Some(Ok(response)) => Ok((names.1, response)),
                other => match secure.await {
                    Ok(response) => Ok((names.0, response)),
                    Err(trouble) => Err(both(trouble, other)),
                },
            },
        }
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
    fn asked(&self, target: &Target) -> Option<Url> {
        let scheme = self.endpoint.scheme().unwrap_or(self.schemes.first());
        self.url(target, scheme).ok()
    }

    /// Reads a successful body to its end, so that the connection can be used again.
    async fn receive(
        &self,
        method: &Method,
        asked: &Url,
        mut response: Response,
        sink: &mut dyn Sink,
    ) -> Result<Answer, Received> {
        let refuse =
            |error| Received::Refused(ExchangeError::Body(method.clone(), asked.clone(), error));
        sink.begin();
        let headers = std::mem::take(response.headers_mut());
        loop {
            match response.chunk().await {
                Ok(Some(bytes)) => sink.take(&bytes).map_err(refuse)?,
                Ok(None) => break,
                Err(error) => {
                    let failure = TransportFailure::new(method, asked, error);
                    return Err(if failure.is_transient() {
                        Received::Broken(failure)
                    } else {
                        Received::Refused(Trouble::Transport(failure).into())
                    });
                }
            }
        }
        sink.finish().map_err(refuse)?;
        Ok(Answer {
            asked: asked.clone(),
            headers,
        })
    }

    async fn refusal(&self, method: &Method, target: &Target, mut response: Response) -> Refusal {
        let url = self.asked(target).unwrap_or_else(|| response.url().clone());
        let mut body = Vec::new();
        while let Ok(Some(bytes)) = response.chunk().await {
            body.extend_from_slice(&bytes);
            if body.len() > MAX_REFUSAL {
                break;
            }
        }
        Refusal {
            method: method.clone(),
            url: shown(&url),
            status: response.status(),
            retry_after: retries::retry_after(response.headers()),
            body,
        }
    }

    async fn login(&self) -> Result<&Login, RegistryError> {
        self.login
            .get_or_try_init(|| self.shared.keychain.login(self.request))
            .await
    }

    /// What the registry will ask for, when it asked before in this run.
    async fn known_authorization(&self) -> Result<Option<Authorization>, ExchangeError> {
        let (Some(challenge), Some(scheme)) = (self.endpoint.challenge(), self.endpoint.scheme())
        else {
            return Ok(None);
        };
        let url = self
            .url(&Target::Path("/v2/".to_owned()), scheme)
            .map_err(ExchangeError::Failed)?;
        // The remembered scope belongs to another repository.
        let challenge = match challenge {
            Challenge::Bearer(bearer) => Challenge::Bearer(Bearer {
                scope: None,
                ..bearer
            }),
            Challenge::Basic => Challenge::Basic,
        };
        self.authorize(&challenge, &url, None).await
    }

    /// The next thing to try after a 401, if there is any.
    async fn answer(
        &self,
        challenge: &Challenge,
        url: &Url,
        refused: Option<&Authorization>,
        rounds: &mut Rounds,
    ) -> Result<Option<Authorization>, ExchangeError> {
        if rounds.answered >= 2 {
            return Ok(None);
        }
        rounds.answered += 1;
        let token = refused.and_then(|refused| refused.token.as_ref());
        if let (Some(token), Challenge::Bearer(bearer)) = (token, challenge) {
            let scopes = self.scopes(bearer, Some(&token.key));
            let invalid = bearer.error.as_deref() == Some("invalid_token");
            // Another token for the same scope would be refused in the same way.
            if token.fresh && !invalid && scopes == token.key.scopes {
                return Ok(None);
            }
            self.shared.tokens.forget(&token.key);
        }
        let next = self
            .authorize(challenge, url, token.map(|token| &token.key))
            .await?;
        // The same password is refused again.
        let same = |next: &Authorization| {
            next.token.is_none() && refused.is_some_and(|refused| refused.value == next.value)
        };
        Ok(next.filter(|next| !same(next)))
    }

    /// `Authorization` for a challenge; none when there is nothing to show.
    async fn authorize(
        &self,
        challenge: &Challenge,
        url: &Url,
        refused: Option<&TokenKey>,
    ) -> Result<Option<Authorization>, ExchangeError> {
        let login = self.login().await.map_err(ExchangeError::Failed)?;
        let plain = |value| Authorization { value, token: None };
        match (challenge, &login.credential) {
            (_, Credential::Registry(token)) => {
                let value = Redacted::new(format!("Bearer {}", token.expose()));
                Ok(Some(plain(value)))
            }
            (Challenge::Basic, Credential::Basic { username, password }) => {
                Ok(Some(plain(tokens::basic(username, password.expose()))))
            }
            (Challenge::Basic, Credential::Identity { username, token })
                if !username.is_empty() =>
            {
                Ok(Some(plain(tokens::basic(username, token.expose()))))
            }
            (Challenge::Basic, _) => Ok(None),
            (Challenge::Bearer(bearer), credential) => {
                let scopes = self.scopes(bearer, refused);
                let key = TokenKey::new(bearer, url, scopes, credential).map_err(|text| {
                    ExchangeError::Failed(RegistryError {
                        failure: RegistryFailure::Protocol,
                        message: format!("GET {}: {text}", shown(url)),
                        hint: Some(
                            "give the token server a host name, or serve its tokens from the \
                             registry's own host and port"
                                .to_owned(),
                        ),
                        source: None,
                    })
                })?;
                let (token, fresh) = self.token(&key).await?;
                Ok(Some(Authorization {
                    value: Redacted::new(format!("Bearer {}", token.expose())),
                    token: Some(UsedToken { key, fresh }),
                }))
            }
        }
    }

    /// The scopes to ask a token for: what the challenge names, what a refused token had.
    fn scopes(&self, bearer: &Bearer, refused: Option<&TokenKey>) -> Vec<String> {
        let own = format!("repository:{}:pull", self.image().repository());
        let mut scopes: Vec<String> = refused.map_or_else(Vec::new, |key| key.scopes.clone());
        let named = bearer.scope.as_deref().unwrap_or(&own);
        for scope in named.split_ascii_whitespace() {
            if !scopes.iter().any(|known| known == scope) {
                scopes.push(scope.to_owned());
            }
        }
        scopes
    }

    /// A token, and whether it was made just now.
    async fn token(&self, key: &TokenKey) -> Result<(Redacted<String>, bool), ExchangeError> {
        if let Some(token) = self.shared.tokens.get(key, std::time::Instant::now()) {
            return Ok((token, false));
        }
        let mut outcome = match key.post() {
            Some(call) => self.ask_token_server(&call).await,
            None => self.ask_token_server(&key.get()).await,
        };
        // Servers without OAuth2 do not know the method.
        if let (Err(ExchangeError::Refused(refusal)), Some(_)) = (&outcome, key.post())
            && matches!(refusal.status.as_u16(), 404 | 405)
        {
            outcome = self.ask_token_server(&key.get()).await;
        }
        let (url, body) = match outcome {
            Ok(answer) => answer,
            Err(ExchangeError::Refused(refusal)) => {
                let login = self.login().await.map_err(ExchangeError::Failed)?;
                let hint = format!("credentials used: {}", login.source);
                return Err(ExchangeError::Failed(refusal.into_error(Some(hint))));
            }
            Err(error) => return Err(error),
        };
        let token = Token::parse(&body, std::time::Instant::now()).map_err(|words| {
            ExchangeError::Failed(RegistryError {
                failure: RegistryFailure::Protocol,
                message: format!("GET {}: {words}", shown(&url)),
                hint: None,
                source: None,
            })
        })?;
        let value = token.value.clone();
        self.shared.tokens.put(key.clone(), token);
        Ok((value, true))
    }

    async fn ask_token_server(&self, call: &Call) -> Result<(Url, Vec<u8>), ExchangeError> {
        let target = Target::Page(call.url.clone());
        let mut tries = Tries::new(self.shared.retry_pause, self.deadline);
        loop {
            let response = match self.deliver(call).await {
                Ok(response) => response,
                Err(Trouble::Transport(failure)) if failure.is_transient() => {
                    self.pause(&mut tries, None, failure).await?;
                    continue;
                }
                Err(trouble) => return Err(trouble.into()),
            };
            let status = response.status();
            if status.is_success() {
                let mut sink = SmallSink::keeping();
                match self
                    .receive(&call.method, &call.url, response, &mut sink)
                    .await
                {
                    Ok(answer) => return Ok((answer.asked, sink.body)),
                    Err(Received::Refused(error)) => return Err(error),
                    Err(Received::Broken(failure)) => {
                        self.pause(&mut tries, None, failure).await?;
                        continue;
                    }
                }
            }
            let refusal = self.refusal(&call.method, &target, response).await;
            if retries::is_transient(status.as_u16())
                && let Some(wait) = tries.next(refusal.retry_after)
            {
                tokio::time::sleep(wait).await;
                continue;
            }
            return Err(ExchangeError::Refused(refusal));
        }
    }

    /// Some registries hide what anonymous callers may not see behind 403 or 404. With credentials
    /// at hand the registry is asked how it wants them.
    async fn ask_for_challenge(
        &self,
        rounds: &mut Rounds,
    ) -> Result<Option<Authorization>, ExchangeError> {
        let login = self.login().await.map_err(ExchangeError::Failed)?;
        if rounds.pinged || login.is_anonymous() {
            return Ok(None);
        }
        rounds.pinged = true;
        let scheme = self.endpoint.scheme().unwrap_or(self.schemes.first());
        let target = Target::Path("/v2/".to_owned());
        let call = Call {
            method: Method::GET,
            url: self.url(&target, scheme).map_err(ExchangeError::Failed)?,
            accept: "application/json",
            authorization: None,
            form: Vec::new(),
        };
        let response = self.deliver(&call).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(None);
        }
        let url = response.url().clone();
        let Ok(challenge) = read_challenge(&response) else {
            return Ok(None);
        };
        self.endpoint.set_challenge(&challenge);
        self.authorize(&challenge, &url, None).await
    }

    fn lock_current(&self) -> std::sync::MutexGuard<'_, String> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a body did not arrive.
enum Received {
    /// Asking again may help.
    Broken(TransportFailure),
    /// It will not.
    Refused(ExchangeError),
}

fn read_challenge(response: &Response) -> Result<Challenge, Vec<String>> {
    let headers = response.headers().get_all(WWW_AUTHENTICATE);
    challenge::choose(headers.iter().filter_map(|value| value.to_str().ok()))
}

/// Whether a failure of plain http looks like a server that speaks TLS.
fn speaks_another(failure: &TransportFailure) -> bool {
    matches!(failure.cause, Cause::Lost | Cause::Protocol)
}

/// The failure to show when both schemes failed: TLS problems speak for themselves, since the
/// server then does speak https; of two dead ports both are named.
fn both(secure: Trouble, plain: Option<Result<Response, Trouble>>) -> Trouble {
    match (secure, plain) {
        (Trouble::Transport(mut secure), Some(Err(Trouble::Transport(plain))))
            if secure.cause != Cause::Tls =>
        {
            secure.text = format!("{}; {}", secure.text, plain.text);
            Trouble::Transport(secure)
        }
        (secure, _) => secure,
    }
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

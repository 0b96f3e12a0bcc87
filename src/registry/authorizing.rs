//! The login side of a session: which `Authorization` answers a challenge, and whether there is
//! anything left to try.

use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Method, Response, StatusCode, Url};

use super::challenge::{self, Bearer, Challenge};
use super::login::{Credential, Login};
use super::retries::Tries;
use super::session::{ExchangeError, Received, Session, Target, again, pause};
use super::sink::SmallSink;
use super::tokens::{self, Token, TokenKey};
use super::transport::{Call, Trouble};
use super::transport_failure::shown;
use crate::ports::{RegistryError, RegistryFailure};
use crate::redacted::Redacted;

/// `Authorization`, and the token behind it if there is one.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    pub(super) value: Redacted<String>,
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
pub(super) struct Rounds {
    /// Challenges answered.
    answered: u32,
    /// Whether the registry was asked for its challenge apart from the request.
    pinged: bool,
}

impl Session<'_> {
    async fn login(&self) -> Result<&Login, RegistryError> {
        self.login
            .get_or_try_init(|| async {
                let asking = |source: &str| self.begin_asking(source);
                self.shared.keychain.login(self.request, &asking).await
            })
            .await
    }

    /// What the registry will ask for, when it asked before in this run.
    pub(super) async fn known_authorization(&self) -> Result<Option<Authorization>, ExchangeError> {
        let Some(challenge) = self.endpoint.challenge() else {
            return Ok(None);
        };
        let url = self.asked(&Target::Path("/v2/".to_owned()))?;
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
    pub(super) async fn answer(
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
        let mut tries = Tries::new(self.shared.retry_pause, self.deadline);
        loop {
            let response = match self.deliver(call).await {
                Ok(response) => response,
                Err(trouble) => {
                    pause(&mut tries, trouble).await?;
                    continue;
                }
            };
            if !response.status().is_success() {
                let refusal = self.refusal(&call.method, &call.url, response).await;
                again(&mut tries, refusal).await?;
                continue;
            }
            let mut sink = SmallSink::keeping();
            let received = self
                .receive(&call.method, &call.url, response, &mut sink)
                .await;
            match received {
                Ok(answer) => return Ok((answer.asked, sink.body)),
                Err(Received::Refused(error)) => return Err(*error),
                Err(Received::Broken(failure)) => {
                    pause(&mut tries, Trouble::Transport(failure)).await?;
                }
            }
        }
    }

    /// Some registries hide what anonymous callers may not see behind 403 or 404. With credentials
    /// at hand the registry is asked how it wants them.
    pub(super) async fn ask_for_challenge(
        &self,
        rounds: &mut Rounds,
    ) -> Result<Option<Authorization>, ExchangeError> {
        let login = self.login().await.map_err(ExchangeError::Failed)?;
        if rounds.pinged || login.is_anonymous() {
            return Ok(None);
        }
        rounds.pinged = true;
        let call = Call {
            method: Method::GET,
            url: self.asked(&Target::Path("/v2/".to_owned()))?,
            accept: "application/json",
            authorization: None,
            form: Vec::new(),
        };
        let response = self.deliver(&call).await?;
        let url = response.url().clone();
        if response.status() != StatusCode::UNAUTHORIZED || url.origin() != call.url.origin() {
            return Ok(None);
        }
        let Ok(challenge) = read_challenge(&response) else {
            return Ok(None);
        };
        self.endpoint.set_challenge(&challenge);
        self.authorize(&challenge, &url, None).await
    }
}

pub(super) fn read_challenge(response: &Response) -> Result<Challenge, Vec<String>> {
    let headers = response.headers().get_all(WWW_AUTHENTICATE);
    challenge::choose(headers.iter().filter_map(|value| value.to_str().ok()))
}

//! Answers bearer challenges: asks token servers, and remembers their tokens by scope.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, Url};
use serde::Deserialize;

use super::addresses;
use super::challenge::Bearer;
use super::login::Credential;
use super::transport::Call;
use crate::redacted::Redacted;

/// The name that OAuth2 token requests give as their client.
const CLIENT_ID: &str = "kubectl-imageupdate";
/// Lifetime of a token whose server does not say.
const DEFAULT_LIFETIME: u64 = 60;
/// A token is not used in the last moments of its life.
const MARGIN: Duration = Duration::from_secs(5);

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TokenKey {
    pub(super) realm: Url,
    pub(super) service: Option<String>,
    /// Without repetitions, in the order of the request.
    pub(super) scopes: Vec<String>,
    pub(super) credential: Credential,
}

impl TokenKey {
    /// The token that a challenge asks for. `registry` is the URL that was refused. A realm may
    /// not be a private address unless it is the registry's own: a registry could otherwise send
    /// credentials to a service inside somebody's network.
    pub(super) fn new(
        bearer: &Bearer,
        registry: &Url,
        scopes: Vec<String>,
        credential: &Credential,
    ) -> Result<Self, String> {
        let wrong = |words: &str| Err(format!("invalid realm in www-authenticate: {words}"));
        let Ok(mut realm) = registry.join(&bearer.realm) else {
            return wrong(&format!("{:?} is no URL", bearer.realm));
        };
        let _ = realm.set_username("");
        let _ = realm.set_password(None);
        match realm.scheme() {
            "https" => {}
            "http" if registry.scheme() == "http" => {}
            other => return wrong(&format!("realm scheme {other:?} is not https")),
        }
        let same = realm.host_str() == registry.host_str()
            && realm.port_or_known_default() == registry.port_or_known_default();
        if addresses::is_private(&realm) && !same {
            let host = realm.host_str().unwrap_or_default();
            return wrong(&format!(
                "realm host {host:?} is a private or link-local address"
            ));
        }
        Ok(Self {
            realm,
            service: bearer.service.clone(),
            scopes,
            credential: credential.clone(),
        })
    }

    /// The request in the registries' own form. User name and password go along if there are any.
    pub(super) fn get(&self) -> Call {
        let mut url = self.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            for scope in &self.scopes {
                query.append_pair("scope", scope);
            }
            if let Some(service) = &self.service {
                query.append_pair("service", service);
            }
        }
        let authorization = match &self.credential {
            Credential::Basic { username, password } => Some(basic(username, password.expose())),
            _ => None,
        };
        Call {
            method: Method::GET,
            url,
            accept: "application/json",
            authorization,
            form: Vec::new(),
        }
    }

    /// The request in OAuth2's form, for identity tokens.
    pub(super) fn post(&self) -> Option<Call> {
        let Credential::Identity { token, .. } = &self.credential else {
            return None;
        };
        let plain = |text: &str| Redacted::new(text.to_owned());
        let mut form = vec![
            ("grant_type", plain("refresh_token")),
            ("client_id", plain(CLIENT_ID)),
            ("scope", plain(&self.scopes.join(" "))),
            ("refresh_token", token.clone()),
        ];
        if let Some(service) = &self.service {
            form.push(("service", plain(service)));
        }
        Some(Call {
            method: Method::POST,
            url: self.realm.clone(),
            accept: "application/json",
            authorization: None,
            form,
        })
    }
}

/// The value of a basic `Authorization` header.
pub(super) fn basic(username: &str, password: &str) -> Redacted<String> {
    let pair = Redacted::new(STANDARD.encode(format!("{username}:{password}")));
    Redacted::new(format!("Basic {}", pair.expose()))
}

/// What a token server answers.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Number>,
}

/// A token with the moment until which it is used.
pub(super) struct Token {
    pub(super) value: Redacted<String>,
    until: Instant,
}

impl Token {
    /// Reads a token server's answer.
    pub(super) fn parse(body: &[u8], now: Instant) -> Result<Self, &'static str> {
        let answer: TokenAnswer = serde_json::from_slice(body)
            .map_err(|_| "the token server's answer is not JSON of a token")?;
        let value = [answer.token, answer.access_token]
            .into_iter()
            .flatten()
            .find(|token| !token.is_empty())
            .ok_or("the token server's answer holds no token")?;
        let seconds = answer
            .expires_in
            .and_then(|number| number.as_u64())
            .unwrap_or(DEFAULT_LIFETIME)
            .clamp(10, 24 * 3600);
        Ok(Self {
            value: Redacted::new(value),
            until: now + Duration::from_secs(seconds).saturating_sub(MARGIN),
        })
    }
}

/// Tokens of a run.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<HashMap<TokenKey, Token>>);

impl TokenCache {
    /// A token that is still good.
    pub(super) fn get(&self, key: &TokenKey, now: Instant) -> Option<Redacted<String>> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens
            .get(key)
            .filter(|token| token.until > now)
            .map(|token| token.value.clone())
    }

    pub(super) fn put(&self, key: TokenKey, token: Token) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(key, token);
    }

    pub(super) fn forget(&self, key: &TokenKey) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(registry: &str, realm: &str) -> Result<TokenKey, String> {
        let bearer = Bearer {
            realm: realm.to_owned(),
            service: Some("s".to_owned()),
            scope: None,
            error: None,
        };
        let registry = Url::parse(registry).unwrap();
        let scopes = vec!["repository:a/b:pull".to_owned()];
        TokenKey::new(&bearer, &registry, scopes, &Credential::Anonymous)
    }

    #[test]
    fn a_realm_in_a_private_network_is_refused_unless_it_is_the_registry() {
        assert_eq!(
            key("http://127.0.0.1:5000/v2/", "http://127.0.0.1:5001/token").unwrap_err(),
            "invalid realm in www-authenticate: realm host \"127.0.0.1\" is a private or link-local address"
        );
        assert!(key("https://r.example/v2/", "https://169.254.169.254/token").is_err());
        assert!(key("http://127.0.0.1:5000/v2/", "http://127.0.0.1:5000/token").is_ok());
        assert!(key("http://127.0.0.1:5000/v2/", "http://localhost:5001/token").is_ok());
        assert!(key("https://r.example/v2/", "https://auth.example/token").is_ok());
    }

    #[test]
    fn a_secure_registry_cannot_name_a_plain_realm() {
        assert_eq!(
            key("https://r.example/v2/", "http://r.example/token").unwrap_err(),
            "invalid realm in www-authenticate: realm scheme \"http\" is not https"
        );
        assert!(key("https://r.example/v2/", "file:///etc/passwd").is_err());
    }

    #[test]
    fn the_realms_own_query_is_kept() {
        let call = key("https://r.example/v2/", "https://a.example/t?x=1")
            .unwrap()
            .get();
        assert_eq!(
            call.url.as_str(),
            "https://a.example/t?x=1&scope=repository%3Aa%2Fb%3Apull&service=s"
        );
    }

    #[test]
    fn either_name_of_a_token_is_read_and_an_empty_one_is_none() {
        let parse = |text: &str| {
            Token::parse(text.as_bytes(), Instant::now()).map(|token| token.value.expose().clone())
        };
        assert_eq!(parse(r#"{"token":"a","access_token":"b"}"#), Ok("a".into()));
        assert_eq!(parse(r#"{"token":"","access_token":"b"}"#), Ok("b".into()));
        assert!(parse(r#"{"expires_in":300}"#).is_err());
        assert!(parse("<html>").is_err());
    }

    #[test]
    fn a_token_is_used_until_shortly_before_its_end() {
        let now = Instant::now();
        let cache = TokenCache::default();
        let key = key("https://r.example/v2/", "https://a.example/t").unwrap();
        let token = Token::parse(br#"{"token":"a","expires_in":100}"#, now).unwrap();
        cache.put(key.clone(), token);
        assert!(cache.get(&key, now + Duration::from_secs(90)).is_some());
        assert!(cache.get(&key, now + Duration::from_secs(96)).is_none());
        cache.forget(&key);
        assert!(cache.get(&key, now).is_none());
    }
}

//! Sends single requests: one connection pool per TLS and proxy setting, redirects followed
//! without taking credentials along.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, Url};

use super::proxies::ChosenProxy;
use super::settings::{Environment, RegistrySettings};
use super::transport_failure::{Cause, TransportFailure, shown};
use super::{addresses, certificates};
use crate::ports::{ProxySettings, RegistryError, RegistryFailure, TlsSettings};
use crate::redacted::Redacted;

const USER_AGENT: &str = concat!("kubectl-imageupdate/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const MAX_REDIRECTS: usize = 5;

/// How a registry is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Route {
    pub(super) tls: TlsSettings,
    pub(super) proxy: Option<ProxySettings>,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) accept: &'static str,
    /// Value of `Authorization`.
    pub(super) authorization: Option<Redacted<String>>,
    /// Fields of a form, for `POST`.
    pub(super) form: Vec<(&'static str, Redacted<String>)>,
}

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The network's fault.
    Transport(TransportFailure),
    /// Everything else.
    Other(RegistryError),
}

impl Trouble {
    pub(super) fn into_error(self, hint: Option<String>) -> RegistryError {
        match self {
            Self::Transport(failure) => failure.into_error(hint),
            Self::Other(error) => error,
        }
    }
}

/// Which of a route's pools a URL needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PoolKey {
    tls: TlsSettings,
    secure: bool,
    proxy: Option<ChosenProxy>,
}

/// The connection pools of a run.
pub(super) struct Transport {
    registry_ca: Option<PathBuf>,
    environment: Environment,
    idle_timeout: Duration,
    pools: Mutex<HashMap<PoolKey, Client>>,
}

impl Transport {
    pub(super) fn new(settings: &RegistrySettings) -> Self {
        Self {
            registry_ca: settings.registry_ca.clone(),
            environment: settings.environment.clone(),
            idle_timeout: settings.idle_timeout,
            pools: Mutex::default(),
        }
    }

    /// Sends a call. Redirects are followed for reading requests; `Authorization` goes only to
    /// the origin it was meant for.
    pub(super) async fn send(&self, route: &Route, call: &Call) -> Result<Response, Trouble> {
        let mut url = call.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send_once(route, call, &url).await?;
            let moved = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            let Some(target) = response.headers().get(LOCATION).filter(|_| moved) else {
                return Ok(response);
            };
            if call.method == Method::POST {
                return Ok(response);
            }
            let next = target
                .to_str()
                .ok()
                .and_then(|target| url.join(target).ok());
            url = redirect(call, &url, next)?;
        }
        Err(refused_redirect(call, "stopped after 5 redirects"))
    }

    async fn send_once(&self, route: &Route, call: &Call, url: &Url) -> Result<Response, Trouble> {
        let proxy = ChosenProxy::for_url(route.proxy.as_ref(), &self.environment, url);
        let through = proxy.as_ref().map(|proxy| proxy.shown.clone());
        let client = self.pool(route, url, proxy).map_err(Trouble::Other)?;
        let mut builder = client
            .request(call.method.clone(), url.clone())
            .header(ACCEPT, call.accept);
        if let Some(secret) = &call.authorization
            && url.origin() == call.url.origin()
        {
            let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
                Trouble::Other(unusable(
                    "the credentials hold characters that HTTP refuses",
                ))
            })?;
            value.set_sensitive(true);
            builder = builder.header(AUTHORIZATION, value);
        }
        if !call.form.is_empty() {
            let fields: Vec<(&str, &str)> = call
                .form
                .iter()
                .map(|(name, value)| (*name, value.expose().as_str()))
                .collect();
            builder = builder.form(&fields);
        }
        tracing::debug!(method = %call.method, url = %shown(url), "registry request");
        let response = builder.send().await.map_err(|error| {
            Trouble::Transport(TransportFailure::new(
                &call.method,
                url,
                through.as_deref(),
                error,
            ))
        })?;
        tracing::debug!(status = response.status().as_u16(), "registry answer");
        Ok(response)
    }

    fn pool(
        &self,
        route: &Route,
        url: &Url,
        proxy: Option<ChosenProxy>,
    ) -> Result<Client, RegistryError> {
        let key = PoolKey {
            tls: route.tls.clone(),
            secure: url.scheme() == "https",
            proxy,
        };
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = pools.get(&key) {
            return Ok(client.clone());
        }
        let client = self.build(&key)?;
        pools.insert(key, client.clone());
        Ok(client)
    }

    fn build(&self, key: &PoolKey) -> Result<Client, RegistryError> {
        // A secure proxy needs the authorities even for plain requests.
        let tls = if key.secure || key.proxy.is_some() {
            let extra = self.extra_authorities()?;
            certificates::with_authorities(&key.tls, extra.as_deref())
        } else {
            certificates::without_authorities()
        }
        .map_err(|text| unusable(&text))?;
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(self.idle_timeout)
            .tcp_nodelay(true)
            .no_proxy();
        if let Some(proxy) = &key.proxy {
            builder = builder.proxy(proxy.build().map_err(|text| unusable(&text))?);
        }
        builder
            .build()
            .map_err(|error| unusable(&format!("cannot set up connections: {error}")))
    }

    fn extra_authorities(&self) -> Result<Option<Vec<u8>>, RegistryError> {
        let Some(path) = &self.registry_ca else {
            return Ok(None);
        };
        std::fs::read(path).map(Some).map_err(|error| {
            unusable(&format!(
                "cannot read certificate authorities from {}: {error}",
                path.display()
            ))
        })
    }
}

fn redirect(call: &Call, from: &Url, to: Option<Url>) -> Result<Url, Trouble> {
    let Some(to) = to.filter(|to| matches!(to.scheme(), "http" | "https")) else {
        return Err(refused_redirect(
            call,
            "redirected to something that is no URL",
        ));
    };
    let host = to.host_str().unwrap_or_default();
    if from.scheme() == "https" && to.scheme() == "http" {
        let words = format!("refused to follow a redirect from https to http://{host}");
        return Err(refused_redirect(call, &words));
    }
    if to.host_str() != call.url.host_str() && addresses::is_private(&to) {
        let words = format!("refused to follow a redirect to the private address {host}");
        return Err(refused_redirect(call, &words));
    }
    Ok(to)
}

fn refused_redirect(call: &Call, words: &str) -> Trouble {
    Trouble::Transport(TransportFailure::own(
        Cause::Redirect,
        &call.method,
        &call.url,
        words,
    ))
}

pub(super) fn unusable(message: &str) -> RegistryError {
    RegistryError {
        failure: RegistryFailure::Credentials,
        message: message.to_owned(),
        hint: None,
        source: None,
    }
}

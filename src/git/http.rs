//! Git over http and https.
//!
//! For: the two requests of smart HTTP, logins, redirects, proxies, private CAs, and saying what
//! the server answered when it was not Git.
//! Refuses: to send a login to another host than the one the URL names, and to leave https for http.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, Method, Response, StatusCode, Url};
use tokio_util::bytes::Bytes;

use super::connection::{Connection, Service};
use super::failure::{Site, find_cause};
use super::helper::{self, Login};
use super::limits::{Limits, Stopped, Waiter};
use super::process::decode;
use super::token::{Market, Origin, Refused, Token};
use crate::network;
use crate::ports::{GitCredentials, GitError, GitSource};

/// Servers take a client for git only when its name begins so.
const USER_AGENT: &str = concat!(
    "git/2 (",
    env!("CARGO_PKG_NAME"),
    "/",
    env!("CARGO_PKG_VERSION"),
    ")"
);

/// How often a server may send us elsewhere, or tell us to wait.
const ATTEMPTS: u32 = 5;

/// How much of an error page is read.
const ERROR_PAGE: usize = 2 * 1024;

/// The login in use.
#[derive(Clone, Debug)]
enum Authorization {
    /// None yet; the user's helpers are asked when the server wants one.
    Ambient,
    /// To be fetched before the first request.
    Pending(Origin),
    /// What the source says, sent with every request.
    Given(HeaderValue),
    /// What a helper said.
    Helper(Login, HeaderValue),
}

/// A conversation over http.
pub(super) struct HttpConnection {
    client: Client,
    /// The repository, after redirects, without login.
    base: Url,
    /// The repository as the source names it, without login.
    origin: Url,
    authorization: Authorization,
    /// The user name of the URL, for the helpers.
    username: String,
    site: Site,
    waiter: Arc<Waiter>,
}

fn basic(username: &str, password: &str) -> Result<HeaderValue, GitError> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
    sensitive(format!("Basic {text}"))
}

fn sensitive(text: String) -> Result<HeaderValue, GitError> {
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        GitError::Credentials("the token holds characters that no header can carry".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

impl HttpConnection {
    pub(super) fn new(
        source: &GitSource,
        url: Url,
        site: Site,
        waiter: Arc<Waiter>,
    ) -> Result<Self, GitError> {
        let username = decode(url.username());
        let authorization = match &source.credentials {
            GitCredentials::Basic { username, password } => {
                Authorization::Given(basic(username, password.expose())?)
            }
            GitCredentials::Bearer(token) => {
                Authorization::Given(sensitive(format!("Bearer {}", token.expose()))?)
            }
            GitCredentials::Ambient => match url.password() {
                Some(password) => Authorization::Given(basic(&username, &decode(password))?),
                None => Authorization::Ambient,
            },
            GitCredentials::GitHubApp(app) => Authorization::Pending(Origin::App(app.clone())),
            GitCredentials::Workstation(login) => {
                Authorization::Pending(Origin::Workstation(*login))
            }
            GitCredentials::Ssh { .. } => {
                return Err(GitError::Credentials(format!(
                    "an ssh key cannot be used with {}",
                    site.url
                )));
            }
        };
        let mut base = url;
        // Both only fail for URLs without a host, which http cannot have.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.set_fragment(None);
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        let client = build_client(source, &site)?;
        Ok(Self {
            client,
            origin: base.clone(),
            base,
            authorization,
            username,
            site,
            waiter,
        })
    }

    /// The login for the next request, unless a redirect led away from its host.
    fn header(&self) -> Option<&HeaderValue> {
        let value = match &self.authorization {
            Authorization::Ambient | Authorization::Pending(_) => return None,
            Authorization::Given(value) | Authorization::Helper(_, value) => value,
        };
        same_host(&self.origin, &self.base).then_some(value)
    }

    /// Sends one request; asks the helpers once when the server wants a login, and waits when the
    /// server says so.
    fn send(
        &mut self,
        service: Service,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: Option<&Bytes>,
        limits: &Limits,
    ) -> Result<Response, GitError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut request = self
                .client
                .request(method.clone(), url.clone())
                .headers(headers.clone());
            if let Some(value) = self.header() {
                request = request.header(AUTHORIZATION, value.clone());
            }
            if let Some(body) = body {
                request = request.body(body.clone());
            }
            let response = self
                .waiter
                .wait(limits, || request.send())
                .map_err(|error| self.site.failed(service.action(), error))?
                .map_err(|error| self.broken(service, error))?;
            let status = response.status();
            if status == StatusCode::UNAUTHORIZED && self.ask_helper(limits)? {
                continue;
            }
            let busy = matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            );
            if busy
                && attempts < ATTEMPTS
                && let Some(pause) = retry_after(&response)
                && pause < limits.remaining()
            {
                tracing::debug!(url = self.site.url, ?pause, "the server asks to wait");
                self.waiter
                    .wait(limits, || tokio::time::sleep(pause))
                    .map_err(|error| self.site.failed(service.action(), error))?;
                continue;
            }
            if status.is_success() {
                self.confirm_helper(limits);
            }
            return Ok(response);
        }
    }

    /// Fetches the token that the source's login is made of.
    fn obtain(&mut self, service: Service, limits: &Limits) -> Result<(), GitError> {
        let Authorization::Pending(origin) = &self.authorization else {
            return Ok(());
        };
        let market = Market {
            client: &self.client,
            repository: &self.origin,
            waiter: &self.waiter,
            limits,
        };
        let value = match market.buy(origin) {
            Ok(Token::Bearer(token)) => sensitive(format!("Bearer {}", token.expose()))?,
            Ok(Token::Basic { username, password }) => basic(&username, password.expose())?,
            Err(Refused::Wait(error)) => return Err(self.site.failed(service.action(), error)),
            Err(Refused::Said(text)) => return Err(GitError::Credentials(text)),
        };
        self.authorization = Authorization::Given(value);
        Ok(())
    }

    /// Gets a login from the helpers after a 401. False when there is none, or it was refused.
    fn ask_helper(&mut self, limits: &Limits) -> Result<bool, GitError> {
        let mut url = self.origin.clone();
        let _ = url.set_username(&self.username);
        match &self.authorization {
            Authorization::Ambient if same_host(&self.origin, &self.base) => {
                let Some(login) = helper::fill(&url, &self.waiter, limits) else {
                    return Ok(false);
                };
                let value = basic(&login.username, login.password.expose())?;
                "git's credential helper".clone_into(&mut self.site.credentials);
                self.authorization = Authorization::Helper(login, value);
                Ok(true)
            }
            Authorization::Helper(login, _) => {
                helper::report(false, &url, login, &self.waiter, limits);
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// Tells the helpers that their login worked, once.
    fn confirm_helper(&mut self, limits: &Limits) {
        if let Authorization::Helper(login, value) = &self.authorization {
            helper::report(true, &self.origin, login, &self.waiter, limits);
            self.authorization = Authorization::Given(value.clone());
        }
    }

    /// The request did not get through.
    fn broken(&self, service: Service, error: reqwest::Error) -> GitError {
        let error = error.without_url();
        if let Some(stopped) = find_cause::<Stopped>(&error) {
            return self.site.failed(service.action(), (*stopped).into());
        }
        if error.is_connect() {
            return GitError::Unreachable {
                url: self.site.url.clone(),
                source: Box::new(error),
            };
        }
        self.site.failed(service.action(), io::Error::other(error))
    }

    /// Turns an answer that is not Git's into an error.
    fn refusal(&self, service: Service, response: Response, limits: &Limits) -> GitError {
        let status = response.status();
        let challenge = response
            .headers()
            .get("www-authenticate")
            .and_then(|value| value.to_str().ok())
            .map(|value| format!(", {value}"))
            .unwrap_or_default();
        let page = self.error_page(response, limits);
        let answer = match &page {
            Some(page) => format!("{status}: {page}"),
            None => status.to_string(),
        };
        let strayed = if same_host(&self.origin, &self.base) {
            String::new()
        } else {
            format!(
                "; redirected to {}, where the credentials are not sent",
                self.base.host_str().unwrap_or_default()
            )
        };
        match status {
            StatusCode::UNAUTHORIZED => self
                .site
                .unauthorized(format!("{answer}{challenge}{strayed}")),
            StatusCode::FORBIDDEN => self.site.forbidden(format!("{answer}{strayed}")),
            StatusCode::NOT_FOUND | StatusCode::GONE => self.site.repository_not_found(),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => self
                .site
                .refused(service.action(), format!("the proxy answered {answer}")),
            _ => self
                .site
                .refused(service.action(), format!("the server answered {answer}")),
        }
    }

    /// The first line of a plain-text error page. Web pages are not quoted.
    fn error_page(&self, mut response: Response, limits: &Limits) -> Option<String> {
        let plain = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.starts_with("text/plain"));
        if !plain {
            return None;
        }
        let mut text = Vec::new();
        while text.len() < ERROR_PAGE
            && let Ok(Ok(Some(chunk))) = self.waiter.wait(limits, || response.chunk())
        {
            text.extend_from_slice(&chunk);
        }
        let text = String::from_utf8_lossy(&text[..text.len().min(ERROR_PAGE)]).into_owned();
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        Some(line.chars().filter(|c| !c.is_control()).take(200).collect())
    }

    /// Checks the media type and gives the body.
    fn accept<'a>(
        &'a self,
        service: Service,
        response: Response,
        suffix: &str,
        limits: &'a Limits,
    ) -> Result<Box<dyn Read + 'a>, GitError> {
        let expected = format!("application/x-{}-{suffix}", service.name());
        let kind = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if kind != expected {
            let kind = kind.split(';').next().unwrap_or_default();
            return Err(self.site.refused(
                service.action(),
                format!(
                    "this is no Git server: it answered with {kind:?} in place of {expected:?}"
                ),
            ));
        }
        Ok(Box::new(ResponseReader {
            response,
            chunk: Bytes::new(),
            waiter: &self.waiter,
            limits,
        }))
    }

    /// Where a redirect leads, when it may be followed.
    fn redirect(
        &self,
        service: Service,
        from: &Url,
        response: &Response,
        suffix: &str,
    ) -> Result<Url, GitError> {
        let refused = |text: String| self.site.refused(service.action(), text);
        let target = response
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| from.join(value).ok())
            .ok_or_else(|| refused("redirected to nowhere".to_owned()))?;
        let shown = format!(
            "{}://{}",
            target.scheme(),
            target.host_str().unwrap_or_default()
        );
        if from.scheme() == "https" && target.scheme() != "https" {
            return Err(refused(format!(
                "redirected from https to {shown}; this is not followed"
            )));
        }
        let path = target
            .as_str()
            .strip_suffix(suffix)
            .and_then(|base| Url::parse(base).ok())
            .filter(|base| matches!(base.scheme(), "http" | "https"))
            .ok_or_else(|| refused(format!("redirected to {shown}, which is not a repository")))?;
        let mut base = path;
        let _ = base.set_username("");
        let _ = base.set_password(None);
        Ok(base)
    }
}

/// Whether a login for one URL may be sent to the other: the same host and port, or the step from
/// http to https on the host's standard ports.
fn same_host(origin: &Url, target: &Url) -> bool {
    if origin.host_str() != target.host_str() {
        return false;
    }
    let same_port = origin.port_or_known_default() == target.port_or_known_default();
    let upgraded = origin.scheme() == "http"
        && target.scheme() == "https"
        && origin.port().is_none()
        && target.port().is_none();
    (same_port && origin.scheme() == target.scheme()) || upgraded
}

/// The pause that a server asks for.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    network::retry_after(value, Timestamp::now())
}

fn build_client(source: &GitSource, site: &Site) -> Result<Client, GitError> {
    let unusable = |what: &str, error: reqwest::Error| {
        GitError::Credentials(format!(
            "{}: the {what} cannot be used: {}",
            site.url,
            error.without_url()
        ))
    };
    // The whole program uses ring; a second installation is refused and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true);
    if let Some(ca) = &source.tls.ca {
        let certificates = reqwest::Certificate::from_pem_bundle(ca)
            .map_err(|error| unusable("CA certificate", error))?;
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some((certificate, key)) = &source.tls.client {
        let mut pem = certificate.clone();
        pem.push(b'\n');
        pem.extend_from_slice(key.expose());
        let identity = reqwest::Identity::from_pem(&pem)
            .map_err(|error| unusable("client certificate", error))?;
        builder = builder.identity(identity);
    }
    if let Some(settings) = &source.proxy {
        let mut proxy = reqwest::Proxy::all(&settings.address)
            .map_err(|error| unusable("proxy address", error))?;
        if let Some(username) = &settings.username {
            let password = settings.password.as_ref();
            proxy = proxy.basic_auth(username, password.map_or("", |value| value.expose()));
        }
        builder = builder.no_proxy().proxy(proxy);
    }
    builder
        .build()
        .map_err(|error| unusable("TLS configuration", error))
}

/// The blocking face of a response body.
struct ResponseReader<'a> {
    response: Response,
    chunk: Bytes,
    waiter: &'a Waiter,
    limits: &'a Limits,
}

impl Read for ResponseReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            let response = &mut self.response;
            let next = self
                .waiter
                .wait(self.limits, || response.chunk())?
                .map_err(|error| {
                    io::Error::new(io::ErrorKind::ConnectionAborted, Cut(error.without_url()))
                })?;
            match next {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let count = self.chunk.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.chunk.split_to(count));
        Ok(count)
    }
}

/// The connection broke inside an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was closed before the answer was complete")]
struct Cut(#[source] reqwest::Error);

impl Connection for HttpConnection {
    fn advertise<'a>(
        &'a mut self,
        service: Service,
        limits: &'a Limits,
    ) -> Result<Box<dyn Read + 'a>, GitError> {
        let suffix = format!("/info/refs?service={}", service.name());
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        if let Some(protocol) = service.protocol() {
            headers.insert("git-protocol", HeaderValue::from_static(protocol));
        }
        self.obtain(service, limits)?;
        for _ in 0..ATTEMPTS {
            let url = Url::parse(&format!("{}{suffix}", self.base))
                .map_err(|error| self.site.refused("reading the URL", error.to_string()))?;
            let response = self.send(service, &Method::GET, &url, &headers, None, limits)?;
            if response.status().is_redirection() {
                self.base = self.redirect(service, &url, &response, &suffix)?;
                continue;
            }
            if !response.status().is_success() {
                return Err(self.refusal(service, response, limits));
            }
            return self.accept(service, response, "advertisement", limits);
        }
        Err(self.site.refused(service.action(), "too many redirects"))
    }

    fn request<'a>(
        &'a mut self,
        service: Service,
        body: Vec<u8>,
        limits: &'a Limits,
    ) -> Result<Box<dyn Read + 'a>, GitError> {
        let url = Url::parse(&format!("{}/{}", self.base, service.name()))
            .map_err(|error| self.site.refused("reading the URL", error.to_string()))?;
        let mut headers = HeaderMap::new();
        let media = |suffix| {
            HeaderValue::try_from(format!("application/x-{}-{suffix}", service.name()))
                .map_err(|error| self.site.failed(service.action(), io::Error::other(error)))
        };
        headers.insert(CONTENT_TYPE, media("request")?);
        headers.insert(ACCEPT, media("result")?);
        if let Some(protocol) = service.protocol() {
            headers.insert("git-protocol", HeaderValue::from_static(protocol));
        }
        let body = Bytes::from(body);
        let response = self.send(service, &Method::POST, &url, &headers, Some(&body), limits)?;
        if !response.status().is_success() {
            return Err(self.refusal(service, response, limits));
        }
        self.accept(service, response, "result", limits)
    }

    fn stateless(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_login_stays_with_its_host_and_port() {
        let origin = url("http://git.example.com/a.git");
        assert!(same_host(&origin, &url("http://git.example.com/b.git")));
        assert!(same_host(&origin, &url("https://git.example.com/b.git")));
        assert!(!same_host(
            &origin,
            &url("http://git.example.com:8080/b.git")
        ));
        assert!(!same_host(&origin, &url("http://evil.example.com/a.git")));
        let secure = url("https://git.example.com/a.git");
        assert!(!same_host(&secure, &url("http://git.example.com/a.git")));
    }
}

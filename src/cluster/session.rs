//! One conversation with the API server: connects on the first request, logs in, sends, waits.
//!
//! For: deadlines, the few repetitions that are right, renewed logins, and the warnings that the
//! server sends along.
//! Refuses: to know kinds or objects.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::client::Body;
use secrecy::SecretString;

use super::failure::{broken_off, no_connection, timed_out};
use super::kubeconfig::{set_certificate, target};
use super::logged;
use super::settings::ConnectionSettings;
use crate::network;
use crate::ports::ObjectsError;

/// How often a request is sent again when the server says that it is busy.
const REPETITIONS: u32 = 3;
/// The longest pause before that, whatever the server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// More of a refusal is not kept; a `Status` object is far shorter.
const LONGEST_REFUSAL: usize = 1 << 20;

/// One request, with its path and query complete.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    /// Content type and body.
    pub(super) body: Option<(&'static str, Vec<u8>)>,
    /// Whether the answer goes on for ever: no deadline once it begins, and never compressed,
    /// because an event has to be readable as soon as it is sent.
    pub(super) endless: bool,
}

impl Request {
    pub(super) fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            body: None,
            endless: false,
        }
    }

    pub(super) fn with_body(
        method: Method,
        path: String,
        kind: &'static str,
        body: Vec<u8>,
    ) -> Self {
        Self {
            method,
            path,
            body: Some((kind, body)),
            endless: false,
        }
    }

    fn build(&self) -> Result<http::Request<Body>, ObjectsError> {
        let mut builder = http::Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(header::ACCEPT, "application/json");
        if self.endless {
            builder = builder.header(header::ACCEPT_ENCODING, "identity");
        }
        let body = match &self.body {
            Some((kind, bytes)) => {
                builder = builder.header(header::CONTENT_TYPE, *kind);
                Body::from(bytes.clone())
            }
            None => Body::empty(),
        };
        builder
            .body(body)
            .map_err(|error| super::failure::configuration(format!("request: {error}")))
    }
}

/// Takes the bytes of a good answer as they come; may say that it has enough.
pub(super) type Sink<'a> = dyn FnMut(&[u8]) -> ControlFlow<()> + Send + 'a;

/// How the server answered.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The body of a refusal; a good answer's went to the sink.
    pub(super) refusal: Vec<u8>,
}

impl Reply {
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A lazily opened connection.
pub(super) struct Session {
    settings: ConnectionSettings,
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    warnings: Mutex<Vec<String>>,
}

struct Connection {
    client: kube::Client,
    server: String,
    unconfigured: bool,
    renewable: bool,
    expires: Option<Timestamp>,
}

impl Session {
    pub(super) fn new(settings: ConnectionSettings) -> Self {
        Self {
            settings,
            connection: tokio::sync::Mutex::new(None),
            warnings: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn settings(&self) -> &ConnectionSettings {
        &self.settings
    }

    /// The server's warnings since the last call, each once.
    pub(super) fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends a request and collects the whole answer, good or bad.
    pub(super) async fn ask(&self, request: &Request) -> Result<(u16, Vec<u8>), ObjectsError> {
        let mut body = Vec::new();
        let reply = self
            .exchange(request, &mut |bytes| {
                body.extend_from_slice(bytes);
                ControlFlow::Continue(())
            })
            .await?;
        if reply.is_good() {
            Ok((reply.status, body))
        } else {
            Ok((reply.status, reply.refusal))
        }
    }

    /// Sends a request; the bytes of a good answer go to the sink while they arrive.
    pub(super) async fn exchange(
        &self,
        request: &Request,
        sink: &mut Sink<'_>,
    ) -> Result<Reply, ObjectsError> {
        let limit = self.settings.request_timeout;
        let mut log = logged::Body::of(&request.path);
        let mut logging = |bytes: &[u8]| {
            log.add(bytes);
            sink(bytes)
        };
        let sink: &mut Sink<'_> = &mut logging;
        if request.endless {
            let response = within(limit, self.begin(request)).await?;
            return receive(response, sink).await;
        }
        within(limit, async {
            let response = self.begin(request).await?;
            receive(response, sink).await
        })
        .await
    }

    /// Sends a request until there is an answer that is not "later": a busy server is asked again a
    /// few times, and a login that ran out is renewed once.
    async fn begin(&self, request: &Request) -> Result<http::Response<Body>, ObjectsError> {
        let mut repetitions = 0;
        let mut renewed = false;
        loop {
            let connection = self.connection().await?;
            let response = self.send(&connection, request).await?;
            let status = response.status().as_u16();
            if status == 401 && connection.renewable && !renewed {
                renewed = true;
                self.forget(&connection).await;
                continue;
            }
            let pause = pause_before_repetition(&request.method, status, response.headers());
            match pause {
                Some(pause) if repetitions < REPETITIONS => {
                    repetitions += 1;
                    drop(response);
                    tokio::time::sleep(pause).await;
                }
                _ => return Ok(response),
            }
        }
    }

    async fn send(
        &self,
        connection: &Connection,
        request: &Request,
    ) -> Result<http::Response<Body>, ObjectsError> {
        let begin = Instant::now();
        let response = connection
            .client
            .send(request.build()?)
            .await
            .map_err(|error| no_connection(&error, &connection.server, connection.unconfigured))?;
        tracing::debug!(
            method = %request.method,
            path = %request.path,
            status = response.status().as_u16(),
            milliseconds = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
            "API request"
        );
        self.keep_warnings(response.headers());
        Ok(response)
    }

    async fn connection(&self) -> Result<Arc<Connection>, ObjectsError> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref() {
            let expired = connection
                .expires
                .is_some_and(|expires| expires <= Timestamp::now());
            if !expired {
                return Ok(Arc::clone(connection));
            }
        }
        let connection = Arc::new(connect(&self.settings).await?);
        *slot = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Drops a connection whose login is no longer accepted, unless another request already did.
    async fn forget(&self, refused: &Arc<Connection>) {
        let mut slot = self.connection.lock().await;
        if slot
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, refused))
        {
            *slot = None;
        }
    }

    fn keep_warnings(&self, headers: &HeaderMap) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        for text in headers
            .get_all(header::WARNING)
            .iter()
            .flat_map(warning_texts)
        {
            if !warnings.contains(&text) {
                warnings.push(text);
            }
        }
    }
}

async fn connect(settings: &ConnectionSettings) -> Result<Connection, ObjectsError> {
    // Another part of the program may have installed the same provider before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut target = target(settings)?;
    let mut expires = None;
    if let Some(plugin) = &target.plugin {
        let credentials = plugin.run().await?;
        expires = credentials.expires;
        let user = &mut target.config.auth_info;
        if let Some(token) = credentials.token {
            user.token = Some(SecretString::from(token.expose().clone()));
        }
        if let Some((certificate, key)) = credentials.certificate {
            set_certificate(user, &certificate, key.expose());
        }
    }
    let url = &target.config.cluster_url;
    let server = url
        .authority()
        .map_or_else(|| url.to_string(), |authority| authority.host().to_owned());
    let server = match url.port_u16() {
        Some(port) => format!("{server}:{port}"),
        None => server,
    };
    let renewable = target.renewable;
    let client = kube::Client::try_from(target.config)
        .map_err(|error| no_connection(&error, &server, false))?;
    Ok(Connection {
        client,
        server,
        unconfigured: target.unconfigured,
        renewable,
        expires,
    })
}

async fn within<T>(
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, ObjectsError>>,
) -> Result<T, ObjectsError> {
    match limit.filter(|limit| !limit.is_zero()) {
        Some(limit) => tokio::time::timeout(limit, work)
            .await
            .unwrap_or_else(|_| Err(timed_out(limit))),
        None => work.await,
    }
}

async fn receive(
    response: http::Response<Body>,
    sink: &mut Sink<'_>,
) -> Result<Reply, ObjectsError> {
    let status = response.status();
    let mut refusal = Vec::new();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken_off(&error))?;
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        if !status.is_success() {
            if refusal.len() < LONGEST_REFUSAL {
                refusal.extend_from_slice(&bytes);
            }
        } else if sink(&bytes).is_break() {
            break;
        }
    }
    Ok(Reply {
        status: status.as_u16(),
        refusal,
    })
}

/// A refusal with `Retry-After` promises that nothing was done: 429 for every request, 503 and 504
/// only where asking twice cannot do harm.
fn pause_before_repetition(method: &Method, status: u16, headers: &HeaderMap) -> Option<Duration> {
    let harmless = method == Method::GET;
    if status != 429 && !(harmless && (status == 503 || status == 504)) {
        return None;
    }
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let pause = network::retry_after(value, Timestamp::now())?;
    Some(pause.min(LONGEST_PAUSE))
}

/// The texts of one `Warning` header: `299 - "text"`, several divided by commas.
fn warning_texts(value: &HeaderValue) -> Vec<String> {
    let value = String::from_utf8_lossy(value.as_bytes());
    let mut texts = Vec::new();
    let mut rest = value.as_ref();
    while let Some(begin) = rest.find('"') {
        let code = rest[..begin].trim_start_matches([',', ' ']);
        let mut text = String::new();
        let mut characters = rest[begin + 1..].char_indices();
        let mut end = rest.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
                '"' => {
                    end = begin + 1 + at + 1;
                    break;
                }
                other => text.push(other),
            }
        }
        if code.starts_with("299") {
            texts.push(text);
        }
        rest = &rest[end..];
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_read_from_their_header() {
        let value = HeaderValue::from_static(
            r#"299 - "v1beta2 is \"old\", really", 299 - "second" "2025", 199 - "other""#,
        );
        assert_eq!(
            warning_texts(&value),
            ["v1beta2 is \"old\", really", "second"]
        );
        assert!(warning_texts(&HeaderValue::from_static("299 - \"open")).len() <= 1);
    }

    #[test]
    fn only_refusals_that_did_nothing_are_repeated() {
        let mut headers = HeaderMap::new();
        assert_eq!(pause_before_repetition(&Method::GET, 503, &headers), None);
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("3600"));
        for (method, status, repeats) in [
            (Method::GET, 503, true),
            (Method::POST, 503, false),
            (Method::POST, 429, true),
            (Method::GET, 500, false),
        ] {
            let pause = pause_before_repetition(&method, status, &headers);
            assert_eq!(pause, repeats.then_some(LONGEST_PAUSE), "{method} {status}");
        }
    }
}

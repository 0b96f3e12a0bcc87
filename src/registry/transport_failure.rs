//! Why a request got no answer, in the words that Flux users know from the controllers.

use std::error::Error;
use std::io;

use reqwest::{Method, Url};
use rustls::CertificateError;

use crate::ports::{RegistryError, RegistryFailure};

/// What went wrong below HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nobody listens, or the name does not exist.
    Absent,
    /// A TLS hello was answered in plain text.
    PlainServer,
    /// A proxy does not let the request through.
    Proxy,
    /// The TLS handshake failed for another reason, mostly a certificate.
    Tls,
    /// The connection broke.
    Lost,
    /// No answer in time.
    Timeout,
    /// The answer breaks HTTP's rules.
    Protocol,
    /// A redirect is not followed.
    Redirect,
}

/// A request that got no answer.
#[derive(Debug)]
pub(super) struct TransportFailure {
    pub(super) cause: Cause,
    pub(super) text: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl TransportFailure {
    /// Reads the chain of causes. `through` is the proxy that was used.
    pub(super) fn new(
        method: &Method,
        url: &Url,
        through: Option<&str>,
        error: reqwest::Error,
    ) -> Self {
        let (cause, words) = explain(&error, url, through);
        Self {
            cause,
            text: format!("{} {:?}: {words}", verb(method), shown(url)),
            source: Some(Box::new(error.without_url())),
        }
    }

    /// A failure that this client found itself.
    pub(super) fn own(cause: Cause, method: &Method, url: &Url, words: &str) -> Self {
        Self {
            cause,
            text: format!("{} {:?}: {words}", verb(method), shown(url)),
            source: None,
        }
    }

    /// Whether asking again may help.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self.cause, Cause::Lost | Cause::Timeout)
    }

    pub(super) fn into_error(self, hint: Option<String>) -> RegistryError {
        let own_hint = match self.cause {
            Cause::PlainServer => Some(
                "the registry speaks plain http: set spec.insecure to true if that is intended"
                    .to_owned(),
            ),
            _ => None,
        };
        RegistryError {
            failure: match self.cause {
                Cause::Timeout => RegistryFailure::Timeout,
                Cause::Protocol | Cause::Redirect => RegistryFailure::Protocol,
                _ => RegistryFailure::Unreachable,
            },
            message: self.text,
            hint: own_hint.or(hint),
            source: self.source,
        }
    }
}

/// Go writes the verb of a request without an answer like this.
fn verb(method: &Method) -> &'static str {
    match *method {
        Method::HEAD => "Head",
        Method::POST => "Post",
        _ => "Get",
    }
}

/// A URL for people: no user, no password, and only the query parameters that registries define.
pub(super) fn shown(url: &Url) -> String {
    const KNOWN: [&str; 6] = ["n", "last", "scope", "service", "account", "client_id"];
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let others = url
        .query_pairs()
        .any(|(key, _)| !KNOWN.contains(&key.as_ref()));
    if others {
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .map(|(key, value)| {
                let known = KNOWN.contains(&key.as_ref());
                let value = if known { value.as_ref() } else { "REDACTED" };
                (key.into_owned(), value.to_owned())
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
    url.into()
}

fn explain(error: &reqwest::Error, url: &Url, through: Option<&str>) -> (Cause, String) {
    let dial = match through {
        Some(proxy) => format!("proxyconnect tcp: dial tcp {proxy}"),
        None => format!("dial tcp {}", authority(url)),
    };
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    let mut last = String::new();
    while let Some(cause) = next {
        if let Some(tls) = tls_error(cause) {
            return explain_tls(tls, url);
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::ConnectionRefused => {
                    return (
                        Cause::Absent,
                        format!("{dial}: connect: connection refused"),
                    );
                }
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    return (Cause::Absent, format!("{dial}: {io}"));
                }
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe => {
                    return (Cause::Lost, "connection reset by peer".to_owned());
                }
                io::ErrorKind::UnexpectedEof => return (Cause::Lost, "unexpected EOF".to_owned()),
                io::ErrorKind::TimedOut => return (Cause::Timeout, "i/o timeout".to_owned()),
                _ => {}
            }
        }
        last = cause.to_string();
        // hyper's own error type is not a dependency of ours: its texts are.
        if last.contains("dns error") {
            let words = match through {
                Some(_) => dial,
                None => format!("dial tcp: lookup {}", url.host_str().unwrap_or_default()),
            };
            return (Cause::Absent, format!("{words}: no such host"));
        }
        if let (Some(proxy), true) = (through, is_proxy_refusal(&last)) {
            return (Cause::Proxy, format!("the proxy {proxy} refused: {last}"));
        }
        if last.contains("connection closed before message completed")
            || last.contains("end of file before message length reached")
            || last.contains("connection error") && last.contains("not a result of an error")
        {
            return (Cause::Lost, "unexpected EOF".to_owned());
        }
        next = cause.source();
    }
    if error.is_timeout() {
        return (Cause::Timeout, "i/o timeout".to_owned());
    }
    (Cause::Protocol, last)
}

/// Whether an error is a proxy's no to a connection.
fn is_proxy_refusal(text: &str) -> bool {
    let tunnel = text.strip_prefix("tunnel error: ");
    tunnel.is_some_and(|words| words != "failed to create underlying connection")
        || text.starts_with("SOCKS error: ")
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The TLS error in a link of the chain; it travels inside I/O errors.
fn tls_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(error);
    }
    // Connectors wrap I/O errors into I/O errors, and those hide what they wrap from `source`.
    let inner = cause.downcast_ref::<io::Error>()?.get_ref()?;
    tls_error(inner)
}

fn explain_tls(error: &rustls::Error, url: &Url) -> (Cause, String) {
    use rustls::Error as E;
    let verify = |text: String| {
        (
            Cause::Tls,
            format!("tls: failed to verify certificate: x509: {text}"),
        )
    };
    match error {
        E::InvalidMessage(_) => (
            Cause::PlainServer,
            "http: server gave HTTP response to HTTPS client".to_owned(),
        ),
        E::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer => {
                verify("certificate signed by unknown authority".to_owned())
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => verify(format!(
                "certificate has expired or is not yet valid: {certificate}"
            )),
            CertificateError::NotValidForName => verify(format!(
                "certificate is not valid for {}",
                url.host_str().unwrap_or_default()
            )),
            CertificateError::NotValidForNameContext { presented, .. } => verify(format!(
                "certificate is valid for {}, not {}",
                presented.join(", "),
                url.host_str().unwrap_or_default()
            )),
            // webpki's word for a self-signed certificate that claims to be an authority.
            CertificateError::Other(other)
                if format!("{other:?}").contains("CaUsedAsEndEntity") =>
            {
                verify("certificate signed by unknown authority".to_owned())
            }
            other => verify(other.to_string()),
        },
        E::AlertReceived(alert) => (Cause::Tls, format!("remote error: tls: {alert:?}")),
        other => (Cause::Tls, format!("tls: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_urls_hold_no_secret() {
        let url = Url::parse(
            "https://user:pass@r/token?scope=repository%3Aa%3Apull&service=s&X-Sig=secret",
        )
        .unwrap();
        let text = shown(&url);
        assert_eq!(
            text,
            "https://r/token?scope=repository%3Aa%3Apull&service=s&X-Sig=REDACTED"
        );
    }

    #[test]
    fn a_url_without_unknown_parameters_is_shown_as_it_was_asked() {
        let url = Url::parse("http://127.0.0.1:5000/v2/a/b/tags/list?n=1000").unwrap();
        assert_eq!(shown(&url), "http://127.0.0.1:5000/v2/a/b/tags/list?n=1000");
    }
}

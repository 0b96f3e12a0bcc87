//! What went wrong between here and the API server, in kubectl's sentences.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;

use crate::ports::ObjectsError;

/// A configuration that cannot be used.
pub(super) fn configuration(message: impl Into<String>) -> ObjectsError {
    ObjectsError::Connection {
        message: message.into(),
        hint: None,
        source: None,
    }
}

/// No connection, for a reason known here.
pub(super) fn unreachable(reason: &str) -> ObjectsError {
    configuration(format!("Unable to connect to the server: {reason}"))
}

/// No answer within the request timeout.
pub(super) fn timed_out(limit: Duration) -> ObjectsError {
    ObjectsError::Connection {
        message: "Unable to connect to the server: context deadline exceeded".to_owned(),
        hint: Some(format!(
            "no complete answer within {limit:?} (--request-timeout)"
        )),
        source: None,
    }
}

/// The answer broke off.
pub(super) fn broken_off(error: &(dyn Error + 'static)) -> ObjectsError {
    let reason = chain(error)
        .last()
        .map_or_else(String::new, ToString::to_string);
    configuration(format!(
        "unexpected error when reading response body. Please retry. Original error: {reason}"
    ))
}

/// An answer that is not what the API promises.
pub(super) fn not_json(what: &str, error: &serde_json::Error) -> ObjectsError {
    configuration(format!(
        "the server's answer to {what} cannot be read: {error}"
    ))
}

/// No request could be sent or no answer came. `server` is `host:port`; `unconfigured` says that
/// nothing named a server.
pub(super) fn no_connection(error: &kube::Error, server: &str, unconfigured: bool) -> ObjectsError {
    let hint = unconfigured.then(|| "no kubeconfig names a cluster".to_owned());
    let message = {
        let root: &(dyn Error + 'static) = match error {
            kube::Error::Service(inner) => inner.as_ref(),
            kube::Error::HyperError(inner) => inner,
            other => other,
        };
        sentence(root, server)
    };
    ObjectsError::Connection {
        message,
        hint,
        source: None,
    }
}

fn sentence(root: &(dyn Error + 'static), server: &str) -> String {
    // A login that fails has its own server, which may be the one that refused.
    if let Some(auth) = chain(root).find_map(|error| error.downcast_ref()) {
        return format!(
            "Unable to connect to the server: getting credentials: {}",
            auth_reason(auth)
        );
    }
    let refused = |error: &(dyn Error + 'static)| {
        error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    if chain(root).any(refused) {
        return format!(
            "The connection to the server {server} was refused - did you specify the right host \
             or port?"
        );
    }
    format!("Unable to connect to the server: {}", reason(root, server))
}

fn reason(root: &(dyn Error + 'static), server: &str) -> String {
    for error in chain(root) {
        if let Some(tls) = tls_error(error) {
            return tls_reason(tls);
        }
        let text = error.to_string();
        if text.contains("dns error") {
            let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
            return format!("dial tcp: lookup {host}: no such host");
        }
        if text.contains("connection closed before message completed")
            || text.contains("tls handshake eof")
        {
            return "EOF".to_owned();
        }
    }
    let mut reasons: Vec<String> = chain(root).map(ToString::to_string).collect();
    reasons.retain(|text| !text.starts_with("client error"));
    reasons.dedup();
    reasons.join(": ")
}

/// A login that the client library does. Its errors may quote what a helper printed.
fn auth_reason(error: &kube::client::AuthError) -> String {
    match error {
        kube::client::AuthError::AuthExecRun { cmd, out } => {
            format!("{cmd} failed with {}", out.status)
        }
        other => other.to_string(),
    }
}

fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    // The source of an io::Error is its content's source, so the content itself is looked at.
    let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
    let inner: &(dyn Error + 'static) = inner;
    tls_error(inner)
}

fn tls_reason(error: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return match error {
            rustls::Error::InvalidMessage(_) => {
                "tls: first record does not look like a TLS handshake".to_owned()
            }
            rustls::Error::AlertReceived(alert) => format!("remote error: tls: {alert:?}"),
            other => format!("tls: {other}"),
        };
    };
    let reason = match certificate {
        // A bad signature is what another authority of the same name gives.
        Certificate::UnknownIssuer | Certificate::BadSignature => {
            "certificate signed by unknown authority".to_owned()
        }
        Certificate::Expired
        | Certificate::ExpiredContext { .. }
        | Certificate::NotValidYet
        | Certificate::NotValidYetContext { .. } => {
            "certificate has expired or is not yet valid".to_owned()
        }
        Certificate::NotValidForNameContext {
            expected,
            presented,
        } => name_reason(&expected.to_str(), presented),
        other => other.to_string(),
    };
    format!("tls: failed to verify certificate: x509: {reason}")
}

/// Only the names of the wanted sort are listed, addresses or host names.
fn name_reason(wanted: &str, presented: &[String]) -> String {
    let sort = if wanted.parse::<IpAddr>().is_ok() {
        "IpAddress("
    } else {
        "DnsName("
    };
    let names: Vec<&str> = presented
        .iter()
        .filter_map(|name| name.strip_prefix(sort))
        .map(|name| name.trim_end_matches(')').trim_matches('"'))
        .collect();
    if names.is_empty() {
        format!("certificate is not valid for any names, but wanted to match {wanted}")
    } else {
        format!(
            "certificate is valid for {}, not {wanted}",
            names.join(", ")
        )
    }
}

fn chain<'a>(root: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(root);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// A `Status` object, as far as a sentence needs it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    kind: String,
    message: String,
    reason: String,
    code: u16,
    details: Details,
    pub(super) metadata: ListMetadata,
}

/// `metadata` of a list or a `Status`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ListMetadata {
    #[serde(rename = "continue")]
    pub(super) next: String,
    pub(super) resource_version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    name: String,
    kind: String,
    causes: Vec<Cause>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    field: String,
    message: String,
}

impl Status {
    /// Reads an answer's body. Anything but a `Status` object, for example a proxy's page, reads as
    /// what the HTTP status alone says.
    pub(super) fn read(code: u16, body: &[u8]) -> Self {
        match serde_json::from_slice::<Self>(body) {
            Ok(status) if status.kind == "Status" => Self { code, ..status },
            _ => Self::from_code(code, body),
        }
    }

    fn from_code(code: u16, body: &[u8]) -> Self {
        let (reason, message) = match code {
            400 => (
                "BadRequest",
                "the server rejected our request for an unknown reason",
            ),
            401 => (
                "Unauthorized",
                "the server has asked for the client to provide credentials",
            ),
            403 => (
                "Forbidden",
                "the server does not allow access to the requested resource",
            ),
            404 => (
                "NotFound",
                "the server could not find the requested resource",
            ),
            405 => (
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            ),
            429 => (
                "TooManyRequests",
                "the server has received too many requests and has asked us to try again later",
            ),
            503 => (
                "ServiceUnavailable",
                "the server is currently unable to handle the request",
            ),
            504 => (
                "Timeout",
                "the server was unable to return a response in the time allotted, but may still be \
                 processing the request",
            ),
            500 => {
                let text = String::from_utf8_lossy(body);
                return Self {
                    code,
                    reason: "InternalError".to_owned(),
                    message: format!(
                        "an error on the server ({:?}) has prevented the request from succeeding",
                        text.trim()
                    ),
                    ..Self::default()
                };
            }
            _ => {
                return Self {
                    code,
                    message: format!(
                        "the server responded with the status code {code} but did not return more \
                         information"
                    ),
                    ..Self::default()
                };
            }
        };
        Self {
            code,
            reason: reason.to_owned(),
            message: message.to_owned(),
            ..Self::default()
        }
    }

    /// Whether the API server knows the resource and says that an object is missing, which it names.
    pub(super) fn is_missing_object(&self) -> bool {
        self.code == 404 && !self.details.name.is_empty()
    }

    /// Whether the API server does not know the resource at all: it answers such a path with a
    /// plain text, and some gateways before it with a `Status` that names nothing.
    pub(super) fn is_unknown_resource(&self) -> bool {
        self.code == 404 && self.details.name.is_empty()
    }

    /// Whether a list or watch asked for a state that is no longer kept.
    pub(super) fn is_expired(&self) -> bool {
        self.code == 410
    }

    /// kubectl's sentence.
    pub(super) fn into_error(self) -> ObjectsError {
        ObjectsError::Answer {
            message: self.sentence(),
            reason: self.reason,
            code: self.code,
        }
    }

    fn sentence(&self) -> String {
        match self.reason.as_str() {
            "Unauthorized" => {
                format!("You must be logged in to the server ({})", self.message)
            }
            "Invalid" => self.invalid_sentence(),
            "" => format!("Error from server: {}", self.message),
            reason => format!("Error from server ({reason}): {}", self.message),
        }
    }

    fn invalid_sentence(&self) -> String {
        let mut sentence = if self.details.kind.is_empty() && self.details.name.is_empty() {
            "The request is invalid".to_owned()
        } else {
            format!(
                "The {} {:?} is invalid",
                self.details.kind, self.details.name
            )
        };
        let causes: Vec<String> = self
            .details
            .causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        match causes.as_slice() {
            [] => {
                if self.details.kind.is_empty() {
                    let _ = write!(sentence, ": {}", self.message);
                }
            }
            [cause] => {
                let _ = write!(sentence, ": {cause}");
            }
            causes => {
                sentence.push(':');
                for cause in causes {
                    let _ = write!(sentence, "\n* {cause}");
                }
            }
        }
        sentence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(code: u16, body: &str) -> String {
        Status::read(code, body.as_bytes()).into_error().to_string()
    }

    #[test]
    fn answers_read_as_kubectl_prints_them() {
        let forbidden = r#"{"kind":"Status","message":"x is forbidden","reason":"Forbidden"}"#;
        for (code, body, expected) in [
            (
                403,
                forbidden,
                "Error from server (Forbidden): x is forbidden",
            ),
            (
                401,
                r#"{"kind":"Status","message":"Unauthorized","reason":"Unauthorized"}"#,
                "You must be logged in to the server (Unauthorized)",
            ),
            (
                503,
                "<html>",
                "Error from server (ServiceUnavailable): the server is currently unable to handle \
                 the request",
            ),
            (
                502,
                "",
                "Error from server: the server responded with the status code 502 but did not \
                 return more information",
            ),
            (
                422,
                r#"{"kind":"Status","reason":"Invalid","message":"m","details":{"kind":"ImagePolicy",
                    "name":"p","causes":[{"field":"spec.a","message":"Required value"}]}}"#,
                "The ImagePolicy \"p\" is invalid: spec.a: Required value",
            ),
        ] {
            assert_eq!(message(code, body), expected);
        }
    }

    #[test]
    fn a_missing_object_and_an_unknown_resource_are_told_apart() {
        let object = br#"{"kind":"Status","reason":"NotFound","details":{"name":"x"}}"#;
        let object = Status::read(404, object);
        assert!(object.is_missing_object() && !object.is_unknown_resource());
        let gateway = br#"{"kind":"Status","reason":"NotFound","details":{}}"#;
        for body in [b"404 page not found\n".as_slice(), gateway] {
            let resource = Status::read(404, body);
            assert!(resource.is_unknown_resource() && !resource.is_missing_object());
        }
    }
}

//! Servers that are no registries, or bad ones: every failure is specific and in time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kubectl_imageupdate::ports::{Cancellation, Registry as _, RegistryError, RegistryFailure};
use serde_json::json;

use crate::support::certificates::{Authority, server_config};
use crate::support::closed_port::closed_port;
use crate::support::http::{Answer, Delivery, Request};
use crate::support::registry_server::{
    JSON, OCI_MANIFEST, RegistryContent, RegistryOptions, RegistryServer, failure,
};
use crate::{client, password, request, tags};

const REPOSITORY: &str = "a/b";
const LIST: &str = r#"{"name":"a/b","tags":["1.0.0","1.1.0"]}"#;

/// A registry that only answers as the script says.
fn scripted(script: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> RegistryServer {
    RegistryOptions::new(&RegistryContent::default())
        .script(move |request| Some(script(request)))
        .start()
}

/// A registry that gives the first answers one after the other and then a good list.
fn after(first: Vec<Answer>) -> RegistryServer {
    let count = AtomicUsize::new(0);
    scripted(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        first
            .get(number)
            .cloned()
            .unwrap_or_else(|| Answer::new(200, JSON, LIST))
    })
}

async fn refused(server: &RegistryServer) -> RegistryError {
    let error = tags(&client(), &request(&server.host(), REPOSITORY))
        .await
        .unwrap_err();
    assert!(error.message.contains(&server.host()), "{error}");
    error
}

fn html(status: u16) -> Answer {
    let page = "<!DOCTYPE html><html><head><title>Please sign in</title></head></html>";
    Answer::new(status, "text/html", page)
}

#[tokio::test]
async fn a_web_page_in_place_of_a_list_is_said_to_be_one() {
    let server = scripted(|_| html(200));
    let error = refused(&server).await;
    assert_eq!(error.failure, RegistryFailure::Protocol);
    assert!(
        error
            .message
            .ends_with("the answer is not JSON (byte 0): an HTML page titled \"Please sign in\""),
        "{error}"
    );
    assert_eq!(server.log().len(), 1);
}

#[tokio::test]
async fn a_page_of_a_middlebox_is_not_pasted_and_not_asked_for_again() {
    let server = scripted(|_| html(403));
    let error = refused(&server).await;
    assert_eq!(error.failure, RegistryFailure::Forbidden);
    assert!(
        error.message.ends_with(
            "unexpected status code 403 Forbidden: an HTML page titled \"Please sign in\""
        ),
        "{error}"
    );
    assert_eq!(server.log().len(), 1);
}

#[tokio::test]
async fn json_of_something_else_is_refused() {
    let server = scripted(|_| Answer::new(200, JSON, r#"{"status":"ok"}"#));
    let error = refused(&server).await;
    assert!(error.message.contains("not a tag list"), "{error}");
}

#[tokio::test]
async fn a_list_that_stops_in_the_middle_is_refused() {
    let server = scripted(|_| Answer::new(200, JSON, &LIST[..30]));
    let error = refused(&server).await;
    assert!(
        error.message.contains("ends inside the JSON text"),
        "{error}"
    );
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_asked_for_again() {
    let cut = Answer::new(200, JSON, LIST).delivered(Delivery::CutAfter(25));
    let server = after(vec![cut.clone(), cut]);
    let list = tags(&client(), &request(&server.host(), REPOSITORY))
        .await
        .unwrap();
    assert_eq!(list.tags, ["1.0.0", "1.1.0"]);
    assert_eq!(list.requests, 3);
}

#[tokio::test]
async fn a_body_that_is_always_cut_off_is_named_with_its_url() {
    let server = scripted(|_| Answer::new(200, JSON, LIST).delivered(Delivery::CutAfter(25)));
    let error = refused(&server).await;
    assert_eq!(error.failure, RegistryFailure::Unreachable);
    assert!(error.message.ends_with("unexpected EOF"), "{error}");
    assert_eq!(server.log().len(), 3);
}

#[tokio::test]
async fn errors_of_the_server_are_asked_again_and_errors_of_ours_are_not() {
    for (status, requests) in [
        (500, 3),
        (502, 3),
        (503, 3),
        (429, 3),
        (400, 2),
        (404, 1),
        (418, 1),
    ] {
        let server = scripted(move |_| failure(status, "X", "y", &json!(null)));
        let error = refused(&server).await;
        assert!(error.message.ends_with(": X: y"), "{error}");
        // A 400 in plain text may be a TLS server's: https is tried once.
        assert!(server.log().len() <= requests, "{status}");
    }
    let busy = failure(503, "UNAVAILABLE", "x", &json!(null));
    let server = after(vec![busy.clone(), busy]);
    let list = tags(&client(), &request(&server.host(), REPOSITORY)).await;
    assert_eq!(list.unwrap().requests, 3);
}

#[tokio::test]
async fn a_wait_that_the_registry_asks_for_is_kept() {
    let busy =
        failure(429, "TOOMANYREQUESTS", "slow down", &json!(null)).header("Retry-After", "1");
    let server = after(vec![busy]);
    let start = Instant::now();
    let list = tags(&client(), &request(&server.host(), REPOSITORY)).await;
    assert_eq!(list.unwrap().requests, 2);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_reported_at_once() {
    let server = scripted(|_| {
        failure(429, "TOOMANYREQUESTS", "rate limited", &json!(null)).header("Retry-After", "3600")
    });
    let start = Instant::now();
    let error = refused(&server).await;
    assert_eq!(error.failure, RegistryFailure::TooManyRequests);
    assert!(
        error
            .hint
            .as_deref()
            .is_some_and(|hint| hint.contains("3600")),
        "{:?}",
        error.hint
    );
    assert!(start.elapsed() < Duration::from_secs(60));
    assert_eq!(server.log().len(), 1);
}

#[tokio::test]
async fn silence_and_trickles_end_with_the_deadline() {
    for delivery in [
        Delivery::Silence,
        Delivery::Trickle {
            bytes: 1,
            pause: Duration::from_millis(500),
        },
    ] {
        let server = scripted(move |_| Answer::new(200, JSON, LIST).delivered(delivery.clone()));
        let mut scan = request(&server.host(), REPOSITORY);
        scan.timeout = Duration::from_secs(2);
        let start = Instant::now();
        let error = tags(&client(), &scan).await.unwrap_err();
        assert_eq!(error.failure, RegistryFailure::Timeout);
        assert!(
            error.message.contains("context deadline exceeded")
                && error.message.contains("/v2/a/b/tags/list"),
            "{error}"
        );
        assert!(start.elapsed() < Duration::from_secs(12));
    }
}

#[tokio::test]
async fn a_connection_that_closes_without_an_answer_is_reported() {
    let server = scripted(|_| Answer::new(200, JSON, LIST).delivered(Delivery::Close));
    let error = refused(&server).await;
    assert_eq!(error.failure, RegistryFailure::Unreachable);
}

#[tokio::test]
async fn nobody_listening_is_reported_as_the_controllers_report_it() {
    let address = closed_port().to_string();
    let start = Instant::now();
    let error = tags(&client(), &request(&address, REPOSITORY))
        .await
        .unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Unreachable);
    assert_eq!(
        error.message,
        format!(
            "Get \"http://{address}/v2/a/b/tags/list?n=1000\": dial tcp {address}: connect: connection refused"
        )
    );
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn an_interrupted_scan_ends_at_once() {
    let server = scripted(|_| Answer::new(200, JSON, LIST).delivered(Delivery::Silence));
    let cancellation = Cancellation::default();
    let client = client();
    let request = request(&server.host(), REPOSITORY);
    let scan = client.tags(&request, &(), &cancellation);
    let stop = async {
        while server.log().is_empty() {
            tokio::task::yield_now().await;
        }
        cancellation.cancel();
    };
    let (outcome, ()) = tokio::join!(scan, stop);
    assert_eq!(outcome.unwrap_err().failure, RegistryFailure::Interrupted);
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    let server = scripted(|_| {
        let many = vec![b' '; 65 * 1024 * 1024];
        Answer::new(200, JSON, many)
    });
    let error = refused(&server).await;
    assert!(error.message.contains("larger than 64 MiB"), "{error}");
}

/// What a registry answers to those who log in.
type Script = Box<dyn Fn(&Request) -> Answer + Send + Sync>;

/// A registry that lets one password in and then only answers as the script says.
fn behind_a_login(script: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> RegistryServer {
    scripted(move |request| match request.header("authorization") {
        None => Answer::new(401, "text/plain", "")
            .header("WWW-Authenticate", "Basic realm=\"registry\""),
        Some(_) => script(request),
    })
}

/// A failure must say where it was, of what, and with whose credentials.
#[track_caller]
fn says_all(case: &str, error: &RegistryError, host: &str, source: &str) {
    let text = format!(
        "{}\n{}",
        error.message,
        error.hint.as_deref().unwrap_or("-")
    );
    for word in [host, REPOSITORY, source] {
        assert!(text.contains(word), "{case}: {word:?} is missing: {text}");
    }
    assert!(!text.contains("s3cret"), "{case}: {text}");
}

#[tokio::test]
async fn every_failed_list_names_host_repository_and_credentials() {
    let list = || Answer::new(200, JSON, LIST);
    let nothing = r#"{"name":"a/b","tags":[]}"#;
    let page = std::sync::Arc::new(AtomicUsize::new(0));
    let next = move || {
        let number = page.fetch_add(1, Ordering::SeqCst);
        format!("</v2/a/b/tags/list?last={number}>; rel=\"next\"")
    };
    let linked = |to: &'static str| move |_: &Request| list().header("Link", to);
    let cases: Vec<(&str, Script)> = vec![
        ("a login page", Box::new(|_| html(200))),
        ("a page of a middlebox", Box::new(|_| html(403))),
        (
            "broken JSON",
            Box::new(|_| Answer::new(200, JSON, "{\"tags\":[,")),
        ),
        ("other JSON", Box::new(|_| Answer::new(200, JSON, "{}"))),
        (
            "half a list",
            Box::new(|_| Answer::new(200, JSON, &LIST[..30])),
        ),
        (
            "a cut body",
            Box::new(move |_| list().delivered(Delivery::CutAfter(25))),
        ),
        (
            "no answer",
            Box::new(move |_| list().delivered(Delivery::Close)),
        ),
        (
            "silence",
            Box::new(move |_| list().delivered(Delivery::Silence)),
        ),
        (
            "a trickle",
            Box::new(move |_| {
                let pause = Duration::from_millis(500);
                list().delivered(Delivery::Trickle { bytes: 1, pause })
            }),
        ),
        (
            "pages without end",
            Box::new(move |_| Answer::new(200, JSON, nothing).header("Link", next())),
        ),
        ("a circle", Box::new(linked("</v2/a/b/tags/list?n=1000>"))),
        (
            "another host",
            Box::new(linked("<http://evil.example/v2/x>")),
        ),
        ("no link", Box::new(linked("<http://[>"))),
        (
            "a 401 all the same",
            Box::new(|_| Answer::new(401, JSON, "{}")),
        ),
        (
            "another login",
            Box::new(|_| Answer::new(401, JSON, "{}").header("WWW-Authenticate", "Negotiate")),
        ),
        (
            "a refusal",
            Box::new(|_| failure(403, "DENIED", "no", &json!(null))),
        ),
        (
            "too often",
            Box::new(|_| failure(429, "TOOMANYREQUESTS", "no", &json!(null))),
        ),
        (
            "an error",
            Box::new(|_| failure(500, "UNKNOWN", "boom", &json!(null))),
        ),
        (
            "nothing there",
            Box::new(|_| Answer::new(404, "text/plain", "404 page not found")),
        ),
    ];
    for (case, script) in cases {
        let server = behind_a_login(script);
        let mut scan = request(&server.host(), REPOSITORY);
        scan.credentials = vec![password(&server.host(), "puller", "s3cret")];
        if matches!(case, "silence" | "a trickle") {
            scan.timeout = Duration::from_secs(2);
        }
        let start = Instant::now();
        let error = tags(&client(), &scan).await.unwrap_err();
        says_all(case, &error, &server.host(), "secret apps/regcred");
        // Slack for a busy machine beyond the scan's own limit.
        assert!(
            start.elapsed() < scan.timeout + Duration::from_secs(10),
            "{case}"
        );
    }
}

#[tokio::test]
async fn every_failed_digest_names_host_repository_and_credentials() {
    let zeros = format!("sha256:{}", "0".repeat(64));
    let wrong = zeros.clone();
    let cases: Vec<(&str, Script)> = vec![
        (
            "another media type",
            Box::new(move |_| {
                Answer::new(200, "text/html", "<html>").header("Docker-Content-Digest", &*zeros)
            }),
        ),
        (
            "another digest",
            Box::new(move |request| match request.method.as_str() {
                "HEAD" => Answer::new(405, "text/plain", ""),
                _ => Answer::new(200, OCI_MANIFEST, "{}").header("Docker-Content-Digest", &*wrong),
            }),
        ),
        (
            "no digest",
            Box::new(|_| {
                Answer::new(200, OCI_MANIFEST, "{}").header("Docker-Content-Digest", "sha256:x")
            }),
        ),
        (
            "a 401 all the same",
            Box::new(|_| Answer::new(401, "text/plain", "")),
        ),
        (
            "silence",
            Box::new(|_| Answer::new(200, OCI_MANIFEST, "{}").delivered(Delivery::Silence)),
        ),
    ];
    for (case, script) in cases {
        let server = behind_a_login(script);
        let mut scan = request(&server.host(), REPOSITORY);
        scan.credentials = vec![password(&server.host(), "puller", "s3cret")];
        scan.timeout = Duration::from_secs(2);
        let error = client().digest(&scan, "1.0.0").await.unwrap_err();
        says_all(case, &error, &server.host(), "secret apps/regcred");
    }
}

#[tokio::test]
async fn a_failed_handshake_names_host_repository_and_that_nobody_logged_in() {
    let authority = Authority::new();
    for pair in [
        authority.expired_server(&["127.0.0.1"]),
        authority.server(&["registry.example"]),
    ] {
        let server = RegistryOptions::new(&RegistryContent::default())
            .tls(server_config(&pair))
            .start();
        let mut scan = request(&server.host(), REPOSITORY);
        scan.tls.ca = Some(authority.certificate.clone().into_bytes());
        let error = tags(&client(), &scan).await.unwrap_err();
        says_all(
            "a handshake",
            &error,
            &server.host(),
            "credentials used: anonymous",
        );
    }
}

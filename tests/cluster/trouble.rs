//! Servers that are slow, busy, broken or not there.

use std::time::{Duration, Instant};

use kubectl_imageupdate::api::Kind;
use kubectl_imageupdate::cluster::{ConnectionSettings, LiveCluster};
use kubectl_imageupdate::ports::{
    Cluster as _, ObjectScope, Objects as _, ObjectsError, WriteOptions,
};
use serde_json::{Value, json};

use super::scripted::{Answer, Scripted, json as json_answer};
use super::{live_at, names, reason, repository, run};

fn page(names: &[&str], next: &str) -> Value {
    let items: Vec<Value> = names
        .iter()
        .map(|name| json!({"metadata": {"namespace": "apps", "name": name}}))
        .collect();
    json!({"items": items, "metadata": {"continue": next, "resourceVersion": "1"}})
}

fn expired(next: &str) -> Value {
    json!({
        "kind": "Status", "code": 410, "reason": "Expired", "message": "too old",
        "metadata": {"continue": next},
    })
}

fn list(url: &str) -> Result<Vec<Value>, ObjectsError> {
    run(live_at(url).list(Kind::ImagePolicy, &ObjectScope::default()))
}

#[test]
fn a_list_that_expires_between_pages_goes_on_with_the_servers_offer() {
    let server = Scripted::start(|_, seen| match () {
        () if seen.line.contains("continue=fresh") => json_answer(200, &page(&["c"], "")),
        () if seen.line.contains("continue=stale") => json_answer(410, &expired("fresh")),
        () => json_answer(200, &page(&["a", "b"], "stale")),
    });
    assert_eq!(names(&list(&server.url).unwrap()), ["a", "b", "c"]);
}

#[test]
fn a_list_that_expires_without_an_offer_begins_anew_and_repeats_nothing() {
    let server = Scripted::start(|number, seen| match number {
        0 => json_answer(200, &page(&["a", "b"], "stale")),
        1 => json_answer(410, &expired("")),
        2 => {
            assert!(!seen.line.contains("continue"), "{}", seen.line);
            json_answer(200, &page(&["a", "b"], "next"))
        }
        _ => json_answer(200, &page(&["bb", "c"], "")),
    });
    assert_eq!(names(&list(&server.url).unwrap()), ["a", "b", "bb", "c"]);
}

#[test]
fn a_list_that_breaks_off_is_an_error_and_not_a_short_list() {
    let whole = page(&["a", "b"], "").to_string();
    let server = Scripted::start(move |_, _| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            whole.len()
        );
        Answer::Raw([head.as_bytes(), &whole.as_bytes()[..whole.len() - 20]].concat())
    });
    let text = list(&server.url).unwrap_err().to_string();
    assert!(
        text.starts_with("unexpected error when reading response body. Please retry. "),
        "{text}"
    );
}

#[test]
fn an_answer_that_is_cut_short_politely_is_an_error_too() {
    let server = Scripted::start(|_, _| {
        Answer::Body(
            200,
            "application/json",
            r#"{"items":[{"metadata":{"name":"a"#.into(),
        )
    });
    let text = list(&server.url).unwrap_err().to_string();
    assert!(text.contains("cannot be read"), "{text}");
}

#[test]
fn a_server_that_hangs_up_is_told_in_kubectls_words() {
    let server = Scripted::start(|_, _| Answer::Raw(Vec::new()));
    assert_eq!(
        list(&server.url).unwrap_err().to_string(),
        "Unable to connect to the server: EOF"
    );
}

#[test]
fn a_busy_server_is_asked_again_and_a_busy_one_for_ever_is_an_error_in_seconds() {
    let busy = || Answer::Headers(429, "retry-after: 0\r\n", String::new());
    let server = Scripted::start(move |number, _| match number {
        0 | 1 => busy(),
        _ => json_answer(200, &page(&["a"], "")),
    });
    assert_eq!(names(&list(&server.url).unwrap()), ["a"]);
    assert_eq!(server.lines().len(), 3);

    let server = Scripted::start(move |_, _| busy());
    let error = list(&server.url).unwrap_err();
    assert_eq!(reason(&error), (429, "TooManyRequests"));
    assert_eq!(server.lines().len(), 4);
}

#[test]
fn an_unavailable_server_is_not_stormed() {
    let server = Scripted::start(|_, _| Answer::Body(503, "text/plain", "down".into()));
    let error = list(&server.url).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Error from server (ServiceUnavailable): the server is currently unable to handle the \
         request"
    );
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn a_write_is_not_repeated_when_it_may_have_happened() {
    let server = Scripted::start(|_, _| Answer::Headers(503, "retry-after: 0\r\n", String::new()));
    let object = repository("v1", "apps", "podinfo");
    let options = WriteOptions::default();
    let error = run(live_at(&server.url).create(Kind::ImageRepository, &object, &options));
    assert_eq!(reason(&error.unwrap_err()), (503, "ServiceUnavailable"));
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn a_silent_server_is_given_up_after_the_request_timeout() {
    let server = Scripted::start(|_, _| Answer::Silence);
    let live = LiveCluster::new(ConnectionSettings {
        server: Some(server.url.clone()),
        request_timeout: Some(Duration::from_millis(300)),
        ..ConnectionSettings::default()
    });
    let begin = Instant::now();
    let error = run(live.list(Kind::ImagePolicy, &ObjectScope::default())).unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(5));
    let ObjectsError::Connection { message, hint, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        message,
        "Unable to connect to the server: context deadline exceeded"
    );
    assert_eq!(
        hint.as_deref(),
        Some("no complete answer within 300ms (--request-timeout)")
    );
}

#[test]
fn a_page_of_a_proxy_is_not_shown_as_an_answer() {
    let server = Scripted::start(|_, _| {
        Answer::Body(502, "text/html", "<html>secret gateway</html>".into())
    });
    let text = list(&server.url).unwrap_err().to_string();
    assert!(
        text.contains("status code 502") && !text.contains("gateway"),
        "{text}"
    );
}

#[test]
fn warnings_are_kept_once_for_the_user() {
    let server = Scripted::start(|_, _| {
        Answer::Headers(
            200,
            "warning: 299 - \"v1beta2 ImagePolicy is deprecated, upgrade to v1\"\r\n",
            page(&[], "").to_string(),
        )
    });
    let live = live_at(&server.url);
    for _ in 0..2 {
        run(live.list(Kind::ImagePolicy, &ObjectScope::default())).unwrap();
    }
    assert_eq!(
        live.take_warnings(),
        ["v1beta2 ImagePolicy is deprecated, upgrade to v1"]
    );
    assert!(live.take_warnings().is_empty());
}

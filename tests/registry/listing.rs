//! Pages, request counts, digests.

use std::net::Ipv4Addr;

use kubectl_imageupdate::ports::{Registry as _, RegistryFailure};
use serde_json::json;

use crate::support::http::{Answer, Delivery};
use crate::support::registry_server::{
    JSON, LinkForm, OCI_MANIFEST, RegistryContent, RegistryOptions, RegistryServer, failure,
};
use crate::{client, request, sorted, tags};

const PODINFO: &str = "stefanprodan/podinfo";

fn podinfo() -> RegistryContent {
    RegistryContent::of(&[(PODINFO, &["4.0.0", "5.0.0", "latest"]), ("empty", &[])])
}

/// A repository with tags `0` to `count - 1`.
fn numbered(count: usize) -> RegistryContent {
    let content = RegistryContent::default();
    let names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    content.push_tags("many/tags", names.iter().map(String::as_str));
    content
}

#[test]
fn the_test_registry_makes_the_digests_that_were_recorded() {
    assert_eq!(
        podinfo().digest(PODINFO, "4.0.0").unwrap(),
        "sha256:76e10e166f2097100421ae34ddf4ce6854e6bf431733406339bcebadb3b15f47"
    );
}

#[tokio::test]
async fn one_request_lists_the_tags_of_a_local_registry() {
    let server = RegistryServer::open(&podinfo());
    let list = tags(&client(), &request(&server.host(), PODINFO))
        .await
        .unwrap();
    assert_eq!(list.tags, ["4.0.0", "5.0.0", "latest"]);
    assert_eq!(list.credentials, "anonymous");
    assert_eq!(list.requests, 1);
    assert_eq!(
        server.log(),
        ["GET /v2/stefanprodan/podinfo/tags/list?n=1000"]
    );
    assert_eq!(server.http().connections(), 1);
    assert_eq!(server.http().failed_hellos(), 0);
}

#[tokio::test]
async fn a_repository_without_tags_is_empty() {
    let server = RegistryServer::open(&podinfo());
    let list = tags(&client(), &request(&server.host(), "empty"))
        .await
        .unwrap();
    assert!(list.tags.is_empty());
}

#[tokio::test]
async fn an_unknown_repository_is_named_as_the_controllers_name_it() {
    let server = RegistryServer::open(&podinfo());
    let error = tags(&client(), &request(&server.host(), "no/such"))
        .await
        .unwrap_err();
    assert_eq!(error.failure, RegistryFailure::NotFound);
    assert_eq!(
        error.message,
        format!(
            "GET http://{}/v2/no/such/tags/list?n=1000: NAME_UNKNOWN: repository name not known to registry; map[name:no/such]",
            server.host()
        )
    );
    assert_eq!(server.log().len(), 1);
}

#[tokio::test]
async fn pages_are_followed_over_one_connection_whatever_the_links_look_like() {
    for link in [LinkForm::Relative, LinkForm::Absolute, LinkForm::Opaque] {
        let server = RegistryOptions::new(&numbered(1050))
            .paging(100, link.clone())
            .start();
        let list = tags(&client(), &request(&server.host(), "many/tags"))
            .await
            .unwrap();
        let expected: Vec<String> = (0..1050).map(|number| number.to_string()).collect();
        assert_eq!(list.tags, expected, "{link:?}");
        assert_eq!(list.requests, 11, "{link:?}");
        assert_eq!(server.http().connections(), 1, "{link:?}");
    }
}

#[tokio::test]
async fn pages_that_form_a_circle_end_with_an_error() {
    let server = RegistryOptions::new(&numbered(10))
        .paging(5, LinkForm::Loop)
        .start();
    let error = tags(&client(), &request(&server.host(), "many/tags"))
        .await
        .unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Protocol);
    assert!(error.message.contains("form a circle"), "{error}");
    assert_eq!(server.log().len(), 1);
}

#[tokio::test]
async fn pages_that_never_end_are_given_up() {
    let server = RegistryOptions::new(&numbered(1))
        .paging(1, LinkForm::Endless)
        .start();
    let error = tags(&client(), &request(&server.host(), "many/tags"))
        .await
        .unwrap_err();
    assert!(error.message.contains("does not end after"), "{error}");
}

#[tokio::test]
async fn a_next_page_on_another_host_is_not_asked_for() {
    let other = RegistryOptions::new(&numbered(10))
        .bind(Ipv4Addr::new(127, 0, 0, 3).into())
        .start();
    let server = RegistryOptions::new(&numbered(10))
        .paging(5, LinkForm::Foreign(format!("http://{}", other.host())))
        .start();
    let error = tags(&client(), &request(&server.host(), "many/tags"))
        .await
        .unwrap_err();
    assert!(
        error.message.contains("on another host (127.0.0.3)"),
        "{error}"
    );
    assert!(other.log().is_empty());
}

#[tokio::test]
async fn a_registry_that_refuses_the_page_size_is_asked_without_one() {
    for (status, code) in [(413, "SIZE_INVALID"), (400, "PAGINATION_NUMBER_INVALID")] {
        let server = RegistryOptions::new(&podinfo())
            .script(move |request| {
                request
                    .query("n")
                    .map(|_| failure(status, code, "too many", &json!(null)))
            })
            .start();
        let list = tags(&client(), &request(&server.host(), PODINFO))
            .await
            .unwrap();
        assert_eq!(list.tags.len(), 3);
        assert_eq!(server.log().len(), 2);
    }
}

#[tokio::test]
async fn what_is_known_of_a_registry_is_not_asked_again() {
    let content = podinfo();
    let server = RegistryServer::open(&content);
    let client = client();
    let scans = (0..8).map(|_| request(&server.host(), PODINFO));
    let scans: Vec<_> = scans.collect();
    let lists = futures::future::join_all(scans.iter().map(|scan| tags(&client, scan))).await;
    assert!(lists.into_iter().all(|list| list.is_ok()));
    assert_eq!(server.log().len(), 8);
    assert_eq!(server.http().failed_hellos(), 0);
}

#[tokio::test]
async fn a_digest_takes_one_request() {
    let content = podinfo();
    let server = RegistryServer::open(&content);
    let client = client();
    let request = request(&server.host(), PODINFO);
    let digest = client.digest(&request, "4.0.0").await.unwrap();
    assert_eq!(Some(digest.to_string()), content.digest(PODINFO, "4.0.0"));
    assert_eq!(
        server.log(),
        ["HEAD /v2/stefanprodan/podinfo/manifests/4.0.0"]
    );
}

#[tokio::test]
async fn a_missing_tag_is_named_as_the_controllers_name_it() {
    let server = RegistryServer::open(&podinfo());
    let error = client()
        .digest(&request(&server.host(), PODINFO), "9")
        .await
        .unwrap_err();
    assert_eq!(error.failure, RegistryFailure::NotFound);
    assert_eq!(
        error.message,
        format!(
            "HEAD http://{}/v2/stefanprodan/podinfo/manifests/9: unexpected status code 404 Not Found (HEAD responses have no body, use GET for details)",
            server.host()
        )
    );
}

/// A registry whose manifest answers are changed by a test.
fn changed(change: impl Fn(&str, Answer) -> Answer + Send + Sync + 'static) -> RegistryServer {
    RegistryOptions::new(&podinfo())
        .script(move |request| {
            let body = crate::support::registry_server::manifest("x");
            request
                .path()
                .contains("/manifests/")
                .then(|| change(&request.method, Answer::new(200, OCI_MANIFEST, body)))
        })
        .start()
}

#[tokio::test]
async fn without_a_digest_header_the_manifest_is_hashed() {
    let server = changed(|_, answer| answer);
    let digest = client()
        .digest(&request(&server.host(), PODINFO), "4.0.0")
        .await
        .unwrap();
    let manifest = crate::support::registry_server::manifest("x");
    assert_eq!(
        digest.to_string(),
        crate::support::registry_server::sha256(manifest.as_bytes())
    );
    assert_eq!(server.log().len(), 2);
}

#[tokio::test]
async fn a_proxy_without_head_is_asked_with_get() {
    let server = changed(|method, answer| match method {
        "HEAD" => Answer::new(405, "text/plain", ""),
        _ => answer,
    });
    let digest = client()
        .digest(&request(&server.host(), PODINFO), "4.0.0")
        .await;
    assert!(digest.is_ok(), "{digest:?}");
}

#[tokio::test]
async fn a_digest_that_is_not_the_manifests_is_refused() {
    let server = changed(|method, answer| match method {
        "HEAD" => Answer::new(405, "text/plain", ""),
        _ => answer.header(
            "Docker-Content-Digest",
            format!("sha256:{}", "0".repeat(64)),
        ),
    });
    let error = client()
        .digest(&request(&server.host(), PODINFO), "4.0.0")
        .await
        .unwrap_err();
    assert!(
        error.message.contains("but the manifest hashes to"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_that_is_no_manifest_has_no_digest() {
    let server = changed(|_, _| {
        Answer::new(200, "text/html", "<html>").header(
            "Docker-Content-Digest",
            format!("sha256:{}", "0".repeat(64)),
        )
    });
    let error = client()
        .digest(&request(&server.host(), PODINFO), "4.0.0")
        .await
        .unwrap_err();
    assert!(
        error.message.contains("not a manifest but \"text/html\""),
        "{error}"
    );
}

#[tokio::test]
async fn compressed_lists_are_read() {
    // gzip of {"name":"a","tags":["1"]}, made with Python's gzip module.
    let body = gzip();
    let server = RegistryOptions::new(&podinfo())
        .script(move |_| {
            Some(Answer::new(200, JSON, body.clone()).header("Content-Encoding", "gzip"))
        })
        .start();
    assert_eq!(
        sorted(&client(), &request(&server.host(), PODINFO)).await,
        ["1"]
    );
    let accepted = server.http().requests()[0]
        .header("accept-encoding")
        .map(str::to_owned);
    assert!(accepted.is_some_and(|value| value.contains("gzip")));
}

/// A gzip file with one stored block.
fn gzip() -> Vec<u8> {
    let text = br#"{"name":"a","tags":["1"]}"#;
    let length = u16::try_from(text.len()).unwrap();
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend(text);
    bytes.extend(crc32(text).to_le_bytes());
    bytes.extend(u32::from(length).to_le_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (0u32.wrapping_sub(crc & 1)))
        })
    })
}

#[tokio::test]
async fn a_chunked_list_is_read_like_any_other() {
    let server = RegistryOptions::new(&podinfo())
        .script(|_| {
            let body = json!({"name": "x", "tags": ["a\u{e9}", "b"]}).to_string();
            Some(Answer::new(200, JSON, body).delivered(Delivery::Chunked))
        })
        .start();
    assert_eq!(
        sorted(&client(), &request(&server.host(), PODINFO)).await,
        ["a\u{e9}", "b"]
    );
}

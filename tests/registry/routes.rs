//! TLS, proxies, and which scheme is spoken.

use std::net::{IpAddr, Ipv4Addr};

use kubectl_imageupdate::ports::{ProxySettings, RegistryFailure, TlsSettings};
use kubectl_imageupdate::redacted::Redacted;
use kubectl_imageupdate::registry::{RegistryClient, RegistrySettings};

use crate::support::certificates::{Authority, Pair, self_signed, server_config};
use crate::support::closed_port::closed_port;
use crate::support::http::{Answer, HttpServer};
use crate::support::registry_server::{JSON, RegistryContent, RegistryOptions, RegistryServer};
use crate::tunnel::{TunnelProxy, upgrading_port};
use crate::{client, password, request, settings, sorted, tags};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Not on the list of addresses that allow plain http.
const UNLISTED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

fn content() -> RegistryContent {
    RegistryContent::of(&[("a/b", &["1.0.0"])])
}

fn tls_server(pair: &Pair) -> RegistryServer {
    RegistryOptions::new(&content())
        .tls(server_config(pair))
        .start()
}

fn trusting(pem: &str) -> TlsSettings {
    TlsSettings {
        ca: Some(pem.as_bytes().to_vec()),
        client: None,
    }
}

#[tokio::test]
async fn a_tls_registry_on_a_local_port_is_found() {
    let authority = Authority::new();
    let server = tls_server(&authority.server(&["127.0.0.1"]));
    let mut scan = request(&server.host(), "a/b");
    scan.tls = trusting(&authority.certificate);
    let client = client();
    assert_eq!(sorted(&client, &scan).await, ["1.0.0"]);
    // The plain hello is spent once in a run.
    assert_eq!(sorted(&client, &scan).await, ["1.0.0"]);
    assert_eq!(server.http().failed_hellos(), 1);
}

#[tokio::test]
async fn plain_http_is_refused_where_it_is_not_allowed() {
    let server = RegistryOptions::new(&content()).bind(UNLISTED).start();
    let mut scan = request(&server.host(), "a/b");
    let client = client();
    let refused = |host: &str| {
        format!(
            "Get \"https://{host}/v2/a/b/tags/list?n=1000\": http: server gave HTTP response to HTTPS client"
        )
    };
    let error = tags(&client, &scan).await.unwrap_err();
    assert_eq!(error.message, refused(&server.host()));
    assert!(error.hint.unwrap().contains("spec.insecure"));
    scan.insecure = true;
    assert_eq!(sorted(&client, &scan).await, ["1.0.0"]);
    // What an insecure object found out does not open the way for others.
    scan.insecure = false;
    let error = tags(&client, &scan).await.unwrap_err();
    assert_eq!(error.message, refused(&server.host()));
    assert!(
        server
            .log()
            .iter()
            .all(|line| line.starts_with("GET /v2/a/b"))
    );
}

#[tokio::test]
async fn insecure_still_prefers_https() {
    let authority = Authority::new();
    let server = RegistryOptions::new(&content())
        .bind(UNLISTED)
        .tls(server_config(&authority.server(&["127.0.0.2"])))
        .start();
    let mut scan = request(&server.host(), "a/b");
    scan.insecure = true;
    scan.tls = trusting(&authority.certificate);
    assert_eq!(sorted(&client(), &scan).await, ["1.0.0"]);
    assert_eq!(server.http().connections(), 1);
}

#[tokio::test]
async fn certificates_that_do_not_fit_are_explained() {
    let authority = Authority::new();
    for (pair, words) in [
        (
            authority.server(&["registry.example", "127.0.0.9"]),
            "certificate is valid for ",
        ),
        (
            authority.expired_server(&["127.0.0.1"]),
            "certificate has expired or is not yet valid",
        ),
        (
            self_signed(&["127.0.0.1"]),
            "certificate signed by unknown authority",
        ),
    ] {
        let server = tls_server(&pair);
        let mut scan = request(&server.host(), "a/b");
        scan.tls = trusting(&authority.certificate);
        let error = tags(&client(), &scan).await.unwrap_err();
        let start = format!(
            "Get \"https://{}/v2/a/b/tags/list?n=1000\": tls: failed to verify certificate: x509: {words}",
            server.host()
        );
        assert!(error.message.starts_with(&start), "{error}");
    }
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_named_is_trusted_for_its_names_only() {
    let pair = self_signed(&["127.0.0.1"]);
    let server = tls_server(&pair);
    let mut scan = request(&server.host(), "a/b");
    scan.tls = trusting(&pair.certificate);
    assert_eq!(sorted(&client(), &scan).await, ["1.0.0"]);
    let port = server.http().address().port();
    let mut elsewhere = request(&format!("localhost:{port}"), "a/b");
    elsewhere.tls = scan.tls.clone();
    let error = tags(&client(), &elsewhere).await.unwrap_err();
    assert!(error.message.contains("certificate is"), "{error}");
}

#[tokio::test]
async fn an_authority_of_the_command_line_is_trusted() {
    let authority = Authority::new();
    let server = tls_server(&authority.server(&["127.0.0.1"]));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, &authority.certificate).unwrap();
    let client = RegistryClient::new(RegistrySettings {
        registry_ca: Some(file),
        ..settings()
    });
    assert_eq!(
        sorted(&client, &request(&server.host(), "a/b")).await.len(),
        1
    );
}

#[tokio::test]
async fn a_client_certificate_opens_a_registry_that_demands_one() {
    let authority = Authority::new();
    let server = RegistryOptions::new(&content())
        .tls(authority.demanding(&authority.server(&["127.0.0.1"])))
        .start();
    let mut scan = request(&server.host(), "a/b");
    scan.tls = trusting(&authority.certificate);
    let error = tags(&client(), &scan).await.unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Unreachable);
    let pair = authority.client("puller");
    scan.tls.client = Some((
        pair.certificate.into_bytes(),
        Redacted::new(pair.key.into_bytes()),
    ));
    assert_eq!(sorted(&client(), &scan).await, ["1.0.0"]);
}

#[tokio::test]
async fn bad_tls_material_is_refused_before_anything_is_sent() {
    let server = RegistryServer::open(&content());
    let mut scan = request(&format!("127.0.0.2:{}", 1), "a/b");
    scan.tls = trusting("not a certificate");
    let error = tags(&client(), &scan).await.unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Credentials);
    assert_eq!(error.message, "failed to parse CA certificate");
    assert!(server.log().is_empty());
}

#[tokio::test]
async fn a_proxy_of_a_secret_carries_every_request() {
    let proxy = HttpServer::start(LOCAL, None, |_| {
        Answer::new(200, JSON, r#"{"name":"a/b","tags":["through"]}"#)
    });
    let mut scan = request("registry.example:5000", "a/b");
    scan.insecure = true;
    scan.proxy = Some(ProxySettings {
        address: format!("http://{}", proxy.address()),
        username: Some("me".to_owned()),
        password: Some(Redacted::new("pr0xy".to_owned())),
    });
    // https is tried first and the proxy does not know CONNECT.
    assert_eq!(sorted(&client(), &scan).await, ["through"]);
    let requests = proxy.requests();
    assert_eq!(requests[0].method, "CONNECT");
    assert_eq!(
        requests[1].target,
        "http://registry.example:5000/v2/a/b/tags/list?n=1000"
    );
    for request in &requests {
        assert_eq!(
            request.header("proxy-authorization"),
            Some("Basic bWU6cHIweHk=")
        );
    }
}

fn proxy(address: &std::net::SocketAddr, password: &str) -> ProxySettings {
    ProxySettings {
        address: format!("http://{address}"),
        username: Some("me".to_owned()),
        password: Some(Redacted::new(password.to_owned())),
    }
}

#[tokio::test]
async fn tls_goes_through_a_proxy_to_the_registry_itself() {
    let tunnel = TunnelProxy::start("Basic bWU6cHIweHk=");
    let authority = Authority::new();
    let server = tls_server(&authority.server(&["127.0.0.1"]));
    let mut scan = request(&server.host(), "a/b");
    scan.tls = trusting(&authority.certificate);
    scan.proxy = Some(proxy(&tunnel.address, "pr0xy"));
    assert_eq!(sorted(&client(), &scan).await, ["1.0.0"]);
    let connect = format!("CONNECT {} HTTP/1.1", server.host());
    assert!(tunnel.seen().iter().any(|(line, _)| *line == connect));
    assert_eq!(server.http().failed_hellos(), 0);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named() {
    let tunnel = TunnelProxy::start("Basic bWU6cHIweHk=");
    let mut scan = request("registry.example", "a/b");
    scan.proxy = Some(proxy(&tunnel.address, "wr0ng"));
    let error = tags(&client(), &scan).await.unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Unreachable);
    assert_eq!(
        error.message,
        format!(
            "Get \"https://registry.example/v2/a/b/tags/list?n=1000\": the proxy {} refused: tunnel error: proxy authorization required",
            tunnel.address
        )
    );
    assert!(!format!("{error:?}").contains("wr0ng"));
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let address = closed_port();
    let mut scan = request("registry.example", "a/b");
    scan.proxy = Some(proxy(&address, "x"));
    let error = tags(&client(), &scan).await.unwrap_err();
    assert_eq!(
        error.message,
        format!(
            "Get \"https://registry.example/v2/a/b/tags/list?n=1000\": proxyconnect tcp: dial tcp {address}: connect: connection refused"
        )
    );
}

#[tokio::test]
async fn proxies_of_the_environment_are_used_except_where_they_must_not_be() {
    let proxy = HttpServer::start(LOCAL, None, |_| {
        Answer::new(200, JSON, r#"{"name":"a/b","tags":["through"]}"#)
    });
    let address = format!("http://{}", proxy.address());
    let with = |exceptions: &str| {
        let variables = [
            ("HTTP_PROXY".to_owned(), address.clone()),
            ("NO_PROXY".to_owned(), exceptions.to_owned()),
        ];
        RegistryClient::new(RegistrySettings {
            environment: variables.into_iter().collect(),
            ..settings()
        })
    };
    // A private address without a port is asked over https first, which nothing answers here.
    let far = request("10.255.255.254:5000", "a/b");
    assert_eq!(sorted(&with("example.com"), &far).await, ["through"]);
    let server = RegistryOptions::new(&content()).bind(UNLISTED).start();
    let mut near = request(&server.host(), "a/b");
    near.insecure = true;
    assert_eq!(sorted(&with(""), &near).await, ["1.0.0"]);
    assert_eq!(proxy.requests().len(), 1);
}

#[tokio::test]
async fn a_port_that_sends_callers_to_https_is_spoken_to_over_https() {
    let authority = Authority::new();
    let server = RegistryOptions::new(&content())
        .basic("puller", "s3cret", "registry")
        .tls(server_config(&authority.server(&["127.0.0.1"])))
        .start();
    let host = upgrading_port(server.http().address()).to_string();
    let mut scan = request(&host, "a/b");
    scan.tls = trusting(&authority.certificate);
    scan.credentials = vec![password(&host, "puller", "s3cret")];
    let client = client();
    assert_eq!(sorted(&client, &scan).await, ["1.0.0"]);
    assert_eq!(tags(&client, &scan).await.unwrap().requests, 1);
}

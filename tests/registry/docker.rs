//! Debian's docker-registry in its four modes.

use kubectl_imageupdate::ports::{Registry as _, RegistryFailure};

use crate::support::certificates::Authority;
use crate::support::docker_registry::{DockerRegistry, Mode, PASSWORD, USER};
use crate::support::registry_server::RegistryContent;
use crate::support::token_server::{TokenRules, TokenServer};
use crate::{client, password, request, secret, sorted, tags};

const IMAGES: &[(&str, &[&str])] = &[
    ("apps/web", &["1.0.0", "1.1.0", "latest"]),
    ("pub/tool", &["3.0.0"]),
];

fn rules() -> TokenRules {
    TokenRules {
        account: ("puller".into(), "s3cret".into()),
        identity: Some("refresh-me".into()),
        public: vec!["pub/tool".into()],
        lifetime: 300,
    }
}

#[tokio::test]
async fn an_open_registry_is_listed_and_its_digests_are_read() {
    let registry = DockerRegistry::start(&Mode::Open, IMAGES);
    let client = client();
    let scan = request(&registry.host(), "apps/web");
    assert_eq!(sorted(&client, &scan).await, ["1.0.0", "1.1.0", "latest"]);
    let digest = client.digest(&scan, "1.1.0").await.unwrap();
    let expected = RegistryContent::of(IMAGES).digest("apps/web", "1.1.0");
    assert_eq!(Some(digest.to_string()), expected);
    let error = tags(&client, &request(&registry.host(), "no/such"))
        .await
        .unwrap_err();
    assert!(
        error
            .message
            .ends_with("NAME_UNKNOWN: repository name not known to registry; map[name:no/such]"),
        "{error}"
    );
    let error = client.digest(&scan, "nope").await.unwrap_err();
    assert_eq!(error.failure, RegistryFailure::NotFound);
}

#[tokio::test]
async fn htpasswd_accounts_log_in() {
    let registry = DockerRegistry::start(&Mode::Basic, IMAGES);
    let mut scan = request(&registry.host(), "apps/web");
    let error = tags(&client(), &scan).await.unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Unauthorized);
    scan.credentials = vec![password(&registry.host(), USER, PASSWORD)];
    let client = client();
    assert_eq!(sorted(&client, &scan).await.len(), 3);
    assert!(client.digest(&scan, "latest").await.is_ok());
}

#[tokio::test]
async fn tokens_of_a_token_server_are_taken() {
    let tokens = TokenServer::start(rules());
    let registry = DockerRegistry::start(&Mode::Token(&tokens), IMAGES);
    let host = registry.host();
    let public = request(&host, "pub/tool");
    assert_eq!(sorted(&client(), &public).await, ["3.0.0"]);
    let private = request(&host, "apps/web");
    let error = tags(&client(), &private).await.unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Unauthorized);
    for credential in [
        password(&host, "puller", "s3cret"),
        secret(&host, r#"{"identitytoken":"refresh-me"}"#),
    ] {
        let mut scan = private.clone();
        scan.credentials = vec![credential];
        let client = client();
        assert_eq!(sorted(&client, &scan).await.len(), 3);
        assert!(client.digest(&scan, "latest").await.is_ok());
    }
    assert!(
        tokens
            .requests()
            .iter()
            .any(|request| request.method == "POST")
    );
}

#[tokio::test]
async fn a_token_that_is_over_ends_in_one_more_try() {
    let tokens = TokenServer::start(TokenRules {
        lifetime: -120,
        ..rules()
    });
    let registry = DockerRegistry::start(&Mode::Token(&tokens), IMAGES);
    let error = tags(&client(), &request(&registry.host(), "pub/tool"))
        .await
        .unwrap_err();
    assert_eq!(error.failure, RegistryFailure::Unauthorized);
    assert!(tokens.requests().len() <= 2);
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_named() {
    let authority = Authority::new();
    let pair = authority.server(&["localhost", "127.0.0.1"]);
    let registry = DockerRegistry::start(&Mode::Tls(&pair), IMAGES);
    for host in [registry.host(), registry.local_host()] {
        let mut scan = request(&host, "apps/web");
        let error = tags(&client(), &scan).await.unwrap_err();
        assert_eq!(error.failure, RegistryFailure::Unreachable);
        assert_eq!(
            error.message,
            format!(
                "Get \"https://{host}/v2/apps/web/tags/list?n=1000\": tls: failed to verify certificate: x509: certificate signed by unknown authority"
            )
        );
        scan.tls.ca = Some(authority.certificate.clone().into_bytes());
        assert_eq!(sorted(&client(), &scan).await.len(), 3);
    }
    assert!(registry.log().contains("HTTP/2.0"), "{}", registry.log());
}

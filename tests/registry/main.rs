//! The registry client against real and misbehaving registries.

#![allow(
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "tests panic on purpose"
)]

#[path = "../support/mod.rs"]
mod support;

mod docker;
mod faults;
mod listing;
mod logins;
mod product;
mod routes;
mod tunnel;

use std::time::Duration;

use kubectl_imageupdate::image::ImageName;
use kubectl_imageupdate::ports::{
    Cancellation, Provider, Registry as _, RegistryCredential, RegistryError, ScanRequest, TagList,
    TlsSettings,
};
use kubectl_imageupdate::redacted::Redacted;
use kubectl_imageupdate::registry::{RegistryClient, RegistrySettings};

/// A client that repeats quickly and sees nothing of the machine it runs on.
fn client() -> RegistryClient {
    RegistryClient::new(settings())
}

fn settings() -> RegistrySettings {
    RegistrySettings {
        retry_pause: Duration::from_millis(5),
        ..RegistrySettings::default()
    }
}

fn request(host: &str, repository: &str) -> ScanRequest {
    ScanRequest {
        image: ImageName::parse(&format!("{host}/{repository}")).expect("an image name"),
        insecure: false,
        credentials: Vec::new(),
        provider: Provider::Generic,
        tls: TlsSettings::default(),
        proxy: None,
        timeout: Duration::from_secs(20),
    }
}

/// A pull secret with one entry.
fn secret(host: &str, entry: &str) -> RegistryCredential {
    RegistryCredential {
        source: "secret apps/regcred".to_owned(),
        config: Redacted::new(format!(r#"{{"auths":{{"{host}":{entry}}}}}"#).into_bytes()),
        legacy: false,
    }
}

fn password(host: &str, user: &str, password: &str) -> RegistryCredential {
    let entry = format!(r#"{{"username":"{user}","password":"{password}"}}"#);
    secret(host, &entry)
}

async fn tags(client: &RegistryClient, request: &ScanRequest) -> Result<TagList, RegistryError> {
    client.tags(request, &(), &Cancellation::default()).await
}

/// The tags of an image, sorted.
async fn sorted(client: &RegistryClient, request: &ScanRequest) -> Vec<String> {
    let mut list = tags(client, request).await.expect("tags").tags;
    list.sort();
    list
}

//! Logins of registries.

use super::{Refusal, named, pair, proxy, read_secret, secret};
use crate::api::{ImageRepository, Kind, ReadObject, Secret, ServiceAccount};
use crate::key::NamespacedName;
use crate::ports::{Objects, Provider, ProxySettings, RegistryCredential, TlsSettings};
use crate::redacted::Redacted;

/// How to log in to a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::ops) struct RegistryLogin {
    /// Credentials the object names, in order.
    pub(in crate::ops) credentials: Vec<RegistryCredential>,
    /// TLS material.
    pub(in crate::ops) tls: TlsSettings,
    /// Proxy.
    pub(in crate::ops) proxy: Option<ProxySettings>,
}

/// The login of a repository, in the controller's order: proxy, certificates, pull secrets. The
/// error is the controller's text.
pub(in crate::ops) async fn for_registry(
    objects: &dyn Objects,
    repository: &ImageRepository,
    provider: Provider,
) -> Result<RegistryLogin, Refusal> {
    let spec = &repository.spec;
    let namespace = &repository.metadata.namespace;
    let proxy = match named(spec.proxy_secret_ref.as_ref()) {
        Some(name) => Some(proxy(&secret(objects, namespace, name).await?)?),
        None => None,
    };
    let tls = match named(spec.cert_secret_ref.as_ref()) {
        Some(name) => registry_tls(&secret(objects, namespace, name).await?)?,
        None => TlsSettings::default(),
    };
    let mut credentials = Vec::new();
    // The controller leaves secrets out for cloud providers.
    if provider == Provider::Generic {
        if let Some(name) = named(spec.secret_ref.as_ref()) {
            let secret = secret(objects, namespace, name).await?;
            credentials.extend(docker_config(&secret, format!("secret {namespace}/{name}")));
        }
        if let Some(account) = spec
            .service_account_name
            .as_deref()
            .filter(|name| !name.is_empty())
        {
            credentials.extend(pull_secrets(objects, namespace, account).await?);
        }
    }
    Ok(RegistryLogin {
        credentials,
        tls,
        proxy,
    })
}

async fn pull_secrets(
    objects: &dyn Objects,
    namespace: &str,
    account: &str,
) -> Result<Vec<RegistryCredential>, Refusal> {
    let key = NamespacedName::new(namespace, account);
    let value = objects
        .get(Kind::ServiceAccount, &key)
        .await?
        .ok_or_else(|| format!("serviceaccount '{key}' not found"))?;
    let account_object = ServiceAccount::read(&value).map_err(|error| error.to_string())?;
    let mut credentials = Vec::new();
    for reference in &account_object.image_pull_secrets {
        let secret_key = NamespacedName::new(namespace, &reference.name);
        let value = objects
            .get(Kind::Secret, &secret_key)
            .await?
            .ok_or_else(|| {
                format!(
                    "failed to get image pull secret for serviceaccount '{key}': \
                     secret '{secret_key}' not found"
                )
            })?;
        let secret = read_secret(&value)?;
        let source = format!("secret {secret_key} of service account {account}");
        credentials.extend(docker_config(&secret, source));
    }
    Ok(credentials)
}

/// A Secret of a docker type as a credential; every other type counts for nothing, as there.
fn docker_config(secret: &Secret, source: String) -> Option<RegistryCredential> {
    let (key, legacy) = match secret.kind.as_str() {
        "kubernetes.io/dockerconfigjson" => (".dockerconfigjson", false),
        "kubernetes.io/dockercfg" => (".dockercfg", true),
        _ => return None,
    };
    let config = secret
        .bytes(key)
        .filter(|config| !config.is_empty())?
        .to_vec();
    Some(RegistryCredential {
        source,
        config: Redacted::new(config),
        legacy,
    })
}

/// `certSecretRef`: `tls.crt` with `tls.key`, or `ca.crt`, or all three; the older names count for
/// each key that is missing.
fn registry_tls(secret: &Secret) -> Result<TlsSettings, String> {
    let either = |new: &str, old: &str| {
        let of = |key: &str| secret.bytes(key).filter(|bytes| !bytes.is_empty());
        of(new).or_else(|| of(old))
    };
    let key = secret.metadata.key();
    let certificate = either("tls.crt", "certFile");
    let private = either("tls.key", "keyFile");
    let ca = either("ca.crt", "caFile");
    let client = pair(secret, certificate, private)?;
    if client.is_none() && ca.is_none() {
        return Err(format!(
            "secret '{key}' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'"
        ));
    }
    let ca = ca.map(<[u8]>::to_vec);
    Ok(TlsSettings { ca, client })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::secret;
    use super::*;

    #[test]
    fn only_docker_types_are_credentials() {
        let content = json!({".dockerconfigjson": "{}"});
        let docker = secret("kubernetes.io/dockerconfigjson", &content);
        assert!(docker_config(&docker, String::new()).is_some());
        assert!(docker_config(&secret("Opaque", &content), String::new()).is_none());
    }

    #[test]
    fn certificates_come_in_pairs() {
        let error = |data: Value| registry_tls(&secret("Opaque", &data)).unwrap_err();
        assert_eq!(
            error(json!({"tls.crt": "x"})),
            "secret 'n/s' contains 'tls.crt' but missing 'tls.key'"
        );
        assert_eq!(
            error(json!({})),
            "secret 'n/s' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'"
        );
        let old = registry_tls(&secret("Opaque", &json!({"caFile": "x"}))).unwrap();
        assert_eq!(old.ca.as_deref(), Some(&b"x"[..]));
    }
}

//! From the Secrets that objects name to settings of a connection.
//!
//! Source of keys, rules and texts: image-reflector-controller (`internal/controller`, fluxcd/pkg
//! `runtime/secrets`) for registries, image-automation-controller (`internal/source`, fluxcd/pkg
//! `git`) for Git.
//! Refuses: to show a secret, and to run a helper that a Secret names.

use std::time::Duration;

use crate::api::{
    GitRepository, ImageRepository, ImageUpdateAutomation, Kind, LocalReference, ReadObject,
    Secret, ServiceAccount,
};
use crate::duration::GoDuration;
use crate::key::NamespacedName;
use crate::model::Failure;
use crate::ports::{
    GitCredentials, GitHost, GitSource, Objects, ObjectsError, Provider, ProxySettings,
    RegistryCredential, SigningKey, TlsSettings,
};
use crate::redacted::Redacted;

/// Limit for Git operations when the object names none.
const GIT_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest proxy address.
const PROXY_ADDRESS_LIMIT: usize = 2048;

/// How to log in to a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RegistryLogin {
    /// Credentials the object names, in order.
    pub(super) credentials: Vec<RegistryCredential>,
    /// TLS material.
    pub(super) tls: TlsSettings,
    /// Proxy.
    pub(super) proxy: Option<ProxySettings>,
}

/// Why a login cannot be prepared.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The controller's text.
    message: String,
    /// The API server did not let this person read what is needed.
    local: bool,
}

impl Refusal {
    /// As a failure with the controller's reason.
    pub(super) fn into_failure(self, reason: &'static str, prefix: &str) -> Failure {
        Failure {
            local: self.local,
            ..Failure::new(reason, format!("{prefix}{}", self.message))
        }
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self {
            message,
            local: false,
        }
    }
}

impl From<ObjectsError> for Refusal {
    fn from(error: ObjectsError) -> Self {
        Self {
            message: error.to_string(),
            local: true,
        }
    }
}

/// The login of a repository, in the controller's order: proxy, certificates, pull secrets. The
/// error is the controller's text.
pub(super) async fn for_registry(
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

fn named(reference: Option<&LocalReference>) -> Option<&str> {
    reference
        .map(|reference| reference.name.as_str())
        .filter(|name| !name.is_empty())
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
        of(new).or_else(|| of(old)).map(<[u8]>::to_vec)
    };
    let key = secret.metadata.key();
    let certificate = either("tls.crt", "certFile");
    let private = either("tls.key", "keyFile");
    let ca = either("ca.crt", "caFile");
    let client = match (certificate, private) {
        (Some(certificate), Some(private)) => Some((certificate, Redacted::new(private))),
        (Some(_), None) => {
            return Err(format!(
                "secret '{key}' contains 'tls.crt' but missing 'tls.key'"
            ));
        }
        (None, Some(_)) => {
            return Err(format!(
                "secret '{key}' contains 'tls.key' but missing 'tls.crt'"
            ));
        }
        (None, None) if ca.is_none() => {
            return Err(format!(
                "secret '{key}' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'"
            ));
        }
        (None, None) => None,
    };
    Ok(TlsSettings { ca, client })
}

/// `proxySecretRef`.
fn proxy(secret: &Secret) -> Result<ProxySettings, String> {
    let key = secret.metadata.key();
    let address = secret
        .text("address")
        .ok_or_else(|| format!("secret '{key}': key 'address' not found"))?;
    if address.is_empty() {
        return Err(format!("secret '{key}': proxy address is empty"));
    }
    if address.len() > PROXY_ADDRESS_LIMIT {
        return Err(format!(
            "secret '{key}': proxy address is longer than {PROXY_ADDRESS_LIMIT} characters"
        ));
    }
    let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
    if !matches!(scheme, "http" | "https" | "socks5") {
        return Err(format!(
            "proxy URL must use one of the supported schemes (http, https, socks5), got '{scheme}'"
        ));
    }
    Ok(ProxySettings {
        address: address.to_owned(),
        username: secret
            .text("username")
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
        password: secret
            .text("password")
            .filter(|password| !password.is_empty())
            .map(|password| Redacted::new(password.to_owned())),
    })
}

/// A Secret that an object names; the error is the API server's text.
async fn secret(objects: &dyn Objects, namespace: &str, name: &str) -> Result<Secret, Refusal> {
    let key = NamespacedName::new(namespace, name);
    let value = objects
        .get(Kind::Secret, &key)
        .await?
        .ok_or_else(|| format!("secrets \"{name}\" not found"))?;
    Ok(read_secret(&value)?)
}

fn read_secret(value: &serde_json::Value) -> Result<Secret, String> {
    let secret = Secret::read(value).map_err(|error| {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", source.unwrap_or_default())
    })?;
    if secret.sops {
        return Err(format!(
            "secret '{}' is encrypted with SOPS; decrypt it first, for example with 'sops -d'",
            secret.metadata.key()
        ));
    }
    Ok(secret)
}

/// The source of a Git repository, or the controller's failure.
pub(super) async fn for_git(
    objects: &dyn Objects,
    repository: &GitRepository,
) -> Result<GitSource, Failure> {
    const PREFIX: &str = "failed configuring source manager: ";
    let fail = |message: String| Failure::new("SourceManagerFailed", format!("{PREFIX}{message}"));
    let spec = &repository.spec;
    let namespace = &repository.metadata.namespace;
    let url = Url::parse(&spec.url).map_err(|cause| {
        fail(format!(
            "failed to configure authentication options: failed to parse URL '{}': {cause}",
            spec.url
        ))
    })?;
    let secret = match named(spec.secret_ref.as_ref()) {
        None => None,
        Some(name) => Some(secret(objects, namespace, name).await.map_err(|refusal| {
            let prefix = format!("{PREFIX}failed to get auth secret '{namespace}/{name}': ");
            refusal.into_failure("SourceManagerFailed", &prefix)
        })?),
    };
    check_provider(repository, secret.as_ref())?;
    let auth = |cause: String| {
        fail(format!(
            "failed to configure authentication options: {cause}"
        ))
    };
    let (credentials, credential_source, tls) = git_login(&url, secret.as_ref()).map_err(auth)?;
    let proxy = match named(spec.proxy_secret_ref.as_ref()) {
        None => None,
        Some(name) => {
            let key = NamespacedName::new(namespace, name);
            let value = objects
                .get(Kind::Secret, &key)
                .await
                .map_err(|e| Refusal::from(e).into_failure("SourceManagerFailed", PREFIX))?;
            let value = value.ok_or_else(|| fail(format!("secret '{key}' not found")))?;
            Some(proxy(&read_secret(&value).map_err(fail)?).map_err(fail)?)
        }
    };
    let timeout = spec
        .timeout
        .as_deref()
        .and_then(|text| GoDuration::parse(text).ok());
    Ok(GitSource {
        url: spec.url.clone(),
        credentials,
        credential_source,
        tls,
        proxy,
        timeout: timeout.and_then(GoDuration::to_std).unwrap_or(GIT_TIMEOUT),
    })
}

/// A GitHub App needs its provider, and the provider needs the app's data.
fn check_provider(repository: &GitRepository, secret: Option<&Secret>) -> Result<(), Failure> {
    let has_app = secret
        .and_then(|secret| secret.text("githubAppID"))
        .is_some_and(|id| !id.is_empty());
    let github = repository.spec.provider.as_deref() == Some("github");
    let stalled = |message: String| Err(Failure::stalled("InvalidSourceConfiguration", message));
    match (github, has_app, secret) {
        (true, false, _) => stalled(
            "secretRef with github app data must be specified when provider is set to github: \
             invalid source configuration"
                .to_owned(),
        ),
        (false, true, Some(secret)) => stalled(format!(
            "secretRef '{}' has github app data but provider is not set to github: \
             invalid source configuration",
            secret.metadata.key()
        )),
        _ => Ok(()),
    }
}

/// The parts of a URL that logins depend on.
struct Url {
    scheme: String,
    username: Option<String>,
    password: Option<String>,
}

impl Url {
    fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| "missing protocol scheme".to_owned())?;
        if scheme.is_empty() {
            return Err("missing protocol scheme".to_owned());
        }
        let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        let (username, password) = match user {
            None => (None, None),
            Some(user) => match user.split_once(':') {
                None => (Some(user.to_owned()), None),
                Some((name, password)) => (Some(name.to_owned()), Some(password.to_owned())),
            },
        };
        Ok(Self {
            scheme: scheme.to_owned(),
            username,
            password,
        })
    }
}

/// Credentials, where they come from, and TLS material.
fn git_login(
    url: &Url,
    secret: Option<&Secret>,
) -> Result<(GitCredentials, String, TlsSettings), String> {
    match url.scheme.as_str() {
        "ssh" => ssh_login(secret),
        "http" | "https" => http_login(url, secret),
        "file" => Ok((
            GitCredentials::Ambient,
            "none".to_owned(),
            TlsSettings::default(),
        )),
        other => Err(format!("unknown transport '{other}'")),
    }
}

fn source_of(secret: &Secret) -> String {
    format!("secret {}", secret.metadata.key())
}

fn ssh_login(secret: Option<&Secret>) -> Result<(GitCredentials, String, TlsSettings), String> {
    let Some(secret) = secret else {
        // The controller has nothing else to offer; a workstation has an agent and a configuration.
        let source = "the ssh agent and configuration".to_owned();
        return Ok((GitCredentials::Ambient, source, TlsSettings::default()));
    };
    let required = |key: &str| {
        secret
            .text(key)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| format!("invalid 'ssh' auth option: '{key}' is required"))
    };
    let credentials = GitCredentials::Ssh {
        identity: Redacted::new(required("identity")?.as_bytes().to_vec()),
        known_hosts: required("known_hosts")?.to_owned(),
        passphrase: secret
            .text("password")
            .filter(|text| !text.is_empty())
            .map(|text| Redacted::new(text.to_owned())),
    };
    Ok((credentials, source_of(secret), TlsSettings::default()))
}

fn http_login(
    url: &Url,
    secret: Option<&Secret>,
) -> Result<(GitCredentials, String, TlsSettings), String> {
    let text = |key: &str| {
        secret
            .and_then(|secret| secret.text(key))
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let tls = TlsSettings {
        ca: secret
            .and_then(|secret| secret.bytes("ca.crt").or_else(|| secret.bytes("caFile")))
            .map(<[u8]>::to_vec),
        client: secret.and_then(|secret| {
            let (certificate, key) = (secret.bytes("tls.crt")?, secret.bytes("tls.key")?);
            Some((certificate.to_vec(), Redacted::new(key.to_vec())))
        }),
    };
    let source = secret.map_or_else(|| "the URL".to_owned(), source_of);
    if let Some(secret) = secret.filter(|secret| secret.data.contains_key("bearerToken")) {
        if url.username.is_some() {
            return Err("basic auth and bearer token cannot be set at the same time".to_owned());
        }
        let token = secret.text("bearerToken").unwrap_or_default().to_owned();
        return Ok((GitCredentials::Bearer(Redacted::new(token)), source, tls));
    }
    let username = text("username").or_else(|| url.username.clone());
    let password = text("password").or_else(|| url.password.clone());
    match (username, password) {
        (None, Some(_)) => Err(format!(
            "invalid '{}' auth option: 'password' requires 'username' to be set",
            url.scheme
        )),
        (None, None) => {
            let source = "git's credential helpers, or none".to_owned();
            Ok((GitCredentials::Ambient, source, tls))
        }
        (Some(username), password) => {
            let password = Redacted::new(password.unwrap_or_default());
            Ok((GitCredentials::Basic { username, password }, source, tls))
        }
    }
}

/// The signing key of an automation, checked before anything is fetched.
pub(super) async fn signing_key(
    objects: &dyn Objects,
    git: &dyn GitHost,
    update: &ImageUpdateAutomation,
) -> Result<Option<SigningKey>, Failure> {
    const PREFIX: &str = "failed configuring source manager: ";
    let fail = |message: String| Failure::new("SourceManagerFailed", format!("{PREFIX}{message}"));
    let Some(spec) = update
        .spec
        .git
        .as_ref()
        .and_then(|git| git.commit.signing_key.as_ref())
    else {
        return Ok(None);
    };
    let name = &spec.secret_ref.name;
    let secret = secret(objects, &update.metadata.namespace, name)
        .await
        .map_err(|refusal| {
            let prefix = format!("{PREFIX}could not find signing key secret '{name}': ");
            refusal.into_failure("SourceManagerFailed", &prefix)
        })?;
    let bytes = |key: &str, article: &str| {
        secret
            .bytes(key)
            .map(<[u8]>::to_vec)
            .map(Redacted::new)
            .ok_or_else(|| {
                fail(format!(
                    "signing key secret '{name}' does not contain {article} '{key}' key"
                ))
            })
    };
    let passphrase = |key: &str| {
        secret
            .text(key)
            .map(|passphrase| Redacted::new(passphrase.to_owned()))
    };
    let key = match spec.kind.as_deref() {
        None | Some("" | "gpg") => SigningKey::OpenPgp {
            armored: bytes("git.asc", "a")?,
            passphrase: passphrase("passphrase"),
        },
        Some("ssh") => SigningKey::Ssh {
            identity: bytes("identity", "an")?,
            passphrase: passphrase("password"),
        },
        Some(other) => return Err(fail(format!("unknown signing key type \"{other}\""))),
    };
    git.check_signing_key(&key, name)
        .map_err(|error| fail(error.to_string()))?;
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn secret(kind: &str, data: &Value) -> Secret {
        Secret::read(&json!({
            "metadata": {"name": "s", "namespace": "n"}, "type": kind, "stringData": data,
        }))
        .unwrap()
    }

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

    #[test]
    fn proxies_are_checked() {
        let error = |data: Value| proxy(&secret("Opaque", &data)).unwrap_err();
        assert_eq!(error(json!({})), "secret 'n/s': key 'address' not found");
        assert_eq!(
            error(json!({"address": ""})),
            "secret 'n/s': proxy address is empty"
        );
        assert!(error(json!({"address": "ftp://x"})).ends_with("got 'ftp'"));
    }

    #[track_caller]
    fn assert_login_error(url: &str, data: &Value, expected: &str) {
        let url = Url::parse(url).unwrap();
        let error = git_login(&url, Some(&secret("Opaque", data))).unwrap_err();
        assert_eq!(error, expected);
    }

    #[test]
    fn git_secrets_follow_the_controllers_rules() {
        assert_login_error(
            "http://h/x",
            &json!({"password": "p"}),
            "invalid 'http' auth option: 'password' requires 'username' to be set",
        );
        assert_login_error(
            "ssh://git@h/x",
            &json!({"identity": "k"}),
            "invalid 'ssh' auth option: 'known_hosts' is required",
        );
        assert_login_error(
            "https://u@h/x",
            &json!({"bearerToken": "t"}),
            "basic auth and bearer token cannot be set at the same time",
        );
        let url = Url::parse("https://u@h/x").unwrap();
        let (login, ..) = git_login(&url, Some(&secret("", &json!({"password": "p"})))).unwrap();
        let expected = GitCredentials::Basic {
            username: "u".into(),
            password: Redacted::new("p".into()),
        };
        assert_eq!(login, expected);
    }
}

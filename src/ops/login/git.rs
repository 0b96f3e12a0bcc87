//! Logins of Git servers.

use std::time::Duration;

use super::url::Url;
use super::{Refusal, named, pair, proxy, read_secret, secret};
use crate::api::{GitRepository, Kind, Secret};
use crate::duration::GoDuration;
use crate::key::NamespacedName;
use crate::model::Failure;
use crate::ports::{
    GitCredentials, GitHubApp, GitHubInstallation, GitSource, Objects, ProxySettings, TlsSettings,
    WorkstationLogin, url_without_secrets,
};
use crate::redacted::Redacted;

/// Limit for Git operations when the object names none.
const GIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Where GitHub's own API is.
const GITHUB_API: &str = "https://api.github.com";

/// What the controller says about workload identity with its default feature gates.
const FEATURE_GATE: &str = "to use spec.serviceAccountName for provider authentication please \
    enable the ObjectLevelWorkloadIdentity feature gate in the controller";

/// Credentials, and where they come from.
#[derive(Debug)]
struct Login {
    credentials: GitCredentials,
    source: String,
    tls: TlsSettings,
}

impl Login {
    fn ambient(source: &str) -> Self {
        Self {
            credentials: GitCredentials::Ambient,
            source: source.to_owned(),
            tls: TlsSettings::default(),
        }
    }
}

const REASON: &str = "SourceManagerFailed";
const PREFIX: &str = "failed configuring source manager: ";

fn fail(message: String) -> Failure {
    Failure::new(REASON, format!("{PREFIX}{message}"))
}

/// The source of a Git repository, or the controller's failure.
pub(in crate::ops) async fn for_git(
    objects: &dyn Objects,
    repository: &GitRepository,
) -> Result<GitSource, Failure> {
    let spec = &repository.spec;
    let namespace = &repository.metadata.namespace;
    let url = Url::parse(&spec.url).map_err(|cause| {
        let shown = url_without_secrets(&spec.url);
        fail(format!("failed to parse URL '{shown}': {cause}"))
    })?;
    let secret = match named(spec.secret_ref.as_ref()) {
        None => None,
        Some(name) => Some(secret(objects, namespace, name).await.map_err(|refusal| {
            let prefix = format!("{PREFIX}failed to get auth secret '{namespace}/{name}': ");
            refusal.into_failure(REASON, &prefix)
        })?),
    };
    let provider = spec.provider.as_deref().unwrap_or_default();
    check_provider(repository, provider, secret.as_ref())?;
    let login = login(&url, provider, secret.as_ref()).map_err(|cause| {
        fail(format!(
            "failed to configure authentication options: {cause}"
        ))
    })?;
    let timeout = spec
        .timeout
        .as_deref()
        .and_then(|text| GoDuration::parse(text).ok());
    Ok(GitSource {
        url: spec.url.clone(),
        credentials: login.credentials,
        credential_source: login.source,
        tls: login.tls,
        proxy: proxy_of(objects, repository).await?,
        timeout: timeout.and_then(GoDuration::to_std).unwrap_or(GIT_TIMEOUT),
    })
}

/// `proxySecretRef`, read.
async fn proxy_of(
    objects: &dyn Objects,
    repository: &GitRepository,
) -> Result<Option<ProxySettings>, Failure> {
    let Some(name) = named(repository.spec.proxy_secret_ref.as_ref()) else {
        return Ok(None);
    };
    let key = NamespacedName::new(&repository.metadata.namespace, name);
    let value = objects
        .get(Kind::Secret, &key)
        .await
        .map_err(|error| Refusal::from(error).into_failure(REASON, PREFIX))?
        .ok_or_else(|| fail(format!("secret '{key}' not found")))?;
    let secret = read_secret(&value).map_err(fail)?;
    proxy(&secret).map(Some).map_err(fail)
}

/// A GitHub App needs its provider, the provider needs the app's data, and workload identity needs
/// a gate that is shut.
fn check_provider(
    repository: &GitRepository,
    provider: &str,
    secret: Option<&Secret>,
) -> Result<(), Failure> {
    let stalled = |message: String| Err(Failure::stalled("InvalidSourceConfiguration", message));
    let account = repository.spec.service_account_name.as_deref();
    if matches!(provider, "aws" | "azure") && account.is_some_and(|name| !name.is_empty()) {
        return Err(Failure::stalled("FeatureGateDisabled", FEATURE_GATE));
    }
    match (provider == "github", secret, has_app(secret)) {
        (true, _, false) => stalled(
            "secretRef with github app data must be specified when provider is set to github: \
             invalid source configuration"
                .to_owned(),
        ),
        (false, Some(secret), true) => stalled(format!(
            "secretRef '{}' has github app data but provider is not set to github: \
             invalid source configuration",
            secret.metadata.key()
        )),
        _ => Ok(()),
    }
}

fn has_app(secret: Option<&Secret>) -> bool {
    secret.is_some_and(|secret| field(secret, "githubAppID").is_some())
}

/// The text under a key, unless it is empty.
fn field(secret: &Secret, key: &str) -> Option<String> {
    secret
        .text(key)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn source_of(secret: &Secret) -> String {
    format!("secret {}", secret.metadata.key())
}

fn login(url: &Url, provider: &str, secret: Option<&Secret>) -> Result<Login, String> {
    match (url.scheme.as_str(), provider) {
        ("ssh", _) => ssh_login(secret),
        ("http" | "https", "github" | "azure" | "aws") => provider_login(url, provider, secret),
        ("http" | "https", _) => http_login(url, secret),
        ("file", _) => Ok(Login::ambient("none")),
        (other, _) => Err(format!("unknown transport '{other}'")),
    }
}

fn ssh_login(secret: Option<&Secret>) -> Result<Login, String> {
    let Some(secret) = secret else {
        // The controller has nothing else to offer; a workstation has an agent and a configuration.
        return Ok(Login::ambient("the ssh agent and configuration"));
    };
    let required = |key: &str| {
        field(secret, key).ok_or_else(|| format!("invalid 'ssh' auth option: '{key}' is required"))
    };
    let credentials = GitCredentials::Ssh {
        identity: Redacted::new(required("identity")?.into_bytes()),
        known_hosts: required("known_hosts")?,
        passphrase: field(secret, "password").map(Redacted::new),
    };
    Ok(Login {
        credentials,
        source: source_of(secret),
        tls: TlsSettings::default(),
    })
}

fn tls(secret: Option<&Secret>) -> Result<TlsSettings, String> {
    let Some(secret) = secret else {
        return Ok(TlsSettings::default());
    };
    let of = |key: &str| secret.bytes(key).filter(|bytes| !bytes.is_empty());
    Ok(TlsSettings {
        ca: of("ca.crt").or_else(|| of("caFile")).map(<[u8]>::to_vec),
        client: pair(secret, of("tls.crt"), of("tls.key"))?,
    })
}

fn http_login(url: &Url, secret: Option<&Secret>) -> Result<Login, String> {
    let tls = tls(secret)?;
    let bearer = secret
        .filter(|secret| secret.data.contains_key("bearerToken"))
        .map(|secret| field(secret, "bearerToken"));
    if let Some(Some(token)) = bearer.clone() {
        if url.username.is_some() {
            return Err("basic auth and bearer token cannot be set at the same time".to_owned());
        }
        return Ok(Login {
            credentials: GitCredentials::Bearer(Redacted::new(token)),
            source: secret.map(source_of).unwrap_or_default(),
            tls,
        });
    }
    // The mere presence of `bearerToken` makes the controller forget the other two keys.
    let basic = |key: &str| {
        secret
            .filter(|_| bearer.is_none())
            .and_then(|secret| field(secret, key))
    };
    let own = basic("username").is_some() || basic("password").is_some();
    let username = basic("username").or_else(|| url.username.clone());
    let password = basic("password").or_else(|| url.password.clone());
    match (username, password) {
        (None, Some(_)) => Err(format!(
            "invalid '{}' auth option: 'password' requires 'username' to be set",
            url.scheme
        )),
        (None, None) => Ok(Login {
            tls,
            ..Login::ambient("git's credential helpers, or none")
        }),
        // A name alone is what a credential helper is asked about.
        (Some(_), None) if !own => Ok(Login {
            tls,
            ..Login::ambient("git's credential helpers, or none")
        }),
        (Some(username), password) => Ok(Login {
            credentials: GitCredentials::Basic {
                username,
                password: Redacted::new(password.unwrap_or_default()),
            },
            source: secret
                .filter(|_| own)
                .map_or_else(|| "the URL".to_owned(), source_of),
            tls,
        }),
    }
}

/// `spec.provider`: a GitHub App, or the workstation's own login to a cloud.
fn provider_login(url: &Url, provider: &str, secret: Option<&Secret>) -> Result<Login, String> {
    let (credentials, source) = match (provider, secret) {
        ("github", Some(secret)) => (
            GitCredentials::GitHubApp(github_app(secret)?),
            format!("the GitHub App of {}", source_of(secret)),
        ),
        ("aws", _) if !url.is_code_commit() => {
            return Err(format!("invalid AWS CodeCommit Git URL: {}", url.host));
        }
        ("aws", _) => (
            GitCredentials::Workstation(WorkstationLogin::CodeCommit),
            "the AWS command line's login".to_owned(),
        ),
        _ => (
            GitCredentials::Workstation(WorkstationLogin::Azure),
            "the Azure command line's login".to_owned(),
        ),
    };
    Ok(Login {
        credentials,
        source,
        tls: tls(secret)?,
    })
}

fn github_app(secret: &Secret) -> Result<GitHubApp, String> {
    let missing = |what: &str| format!("{what} must be provided to use github app authentication");
    let id = field(secret, "githubAppInstallationID");
    let owner = field(secret, "githubAppInstallationOwner");
    let installation = match (id, owner) {
        (Some(id), None) => GitHubInstallation::Id(id),
        (None, Some(owner)) => GitHubInstallation::Owner(owner),
        (None, None) => return Err(missing("app installation owner or ID")),
        (Some(_), Some(_)) => return Err(missing("only one of installation owner or ID")),
    };
    // Ids and names become a part of the API's path.
    let (GitHubInstallation::Id(word) | GitHubInstallation::Owner(word)) = &installation;
    if !word
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    {
        return Err(format!(
            "secret '{}': {word:?} is no installation of a github app",
            secret.metadata.key()
        ));
    }
    Ok(GitHubApp {
        id: field(secret, "githubAppID").ok_or_else(|| missing("app ID"))?,
        key: field(secret, "githubAppPrivateKey")
            .map(|key| Redacted::new(key.into_bytes()))
            .ok_or_else(|| missing("private key"))?,
        installation,
        api: field(secret, "githubAppBaseURL").unwrap_or_else(|| GITHUB_API.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::secret;
    use super::*;

    fn read(url: &str, provider: &str, data: &Value) -> Result<Login, String> {
        let url = Url::parse(url).unwrap();
        login(&url, provider, Some(&secret("Opaque", data)))
    }

    #[track_caller]
    fn assert_error(url: &str, provider: &str, data: &Value, expected: &str) {
        assert_eq!(read(url, provider, data).unwrap_err(), expected);
    }

    #[test]
    fn git_secrets_follow_the_controllers_rules() {
        assert_error(
            "http://h/x",
            "",
            &json!({"password": "p"}),
            "invalid 'http' auth option: 'password' requires 'username' to be set",
        );
        assert_error(
            "ssh://git@h/x",
            "",
            &json!({"identity": "k"}),
            "invalid 'ssh' auth option: 'known_hosts' is required",
        );
        assert_error(
            "https://u@h/x",
            "",
            &json!({"bearerToken": "t"}),
            "basic auth and bearer token cannot be set at the same time",
        );
        assert_error(
            "https://h/x",
            "",
            &json!({"tls.crt": "t"}),
            "secret 'n/s' contains 'tls.crt' but missing 'tls.key'",
        );
        let basic = |username: &str, password: &str| GitCredentials::Basic {
            username: username.into(),
            password: Redacted::new(password.into()),
        };
        let filled = read("http://u:w@h/x", "", &json!({"password": "p"})).unwrap();
        assert_eq!(filled.credentials, basic("u", "p"));
        assert_eq!(filled.source, "secret n/s");
        let bearer = json!({"bearerToken": "t", "username": "a", "password": "b"});
        let bearer = read("http://h/x", "", &bearer).unwrap();
        assert_eq!(
            bearer.credentials,
            GitCredentials::Bearer(Redacted::new("t".into()))
        );
        // An empty token hides the other keys all the same.
        let empty = json!({"bearerToken": "", "username": "a", "password": "b"});
        let empty = read("http://u:w@h/x", "", &empty).unwrap();
        assert_eq!(empty.credentials, basic("u", "w"));
        assert_eq!(empty.source, "the URL");
        let named = read("http://u@h/x", "", &json!({})).unwrap();
        assert_eq!(named.credentials, GitCredentials::Ambient);
    }

    #[test]
    fn the_newer_name_of_the_authority_comes_first() {
        let both = read(
            "https://h/x",
            "",
            &json!({"ca.crt": "new", "caFile": "old"}),
        )
        .unwrap();
        assert_eq!(both.tls.ca.as_deref(), Some(&b"new"[..]));
        let old = read("https://h/x", "", &json!({"ca.crt": "", "caFile": "old"})).unwrap();
        assert_eq!(old.tls.ca.as_deref(), Some(&b"old"[..]));
        // Legacy names of the client certificate are not read for Git.
        let legacy = json!({"certFile": "c", "keyFile": "k"});
        assert_eq!(read("https://h/x", "", &legacy).unwrap().tls.client, None);
    }

    #[test]
    fn a_github_app_needs_all_its_parts() {
        let app = json!({"githubAppID": "1", "githubAppPrivateKey": "k"});
        let with = |key: &str, value: &str| {
            let mut app = app.clone();
            app[key] = json!(value);
            app
        };
        assert_error(
            "https://h/x",
            "github",
            &app,
            "app installation owner or ID must be provided to use github app authentication",
        );
        let login = read(
            "https://h/x",
            "github",
            &with("githubAppInstallationOwner", "acme"),
        );
        let login = login.unwrap();
        assert_eq!(login.source, "the GitHub App of secret n/s");
        let GitCredentials::GitHubApp(app) = login.credentials else {
            panic!("{login:?}");
        };
        assert_eq!(app.api, GITHUB_API);
        assert_eq!(app.installation, GitHubInstallation::Owner("acme".into()));
        let text = format!("{:?}", with("githubAppInstallationID", "../../x"));
        let error = read(
            "https://h/x",
            "github",
            &with("githubAppInstallationID", "../../x"),
        );
        assert!(error.unwrap_err().contains("is no installation"), "{text}");
    }

    #[test]
    fn code_commit_is_asked_at_its_own_hosts_only() {
        assert_error(
            "https://example.com/org/repo",
            "aws",
            &json!({}),
            "invalid AWS CodeCommit Git URL: example.com",
        );
    }
}

//! Finds credentials for an image: `--registry-config`, what the object names, the user's docker
//! and podman files, nothing. The first that has an entry is used alone.
//!
//! Helper programs are run for files of the user only, never for a Secret.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tokio::sync::Mutex;

use super::cloud;
use super::docker_config::DockerConfig;
use super::helpers::{ProgramError, Programs};
use super::login::{Credential, Login};
use super::matching;
use super::settings::{Environment, RegistrySettings};
use super::transport::unusable;
use crate::ports::{Provider, RegistryCredential, RegistryError, ScanRequest};

/// A docker configuration of the user.
struct UserConfig {
    /// For people.
    origin: String,
    config: DockerConfig,
}

/// Where credentials are found.
pub(super) struct Keychain {
    registry_config: Option<PathBuf>,
    environment: Environment,
    programs: Programs,
    /// What helpers and clouds answered in this run.
    answers: Mutex<HashMap<(String, String), Login>>,
}

impl Keychain {
    pub(super) fn new(settings: RegistrySettings) -> Self {
        Self {
            programs: Programs::new(settings.environment.clone(), settings.helper_timeout),
            registry_config: settings.registry_config,
            environment: settings.environment,
            answers: Mutex::default(),
        }
    }

    /// Reads the credentials that an object names, so that broken ones are reported before
    /// anything is sent.
    pub(super) fn check(&self, request: &ScanRequest) -> Result<(), RegistryError> {
        for credential in &request.credentials {
            parse(credential)?;
        }
        if let Some(path) = &self.registry_config {
            read_file(path)?;
        }
        Ok(())
    }

    /// The credentials for an image. Asked only when a registry wants some.
    pub(super) async fn login(&self, request: &ScanRequest) -> Result<Login, RegistryError> {
        let (registry, repository) = (request.image.registry(), request.image.repository());
        if let Some(path) = &self.registry_config {
            let config = read_file(path)?;
            if let Some(login) = self.user_login(&config, registry, repository).await? {
                return Ok(login);
            }
        }
        if request.provider == Provider::Generic {
            for credential in &request.credentials {
                let config = parse(credential)?;
                if let Some(found) = matching::for_secret(&config.entries, registry, repository) {
                    return Ok(Login {
                        credential: found.clone(),
                        source: credential.source.clone(),
                    });
                }
            }
        }
        let problem = match self.cloud_login(request.provider, registry).await {
            Ok(Some(login)) => return Ok(login),
            Ok(None) => None,
            Err(problem) => Some(problem),
        };
        for config in self.user_configs()? {
            if let Some(login) = self.user_login(&config, registry, repository).await? {
                return Ok(login);
            }
        }
        match problem {
            Some(problem) => Err(unusable(&format!(
                "{registry}/{repository}: no login for the provider: {}",
                problem.into_text()
            ))),
            None => Ok(Login::anonymous()),
        }
    }

    async fn cloud_login(
        &self,
        provider: Provider,
        registry: &str,
    ) -> Result<Option<Login>, ProgramError> {
        if provider == Provider::Generic {
            return Ok(None);
        }
        let key = (format!("{provider:?}"), registry.to_owned());
        let mut answers = self.answers.lock().await;
        if let Some(login) = answers.get(&key) {
            return Ok(Some(login.clone()));
        }
        let login = cloud::login(provider, registry, &self.programs).await?;
        answers.insert(key, login.clone());
        Ok(Some(login))
    }

    /// What a configuration of the user says about an image: a helper for the host, the entry, or
    /// the store of everything else.
    async fn user_login(
        &self,
        user: &UserConfig,
        registry: &str,
        repository: &str,
    ) -> Result<Option<Login>, RegistryError> {
        let helpers = &user.config.helpers;
        if let Some(helper) = matching::for_user(helpers, registry, repository) {
            let login = self.helper_login(helper, registry, &user.origin).await?;
            if !login.is_anonymous() {
                return Ok(Some(login));
            }
        } else if let Some(store) = &user.config.store {
            let login = self.helper_login(store, registry, &user.origin).await?;
            if !login.is_anonymous() {
                return Ok(Some(login));
            }
        }
        let entry = matching::for_user(&user.config.entries, registry, repository)
            .filter(|credential| **credential != Credential::Anonymous);
        Ok(entry.map(|credential| Login {
            credential: credential.clone(),
            source: user.origin.clone(),
        }))
    }

    async fn helper_login(
        &self,
        helper: &str,
        registry: &str,
        origin: &str,
    ) -> Result<Login, RegistryError> {
        let server = matching::helper_server(registry);
        let key = (helper.to_owned(), server.to_owned());
        let mut answers = self.answers.lock().await;
        if let Some(login) = answers.get(&key) {
            return Ok(login.clone());
        }
        let credential = self
            .programs
            .docker_credential(helper, server)
            .await
            .map_err(|error| {
                let text = error.into_text();
                let mut failure = unusable(&format!("no credentials for {registry}: {text}"));
                failure.hint = Some(format!("the helper is named in {origin}"));
                failure
            })?;
        let login = match credential {
            Credential::Anonymous => Login::anonymous(),
            credential => Login {
                credential,
                source: format!("credential helper docker-credential-{helper} of {origin}"),
            },
        };
        answers.insert(key, login.clone());
        Ok(login)
    }

    /// The user's configurations, in the order in which they are looked at.
    fn user_configs(&self) -> Result<Vec<UserConfig>, RegistryError> {
        let mut found = Vec::new();
        if let Some(text) = self.environment.get("DOCKER_AUTH_CONFIG") {
            let origin = "DOCKER_AUTH_CONFIG".to_owned();
            let config = DockerConfig::parse(text.as_bytes(), false)
                .map_err(|words| unusable(&format!("{origin}: {words}")))?;
            found.push(UserConfig { origin, config });
        }
        for path in self.user_files() {
            if path.exists() {
                found.push(read_file(&path)?);
            }
        }
        Ok(found)
    }

    fn user_files(&self) -> Vec<PathBuf> {
        let variable = |name: &str| self.environment.get(name).map(PathBuf::from);
        let home = self.environment.first(&["HOME", "USERPROFILE"]);
        let home = home.map(PathBuf::from);
        let below_home = |path: &str| home.as_ref().map(|home| home.join(path));
        let docker = variable("DOCKER_CONFIG").or_else(|| below_home(".docker"));
        let config = variable("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
        [
            variable("REGISTRY_AUTH_FILE"),
            docker.map(|folder| folder.join("config.json")),
            variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
            config.map(|folder| folder.join("containers/auth.json")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn parse(credential: &RegistryCredential) -> Result<DockerConfig, RegistryError> {
    DockerConfig::parse(credential.config.expose(), credential.legacy)
        .map_err(|words| unusable(&format!("{}: {words}", credential.source)))
}

fn read_file(path: &Path) -> Result<UserConfig, RegistryError> {
    let shown = path.display();
    let text =
        std::fs::read(path).map_err(|error| unusable(&format!("cannot read {shown}: {error}")))?;
    let config = DockerConfig::parse(&text, false)
        .map_err(|words| unusable(&format!("{shown}: {words}")))?;
    Ok(UserConfig {
        origin: shown.to_string(),
        config,
    })
}

//! Finds credentials for an image: `--registry-config`, what the object names, the user's docker
//! and podman files, nothing. The first that has an entry is used alone.
//!
//! Helper programs are run for files of the user only, never for a Secret.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::cloud;
use super::docker_config::DockerConfig;
use super::helpers::{ProgramError, Programs};
use super::login::{Credential, Login};
use super::matching;
use super::settings::{Environment, RegistrySettings};
use super::transport::unusable;
use crate::image::ImageName;
use crate::ports::{Provider, RegistryCredential, RegistryError, ScanRequest};

/// A docker configuration of the user.
struct UserConfig {
    /// For people.
    origin: String,
    config: DockerConfig,
}

/// The program or cloud that is asked, and the server it is asked about.
type Question = (String, String);
/// Told the source of credentials that is about to be asked and may take its time.
pub(super) type Asking<'a> = &'a (dyn Fn(&str) + Send + Sync);
type Outcome = Result<Login, ProgramError>;

/// Where credentials are found.
pub(super) struct Keychain {
    registry_config: Option<PathBuf>,
    environment: Environment,
    programs: Programs,
    /// What helpers and clouds answered in this run, failures too: a helper that hangs is waited
    /// for once.
    answers: Mutex<HashMap<Question, Arc<OnceCell<Outcome>>>>,
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
    pub(super) async fn login(
        &self,
        request: &ScanRequest,
        asking: Asking<'_>,
    ) -> Result<Login, RegistryError> {
        let (registry, repository) = (request.image.registry(), request.image.repository());
        if let Some(path) = &self.registry_config {
            let config = read_file(path)?;
            if let Some(login) = self.user_login(&config, &request.image, asking).await? {
                return Ok(login);
            }
        }
        if request.provider == Provider::Generic {
            let mut configs = Vec::new();
            for credential in &request.credentials {
                configs.push((parse(credential)?, &credential.source));
            }
            let entries = configs.iter().flat_map(|(config, source)| {
                let entries = config.entries.iter();
                entries.map(move |(key, credential)| (key.as_str(), (credential, *source)))
            });
            let found = matching::for_secret(entries, registry, repository);
            if let Some((credential, source)) = found
                && *credential != Credential::Anonymous
            {
                return Ok(Login {
                    credential: credential.clone(),
                    source: source.clone(),
                });
            }
        }
        let problem = match self.cloud_login(request.provider, registry, asking).await {
            Ok(Some(login)) => return Ok(login),
            Ok(None) => None,
            Err(problem) => Some(problem),
        };
        for config in self.user_configs()? {
            if let Some(login) = self.user_login(&config, &request.image, asking).await? {
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

    /// Asks once in a run.
    async fn once(&self, question: Question, ask: impl Future<Output = Outcome>) -> Outcome {
        let cell = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(answers.entry(question).or_default())
        };
        cell.get_or_init(|| ask).await.clone()
    }

    async fn cloud_login(
        &self,
        provider: Provider,
        registry: &str,
        asking: Asking<'_>,
    ) -> Result<Option<Login>, ProgramError> {
        if provider == Provider::Generic {
            return Ok(None);
        }
        asking("workstation's login to the provider");
        let question = (format!("{provider:?}"), registry.to_owned());
        let ask = cloud::login(provider, registry, &self.programs);
        self.once(question, ask).await.map(Some)
    }

    /// What a configuration of the user says about an image: a helper for the host, the entry, or
    /// the store of everything else.
    async fn user_login(
        &self,
        user: &UserConfig,
        image: &ImageName,
        asking: Asking<'_>,
    ) -> Result<Option<Login>, RegistryError> {
        let (registry, repository) = (image.registry(), image.repository());
        let helpers = &user.config.helpers;
        if let Some(helper) = matching::for_user(helpers, registry, repository) {
            let login = self.helper_login(helper, image, user, asking).await?;
            if !login.is_anonymous() {
                return Ok(Some(login));
            }
        } else if let Some(store) = &user.config.store {
            let login = self.helper_login(store, image, user, asking).await?;
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
        image: &ImageName,
        user: &UserConfig,
        asking: Asking<'_>,
    ) -> Result<Login, RegistryError> {
        let origin = &user.origin;
        let server = matching::helper_server(image.registry());
        let source = format!("credential helper docker-credential-{helper} of {origin}");
        asking(&source);
        let ask = async {
            let credential = self.programs.docker_credential(helper, server).await?;
            Ok(match credential {
                Credential::Anonymous => Login::anonymous(),
                credential => Login { credential, source },
            })
        };
        let question = (format!("docker-credential-{helper}"), server.to_owned());
        self.once(question, ask).await.map_err(|error| {
            let text = error.into_text();
            let mut failure = unusable(&format!(
                "no credentials for {}/{}: {text}",
                image.registry(),
                image.repository()
            ));
            failure.hint = Some(format!("the helper is named in {origin}"));
            failure
        })
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

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use super::*;
    use crate::ports::TlsSettings;
    use crate::redacted::Redacted;

    /// A home with programs (name, shell text) and files (path, text).
    fn home(programs: &[(&str, &str)], files: &[(&str, &str)]) -> (tempfile::TempDir, Keychain) {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
            std::fs::write(&file, text).expect("a file");
            file
        };
        for (name, text) in programs {
            let file = write(&format!("bin/{name}"), &format!("#!/bin/sh\n{text}\n"));
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
                .expect("a program");
        }
        for (path, text) in files {
            write(path, text);
        }
        let path = format!("{}/bin:/usr/bin:/bin", folder.path().display());
        let home = folder.path().display().to_string();
        let variables = [("PATH".to_owned(), path), ("HOME".to_owned(), home)];
        let keychain = Keychain::new(RegistrySettings {
            environment: variables.into_iter().collect(),
            helper_timeout: Duration::from_secs(60),
            ..RegistrySettings::default()
        });
        (folder, keychain)
    }

    fn request(image: &str, provider: Provider) -> ScanRequest {
        ScanRequest {
            image: ImageName::parse(image).expect("an image"),
            insecure: false,
            credentials: Vec::new(),
            provider,
            tls: TlsSettings::default(),
            proxy: None,
            timeout: Duration::from_secs(5),
        }
    }

    fn basic(username: &str, password: &str) -> Credential {
        Credential::Basic {
            username: username.to_owned(),
            password: Redacted::new(password.to_owned()),
        }
    }

    #[tokio::test]
    async fn clouds_are_asked_through_their_command_lines() {
        let cases = [
            (
                "1.dkr.ecr.eu-west-1.amazonaws.com/app/web",
                Provider::Aws,
                ("aws", r#"echo "$@""#),
                basic("AWS", "ecr get-login-password --region eu-west-1"),
            ),
            (
                "public.ecr.aws/app/web",
                Provider::Aws,
                ("aws", r#"echo "$@""#),
                basic("AWS", "ecr-public get-login-password --region us-east-1"),
            ),
            (
                "europe-docker.pkg.dev/project/app",
                Provider::Gcp,
                ("gcloud", r#"echo "$@""#),
                basic("oauth2accesstoken", "auth print-access-token"),
            ),
            (
                "myname.azurecr.io/app/web",
                Provider::Azure,
                ("az", r#"echo "{\"accessToken\": \"$4\"}""#),
                basic("00000000-0000-0000-0000-000000000000", "myname"),
            ),
        ];
        for (image, provider, program, expected) in cases {
            let (_folder, keychain) = home(&[program], &[]);
            let login = keychain
                .login(&request(image, provider), &|_| {})
                .await
                .expect(image);
            assert_eq!(login.credential, expected, "{image}");
            assert!(login.source.starts_with(program.0), "{}", login.source);
        }
    }

    #[tokio::test]
    async fn the_clouds_docker_helper_comes_before_its_command_line() {
        let helper = r#"echo '{"Username":"u","Secret":"p"}'"#;
        let (_folder, keychain) = home(&[("docker-credential-ecr-login", helper)], &[]);
        let image = "1.dkr.ecr.eu-west-1.amazonaws.com/app/web";
        let login = keychain
            .login(&request(image, Provider::Aws), &|_| {})
            .await;
        assert_eq!(login.expect("a login").credential, basic("u", "p"));
    }

    #[tokio::test]
    async fn without_the_clouds_tools_the_users_file_is_looked_at_and_then_the_tool_is_named() {
        let image = "1.dkr.ecr.eu-west-1.amazonaws.com/app/web";
        let scan = request(image, Provider::Aws);
        let config = r#"{"auths":{"1.dkr.ecr.eu-west-1.amazonaws.com":{"auth":"dTpw"}}}"#;
        let (_folder, keychain) = home(&[], &[(".docker/config.json", config)]);
        let login = keychain.login(&scan, &|_| {}).await.expect("a login");
        assert_eq!(login.credential, basic("u", "p"));
        let (_folder, keychain) = home(&[], &[]);
        let error = keychain.login(&scan, &|_| {}).await.expect_err("no tool");
        assert!(
            error
                .message
                .ends_with("aws: executable file not found in PATH"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn docker_hub_is_known_to_helpers_by_its_old_address() {
        let helper = r#"read server; echo "{\"Username\":\"u\",\"Secret\":\"$server\"}""#;
        let (_folder, keychain) = home(
            &[("docker-credential-test", helper)],
            &[(".docker/config.json", r#"{"credsStore":"test"}"#)],
        );
        let login = keychain
            .login(&request("alpine/git", Provider::Generic), &|_| {})
            .await
            .expect("a login");
        assert_eq!(login.credential, basic("u", "https://index.docker.io/v1/"));
    }

    #[tokio::test]
    async fn a_failing_helper_is_run_once_in_a_run() {
        let (folder, keychain) = home(
            &[(
                "docker-credential-test",
                r#"echo x >> "$HOME/runs"; exit 1"#,
            )],
            &[(".docker/config.json", r#"{"credsStore":"test"}"#)],
        );
        for image in ["r.example/a/b", "r.example/c/d"] {
            assert!(
                keychain
                    .login(&request(image, Provider::Generic), &|_| {})
                    .await
                    .is_err()
            );
        }
        let runs = std::fs::read_to_string(folder.path().join("runs")).expect("runs");
        assert_eq!(runs.lines().count(), 1);
    }
}

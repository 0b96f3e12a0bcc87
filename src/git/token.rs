//! Tokens that have to be fetched before a server can be asked.
//!
//! For: tokens of GitHub Apps, bought with the app's key, and those of the clouds' own command
//! lines on this workstation.
//! Refuses: to keep a token longer than one connection, and to show one.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Client, Method, StatusCode, Url};
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tokio::process::Command;

use super::helper;
use super::limits::{Limits, Waiter};
use super::process::run_to_end;
use crate::ports::{GitHubApp, GitHubInstallation, WorkstationLogin, url_without_secrets};
use crate::redacted::Redacted;

/// The resource that Azure DevOps is to Entra.
const AZURE_DEVOPS: &str = "499b84ac-1321-427f-aa17-267ca6975798";

/// GitHub refuses an assertion from the future, and clocks differ.
const CLOCK_SKEW: u64 = 30;

/// How long an assertion is good.
const ASSERTION_SECONDS: u64 = 120;

/// How much of an answer is quoted.
const QUOTED: usize = 200;

/// Where a token comes from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    App(GitHubApp),
    Workstation(WorkstationLogin),
}

/// A login.
#[derive(Debug)]
pub(super) enum Token {
    Bearer(Redacted<String>),
    Basic {
        username: String,
        password: Redacted<String>,
    },
}

/// Why there is no token.
#[derive(Debug)]
pub(super) enum Refused {
    /// The deadline or Ctrl-C.
    Wait(io::Error),
    /// Anything else, for people.
    Said(String),
}

impl From<String> for Refused {
    fn from(text: String) -> Self {
        Self::Said(text)
    }
}

/// What buying needs.
pub(super) struct Market<'a> {
    /// With the proxy and the authorities of the repository.
    pub(super) client: &'a Client,
    pub(super) repository: &'a Url,
    pub(super) waiter: &'a Waiter,
    pub(super) limits: &'a Limits,
}

impl Market<'_> {
    pub(super) fn buy(&self, origin: &Origin) -> Result<Token, Refused> {
        match origin {
            Origin::App(app) => self.app_token(app),
            Origin::Workstation(WorkstationLogin::Azure) => self.azure_token(),
            Origin::Workstation(WorkstationLogin::CodeCommit) => self.code_commit_login(),
        }
    }

    /// The token of an app's installation.
    fn app_token(&self, app: &GitHubApp) -> Result<Token, Refused> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs());
        let assertion = assertion(app, now)?;
        let api = app.api.trim_end_matches('/');
        let installation = match &app.installation {
            GitHubInstallation::Id(id) => id.clone(),
            GitHubInstallation::Owner(owner) => self.installation_of(owner, api, &assertion)?,
        };
        let url = format!("{api}/app/installations/{installation}/access_tokens");
        let (status, answer) = self.ask(&Method::POST, &url, &assertion)?;
        match answer["token"].as_str().filter(|_| status.is_success()) {
            Some(token) => Ok(Token::Basic {
                username: "x-access-token".to_owned(),
                password: Redacted::new(token.to_owned()),
            }),
            None => Err(Refused::Said(format!(
                "cannot get a token of GitHub App {} at {}: {}",
                app.id,
                url_without_secrets(api),
                said(status, &answer)
            ))),
        }
    }

    /// The id of the installation of an organisation, else of a user.
    fn installation_of(
        &self,
        owner: &str,
        api: &str,
        assertion: &Redacted<String>,
    ) -> Result<String, Refused> {
        let mut last = String::new();
        for kind in ["orgs", "users"] {
            let url = format!("{api}/{kind}/{owner}/installation");
            let (status, answer) = self.ask(&Method::GET, &url, assertion)?;
            if let Some(id) = answer["id"].as_u64().filter(|_| status.is_success()) {
                return Ok(id.to_string());
            }
            last = said(status, &answer);
            if status != StatusCode::NOT_FOUND {
                break;
            }
        }
        Err(Refused::Said(format!(
            "cannot find the GitHub App's installation of {owner} at {}: {last}",
            url_without_secrets(api)
        )))
    }

    fn ask(
        &self,
        method: &Method,
        url: &str,
        assertion: &Redacted<String>,
    ) -> Result<(StatusCode, Value), Refused> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", assertion.expose()))
            .map_err(|error| error.to_string())?;
        authorization.set_sensitive(true);
        let request = self
            .client
            .request(method.clone(), url)
            .header(ACCEPT, "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28")
            .header(AUTHORIZATION, authorization);
        let answer = self.waiter.wait(self.limits, || async {
            let response = request.send().await?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.bytes().await?))
        });
        let (status, body) = answer.map_err(Refused::Wait)?.map_err(|error| {
            let url = error.url().map(Url::to_string).unwrap_or_default();
            format!("cannot reach {url}: {}", chain(&error.without_url()))
        })?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    fn azure_token(&self) -> Result<Token, Refused> {
        let mut command = Command::new("az");
        command.args(["account", "get-access-token", "--output", "json"]);
        command.args(["--resource", AZURE_DEVOPS]);
        let answer = self.run(command, Vec::new(), "az", "az login")?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        match answer["accessToken"].as_str() {
            Some(token) => Ok(Token::Bearer(Redacted::new(token.to_owned()))),
            None => Err(Refused::Said(
                "az account get-access-token gave no token".to_owned(),
            )),
        }
    }

    fn code_commit_login(&self) -> Result<Token, Refused> {
        let input = helper::describe(self.repository, None)
            .ok_or_else(|| "the URL cannot be told to aws".to_owned())?;
        let mut command = Command::new("aws");
        command.args(["codecommit", "credential-helper", "get"]);
        let answer = self.run(command, input, "aws", "aws configure or aws sso login")?;
        let login = helper::read_login(answer)
            .ok_or_else(|| "aws codecommit credential-helper gave no login".to_owned())?;
        Ok(Token::Basic {
            username: login.username,
            password: login.password,
        })
    }

    /// Runs a cloud's command line.
    fn run(
        &self,
        command: Command,
        input: Vec<u8>,
        program: &str,
        remedy: &str,
    ) -> Result<Vec<u8>, Refused> {
        let output = run_to_end(command, input, self.waiter, self.limits).map_err(|error| {
            if self.limits.check().is_err() {
                return Refused::Wait(error);
            }
            Refused::Said(format!(
                "the provider's token comes from the program {program}, which cannot be run: {error}"
            ))
        })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let last = text
            .lines()
            .rev()
            .map(str::trim)
            .find(|line| !line.is_empty());
        Err(Refused::Said(format!(
            "{program} gave no token, log in with {remedy}: {}",
            quoted(last.unwrap_or("no reason given"))
        )))
    }
}

/// A GitHub App's assertion of itself: a JWT signed with RS256.
fn assertion(app: &GitHubApp, now: u64) -> Result<Redacted<String>, String> {
    const NO_KEY: &str = "could not parse private key: invalid key: Key must be a PEM encoded \
        PKCS1 or PKCS8 key";
    let key = PrivateKeyDer::from_pem_slice(app.key.expose()).map_err(|_| NO_KEY.to_owned())?;
    let signer = rustls::crypto::ring::sign::any_supported_type(&key)
        .map_err(|_| NO_KEY.to_owned())?
        .choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])
        .ok_or_else(|| "the GitHub App's private key is no RSA key".to_owned())?;
    let issued = now.saturating_sub(CLOCK_SKEW);
    let claims = json!({"iat": issued, "exp": issued + ASSERTION_SECONDS, "iss": app.id});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = encode(&json!({"alg": "RS256", "typ": "JWT"}));
    let text = format!("{head}.{}", encode(&claims));
    let signature = signer
        .sign(text.as_bytes())
        .map_err(|error| format!("cannot sign with the GitHub App's private key: {error}"))?;
    Ok(Redacted::new(format!(
        "{text}.{}",
        URL_SAFE_NO_PAD.encode(signature)
    )))
}

fn said(status: StatusCode, answer: &Value) -> String {
    match answer["message"].as_str() {
        Some(message) => format!("{status}: {}", quoted(message)),
        None => status.to_string(),
    }
}

fn quoted(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(QUOTED)
        .collect()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(key: &str) -> GitHubApp {
        GitHubApp {
            id: "123".to_owned(),
            key: Redacted::new(key.as_bytes().to_vec()),
            installation: GitHubInstallation::Id("1".to_owned()),
            api: String::new(),
        }
    }

    #[test]
    fn keys_that_are_none_are_refused_in_the_controllers_words() {
        for key in [
            "abc",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            let error = assertion(&app(key), 0).unwrap_err();
            assert!(
                error.contains("Key must be a PEM encoded PKCS1 or PKCS8 key"),
                "{error}"
            );
        }
    }
}

//! Reads docker configurations: `config.json`, podman's `auth.json`, and the two kinds of pull
//! secrets.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use super::login::Credential;
use crate::redacted::Redacted;

/// One docker configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DockerConfig {
    /// Credentials by key, as written.
    pub(super) entries: BTreeMap<String, Credential>,
    /// `credHelpers`: names of helper programs by host.
    pub(super) helpers: BTreeMap<String, String>,
    /// `credsStore`: the helper program for everything else.
    pub(super) store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// What a user name must be so that docker takes the password for an identity token.
const TOKEN_USER: &str = "<token>";

impl DockerConfig {
    /// Reads a configuration. `legacy` texts are a bare map of entries. Errors never quote.
    pub(super) fn parse(text: &[u8], legacy: bool) -> Result<Self, String> {
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        let file = if legacy {
            serde_json::from_slice(text).map(|auths| File {
                auths: Some(auths),
                ..File::default()
            })
        } else {
            serde_json::from_slice(text)
        };
        // The parser's text may quote a value, so only the place is kept.
        let file = file.map_err(|error| {
            format!(
                "not a docker configuration (line {}, column {})",
                error.line(),
                error.column()
            )
        })?;
        let mut entries = BTreeMap::new();
        for (key, entry) in file.auths.unwrap_or_default() {
            let credential = entry
                .unwrap_or_default()
                .credential()
                .map_err(|words| format!("entry {key:?}: {words}"))?;
            entries.insert(key, credential);
        }
        Ok(Self {
            entries,
            helpers: file.helpers.unwrap_or_default(),
            store: file.store.filter(|store| !store.is_empty()),
        })
    }
}

impl Entry {
    fn credential(self) -> Result<Credential, &'static str> {
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(token) = filled(self.registrytoken) {
            return Ok(Credential::Registry(Redacted::new(token)));
        }
        let (mut username, mut password) = (self.username, self.password);
        if let Some(auth) = filled(self.auth) {
            let (user, secret) = decode(&auth)?;
            (username, password) = (Some(user), Some(secret));
        }
        let username = username.unwrap_or_default();
        if let Some(token) = filled(self.identitytoken) {
            return Ok(identity(username, token));
        }
        let password = password.unwrap_or_default();
        Ok(credential(username, password))
    }
}

/// Credentials from a user name and a secret, as docker understands the pair.
pub(super) fn credential(username: String, secret: String) -> Credential {
    if username == TOKEN_USER {
        identity(username, secret)
    } else if username.is_empty() && secret.is_empty() {
        Credential::Anonymous
    } else {
        Credential::Basic {
            username,
            password: Redacted::new(secret),
        }
    }
}

fn identity(username: String, token: String) -> Credential {
    Credential::Identity {
        username: Some(username)
            .filter(|name| name != TOKEN_USER)
            .unwrap_or_default(),
        token: Redacted::new(token),
    }
}

/// User name and password from base64, padded or not.
fn decode(auth: &str) -> Result<(String, String), &'static str> {
    let lenient = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let compact: String = auth.split_ascii_whitespace().collect();
    let bytes = lenient
        .decode(compact)
        .map_err(|_| "the field auth is not base64")?;
    let text = String::from_utf8(bytes).map_err(|_| "the field auth is not text")?;
    let (user, password) = text
        .split_once(':')
        .ok_or("unable to parse auth field, must be formatted as base64(username:password)")?;
    Ok((user.to_owned(), password.trim_end_matches('\0').to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(json: &str) -> Credential {
        let text = format!(r#"{{"auths":{{"r":{json}}}}}"#);
        let config = DockerConfig::parse(text.as_bytes(), false).unwrap();
        config.entries["r"].clone()
    }

    fn basic(username: &str, password: &str) -> Credential {
        credential(username.to_owned(), password.to_owned())
    }

    #[test]
    fn every_form_of_an_entry_is_read() {
        assert_eq!(entry(r#"{"username":"u","password":"p"}"#), basic("u", "p"));
        assert_eq!(entry(r#"{"auth":"dTpwOnE="}"#), basic("u", "p:q"));
        assert_eq!(entry(r#"{"auth":"dTpwOnE"}"#), basic("u", "p:q"));
        assert_eq!(
            entry(r#"{"username":"x","password":"y","auth":"dTpwOnE="}"#),
            basic("u", "p:q")
        );
        assert_eq!(entry("{}"), Credential::Anonymous);
        assert_eq!(entry("null"), Credential::Anonymous);
        assert_eq!(
            entry(r#"{"auth":"dTpw","registrytoken":"t"}"#),
            Credential::Registry(Redacted::new("t".to_owned()))
        );
    }

    #[test]
    fn identity_tokens_come_in_two_forms() {
        let token = |username: &str| Credential::Identity {
            username: username.to_owned(),
            token: Redacted::new("t".to_owned()),
        };
        assert_eq!(entry(r#"{"auth":"dTpw","identitytoken":"t"}"#), token("u"));
        assert_eq!(entry(r#"{"username":"<token>","password":"t"}"#), token(""));
    }

    #[test]
    fn the_legacy_form_is_a_bare_map() {
        let config = DockerConfig::parse(br#"{"r":{"auth":"dTpw","email":"a@b"}}"#, true).unwrap();
        assert_eq!(config.entries["r"], basic("u", "p"));
    }

    #[test]
    fn helpers_and_the_store_are_read() {
        let text = br#"{"credsStore":"pass","credHelpers":{"gcr.io":"gcloud"},"HttpHeaders":{"a":"b"},"auths":{}}"#;
        let config = DockerConfig::parse(text, false).unwrap();
        assert_eq!(config.store.as_deref(), Some("pass"));
        assert_eq!(config.helpers["gcr.io"], "gcloud");
    }

    #[test]
    fn errors_name_the_place_and_not_the_secret() {
        for text in [
            r#"{"auths":{"r":{"auth":"hunter2!"}}}"#,
            r#"{"auths":{"r":{"auth":"aHVudGVyMg=="}}}"#,
            r#"{"auths":{"r":"hunter2"}}"#,
            r#"{"auths":{"r":{"password":"hunter2"}"#,
            "hunter2",
        ] {
            let error = DockerConfig::parse(text.as_bytes(), false).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}", legacy: bool) {
            let _ = DockerConfig::parse(text.as_bytes(), legacy);
        }
    }
}

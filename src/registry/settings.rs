//! What the registry client is made with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The variables of the environment, read once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The first variable of several that is set and not empty.
    pub fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// Every variable, for child processes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// Settings that hold for every request of a run.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// `--registry-config`: a docker configuration that is looked at before everything else.
    pub registry_config: Option<PathBuf>,
    /// `--registry-ca`: PEM certificates trusted beside the system's.
    pub registry_ca: Option<PathBuf>,
    /// Where the user's configuration, proxies and programs are found.
    pub environment: Environment,
    /// Pause before the first repetition of a failed request; later ones are longer.
    pub retry_pause: Duration,
    /// Longest silence of a server inside an answer.
    pub idle_timeout: Duration,
    /// Longest time a credential helper may take.
    pub helper_timeout: Duration,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            registry_config: None,
            registry_ca: None,
            environment: Environment::default(),
            retry_pause: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(30),
            helper_timeout: Duration::from_secs(30),
        }
    }
}

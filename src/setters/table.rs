//! What markers become.

use std::collections::HashMap;

use crate::image::validate_reference;

/// What a policy means to the markers of one automation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetterState {
    /// It chose an image.
    Ready {
        /// Image name.
        name: String,
        /// Tag.
        tag: String,
        /// Digest; empty when the policy has none.
        digest: String,
    },
    /// It cannot be decided now, or never chose.
    Undecided,
    /// The cluster's controllers do not hold its choice.
    AheadOfCluster,
    /// The automation's `policySelector` leaves it out.
    NotSelected,
    /// It is in another namespace.
    OtherNamespace,
}

/// A policy that markers may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetterPolicy {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Its state.
    pub state: SetterState,
}

/// The part of an image that a marker asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Image,
    Tag,
    Name,
    Digest,
}

/// What a marker's text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup<'t> {
    /// The value to write.
    Value(&'t str, Part),
    /// The policy has no digest to write (rule D5).
    NoDigest,
    Undecided,
    AheadOfCluster,
    NotSelected,
    OtherNamespace,
    /// No such policy.
    Unknown,
    /// Not of the form `NAMESPACE:POLICY[:tag|:name|:digest]`.
    Malformed,
}

/// Setters by the text of their markers.
#[derive(Clone, Debug, Default)]
pub struct SetterTable {
    namespace: String,
    setters: HashMap<String, Setter>,
    /// Policies without a value, by `NAMESPACE:POLICY`.
    others: HashMap<String, SetterState>,
    invalid: Vec<String>,
}

#[derive(Clone, Debug)]
struct Setter {
    value: String,
    part: Part,
}

impl SetterTable {
    /// A table for the automations of `namespace`. A policy whose reference is no image reference
    /// defines no setters (rule D4); see [`SetterTable::invalid`]. Of two setters of one text the
    /// last counts.
    pub fn new(namespace: &str, policies: impl IntoIterator<Item = SetterPolicy>) -> Self {
        let mut table = Self {
            namespace: namespace.to_owned(),
            ..Self::default()
        };
        for policy in policies {
            let key = format!("{}:{}", policy.namespace, policy.name);
            match policy.state {
                SetterState::Ready { name, tag, digest } => {
                    table.define(&key, name, tag, digest);
                }
                state => {
                    table.others.insert(key, state);
                }
            }
        }
        table
    }

    /// The four setters of a policy.
    fn define(&mut self, key: &str, name: String, tag: String, digest: String) {
        let mut image = format!("{name}:{tag}");
        if !digest.is_empty() {
            image.push('@');
            image.push_str(&digest);
        }
        if validate_reference(&image).is_err() {
            self.invalid
                .push(format!("{key}: {image:?} is no image reference"));
            self.others.insert(key.to_owned(), SetterState::Undecided);
            return;
        }
        let parts = [
            ("", image, Part::Image),
            (":tag", tag, Part::Tag),
            (":name", name, Part::Name),
            (":digest", digest, Part::Digest),
        ];
        for (suffix, value, part) in parts {
            self.setters
                .insert(format!("{key}{suffix}"), Setter { value, part });
        }
    }

    /// Policies whose references cannot be written, with the reason.
    pub fn invalid(&self) -> &[String] {
        &self.invalid
    }

    /// What a marker's text names.
    pub(super) fn look_up(&self, text: &str) -> Lookup<'_> {
        match self.setters.get(text) {
            Some(Setter {
                value,
                part: Part::Digest,
            }) if value.is_empty() => Lookup::NoDigest,
            Some(Setter { value, part }) => Lookup::Value(value, *part),
            None => self.explain(text),
        }
    }

    /// Why a text names no value.
    fn explain(&self, text: &str) -> Lookup<'_> {
        let parts: Vec<&str> = text.split(':').collect();
        let (namespace, name) = match parts.as_slice() {
            [namespace, name] | [namespace, name, "tag" | "name" | "digest"] => (*namespace, *name),
            _ => return Lookup::Malformed,
        };
        let valid = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
        };
        if !valid(namespace) || !valid(name) {
            return Lookup::Malformed;
        }
        match self.others.get(&format!("{namespace}:{name}")) {
            Some(SetterState::AheadOfCluster) => Lookup::AheadOfCluster,
            Some(SetterState::NotSelected) => Lookup::NotSelected,
            Some(SetterState::OtherNamespace) => Lookup::OtherNamespace,
            Some(_) => Lookup::Undecided,
            None if namespace != self.namespace => Lookup::OtherNamespace,
            None => Lookup::Unknown,
        }
    }
}

//! A policy's rules, compiled once.

use thiserror::Error;

use super::selection::Selection;
use crate::api::{FilterTags, ImagePolicyChoice, ImagePolicySpec, OrderChoice};
use crate::pattern::{ExtractTemplate, Pattern};
use crate::semver::{Constraint, ConstraintError};

/// Why a policy can never choose; the controller's texts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// `spec.policy` is empty.
    #[error("given ImagePolicyChoice object is invalid")]
    Empty,
    /// The range.
    #[error(transparent)]
    Range(#[from] ConstraintError),
    /// The order.
    #[error("invalid order argument provided: '{0}', must be one of: ASC, DESC")]
    Order(String),
}

/// How items are compared.
#[derive(Clone, Debug)]
pub(super) enum Order {
    Semver(Constraint),
    Alphabetical { ascending: bool },
    Numerical { ascending: bool },
}

/// What items are made of.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    /// The compiled pattern; its error counts only once there are tags, as in the controller.
    pub(super) pattern: Result<Pattern, String>,
    /// `None` keeps the tag.
    pub(super) extract: Option<ExtractTemplate>,
}

/// A compiled policy.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(super) order: Order,
    pub(super) filter: Option<Filter>,
    /// Whether the digest of the choice is looked up again and again.
    pub(super) always_reflects: bool,
    /// What the chosen tag is the best by, for people.
    pub(super) best: String,
}

impl Policy {
    /// Compiles the rules of a policy.
    pub fn new(spec: &ImagePolicySpec) -> Result<Self, PolicyError> {
        Ok(Self {
            order: order(&spec.policy)?,
            filter: spec.filter_tags.as_ref().map(filter),
            always_reflects: spec.digest_reflection_policy.as_deref() == Some("Always"),
            best: best(&spec.policy),
        })
    }

    /// Chooses among tags in their stored order (see [`super::stored_tags`]).
    pub fn select<T: AsRef<str>>(&self, stored: &[T]) -> Selection {
        Selection::of(self, stored, true)
    }

    /// Chooses among tags in any order; the answer is that for their stored order.
    pub fn select_unsorted<T: AsRef<str>>(&self, tags: &[T]) -> Selection {
        Selection::of(self, tags, false)
    }

    /// How the choice is made, for people: for example `the greatest version in the range >=1.0.0`.
    pub fn best(&self) -> &str {
        &self.best
    }
}

/// semver goes before alphabetical, alphabetical before numerical.
fn order(choice: &ImagePolicyChoice) -> Result<Order, PolicyError> {
    if let Some(semver) = &choice.semver {
        return Ok(Order::Semver(Constraint::parse(&semver.range)?));
    }
    if let Some(choice) = &choice.alphabetical {
        return Ok(Order::Alphabetical {
            ascending: ascending(choice.order.as_deref())?,
        });
    }
    if let Some(choice) = &choice.numerical {
        return Ok(Order::Numerical {
            ascending: ascending(choice.order.as_deref())?,
        });
    }
    Err(PolicyError::Empty)
}

fn best(choice: &ImagePolicyChoice) -> String {
    let descending = |order: &OrderChoice| {
        order
            .order
            .as_deref()
            .is_some_and(|order| order.eq_ignore_ascii_case("desc"))
    };
    let text = match choice {
        ImagePolicyChoice {
            semver: Some(semver),
            ..
        } => return format!("the greatest version in the range {}", semver.range),
        ImagePolicyChoice {
            alphabetical: Some(order),
            ..
        } if descending(order) => "the first by bytes",
        ImagePolicyChoice {
            alphabetical: Some(_),
            ..
        } => "the last by bytes",
        ImagePolicyChoice {
            numerical: Some(order),
            ..
        } if descending(order) => "the least number",
        _ => "the greatest number",
    };
    text.to_owned()
}

/// The controller compares in upper case; absent and empty mean ascending.
fn ascending(order: Option<&str>) -> Result<bool, PolicyError> {
    match order.unwrap_or_default().to_uppercase().as_str() {
        "" | "ASC" => Ok(true),
        "DESC" => Ok(false),
        other => Err(PolicyError::Order(other.to_owned())),
    }
}

fn filter(filter: &FilterTags) -> Filter {
    let pattern = Pattern::new(&filter.pattern).map_err(|error| {
        format!(
            "invalid regular expression pattern '{}': {error}",
            filter.pattern
        )
    });
    let extract = (!filter.extract.is_empty()).then(|| ExtractTemplate::new(&filter.extract));
    Filter { pattern, extract }
}

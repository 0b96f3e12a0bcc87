//! The rules of `docs/compatibility.md`, as predicates over a scenario and its recorded answer.

use std::collections::BTreeMap;

use crate::compare::Deviation;
use crate::scenario::{Commit, Expected, ObjectStatus};

/// The recorded answer after the rules: what is expected here.
pub struct Wanted {
    pub statuses: Vec<ObjectStatus>,
    pub refs: Option<BTreeMap<String, String>>,
    pub commits: Vec<Commit>,
    pub tree: BTreeMap<String, Vec<u8>>,
    pub deviations: Vec<Deviation>,
}

impl From<Expected> for Wanted {
    fn from(expected: Expected) -> Self {
        Self {
            statuses: expected.statuses,
            refs: expected.refs,
            commits: expected.commits,
            tree: expected.tree,
            deviations: Vec::new(),
        }
    }
}

//! The two ways a scenario's objects reach the program: in files, and in a cluster.

mod cluster;
mod files;

pub use cluster::InCluster;
pub use files::Files;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::objects::key;
use crate::scenario::{Key, Scenario};
use crate::support::program::Answer;

/// Statuses by object, and how the run ended.
pub struct Outcome {
    pub statuses: BTreeMap<Key, Value>,
    pub answer: Answer,
}

/// Where objects live.
pub trait Form {
    /// Whether others may own statuses there, which are then left alone.
    fn is_shared(&self) -> bool;
    /// Puts the objects of a scenario there, and nothing else. `text` is what they were read from.
    fn load(
        &mut self,
        scenario: &Scenario,
        objects: &[Value],
        text: Option<String>,
    ) -> Result<(), String>;
    /// Does a `patch` action, its placeholders filled in.
    fn patch(&mut self, action: &Value);
    /// One run over everything.
    fn reconcile(&mut self) -> Result<Outcome, String>;
    /// The objects as the next run will see them.
    fn objects(&self) -> Vec<Value>;
    /// The stored statuses.
    fn stored(&self) -> BTreeMap<Key, Value> {
        self.objects()
            .iter()
            .filter(|object| object["status"].is_object())
            .map(|object| (key(object), object["status"].clone()))
            .collect()
    }
    /// Why an object cannot exist there, if it cannot.
    fn refuses(&mut self, object: &Value) -> Option<String>;
    /// Replaces the stored status of an object, as its controller writes it.
    fn store_status(&mut self, key: &Key, status: &Value);
    /// Asks the controllers to reconcile everything, beside a stand-in that answers with these
    /// statuses. `None` where there are no controllers to ask.
    fn request(&mut self, answers: &BTreeMap<Key, Value>) -> Option<Answer>;
}

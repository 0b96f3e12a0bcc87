//! Readiness, and waiting for it.
//!
//! Source: flux's own rule for `create` and `resume`, on kstatus. Unlike flux the wait is a watch,
//! and a wait that ends without success says what the object said last.

use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use super::deadline::Deadline;
use crate::api::Kind;
use crate::duration::GoDuration;
use crate::key::NamespacedName;
use crate::ports::{Cluster, ObjectChange, ObjectScope, ObjectsError};

/// How far an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Done, with the message of its Ready condition.
    Ready(String),
    /// Not yet, with what it says so far.
    Waiting(String),
    /// It will not become ready by itself.
    Failed(String),
}

/// The readiness of an object as it is stored.
pub fn readiness(object: &Value) -> Readiness {
    let metadata = &object["metadata"];
    if !metadata["deletionTimestamp"].is_null() {
        return Readiness::Failed("Resource scheduled for deletion".to_owned());
    }
    let generation = metadata["generation"].as_i64().unwrap_or_default();
    let observed = object["status"]["observedGeneration"]
        .as_i64()
        .unwrap_or_default();
    let conditions = object["status"]["conditions"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let condition = |kind: &str| {
        conditions
            .iter()
            .find(|condition| condition["type"] == kind)
    };
    let message = |condition: Option<&Value>| {
        condition
            .and_then(|condition| condition["message"].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let ready = condition("Ready");
    let stalled = condition("Stalled").filter(|stalled| stalled["status"] == "True");
    if observed < 1 || observed != generation || ready.is_none() {
        return Readiness::Waiting(message(ready));
    }
    if let Some(stalled) = stalled {
        return Readiness::Failed(message(Some(stalled)));
    }
    let of_generation = ready
        .and_then(|ready| ready["observedGeneration"].as_i64())
        .is_none_or(|of| of == 0 || of == generation);
    let reconciling = condition("Reconciling").is_some_and(|c| c["status"] == "True");
    let is_true = ready.is_some_and(|ready| ready["status"] == "True");
    if is_true && of_generation && !reconciling {
        Readiness::Ready(message(ready))
    } else {
        Readiness::Waiting(message(ready))
    }
}

/// Why a wait ended without success.
#[derive(Debug, Error)]
pub enum WaitError {
    /// The object cannot become ready.
    #[error("{0}")]
    Failed(String),
    /// Time is up.
    #[error("not ready within {}{}", GoDuration::from_std(*limit), last(message))]
    Timeout {
        /// The limit.
        limit: Duration,
        /// What the object said last.
        message: String,
    },
    /// The object is gone.
    #[error("the object was deleted while it was waited for")]
    Deleted,
    /// The API server failed.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
}

fn last(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!("; its last message: {message}")
    }
}

/// Waits until the object is ready and returns its Ready message.
pub async fn wait_ready(
    cluster: &dyn Cluster,
    kind: Kind,
    key: &NamespacedName,
    deadline: Deadline,
) -> Result<String, WaitError> {
    wait(cluster, kind, key, deadline, &readiness).await
}

/// Watches the object until the verdict on it is not to wait; returns the Ready message.
pub(super) async fn wait(
    cluster: &dyn Cluster,
    kind: Kind,
    key: &NamespacedName,
    deadline: Deadline,
    verdict: &(dyn Fn(&Value) -> Readiness + Sync),
) -> Result<String, WaitError> {
    let scope = ObjectScope {
        namespace: Some(key.namespace.clone()),
        labels: None,
        fields: Some(format!("metadata.name={}", key.name)),
    };
    let mut ended: Option<Result<String, WaitError>> = None;
    let mut last_message = String::new();
    let watched = {
        let mut visit = |change: ObjectChange| match change {
            ObjectChange::Deleted(_) => {
                ended = Some(Err(WaitError::Deleted));
                ControlFlow::Break(())
            }
            ObjectChange::Added(object) | ObjectChange::Modified(object) => {
                match verdict(&object) {
                    Readiness::Ready(message) => {
                        ended = Some(Ok(message));
                        ControlFlow::Break(())
                    }
                    Readiness::Failed(message) => {
                        ended = Some(Err(WaitError::Failed(message)));
                        ControlFlow::Break(())
                    }
                    Readiness::Waiting(message) => {
                        last_message = message;
                        ControlFlow::Continue(())
                    }
                }
            }
        };
        tokio::time::timeout(deadline.left(), cluster.watch(kind, &scope, "", &mut visit)).await
    };
    match (ended, watched) {
        (Some(result), _) => result,
        (None, Ok(Err(error))) => Err(error.into()),
        (None, Ok(Ok(())) | Err(_)) => Err(WaitError::Timeout {
            limit: deadline.limit(),
            message: last_message,
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(status: Value) -> Value {
        json!({"metadata": {"generation": 2}, "status": status})
    }

    #[test]
    fn readiness_follows_flux() {
        let ready = json!({"type": "Ready", "status": "True", "message": "ok"});
        assert_eq!(
            readiness(&object(
                json!({"observedGeneration": 2, "conditions": [ready]})
            )),
            Readiness::Ready("ok".into())
        );
        assert_eq!(
            readiness(&object(
                json!({"observedGeneration": 1, "conditions": [ready]})
            )),
            Readiness::Waiting("ok".into())
        );
        assert_eq!(
            readiness(&object(json!({}))),
            Readiness::Waiting(String::new())
        );
        let stalled = json!({"type": "Stalled", "status": "True", "message": "bad"});
        let failed = json!({"type": "Ready", "status": "False", "message": "bad"});
        assert_eq!(
            readiness(&object(
                json!({"observedGeneration": 2, "conditions": [stalled, failed]})
            )),
            Readiness::Failed("bad".into())
        );
    }
}

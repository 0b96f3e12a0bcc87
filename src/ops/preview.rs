//! What a policy would choose that is not stored, or not stored in this form yet.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::gather::{Scope, Targets};
use super::run::{Apply, RunOptions, Services, run};
use crate::api::{ImageRef, Kind};
use crate::key::NamespacedName;
use crate::model::PolicyState;
use crate::ports::{ObjectScope, Objects, ObjectsError};

/// What a policy would choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preview {
    /// This image.
    Selects(ImageRef),
    /// Nothing that could be found out, and why.
    Unknown(String),
}

/// Chooses for a policy as a reconcile would, its repository scanned now. Nothing is written.
pub async fn preview(services: &Services, policy: &Value, limit: Duration) -> Preview {
    let part = |name| policy["metadata"][name].as_str().unwrap_or_default();
    let key = NamespacedName::new(part("namespace"), part("name"));
    let services = Services {
        objects: Arc::new(WithPolicy {
            stored: Arc::clone(&services.objects),
            policy: policy.clone(),
            key: key.clone(),
        }),
        ..services.clone()
    };
    let options = RunOptions {
        scope: Scope {
            namespace: Some(key.namespace.clone()),
            labels: None,
        },
        targets: Targets {
            kinds: vec![Kind::ImagePolicy],
            names: vec![key.name.clone()],
        },
        apply: Apply::Nothing,
        timeout: limit,
        ..RunOptions::default()
    };
    let report = match tokio::time::timeout(limit, run(&services, &options)).await {
        Ok(Ok(report)) => report,
        Ok(Err(error)) => return Preview::Unknown(error.to_string()),
        Err(_) => return Preview::Unknown("the registry takes too long".to_owned()),
    };
    match report.policy(&key).map(|outcome| &outcome.state) {
        Some(PolicyState::Selected { latest, .. } | PolicyState::Held(Some(latest))) => {
            Preview::Selects(latest.clone())
        }
        Some(PolicyState::Undecided { failure, .. }) => Preview::Unknown(failure.message.clone()),
        Some(PolicyState::Held(None)) | None => {
            Preview::Unknown("the policy is suspended".to_owned())
        }
    }
}

/// Stored objects with one policy in another form.
struct WithPolicy {
    stored: Arc<dyn Objects>,
    policy: Value,
    key: NamespacedName,
}

#[async_trait]
impl Objects for WithPolicy {
    async fn get(&self, kind: Kind, key: &NamespacedName) -> Result<Option<Value>, ObjectsError> {
        if kind == Kind::ImagePolicy && *key == self.key {
            return Ok(Some(self.policy.clone()));
        }
        self.stored.get(kind, key).await
    }

    async fn list(&self, kind: Kind, scope: &ObjectScope) -> Result<Vec<Value>, ObjectsError> {
        self.stored.list(kind, scope).await
    }
}

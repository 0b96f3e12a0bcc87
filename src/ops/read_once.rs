//! Objects of a run, each asked for once.
//!
//! Many repositories name one Secret, and many automations one Git repository. The answer to the
//! first question counts for the whole run, a refusal too: asking a server again that has just said
//! no costs time and changes nothing. Who asks while the answer is on its way waits for it.
//! Refuses: to keep lists, which nobody asks for twice, and to outlive the run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::api::Kind;
use crate::key::NamespacedName;
use crate::ports::{ObjectScope, Objects, ObjectsError, TextVisitor};

type Answer = Arc<OnceCell<Result<Option<Value>, ObjectsError>>>;

/// A source of objects that is asked for each object once.
pub struct ReadOnce {
    source: Arc<dyn Objects>,
    answers: Mutex<HashMap<(Kind, NamespacedName), Answer>>,
}

impl ReadOnce {
    /// Nothing is read yet.
    pub fn new(source: Arc<dyn Objects>) -> Self {
        Self {
            source,
            answers: Mutex::default(),
        }
    }

    fn answer(&self, kind: Kind, key: &NamespacedName) -> Answer {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(answers.entry((kind, key.clone())).or_default())
    }
}

#[async_trait]
impl Objects for ReadOnce {
    async fn get(&self, kind: Kind, key: &NamespacedName) -> Result<Option<Value>, ObjectsError> {
        self.answer(kind, key)
            .get_or_init(|| self.source.get(kind, key))
            .await
            .clone()
    }

    async fn list(&self, kind: Kind, scope: &ObjectScope) -> Result<Vec<Value>, ObjectsError> {
        self.source.list(kind, scope).await
    }

    async fn list_each(
        &self,
        kind: Kind,
        scope: &ObjectScope,
        visit: &mut TextVisitor<'_>,
    ) -> Result<String, ObjectsError> {
        self.source.list_each(kind, scope, visit).await
    }

    fn place(&self, kind: Kind, key: &NamespacedName) -> Option<String> {
        self.source.place(kind, key)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future;
    use serde_json::json;

    use super::*;

    /// Knows one Secret, refuses every other, and counts.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    #[async_trait]
    impl Objects for Counting {
        async fn get(
            &self,
            _kind: Kind,
            key: &NamespacedName,
        ) -> Result<Option<Value>, ObjectsError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            match key.name.as_str() {
                "known" => Ok(Some(json!({"metadata": {"name": "known"}}))),
                name => Err(ObjectsError::Answer {
                    message: format!("no right to read {name}"),
                    reason: "Forbidden".to_owned(),
                    code: 403,
                }),
            }
        }

        async fn list(&self, _: Kind, _: &ObjectScope) -> Result<Vec<Value>, ObjectsError> {
            Ok(Vec::new())
        }

        fn place(&self, _kind: Kind, key: &NamespacedName) -> Option<String> {
            Some(format!("file.yaml:{}", key.name.len()))
        }
    }

    #[tokio::test]
    async fn an_object_is_asked_for_once_also_by_many_at_the_same_time() {
        let source = Arc::new(Counting::default());
        let once = ReadOnce::new(source.clone());
        let key = NamespacedName::new("apps", "known");
        let ask = || once.get(Kind::Secret, &key);
        for answer in future::join_all([ask(), ask(), ask()]).await {
            assert_eq!(answer.unwrap().unwrap()["metadata"]["name"], "known");
        }
        assert_eq!(source.0.load(Ordering::Relaxed), 1);
        // The same name of another kind or namespace is another object.
        once.get(Kind::ServiceAccount, &key).await.unwrap();
        let other = NamespacedName::new("team", "known");
        once.get(Kind::Secret, &other).await.unwrap();
        assert_eq!(source.0.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer_and_places_are_the_sources() {
        let source = Arc::new(Counting::default());
        let once = ReadOnce::new(source.clone());
        let key = NamespacedName::new("apps", "hidden");
        for _ in 0..2 {
            let error = once.get(Kind::Secret, &key).await.unwrap_err();
            assert_eq!(error.to_string(), "no right to read hidden");
        }
        assert_eq!(source.0.load(Ordering::Relaxed), 1);
        assert_eq!(
            once.place(Kind::Secret, &key).as_deref(),
            Some("file.yaml:6")
        );
    }
}

//! A list of tags in place of a registry, for trying policies before anything is pushed.

use async_trait::async_trait;

use crate::image::Digest;
use crate::policy::TagFile;
use crate::ports::{
    Cancellation, Progress, Registry, RegistryError, RegistryFailure, ScanRequest, TagList,
};

/// Answers every scan with one list.
pub struct TagFileRegistry {
    tags: Vec<String>,
    source: String,
}

impl TagFileRegistry {
    /// `source` says where the list is from, for people.
    pub fn new(file: &TagFile, source: &str) -> Self {
        Self {
            tags: file.tags().into_iter().map(str::to_owned).collect(),
            source: source.to_owned(),
        }
    }
}

#[async_trait]
impl Registry for TagFileRegistry {
    async fn tags(
        &self,
        _request: &ScanRequest,
        _progress: &dyn Progress,
        _cancellation: &Cancellation,
    ) -> Result<TagList, RegistryError> {
        Ok(TagList {
            tags: self.tags.clone(),
            credentials: format!("none: the tags are from {}", self.source),
            requests: 0,
        })
    }

    async fn digest(&self, _request: &ScanRequest, _tag: &str) -> Result<Digest, RegistryError> {
        Err(RegistryError {
            failure: RegistryFailure::NotFound,
            message: "a list of tags holds no digests".to_owned(),
            hint: None,
            source: None,
        })
    }

    fn is_list(&self) -> bool {
        true
    }
}

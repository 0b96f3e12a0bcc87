//! The Kubernetes objects that image automation reads and writes, as far as their fields matter.
//!
//! For: typed views of the three kinds of `image.toolkit.fluxcd.io` (v1, v1beta2, v1beta1), of
//! `GitRepository` and of the core objects that they name. Field names and defaults follow the
//! custom resource definitions of image-reflector-controller and image-automation-controller v1.2.
//! Refuses: to decide anything. Fields it does not know stay in [`Object::raw`] and survive.

mod core;
mod git_repository;
mod image_policy;
mod image_repository;
mod image_update_automation;
mod kind;
mod meta;
mod summary;

pub use self::core::{Namespace, Secret, ServiceAccount};
pub use git_repository::{GitRepository, GitRepositoryRef, GitRepositorySpec};
pub use image_policy::{
    FilterTags, ImagePolicy, ImagePolicyChoice, ImagePolicySpec, ImagePolicyStatus, ImageRef,
    ImageRepositoryRef, OrderChoice, SemverChoice,
};
pub use image_repository::{
    AccessFrom, ImageRepository, ImageRepositorySpec, ImageRepositoryStatus, LastScanResult,
    NamespaceSelector,
};
pub use image_update_automation::{
    CommitSpec, CommitUser, GitCheckoutSpec, GitSpec, ImageUpdateAutomation,
    ImageUpdateAutomationSpec, ImageUpdateAutomationStatus, LabelSelector,
    LabelSelectorRequirement, PushSpec, SigningKey, SourceReference, UpdateStrategy,
};
pub use kind::{IMAGE_GROUP, Kind, SOURCE_GROUP};
pub use meta::{ApiError, Condition, LocalReference, ManagedField, Metadata, Object, ReadObject};
pub use summary::{
    Summary, SummaryCondition, SummaryMetadata, SummaryRef, SummaryScan, SummarySpec,
    SummaryStatus, Text,
};

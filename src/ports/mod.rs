//! What the operations need from the world, as narrow traits.
//!
//! For: naming each need once, so that adapters can be replaced and operations tested.
//! Refuses: to implement anything. An adapter answers these traits and decides nothing.

mod clock;
mod git;
mod objects;
mod progress;
mod registry;
mod tree;
mod worktree;

pub use clock::{Clock, SystemClock};
pub use git::{
    CheckoutReference, DroppedCommit, FetchRequest, GitCredentials, GitError, GitHost, GitHubApp,
    GitHubInstallation, GitSource, Identity, NewCommit, PushError, PushReport, PushRequest,
    Revision, SigningKey, Snapshot, TagChoice, WorkstationLogin, url_without_secrets,
};
pub use objects::{
    ChangeVisitor, Cluster, ObjectChange, ObjectScope, Objects, ObjectsError, PatchKind,
    TextVisitor, WriteOptions,
};
pub use progress::{Cancellation, Event, Progress};
pub use registry::{
    Provider, ProxySettings, Registry, RegistryCredential, RegistryError, RegistryFailure,
    ScanRequest, TagList, TlsSettings,
};
pub use tree::{FileQuery, Link, SearchReport, Tree, TreeError, TreeFile};
pub use worktree::{FileWrite, Head, Worktree, WorktreeCommit, WorktreeError};

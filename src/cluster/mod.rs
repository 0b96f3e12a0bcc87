//! Objects in a cluster and objects in files.
//!
//! For: answering [`crate::ports::Objects`] and [`crate::ports::Cluster`] from an API server.
//! Refuses: to decide anything about an object. Nobody is contacted before an object is asked for.

mod documents;
mod exec;
mod failure;
mod items;
mod kubeconfig;
mod live;
mod logged;
mod long_digits;
mod manifests;
mod proxy;
mod resource;
mod session;
mod settings;
mod watch;

pub use kubeconfig::KubeconfigNames;
pub use live::LiveCluster;
pub use manifests::{ManifestSource, Manifests};
pub use settings::{ConnectionSettings, Environment};

//! Registries over HTTP: lists the tags of an image and reads digests, wherever docker and the
//! controllers can log in.
//!
//! For: one connection per registry, the fewest requests, every kind of login, and errors that
//! name what was asked and what came back.
//! Refuses: to choose tags, to read Kubernetes objects, to run a program that a Secret names.

mod addresses;
mod authorizing;
mod certificates;
mod challenge;
mod client;
mod cloud;
mod discovery;
mod docker_config;
mod endpoint;
mod helpers;
mod keychain;
mod links;
mod login;
mod matching;
mod proxies;
mod refusal;
mod retries;
mod schemes;
mod session;
mod settings;
mod sink;
mod tag_list;
mod tokens;
mod transport;
mod transport_failure;

pub use client::RegistryClient;
pub use settings::{Environment, RegistrySettings};

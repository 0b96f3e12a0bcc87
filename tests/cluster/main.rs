//! The cluster adapter against a real API server, and against servers that misbehave.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test ends where something is not as expected, in its helping functions too"
)]

#[path = "../support/kube/mod.rs"]
mod kube;
#[path = "../support/scripted.rs"]
mod scripted;
#[path = "../support/mod.rs"]
mod support;

mod ahead;
mod connection;
mod controller;
mod declaring;
mod explaining;
mod faults;
mod flags;
mod login;
mod reading;
mod reconcile;
mod request;
mod rights;
mod roles;
mod scene;
mod sentences;
mod showing;
mod trouble;
mod versions;
mod walk_through;
mod watching;
mod writing;
mod yesterday;

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use kubectl_imageupdate::cluster::{ConnectionSettings, LiveCluster};
use kubectl_imageupdate::key::NamespacedName;
use kubectl_imageupdate::ports::{ObjectScope, ObjectsError};
use serde_json::{Value, json};

/// Runs a future to its end, all of them on one runtime as in the program.
fn run<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| tokio::runtime::Runtime::new().expect("a runtime"))
        .block_on(future)
}

/// Held by tests that want the bare cluster to have no custom resource, or give it some.
static BARE: Mutex<()> = Mutex::new(());

fn settings(kubeconfig: PathBuf) -> ConnectionSettings {
    ConnectionSettings {
        kubeconfig: Some(kubeconfig),
        user_agent: "kubectl-imageupdate/test".into(),
        ..ConnectionSettings::default()
    }
}

/// The adapter as a user of a test cluster.
fn live(cluster: &kube::Cluster, user: &str) -> LiveCluster {
    LiveCluster::new(settings(cluster.kubeconfig(user)))
}

/// The adapter for a server given by address only.
fn live_at(url: &str) -> LiveCluster {
    LiveCluster::new(ConnectionSettings {
        server: Some(url.to_owned()),
        user_agent: "kubectl-imageupdate/test".into(),
        ..ConnectionSettings::default()
    })
}

fn key(namespace: &str, name: &str) -> NamespacedName {
    NamespacedName::new(namespace, name)
}

fn within(namespace: &str) -> ObjectScope {
    ObjectScope {
        namespace: Some(namespace.to_owned()),
        ..ObjectScope::default()
    }
}

fn names(objects: &[Value]) -> Vec<&str> {
    objects
        .iter()
        .filter_map(|object| object["metadata"]["name"].as_str())
        .collect()
}

fn reason(error: &ObjectsError) -> (u16, &str) {
    match error {
        ObjectsError::Answer { code, reason, .. } => (*code, reason),
        other => panic!("not an answer: {other:?}"),
    }
}

fn repository(version: &str, namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": format!("image.toolkit.fluxcd.io/{version}"), "kind": "ImageRepository",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"image": format!("ghcr.io/example/{name}"), "interval": "5m"},
    })
}

fn policy(version: &str, namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": format!("image.toolkit.fluxcd.io/{version}"), "kind": "ImagePolicy",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"imageRepositoryRef": {"name": name}, "policy": {"semver": {"range": "1.x"}}},
    })
}

//! A simulated controller: writes the statuses that a case gives, when an object asks for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::stage::path_of;
use super::text;
use crate::kube::Cluster;

/// How often the real recordings' controller looked.
const INTERVAL: Duration = Duration::from_millis(50);

/// Runs until dropped.
pub(super) struct Controller {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Controller {
    /// Starts with the `controller` field of a case, which may be absent.
    pub(super) fn start(cluster: &'static Cluster, wanted: &Value) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = wanted.as_object().map(|wanted| {
            let (wanted, stop) = (wanted.clone(), Arc::clone(&stop));
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    for (key, status) in &wanted {
                        look(cluster, key, status);
                    }
                    std::thread::sleep(INTERVAL);
                }
            })
        });
        Self { stop, thread }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the controller ends");
        }
    }
}

fn look(cluster: &Cluster, key: &str, status: &Value) {
    let path = path_of(key);
    let (code, object) = cluster.request("GET", &path, None);
    if code != 200 {
        return;
    }
    let generation = &object["metadata"]["generation"];
    let requested = text(&object["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"]);
    let observed = &object["status"];
    let is_asked = !requested.is_empty() && text(&observed["lastHandledReconcileAt"]) != requested;
    if observed["observedGeneration"] == *generation && !is_asked {
        return;
    }
    let mut status = status.clone();
    status["observedGeneration"] = generation.clone();
    if !requested.is_empty() {
        status["lastHandledReconcileAt"] = requested.into();
    }
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition["observedGeneration"] = generation.clone();
    }
    // The object may have gone in between, which is no matter here.
    cluster.request(
        "PATCH",
        &format!("{path}/status"),
        Some(&json!({"status": status})),
    );
}

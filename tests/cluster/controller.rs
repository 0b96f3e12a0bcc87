//! A stand-in for Flux's controllers: answers requests to reconcile with a status that a test gives.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::kube::Cluster;
use super::scene::Scene;

/// Status changes for other objects than the one that was requested: path and status.
pub(super) type Consequence = (String, Value);

/// What the controllers make of one object.
pub(super) struct Reaction {
    pub(super) path: String,
    pub(super) status: Value,
    pub(super) consequences: Vec<Consequence>,
}

/// Runs until dropped.
pub(super) struct Controller {
    handled: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Controller {
    /// Looks every few milliseconds whether one of the objects has a new `requestedAt`.
    pub(super) fn start(scene: &Scene, reactions: Vec<Reaction>) -> Self {
        let handled = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let cluster: &'static Cluster = scene.cluster;
        let (log, ended) = (Arc::clone(&handled), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::SeqCst) {
                for reaction in &reactions {
                    react(cluster, reaction, &log);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self {
            handled,
            stop,
            thread: Some(thread),
        }
    }

    /// One that scans the repository `app` when asked, and then chooses 1.1.0.
    pub(super) fn that_agrees(scene: &Scene) -> Self {
        let latest = json!({"latestRef": {"name": scene.image("team/app"), "tag": "1.1.0"}});
        let reaction = Reaction {
            path: scene.path("imagerepositories", "app"),
            status: ready("True", "Succeeded", "successful scan: found 2 tags"),
            consequences: vec![(scene.path("imagepolicies", "app"), latest)],
        };
        Self::start(scene, vec![reaction])
    }

    /// The kinds that were handled, in order.
    pub(super) fn handled(&self) -> Vec<String> {
        self.handled.lock().unwrap().clone()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn react(cluster: &Cluster, reaction: &Reaction, log: &Mutex<Vec<String>>) {
    let (code, object) = cluster.request("GET", &reaction.path, None);
    let requested = &object["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"];
    if code != 200
        || requested.is_null()
        || *requested == object["status"]["lastHandledReconcileAt"]
    {
        return;
    }
    // Before the answer, because the test goes on as soon as it sees that.
    let kind = reaction.path.rsplit('/').nth(1).unwrap_or_default();
    log.lock().unwrap().push(kind.to_owned());
    for (path, status) in &reaction.consequences {
        write(cluster, path, status);
    }
    let mut status = reaction.status.clone();
    status["lastHandledReconcileAt"] = requested.clone();
    let generation = &object["metadata"]["generation"];
    status["observedGeneration"] = generation.clone();
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition["observedGeneration"] = generation.clone();
    }
    write(cluster, &reaction.path, &status);
}

fn write(cluster: &Cluster, path: &str, status: &Value) {
    let path = format!("{path}/status?fieldManager=image-reflector-controller");
    let (code, answer) = cluster.request("PATCH", &path, Some(&json!({"status": status})));
    assert!(code < 300, "{path}: {code} {answer}");
}

/// A status with one Ready condition.
pub(super) fn ready(status: &str, reason: &str, message: &str) -> Value {
    json!({"conditions": [{
        "type": "Ready", "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    }]})
}

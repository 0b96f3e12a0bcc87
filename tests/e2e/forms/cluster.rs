//! Objects in a real API server, one scenario at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Form, Outcome};
use crate::kube::{Cluster, Profile, cluster, collection};
use crate::objects::{key, namespaces};
use crate::scenario::{Key, Scenario, entries, list};
use crate::support::program::{Answer, Program};

/// Resources that scenarios use, with their collections below a namespace.
const IMAGE: &str = "/apis/image.toolkit.fluxcd.io/v1";
const RESOURCES: [(&str, &str); 6] = [
    (IMAGE, "imagerepositories"),
    (IMAGE, "imagepolicies"),
    (IMAGE, "imageupdateautomations"),
    ("/apis/source.toolkit.fluxcd.io/v1", "gitrepositories"),
    ("/api/v1", "secrets"),
    ("/api/v1", "serviceaccounts"),
];

/// The namespaces of one scenario in a cluster.
pub struct InCluster {
    program: Program,
    cluster: &'static Cluster,
    /// Namespaces that some scenario has used; there is no controller that could delete them.
    used: BTreeSet<String>,
}

impl InCluster {
    /// The first call of all starts the API server.
    pub fn new() -> Self {
        let cluster = cluster(Profile::Today);
        let mut program = Program::new();
        let kubeconfig = cluster.kubeconfig("admin");
        program.set("KUBECONFIG", &kubeconfig.to_string_lossy());
        Self {
            program,
            cluster,
            used: BTreeSet::new(),
        }
    }

    /// Removes what the scenario before left.
    fn clear(&self) {
        for namespace in &self.used {
            for (root, resource) in RESOURCES {
                let path = format!("{root}/namespaces/{namespace}/{resource}");
                self.cluster.request("DELETE", &path, None);
            }
        }
    }

    /// The namespace with exactly these labels.
    fn ensure(&mut self, namespace: &Value) {
        let name = namespace["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("/api/v1/namespaces/{name}");
        let (status, stored) = self.cluster.request("GET", &path, None);
        if status == 404 {
            self.cluster.apply(namespace);
        } else {
            let mut labels: Map<String, Value> = entries(&stored["metadata"]["labels"])
                .filter(|(label, _)| *label != "kubernetes.io/metadata.name")
                .map(|(label, _)| (label.clone(), Value::Null))
                .collect();
            let wanted = entries(&namespace["metadata"]["labels"]);
            labels.extend(wanted.map(|(label, value)| (label.clone(), value.clone())));
            let patch = json!({"metadata": {"labels": labels}});
            self.cluster.request("PATCH", &path, Some(&patch));
        }
        self.used.insert(name.to_owned());
    }

    /// Every object that scenarios know, Secrets and ServiceAccounts left out.
    fn read(&self) -> Vec<Value> {
        let mut objects = Vec::new();
        for (root, resource) in &RESOURCES[..4] {
            let answer = self.cluster.read(&format!("{root}/{resource}"));
            let kind = answer["kind"].as_str().unwrap_or_default();
            for item in list(&answer["items"]) {
                let mut item = item.clone();
                item["kind"] = kind.trim_end_matches("List").into();
                item["apiVersion"] = answer["apiVersion"].clone();
                objects.push(item);
            }
        }
        objects
    }

    /// What controllers do for every object that has a new request: they end with a status and
    /// note the request.
    fn answer_requests(&self, answers: &BTreeMap<Key, Value>) {
        for object in self.read() {
            let requested = &object["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"];
            let handled = &object["status"]["lastHandledReconcileAt"];
            let key = key(&object);
            let (false, Some(answer)) = (
                requested.is_null() || requested == handled,
                answers.get(&key),
            ) else {
                continue;
            };
            let mut status = answer.clone();
            status["lastHandledReconcileAt"] = requested.clone();
            status["observedGeneration"] = object["metadata"]["generation"].clone();
            self.write_status(&key, &status);
        }
    }

    /// Writes a status as the controller of its kind.
    fn write_status(&self, key: &Key, status: &Value) {
        let manager = match key.0.as_str() {
            "ImageUpdateAutomation" => "image-automation-controller",
            _ => "image-reflector-controller",
        };
        let path = format!("{}/status?fieldManager={manager}", Self::path(key));
        let patch = json!({"status": status});
        let (code, answer) = self.cluster.request("PATCH", &path, Some(&patch));
        assert!(code < 300, "PATCH {path}: {answer}");
    }

    fn path(key: &Key) -> String {
        let (kind, namespace, name) = key;
        let object = json!({"apiVersion": "image.toolkit.fluxcd.io/v1", "kind": kind,
            "metadata": {"namespace": namespace}});
        format!("{}/{name}", collection(&object))
    }
}

impl Form for InCluster {
    fn is_shared(&self) -> bool {
        true
    }

    fn request(&mut self, answers: &BTreeMap<Key, Value>) -> Option<Answer> {
        let ended = AtomicBool::new(false);
        Some(thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::SeqCst) {
                    self.answer_requests(answers);
                    thread::sleep(Duration::from_millis(20));
                }
            });
            let answer = self.program.run(&[
                "reconcile",
                "all",
                "--all-namespaces",
                "--request",
                "--timeout=3s",
            ]);
            ended.store(true, Ordering::SeqCst);
            answer
        }))
    }

    fn load(
        &mut self,
        scenario: &Scenario,
        objects: &[Value],
        _text: Option<String>,
    ) -> Result<(), String> {
        self.clear();
        for namespace in namespaces(scenario, objects) {
            self.ensure(&namespace);
        }
        for object in objects {
            let path = collection(object);
            let (status, answer) = self.cluster.request("POST", &path, Some(object));
            if status >= 300 {
                return Err(format!("{path}: {}", answer["message"]));
            }
        }
        Ok(())
    }

    fn refuses(&mut self, object: &Value) -> Option<String> {
        let path = collection(object);
        let (status, answer) = self.cluster.request("POST", &path, Some(object));
        let message = answer["message"].as_str().unwrap_or_default();
        (status >= 300).then(|| message.to_owned())
    }

    fn patch(&mut self, action: &Value) {
        let text = |field: &str| action[field].as_str().unwrap_or_default().to_owned();
        let namespace = action["namespace"].as_str().unwrap_or("flux-system");
        let key = (text("kind"), namespace.to_owned(), text("name"));
        let path = match key.0.as_str() {
            "GitRepository" => format!(
                "/apis/source.toolkit.fluxcd.io/v1/namespaces/{namespace}/gitrepositories/{}",
                key.2
            ),
            _ => Self::path(&key),
        };
        let (status, answer) = self.cluster.request("PATCH", &path, Some(&action["merge"]));
        assert!(status < 300, "PATCH {path}: {answer}");
    }

    fn reconcile(&mut self) -> Result<Outcome, String> {
        let answer = self
            .program
            .run(&["reconcile", "all", "--all-namespaces", "-o", "json"]);
        let _: Value = serde_json::from_str(&answer.stdout).map_err(|error| {
            format!(
                "the answer is no JSON: {error}\n{}{}",
                answer.stdout, answer.stderr
            )
        })?;
        let statuses: BTreeMap<Key, Value> = self
            .objects()
            .iter()
            .filter(|object| key(object).0 != "GitRepository")
            .map(|object| {
                // An object that was never looked at has the API's default only.
                let status = object.get("status").cloned().unwrap_or_else(|| json!({}));
                (key(object), status)
            })
            .collect();
        Ok(Outcome { statuses, answer })
    }

    fn objects(&self) -> Vec<Value> {
        self.read()
    }

    fn store_status(&mut self, key: &Key, status: &Value) {
        self.write_status(key, status);
    }
}

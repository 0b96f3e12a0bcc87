//! The API servers of the cases, brought into the state that each case begins with.
//!
//! What one case left as it was is kept for the next one, so that a run costs few requests.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::text;
use crate::Case;
use crate::kube::{Cluster, Profile, cluster, collection, definitions};

const PLURALS: [&str; 3] = [
    "imagerepositories",
    "imagepolicies",
    "imageupdateautomations",
];
const GROUP: &str = "/apis/image.toolkit.fluxcd.io/v1";
/// Namespaces that every API server has.
const OWN_NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Every server of the run.
#[derive(Default)]
pub(super) struct World {
    full: Option<Box<Stage>>,
    bare: Option<Box<Stage>>,
}

impl World {
    /// The server that a case needs, with its objects; `None` when it needs none.
    pub(super) fn prepare(&mut self, case: &Case<'_>) -> Option<&mut Stage> {
        let wanted = case.text("cluster");
        let stage = match wanted {
            "full" => self
                .full
                .get_or_insert_with(|| Box::new(Stage::new(Profile::Today))),
            "no-image-crds" | "no-policy-crd" => self
                .bare
                .get_or_insert_with(|| Box::new(Stage::new(Profile::Bare))),
            _ => return None,
        };
        if wanted != "full" {
            stage.install_without_policies(wanted == "no-policy-crd");
        }
        stage.prepare(case);
        Some(stage)
    }
}

/// One API server and what is known to be in it.
pub(super) struct Stage {
    pub(super) cluster: &'static Cluster,
    profile: Profile,
    /// Custom resources that are installed, when the profile has none of its own.
    installed: Vec<Value>,
    /// By `Kind/namespace/name`.
    objects: BTreeMap<String, Value>,
    namespaces: BTreeSet<String>,
    has_nsreader: bool,
    /// A command has run that may have changed anything.
    is_touched: bool,
}

impl Stage {
    fn new(profile: Profile) -> Self {
        Self {
            cluster: cluster(profile),
            profile,
            installed: Vec::new(),
            objects: BTreeMap::new(),
            namespaces: BTreeSet::new(),
            has_nsreader: false,
            is_touched: false,
        }
    }

    fn install_without_policies(&mut self, wanted: bool) {
        if wanted != self.installed.is_empty() {
            return;
        }
        if wanted {
            self.installed = definitions("v1");
            self.installed
                .retain(|definition| definition["spec"]["names"]["plural"] != "imagepolicies");
            self.cluster.install(&self.installed);
        } else {
            self.cluster.uninstall(&self.installed);
            self.installed.clear();
            self.objects.clear();
        }
    }

    /// The plurals that this server has now.
    fn plurals(&self) -> Vec<&'static str> {
        let has = |plural: &str| match self.profile {
            Profile::Today => true,
            _ => self
                .installed
                .iter()
                .any(|definition| definition["spec"]["names"]["plural"] == plural),
        };
        PLURALS.into_iter().filter(|plural| has(plural)).collect()
    }

    fn prepare(&mut self, case: &Case<'_>) {
        let wanted = objects_of(case);
        let mut namespaces: BTreeSet<String> = case.texts("namespaces").into_iter().collect();
        namespaces.extend(
            wanted
                .values()
                .map(|object| text(&object["metadata"]["namespace"]).to_owned()),
        );
        self.bring_namespaces(
            &namespaces,
            case.texts("args")
                .first()
                .is_some_and(|verb| verb == "__complete"),
        );
        if case.text("user") == "nsreader" && !self.has_nsreader {
            self.bring_namespaces(&["apps".to_owned()].into(), false);
            let rules = json!([{
                "apiGroups": ["image.toolkit.fluxcd.io"], "resources": ["*"],
                "verbs": ["get", "list", "watch"],
            }]);
            self.cluster
                .kubeconfig_with_rules("nsreader", Some("apps"), &rules);
            self.has_nsreader = true;
        }
        if self.is_touched {
            self.clear();
        }
        let superfluous: Vec<String> = self
            .objects
            .iter()
            .filter(|(key, object)| wanted.get(*key) != Some(object))
            .map(|(key, _)| key.clone())
            .collect();
        for key in superfluous {
            self.remove(&path_of(&key));
            self.objects.remove(&key);
        }
        for (key, object) in wanted {
            if !self.objects.contains_key(&key) {
                self.create(&object);
                self.objects.insert(key, object);
            }
        }
    }

    /// Creates as flux would have, so that its own fields are no conflict.
    fn create(&self, object: &Value) {
        let path = collection(object);
        self.cluster
            .create(&format!("{path}?fieldManager=flux"), object);
        if object.get("status").is_none() {
            return;
        }
        let path = format!(
            "{path}/{}/status?fieldManager=controller",
            text(&object["metadata"]["name"])
        );
        let status = json!({"status": object["status"]});
        let (code, answer) = self.cluster.request("PATCH", &path, Some(&status));
        assert!(code < 300, "PATCH {path}: {code} {answer}");
    }

    /// Creates what is missing; removes the rest when a case may list namespaces.
    fn bring_namespaces(&mut self, wanted: &BTreeSet<String>, exactly: bool) {
        const PATH: &str = "/api/v1/namespaces";
        for namespace in wanted.difference(&self.namespaces) {
            let object =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            let (code, answer) = self.cluster.request("POST", PATH, Some(&object));
            assert!(
                code < 300 || code == 409,
                "namespace {namespace}: {code} {answer}"
            );
        }
        self.namespaces.extend(wanted.iter().cloned());
        if !exactly {
            return;
        }
        for namespace in self.namespaces.difference(wanted) {
            if OWN_NAMESPACES.contains(&namespace.as_str()) {
                continue;
            }
            // There is no controller that would finish the deletion.
            let path = format!("{PATH}/{namespace}");
            self.cluster.request("DELETE", &path, None);
            let (code, mut object) = self.cluster.request("GET", &path, None);
            if code == 200 {
                object["spec"]["finalizers"] = json!([]);
                self.cluster
                    .request("PUT", &format!("{path}/finalize"), Some(&object));
            }
        }
        self.namespaces.clone_from(wanted);
    }

    /// Removes every object of the three kinds.
    fn clear(&mut self) {
        for plural in self.plurals() {
            let list = self.cluster.read(&format!("{GROUP}/{plural}"));
            for item in list["items"].as_array().into_iter().flatten() {
                let metadata = &item["metadata"];
                self.remove(&format!(
                    "{GROUP}/namespaces/{}/{plural}/{}",
                    text(&metadata["namespace"]),
                    text(&metadata["name"])
                ));
            }
        }
        self.objects.clear();
        self.is_touched = false;
    }

    fn remove(&self, path: &str) {
        let (_, answer) = self.cluster.request("DELETE", path, None);
        if !answer["metadata"]["finalizers"].is_null() {
            let released = json!({"metadata": {"finalizers": null}});
            self.cluster.request("PATCH", path, Some(&released));
        }
    }

    /// Deletes objects that their finalizers hold.
    pub(super) fn delete_before(&self, keys: &[String]) {
        for key in keys {
            self.cluster.request("DELETE", &path_of(key), None);
        }
    }

    /// Remembers whether a command may have changed something.
    pub(super) fn after(&mut self, arguments: &[String]) {
        let verb = arguments.first().map(String::as_str).unwrap_or_default();
        self.is_touched |= !matches!(verb, "get" | "export" | "__complete");
    }

    /// An object as the server has it, or `None`.
    pub(super) fn read(&self, key: &str) -> Option<Value> {
        match self.cluster.request("GET", &path_of(key), None) {
            (200, object) => Some(object),
            (404, _) => None,
            (code, answer) => panic!("{key}: {code} {answer}"),
        }
    }
}

/// The objects of a case by `Kind/namespace/name`.
pub(super) fn objects_of(case: &Case<'_>) -> BTreeMap<String, Value> {
    let field = case.text("objects");
    let yaml = match field.strip_prefix('@') {
        Some(fixture) => text(&case.document["fixtures"][fixture]),
        None => field,
    };
    let mut objects = BTreeMap::new();
    for document in yaml.split("\n---\n") {
        if document.trim().is_empty() {
            continue;
        }
        // Only true and false are booleans to the API server's own reader.
        let options = serde_saphyr::options! { strict_booleans: true, budget: None };
        let object: Value =
            serde_saphyr::from_str_with_options(document, options).expect("an object");
        let key = format!(
            "{}/{}/{}",
            text(&object["kind"]),
            text(&object["metadata"]["namespace"]),
            text(&object["metadata"]["name"])
        );
        objects.insert(key, object);
    }
    objects
}

/// Where the API server has `Kind/namespace/name`.
pub(super) fn path_of(key: &str) -> String {
    let mut parts = key.split('/');
    let mut part = || parts.next().unwrap_or_default();
    let (kind, namespace, name) = (part(), part(), part());
    let object = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": kind,
        "metadata": {"namespace": namespace},
    });
    format!("{}/{name}", collection(&object))
}

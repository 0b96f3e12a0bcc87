//! A real kube-apiserver with etcd behind it, for tests.
//!
//! One cluster of each [`Profile`] per test process, started when first asked for, ended with the
//! process. Nothing is skipped: when the servers cannot be built or started, the test fails. There
//! are no controllers, so namespaces are never deleted; every test takes a fresh one.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "every test program uses a part of it"
)]

mod certificates;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub use certificates::{Authority, Pair};
pub use server::{program, programs};

/// Which custom resources the API server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The three image kinds and GitRepository, v1.
    Today,
    /// The three image kinds in v1beta2 and v1beta1, and GitRepository v1.
    Legacy,
    /// None; the test installs what it wants.
    Bare,
}

/// The cluster of a profile, started on the first call.
pub fn cluster(profile: Profile) -> &'static Cluster {
    static TODAY: OnceLock<Cluster> = OnceLock::new();
    static LEGACY: OnceLock<Cluster> = OnceLock::new();
    static BARE: OnceLock<Cluster> = OnceLock::new();
    let cell = match profile {
        Profile::Today => &TODAY,
        Profile::Legacy => &LEGACY,
        Profile::Bare => &BARE,
    };
    cell.get_or_init(|| Cluster::start(profile))
}

/// A running API server.
pub struct Cluster {
    server: server::Running,
    authority: Authority,
    admin: reqwest::blocking::Client,
    users: Mutex<Vec<(String, PathBuf)>>,
}

/// One line of the audit log: a request as the API server saw it.
#[derive(Clone, Debug)]
pub struct Audited(pub Value);

impl Audited {
    /// For example `get /apis/… 200`: verb, address and status.
    pub fn line(&self) -> String {
        format!(
            "{} {} {}",
            self.0["verb"].as_str().unwrap_or_default(),
            self.0["requestURI"].as_str().unwrap_or_default(),
            self.0["responseStatus"]["code"]
        )
    }
}

impl Cluster {
    fn start(profile: Profile) -> Self {
        let authority = Authority::new();
        let admin_pair = authority.client("admin", &["system:masters"]);
        let admin = http_client(&authority, &admin_pair);
        let server = server::Running::start(&authority, &admin);
        let cluster = Self {
            server,
            authority,
            admin,
            users: Mutex::new(Vec::new()),
        };
        cluster.write_kubeconfig("admin", &admin_pair);
        cluster.grant_readers();
        match profile {
            Profile::Today => cluster.install(&definitions("v1")),
            Profile::Legacy => {
                cluster.install(&definitions("legacy"));
                let today = definitions("v1");
                let sources =
                    |definition: &Value| definition["spec"]["names"]["kind"] == "GitRepository";
                cluster.install(&today.into_iter().filter(sources).collect::<Vec<_>>());
            }
            Profile::Bare => {}
        }
        cluster
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// A folder that lives as long as the cluster.
    pub fn folder(&self) -> &Path {
        self.server.folder()
    }

    /// The authority that signed the server's certificate.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// A namespace of its own for one test.
    pub fn namespace(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let name = format!("test-{}", NEXT.fetch_add(1, Ordering::SeqCst));
        self.create(
            "/api/v1/namespaces",
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
        );
        name
    }

    /// The kubeconfig of a user: `admin` may do everything, `nobody` nothing, `reader` may read the
    /// image kinds everywhere. Any other name is a user without rights until it is bound.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        if let Some((_, path)) = self.users().iter().find(|(name, _)| name == user) {
            return path.clone();
        }
        self.write_kubeconfig(user, &self.authority.client(user, &[]))
    }

    /// Grants rules in a namespace (or everywhere) to a user, and returns the user's kubeconfig.
    pub fn kubeconfig_with_rules(
        &self,
        user: &str,
        namespace: Option<&str>,
        rules: &Value,
    ) -> PathBuf {
        const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
        self.create(
            &format!("{RBAC}/clusterroles"),
            &json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                "metadata": {"name": user}, "rules": rules,
            }),
        );
        let (path, kind) = match namespace {
            Some(namespace) => (
                format!("{RBAC}/namespaces/{namespace}/rolebindings"),
                "RoleBinding",
            ),
            None => (format!("{RBAC}/clusterrolebindings"), "ClusterRoleBinding"),
        };
        self.create(
            &path,
            &json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
                "metadata": {"name": user},
                "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
                "roleRef": {"kind": "ClusterRole", "name": user, "apiGroup": "rbac.authorization.k8s.io"},
            }),
        );
        self.wait_for_rules(user, namespace, rules);
        self.kubeconfig(user)
    }

    /// Binds a role of `docs/rbac`, for example `view`, to a new user in a namespace (or
    /// everywhere), and returns the user's kubeconfig.
    pub fn kubeconfig_with_role(&self, role: &str, namespace: Option<&str>) -> PathBuf {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/rbac/{role}.yaml"));
        let text = fs::read_to_string(&file).expect("a role");
        let content: Value = serde_saphyr::from_str(&text).expect("YAML");
        let user = format!("{role}-{}", NEXT.fetch_add(1, Ordering::SeqCst));
        self.kubeconfig_with_rules(&user, namespace, &content["rules"])
    }

    fn grant_readers(&self) {
        let rules = json!([{
            "apiGroups": ["image.toolkit.fluxcd.io"], "resources": ["*"],
            "verbs": ["get", "list", "watch"],
        }]);
        self.kubeconfig_with_rules("reader", None, &rules);
    }

    /// The authorizer learns of a binding a moment after it is stored.
    fn wait_for_rules(&self, user: &str, namespace: Option<&str>, rules: &Value) {
        let Some(rule) = rules.get(0) else { return };
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": {
                "group": rule["apiGroups"][0], "resource": rule["resources"][0],
                "verb": rule["verbs"][0], "namespace": namespace.unwrap_or_default(),
                "name": rule["resourceNames"][0],
            }},
        });
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        wait_until(&format!("the rights of {user}"), || {
            self.create(path, &review)["status"]["allowed"] == true
        });
    }

    /// Creates definitions and waits until their resources answer.
    pub fn install(&self, definitions: &[Value]) {
        const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        for definition in definitions {
            self.create(CRDS, definition);
        }
        for definition in definitions {
            let spec = &definition["spec"];
            let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
            for version in spec["versions"].as_array().expect("versions") {
                let path = format!("/apis/{group}/{}/{plural}", text(&version["name"]));
                wait_until(&path, || self.request("GET", &path, None).0 == 200);
            }
        }
    }

    /// Removes definitions with all their objects and waits until they are gone.
    pub fn uninstall(&self, definitions: &[Value]) {
        for definition in definitions {
            let path = format!(
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}",
                text(&definition["metadata"]["name"])
            );
            self.request("DELETE", &path, None);
            wait_until(&path, || self.request("GET", &path, None).0 == 404);
            let spec = &definition["spec"];
            let path = format!(
                "/apis/{}/{}/{}",
                text(&spec["group"]),
                text(&spec["versions"][0]["name"]),
                text(&spec["names"]["plural"])
            );
            wait_until(&path, || self.request("GET", &path, None).0 == 404);
        }
    }

    /// Creates an object as admin below a collection's path; fails unless it works.
    pub fn create(&self, path: &str, object: &Value) -> Value {
        let (status, answer) = self.request("POST", path, Some(object));
        assert!(status < 300, "POST {path}: {status} {answer}");
        answer
    }

    /// Creates an object where its own apiVersion, kind and namespace say, and its status.
    pub fn apply(&self, object: &Value) -> Value {
        let path = collection(object);
        let created = self.create(&path, object);
        if object.get("status").is_none() {
            return created;
        }
        let path = format!("{path}/{}/status", text(&object["metadata"]["name"]));
        let (status, answer) =
            self.request("PATCH", &path, Some(&json!({"status": object["status"]})));
        assert!(status < 300, "PATCH {path}: {status} {answer}");
        answer
    }

    /// Reads an object as admin; fails unless it is there.
    pub fn read(&self, path: &str) -> Value {
        let (status, answer) = self.request("GET", path, None);
        assert_eq!(status, 200, "GET {path}: {answer}");
        answer
    }

    /// One request as admin. PATCH is a JSON merge patch. Busy answers are asked again.
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let url = format!("{}{path}", self.url());
        let mut answer = (0, Value::Null);
        wait_until(&format!("an answer for {method} {path}"), || {
            let mut request = self.admin.request(method.clone(), &url);
            if let Some(body) = body {
                let kind = if method == reqwest::Method::PATCH {
                    "application/merge-patch+json"
                } else {
                    "application/json"
                };
                request = request.header("content-type", kind).body(body.to_string());
            }
            let response = request
                .send()
                .unwrap_or_else(|error| panic!("{url}: {error:?}"));
            let status = response.status().as_u16();
            let text = response.text().expect("a body");
            answer = (
                status,
                serde_json::from_str(&text).unwrap_or(Value::String(text)),
            );
            status != 429 && status != 503
        });
        answer
    }

    /// Everything the API server was asked since `mark` that matches.
    pub fn audited(&self, mark: Mark, wanted: impl Fn(&Value) -> bool) -> Vec<Audited> {
        let log = fs::read(self.server.audit_log()).unwrap_or_default();
        String::from_utf8_lossy(log.get(mark.0..).unwrap_or_default())
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|event| wanted(event))
            .map(Audited)
            .collect()
    }

    /// The end of the audit log.
    pub fn mark(&self) -> Mark {
        Mark(
            fs::metadata(self.server.audit_log())
                .map_or(0, |log| usize::try_from(log.len()).expect("a small log")),
        )
    }

    fn users(&self) -> std::sync::MutexGuard<'_, Vec<(String, PathBuf)>> {
        self.users.lock().expect("no test panics here")
    }

    fn write_kubeconfig(&self, user: &str, pair: &Pair) -> PathBuf {
        let path = self.folder().join(format!("{user}.kubeconfig"));
        let config = kubeconfig(&self.url(), &self.authority.certificate, user, pair);
        fs::write(&path, config.to_string()).expect("a kubeconfig");
        self.users().push((user.to_owned(), path.clone()));
        path
    }
}

/// A position in the audit log.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

/// A kubeconfig (JSON is YAML) with everything inside.
pub fn kubeconfig(url: &str, authority: &str, user: &str, pair: &Pair) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {
            "server": url, "certificate-authority-data": STANDARD.encode(authority),
        }}],
        "users": [{"name": user, "user": {
            "client-certificate-data": STANDARD.encode(&pair.certificate),
            "client-key-data": STANDARD.encode(&pair.key),
        }}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
    })
}

/// The tests' definitions of a folder of `tests/kube/crds`.
pub fn definitions(folder: &str) -> Vec<Value> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/kube/crds/{folder}"));
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("definitions")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| {
            let text = fs::read_to_string(file).expect("a definition");
            serde_saphyr::from_str(&text).expect("YAML")
        })
        .collect()
}

/// The collection that an object belongs to, by its apiVersion, kind and namespace.
pub fn collection(object: &Value) -> String {
    let version = text(&object["apiVersion"]);
    let root = if version.contains('/') { "apis" } else { "api" };
    let kind = text(&object["kind"]).to_lowercase();
    let plural = match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{kind}s"),
    };
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/{root}/{version}/namespaces/{namespace}/{plural}"),
        None => format!("/{root}/{version}/{plural}"),
    }
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
}

fn http_client(authority: &Authority, pair: &Pair) -> reqwest::blocking::Client {
    // Another test of the process may have been first; either way there is a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = reqwest::Certificate::from_pem(authority.certificate.as_bytes());
    let pem = format!("{}{}", pair.certificate, pair.key);
    reqwest::blocking::Client::builder()
        .no_proxy()
        .tls_certs_only([certificate.expect("the authority")])
        .identity(reqwest::Identity::from_pem(pem.as_bytes()).expect("a pair"))
        .timeout(Duration::from_secs(60))
        .build()
        .expect("a client")
}

/// Asks again until the condition holds; fails after two minutes, naming it.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(
            begin.elapsed() < Duration::from_secs(120),
            "still waiting for {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

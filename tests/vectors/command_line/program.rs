//! One call of the program, inside this process, in a folder of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Cursor, Write};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use kubectl_imageupdate::{Environment, Streams, run_for_code};
use serde_json::{Value, json};

use super::stage::Stage;
use super::text;
use crate::Case;

/// What a call printed and returned.
pub(super) struct Answer {
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) code: u8,
}

/// The working directory of a case, its environment and its placeholders.
pub(super) struct Folder {
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
    placeholders: Vec<(&'static str, String)>,
    input: String,
}

impl Folder {
    pub(super) fn new(case: &Case<'_>, stage: Option<&Stage>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("home")).expect("a home");
        let server = stage.map_or_else(String::new, |stage| stage.cluster.url());
        let authority = stage.map_or_else(String::new, |stage| {
            stage.cluster.folder().join("ca.crt").display().to_string()
        });
        let placeholders = vec![
            ("${DIR}", folder.path().display().to_string()),
            ("${HOST}", server.trim_start_matches("https://").to_owned()),
            ("${SERVER}", server),
            ("${CLOSED}", closed().to_owned()),
            ("${CA}", authority),
        ];
        let mut folder = Self {
            folder,
            variables: BTreeMap::new(),
            placeholders,
            input: case.text("stdin").to_owned(),
        };
        folder.set("PATH", &std::env::var("PATH").unwrap_or_default());
        folder.set("HOME", &folder.path("home"));
        folder.set("TZ", "UTC");
        folder.write_kubeconfig(case, stage);
        for (name, value) in case.value["env"].as_object().into_iter().flatten() {
            folder.set(name, &folder.fill(text(value)));
        }
        folder
    }

    /// Replaces the placeholders of a case's text.
    pub(super) fn fill(&self, template: &str) -> String {
        let mut filled = template.to_owned();
        for (placeholder, value) in &self.placeholders {
            filled = filled.replace(placeholder, value);
        }
        filled
    }

    /// Runs the program.
    pub(super) fn call(&self, arguments: &[String]) -> Answer {
        let (out, err) = (Sink::default(), Sink::default());
        let streams = Streams {
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            input: Box::new(Cursor::new(self.input.clone().into_bytes())),
            out_is_terminal: false,
            err_is_terminal: false,
            input_is_terminal: false,
        };
        let variables = self
            .variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let environment = Environment::new(variables, self.folder.path().to_owned());
        let line = std::iter::once("kubectl-imageupdate".to_owned()).chain(arguments.to_vec());
        let line: Vec<OsString> = line.map(OsString::from).collect();
        let code = catch_unwind(AssertUnwindSafe(|| {
            run_for_code(line, environment, streams)
        }));
        Answer {
            stdout: out.text(),
            stderr: err.text(),
            // What Rust returns after a panic, which no case may expect.
            code: code.unwrap_or(101),
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    fn write_kubeconfig(&mut self, case: &Case<'_>, stage: Option<&Stage>) {
        let wanted = &case.value["kubeconfig"];
        let content = match wanted.as_str() {
            Some("none") => return,
            Some("missing") => {
                self.set("KUBECONFIG", &self.path("missing"));
                return;
            }
            _ if wanted["text"].is_string() => self.fill(text(&wanted["text"])),
            closed => kubeconfig(case, stage.filter(|_| closed != Some("closed"))).to_string(),
        };
        let path = self.path("kubeconfig");
        std::fs::write(&path, content).expect("a kubeconfig");
        self.set("KUBECONFIG", &path);
    }
}

/// The kubeconfig of the cases' description. Without a stage its server is closed.
fn kubeconfig(case: &Case<'_>, stage: Option<&Stage>) -> Value {
    let user = case.value["user"].as_str().unwrap_or("admin");
    let mut users: Vec<&str> = vec![user];
    if user != "nobody" {
        users.push("nobody");
    }
    let credentials = |user: &str| match stage {
        Some(stage) => read(&stage.cluster.kubeconfig(user))["users"][0]["user"].clone(),
        None => json!({}),
    };
    let cluster = match stage {
        Some(stage) => json!({
            "server": stage.cluster.url(),
            "certificate-authority": stage.cluster.folder().join("ca.crt"),
        }),
        None => json!({"server": format!("https://{}", closed())}),
    };
    let mut context = json!({"cluster": "test", "user": user});
    if let Some(namespace) = case.value["namespace_context"].as_str() {
        context["namespace"] = namespace.into();
    }
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": users
            .iter()
            .map(|user| json!({"name": user, "user": credentials(user)}))
            .collect::<Vec<_>>(),
        "contexts": [
            {"name": "test", "context": context},
            {"name": "other", "context": {"cluster": "test", "user": user, "namespace": "apps"}},
        ],
    })
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("a kubeconfig");
    serde_json::from_str(&text).expect("JSON")
}

/// An address where nothing listens.
fn closed() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    ADDRESS.get_or_init(|| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        listener.local_addr().expect("an address").to_string()
    })
}

/// Keeps what is written.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

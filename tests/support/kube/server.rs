//! Starting and ending the two server processes.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::Authority;

/// Writes of the image kinds are logged with their bodies, everything else without; the API
/// server's own requests are not.
const AUDIT_POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: ["system:apiserver", "system:anonymous"]
  - level: Request
    verbs: [create, update, patch, delete]
    resources: [{group: image.toolkit.fluxcd.io}]
  - level: Metadata
"#;

/// Reads its standard input, which ends when the test process does, however that happens; then
/// ends the servers and removes their folder.
const WATCHMAN: &str = r#"cat >/dev/null; kill -9 "$1" "$2"; rm -rf "$3""#;

/// The folder with `kube-apiserver`, `etcd` and `kubectl`, built on the first call of all.
pub fn programs() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kube/build");
        let output = Command::new(&build)
            .stderr(Stdio::inherit())
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", build.display()));
        assert!(output.status.success(), "tests/kube/build failed");
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
    })
}

/// One of the programs, for example `kubectl`.
pub fn program(name: &str) -> PathBuf {
    programs().join(name)
}

/// The two processes and their folder.
pub struct Running {
    folder: PathBuf,
    port: u16,
    etcd: Child,
    api_server: Child,
    // Its standard input is the string that ties the servers' life to this process.
    watchman: Child,
}

impl Running {
    /// Starts both and waits until they are ready. The port is below the range that outgoing
    /// connections take theirs from, and another one is tried when it is taken all the same.
    pub fn start(authority: &Authority, client: &reqwest::blocking::Client) -> Self {
        let mut log = String::new();
        for _ in 0..5 {
            let mut running = Self::spawn(authority);
            match running.wait_until_ready(client) {
                Ok(()) => return running,
                Err(ended) => log = ended,
            }
        }
        panic!("kube-apiserver does not start:\n{log}");
    }

    fn spawn(authority: &Authority) -> Self {
        let folder = tempfile::tempdir().expect("a folder").keep();
        write_files(&folder, authority);
        let port = free_port();
        let etcd = start_etcd(&folder);
        let api_server = start_api_server(&folder, port);
        let watchman = Command::new("sh")
            .args(["-c", WATCHMAN, "sh"])
            .args([etcd.id().to_string(), api_server.id().to_string()])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        Self {
            folder,
            port,
            etcd,
            api_server,
            watchman,
        }
    }

    /// Waits until `/readyz` says so; gives the API server's log when a process ends instead.
    fn wait_until_ready(&mut self, client: &reqwest::blocking::Client) -> Result<(), String> {
        let url = format!("{}/readyz", self.url());
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(120) {
            let ready = client.get(&url).send();
            if ready.is_ok_and(|response| response.status().is_success()) {
                return Ok(());
            }
            let ended = |child: &mut Child| child.try_wait().is_ok_and(|status| status.is_some());
            if ended(&mut self.etcd) || ended(&mut self.api_server) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.folder.join("kube-apiserver.log")).unwrap_or_default();
        drop(self.watchman.stdin.take());
        for child in [&mut self.watchman, &mut self.etcd, &mut self.api_server] {
            let _ = child.wait();
        }
        Err(log)
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn audit_log(&self) -> PathBuf {
        self.folder.join("audit.log")
    }
}

fn write_files(folder: &Path, authority: &Authority) {
    let pair = authority.server(&["127.0.0.1", "localhost"]);
    for (name, content) in [
        ("ca.crt", authority.certificate.as_str()),
        ("server.crt", &pair.certificate),
        ("server.key", &pair.key),
        ("audit-policy.yaml", AUDIT_POLICY),
    ] {
        fs::write(folder.join(name), content).expect("a file of the server");
    }
}

/// etcd on sockets in its working directory, so that it needs no port.
fn start_etcd(folder: &Path) -> Child {
    logged(folder, "etcd")
        .args([
            "--data-dir=etcd",
            "--listen-client-urls=unix://c.sock:0",
            "--advertise-client-urls=unix://c.sock:0",
            "--listen-peer-urls=unix://p.sock:0",
            "--unsafe-no-fsync",
            "--log-level=error",
        ])
        .spawn()
        .expect("etcd starts")
}

fn start_api_server(folder: &Path, port: u16) -> Child {
    logged(folder, "kube-apiserver")
        .args([
            "--etcd-servers=unix://c.sock:0",
            "--bind-address=127.0.0.1",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=server.crt",
            "--service-account-signing-key-file=server.key",
            "--tls-cert-file=server.crt",
            "--tls-private-key-file=server.key",
            "--client-ca-file=ca.crt",
            "--authorization-mode=RBAC",
            "--audit-policy-file=audit-policy.yaml",
            "--audit-log-path=audit.log",
            "--audit-log-mode=blocking",
        ])
        .arg(format!("--secure-port={port}"))
        .spawn()
        .expect("kube-apiserver starts")
}

fn logged(folder: &Path, name: &str) -> Command {
    let log = fs::File::create(folder.join(format!("{name}.log"))).expect("a log");
    let mut command = Command::new(super::program(name));
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log);
    command
}

/// A port that nobody listens on, spread over processes by their ids.
fn free_port() -> u16 {
    loop {
        let port = 20_000 + rand::random::<u16>() % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

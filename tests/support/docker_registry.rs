//! Debian's `docker-registry` as a child process, in its four modes.
//!
//! A missing program fails the test that asks for it: nothing is skipped in silence.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::certificates::Pair;
use super::registry_server::{manifest, sha256};
use super::token_server::{ISSUER, SERVICE, TokenServer};

/// The account of [`Mode::Basic`].
pub const USER: &str = "puller";
/// Its password.
pub const PASSWORD: &str = "s3cret";
/// The same as `htpasswd -nbBC 5` writes it.
const HTPASSWD: &str = "puller:$2y$05$QRLZpXgwdejBPccd2Qv/su4tcP5Ga1R8GOuz2L0F0LnDfydu6IHpy\n";

/// How the registry asks for credentials, and what it speaks.
pub enum Mode<'a> {
    Open,
    /// htpasswd.
    Basic,
    Token(&'a TokenServer),
    /// HTTP/2 and HTTP/1.1 over TLS.
    Tls(&'a Pair),
}

/// Killed and waited for when dropped.
pub struct DockerRegistry {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl DockerRegistry {
    /// Starts a registry with the given images (repository, tags).
    pub fn start(mode: &Mode<'_>, images: &[(&str, &[&str])]) -> Self {
        let mut folder = tempfile::tempdir().expect("a folder");
        for (repository, tags) in images {
            write_image(&folder.path().join("data"), repository, tags);
        }
        // The port is free when it is chosen; when somebody else takes it first, choose again.
        for _ in 0..5 {
            let port = free_port();
            let configuration = configuration(folder.path(), port, mode);
            let file = folder.path().join("registry.yml");
            fs::write(&file, configuration).expect("a configuration");
            let log = fs::File::create(folder.path().join("log")).expect("a log");
            let child = Command::new("docker-registry")
                .arg("serve")
                .arg(&file)
                .env_remove("OTEL_TRACES_EXPORTER")
                .stdin(Stdio::null())
                .stdout(log.try_clone().expect("a log"))
                .stderr(log)
                .spawn()
                .unwrap_or_else(|error| {
                    panic!("docker-registry cannot be started ({error}): install the package docker-registry")
                });
            let mut registry = Self {
                child,
                port,
                folder,
            };
            if registry.wait() {
                return registry;
            }
            let log = fs::read_to_string(registry.folder.path().join("log")).unwrap_or_default();
            assert!(
                log.contains("address already in use"),
                "docker-registry did not start:\n{log}"
            );
            let _ = registry.child.kill();
            let _ = registry.child.wait();
            folder = registry.take_folder();
        }
        panic!("no free port for docker-registry");
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `localhost:port`.
    pub fn local_host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// Its access and error log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until the registry answers on the port; false when the process ended instead.
    fn wait(&mut self) -> bool {
        let end = Instant::now() + Duration::from_secs(120);
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        while Instant::now() < end {
            if let Ok(Some(_)) = self.child.try_wait() {
                return false;
            }
            // Who answers on the port may be another test's server, until this one says that it
            // listens. A TLS server answers plain HTTP with a 400 in plain text.
            let listens = self.log().contains("listening on");
            if let (true, Ok(mut stream)) = (listens, TcpStream::connect(address)) {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
                let _ = stream.write_all(b"GET /v2/ HTTP/1.0\r\nHost: localhost\r\n\r\n");
                let mut answer = [0; 5];
                if stream.read_exact(&mut answer).is_ok() && answer == *b"HTTP/" {
                    return true;
                }
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    fn take_folder(mut self) -> tempfile::TempDir {
        std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"))
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

fn configuration(folder: &Path, port: u16, mode: &Mode<'_>) -> String {
    let path = |name: &str| folder.join(name).display().to_string();
    let put = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("a file");
        path(name)
    };
    let (auth, tls) = match mode {
        Mode::Open => (String::new(), String::new()),
        Mode::Basic => {
            let file = put("htpasswd", HTPASSWD);
            let text = format!("auth: {{htpasswd: {{realm: basic-realm, path: {file}}}}}\n");
            (text, String::new())
        }
        Mode::Token(server) => {
            let file = put("token.crt", &server.certificate);
            let realm = server.realm();
            let text = format!(
                "auth: {{token: {{realm: \"{realm}\", service: {SERVICE}, issuer: {ISSUER}, rootcertbundle: {file}}}}}\n"
            );
            (text, String::new())
        }
        Mode::Tls(pair) => {
            let certificate = put("server.crt", &pair.certificate);
            let key = put("server.key", &pair.key);
            let text = format!(", tls: {{certificate: {certificate}, key: {key}}}");
            (String::new(), text)
        }
    };
    format!(
        "version: 0.1\nlog: {{level: info, accesslog: {{disabled: false}}}}\nstorage:\n  cache: {{blobdescriptor: inmemory}}\n  filesystem: {{rootdirectory: {}, maxthreads: 100}}\n{auth}http: {{addr: \"127.0.0.1:{port}\"{tls}}}\n",
        path("data")
    )
}

/// Writes images into the registry's storage as pushes would have left them.
fn write_image(data: &Path, repository: &str, tags: &[&str]) {
    let root = data.join("docker/registry/v2");
    let base = root.join("repositories").join(repository);
    fs::create_dir_all(base.join("_manifests/tags")).expect("a folder");
    fs::create_dir_all(base.join("_layers")).expect("a folder");
    for tag in tags {
        let text = manifest(&format!("{repository}:{tag}"));
        let digest = sha256(text.as_bytes());
        let hex = digest.trim_start_matches("sha256:");
        let blob = root.join("blobs/sha256").join(&hex[..2]).join(hex);
        let revision = base.join("_manifests/revisions/sha256").join(hex);
        let current = base.join("_manifests/tags").join(tag).join("current");
        let index = base
            .join("_manifests/tags")
            .join(tag)
            .join("index/sha256")
            .join(hex);
        for folder in [&blob, &revision, &current, &index] {
            fs::create_dir_all(folder).expect("a folder");
        }
        fs::write(blob.join("data"), &text).expect("a blob");
        for link in [&revision, &current, &index] {
            fs::write(link.join("link"), &digest).expect("a link");
        }
    }
}

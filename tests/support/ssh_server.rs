//! A real sshd for the user who runs the tests.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running sshd. Ends on drop.
pub struct SshServer {
    folder: TempDir,
    port: u16,
    user: String,
    process: Child,
}

fn keygen(arguments: &[&str], folder: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-C", "test"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("openssh must be installed");
    assert!(made.status.success(), "ssh-keygen: {made:?}");
}

fn user_name() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// sshd wants to be called by its absolute path.
fn program() -> PathBuf {
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .expect("openssh-server must be installed")
}

impl SshServer {
    /// Starts sshd. With `new_protocol` it lets the client ask for version 2 of Git's protocol,
    /// which OpenSSH does not by default.
    pub fn start(new_protocol: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let at = folder.path();
        for (kind, name) in [("ed25519", "host_ed25519"), ("rsa", "host_rsa")] {
            keygen(&["-t", kind, "-N", "", "-f", name], at);
        }
        keygen(&["-t", "ed25519", "-N", "", "-f", "client"], at);
        keygen(
            &[
                "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "hunter2", "-f", "locked",
            ],
            at,
        );
        keygen(&["-t", "ed25519", "-N", "", "-f", "stranger"], at);
        let keys = ["client.pub", "locked.pub"]
            .map(|name| std::fs::read_to_string(at.join(name)).unwrap())
            .concat();
        std::fs::write(at.join("authorized_keys"), keys).unwrap();
        // Only root needs it, and only root can make it.
        let _ = std::fs::create_dir_all("/run/sshd");
        let started = Instant::now();
        loop {
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let accept = if new_protocol {
                "AcceptEnv GIT_PROTOCOL\n"
            } else {
                ""
            };
            let d = at.display();
            std::fs::write(
                at.join("config"),
                format!(
                    "Port {port}\nListenAddress 127.0.0.1\nHostKey {d}/host_ed25519\nHostKey {d}/host_rsa\n\
                     PidFile {d}/pid\nAuthorizedKeysFile {d}/authorized_keys\nStrictModes no\nUsePAM no\n\
                     PasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                     PermitRootLogin prohibit-password\nMaxStartups 100\n{accept}"
                ),
            )
            .unwrap();
            let mut process = Command::new(program())
                .args(["-D", "-e", "-f"])
                .arg(at.join("config"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("openssh-server must be installed");
            // Another program may have taken the port meanwhile, and would answer on it too: ready
            // is who wrote its number, which sshd does when it listens.
            while process.try_wait().unwrap().is_none() {
                if at.join("pid").exists() {
                    return Self {
                        folder,
                        port,
                        user: user_name(),
                        process,
                    };
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            assert!(
                started.elapsed() < Duration::from_secs(120),
                "sshd does not start"
            );
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// URL of a repository on this machine.
    pub fn url(&self, path: &Path) -> String {
        format!(
            "ssh://{}@127.0.0.1:{}{}",
            self.user,
            self.port,
            path.display()
        )
    }

    /// A private key: `client`, `locked` (passphrase `hunter2`) or `stranger`.
    pub fn key(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap()
    }

    /// A known_hosts line with the host's key of a kind, or with another public key file.
    pub fn known_hosts(&self, public: &str) -> String {
        let key = std::fs::read_to_string(self.folder.path().join(public)).unwrap();
        format!("[127.0.0.1]:{} {key}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! Signatures, judged by gpg, ssh-keygen and git.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kubectl_imageupdate::git::GitClient;
use kubectl_imageupdate::ports::{GitHost as _, SigningKey};
use kubectl_imageupdate::redacted::Redacted;
use tempfile::TempDir;

use crate::fixture::{Fetch, edit, push, small, source};
use crate::support::git_repository::{Repositories, Repository};

/// A folder for keys. The agent that gpg starts in it ends with it.
struct Keys(TempDir);

impl Keys {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.path())
            .env("GNUPGHOME", self.path())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{program} must be installed: {error}"));
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    fn gpg(&self, passphrase: &str, arguments: &[&str]) -> Vec<u8> {
        let mut all = vec![
            "--batch",
            "--quiet",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            passphrase,
        ];
        all.extend(arguments);
        self.run("gpg", &all).stdout
    }

    /// Makes an OpenPGP key and exports it.
    fn open_pgp(&self, name: &str, algorithm: &str, passphrase: &str, subkey: bool) -> SigningKey {
        let usage = if subkey { "cert" } else { "sign,cert" };
        self.gpg(
            passphrase,
            &["--quick-generate-key", name, algorithm, usage, "never"],
        );
        if subkey {
            let listed = self.gpg("", &["--with-colons", "--list-keys", name]);
            let fingerprint = String::from_utf8(listed)
                .unwrap()
                .lines()
                .find_map(|line| {
                    line.strip_prefix("fpr:")?
                        .split(':')
                        .nth(8)
                        .map(str::to_owned)
                })
                .unwrap();
            self.gpg(
                passphrase,
                &["--quick-add-key", &fingerprint, algorithm, "sign", "never"],
            );
        }
        SigningKey::OpenPgp {
            armored: Redacted::new(
                self.gpg(passphrase, &["--armor", "--export-secret-keys", name]),
            ),
            passphrase: (!passphrase.is_empty()).then(|| Redacted::new(passphrase.to_owned())),
        }
    }

    /// Makes an ssh key, in the given private format.
    fn ssh(&self, kind: &str, bits: &str, passphrase: &str, format: &str) -> SigningKey {
        let name = format!("{kind}{bits}{format}{}", passphrase.len());
        self.run(
            "ssh-keygen",
            &[
                "-q", "-t", kind, "-b", bits, "-N", passphrase, "-m", format, "-f", &name, "-C",
                "x",
            ],
        );
        let public = std::fs::read_to_string(self.path().join(format!("{name}.pub"))).unwrap();
        std::fs::write(
            self.path().join("allowed"),
            format!("flux@example.com {public}"),
        )
        .unwrap();
        SigningKey::Ssh {
            identity: Redacted::new(std::fs::read(self.path().join(&name)).unwrap()),
            passphrase: (!passphrase.is_empty()).then(|| Redacted::new(passphrase.to_owned())),
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .args(["--kill", "all"])
            .env("GNUPGHOME", self.path())
            .output();
    }
}

/// Commits with a key and has git judge the commit.
fn verify(key: &SigningKey, keys: &Keys, repository: &Repository) {
    GitClient::new().check_signing_key(key, "signing").unwrap();
    let source = source(&repository.file_url());
    let mut snapshot = Fetch::branch(&source, "main").run().unwrap();
    let mut commit = edit("clusters/my-cluster/app.yaml", "signed\n");
    commit.message = "Signed\n\nwith a body\n".to_owned();
    commit.signing_key = Some(key.clone());
    snapshot.commit(&commit).unwrap();
    push(snapshot.as_mut(), "main").unwrap();
    let mut judge = crate::support::git_repository::command(&repository.path);
    judge.env("GNUPGHOME", keys.path());
    if matches!(key, SigningKey::Ssh { .. }) {
        let allowed = keys.path().join("allowed");
        judge
            .args(["-c", "gpg.format=ssh", "-c"])
            .arg(format!("gpg.ssh.allowedSignersFile={}", allowed.display()));
    }
    let judged = judge
        .args(["verify-commit", "-v", "main"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&judged.stderr).into_owned();
    assert!(judged.status.success(), "{said}");
    assert!(said.contains("Good"), "{said}");
    repository.assert_sound();
}

/// The signature of the newest commit, and what it was made over.
fn detached(repository: &Repository) -> (String, Vec<u8>) {
    let commit = repository.git(&["cat-file", "commit", "main"]) + "\n";
    let (head, message) = commit.split_once("\n\n").unwrap();
    let (before, folded) = head.split_once("\ngpgsig ").unwrap();
    let signature = folded.replace("\n ", "\n") + "\n";
    (signature, format!("{before}\n\n{message}").into_bytes())
}

#[test]
fn open_pgp_signatures_are_good() {
    let keys = Keys::new();
    let repositories = Repositories::new();
    let repository = small(&repositories);
    for (name, algorithm, passphrase, subkey) in [
        ("rsa <flux@example.com>", "rsa2048", "", false),
        ("ed <ed@example.com>", "ed25519", "hunter2 ü", false),
        ("sub <sub@example.com>", "ed25519", "hunter2", true),
        ("nist <nist@example.com>", "nistp384", "", false),
    ] {
        let key = keys.open_pgp(name, algorithm, passphrase, subkey);
        verify(&key, &keys, &repository);
        let (signature, payload) = detached(&repository);
        assert!(signature.starts_with("-----BEGIN PGP SIGNATURE-----\n"));
        std::fs::write(keys.path().join("sig"), signature).unwrap();
        std::fs::write(keys.path().join("payload"), payload).unwrap();
        keys.run("gpg", &["--verify", "sig", "payload"]);
        repository.commit("main", "next", &[("clusters/my-cluster/app.yaml", name)]);
    }
}

#[test]
fn ssh_signatures_are_good() {
    let keys = Keys::new();
    let repositories = Repositories::new();
    let repository = small(&repositories);
    for (kind, bits, passphrase, format) in [
        ("ed25519", "256", "", "RFC4716"),
        ("ed25519", "256", "hunter2", "RFC4716"),
        ("ecdsa", "256", "", "RFC4716"),
        ("ecdsa", "384", "hunter2", "PKCS8"),
        ("ecdsa", "521", "", "PEM"),
        ("rsa", "2048", "", "RFC4716"),
        ("rsa", "2048", "hunter2", "PEM"),
        ("rsa", "2048", "", "PEM"),
        ("rsa", "2048", "", "PKCS8"),
    ] {
        let key = keys.ssh(kind, bits, passphrase, format);
        verify(&key, &keys, &repository);
        let (signature, payload) = detached(&repository);
        assert!(signature.starts_with("-----BEGIN SSH SIGNATURE-----\n"));
        std::fs::write(keys.path().join("sig"), signature).unwrap();
        let mut judge = Command::new("ssh-keygen")
            .args(["-Y", "verify", "-n", "git", "-f", "allowed"])
            .args(["-I", "flux@example.com", "-s", "sig"])
            .current_dir(keys.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        judge.stdin.take().unwrap().write_all(&payload).unwrap();
        assert!(judge.wait().unwrap().success(), "{kind} {bits} {format}");
        let text = format!("{kind} {bits} {format} {passphrase}");
        repository.commit("main", "next", &[("clusters/my-cluster/app.yaml", text)]);
    }
}

fn message(key: &SigningKey) -> String {
    let error = GitClient::new().check_signing_key(key, "signing");
    error.unwrap_err().to_string()
}

#[test]
fn keys_that_cannot_be_used_are_explained_as_the_controller_does() {
    let keys = Keys::new();
    let plain = keys.open_pgp("plain <p@example.com>", "ed25519", "", false);
    let locked = keys.open_pgp("locked <l@example.com>", "ed25519", "hunter2", false);
    let with = |key: &SigningKey, given: Option<&str>| {
        let passphrase = given.map(|text| Redacted::new(text.to_owned()));
        match key.clone() {
            SigningKey::OpenPgp { armored, .. } => SigningKey::OpenPgp {
                armored,
                passphrase,
            },
            SigningKey::Ssh { identity, .. } => SigningKey::Ssh {
                identity,
                passphrase,
            },
        }
    };
    let open_pgp = |armored: Vec<u8>| SigningKey::OpenPgp {
        armored: Redacted::new(armored),
        passphrase: None,
    };
    assert_eq!(
        message(&with(&locked, None)),
        "can not use passphrase protected signing key without 'passphrase' field present in secret signing"
    );
    assert_eq!(
        message(&with(&locked, Some("wrong"))),
        "could not decrypt private key of the signing key present in secret signing: openpgp: invalid data: private key checksum failure"
    );
    assert!(
        message(&open_pgp(b"nonsense".to_vec()))
            .starts_with("could not read signing key from secret 'signing': ")
    );
    let both = keys.gpg("hunter2", &["--armor", "--export-secret-keys"]);
    assert_eq!(
        message(&open_pgp(both)),
        "multiple entities read from secret 'signing', could not determine which signing key to use"
    );
    let public = keys.gpg("", &["--armor", "--export", "plain"]);
    assert!(message(&open_pgp(public)).ends_with("signing key doesn't have a private key"));
    GitClient::new()
        .check_signing_key(&with(&plain, Some("idle")), "signing")
        .unwrap();

    let locked = keys.ssh("ed25519", "256", "hunter2", "RFC4716");
    assert_eq!(
        message(&with(&locked, None)),
        "can not use passphrase protected signing key without 'password' field present in secret signing"
    );
    for format in ["RFC4716", "PEM", "PKCS8"] {
        let locked = keys.ssh("rsa", "2048", "hunter2!", format);
        assert_eq!(
            message(&with(&locked, Some("wrong"))),
            "could not parse SSH signing key from secret 'signing': could not parse SSH signing key: x509: decryption password incorrect",
            "{format}"
        );
        assert!(
            message(&with(&locked, None)).contains("without 'password'"),
            "{format}"
        );
    }
    let nonsense = SigningKey::Ssh {
        identity: Redacted::new(b"nonsense".to_vec()),
        passphrase: None,
    };
    assert_eq!(
        message(&nonsense),
        "could not parse SSH signing key from secret 'signing': could not parse SSH signing key: ssh: no key found"
    );
    let weak = keys.ssh("rsa", "1024", "", "PEM");
    assert!(message(&weak).contains("RSA key size 1024 bits is below the minimum"));
}

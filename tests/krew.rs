//! The release manifest by krew's rules, and krew's own steps from it to a plugin that kubectl
//! runs. krew itself is not needed.
//!
//! The archives are those in `KREW_ARCHIVES`, or one that is packed here from the program under
//! test.

#[path = "support/http.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::pedantic,
    reason = "shared"
)]
mod http;
#[path = "support/kube/mod.rs"]
mod kube;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use http::{Answer, HttpServer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Pairs that krew knows.
const PAIRS: &[(&str, &str)] = &[
    ("windows", "386"),
    ("windows", "amd64"),
    ("windows", "arm64"),
    ("linux", "386"),
    ("linux", "amd64"),
    ("linux", "arm"),
    ("linux", "arm64"),
    ("linux", "ppc64le"),
    ("darwin", "386"),
    ("darwin", "amd64"),
    ("darwin", "arm64"),
];
/// Pairs that a release has.
const RELEASED: &[(&str, &str)] = &[
    ("linux", "amd64"),
    ("linux", "arm64"),
    ("darwin", "amd64"),
    ("darwin", "arm64"),
    ("windows", "amd64"),
    ("windows", "arm64"),
];

fn machine() -> (&'static str, &'static str) {
    let os = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    (os, arch)
}

/// Runs one of the scripts in `krew/`.
fn script(name: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(Path::new(ROOT).join("krew").join(name))
        .args(arguments)
        .env("KREW_OWNER", "somebody")
        .output()
        .expect("the script starts");
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).expect("text"))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn pack(program: &str, pair: (&str, &str), folder: &Path) {
    let folder = folder.to_str().expect("a path");
    script("archive", &[program, pair.0, pair.1, folder]).expect("an archive");
}

/// The folder of archives under test.
fn archives() -> (Option<tempfile::TempDir>, PathBuf) {
    match std::env::var_os("KREW_ARCHIVES") {
        Some(folder) => (None, folder.into()),
        None => {
            let folder = tempfile::tempdir().expect("a folder");
            pack(
                env!("CARGO_BIN_EXE_kubectl-imageupdate"),
                machine(),
                folder.path(),
            );
            let path = folder.path().to_owned();
            (Some(folder), path)
        }
    }
}

fn manifest(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("YAML")
}

/// `krew/internal/index/validation`, and what krew-index asks of a description.
fn check(manifest: &Value) {
    assert_eq!(
        manifest["apiVersion"],
        "krew.googlecontainertools.github.com/v1alpha2"
    );
    assert_eq!(manifest["kind"], "Plugin");
    let name = manifest["metadata"]["name"].as_str().expect("a name");
    assert_eq!(name, "imageupdate", "the file is called as the plugin");
    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
    let spec = &manifest["spec"];
    let version = spec["version"].as_str().expect("a version");
    let bare = version.strip_prefix('v').expect("a leading v");
    semver::Version::parse(bare).expect("a semantic version");
    assert_eq!(bare, env!("CARGO_PKG_VERSION"));
    let short = spec["shortDescription"]
        .as_str()
        .expect("a short description");
    assert!(!short.is_empty() && short.len() <= 50 && !short.contains(['\n', '\r']));
    for word in ["kubectl", "plugin", "Kubernetes"] {
        assert!(!short.contains(word), "{short}");
    }
    let description = spec["description"].as_str().expect("a description");
    assert!(
        description.lines().all(|line| line.len() <= 80),
        "{description}"
    );
    assert!(
        spec["homepage"]
            .as_str()
            .is_some_and(|url| url.starts_with("https://"))
    );

    let platforms = spec["platforms"].as_array().expect("platforms");
    assert!(!platforms.is_empty());
    let mut seen = BTreeSet::new();
    for platform in platforms {
        check_platform(platform, version, &mut seen);
    }
}

fn check_platform(platform: &Value, version: &str, seen: &mut BTreeSet<(String, String)>) {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let labels = platform["selector"]["matchLabels"]
        .as_object()
        .expect("labels");
    assert!(
        labels.keys().all(|key| key == "os" || key == "arch"),
        "{labels:?}"
    );
    assert_eq!(
        platform["selector"].as_object().map(serde_json::Map::len),
        Some(1)
    );
    let matching: Vec<_> = PAIRS
        .iter()
        .filter(|(os, arch)| {
            labels.get("os").is_none_or(|wanted| wanted == os)
                && labels.get("arch").is_none_or(|wanted| wanted == arch)
        })
        .collect();
    assert!(!matching.is_empty(), "no known pair matches {labels:?}");
    for (os, arch) in matching {
        assert!(
            seen.insert((os.to_string(), arch.to_string())),
            "{os}/{arch} matches twice"
        );
    }
    let (os, arch) = (text(&labels["os"]), text(&labels["arch"]));
    let (suffix, exe) = if os == "windows" {
        ("zip", ".exe")
    } else {
        ("tar.gz", "")
    };
    let bare = &version[1..];
    assert_eq!(
        text(&platform["uri"]),
        format!(
            "https://github.com/somebody/kubectl-imageupdate/releases/download/{version}/\
             kubectl-imageupdate_{bare}_{os}_{arch}.{suffix}"
        )
    );
    let sum = text(&platform["sha256"]);
    assert!(
        sum.len() == 64
            && sum
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
        "{sum}"
    );
    assert_eq!(text(&platform["bin"]), format!("kubectl-imageupdate{exe}"));
    // Without a list, krew installs every file.
    assert!(platform.get("files").is_none());
}

#[test]
fn the_manifest_of_built_archives_follows_krews_rules_and_installs() {
    let (_keep, folder) = archives();
    let folder_name = folder.to_str().expect("a path");
    let text = script("render", &["--built-only", folder_name]).expect("a manifest");
    let manifest = manifest(&text);
    check(&manifest);
    assert!(!text.contains("{{"), "{text}");
    for platform in manifest["spec"]["platforms"].as_array().expect("platforms") {
        let labels = &platform["selector"]["matchLabels"];
        let here = (labels["os"].as_str(), labels["arch"].as_str());
        if here == (Some(machine().0), Some(machine().1)) {
            install(platform, &folder);
            return;
        }
    }
    panic!("no archive for this machine in {folder_name}");
}

/// krew's steps: download, checksum, unpack, licence, link; then kubectl runs what was installed.
fn install(platform: &Value, folder: &Path) {
    let served = folder.to_owned();
    let server = HttpServer::start([127, 0, 0, 1].into(), None, move |request| {
        let name = request
            .path()
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        match std::fs::read(served.join(name)) {
            Ok(bytes) => Answer::new(200, "application/octet-stream", bytes),
            Err(_) => Answer::new(404, "text/plain", "not found"),
        }
    });
    let uri = platform["uri"].as_str().expect("an address");
    let uri = uri.replace(
        "https://github.com",
        &format!("http://{}", server.address()),
    );
    // Another test of the process may have been first; either way there is a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::blocking::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let response = client.get(&uri).send().expect("an answer");
    assert!(
        response.status().is_success(),
        "{uri}: {}",
        response.status()
    );
    let archive = response.bytes().expect("the archive");
    assert_eq!(platform["sha256"], hexadecimal(&Sha256::digest(&archive)));

    let home = tempfile::tempdir().expect("a home");
    let store = home.path().join(".krew/store/imageupdate/version");
    let bin = home.path().join(".krew/bin");
    std::fs::create_dir_all(&store).expect("a folder");
    std::fs::create_dir_all(&bin).expect("a folder");
    unpack(&archive, &store);
    assert!(
        store.join("LICENSE").is_file(),
        "krew-index demands a licence"
    );
    let program = store.join(platform["bin"].as_str().expect("a program"));
    let mode = std::fs::metadata(&program)
        .expect("the program")
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0o111, "the program can be run by everybody");
    symlink(&program, bin.join("kubectl-imageupdate")).expect("krew's link");

    let kubectl = |words: &[&str]| {
        let mut path = bin.clone().into_os_string();
        path.push(":/usr/bin:/bin");
        let output = Command::new(kube::program("kubectl"))
            .args(words)
            .env_clear()
            .env("PATH", path)
            .env("HOME", home.path())
            .output()
            .expect("kubectl runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{words:?}: {output:?}");
        text
    };
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        kubectl(&["imageupdate", "version"]),
        format!("kubectl imageupdate {version}\n")
    );
    assert!(kubectl(&["plugin", "list"]).contains(".krew/bin/kubectl-imageupdate"));
    let export = kubectl(&[
        "imageupdate",
        "create",
        "repository",
        "podinfo",
        "--image=ghcr.io/stefanprodan/podinfo",
        "--export",
    ]);
    assert!(export.contains("kind: ImageRepository"), "{export}");
    // krew links one file only; the second one is made on request, and kubectl then completes.
    kubectl(&["imageupdate", "completion", "--install"]);
    let completed = kubectl(&["__complete", "imageupdate", "rec"]);
    assert!(completed.starts_with("reconcile\t"), "{completed}");
}

fn unpack(archive: &[u8], folder: &Path) {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(archive).expect("the archive");
    let status = Command::new("tar")
        .args(["-xzf", file.path().to_str().expect("a path"), "-C"])
        .arg(folder)
        .status();
    assert!(status.expect("tar").success());
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Archives of a small file in place of the program: only their names and contents matter.
fn all_archives() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for pair in RELEASED {
        pack(&format!("{ROOT}/LICENSE"), *pair, folder.path());
    }
    folder
}

#[test]
fn a_whole_release_has_six_platforms() {
    let folder = all_archives();
    let text = script("render", &[folder.path().to_str().expect("a path")]).expect("a manifest");
    let manifest = manifest(&text);
    check(&manifest);
    let platforms = manifest["spec"]["platforms"].as_array().expect("platforms");
    assert_eq!(platforms.len(), RELEASED.len());
}

#[test]
fn the_same_program_makes_the_same_archive() {
    let (first, second) = (all_archives(), all_archives());
    for entry in std::fs::read_dir(first.path()).expect("a folder") {
        let name = entry.expect("a file").file_name();
        let bytes = |folder: &Path| std::fs::read(folder.join(&name)).expect("a file");
        assert!(
            bytes(first.path()) == bytes(second.path()),
            "{}",
            name.display()
        );
    }
}

#[test]
fn missing_changed_and_incomplete_archives_are_refused() {
    let folder = all_archives();
    let path = folder.path().to_str().expect("a path");
    let version = env!("CARGO_PKG_VERSION");
    let archive = folder
        .path()
        .join(format!("kubectl-imageupdate_{version}_darwin_arm64.tar.gz"));
    let whole = std::fs::read(&archive).expect("the archive");

    std::fs::remove_file(&archive).expect("removed");
    let error = script("render", &[path]).expect_err("a platform is missing");
    assert!(error.contains("darwin_arm64.tar.gz is missing"), "{error}");
    let text = script("render", &["--built-only", path]).expect("five platforms");
    check(&manifest(&text));
    assert_eq!(
        manifest(&text)["spec"]["platforms"]
            .as_array()
            .map(Vec::len),
        Some(5)
    );

    let other = folder
        .path()
        .join(format!("kubectl-imageupdate_{version}_linux_arm64.tar.gz"));
    std::fs::copy(&other, &archive).expect("another archive in its place");
    std::fs::OpenOptions::new()
        .append(true)
        .open(&archive)
        .and_then(|mut file| file.write_all(b"\0"))
        .expect("a changed archive");
    let error = script("render", &[path]).expect_err("the checksum differs");
    assert!(error.contains("says something else"), "{error}");

    let empty = Command::new("tar")
        .args([
            "-czf",
            archive.to_str().expect("a path"),
            "-C",
            ROOT,
            "LICENSE",
        ])
        .status();
    assert!(empty.expect("tar").success());
    let error = script("render", &[path]).expect_err("the program is missing");
    assert!(
        error.contains("does not hold kubectl-imageupdate"),
        "{error}"
    );
    std::fs::write(&archive, whole).expect("the archive");
    script("render", &[path]).expect("whole again");
}

/// A tag of an action can be moved; a commit cannot.
#[test]
fn workflows_name_actions_by_commit() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows");
    let mut actions = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| line.contains("uses: ")) {
            let commit = line.split('@').nth(1).unwrap_or_default();
            let commit = commit.split(' ').next().unwrap_or_default();
            let is_commit = commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(is_commit && line.contains(" # v"), "{line}");
            actions += 1;
        }
    }
    assert!(actions > 0);
}

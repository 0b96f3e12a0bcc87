//! Bare repositories with seeded commits, made by stock git.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// One entry of a seeded commit.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A regular file.
    File(Vec<u8>),
    /// An executable file.
    Executable(Vec<u8>),
    /// A symbolic link and its target.
    Link(String),
    /// A submodule at a commit.
    Submodule(String),
}

impl From<&str> for Entry {
    fn from(text: &str) -> Self {
        Self::File(text.as_bytes().to_vec())
    }
}

impl From<String> for Entry {
    fn from(text: String) -> Self {
        Self::File(text.into_bytes())
    }
}

/// A folder of bare repositories, removed on drop.
pub struct Repositories {
    folder: TempDir,
}

impl Default for Repositories {
    fn default() -> Self {
        Self::new()
    }
}

impl Repositories {
    pub fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Makes an empty bare repository `NAME.git` that offers filters and takes pushes.
    pub fn create(&self, name: &str) -> Repository {
        let path = self.root().join(format!("{name}.git"));
        let made = git(
            self.root(),
            &[
                "init",
                "--quiet",
                "--bare",
                "-b",
                "main",
                path.to_str().unwrap(),
            ],
        );
        assert!(made.status.success(), "git init: {made:?}");
        let repository = Repository { path };
        repository.configure("http.receivepack", "true");
        repository.configure("uploadpack.allowFilter", "true");
        repository.configure("receive.advertisePushOptions", "true");
        repository
    }
}

/// One bare repository.
#[derive(Clone, Debug)]
pub struct Repository {
    pub path: PathBuf,
}

impl Repository {
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// `file://` URL.
    pub fn file_url(&self) -> String {
        format!("file://{}", self.path.display())
    }

    /// Runs git in the repository and returns what it printed, without the final line end.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = git(&self.path, arguments);
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end_matches('\n')
            .to_owned()
    }

    /// Runs git in the repository; the caller looks at the status.
    pub fn try_git(&self, arguments: &[&str]) -> Output {
        git(&self.path, arguments)
    }

    pub fn configure(&self, key: &str, value: &str) {
        self.git(&["config", key, value]);
    }

    /// Commits the entries on top of the branch (or starts it) and returns the id.
    pub fn commit<E: Into<Entry> + Clone>(
        &self,
        branch: &str,
        message: &str,
        entries: &[(&str, E)],
    ) -> String {
        let reference = format!("refs/heads/{branch}");
        let parent = git(
            &self.path,
            &["rev-parse", "--verify", "--quiet", &reference],
        );
        let mut stream: Vec<u8> = Vec::new();
        write!(
            stream,
            "commit {reference}\ncommitter Seed <seed@example.com> 1700000000 +0000\ndata {}\n{message}\n",
            message.len()
        )
        .unwrap();
        if parent.status.success() {
            writeln!(stream, "from {reference}^0").unwrap();
        }
        for (path, entry) in entries {
            let entry: Entry = entry.clone().into();
            let (mode, data) = match entry {
                Entry::File(data) => ("100644", data),
                Entry::Executable(data) => ("100755", data),
                Entry::Link(target) => ("120000", target.into_bytes()),
                Entry::Submodule(id) => {
                    writeln!(stream, "M 160000 {id} {path}").unwrap();
                    continue;
                }
            };
            write!(stream, "M {mode} inline {path}\ndata {}\n", data.len()).unwrap();
            stream.extend_from_slice(&data);
            stream.push(b'\n');
        }
        self.fast_import(&stream);
        self.tip(&reference).unwrap()
    }

    /// Feeds a stream to `git fast-import`.
    pub fn fast_import(&self, stream: &[u8]) {
        let mut child = command(&self.path)
            .args(["fast-import", "--quiet", "--done", "--date-format=raw"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("git must be installed");
        let mut input = child.stdin.take().unwrap();
        input.write_all(stream).unwrap();
        input.write_all(b"\ndone\n").unwrap();
        drop(input);
        assert!(child.wait().unwrap().success(), "git fast-import failed");
    }

    /// The id of a reference.
    pub fn tip(&self, reference: &str) -> Option<String> {
        let output = git(&self.path, &["rev-parse", "--verify", "--quiet", reference]);
        output
            .status
            .success()
            .then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    /// The content of a file at a revision.
    pub fn show(&self, revision: &str, path: &str) -> String {
        let output = git(&self.path, &["show", &format!("{revision}:{path}")]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Fails unless `git fsck --full` has nothing to say against the repository.
    pub fn assert_sound(&self) {
        let output = git(&self.path, &["fsck", "--full", "--strict"]);
        assert!(
            output.status.success(),
            "git fsck: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Installs a hook.
    pub fn hook(&self, name: &str, script: &str) {
        let path = self.path.join("hooks").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut text = String::from("#!/bin/sh\n");
        writeln!(text, "{script}").unwrap();
        std::fs::write(&path, text).unwrap();
        let mut permissions = std::fs::metadata(&path).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        std::fs::set_permissions(&path, permissions).unwrap();
    }
}

/// git with nothing of the user's configuration.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("HOME", folder);
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    command
}

/// Runs git to its end.
pub fn git(folder: &Path, arguments: &[&str]) -> Output {
    command(folder)
        .args(arguments)
        .output()
        .expect("git must be installed")
}

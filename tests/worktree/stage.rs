//! A checkout, its upstream, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::product::Objects;
use crate::support::git_repository::{Repositories, Repository, git};
use crate::support::program::{Answer, Program};

pub const FILE: &str = "clusters/my-cluster/app.yaml";
pub const MARKED: &str =
    "kind: A\nname: a # keep\nimage: app:1.0 # {\"$imagepolicy\": \"flux-system:app\"}\nend: x\n";

/// The marked file with another tag.
pub fn updated(tag: &str) -> String {
    MARKED.replace("app:1.0", &format!("app:{tag}"))
}

pub struct Stage {
    pub program: Program,
    pub upstream: Repository,
    _repositories: Repositories,
}

impl Stage {
    /// A clone whose branch main follows a bare repository's.
    pub fn new() -> Self {
        let repositories = Repositories::new();
        let upstream = repositories.create("fleet");
        upstream.commit(
            "main",
            "Seed",
            &[
                (FILE, MARKED),
                ("clusters/other/app.yaml", MARKED),
                ("README.md", "text\n"),
            ],
        );
        let stage = Self {
            program: Program::new(),
            upstream,
            _repositories: repositories,
        };
        stage.clone_with(&[]);
        stage
    }

    /// Clones anew with these options.
    pub fn clone_with(&self, options: &[&str]) {
        let _ = std::fs::remove_dir_all(self.checkout());
        let url = self.upstream.file_url();
        let mut arguments = vec!["clone", "-q"];
        arguments.extend(options);
        arguments.extend([url.as_str(), "checkout"]);
        let cloned = git(self.program.path(), &arguments);
        assert!(cloned.status.success(), "{cloned:?}");
        for (key, value) in [("user.name", "User"), ("user.email", "user@example.com")] {
            self.git(&["config", key, value]);
        }
    }

    pub fn checkout(&self) -> PathBuf {
        self.program.path().join("checkout")
    }

    pub fn try_git(&self, arguments: &[&str]) -> Output {
        git(&self.checkout(), arguments)
    }

    /// Runs git in the checkout and returns what it printed.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = self.try_git(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn status(&self) -> String {
        self.git(&["status", "--porcelain"])
    }

    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.checkout().join(path)).unwrap()
    }

    pub fn write(&self, path: &str, text: &str) {
        self.program.write(&format!("checkout/{path}"), text);
    }

    pub fn hook(&self, name: &str, script: &str) {
        Repository::at(self.checkout().join(".git")).hook(name, script);
    }

    pub fn objects() -> Objects {
        Objects::new("https://git.invalid/fleet.git")
    }

    /// The arguments of a run in the checkout.
    pub fn arguments<'a>(&self, flags: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec!["reconcile", "update", "--worktree", "checkout"];
        arguments.extend(flags);
        arguments
    }

    pub fn run_with(&self, objects: &Objects, flags: &[&str]) -> Answer {
        objects.run(&self.program, &self.arguments(flags))
    }

    pub fn run(&self, flags: &[&str]) -> Answer {
        self.run_with(&Self::objects(), flags)
    }

    /// The checkout and its upstream as git sees them.
    pub fn assert_sound(&self) {
        self.git(&["fsck", "--full", "--strict"]);
        self.upstream.assert_sound();
        assert_no_leftovers(&self.checkout());
    }
}

/// Nothing that a run makes on its way is left.
pub fn assert_no_leftovers(folder: &Path) {
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.starts_with(".imageupdate"), "{path:?}");
        assert_ne!(name, "index.lock", "{path:?}");
        if path.is_dir() && !path.is_symlink() {
            assert_no_leftovers(&path);
        }
    }
}

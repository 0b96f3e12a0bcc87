//! Short ways to fetch, search, edit and push.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use kubectl_imageupdate::git::GitClient;
use kubectl_imageupdate::key::TreePath;
use kubectl_imageupdate::ports::{
    Cancellation, CheckoutReference, FetchRequest, FileQuery, GitCredentials, GitError, GitHost,
    GitSource, Identity, NewCommit, PushError, PushReport, PushRequest, SearchReport, Snapshot,
    TreeFile,
};

use crate::support::git_repository::{Repositories, Repository};

pub const TOKEN: &[u8] = b"\"$imagepolicy\"";
pub const MARKED: &str = "image: app:1.0 # {\"$imagepolicy\": \"flux-system:app\"}\n";

pub fn source(url: &str) -> GitSource {
    GitSource {
        url: url.to_owned(),
        credentials: GitCredentials::Ambient,
        credential_source: "none".to_owned(),
        tls: Default::default(),
        proxy: None,
        timeout: Duration::from_secs(30),
    }
}

pub fn yaml(path: &TreePath) -> bool {
    let name = path.file_name();
    name.ends_with(".yaml") || name.ends_with(".yml") || name == "Kustomization"
}

pub struct Fetch<'a> {
    pub source: &'a GitSource,
    pub checkout: CheckoutReference,
    pub push_branch: Option<&'a str>,
    pub path: &'a str,
    pub cache: Option<&'a Path>,
}

impl<'a> Fetch<'a> {
    pub fn branch(source: &'a GitSource, branch: &str) -> Self {
        Self {
            source,
            checkout: CheckoutReference::Branch(branch.to_owned()),
            push_branch: None,
            path: "",
            cache: None,
        }
    }

    pub fn new(source: &'a GitSource, checkout: CheckoutReference) -> Self {
        Self {
            source,
            checkout,
            push_branch: None,
            path: "",
            cache: None,
        }
    }

    pub fn onto(mut self, branch: &'a str) -> Self {
        self.push_branch = Some(branch);
        self
    }

    pub fn cached(mut self, folder: &'a Path) -> Self {
        self.cache = Some(folder);
        self
    }

    pub fn at(mut self, path: &'a str) -> Self {
        self.path = path;
        self
    }

    pub fn run(&self) -> Result<Box<dyn Snapshot>, GitError> {
        let client = match self.cache {
            Some(folder) => GitClient::with_cache(folder),
            None => GitClient::new(),
        };
        client.fetch(&FetchRequest {
            source: self.source,
            checkout: &self.checkout,
            push_branch: self.push_branch,
            paths: &[TreePath::clamp(self.path)],
            wanted: &yaml,
            choose_tag: &|tags: &[(String, i64)]| tags.iter().max().map(|(name, _)| name.clone()),
            progress: &(),
            cancellation: &Cancellation::default(),
        })
    }
}

pub fn search(snapshot: &dyn Snapshot, under: &str) -> (Vec<TreeFile>, SearchReport) {
    let files = Mutex::new(Vec::new());
    let report = snapshot
        .search(
            &FileQuery {
                under: &TreePath::clamp(under),
                wanted: &yaml,
                token: TOKEN,
            },
            &|file| files.lock().unwrap().push(file),
        )
        .unwrap();
    let mut files = files.into_inner().unwrap();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    (files, report)
}

pub fn paths(files: &[TreeFile]) -> Vec<&str> {
    files.iter().map(|file| file.path.as_str()).collect()
}

pub fn edit(path: &str, content: &str) -> NewCommit {
    NewCommit {
        files: vec![(TreePath::clamp(path), content.as_bytes().to_vec())],
        message: "Update from image update automation".to_owned(),
        author: Identity {
            name: "flux".to_owned(),
            email: "flux@example.com".to_owned(),
        },
        seconds: 1_800_000_000,
        offset: 7200,
        signing_key: None,
    }
}

pub fn push(snapshot: &mut dyn Snapshot, branch: &str) -> Result<PushReport, PushError> {
    push_with(snapshot, branch, &[], &[], None)
}

pub fn push_with(
    snapshot: &mut dyn Snapshot,
    branch: &str,
    refspecs: &[String],
    options: &[(String, String)],
    replace: Option<&str>,
) -> Result<PushReport, PushError> {
    snapshot.push(&PushRequest {
        branch,
        refspecs,
        options,
        replace,
        progress: &(),
        cancellation: &Cancellation::default(),
    })
}

/// A repository like the one of a small installation of Flux.
pub fn small(repositories: &Repositories) -> Repository {
    let repository = repositories.create("fleet");
    repository.commit(
        "main",
        "seed",
        &[
            ("clusters/my-cluster/app.yaml", MARKED),
            ("clusters/my-cluster/flux-system/gotk.yaml", "kind: List\n"),
            ("clusters/other/app.yaml", MARKED),
            ("README.md", "text\n"),
        ],
    );
    repository
}

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

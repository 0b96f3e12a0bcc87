//! What a scenario stands on: registries, a Git server, and the actions that change them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::placeholders::Placeholders;
use crate::scenario::{Commit, Content, Scenario, entries, list};
use crate::support::certificates;
use crate::support::closed_port::closed_port;
use crate::support::git_repository::{Repositories, Repository};
use crate::support::git_server::{Fault, GitServer, Settings};
use crate::support::registry_server::{RegistryContent, RegistryOptions, RegistryServer};

/// Who makes the commits of the set-up.
const SEED: &str = "Seed <seed@example.com>";
/// A branch for commits on their way to their own references.
const RECORDING: &str = "recording";

/// Running servers and what they hold.
pub struct Stage {
    pub placeholders: Placeholders,
    pub repositories: Vec<(String, Repository)>,
    content: RegistryContent,
    /// Ids of the commits of the set-up.
    known: BTreeSet<String>,
    /// Set-up commits by repository, which date the next one.
    counts: BTreeMap<String, usize>,
    read_only: Arc<AtomicBool>,
    folder: Repositories,
    /// Kept alive, not looked at.
    _servers: (Vec<RegistryServer>, GitServer),
}

impl Stage {
    /// Everything that a scenario needs before its first phase.
    pub fn new(scenario: &Scenario) -> Result<Self, String> {
        let content = RegistryContent::default();
        push_images(&content, &scenario.document["images"]);
        let mut placeholders = Placeholders::default();
        let servers = registries(scenario, &content, &mut placeholders);
        let folder = Repositories::new();
        let read_only = Arc::new(AtomicBool::new(false));
        let git = git_server(scenario, &folder, &read_only);
        placeholders.bind("GIT_URL", format!("http://{}", git.address()));
        placeholders.bind("GIT_HOST", git.address().to_string());
        let mut stage = Self {
            placeholders,
            repositories: Vec::new(),
            content,
            known: BTreeSet::new(),
            counts: BTreeMap::new(),
            read_only,
            _servers: (servers, git),
            folder,
        };
        stage.seed(scenario)?;
        for action in scenario.list("setup") {
            stage.act(action)?;
        }
        stage.check_digests(scenario)?;
        Ok(stage)
    }

    fn seed(&mut self, scenario: &Scenario) -> Result<(), String> {
        for git in scenario.list("git") {
            let name = text(git, "name");
            if let Some((parent, _)) = name.rsplit_once('/') {
                std::fs::create_dir_all(self.folder.root().join(parent))
                    .map_err(|error| error.to_string())?;
            }
            let repository = self.folder.create(name);
            self.repositories.push((name.to_owned(), repository));
            if git["seed"] == false {
                continue;
            }
            let files: Vec<(String, Option<Content>)> = scenario
                .tree()
                .into_iter()
                .map(|(path, content)| (path, Some(self.fill(content))))
                .collect();
            let commit = SetUpCommit {
                branch: text(git, "branch"),
                from: None,
                author: SEED,
                message: "seed\n",
                files: &files,
            };
            let id = self.commit(name, &commit)?;
            if !self.placeholders.is_bound("${COMMIT:seed}") {
                self.placeholders.bind_commit("COMMIT:seed", &id);
            }
        }
        Ok(())
    }

    fn fill(&self, content: Content) -> Content {
        match content {
            Content::File(bytes) => Content::File(self.placeholders.fill_bytes(&bytes)),
            link @ Content::Link(_) => link,
        }
    }

    /// The tests' own generator gives the digests that the scenario names.
    fn check_digests(&self, scenario: &Scenario) -> Result<(), String> {
        for (image, digest) in entries(&scenario.document["digests"]) {
            let Some((repository, tag)) = image.rsplit_once(':') else {
                continue;
            };
            // Tags of later phases are not there yet.
            if let Some(made) = self.content.digest(repository, tag)
                && digest != made.as_str()
            {
                return Err(format!("digest of {image}: made {made}, expected {digest}"));
            }
        }
        Ok(())
    }

    /// Does one action, unless it concerns an object.
    pub fn act(&mut self, action: &Value) -> Result<(), String> {
        match text(action, "action") {
            "push-tags" => push_images(&self.content, &action["images"]),
            "retag" => {
                self.content.retag(
                    text(action, "repo"),
                    text(action, "tag"),
                    text(action, "id"),
                );
            }
            "delete-tag" => self
                .content
                .delete_tag(text(action, "repo"), text(action, "tag")),
            "commit" => self.commit_action(action)?,
            "git-tag" => {
                let commit = self.commit_of(text(action, "commit"));
                self.repository(action)?
                    .git(&["tag", text(action, "tag"), &commit]);
            }
            "merge" => {
                let repository = self.repository(action)?;
                let [into, from] =
                    ["into", "from"].map(|field| format!("refs/heads/{}", text(action, field)));
                repository.git(&["update-ref", &into, &from]);
            }
            "delete-branch" => {
                let branch = format!("refs/heads/{}", text(action, "branch"));
                self.repository(action)?.git(&["update-ref", "-d", &branch]);
            }
            "reject-pushes" => {
                let message = text(action, "message").replace('\'', "'\\''");
                for (_, repository) in &self.repositories {
                    repository.hook("pre-receive", &format!("echo '{message}' >&2\nexit 1"));
                }
            }
            "read-only" => self.read_only.store(true, Ordering::SeqCst),
            other => return Err(format!("unknown action {other:?}")),
        }
        Ok(())
    }

    fn commit_action(&mut self, action: &Value) -> Result<(), String> {
        let files: Vec<(String, Option<Content>)> = entries(&action["files"])
            .map(|(path, value)| {
                let content = value
                    .as_str()
                    .map(|text| Content::File(self.placeholders.fill(text).into_bytes()));
                (path.clone(), content)
            })
            .collect();
        let from = action["from"].as_str().map(|label| self.commit_of(label));
        let name = self.repository_name(action)?;
        let id = self.commit(
            &name,
            &SetUpCommit {
                branch: text(action, "branch"),
                from: from.as_deref(),
                author: SEED,
                message: text(action, "message"),
                files: &files,
            },
        )?;
        self.placeholders
            .bind_commit(&format!("COMMIT:{}", text(action, "label")), &id);
        Ok(())
    }

    fn commit_of(&self, label: &str) -> String {
        self.placeholders.fill(&format!("${{COMMIT:{label}}}"))
    }

    fn repository_name(&self, action: &Value) -> Result<String, String> {
        let named = action["repository"].as_str().or(action["git"].as_str());
        match (named, self.repositories.first()) {
            (Some(name), _) => Ok(name.to_owned()),
            (None, Some((name, _))) => Ok(name.clone()),
            (None, None) => Err("an action on Git without a repository".to_owned()),
        }
    }

    fn repository(&self, action: &Value) -> Result<&Repository, String> {
        let name = self.repository_name(action)?;
        self.repositories
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, repository)| repository)
            .ok_or_else(|| format!("no repository {name}"))
    }

    fn commit(&mut self, name: &str, commit: &SetUpCommit<'_>) -> Result<String, String> {
        let count = self.counts.entry(name.to_owned()).or_default();
        let stream = commit.stream(*count);
        *count += 1;
        let repository = self
            .repositories
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, repository)| repository.clone())
            .ok_or_else(|| format!("no repository {name}"))?;
        let reference = format!("refs/heads/{}", commit.branch);
        let parent = match commit.from {
            Some(id) => Some(id.to_owned()),
            None => repository.tip(&reference),
        };
        let stream = match parent {
            Some(parent) => stream.replace("FROM\n", &format!("from {parent}\n")),
            None => stream.replace("FROM\n", ""),
        };
        repository.fast_import(stream.as_bytes());
        let id = repository
            .tip(&reference)
            .ok_or_else(|| format!("{reference} was not made"))?;
        self.known.insert(id.clone());
        Ok(id)
    }

    /// Whether the set-up made a commit, or an earlier phase was told of it.
    pub fn is_known(&self, id: &str) -> bool {
        self.known.contains(id)
    }

    pub fn remember(&mut self, id: &str) {
        self.known.insert(id.to_owned());
    }

    /// Makes a commit that the controllers made, from its record.
    pub fn record(
        &mut self,
        commit: &Commit,
        tree: &BTreeMap<String, Vec<u8>>,
    ) -> Result<(), String> {
        let header = |name: &str| commit.headers.get(name).cloned().unwrap_or_default();
        let files: Vec<(String, Option<Content>)> = commit
            .files()
            .into_iter()
            .map(|path| {
                let bytes = tree
                    .get(&path)
                    .map(|bytes| self.placeholders.fill_bytes(bytes));
                (path, Some(Content::File(bytes.unwrap_or_default())))
            })
            .collect();
        let named = header("repository");
        let name = self
            .repositories
            .iter()
            .find(|(name, _)| file_name(name) == named)
            .map(|(name, repository)| {
                // Each commit begins the branch anew; the commits themselves stay.
                let recording = format!("refs/heads/{RECORDING}");
                repository.try_git(&["update-ref", "-d", &recording]);
                name.clone()
            })
            .ok_or_else(|| format!("no repository {named}"))?;
        let id = self.commit(
            &name,
            &SetUpCommit {
                branch: RECORDING,
                from: Some(&self.placeholders.fill(&header("parents"))),
                author: &header("author"),
                message: &self.placeholders.fill(&commit.message),
                files: &files,
            },
        )?;
        let label = commit.id.trim_start_matches("${").trim_end_matches('}');
        self.placeholders.bind_commit(label, &id);
        Ok(())
    }

    /// Puts every reference where a record has it, and removes the others.
    pub fn set_refs(&self, recorded: &BTreeMap<String, String>) {
        for (name, repository) in &self.repositories {
            for (key, label) in recorded {
                let reference = match key.split_once(' ') {
                    Some((of, reference)) if of == file_name(name) => reference,
                    Some(_) => continue,
                    None => key,
                };
                let id = self.placeholders.fill(label);
                repository.git(&["update-ref", reference, &id]);
            }
            let recording = format!("refs/heads/{RECORDING}");
            repository.try_git(&["update-ref", "-d", &recording]);
        }
    }

    /// A file at a label's commit, in the repository that a recorded commit names.
    pub fn show(&self, commit: &Commit, label: &str, path: &str) -> Option<Vec<u8>> {
        let named = commit.headers.get("repository").map(String::as_str);
        let (_, repository) = self
            .repositories
            .iter()
            .find(|(name, _)| Some(file_name(name).as_str()) == named)
            .or(self.repositories.first())?;
        let revision = self.placeholders.fill(label);
        let output = repository.try_git(&["show", &format!("{revision}:{path}")]);
        output.status.success().then_some(output.stdout)
    }

    /// The authors' addresses of the commits that one label reaches and another does not.
    pub fn authors_between(&self, commit: &Commit, without: &str, with: &str) -> Vec<String> {
        let named = commit.headers.get("repository").map(String::as_str);
        let repository = self
            .repositories
            .iter()
            .find(|(name, _)| Some(file_name(name).as_str()) == named);
        let Some((_, repository)) = repository else {
            return Vec::new();
        };
        let [without, with] = [without, with].map(|label| self.placeholders.fill(label));
        let range = format!("{without}..{with}");
        let output = repository.try_git(&["log", "--format=%ae", &range]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().map(str::to_owned).collect()
    }

    /// Every file of a label's commit, in the first repository.
    pub fn files(&self, label: &str) -> Vec<(String, Vec<u8>)> {
        let Some((_, repository)) = self.repositories.first() else {
            return Vec::new();
        };
        let revision = self.placeholders.fill(label);
        let listed = repository.git(&["ls-tree", "-r", "--name-only", &revision]);
        listed
            .lines()
            .map(|path| {
                let output = repository.try_git(&["show", &format!("{revision}:{path}")]);
                (path.to_owned(), output.stdout)
            })
            .collect()
    }

    /// Every reference with the label of its commit.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.refs()
            .into_iter()
            .map(|(name, id)| (name, self.placeholders.label(&id)))
            .collect()
    }

    /// Every reference of every repository, as `refs.json` names them.
    pub fn refs(&self) -> BTreeMap<String, String> {
        let mut refs = BTreeMap::new();
        for (name, repository) in &self.repositories {
            let listed = repository.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
            for (reference, id) in listed.lines().filter_map(|line| line.split_once(' ')) {
                let key = if self.repositories.len() == 1 {
                    reference.to_owned()
                } else {
                    format!("{} {reference}", file_name(name))
                };
                refs.insert(key, id.to_owned());
            }
        }
        refs
    }
}

/// A commit of the set-up.
struct SetUpCommit<'c> {
    branch: &'c str,
    /// Where a new branch starts; absent continues the branch.
    from: Option<&'c str>,
    author: &'c str,
    message: &'c str,
    /// `None` deletes.
    files: &'c [(String, Option<Content>)],
}

impl SetUpCommit<'_> {
    /// The commit for `git fast-import`, `FROM` standing for the parent.
    fn stream(&self, count: usize) -> String {
        // 2024-01-01T00:00:00Z, and a minute for each commit.
        let date = 1_704_067_200 + 60 * count;
        let mut stream = format!("commit refs/heads/{}\n", self.branch);
        for role in ["author", "committer"] {
            let _ = writeln!(stream, "{role} {} {date} +0000", self.author);
        }
        let _ = write!(
            stream,
            "data {}\n{}\nFROM\n",
            self.message.len(),
            self.message
        );
        for (path, content) in self.files {
            let (mode, text) = match content {
                None => {
                    let _ = writeln!(stream, "D {path}");
                    continue;
                }
                Some(Content::File(bytes)) => ("100644", String::from_utf8_lossy(bytes)),
                Some(Content::Link(target)) => ("120000", target.into()),
            };
            let _ = write!(
                stream,
                "M {mode} inline {path}\ndata {}\n{text}\n",
                text.len()
            );
        }
        stream
    }
}

/// The last part of a repository's path, which is how records name it.
pub fn file_name(name: &str) -> String {
    format!("{}.git", name.rsplit('/').next().unwrap_or(name))
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

fn push_images(content: &RegistryContent, images: &Value) {
    for (repository, tags) in entries(images) {
        content.push_tags(repository, list(tags).iter().filter_map(Value::as_str));
    }
}

fn registries(
    scenario: &Scenario,
    content: &RegistryContent,
    placeholders: &mut Placeholders,
) -> Vec<RegistryServer> {
    let open = RegistryOptions::new(content).start();
    placeholders.bind("REGISTRY", open.host());
    let alternative = RegistryOptions::new(content)
        .bind(Ipv4Addr::new(127, 0, 0, 2).into())
        .start();
    placeholders.bind("REGISTRY_ALT", alternative.host());
    let mut servers = vec![open, alternative];
    let auth = &scenario.document["registry_auth"];
    if auth.is_object() {
        let server = RegistryOptions::new(content)
            .basic(
                text(auth, "user"),
                text(auth, "password"),
                text(auth, "realm"),
            )
            .start();
        placeholders.bind("REGISTRY_AUTH", server.host());
        servers.push(server);
    }
    let pair = certificates::self_signed(&["127.0.0.1"]);
    let secure = RegistryOptions::new(content)
        .tls(certificates::server_config(&pair))
        .start();
    placeholders.bind("REGISTRY_TLS", secure.host());
    placeholders.bind("CA_B64", STANDARD.encode(&pair.certificate));
    servers.push(secure);
    placeholders.bind("REGISTRY_CLOSED", closed_port().to_string());
    servers
}

fn git_server(
    scenario: &Scenario,
    folder: &Repositories,
    read_only: &Arc<AtomicBool>,
) -> GitServer {
    let auth = &scenario.document["git_auth"];
    let settings = Settings {
        basic: auth.is_object().then(|| {
            (
                text(auth, "user").to_owned(),
                text(auth, "password").to_owned(),
            )
        }),
        basic_below: Some("/auth/".to_owned()),
        ..Settings::default()
    };
    let server = GitServer::start(folder.root(), settings);
    let read_only = Arc::clone(read_only);
    server.fault(move |request| {
        let writes = request.advertises("git-receive-pack") || request.posts("git-receive-pack");
        (writes && read_only.load(Ordering::SeqCst)).then(|| Fault::Answer {
            status: 403,
            content_type: "text/plain",
            headers: Vec::new(),
            body: "this server is read-only\n".to_owned(),
        })
    });
    server
}

//! A scenario as its folder describes it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A folder of `tests/vectors/e2e`.
pub struct Scenario {
    pub folder: PathBuf,
    /// `scenario.json`.
    pub document: Value,
    /// `objects.yaml`, placeholders inside.
    pub objects: String,
}

impl Scenario {
    pub fn load(folder: &Path) -> Result<Self, String> {
        let read = |name: &str| {
            fs::read_to_string(folder.join(name)).map_err(|error| format!("{name}: {error}"))
        };
        Ok(Self {
            folder: folder.to_owned(),
            document: serde_json::from_str(&read("scenario.json")?)
                .map_err(|error| format!("scenario.json: {error}"))?,
            objects: read("objects.yaml")?,
        })
    }

    /// The items of a list of the document.
    pub fn list(&self, field: &str) -> &[Value] {
        list(&self.document[field])
    }

    /// Whether the controllers give no order to a part.
    pub fn is_unordered(&self, part: &str) -> bool {
        self.list("unordered").iter().any(|item| item == part)
    }

    /// The files of the first commit, placeholders inside.
    pub fn tree(&self) -> Vec<(String, Content)> {
        let root = self.folder.join("repo");
        let mut found = Vec::new();
        let mut waiting = vec![root.clone()];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                if kind.is_dir() {
                    waiting.push(path);
                    continue;
                }
                let name = path
                    .strip_prefix(&root)
                    .expect("a path below the root")
                    .to_string_lossy()
                    .into_owned();
                found.push((name, content(&path, kind.is_symlink())));
            }
        }
        found.sort();
        found
    }

    /// What the controllers left behind after a phase.
    pub fn expected(&self, phase: &Value) -> Result<Expected, String> {
        let name = phase["expected"].as_str().unwrap_or("expected");
        Expected::load(&self.folder.join(name))
    }
}

/// The items of a list; nothing for anything else.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The entries of an object; nothing for anything else.
pub fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// What stands in a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    File(Vec<u8>),
    Link(String),
}

fn content(path: &Path, is_link: bool) -> Content {
    if is_link {
        let target = fs::read_link(path).expect("a link");
        return Content::Link(target.to_string_lossy().into_owned());
    }
    let bytes = fs::read(path).expect("a file");
    match lost_link(path, &bytes) {
        Some(target) => Content::Link(target),
        None => Content::File(bytes),
    }
}

/// A copy that could not keep symbolic links (as git without `core.symlinks`) holds their targets
/// as text: one bare relative path to a YAML file, without a line end.
fn lost_link(path: &Path, bytes: &[u8]) -> Option<String> {
    let yaml = |name: &str| name.ends_with(".yaml") || name.ends_with(".yml");
    let text = std::str::from_utf8(bytes).ok()?;
    let plain = !text.contains(|character: char| character.is_whitespace() || character == ':');
    (plain && yaml(text) && yaml(&path.to_string_lossy())).then(|| text.to_owned())
}

/// The recorded answer of one phase, placeholders inside.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Statuses in the order of `objects.yaml`.
    pub statuses: Vec<ObjectStatus>,
    /// Every reference of the server; absent without a git part.
    pub refs: Option<BTreeMap<String, String>>,
    /// Commits in the order of creation.
    pub commits: Vec<Commit>,
    /// Files that the phase's commits changed.
    pub tree: BTreeMap<String, Vec<u8>>,
}

/// Kind, namespace and name.
pub type Key = (String, String, String);

/// One entry of `status.json`.
#[derive(Clone, Debug)]
pub struct ObjectStatus {
    pub key: Key,
    pub status: Value,
    /// Why the API server refused the object, if it did.
    pub rejected: Option<String>,
}

/// One `commit.txt`, or a commit that was made here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// `${PUSH:1}`, or an id.
    pub id: String,
    pub headers: BTreeMap<String, String>,
    pub message: String,
    /// What the message must hold, where its text is not known.
    pub names: Vec<String>,
}

impl Commit {
    pub fn files(&self) -> Vec<String> {
        self.headers
            .get("files")
            .map(|files| files.split(", ").map(str::to_owned).collect())
            .unwrap_or_default()
    }
}

impl Expected {
    fn load(folder: &Path) -> Result<Self, String> {
        let json = |name: &str| -> Result<Value, String> {
            let text = fs::read_to_string(folder.join(name))
                .map_err(|error| format!("{}: {error}", folder.join(name).display()))?;
            serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let statuses = list(&json("status.json")?["objects"])
            .iter()
            .map(|object| ObjectStatus {
                key: (
                    text(&object["kind"]),
                    text(&object["namespace"]),
                    text(&object["name"]),
                ),
                status: object["status"].clone(),
                rejected: object["rejected"].as_str().map(str::to_owned),
            })
            .collect();
        let refs = if folder.join("refs.json").exists() {
            let refs = json("refs.json")?;
            Some(
                entries(&refs)
                    .map(|(name, id)| (name.clone(), text(id)))
                    .collect(),
            )
        } else {
            None
        };
        let mut commits = Vec::new();
        let mut number = 1;
        loop {
            let name = match number {
                1 => "commit.txt".to_owned(),
                number => format!("commit-{number}.txt"),
            };
            match fs::read_to_string(folder.join(name)) {
                Ok(text) => commits.push(commit(&text)),
                Err(_) => break,
            }
            number += 1;
        }
        let mut tree = BTreeMap::new();
        let mut waiting = vec![folder.join("tree")];
        while let Some(place) = waiting.pop() {
            for entry in fs::read_dir(&place).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    waiting.push(path);
                    continue;
                }
                let name = path.strip_prefix(folder.join("tree")).expect("below");
                let bytes = fs::read(&path).map_err(|error| error.to_string())?;
                tree.insert(name.to_string_lossy().into_owned(), bytes);
            }
        }
        Ok(Self {
            statuses,
            refs,
            commits,
            tree,
        })
    }
}

fn commit(text: &str) -> Commit {
    let (head, message) = text.split_once("\n\n").unwrap_or((text, ""));
    let headers: BTreeMap<String, String> = head
        .lines()
        .filter_map(|line| line.split_once(": ").or_else(|| line.split_once(':')))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Commit {
        id: format!(
            "${{{}}}",
            headers.get("id").map(String::as_str).unwrap_or_default()
        ),
        headers,
        message: message.to_owned(),
        names: Vec::new(),
    }
}

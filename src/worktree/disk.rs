//! A folder as a tree: searched in parallel, each file read once.
//!
//! For: finding the few files that hold a token among very many. Folders are handed from thread to
//! thread, a file is read into a buffer that is used again, and only a file with the token is kept.
//! Refuses: `.git`, links to folders, and every path that leads out of the folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use memchr::memmem::Finder;

use crate::key::TreePath;
use crate::ports::{FileQuery, Link, SearchReport, Tree, TreeError, TreeFile};

/// Threads of one search, at most.
const THREADS: usize = 8;
/// Room for a file at first.
const BUFFER: usize = 64 << 10;
/// Room that a buffer keeps between files.
const MOST_KEPT: usize = 4 << 20;
/// Links followed before a chain counts as a loop.
const LINK_LIMIT: usize = 40;

/// A folder.
#[derive(Clone, Debug)]
pub struct DiskTree {
    root: PathBuf,
}

impl DiskTree {
    /// The folder at `root`, which must exist.
    pub fn new(root: &Path) -> io::Result<Self> {
        Ok(Self {
            root: fs::canonicalize(root)?,
        })
    }

    /// The folder, without links in its path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a path of the tree is on disk.
    pub fn on_disk(&self, path: &TreePath) -> PathBuf {
        self.root.join(path.as_str())
    }

    /// The path inside the tree that a link leads to through all further links; `None` when that is
    /// no regular file of the tree.
    fn link_target(&self, path: &TreePath) -> Option<TreePath> {
        let target = fs::canonicalize(self.on_disk(path)).ok()?;
        let inside = target.strip_prefix(&self.root).ok()?;
        let inside = tree_path(inside)?;
        let hidden = inside.parts().any(|part| part == ".git");
        (!hidden && fs::metadata(&target).is_ok_and(|metadata| metadata.is_file()))
            .then_some(inside)
    }
}

fn tree_path(path: &Path) -> Option<TreePath> {
    let mut text = String::new();
    for component in path.components() {
        let Component::Normal(part) = component else {
            return None;
        };
        if !text.is_empty() {
            text.push('/');
        }
        text.push_str(part.to_str()?);
    }
    Some(TreePath::clamp(&text))
}

/// A place to read files into, one after the other.
#[derive(Default)]
struct Buffer(Vec<u8>);

impl Buffer {
    /// The content of a file. Its length is not asked for: most files fit into the buffer, and then
    /// opening, two reads and closing are all that the system has to do.
    fn read(&mut self, path: &Path) -> io::Result<&[u8]> {
        let mut file = File::open(path)?;
        let mut length = 0;
        loop {
            if length == self.0.len() {
                self.0.resize((2 * length).max(BUFFER), 0);
            }
            match file.read(&mut self.0[length..]) {
                Ok(0) => return Ok(&self.0[..length]),
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives back the room that a huge file took.
    fn shrink(&mut self) {
        if self.0.len() > MOST_KEPT {
            self.0 = Vec::new();
        }
    }
}

/// What the threads of one search share.
struct Search<'q> {
    tree: &'q DiskTree,
    query: &'q FileQuery<'q>,
    finder: Finder<'q>,
    visit: &'q (dyn Fn(TreeFile) + Sync),
    folders: Mutex<Folders>,
    more: Condvar,
    candidates: AtomicUsize,
    report: Mutex<SearchReport>,
}

/// Folders that wait, and how many are being read.
#[derive(Default)]
struct Folders {
    waiting: Vec<TreePath>,
    busy: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Search<'_> {
    fn work(&self) {
        let mut buffer = Buffer::default();
        while let Some(folder) = self.next_folder() {
            self.read_folder(&folder, &mut buffer);
            let mut folders = lock(&self.folders);
            folders.busy -= 1;
            if folders.busy == 0 && folders.waiting.is_empty() {
                self.more.notify_all();
            }
        }
    }

    /// A folder to read; `None` when all are read.
    fn next_folder(&self) -> Option<TreePath> {
        let mut folders = lock(&self.folders);
        loop {
            if let Some(folder) = folders.waiting.pop() {
                folders.busy += 1;
                return Some(folder);
            }
            if folders.busy == 0 {
                return None;
            }
            folders = self
                .more
                .wait(folders)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn read_folder(&self, folder: &TreePath, buffer: &mut Buffer) {
        // A repository of its own, as a submodule is: a clone of this one would not hold its files.
        let nested = self.tree.on_disk(folder).join(".git");
        if !folder.is_root() && folder != self.query.under && nested.symlink_metadata().is_ok() {
            return;
        }
        let entries = match fs::read_dir(self.tree.on_disk(folder)) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(folder.clone(), &error),
        };
        for entry in entries {
            let (entry, kind) = match entry.and_then(|entry| Ok((entry.file_type()?, entry))) {
                Ok((kind, entry)) => (entry, kind),
                Err(error) => {
                    self.unreadable(folder.clone(), &error);
                    continue;
                }
            };
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name == ".git" {
                continue;
            }
            let path = folder.join(&name);
            if kind.is_dir() {
                lock(&self.folders).waiting.push(path);
                self.more.notify_one();
            } else if (self.query.wanted)(&path) {
                if kind.is_symlink() {
                    self.link(path);
                } else if kind.is_file() {
                    self.file(path, buffer);
                }
            }
        }
    }

    fn link(&self, path: TreePath) {
        // A link to a folder is never followed, whatever its name.
        if fs::metadata(self.tree.on_disk(&path)).is_ok_and(|metadata| metadata.is_dir()) {
            return;
        }
        let target = self.tree.link_target(&path);
        lock(&self.report).links.push(Link { path, target });
    }

    fn file(&self, path: TreePath, buffer: &mut Buffer) {
        self.candidates.fetch_add(1, Ordering::Relaxed);
        match buffer.read(&self.tree.on_disk(&path)) {
            Ok(bytes) if self.finder.find(bytes).is_some() => {
                (self.visit)(TreeFile {
                    path,
                    bytes: bytes.to_vec(),
                });
            }
            Ok(_) => {}
            Err(error) => self.unreadable(path, &error),
        }
        buffer.shrink();
    }

    fn unreadable(&self, path: TreePath, error: &io::Error) {
        lock(&self.report)
            .unreadable
            .push((path, error.to_string()));
    }
}

impl Tree for DiskTree {
    fn search(
        &self,
        query: &FileQuery<'_>,
        visit: &(dyn Fn(TreeFile) + Sync),
    ) -> Result<SearchReport, TreeError> {
        let disk = self.on_disk(query.under);
        let metadata =
            fs::symlink_metadata(&disk).map_err(|error| not_found(query.under, error))?;
        let search = Search {
            tree: self,
            query,
            finder: Finder::new(query.token),
            visit,
            folders: Mutex::default(),
            more: Condvar::new(),
            candidates: AtomicUsize::new(0),
            report: Mutex::default(),
        };
        if metadata.is_dir() {
            lock(&search.folders).waiting.push(query.under.clone());
            let threads = std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(THREADS);
            std::thread::scope(|scope| {
                for _ in 1..threads {
                    scope.spawn(|| search.work());
                }
                search.work();
            });
        } else if (query.wanted)(query.under) {
            search.file(query.under.clone(), &mut Buffer::default());
        }
        let mut report = std::mem::take(&mut *lock(&search.report));
        report
            .links
            .sort_by(|left, right| left.path.cmp(&right.path));
        report.unreadable.sort();
        visit_targets(&search, &report.links);
        report.candidates = search.candidates.load(Ordering::Relaxed);
        Ok(report)
    }

    fn read(&self, path: &TreePath) -> Result<Vec<u8>, TreeError> {
        fs::read(self.on_disk(path)).map_err(|error| not_found(path, error))
    }

    fn resolve(&self, path: &TreePath) -> Result<TreePath, TreeError> {
        let mut resolved = TreePath::root();
        let mut waiting: Vec<String> = path.parts().rev().map(str::to_owned).collect();
        let mut followed = 0;
        while let Some(part) = waiting.pop() {
            if part == ".." {
                resolved = resolved.parent();
                continue;
            }
            let next = resolved.join(&part);
            match fs::read_link(self.on_disk(&next)) {
                Err(_) => resolved = next,
                Ok(target) => {
                    followed += 1;
                    if followed > LINK_LIMIT {
                        return Err(TreeError::Read {
                            path: path.clone(),
                            source: "too many links".into(),
                        });
                    }
                    if target.is_absolute() {
                        resolved = TreePath::root();
                    }
                    waiting.extend(target.components().rev().filter_map(
                        |component| match component {
                            Component::Normal(part) => part.to_str().map(str::to_owned),
                            Component::ParentDir => Some("..".to_owned()),
                            _ => None,
                        },
                    ));
                }
            }
        }
        Ok(resolved)
    }
}

/// Hands over the targets of links, each once, and not those that the search met itself.
fn visit_targets(search: &Search<'_>, links: &[Link]) {
    let targets: BTreeSet<&TreePath> = links
        .iter()
        .filter_map(|link| link.target.as_ref())
        .filter(|target| {
            target.below(search.query.under).is_none() || !(search.query.wanted)(target)
        })
        .collect();
    let mut buffer = Buffer::default();
    for target in targets {
        search.file(target.clone(), &mut buffer);
    }
}

fn not_found(path: &TreePath, error: io::Error) -> TreeError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => TreeError::NotFound(path.clone()),
        _ => TreeError::Read {
            path: path.clone(),
            source: Box::new(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, DiskTree) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let tree = DiskTree::new(folder.path()).unwrap();
        (folder, tree)
    }

    fn search(tree: &DiskTree, under: &str) -> (Vec<String>, SearchReport) {
        let found = Mutex::new(Vec::new());
        let query = FileQuery {
            under: &TreePath::clamp(under),
            wanted: &|path| path.as_str().ends_with(".yaml"),
            token: b"TOKEN",
        };
        let report = tree
            .search(&query, &|file| lock(&found).push(file.path.to_string()))
            .unwrap();
        let mut found = found.into_inner().unwrap();
        found.sort();
        (found, report)
    }

    #[test]
    fn files_with_the_token_are_found_at_every_depth_and_git_is_not_entered() {
        let (_folder, tree) = tree(&[
            ("a.yaml", "TOKEN"),
            ("b/c/d.yaml", "x TOKEN y"),
            ("b/e.yaml", "nothing"),
            ("b/f.txt", "TOKEN"),
            (".git/g.yaml", "TOKEN"),
            (".hidden/h.yaml", "TOKEN"),
        ]);
        let (found, report) = search(&tree, "");
        assert_eq!(found, [".hidden/h.yaml", "a.yaml", "b/c/d.yaml"]);
        assert_eq!(report.candidates, 4);
        assert_eq!(search(&tree, "b").0, ["b/c/d.yaml"]);
        assert_eq!(search(&tree, "b/c/d.yaml").0, ["b/c/d.yaml"]);
        assert!(search(&tree, "b/f.txt").0.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn links_hand_over_their_target_once_and_never_leave_the_tree() {
        use std::os::unix::fs::symlink;
        let (folder, tree) = tree(&[("in/a.yaml", "TOKEN"), ("target.txt", "TOKEN")]);
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("x.yaml"), "TOKEN").unwrap();
        symlink("../target.txt", folder.path().join("in/one.yaml")).unwrap();
        symlink("one.yaml", folder.path().join("in/two.yaml")).unwrap();
        symlink("a.yaml", folder.path().join("in/three.yaml")).unwrap();
        symlink(
            outside.path().join("x.yaml"),
            folder.path().join("in/out.yaml"),
        )
        .unwrap();
        symlink("nowhere", folder.path().join("in/dangling.yaml")).unwrap();
        symlink(outside.path(), folder.path().join("in/folder.yaml")).unwrap();
        let (found, report) = search(&tree, "in");
        assert_eq!(found, ["in/a.yaml", "target.txt"]);
        let targets: Vec<_> = report
            .links
            .iter()
            .map(|link| link.target.is_some())
            .collect();
        assert_eq!(targets, [false, true, false, true, true]);
        assert_eq!(report.links.len(), 5);
    }

    #[cfg(unix)]
    #[test]
    fn paths_resolve_inside_the_tree_only() {
        use std::os::unix::fs::symlink;
        let (folder, tree) = tree(&[("a/b/c.yaml", "x")]);
        symlink("a/b", folder.path().join("link")).unwrap();
        symlink("/a", folder.path().join("absolute")).unwrap();
        symlink("../../..", folder.path().join("a/up")).unwrap();
        symlink("loop", folder.path().join("loop")).unwrap();
        let resolve = |path: &str| tree.resolve(&TreePath::clamp(path)).map(|p| p.to_string());
        assert_eq!(resolve("link/c.yaml").unwrap(), "a/b/c.yaml");
        assert_eq!(resolve("absolute/b").unwrap(), "a/b");
        assert_eq!(resolve("a/up/a").unwrap(), "a");
        assert_eq!(resolve("missing/x").unwrap(), "missing/x");
        assert!(resolve("loop").is_err());
    }

    #[test]
    fn a_missing_folder_is_not_found() {
        let (_folder, tree) = tree(&[]);
        let query = FileQuery {
            under: &TreePath::clamp("no"),
            wanted: &|_| true,
            token: b"x",
        };
        assert!(matches!(
            tree.search(&query, &|_| ()),
            Err(TreeError::NotFound(_))
        ));
    }
}

//! What is kept between runs: one bare repository for each URL and user.
//!
//! For: finding, locking, bounding and discarding entries, and the notes beside their objects.
//! Refuses: to keep credentials, and to be needed: without it everything works, only slower.
//!
//! An entry `NAME` is a folder with objects, the commits that were fetched completely (`tips`) and
//! the files known to hold no marker (`unmarked`). `NAME.lock` is held by the run that fetches,
//! `NAME.readers` is shared by all that read, so that nothing is removed under them. A file `busy`
//! says that a run is fetching: when nobody holds the lock and it is there, that run died, and the
//! entry is thrown away. Whoever asks has been let in by the server before an entry is opened.

use std::collections::HashSet;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use gix::ObjectId;
use sha2::{Digest as _, Sha256};

use super::limits::Limits;
use crate::ports::{GitCredentials, GitSource};

/// How long a run waits for another one that fetches the same repository. After that it works
/// beside the cache.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the lock is tried.
const POLL: Duration = Duration::from_millis(20);

/// Entries above this size, and all of them together above four times as much, are discarded.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Entries with more packs are discarded: each takes a slot of a fixed number.
const MOST_PACKS: usize = 200;

/// Entries that nobody used for so long are discarded.
const MOST_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many commits of an entry are looked at.
const MOST_TIPS: usize = 20;

/// A commit that was fetched with all that a later fetch may rely on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) commit: ObjectId,
    /// The commit behind it whose parents are not here, or itself.
    pub(super) boundary: ObjectId,
    /// Whether everything below it is here, not only the folders that were searched.
    pub(super) whole: bool,
}

/// An entry, locked against other runs until [`Self::release`], and against removal until drop.
#[derive(Debug)]
pub(super) struct Entry {
    folder: PathBuf,
    tips: Vec<Tip>,
    lock: Option<File>,
    _readers: File,
}

/// The name of a source's entry. It says nothing about the URL.
fn name(source: &GitSource) -> Option<String> {
    let mut url = reqwest::Url::parse(&source.url).ok()?;
    let user = match &source.credentials {
        GitCredentials::Basic { username, .. } => username.clone(),
        _ => url.username().to_owned(),
    };
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    let text = format!("{}\n{user}", url.as_str().trim_end_matches('/'));
    let digest = Sha256::digest(text.as_bytes());
    Some(
        gix::hash::oid::try_from_bytes(&digest[..20])
            .ok()?
            .to_hex()
            .to_string(),
    )
}

fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn lock_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn try_exclusive(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Opens the entry of a source below the cache folder; `None` when another run holds it for too
/// long.
pub(super) fn open(cache: &Path, source: &GitSource, limits: &Limits) -> io::Result<Option<Entry>> {
    let Some(name) = name(source) else {
        return Ok(None);
    };
    let all = cache.join("git");
    private_folder(&all)?;
    let lock = lock_file(&all.join(format!("{name}.lock")))?;
    let started = Instant::now();
    while !try_exclusive(&lock)? {
        limits.check()?;
        if started.elapsed() > PATIENCE {
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
    let folder = all.join(&name);
    let readers = lock_file(&all.join(format!("{name}.readers")))?;
    let unsound = folder.join("busy").exists() || too_large(&folder);
    if unsound {
        if !try_exclusive(&readers)? {
            // Somebody still reads it; this run works beside it.
            return Ok(None);
        }
        remove(&folder)?;
        readers.unlock()?;
    }
    readers.lock_shared()?;
    private_folder(&folder)?;
    File::create(folder.join("busy"))?;
    write_head(&folder, &source.display_url())?;
    let tips = read_tips(&folder);
    Ok(Some(Entry {
        folder,
        tips,
        lock: Some(lock),
        _readers: readers,
    }))
}

/// What makes the folder a bare repository, so that git itself can be asked about it.
fn write_head(folder: &Path, url: &str) -> io::Result<()> {
    if !folder.join("HEAD").exists() {
        private_folder(&folder.join("refs"))?;
        std::fs::write(
            folder.join("config"),
            "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
        )?;
        std::fs::write(folder.join("url"), format!("{url}\n"))?;
        std::fs::write(folder.join("HEAD"), "ref: refs/heads/none\n")?;
    }
    Ok(())
}

fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Bytes and packs below a folder.
fn measure(folder: &Path) -> (u64, usize) {
    let (mut bytes, mut packs) = (0, 0);
    let mut rest = vec![folder.to_owned()];
    while let Some(folder) = rest.pop() {
        for item in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match item.metadata() {
                Ok(data) if data.is_dir() => rest.push(item.path()),
                Ok(data) => {
                    bytes += data.len();
                    packs += usize::from(item.path().extension().is_some_and(|e| e == "idx"));
                }
                Err(_) => {}
            }
        }
    }
    (bytes, packs)
}

fn too_large(folder: &Path) -> bool {
    let (bytes, packs) = measure(folder);
    bytes > MOST_BYTES || packs > MOST_PACKS
}

/// The newest commits of earlier runs. A line that a dying run wrote half is no tip.
fn read_tips(folder: &Path) -> Vec<Tip> {
    let text = std::fs::read_to_string(folder.join("tips")).unwrap_or_default();
    let tips: Vec<Tip> = text.lines().filter_map(parse_tip).collect();
    tips[tips.len().saturating_sub(MOST_TIPS)..].to_vec()
}

fn parse_tip(line: &str) -> Option<Tip> {
    let mut words = line.split(' ');
    let mut id = || ObjectId::from_hex(words.next()?.as_bytes()).ok();
    let (commit, boundary) = (id()?, id()?);
    Some(Tip {
        commit,
        boundary,
        whole: words.next()? == "whole",
    })
}

/// Adds lines in one write, so that two runs do not mix theirs.
fn append(path: &Path, lines: &str) -> io::Result<()> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?
        .write_all(lines.as_bytes())
}

/// Writes a file whole or not at all.
fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

impl Entry {
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Commits of earlier runs, the newest last.
    pub(super) fn tips(&self) -> &[Tip] {
        &self.tips
    }

    /// Notes a commit as fetched completely. Lines are appended, so that it is safe after the lock
    /// was released.
    pub(super) fn add_tip(&self, tip: &Tip) -> io::Result<()> {
        let extent = if tip.whole { "whole" } else { "part" };
        append(&self.folder.join("shallow"), &format!("{}\n", tip.boundary))?;
        append(
            &self.folder.join("tips"),
            &format!("{} {} {extent}\n", tip.commit, tip.boundary),
        )
    }

    /// Lets other runs fetch. The entry is sound now.
    pub(super) fn release(&mut self) {
        if let Some(lock) = self.lock.take() {
            let _ = std::fs::remove_file(self.folder.join("busy"));
            drop(lock);
        }
    }

    /// Has the next run that finds no reader throw the entry away.
    pub(super) fn condemn(&self) -> io::Result<()> {
        File::create(self.folder.join("busy")).map(|_| ())
    }

    /// Gives up an entry that turned out to be damaged. It is removed by the next run that finds no
    /// reader, since the mark of a fetch in progress stays.
    pub(super) fn abandon(mut self) {
        self.lock = None;
    }

    fn unmarked_file(&self) -> PathBuf {
        self.folder.join("unmarked")
    }

    /// Files that hold no marker.
    pub(super) fn unmarked(&self) -> HashSet<ObjectId> {
        let text = std::fs::read_to_string(self.unmarked_file()).unwrap_or_default();
        // A line that a dying run wrote half is no id.
        text.lines()
            .skip(1)
            .filter_map(|line| ObjectId::from_hex(line.as_bytes()).ok())
            .collect()
    }

    /// Whether the files were looked through for this token.
    pub(super) fn remembers(&self, token: &[u8]) -> bool {
        let text = std::fs::read_to_string(self.unmarked_file()).unwrap_or_default();
        text.lines().next() == Some(&title(token))
    }

    /// Adds files that hold no marker. A file about another token is begun anew.
    pub(super) fn remember(&self, token: &[u8], ids: &[ObjectId]) -> io::Result<()> {
        let mut text = ids.iter().fold(String::new(), |mut text, id| {
            text.push_str(&id.to_string());
            text.push('\n');
            text
        });
        if !self.remembers(token) {
            text.insert_str(0, &format!("{}\n", title(token)));
            return write_atomically(&self.unmarked_file(), &text);
        }
        if text.is_empty() {
            return Ok(());
        }
        append(&self.unmarked_file(), &text)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // An error on the way left no object half-written, and what is missing is asked for again.
        self.release();
    }
}

/// The first line of the file of unmarked files.
fn title(token: &[u8]) -> String {
    format!(
        "# without {}",
        String::from_utf8_lossy(token).escape_debug()
    )
}

/// Discards entries that nobody used for long, and the least used ones when all together are too
/// large.
pub(super) fn tidy(cache: &Path) -> io::Result<()> {
    let all = cache.join("git");
    let mut entries = Vec::new();
    for item in std::fs::read_dir(&all)? {
        let path = item?.path();
        if !path.is_dir() {
            continue;
        }
        let used = std::fs::metadata(path.with_extension("lock")).and_then(|data| data.modified());
        entries.push((used.unwrap_or(SystemTime::UNIX_EPOCH), path));
    }
    entries.sort_by(|a, b| b.cmp(a));
    let mut total = 0;
    for (used, path) in entries {
        let age = SystemTime::now().duration_since(used).unwrap_or_default();
        total += measure(&path).0;
        if age <= MOST_AGE && total <= 4 * MOST_BYTES {
            continue;
        }
        let lock = lock_file(&path.with_extension("lock"))?;
        let readers = lock_file(&path.with_extension("readers"))?;
        if try_exclusive(&lock)? && try_exclusive(&readers)? {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Notes that an entry was used: the time of its lock file says so.
pub(super) fn touch(entry: &Entry) -> io::Result<()> {
    File::options()
        .write(true)
        .open(entry.folder.with_extension("lock"))?
        .set_modified(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redacted::Redacted;

    fn source(url: &str) -> GitSource {
        GitSource {
            url: url.to_owned(),
            credentials: GitCredentials::Ambient,
            credential_source: String::new(),
            tls: crate::ports::TlsSettings::default(),
            proxy: None,
            timeout: Duration::from_secs(1),
        }
    }

    fn limits() -> Limits {
        Limits::new(Duration::from_secs(60), None)
    }

    fn id(byte: u8) -> ObjectId {
        ObjectId::try_from([byte; 20].as_slice()).unwrap()
    }

    #[test]
    fn one_repository_has_one_entry_for_each_user() {
        let plain = name(&source("https://Git.example.com/a.git")).unwrap();
        assert_eq!(
            name(&source("https://git.example.com:443/a.git/")).unwrap(),
            plain
        );
        assert_ne!(
            name(&source("https://git.example.com/b.git")).unwrap(),
            plain
        );
        let mut other = source("https://git.example.com/a.git");
        other.credentials = GitCredentials::Basic {
            username: "me".to_owned(),
            password: Redacted::new("one".to_owned()),
        };
        let mine = name(&other).unwrap();
        assert_ne!(mine, plain);
        other.credentials = GitCredentials::Ambient;
        other.url = "https://me:two@git.example.com/a.git".to_owned();
        assert_eq!(name(&other).unwrap(), mine);
    }

    #[test]
    fn an_entry_keeps_its_notes_and_a_dead_run_leaves_none() {
        let cache = tempfile::tempdir().unwrap();
        let source = source("https://git.example.com/a.git");
        let tip = Tip {
            commit: id(1),
            boundary: id(2),
            whole: true,
        };
        let entry = open(cache.path(), &source, &limits()).unwrap().unwrap();
        assert!(entry.tips().is_empty());
        entry.add_tip(&tip).unwrap();
        entry.remember(b"t", &[id(3)]).unwrap();
        entry.remember(b"t", &[id(4)]).unwrap();
        let folder = entry.folder().to_owned();
        drop(entry);

        let entry = open(cache.path(), &source, &limits()).unwrap().unwrap();
        assert_eq!(entry.tips(), [tip]);
        assert_eq!(entry.unmarked(), HashSet::from([id(3), id(4)]));
        assert!(entry.remembers(b"t") && !entry.remembers(b"u"));
        entry.remember(b"u", &[id(5)]).unwrap();
        assert_eq!(entry.unmarked(), HashSet::from([id(5)]));
        drop(entry);

        // What a killed run leaves.
        File::create(folder.join("busy")).unwrap();
        let entry = open(cache.path(), &source, &limits()).unwrap().unwrap();
        assert!(entry.tips().is_empty() && entry.unmarked().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_look_into_the_cache() {
        use std::os::unix::fs::PermissionsExt as _;
        let cache = tempfile::tempdir().unwrap();
        let entry = open(
            cache.path(),
            &source("https://git.example.com/a.git"),
            &limits(),
        )
        .unwrap()
        .unwrap();
        for folder in [entry.folder(), cache.path().join("git").as_path()] {
            let mode = std::fs::metadata(folder).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
    }

    #[test]
    fn entries_that_nobody_used_for_long_are_discarded_unless_somebody_reads_them() {
        let cache = tempfile::tempdir().unwrap();
        let entry = open(
            cache.path(),
            &source("https://git.example.com/a.git"),
            &limits(),
        )
        .unwrap()
        .unwrap();
        let folder = entry.folder().to_owned();
        let long_ago = SystemTime::now() - 2 * MOST_AGE;
        File::options()
            .write(true)
            .open(folder.with_extension("lock"))
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        tidy(cache.path()).unwrap();
        assert!(folder.exists());
        drop(entry);
        tidy(cache.path()).unwrap();
        assert!(!folder.exists());
    }
}

//! Questions about history that a shallow fetch cannot answer.
//!
//! For: whether one commit is an ancestor of another, and which commits lie between.
//! Refuses: to fetch trees or files where the server can leave them out.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use gix::ObjectId;
use gix::objs::Kind;

use super::acquire::Remote;
use super::commit::header;
use super::limits::Limits;
use super::packet::Next;
use super::store::Objects;
use super::upload::{FetchFailure, Listener, Wants};
use crate::ports::{DroppedCommit, GitError};

/// How far back a server is asked that cannot leave out files.
const DEPTH: u32 = 200;

/// Commits without what they hold.
pub(super) struct History {
    commits: HashMap<ObjectId, Commit>,
}

struct Commit {
    parents: Vec<ObjectId>,
    name: String,
    email: String,
    seconds: i64,
}

struct Deaf;

impl Listener for Deaf {
    fn bytes(&mut self, _: u64) -> Next {
        Next::Continue
    }

    fn counted(&mut self, _: u64) -> Next {
        Next::Continue
    }
}

/// Reads what is needed of a commit object.
fn parse(data: &[u8]) -> Commit {
    let author = header(data, "author").next().unwrap_or_default();
    let committer = header(data, "committer").next().unwrap_or(author);
    let (name, rest) = author.split_once('<').unwrap_or((author, ""));
    let seconds = committer
        .rsplit_once('>')
        .and_then(|(_, time)| time.split_whitespace().next()?.parse().ok());
    Commit {
        parents: header(data, "parent")
            .filter_map(|id| ObjectId::from_hex(id.as_bytes()).ok())
            .collect(),
        name: name.trim_end().to_owned(),
        email: rest.split('>').next().unwrap_or_default().to_owned(),
        seconds: seconds.unwrap_or_default(),
    }
}

/// A store of their own.
struct Commits {
    objects: Objects,
    /// Removed with the objects.
    _folder: tempfile::TempDir,
}

impl Commits {
    fn new() -> std::io::Result<Self> {
        let folder = tempfile::tempdir()?;
        Ok(Self {
            objects: Objects::open(folder.path(), false)?,
            _folder: folder,
        })
    }
}

/// Fetches commits.
fn fetch_commits(
    remote: &mut Remote,
    tips: &[ObjectId],
    depth: Option<u32>,
    limits: &Limits,
) -> Result<Commits, GitError> {
    let action = "fetching from";
    let site = remote.site();
    let commits = Commits::new().map_err(|error| site.failed(action, error))?;
    let upload = remote.upload(limits)?;
    let advertisement = upload.advertisement();
    let filters = advertisement.can_fetch_with("filter");
    let shallow = advertisement.can_fetch_with("shallow");
    for filter in [Some("tree:0"), Some("blob:none"), None] {
        if filter.is_some() && !filters {
            continue;
        }
        let deepen = match (filter, depth) {
            (_, Some(depth)) => Some(depth),
            (None, None) => Some(DEPTH),
            (Some(_), None) => None,
        };
        let wants = Wants {
            objects: tips,
            filter,
            deepen: deepen.filter(|_| shallow),
            ..Wants::default()
        };
        match upload.fetch(&wants, &commits.objects, &mut Deaf, limits) {
            Ok(_) => return Ok(commits),
            Err(FetchFailure::Refused(text)) if filter.is_some() => {
                tracing::debug!(filter, text, "the server refuses the filter");
            }
            Err(FetchFailure::Refused(text)) => {
                return Err(site.refused(action, format!("remote: {text}")));
            }
            Err(FetchFailure::GivenUp) => return Err(GitError::Interrupted),
            Err(FetchFailure::Git(error)) => return Err(error),
        }
    }
    Err(site.refused(action, "the server refuses every kind of fetch"))
}

impl History {
    /// Fetches the commits that lead to the tips.
    pub(super) fn fetch(
        remote: &mut Remote,
        tips: &[ObjectId],
        limits: &Limits,
    ) -> Result<Self, GitError> {
        let commits = fetch_commits(remote, tips, None, limits)?;
        let reader = commits.objects.reader();
        let mut history = Self {
            commits: HashMap::new(),
        };
        let mut rest: Vec<ObjectId> = tips.to_vec();
        while let Some(id) = rest.pop() {
            if history.commits.contains_key(&id) {
                continue;
            }
            let found = reader
                .find(id)
                .map_err(|error| remote.site().failed("reading the history of", error))?;
            // Beyond the depth that was asked for.
            let Some((Kind::Commit, data)) = found else {
                continue;
            };
            let commit = parse(&data);
            rest.extend(&commit.parents);
            history.commits.insert(id, commit);
        }
        Ok(history)
    }

    fn reachable(&self, tip: ObjectId) -> HashSet<ObjectId> {
        let mut seen = HashSet::new();
        let mut rest = VecDeque::from([tip]);
        while let Some(id) = rest.pop_front() {
            if seen.insert(id)
                && let Some(commit) = self.commits.get(&id)
            {
                rest.extend(&commit.parents);
            }
        }
        seen
    }

    /// Whether `ancestor` is `tip` or lies behind it.
    pub(super) fn is_ancestor(&self, ancestor: ObjectId, tip: ObjectId) -> bool {
        self.reachable(tip).contains(&ancestor)
    }

    /// The commits behind `tip` that are not behind `kept`, newest first.
    pub(super) fn dropped(&self, tip: ObjectId, kept: ObjectId) -> Vec<DroppedCommit> {
        let kept = self.reachable(kept);
        let mut dropped: Vec<(ObjectId, &Commit)> = self
            .reachable(tip)
            .into_iter()
            .filter(|id| !kept.contains(id))
            .filter_map(|id| Some((id, self.commits.get(&id)?)))
            .collect();
        let depth = self.depths(tip);
        dropped.sort_by_key(|(id, commit)| {
            let depth = depth.get(id).copied().unwrap_or_default();
            (depth, std::cmp::Reverse(commit.seconds))
        });
        dropped
            .into_iter()
            .map(|(id, commit)| DroppedCommit {
                id: id.to_string(),
                name: commit.name.clone(),
                email: commit.email.clone(),
            })
            .collect()
    }

    /// How many steps each commit is behind the tip.
    fn depths(&self, tip: ObjectId) -> HashMap<ObjectId, usize> {
        let mut depths = HashMap::new();
        let mut rest = VecDeque::from([(tip, 0)]);
        while let Some((id, depth)) = rest.pop_front() {
            if depths.contains_key(&id) {
                continue;
            }
            depths.insert(id, depth);
            if let Some(commit) = self.commits.get(&id) {
                rest.extend(commit.parents.iter().map(|parent| (*parent, depth + 1)));
            }
        }
        depths
    }
}

/// The commit times of some commits, in seconds since the epoch.
pub(super) fn commit_times(
    remote: &mut Remote,
    ids: &BTreeSet<ObjectId>,
    limits: &Limits,
) -> Result<HashMap<ObjectId, i64>, GitError> {
    let tips: Vec<ObjectId> = ids.iter().copied().collect();
    if tips.is_empty() {
        return Ok(HashMap::new());
    }
    let commits = fetch_commits(remote, &tips, Some(1), limits)?;
    let reader = commits.objects.reader();
    let mut times = HashMap::new();
    for id in tips {
        let found = reader
            .find(id)
            .map_err(|error| remote.site().failed("reading the history of", error))?;
        if let Some((Kind::Commit, data)) = found {
            times.insert(id, parse(&data).seconds);
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ObjectId {
        ObjectId::try_from([byte; 20].as_slice()).unwrap()
    }

    /// 1 - 2 - 3 - 4 with 5 on 2.
    fn history() -> History {
        let commit = |parents: &[u8], seconds| Commit {
            parents: parents.iter().map(|parent| id(*parent)).collect(),
            name: format!("n{seconds}"),
            email: String::new(),
            seconds,
        };
        History {
            commits: HashMap::from([
                (id(1), commit(&[], 1)),
                (id(2), commit(&[1], 2)),
                (id(3), commit(&[2], 3)),
                (id(4), commit(&[3], 4)),
                (id(5), commit(&[2], 5)),
            ]),
        }
    }

    #[test]
    fn ancestors_are_found_and_dropped_commits_listed_newest_first() {
        let history = history();
        assert!(history.is_ancestor(id(2), id(4)));
        assert!(!history.is_ancestor(id(5), id(4)));
        let names: Vec<_> = history
            .dropped(id(4), id(5))
            .into_iter()
            .map(|commit| commit.name)
            .collect();
        assert_eq!(names, ["n4", "n3"]);
        assert!(history.dropped(id(2), id(4)).is_empty());
    }

    #[test]
    fn a_commit_object_gives_author_and_time() {
        let commit = parse(
            b"tree x\nparent 1111111111111111111111111111111111111111\nauthor A B <a@b> 5 +0000\ncommitter C <c@d> 9 +0100\n\nm",
        );
        assert_eq!(
            (commit.name.as_str(), commit.email.as_str(), commit.seconds),
            ("A B", "a@b", 9)
        );
        assert_eq!(commit.parents, [id(0x11)]);
    }
}

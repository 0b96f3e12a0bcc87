//! The entrance of the room.
//!
//! For: the port `GitHost`.
//! Refuses: to keep state between fetches, but for the cache on disk.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use gix::ObjectId;
use gix::objs::Kind;

use super::acquire::{Acquirer, Remote};
use super::advertisement::Reference;
use super::cache::{self, Entry, Tip};
use super::commit::{Overlay, root_tree};
use super::failure::{Site, find_cause};
use super::history::commit_times;
use super::limits::Limits;
use super::reference;
use super::search::View;
use super::signing;
use super::snapshot::GitSnapshot;
use super::store::{Damaged, Store};
use crate::ports::{
    Event, FetchRequest, GitError, GitHost, GitSource, SigningKey, Snapshot, TagChoice,
};

/// Git servers over http, https, ssh and file.
#[derive(Clone, Debug, Default)]
pub struct GitClient {
    cache: Option<PathBuf>,
}

impl GitClient {
    /// A client that keeps nothing between runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client that keeps what it fetched below a folder of the user's.
    pub fn with_cache(folder: impl Into<PathBuf>) -> Self {
        Self {
            cache: Some(folder.into()),
        }
    }

    /// The cache entry of a source. Trouble with the cache is no trouble of the run's.
    fn entry(&self, source: &GitSource, limits: &Limits) -> Result<Option<Entry>, GitError> {
        let Some(folder) = &self.cache else {
            return Ok(None);
        };
        // What is on this machine already is not worth a copy.
        if source.url.starts_with("file:") {
            return Ok(None);
        }
        match cache::open(folder, source, limits) {
            Ok(entry) => Ok(entry),
            Err(error) => {
                limits
                    .check()
                    .map_err(|stopped| Site::new(source).failed(ACTION, stopped.into()))?;
                tracing::debug!(%error, "the cache cannot be used");
                Ok(None)
            }
        }
    }
}

const ACTION: &str = "fetching from";

/// Fetches the dates of commits.
type CommitTimes<'a> =
    dyn FnMut(&BTreeSet<ObjectId>) -> Result<HashMap<ObjectId, i64>, GitError> + 'a;

/// Chooses a tag. The dates of commits are only fetched for tags that could win by them: those that
/// the choice falls on when nothing but a later date speaks for them.
fn choose_tag(
    tags: &[Reference],
    choose: &TagChoice<'_>,
    times: &mut CommitTimes<'_>,
) -> Result<Option<String>, GitError> {
    let names: Vec<&str> = tags
        .iter()
        .map(|tag| tag.name.strip_prefix("refs/tags/").unwrap_or(&tag.name))
        .collect();
    let pick = |time: &dyn Fn(usize) -> i64| {
        let dated: Vec<(String, i64)> = names
            .iter()
            .enumerate()
            .map(|(number, name)| ((*name).to_owned(), time(number)))
            .collect();
        choose(&dated)
    };
    let count = i64::try_from(names.len()).unwrap_or(i64::MAX);
    let rising = pick(&|number| i64::try_from(number).unwrap_or(i64::MAX));
    let falling = pick(&|number| count - i64::try_from(number).unwrap_or(count));
    if rising == falling {
        return Ok(rising);
    }
    let tied: Vec<usize> = (0..names.len())
        .filter(|candidate| {
            let chosen = pick(&|number| i64::from(number == *candidate));
            chosen.as_deref() == Some(names[*candidate])
        })
        .collect();
    let ids = tied.iter().map(|number| tags[*number].commit()).collect();
    let times = times(&ids)?;
    Ok(pick(&|number| {
        times.get(&tags[number].commit()).copied().unwrap_or(0)
    }))
}

impl GitClient {
    fn fetch_now(&self, request: &FetchRequest<'_>) -> Result<Box<dyn Snapshot>, GitError> {
        let site = Site::new(request.source);
        let limits = Limits::new(request.source.timeout, Some(request.cancellation));
        let mut remote = Remote::new(request.source, request.cancellation)
            .map_err(|error| site.failed(ACTION, error))?;
        let mut choose = |remote: &mut Remote, tags: &[Reference]| {
            choose_tag(tags, request.choose_tag, &mut |ids| {
                commit_times(remote, ids, &limits)
            })
        };
        // The server lets this login in before anything is read from the cache.
        let resolved = reference::resolve(request, &mut remote, &mut choose, &limits)?;
        let new_store = |entry| Store::new(entry).map_err(|error| site.failed(ACTION, error));
        let mut store = new_store(self.entry(request.source, &limits)?)?;
        let cached = store.entry().is_some();
        let (tip, root) = match bring(request, &mut remote, &store, resolved.base.1, &limits) {
            Err(error) if cached && find_cause::<Damaged>(&error).is_some() => {
                tracing::debug!(%error, "the cache is damaged and is given up");
                store.abandon();
                store = new_store(self.entry(request.source, &limits)?)?;
                bring(request, &mut remote, &store, resolved.base.1, &limits)?
            }
            other => other?,
        };
        let kept = store.release(&tip);
        if let (Some(folder), true, Ok(())) = (&self.cache, cached, kept) {
            let tidied = store
                .entry()
                .map_or(Ok(()), cache::touch)
                .and_then(|()| cache::tidy(folder));
            if let Err(error) = tidied {
                tracing::debug!(%error, "the cache cannot be tidied");
            }
        }
        let store = Arc::new(store);
        Ok(Box::new(GitSnapshot::new(
            remote, store, resolved, tip, root,
        )))
    }
}

/// Brings a commit and the files to be searched. Gives its root tree.
fn bring(
    request: &FetchRequest<'_>,
    remote: &mut Remote,
    store: &Store,
    base: ObjectId,
    limits: &Limits,
) -> Result<(Tip, ObjectId), GitError> {
    let site = remote.site();
    let mut acquirer = Acquirer::new(remote, store, limits, request.progress);
    let tip = acquirer.commit(base, request.paths)?;
    let commit = acquirer.object(base, Kind::Commit)?;
    let root = root_tree(&commit).map_err(|error| site.failed(ACTION, error))?;
    let mut view = View {
        acquirer: &mut acquirer,
        overlay: &Overlay::default(),
        root,
    };
    for path in request.paths {
        // A path that does not exist is the reader's business.
        view.find(path, request.wanted, true)?;
    }
    Ok((tip, root))
}

impl GitHost for GitClient {
    fn fetch(&self, request: &FetchRequest<'_>) -> Result<Box<dyn Snapshot>, GitError> {
        let url = request.source.display_url();
        request
            .progress
            .event(Event::FetchStarted { url: url.clone() });
        let result = self.fetch_now(request);
        request.progress.event(Event::FetchFinished { url });
        result
    }

    fn check_signing_key(&self, key: &SigningKey, secret: &str) -> Result<(), GitError> {
        signing::check(key, secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str, byte: u8) -> Reference {
        Reference {
            name: format!("refs/tags/{name}"),
            target: ObjectId::try_from([byte; 20].as_slice()).unwrap(),
            peeled: None,
        }
    }

    /// The longest name wins, then the later date.
    fn longest(tags: &[(String, i64)]) -> Option<String> {
        tags.iter()
            .max_by_key(|(name, time)| (name.len(), *time))
            .map(|(name, _)| name.clone())
    }

    #[test]
    fn dates_are_not_asked_for_when_they_do_not_matter() {
        let tags = [tag("a", 1), tag("bb", 2)];
        let chosen = choose_tag(&tags, &longest, &mut |_| panic!("no dates are needed")).unwrap();
        assert_eq!(chosen.as_deref(), Some("bb"));
    }

    #[test]
    fn equal_tags_are_decided_by_their_commits_dates_alone() {
        let tags = [tag("a", 1), tag("bb", 2), tag("cc", 3), tag("dd", 4)];
        let chosen = choose_tag(&tags, &longest, &mut |ids| {
            assert_eq!(ids.len(), 3);
            Ok(HashMap::from([
                (tags[1].target, 5),
                (tags[2].target, 9),
                (tags[3].target, 7),
            ]))
        })
        .unwrap();
        assert_eq!(chosen.as_deref(), Some("cc"));
    }
}

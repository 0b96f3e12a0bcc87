//! The entrance of the room.
//!
//! For: the port `GitHost`.
//! Refuses: to keep state between fetches, but for the cache on disk.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use gix::ObjectId;
use gix::objs::Kind;

use super::acquire::{Acquirer, Remote};
use super::advertisement::Reference;
use super::commit::{Overlay, root_tree};
use super::failure::Site;
use super::history::commit_times;
use super::limits::Limits;
use super::reference;
use super::search::View;
use super::signing;
use super::snapshot::GitSnapshot;
use super::store::Store;
use crate::ports::{Event, FetchRequest, GitError, GitHost, SigningKey, Snapshot, TagChoice};

/// Git servers over http, https, ssh and file.
#[derive(Clone, Debug, Default)]
pub struct GitClient {}

impl GitClient {
    /// A client without a cache.
    pub fn new() -> Self {
        Self::default()
    }
}

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

fn fetch(request: &FetchRequest<'_>) -> Result<Box<dyn Snapshot>, GitError> {
    let action = "fetching from";
    let site = Site::new(request.source);
    let limits = Limits::new(request.source.timeout, Some(request.cancellation));
    let mut remote = Remote::new(request.source, request.cancellation)
        .map_err(|error| site.failed(action, error))?;
    let mut choose = |remote: &mut Remote, tags: &[Reference]| {
        choose_tag(tags, request.choose_tag, &mut |ids| {
            commit_times(remote, ids, &limits)
        })
    };
    let resolved = reference::resolve(request, &mut remote, &mut choose, &limits)?;
    let store = Arc::new(Store::temporary().map_err(|error| site.failed(action, error))?);
    let base = resolved.base.1;
    let root = {
        let mut acquirer = Acquirer::new(&mut remote, &store, &limits, request.progress);
        acquirer.commit(base, request.paths)?;
        let commit = acquirer.object(base, Kind::Commit)?;
        let root = root_tree(&commit).map_err(|error| site.failed(action, error))?;
        let mut view = View {
            acquirer: &mut acquirer,
            overlay: &Overlay::default(),
            root,
        };
        for path in request.paths {
            // A path that does not exist is the reader's business.
            view.find(path, request.wanted)?;
        }
        root
    };
    Ok(Box::new(GitSnapshot::new(remote, store, resolved, root)))
}

impl GitHost for GitClient {
    fn fetch(&self, request: &FetchRequest<'_>) -> Result<Box<dyn Snapshot>, GitError> {
        let url = request.source.display_url();
        request
            .progress
            .event(Event::FetchStarted { url: url.clone() });
        let result = fetch(request);
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

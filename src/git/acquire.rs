//! Bringing objects here: which requests are made for which objects.
//!
//! For: the plans of the room's introduction, and fetching what turns out to be missing.
//! Refuses: to know what the objects are wanted for.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use gix::ObjectId;
use gix::objs::Kind;

use super::advertisement::Version;
use super::cache::Tip;
use super::connection::connect;
use super::failure::Site;
use super::limits::{Limits, Waiter};
use super::packet::Next;
use super::store::{Objects, Reader, Store};
use super::upload::{FetchFailure, Listener, Upload, Wants};
use crate::key::TreePath;
use crate::ports::{Cancellation, Event, GitError, GitSource, Progress};

/// A repository of at most so many objects is taken whole.
const SMALL_OBJECTS: u64 = 1_000;

/// And of at most so many bytes.
const SMALL_BYTES: u64 = 1024 * 1024;

/// How many objects are asked for in one request: 500 kB of request lines, below every known limit
/// of a front end.
const BATCH: usize = 10_000;

/// One server, and the conversation with it.
pub(super) struct Remote {
    source: GitSource,
    waiter: Arc<Waiter>,
    cancellation: Cancellation,
    upload: Option<Upload>,
}

impl Remote {
    pub(super) fn new(source: &GitSource, cancellation: &Cancellation) -> io::Result<Self> {
        Ok(Self {
            source: source.clone(),
            waiter: Arc::new(Waiter::new()?),
            cancellation: cancellation.clone(),
            upload: None,
        })
    }

    pub(super) fn source(&self) -> &GitSource {
        &self.source
    }

    pub(super) fn site(&self) -> Site {
        Site::new(&self.source)
    }

    pub(super) fn timeout(&self) -> Duration {
        self.source.timeout
    }

    /// Limits of an operation that begins now.
    pub(super) fn limits(&self) -> Limits {
        Limits::new(self.source.timeout, Some(&self.cancellation))
    }

    /// The conversation with upload-pack, begun when need be.
    pub(super) fn upload(&mut self, limits: &Limits) -> Result<&mut Upload, GitError> {
        let upload = if let Some(upload) = self.upload.take() {
            upload
        } else {
            let connection = connect(&self.source, &self.waiter)?;
            Upload::open(connection, self.site(), limits)?
        };
        Ok(self.upload.insert(upload))
    }

    /// A connection for another service: over http the one in use, with its login.
    pub(super) fn connection(
        &mut self,
    ) -> Result<Box<dyn super::connection::Connection>, GitError> {
        match self.upload.take() {
            Some(upload) => Ok(upload.into_connection()),
            None => connect(&self.source, &self.waiter),
        }
    }
}

/// Tells progress, and gives up a transfer that is larger than allowed.
struct Meter<'a> {
    url: String,
    progress: &'a dyn Progress,
    received: u64,
    total: u64,
    /// Most objects and bytes of the transfer.
    most: Option<(u64, u64)>,
}

impl Listener for Meter<'_> {
    fn bytes(&mut self, count: u64) -> Next {
        self.received += count;
        self.total += count;
        self.progress.event(Event::FetchProgress {
            url: self.url.clone(),
            bytes: self.total,
        });
        match self.most {
            Some((_, bytes)) if self.received > bytes => Next::Stop,
            _ => Next::Continue,
        }
    }

    fn counted(&mut self, objects: u64) -> Next {
        match self.most {
            Some((most, _)) if objects > most => Next::Stop,
            _ => Next::Continue,
        }
    }
}

/// What a fetch of a commit brought.
fn tip(commit: ObjectId, cut: &[ObjectId], whole: bool) -> Tip {
    Tip {
        commit,
        boundary: cut.first().copied().unwrap_or(commit),
        whole,
    }
}

/// Gets objects from the store, and from the server when they are not there.
pub(super) struct Acquirer<'a> {
    remote: &'a mut Remote,
    store: &'a Store,
    reader: Reader,
    limits: &'a Limits,
    meter: Meter<'a>,
    /// An earlier run left the folders of another commit, most of which are still the same.
    warm: bool,
}

impl<'a> Acquirer<'a> {
    pub(super) fn new(
        remote: &'a mut Remote,
        store: &'a Store,
        limits: &'a Limits,
        progress: &'a dyn Progress,
    ) -> Self {
        let url = remote.source.display_url();
        Self {
            remote,
            store,
            reader: store.reader(),
            limits,
            meter: Meter {
                url,
                progress,
                received: 0,
                total: 0,
                most: None,
            },
            warm: store.entry().is_some_and(|entry| !entry.tips().is_empty()),
        }
    }

    pub(super) fn site(&self) -> Site {
        self.remote.site()
    }

    pub(super) fn limits(&self) -> &Limits {
        self.limits
    }

    pub(super) fn has(&self, id: ObjectId) -> bool {
        self.reader.has(id)
    }

    /// Whether a file is known to hold no marker.
    pub(super) fn is_unmarked(&self, id: ObjectId) -> bool {
        self.store.is_unmarked(id)
    }

    /// Keeps a file for later runs.
    pub(super) fn keep(&self, id: ObjectId, data: &[u8]) {
        self.store.keep(id, data);
    }

    fn request(
        &mut self,
        wants: &Wants<'_>,
        into: &Objects,
        most: Option<(u64, u64)>,
    ) -> Result<Vec<ObjectId>, FetchFailure> {
        self.meter.received = 0;
        self.meter.most = most;
        let upload = self.remote.upload(self.limits)?;
        let shallow = upload.fetch(wants, into, &mut self.meter, self.limits)?;
        if let Some(id) = wants.objects.first() {
            // A successful look-up makes the new pack known to the reader.
            self.find(*id)?;
        }
        Ok(shallow)
    }

    /// Whether any object may be fetched by its id, without what is below it.
    fn partial(&mut self) -> Result<bool, GitError> {
        let advertisement = self.remote.upload(self.limits)?.advertisement();
        Ok(advertisement.can_fetch_with("filter")
            && advertisement.can_fetch_with("shallow")
            && advertisement.can_want_any())
    }

    /// Brings a commit, cut off from its history, and at least the folders above `paths`.
    pub(super) fn commit(&mut self, id: ObjectId, paths: &[TreePath]) -> Result<Tip, GitError> {
        let known = self.store.entry().and_then(|entry| {
            let mut tips = entry.tips().iter();
            tips.find(|tip| tip.commit == id).cloned()
        });
        if let Some(tip) = known {
            self.find(id)?;
            return Ok(tip);
        }
        let partial = self.partial()?;
        let old = self.whole_tip()?;
        let shallow = self
            .remote
            .upload(self.limits)?
            .advertisement()
            .can_fetch_with("shallow");
        let objects = [id];
        let (have, boundary) = match &old {
            Some(tip) => ([tip.commit], [tip.boundary]),
            None => ([id], [id]),
        };
        let whole = Wants {
            objects: &objects,
            haves: if old.is_some() { &have } else { &[] },
            shallow: if old.is_some() { &boundary } else { &[] },
            deepen: shallow.then_some(1),
            filter: None,
        };
        // A cache without a whole commit has met this repository as a large one.
        if !partial || old.is_some() || !self.warm {
            let most = partial.then_some((SMALL_OBJECTS, SMALL_BYTES));
            match self.request(&whole, self.store.main(), most) {
                Ok(cut) => return Ok(tip(id, &cut, true)),
                Err(FetchFailure::GivenUp) => {}
                Err(FetchFailure::Refused(text)) => return Err(self.no_commit(id, &text)),
                Err(FetchFailure::Git(error)) => return Err(error),
            }
        }
        let fresh = Wants {
            haves: &[],
            shallow: &[],
            ..whole
        };
        for filter in self.filters(paths) {
            let wants = Wants {
                filter: Some(&filter),
                ..fresh
            };
            match self.request(&wants, self.store.main(), None) {
                Ok(cut) => return Ok(tip(id, &cut, false)),
                Err(FetchFailure::Refused(text)) => {
                    tracing::debug!(filter, text, "the server refuses the filter");
                }
                Err(FetchFailure::GivenUp) => return Err(GitError::Interrupted),
                Err(FetchFailure::Git(error)) => return Err(error),
            }
        }
        match self.request(&fresh, self.store.main(), None) {
            Ok(cut) => Ok(tip(id, &cut, true)),
            Err(FetchFailure::Refused(text)) => Err(self.no_commit(id, &text)),
            Err(FetchFailure::GivenUp) => Err(GitError::Interrupted),
            Err(FetchFailure::Git(error)) => Err(error),
        }
    }

    /// The newest commit of the cache that a fetch may build on.
    fn whole_tip(&mut self) -> Result<Option<Tip>, GitError> {
        let version = self.remote.upload(self.limits)?.advertisement().version;
        let entry = self.store.entry().filter(|_| version == Version::V2);
        let whole = entry.and_then(|entry| entry.tips().iter().rev().find(|tip| tip.whole));
        Ok(whole
            .filter(|tip| self.reader.find(tip.commit).ok().flatten().is_some())
            .cloned())
    }

    /// The filters for the commit of a large repository, best first.
    fn filters(&self, paths: &[TreePath]) -> Vec<String> {
        let none = "blob:none".to_owned();
        let depth = paths.iter().map(|path| path.parts().count()).max();
        match depth {
            // Most folders are here already: only those that changed are asked for, one by one.
            _ if self.warm => vec!["tree:0".to_owned(), none],
            Some(depth) if depth > 0 && !paths.iter().any(TreePath::is_root) => vec![
                format!("combine:blob:none+tree:{depth}"),
                "tree:0".to_owned(),
                none,
            ],
            // The root itself is searched: every folder is wanted.
            _ => vec![none],
        }
    }

    /// The server refused a commit. "Not our ref" is its way to say that it has no such object.
    fn no_commit(&self, id: ObjectId, text: &str) -> GitError {
        if text.contains("not our ref") {
            return GitError::ReferenceNotFound {
                url: self.remote.source.display_url(),
                reference: id.to_string(),
            };
        }
        self.site()
            .refused("fetching from", format!("remote: {text}"))
    }

    /// Brings all folders below this one, and none of the files. With the folders of another commit
    /// at hand, nothing: what is missing is then asked for level by level.
    pub(super) fn folders(&mut self, id: ObjectId) -> Result<(), GitError> {
        if self.warm {
            return Ok(());
        }
        self.filtered(&BTreeSet::from([id]), &["blob:none"])
    }

    /// Brings these trees alone.
    pub(super) fn trees(&mut self, ids: &BTreeSet<ObjectId>) -> Result<(), GitError> {
        self.filtered(ids, &["tree:0", "blob:none"])
    }

    /// Brings files.
    pub(super) fn blobs(&mut self, ids: &BTreeSet<ObjectId>) -> Result<(), GitError> {
        // Nothing but wants: a filter would be idle, and a `have` would claim files too.
        self.filtered(ids, &[])
    }

    /// Brings files that are here but cannot be read.
    pub(super) fn blobs_again(&mut self, ids: &BTreeSet<ObjectId>) -> Result<(), GitError> {
        let ids: Vec<ObjectId> = ids.iter().copied().collect();
        self.bring(&ids, &[])
    }

    fn filtered(&mut self, ids: &BTreeSet<ObjectId>, filters: &[&str]) -> Result<(), GitError> {
        let missing: Vec<ObjectId> = ids
            .iter()
            .copied()
            .filter(|id| !self.reader.has(*id))
            .collect();
        self.bring(&missing, filters)
    }

    /// Brings objects with the first of the filters that the server takes.
    fn bring(&mut self, ids: &[ObjectId], filters: &[&str]) -> Result<(), GitError> {
        let into = if filters.is_empty() {
            self.store.files()
        } else {
            self.store.main()
        };
        for objects in ids.chunks(BATCH) {
            let mut filters = filters.iter();
            loop {
                let filter = filters.next().copied();
                let wants = Wants {
                    objects,
                    filter,
                    ..Wants::default()
                };
                match self.request(&wants, into, None) {
                    Ok(_) => break,
                    Err(FetchFailure::Refused(_)) if filters.len() > 0 => {}
                    Err(FetchFailure::Refused(text)) => {
                        let text = format!("remote: {text}");
                        return Err(self.site().refused("fetching from", text));
                    }
                    Err(FetchFailure::GivenUp) => return Err(GitError::Interrupted),
                    Err(FetchFailure::Git(error)) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// An object, from the server when it is not here.
    pub(super) fn object(&mut self, id: ObjectId, kind: Kind) -> Result<Vec<u8>, GitError> {
        if !self.reader.has(id) {
            let ids = BTreeSet::from([id]);
            match kind {
                Kind::Tree => self.trees(&ids)?,
                _ => self.blobs(&ids)?,
            }
        }
        let (found, data) = self.find(id)?;
        if found != kind {
            return Err(self.site().refused(
                "fetching from",
                format!("object {id} is a {found}, expected a {kind}"),
            ));
        }
        Ok(data)
    }

    fn find(&self, id: ObjectId) -> Result<(Kind, Vec<u8>), GitError> {
        let action = "reading the objects of";
        self.reader
            .find(id)
            .map_err(|error| self.site().failed(action, error))?
            .ok_or_else(|| {
                self.site()
                    .refused(action, format!("the server did not send object {id}"))
            })
    }
}

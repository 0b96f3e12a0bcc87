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

use super::connection::connect;
use super::failure::Site;
use super::limits::{Limits, Waiter};
use super::packet::Next;
use super::store::{Reader, Store};
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

/// Gets objects from the store, and from the server when they are not there.
pub(super) struct Acquirer<'a> {
    remote: &'a mut Remote,
    store: &'a Store,
    reader: Reader,
    limits: &'a Limits,
    meter: Meter<'a>,
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

    fn request(&mut self, wants: &Wants<'_>, most: Option<(u64, u64)>) -> Result<(), FetchFailure> {
        self.meter.received = 0;
        self.meter.most = most;
        let upload = self.remote.upload(self.limits)?;
        upload.fetch(wants, self.store, &mut self.meter, self.limits)?;
        if let Some(id) = wants.objects.first() {
            // A successful look-up makes the new pack known to the reader.
            self.find(*id)?;
        }
        Ok(())
    }

    /// Requests that the server has no reason to refuse.
    fn demand(&mut self, wants: &Wants<'_>) -> Result<(), GitError> {
        let action = "fetching from";
        self.request(wants, None).map_err(|failure| match failure {
            FetchFailure::Git(error) => error,
            FetchFailure::Refused(text) => self.site().refused(action, format!("remote: {text}")),
            FetchFailure::GivenUp => GitError::Interrupted,
        })
    }

    /// Whether any object may be fetched by its id, without what is below it.
    fn partial(&mut self) -> Result<bool, GitError> {
        let advertisement = self.remote.upload(self.limits)?.advertisement();
        Ok(advertisement.can_fetch_with("filter")
            && advertisement.can_fetch_with("shallow")
            && advertisement.can_want_any())
    }

    /// Brings a commit, cut off from its history, and at least the folders above `paths`.
    pub(super) fn commit(&mut self, id: ObjectId, paths: &[TreePath]) -> Result<(), GitError> {
        if self.reader.find(id).ok().flatten().is_some() {
            return Ok(());
        }
        let objects = [id];
        let upload = self.remote.upload(self.limits)?;
        let whole = Wants {
            objects: &objects,
            deepen: upload
                .advertisement()
                .can_fetch_with("shallow")
                .then_some(1),
            ..Wants::default()
        };
        if !self.partial()? {
            return self.whole(&whole);
        }
        match self.request(&whole, Some((SMALL_OBJECTS, SMALL_BYTES))) {
            Ok(()) => return Ok(()),
            Err(FetchFailure::GivenUp) => {}
            Err(FetchFailure::Refused(text)) => return Err(self.no_commit(id, &text)),
            Err(FetchFailure::Git(error)) => return Err(error),
        }
        // The root itself is searched: every folder is wanted anyway.
        let depth = paths.iter().map(|path| path.parts().count()).max();
        let depth = match depth {
            Some(depth) if depth > 0 && !paths.iter().any(TreePath::is_root) => depth,
            _ => 0,
        };
        let above = format!("combine:blob:none+tree:{depth}");
        let filters = if depth == 0 {
            ["blob:none"].as_slice()
        } else {
            &[above.as_str(), "tree:0", "blob:none"]
        };
        for filter in filters {
            let wants = Wants {
                filter: Some(filter),
                ..whole
            };
            match self.request(&wants, None) {
                Ok(()) => return Ok(()),
                Err(FetchFailure::Refused(text)) => {
                    tracing::debug!(filter, text, "the server refuses the filter");
                }
                Err(FetchFailure::GivenUp) => return Err(GitError::Interrupted),
                Err(FetchFailure::Git(error)) => return Err(error),
            }
        }
        self.whole(&whole)
    }

    fn whole(&mut self, wants: &Wants<'_>) -> Result<(), GitError> {
        match self.request(wants, None) {
            Err(FetchFailure::Refused(text)) if !wants.objects.is_empty() => {
                Err(self.no_commit(wants.objects[0], &text))
            }
            Err(FetchFailure::Git(error)) => Err(error),
            Err(FetchFailure::Refused(_) | FetchFailure::GivenUp) => Err(GitError::Interrupted),
            Ok(()) => Ok(()),
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

    /// Brings all folders below these, and none of the files.
    pub(super) fn folders(&mut self, ids: &BTreeSet<ObjectId>) -> Result<(), GitError> {
        self.filtered(ids, "blob:none")
    }

    /// Brings these trees alone.
    pub(super) fn trees(&mut self, ids: &BTreeSet<ObjectId>) -> Result<(), GitError> {
        self.filtered(ids, "tree:0")
    }

    fn filtered(&mut self, ids: &BTreeSet<ObjectId>, filter: &str) -> Result<(), GitError> {
        let missing = self.missing(ids);
        for objects in missing.chunks(BATCH) {
            let wants = Wants {
                objects,
                filter: Some(filter),
                ..Wants::default()
            };
            match self.request(&wants, None) {
                Ok(()) => {}
                Err(FetchFailure::Refused(_)) if filter != "blob:none" => {
                    let wants = Wants {
                        filter: Some("blob:none"),
                        ..wants
                    };
                    self.demand(&wants)?;
                }
                Err(FetchFailure::Refused(text)) => {
                    return Err(self
                        .site()
                        .refused("fetching from", format!("remote: {text}")));
                }
                Err(FetchFailure::GivenUp) => return Err(GitError::Interrupted),
                Err(FetchFailure::Git(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Brings files.
    pub(super) fn blobs(&mut self, ids: &BTreeSet<ObjectId>) -> Result<(), GitError> {
        let missing = self.missing(ids);
        for objects in missing.chunks(BATCH) {
            // Nothing but wants: a filter would be idle, and a `have` would claim files too.
            self.demand(&Wants {
                objects,
                ..Wants::default()
            })?;
        }
        Ok(())
    }

    fn missing(&self, ids: &BTreeSet<ObjectId>) -> Vec<ObjectId> {
        ids.iter()
            .copied()
            .filter(|id| !self.reader.has(*id))
            .collect()
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

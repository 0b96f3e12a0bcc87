//! Where fetched objects are: bare object stores in folders of their own.
//!
//! For: indexing packs and finding objects, in the cache and beside it.
//! Refuses: to be a repository of the user's; nothing but this room reads it.

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use gix::ObjectId;
use gix::objs::{Find as _, Kind, Write as _};

use super::cache::{Entry, Tip};
use super::pack::Packed;

/// Packs with at most this many objects are stored as single files in the cache: every pack takes
/// one of the slots that are fixed when a store is opened.
const UNPACK_LIMIT: u32 = 100;

/// An error of the object store with its causes. The alternate form of these errors is made for
/// developers.
fn describe(error: &gix::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

fn other(error: &gix::Error) -> io::Error {
    io::Error::other(describe(error))
}

/// A pack or an object cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Damaged(String);

/// The objects of one folder.
pub(super) struct Objects {
    packs: PathBuf,
    store: Arc<gix::odb::Store>,
    /// Whether small packs are taken apart.
    unpack: bool,
}

impl Objects {
    /// Opens the objects of a bare repository's folder, and makes what is missing.
    pub(super) fn open(folder: &Path, unpack: bool) -> io::Result<Self> {
        let objects = folder.join("objects");
        let packs = objects.join("pack");
        std::fs::create_dir_all(&packs)?;
        let options = gix::odb::store::init::Options {
            slots: gix::odb::store::init::Slots::AsNeededByDiskState {
                multiplier: 1.1,
                minimum: 512,
            },
            ..Default::default()
        };
        let store = gix::odb::Store::at_opts(
            objects,
            gix::hash::Kind::Sha1,
            &mut std::iter::empty(),
            options,
        )?;
        Ok(Self {
            packs,
            store: Arc::new(store),
            unpack,
        })
    }

    fn handle(&self) -> Handle {
        self.store.to_handle_arc()
    }

    /// Writes a pack and its index. Every object is checked against its id. `thin` says that
    /// objects of this store may be bases of the pack's.
    pub(super) fn index(&self, pack: &mut dyn BufRead, thin: bool) -> io::Result<()> {
        let unreadable = |error: &dyn std::fmt::Display| {
            let text = format!("the server sent a pack that cannot be read: {error}");
            io::Error::other(Damaged(text))
        };
        let outcome = gix_pack::Bundle::write_to_directory(
            pack,
            Some(&self.packs),
            &mut gix::progress::Discard,
            &AtomicBool::new(false),
            thin.then(|| self.handle()),
            gix::hash::Kind::Sha1,
            gix_pack::bundle::write::Options {
                thread_limit: Some(2),
                ..Default::default()
            },
        )
        .map_err(|error| unreadable(&describe(&error)))?;
        let objects = outcome.index.num_objects;
        if self.unpack && (1..=UNPACK_LIMIT).contains(&objects) {
            self.take_apart(&outcome, objects)
                .map_err(|error| unreadable(&error))?;
        }
        if let Some(keep) = outcome.keep_path {
            std::fs::remove_file(keep)?;
        }
        Ok(())
    }

    fn take_apart(
        &self,
        outcome: &gix_pack::bundle::write::Outcome,
        objects: u32,
    ) -> io::Result<()> {
        let bundle = match outcome.to_bundle() {
            Some(bundle) => bundle.map_err(|error| other(&error))?,
            None => return Ok(()),
        };
        let handle = self.handle();
        let mut buffer = Vec::new();
        let mut inflate = gix::zlib::Inflate::default();
        for number in 0..objects {
            let (object, _) = bundle
                .get_object_by_index(
                    number,
                    &mut buffer,
                    &mut inflate,
                    &mut gix_pack::cache::Never,
                )
                .map_err(|error| other(&error))?;
            handle
                .write_buf(object.kind, object.data)
                .map_err(|error| other(&error))?;
        }
        // Unmapped before it is removed.
        drop(bundle);
        for path in [&outcome.index_path, &outcome.data_path]
            .into_iter()
            .flatten()
        {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Writes one object.
    pub(super) fn write(&self, kind: Kind, data: &[u8]) -> io::Result<()> {
        self.handle()
            .write_buf(kind, data)
            .map(|_| ())
            .map_err(|error| other(&error))
    }

    /// A reader of these objects alone.
    pub(super) fn reader(&self) -> Reader {
        Reader {
            handles: vec![self.handle()],
        }
    }
}

type Handle = gix::odb::store::Handle<Arc<gix::odb::Store>>;

/// Finds objects, for one thread.
pub(super) struct Reader {
    /// In the order they are looked into.
    handles: Vec<Handle>,
}

impl Reader {
    /// The object, when it is here.
    pub(super) fn find(&self, id: ObjectId) -> io::Result<Option<(Kind, Vec<u8>)>> {
        let mut buffer = Vec::new();
        // A store that does not know the object looks at the disk again, so the one that does is
        // asked first.
        let known = self
            .handles
            .iter()
            .position(|handle| handle.exists_without_refresh(&id));
        let known = known.map(|number| &self.handles[number]);
        let mut damaged = None;
        for handle in known.into_iter().chain(&self.handles) {
            match handle.try_find(&id, &mut buffer) {
                Ok(Some(data)) => {
                    let (kind, length) = (data.kind, data.data.len());
                    buffer.truncate(length);
                    return Ok(Some((kind, buffer)));
                }
                Ok(None) => {}
                // Another store may have it whole.
                Err(error) => damaged = Some(Damaged(describe(&error))),
            }
        }
        match damaged {
            Some(damaged) => Err(io::Error::other(damaged)),
            None => Ok(None),
        }
    }

    /// Whether the object is here, as of the last successful look-up.
    pub(super) fn has(&self, id: ObjectId) -> bool {
        self.handles
            .iter()
            .any(|handle| handle.exists_without_refresh(&id))
    }
}

/// The objects of one snapshot: those of the cache, and the files of this run.
pub(super) struct Store {
    /// Commits and trees, and in the cache the files with markers.
    main: Objects,
    /// Files fetched in this run, where `main` is kept.
    files: Option<Objects>,
    entry: Option<Entry>,
    unmarked: Mutex<HashSet<ObjectId>>,
    /// Removed with the store.
    _temporary: tempfile::TempDir,
}

impl Store {
    /// A store over a cache entry, or one that vanishes on drop.
    pub(super) fn new(entry: Option<Entry>) -> io::Result<Self> {
        let temporary = tempfile::Builder::new()
            .prefix(concat!(env!("CARGO_PKG_NAME"), "-"))
            .tempdir()?;
        let (main, files) = match &entry {
            Some(entry) => (
                Objects::open(entry.folder(), true)?,
                Some(Objects::open(temporary.path(), false)?),
            ),
            None => (Objects::open(temporary.path(), false)?, None),
        };
        let unmarked = entry.as_ref().map(Entry::unmarked).unwrap_or_default();
        Ok(Self {
            main,
            files,
            entry,
            unmarked: Mutex::new(unmarked),
            _temporary: temporary,
        })
    }

    /// Where commits and trees go.
    pub(super) fn main(&self) -> &Objects {
        &self.main
    }

    /// Where files go that were asked for one by one.
    pub(super) fn files(&self) -> &Objects {
        self.files.as_ref().unwrap_or(&self.main)
    }

    pub(super) fn entry(&self) -> Option<&Entry> {
        self.entry.as_ref()
    }

    /// Ends the fetch: the entry is sound, and other runs may use it.
    pub(super) fn release(&mut self, tip: &Tip) -> io::Result<()> {
        let Some(entry) = &mut self.entry else {
            return Ok(());
        };
        if !entry.tips().contains(tip) {
            entry.add_tip(tip)?;
        }
        entry.release();
        Ok(())
    }

    /// Gives up a damaged cache entry.
    pub(super) fn abandon(self) {
        if let Some(entry) = self.entry {
            entry.abandon();
        }
    }

    /// A reader for one thread.
    pub(super) fn reader(&self) -> Reader {
        Reader {
            handles: self
                .files
                .iter()
                .chain([&self.main])
                .map(Objects::handle)
                .collect(),
        }
    }

    /// Files that hold no marker of any policy, as an earlier run found.
    pub(super) fn is_unmarked(&self, id: ObjectId) -> bool {
        self.unmarked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&id)
    }

    /// Whether what is remembered as unmarked was looked through for this token.
    pub(super) fn remembers(&self, token: &[u8]) -> bool {
        self.entry
            .as_ref()
            .is_some_and(|entry| entry.remembers(token))
    }

    /// Has the next run throw away a damaged cache entry. False when there is none.
    pub(super) fn condemn(&self) -> bool {
        match &self.entry {
            Some(entry) => entry.condemn().is_ok(),
            None => false,
        }
    }

    /// Keeps a file with markers for later runs. A failure only costs speed.
    pub(super) fn keep(&self, id: ObjectId, data: &[u8]) {
        if self.files.is_some()
            && !self.main.reader().has(id)
            && let Err(error) = self.main.write(Kind::Blob, data)
        {
            tracing::debug!(%error, "cannot keep a file in the cache");
        }
    }

    /// Remembers files without markers. A failure only costs speed.
    pub(super) fn remember(&self, token: &[u8], unmarked: &[ObjectId]) {
        let Some(entry) = &self.entry else { return };
        if let Err(error) = entry.remember(token, unmarked) {
            tracing::debug!(%error, "cannot remember files without markers");
        }
        self.unmarked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(unmarked);
    }

    /// Keeps what the server took.
    pub(super) fn keep_pushed(&self, objects: &[Packed], tip: &Tip) -> io::Result<()> {
        let Some(entry) = &self.entry else {
            return Ok(());
        };
        for packed in objects {
            self.main.write(packed.object.kind, &packed.object.data)?;
        }
        entry.add_tip(tip)
    }
}

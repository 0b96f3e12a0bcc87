//! Where fetched objects are: a bare object store in a folder of its own.
//!
//! For: indexing packs, finding objects, remembering where the history is cut.
//! Refuses: to be a repository of the user's; nothing but this room reads it.

use std::collections::BTreeSet;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use gix::ObjectId;
use gix::objs::{Find as _, Kind};

/// An object store.
pub(super) struct Store {
    folder: PathBuf,
    objects: Arc<gix::odb::Store>,
    shallow: Mutex<BTreeSet<ObjectId>>,
    /// Removed with the store.
    temporary: Option<tempfile::TempDir>,
}

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

/// The stream was not a sound pack.
#[derive(Debug, thiserror::Error)]
#[error("the server sent a pack that cannot be read: {0}")]
pub(super) struct CorruptPack(String);

impl Store {
    /// An empty store that vanishes on drop.
    pub(super) fn temporary() -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("kubectl-imageupdate-")
            .tempdir()?;
        let mut store = Self::open(folder.path())?;
        store.temporary = Some(folder);
        Ok(store)
    }

    /// Opens the store of a folder, and makes what is missing.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let objects = folder.join("objects");
        std::fs::create_dir_all(objects.join("pack"))?;
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
            folder: folder.to_owned(),
            objects: Arc::new(store),
            shallow: Mutex::default(),
            temporary: None,
        })
    }

    /// A reader for one thread.
    pub(super) fn reader(&self) -> Reader {
        Reader {
            handle: self.objects.to_handle_arc(),
        }
    }

    /// Writes a pack and its index. Every object is checked against its id.
    pub(super) fn index(&self, pack: &mut dyn BufRead, thin: bool) -> io::Result<()> {
        let outcome = gix_pack::Bundle::write_to_directory(
            pack,
            Some(&self.folder.join("objects").join("pack")),
            &mut gix::progress::Discard,
            &AtomicBool::new(false),
            thin.then(|| self.objects.to_handle_arc()),
            gix::hash::Kind::Sha1,
            gix_pack::bundle::write::Options {
                thread_limit: Some(2),
                ..Default::default()
            },
        )
        .map_err(|error| io::Error::other(CorruptPack(format!("{error:#}"))))?;
        if let Some(keep) = outcome.keep_path {
            std::fs::remove_file(keep)?;
        }
        Ok(())
    }

    pub(super) fn add_shallow(&self, id: &str) -> io::Result<()> {
        let id = ObjectId::from_hex(id.as_bytes()).map_err(other)?;
        self.shallow
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id);
        Ok(())
    }

    pub(super) fn remove_shallow(&self, id: &str) -> io::Result<()> {
        let id = ObjectId::from_hex(id.as_bytes()).map_err(other)?;
        self.shallow
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
        Ok(())
    }
}

/// Finds objects, for one thread.
pub(super) struct Reader {
    handle: gix::odb::store::Handle<Arc<gix::odb::Store>>,
}

impl Reader {
    /// The object, when it is here.
    pub(super) fn find(&self, id: ObjectId) -> io::Result<Option<(Kind, Vec<u8>)>> {
        let mut buffer = Vec::new();
        let found = self.handle.try_find(&id, &mut buffer).map_err(other)?;
        Ok(found
            .map(|data| (data.kind, data.data.len()))
            .map(|(kind, length)| {
                buffer.truncate(length);
                (kind, buffer)
            }))
    }

    /// Whether the object is here, as of the last successful look-up.
    pub(super) fn has(&self, id: ObjectId) -> bool {
        self.handle.exists_without_refresh(&id)
    }
}

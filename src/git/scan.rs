//! Reading many files of a tree at once.
//!
//! For: handing over the files that hold a token, from several threads.
//! Refuses: to hold more than one file for each thread.

use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use gix::ObjectId;
use gix::bstr::ByteSlice as _;

use super::commit::Overlay;
use super::store::{Reader, Store};
use crate::key::TreePath;
use crate::ports::TreeFile;

/// The most threads that read at once.
const THREADS: usize = 8;

/// What to look for, and in what.
pub(super) struct Scan<'a> {
    pub(super) store: &'a Store,
    pub(super) overlay: &'a Overlay,
    pub(super) token: &'a [u8],
    /// Takes the files that hold the token.
    pub(super) visit: &'a (dyn Fn(TreeFile) + Sync),
}

/// What reading brought besides the files handed over.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Files of the store without the token.
    pub(super) unmarked: Vec<ObjectId>,
    pub(super) failed: Vec<(TreePath, ObjectId, io::Error)>,
}

impl Scan<'_> {
    /// Reads the files.
    pub(super) fn run(&self, files: &[(TreePath, ObjectId)]) -> Scanned {
        let next = AtomicUsize::new(0);
        let all = Mutex::new(Scanned::default());
        let work = || {
            let reader = self.store.reader();
            let mut mine = Scanned::default();
            while let Some((path, id)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.file(&reader, path, *id, &mut mine);
            }
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.unmarked.append(&mut mine.unmarked);
            all.failed.append(&mut mine.failed);
        };
        let threads = std::thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(THREADS)
            .min(files.len());
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let mut scanned = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        scanned.unmarked.sort();
        scanned.unmarked.dedup();
        scanned.failed.sort_by(|a, b| a.0.cmp(&b.0));
        scanned
    }

    fn file(&self, reader: &Reader, path: &TreePath, id: ObjectId, scanned: &mut Scanned) {
        let own = self.overlay.data(id);
        let read = match own {
            Some(data) => Ok(data.to_vec()),
            None => reader.find(id).and_then(|found| match found {
                Some((_, data)) => Ok(data),
                None => Err(io::Error::new(
                    io::ErrorKind::NotFound,
                    format!("the server did not send object {id}"),
                )),
            }),
        };
        match read {
            Err(error) => scanned.failed.push((path.clone(), id, error)),
            Ok(bytes) if bytes.find(self.token).is_some() => {
                if own.is_none() {
                    self.store.keep(id, &bytes);
                }
                (self.visit)(TreeFile {
                    path: path.clone(),
                    bytes,
                });
            }
            Ok(_) if own.is_none() => scanned.unmarked.push(id),
            Ok(_) => {}
        }
    }
}

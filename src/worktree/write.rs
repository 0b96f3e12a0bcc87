//! Writing of several files, all or none.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::DiskTree;
use crate::key::TreePath;
use crate::ports::{FileWrite, WorktreeError};

/// A new content beside its file, not yet in its place. Only its path is kept: many open files
/// would exceed what a process may hold.
struct Prepared<'w> {
    write: &'w FileWrite,
    path: PathBuf,
    new: TempPath,
}

/// Writes all files or none. First every new content is written beside its file, which finds full
/// disks and missing rights; then each is renamed into place; when a rename fails, the ones before
/// it are put back.
pub(super) fn write_all(tree: &DiskTree, writes: &[FileWrite]) -> Result<(), WorktreeError> {
    let mut prepared = Vec::new();
    for write in writes {
        let path = tree.on_disk(&write.path);
        let before = fs::read(&path).map_err(|source| failed(write, source))?;
        let Some(after) = write.patch.apply(&before) else {
            return Err(WorktreeError::Changed(write.path.clone()));
        };
        let new = prepare(&path, &after).map_err(|source| failed(write, source))?;
        prepared.push(Prepared { write, path, new });
    }
    let mut done: Vec<(&FileWrite, PathBuf)> = Vec::new();
    for Prepared { write, path, new } in prepared {
        match new.persist(&path) {
            Ok(()) => done.push((write, path)),
            Err(error) => {
                let left = put_back(&done);
                let path = write.path.clone();
                return Err(WorktreeError::Write {
                    path,
                    source: error.error,
                    left,
                });
            }
        }
    }
    Ok(())
}

/// The new content in a file of the same folder, with the mode of the old one.
fn prepare(path: &Path, content: &[u8]) -> io::Result<TempPath> {
    let metadata = fs::metadata(path)?;
    // A rename would replace a read-only file without a word.
    if metadata.permissions().readonly() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the file is read-only",
        ));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".imageupdate-")
        .tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().set_permissions(metadata.permissions())?;
    file.as_file().sync_all()?;
    Ok(file.into_temp_path())
}

/// Restores files; returns those that could not be restored.
fn put_back(done: &[(&FileWrite, PathBuf)]) -> Vec<TreePath> {
    done.iter()
        .filter(|(write, path)| restore(write, path).is_err())
        .map(|(write, _)| write.path.clone())
        .collect()
}

fn restore(write: &FileWrite, path: &Path) -> io::Result<()> {
    let before = write.patch.revert(&fs::read(path)?);
    let before = before.ok_or_else(|| io::Error::other("the file was changed"))?;
    prepare(path, &before)?
        .persist(path)
        .map_err(|error| error.error)
}

fn failed(write: &FileWrite, source: io::Error) -> WorktreeError {
    WorktreeError::Write {
        path: write.path.clone(),
        source,
        left: Vec::new(),
    }
}

//! Writing of several files, all or none.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::DiskTree;
use crate::key::TreePath;
use crate::ports::{FileWrite, WorktreeError};

/// A new content beside its file, not yet in its place.
struct Prepared<'w> {
    write: &'w FileWrite,
    path: PathBuf,
    file: NamedTempFile,
}

/// Writes all files or none. First every new content is written beside its file, which finds full
/// disks and missing rights; then each is renamed into place; when a rename fails, the ones before
/// it are put back.
pub(super) fn write_all(tree: &DiskTree, writes: &[FileWrite]) -> Result<(), WorktreeError> {
    let mut prepared = Vec::new();
    for write in writes {
        let path = tree.on_disk(&write.path);
        check_unchanged(write, &path)?;
        let file = prepare(&path, &write.after).map_err(|source| failed(write, source))?;
        prepared.push(Prepared { write, path, file });
    }
    let mut done: Vec<(&FileWrite, PathBuf)> = Vec::new();
    for Prepared { write, path, file } in prepared {
        match file.persist(&path) {
            Ok(_) => done.push((write, path)),
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

fn check_unchanged(write: &FileWrite, path: &Path) -> Result<(), WorktreeError> {
    match fs::read(path) {
        Ok(bytes) if bytes == write.before => Ok(()),
        Ok(_) => Err(WorktreeError::Changed(write.path.clone())),
        Err(source) => Err(failed(write, source)),
    }
}

/// The new content in a file of the same folder, with the mode of the old one.
fn prepare(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
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
    Ok(file)
}

/// Restores files; returns those that could not be restored.
fn put_back(done: &[(&FileWrite, PathBuf)]) -> Vec<TreePath> {
    done.iter()
        .filter(|(write, path)| {
            prepare(path, &write.before)
                .and_then(|file| file.persist(path).map_err(|error| error.error))
                .is_err()
        })
        .map(|(write, _)| write.path.clone())
        .collect()
}

fn failed(write: &FileWrite, source: io::Error) -> WorktreeError {
    WorktreeError::Write {
        path: write.path.clone(),
        source,
        left: Vec::new(),
    }
}

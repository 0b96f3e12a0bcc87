//! Tree objects: their entries, and replacing a file in one.
//!
//! For: reading entries with their places, so that an edit changes nothing but object ids.
//! Refuses: to add, remove or reorder entries.

use std::io;

use gix::ObjectId;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    Folder,
    File,
    Link,
    /// A commit of another repository.
    Submodule,
}

/// One entry of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) kind: EntryKind,
    pub(super) name: &'a [u8],
    pub(super) id: ObjectId,
    /// Where the id begins in the tree's data.
    place: usize,
}

impl Entry<'_> {
    /// The name, when it is text that can be part of a path. A tree made by an attacker may hold
    /// names like `..`; those lead nowhere.
    pub(super) fn safe_name(&self) -> Option<&str> {
        std::str::from_utf8(self.name).ok().filter(|name| {
            !name.is_empty()
                && !name.contains('/')
                && !matches!(*name, "." | "..")
                && !name.eq_ignore_ascii_case(".git")
        })
    }
}

fn corrupt() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a tree object is malformed")
}

/// The entries of a tree's data.
pub(super) fn entries(data: &[u8]) -> impl Iterator<Item = io::Result<Entry<'_>>> {
    let mut position = 0;
    std::iter::from_fn(move || {
        if position >= data.len() {
            return None;
        }
        let entry = entry_at(data, position);
        position = entry
            .as_ref()
            .map_or(data.len(), |entry| entry.place + entry.id.as_slice().len());
        Some(entry)
    })
}

fn entry_at(data: &[u8], start: usize) -> io::Result<Entry<'_>> {
    let rest = &data[start..];
    let space = rest
        .iter()
        .position(|byte| *byte == b' ')
        .ok_or_else(corrupt)?;
    let mode = std::str::from_utf8(&rest[..space])
        .ok()
        .and_then(|mode| u32::from_str_radix(mode, 8).ok())
        .ok_or_else(corrupt)?;
    let end = rest[space..]
        .iter()
        .position(|byte| *byte == 0)
        .ok_or_else(corrupt)?
        + space;
    let id = rest
        .get(end + 1..end + 21)
        .and_then(|bytes| ObjectId::try_from(bytes).ok())
        .ok_or_else(corrupt)?;
    let kind = match mode & 0o170_000 {
        0o040_000 => EntryKind::Folder,
        0o100_000 => EntryKind::File,
        0o120_000 => EntryKind::Link,
        0o160_000 => EntryKind::Submodule,
        _ => return Err(corrupt()),
    };
    Ok(Entry {
        kind,
        name: &rest[space + 1..end],
        id,
        place: start + end + 1,
    })
}

/// The entry of a name.
pub(super) fn find<'a>(data: &'a [u8], name: &str) -> io::Result<Option<Entry<'a>>> {
    for entry in entries(data) {
        let entry = entry?;
        if entry.name == name.as_bytes() {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// The tree with another object under a name; modes and order stay as they are.
pub(super) fn replace(data: &[u8], name: &str, id: ObjectId) -> io::Result<Option<Vec<u8>>> {
    Ok(find(data, name)?.map(|entry| {
        let mut data = data.to_vec();
        data[entry.place..entry.place + id.as_slice().len()].copy_from_slice(id.as_slice());
        data
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(byte: u8) -> ObjectId {
        ObjectId::try_from([byte; 20].as_slice()).unwrap()
    }

    fn tree() -> Vec<u8> {
        let mut data = Vec::new();
        for (mode, name, byte) in [
            ("100664", "a.yaml", 1),
            ("40000", "b", 2),
            ("120000", "c", 3),
            ("160000", "d", 4),
        ] {
            data.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            data.extend_from_slice(id(byte).as_slice());
        }
        data
    }

    #[test]
    fn replacing_a_file_changes_its_id_and_nothing_else() {
        let before = tree();
        let after = replace(&before, "a.yaml", id(9)).unwrap().unwrap();
        assert_eq!(before.len(), after.len());
        assert!(after.starts_with(b"100664 a.yaml\0"));
        assert_eq!(find(&after, "a.yaml").unwrap().unwrap().id, id(9));
        assert_eq!(after[34..], before[34..]);
        assert!(replace(&before, "missing", id(9)).unwrap().is_none());
    }

    #[test]
    fn names_that_would_leave_the_tree_are_not_safe() {
        let mut data = Vec::new();
        for name in ["..", ".git", ".GIT", "ok"] {
            data.extend_from_slice(format!("40000 {name}\0").as_bytes());
            data.extend_from_slice(id(1).as_slice());
        }
        let names: Vec<_> = entries(&data)
            .map(|entry| entry.unwrap().safe_name().map(ToOwned::to_owned))
            .collect();
        assert_eq!(names, [None, None, None, Some("ok".to_owned())]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            for entry in entries(&bytes) {
                if entry.is_err() {
                    break;
                }
            }
        }
    }
}

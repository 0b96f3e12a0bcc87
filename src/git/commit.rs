//! Making commits: blobs, the trees on their paths, the commit object.
//!
//! For: writing exactly what an edit needs, in memory.
//! Refuses: to touch an entry that no edit names; modes, order and strange entries stay.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use gix::ObjectId;
use gix::objs::Kind;

use super::pack::{Object, Packed};
use super::tree::{self, EntryKind};
use crate::key::TreePath;
use crate::ports::{Identity, NewCommit};

/// Objects made here, on top of those of the store.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    objects: HashMap<ObjectId, Packed>,
    /// In the order they were made.
    order: Vec<ObjectId>,
}

impl Overlay {
    /// The content of an object made here.
    pub(super) fn data(&self, id: ObjectId) -> Option<&[u8]> {
        Some(self.objects.get(&id)?.object.data.as_slice())
    }

    fn add(&mut self, object: Object, base: Option<Object>) -> ObjectId {
        let id = object.id;
        if !self.objects.contains_key(&id) {
            self.order.push(id);
            self.objects.insert(id, Packed { object, base });
        }
        id
    }

    /// Everything made here, since a number of objects. Differences lead to objects that the server
    /// has; an object that others are based on is never a difference itself, or two files that
    /// swap their contents would each be based on the other.
    pub(super) fn objects(&self, since: usize) -> Vec<Packed> {
        let new: Vec<&Packed> = self.order[since.min(self.order.len())..]
            .iter()
            .filter_map(|id| self.objects.get(id))
            .collect();
        let bases: HashSet<ObjectId> = new
            .iter()
            .filter_map(|packed| Some(packed.base.as_ref()?.id))
            .collect();
        new.into_iter()
            .map(|packed| {
                let mut packed = packed.clone();
                packed.base = packed.base.filter(|_| !bases.contains(&packed.object.id));
                packed
            })
            .collect()
    }

    /// How many objects were made.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// An object, and it again as the base of a difference when it is not one of ours.
    fn read(
        &self,
        id: ObjectId,
        kind: Kind,
        read: &mut ReadObject<'_>,
    ) -> io::Result<(Vec<u8>, Option<Object>)> {
        if let Some(data) = self.data(id) {
            return Ok((data.to_vec(), None));
        }
        let data = read(id, kind)?;
        let base = Object {
            id,
            kind,
            data: data.clone(),
        };
        Ok((data, Some(base)))
    }
}

/// Reads a tree or a blob from wherever it is.
pub(super) type ReadObject<'a> = dyn FnMut(ObjectId, Kind) -> io::Result<Vec<u8>> + 'a;

/// The root tree of a commit object.
pub(super) fn root_tree(commit: &[u8]) -> io::Result<ObjectId> {
    header(commit, "tree")
        .next()
        .and_then(|text| ObjectId::from_hex(text.as_bytes()).ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a commit object has no tree"))
}

/// The values of a header field of a commit object.
pub(super) fn header<'a>(commit: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a str> {
    commit
        .split(|byte| *byte == b'\n')
        .take_while(|line| !line.is_empty())
        .filter_map(move |line| {
            std::str::from_utf8(line)
                .ok()?
                .strip_prefix(name)?
                .strip_prefix(' ')
        })
}

/// The tree `root` with other content in some of its files.
pub(super) fn edit_tree(
    overlay: &mut Overlay,
    root: ObjectId,
    files: &[(TreePath, Vec<u8>)],
    read: &mut ReadObject<'_>,
) -> io::Result<ObjectId> {
    let mut edits: BTreeMap<&str, &[u8]> = BTreeMap::new();
    for (path, content) in files {
        edits.insert(path.as_str(), content);
    }
    let edits: Vec<(Vec<&str>, &[u8])> = edits
        .into_iter()
        .map(|(path, content)| (path.split('/').collect(), content))
        .collect();
    edit_folder(overlay, root, &edits, 0, read)
}

/// Edits one folder. `edits` are sorted by path, and share their first `depth` parts.
fn edit_folder(
    overlay: &mut Overlay,
    folder: ObjectId,
    edits: &[(Vec<&str>, &[u8])],
    depth: usize,
    read: &mut ReadObject<'_>,
) -> io::Result<ObjectId> {
    let (before, base) = overlay.read(folder, Kind::Tree, read)?;
    let mut after = before.clone();
    for group in edits.chunk_by(|(a, _), (b, _)| a[depth] == b[depth]) {
        let (parts, content) = &group[0];
        let name = parts[depth];
        let missing = || {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("{}: no such file in the commit", parts.join("/")),
            )
        };
        let entry = tree::find(&before, name)?.ok_or_else(missing)?;
        let is_file = parts.len() == depth + 1;
        let id = match entry.kind {
            EntryKind::Folder if !is_file => {
                edit_folder(overlay, entry.id, group, depth + 1, read)?
            }
            EntryKind::File if is_file => {
                let (_, base) = overlay.read(entry.id, Kind::Blob, read)?;
                overlay.add(Object::new(Kind::Blob, content.to_vec())?, base)
            }
            _ => return Err(missing()),
        };
        after = tree::replace(&after, name, id)?.ok_or_else(missing)?;
    }
    Ok(overlay.add(Object::new(Kind::Tree, after)?, base))
}

/// Name and address as a commit header takes them: without the three characters that end them.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '<' | '>' | '\n' | '\0'))
        .collect()
}

fn signature(identity: &Identity, seconds: i64, offset: i32) -> String {
    let minutes = offset.unsigned_abs() / 60;
    format!(
        "{} <{}> {seconds} {}{:02}{:02}",
        clean(&identity.name),
        clean(&identity.email),
        if offset < 0 { '-' } else { '+' },
        minutes / 60,
        minutes % 60
    )
}

/// Signs the content of a commit object; gives the armored signature.
pub(super) type Sign<'a> = dyn FnMut(&[u8]) -> io::Result<String> + 'a;

/// Writes the commit object on `parent`.
pub(super) fn write(
    overlay: &mut Overlay,
    commit: &NewCommit,
    tree: ObjectId,
    parent: ObjectId,
    sign: Option<&mut Sign<'_>>,
) -> io::Result<ObjectId> {
    if commit.message.contains('\0') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the commit message holds a NUL character",
        ));
    }
    let identity = signature(&commit.author, commit.seconds, commit.offset);
    let head = format!("tree {tree}\nparent {parent}\nauthor {identity}\ncommitter {identity}\n");
    let unsigned = format!("{head}\n{}", commit.message);
    let text = match sign {
        None => unsigned,
        Some(sign) => {
            let armored = sign(unsigned.as_bytes())?;
            // Continuation lines of a header begin with a blank.
            let folded = armored.trim_end().replace('\n', "\n ");
            format!("{head}gpgsig {folded}\n\n{}", commit.message)
        }
    };
    let object = Object::new(Kind::Commit, text.into_bytes())?;
    Ok(overlay.add(object, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_line_loses_the_characters_that_would_end_it() {
        let identity = Identity {
            name: "A <b>\nC".to_owned(),
            email: "<a@b>".to_owned(),
        };
        assert_eq!(signature(&identity, 7, -5400), "A bC <a@b> 7 -0130");
        assert_eq!(signature(&Identity::default(), 7, 0), " <> 7 +0000");
    }

    #[test]
    fn headers_end_at_the_empty_line() {
        let commit =
            b"tree 1111111111111111111111111111111111111111\nparent a\nparent b\n\nparent c";
        assert_eq!(header(commit, "parent").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(
            root_tree(commit).unwrap().to_string(),
            "1111111111111111111111111111111111111111"
        );
    }
}

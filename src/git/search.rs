//! Finding files in a commit's tree.
//!
//! For: the candidate files below a path, links resolved inside the tree, and bringing here what
//! is missing on the way.
//! Refuses: to leave the tree, to follow a link to a folder, to enter `.git`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gix::ObjectId;
use gix::objs::Kind;

use super::acquire::Acquirer;
use super::commit::Overlay;
use super::tree::{self, EntryKind};
use crate::key::TreePath;
use crate::ports::{GitError, Link};

/// How many links one path may go through, as many as the controllers' secure join allows.
const MOST_LINKS: usize = 255;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files to look into, each real file once.
    pub(super) files: BTreeMap<TreePath, ObjectId>,
    pub(super) candidates: usize,
    pub(super) links: Vec<Link>,
    pub(super) unreadable: Vec<(TreePath, String)>,
}

/// One tree, seen through the commits made on it.
pub(super) struct View<'a, 'b> {
    pub(super) acquirer: &'a mut Acquirer<'b>,
    pub(super) overlay: &'a Overlay,
    pub(super) root: ObjectId,
}

impl View<'_, '_> {
    fn object(&mut self, id: ObjectId, kind: Kind) -> Result<Vec<u8>, GitError> {
        match self.overlay.data(id) {
            Some(data) => Ok(data.to_vec()),
            None => self.acquirer.object(id, kind),
        }
    }

    fn missing(&self, id: ObjectId) -> bool {
        self.overlay.data(id).is_none() && !self.acquirer.has(id)
    }

    fn corrupt(&self, error: std::io::Error) -> GitError {
        self.acquirer.site().failed("reading a tree of", error)
    }

    /// What is at a path without following links.
    pub(super) fn lookup(
        &mut self,
        path: &TreePath,
    ) -> Result<Option<(EntryKind, ObjectId)>, GitError> {
        let mut at = (EntryKind::Folder, self.root);
        for part in path.parts() {
            if at.0 != EntryKind::Folder {
                return Ok(None);
            }
            let data = self.object(at.1, Kind::Tree)?;
            let entry = tree::find(&data, part).map_err(|error| self.corrupt(error))?;
            match entry {
                Some(entry) if entry.safe_name().is_some() => at = (entry.kind, entry.id),
                _ => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// Follows the links of a path. With `clamp`, absolute targets and `..` end at the tree's root,
    /// as in a secure join; without, `None` says that the path leaves the tree.
    pub(super) fn resolve(
        &mut self,
        path: &TreePath,
        clamp: bool,
    ) -> Result<Option<TreePath>, GitError> {
        let mut rest: VecDeque<String> = path.parts().map(ToOwned::to_owned).collect();
        let mut done = TreePath::root();
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    if done.is_root() && !clamp {
                        return Ok(None);
                    }
                    done = done.parent();
                    continue;
                }
                _ => {}
            }
            let next = done.join(&part);
            let Some((EntryKind::Link, id)) = self.lookup(&next)? else {
                done = next;
                continue;
            };
            links += 1;
            if links > MOST_LINKS {
                return Ok(None);
            }
            let target = self.object(id, Kind::Blob)?;
            self.acquirer.keep(id, &target);
            let Ok(target) = String::from_utf8(target) else {
                return Ok(None);
            };
            if target.starts_with('/') {
                if !clamp {
                    return Ok(None);
                }
                done = TreePath::root();
            }
            for part in target.split('/').rev() {
                rest.push_front(part.to_owned());
            }
        }
        Ok(Some(done))
    }

    /// Finds the files to look into at or below `under`, and brings them here, but for those known
    /// to hold no marker where `skip_unmarked` says so. `None` when there is nothing at that path.
    pub(super) fn find(
        &mut self,
        under: &TreePath,
        wanted: &(dyn Fn(&TreePath) -> bool + Sync),
        skip_unmarked: bool,
    ) -> Result<Option<Found>, GitError> {
        let Some(under) = self.resolve(under, true)? else {
            return Ok(None);
        };
        let mut found = Found::default();
        let mut links = Vec::new();
        match self.lookup(&under)? {
            None => return Ok(None),
            Some((EntryKind::Folder, id)) => {
                self.walk(&under, id, wanted, &mut found, &mut links)?;
            }
            Some((EntryKind::File, id)) if wanted(&under) => {
                found.candidates = 1;
                found.files.insert(under, id);
            }
            Some((EntryKind::File | EntryKind::Link | EntryKind::Submodule, _)) => {}
        }
        let mut blobs: BTreeSet<ObjectId> = found.files.values().copied().collect();
        blobs.retain(|id| !(skip_unmarked && self.acquirer.is_unmarked(*id)));
        blobs.extend(links.iter().map(|(_, id)| *id));
        self.bring_blobs(&blobs)?;
        let mut targets = BTreeSet::new();
        for (path, _) in links {
            found.candidates += 1;
            let target = self.link_target(&path)?;
            if let Some((target, id)) = &target {
                if !(skip_unmarked && self.acquirer.is_unmarked(*id)) {
                    targets.insert(*id);
                }
                found.files.insert(target.clone(), *id);
            }
            found.links.push(Link {
                path,
                target: target.map(|(target, _)| target),
            });
        }
        self.bring_blobs(&targets)?;
        Ok(Some(found))
    }

    fn bring_blobs(&mut self, ids: &BTreeSet<ObjectId>) -> Result<(), GitError> {
        let missing = ids.iter().copied().filter(|id| self.missing(*id)).collect();
        self.acquirer.blobs(&missing)
    }

    /// The file that a link leads to, inside the tree.
    fn link_target(&mut self, path: &TreePath) -> Result<Option<(TreePath, ObjectId)>, GitError> {
        let Some(target) = self.resolve(path, false)? else {
            return Ok(None);
        };
        Ok(match self.lookup(&target)? {
            Some((EntryKind::File, id)) => Some((target, id)),
            _ => None,
        })
    }

    /// Walks level by level, so that missing folders cost one request a level at most.
    fn walk(
        &mut self,
        under: &TreePath,
        id: ObjectId,
        wanted: &(dyn Fn(&TreePath) -> bool + Sync),
        found: &mut Found,
        links: &mut Vec<(TreePath, ObjectId)>,
    ) -> Result<(), GitError> {
        if self.missing(id) {
            self.acquirer.folders(id)?;
        }
        let mut level = vec![(under.clone(), id)];
        while !level.is_empty() {
            let limits = self.acquirer.limits();
            limits
                .check()
                .map_err(|stopped| self.acquirer.site().failed("reading", stopped.into()))?;
            let missing: BTreeSet<ObjectId> = level
                .iter()
                .map(|(_, id)| *id)
                .filter(|id| self.missing(*id))
                .collect();
            self.acquirer.trees(&missing)?;
            let mut next = Vec::new();
            for (folder, id) in level {
                let data = self.object(id, Kind::Tree)?;
                for entry in tree::entries(&data) {
                    let entry = entry.map_err(|error| self.corrupt(error))?;
                    let Some(name) = entry.safe_name() else {
                        note_unsafe_name(&folder, entry.name, wanted, found);
                        continue;
                    };
                    let path = folder.join(name);
                    match entry.kind {
                        EntryKind::Folder => next.push((path, entry.id)),
                        EntryKind::File if wanted(&path) => {
                            found.candidates += 1;
                            found.files.insert(path, entry.id);
                        }
                        EntryKind::Link if wanted(&path) => links.push((path, entry.id)),
                        _ => {}
                    }
                }
            }
            level = next;
        }
        Ok(())
    }
}

/// A file whose name is no text is reported, because its markers would be missed silently.
fn note_unsafe_name(
    folder: &TreePath,
    name: &[u8],
    wanted: &(dyn Fn(&TreePath) -> bool + Sync),
    found: &mut Found,
) {
    if std::str::from_utf8(name).is_ok() {
        return;
    }
    let path = folder.join(&String::from_utf8_lossy(name));
    if wanted(&path) {
        found
            .unreadable
            .push((path, "the file name is not UTF-8".to_owned()));
    }
}

//! One fetched revision: read it, commit on it, push.
//!
//! For: the ports `Tree` and `Snapshot`.
//! Refuses: to write anything to disk but fetched objects.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gix::ObjectId;
use gix::objs::Kind;

use super::acquire::{Acquirer, Remote};
use super::cache::Tip;
use super::commit::{self, Overlay};
use super::push::Pushed;
use super::reference::Resolved;
use super::scan::Scan;
use super::search::{Found, View};
use super::signing;
use super::store::Store;
use super::tree::EntryKind;
use crate::key::TreePath;
use crate::ports::{
    FileQuery, GitError, NewCommit, PushError, PushReport, PushRequest, Revision, SearchReport,
    Snapshot, Tree, TreeError, TreeFile,
};

/// A fetched revision.
pub(super) struct GitSnapshot {
    remote: Mutex<Remote>,
    store: Arc<Store>,
    overlay: Overlay,
    /// Objects of the overlay that were pushed.
    pushed_objects: usize,
    /// What is in the store below the last commit that the server has.
    tip: Tip,
    /// The tree that reads see.
    root: ObjectId,
    resolved: Resolved,
    /// The commit that ours stand on: the base, or the last one pushed.
    ground: ObjectId,
    /// Our commits since `ground`.
    commits: Vec<ObjectId>,
    seen: HashMap<String, Option<ObjectId>>,
}

impl GitSnapshot {
    pub(super) fn new(
        remote: Remote,
        store: Arc<Store>,
        resolved: Resolved,
        tip: Tip,
        root: ObjectId,
    ) -> Self {
        Self {
            remote: Mutex::new(remote),
            store,
            overlay: Overlay::default(),
            pushed_objects: 0,
            tip,
            root,
            ground: resolved.base.1,
            commits: Vec::new(),
            seen: resolved.seen.iter().cloned().collect(),
            resolved,
        }
    }

    fn remote(&self) -> MutexGuard<'_, Remote> {
        self.remote.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the tree, and fetches what is missing.
    fn view<T>(
        &self,
        look: impl FnOnce(&mut View<'_, '_>) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let mut remote = self.remote();
        let limits = remote.limits();
        let mut acquirer = Acquirer::new(&mut remote, &self.store, &limits, &());
        look(&mut View {
            acquirer: &mut acquirer,
            overlay: &self.overlay,
            root: self.root,
        })
    }

    /// Keeps what was pushed, so that the next run finds the branch unchanged.
    fn keep_pushed(&mut self, head: ObjectId) {
        let objects = self.overlay.objects(self.pushed_objects);
        let tip = Tip {
            commit: head,
            ..self.tip.clone()
        };
        match self.store.keep_pushed(&objects, &tip) {
            Ok(()) => self.tip = tip,
            Err(error) => tracing::debug!(%error, "cannot keep the pushed commit in the cache"),
        }
    }

    fn head_id(&self) -> ObjectId {
        self.commits.last().copied().unwrap_or(self.ground)
    }

    /// Reads the files that a walk found, and hands over those with the token.
    fn read_files(
        &self,
        found: &mut Found,
        query: &FileQuery<'_>,
        remembers: bool,
        visit: &(dyn Fn(TreeFile) + Sync),
    ) -> Result<(), GitError> {
        let files: Vec<(TreePath, ObjectId)> = std::mem::take(&mut found.files)
            .into_iter()
            .filter(|(_, id)| !(remembers && self.store.is_unmarked(*id)))
            .collect();
        let scan = Scan {
            store: &self.store,
            overlay: &self.overlay,
            token: query.token,
            visit,
        };
        let mut scanned = scan.run(&files);
        if !scanned.failed.is_empty() && self.store.condemn() {
            // Damaged in the cache, perhaps by a machine that went down: the server has them.
            let files: Vec<(TreePath, ObjectId)> = std::mem::take(&mut scanned.failed)
                .into_iter()
                .map(|(path, id, _)| (path, id))
                .collect();
            let ids = files.iter().map(|(_, id)| *id).collect();
            self.view(|view| view.acquirer.blobs_again(&ids))?;
            let again = scan.run(&files);
            scanned.unmarked.extend(again.unmarked);
            scanned.failed = again.failed;
        }
        self.store.remember(query.token, &scanned.unmarked);
        let failed = scanned.failed.into_iter();
        found
            .unreadable
            .extend(failed.map(|(path, _, error)| (path, error.to_string())));
        Ok(())
    }
}

fn tree_error(path: &TreePath, error: GitError) -> TreeError {
    match error {
        GitError::Interrupted => TreeError::Interrupted,
        error => TreeError::Read {
            path: path.clone(),
            source: Box::new(error),
        },
    }
}

impl Tree for GitSnapshot {
    fn search(
        &self,
        query: &FileQuery<'_>,
        visit: &(dyn Fn(TreeFile) + Sync),
    ) -> Result<SearchReport, TreeError> {
        let remembers = self.store.remembers(query.token);
        let mut found = self
            .view(|view| view.find(query.under, query.wanted, remembers))
            .map_err(|error| tree_error(query.under, error))?
            .ok_or_else(|| TreeError::NotFound(query.under.clone()))?;
        self.read_files(&mut found, query, remembers, visit)
            .map_err(|error| tree_error(query.under, error))?;
        Ok(SearchReport {
            candidates: found.candidates,
            links: found.links,
            unreadable: found.unreadable,
        })
    }

    fn read(&self, path: &TreePath) -> Result<Vec<u8>, TreeError> {
        self.view(|view| match view.lookup(path)? {
            Some((EntryKind::File, id)) => match self.overlay.data(id) {
                Some(data) => Ok(Some(data.to_vec())),
                None => view.acquirer.object(id, Kind::Blob).map(Some),
            },
            _ => Ok(None),
        })
        .map_err(|error| tree_error(path, error))?
        .ok_or_else(|| TreeError::NotFound(path.clone()))
    }

    fn resolve(&self, path: &TreePath) -> Result<TreePath, TreeError> {
        self.view(|view| view.resolve(path, true))
            .map_err(|error| tree_error(path, error))?
            .ok_or_else(|| TreeError::Read {
                path: path.clone(),
                source: "too many levels of symbolic links".into(),
            })
    }
}

impl Snapshot for GitSnapshot {
    fn base(&self) -> &Revision {
        &self.resolved.base.0
    }

    fn checkout(&self) -> &Revision {
        &self.resolved.checkout.0
    }

    fn head(&self) -> String {
        self.head_id().to_string()
    }

    fn tree(&self) -> String {
        self.root.to_string()
    }

    fn commit(&mut self, new: &NewCommit) -> Result<String, GitError> {
        let mut overlay = std::mem::take(&mut self.overlay);
        let made = {
            let mut remote = self.remote();
            let site = remote.site();
            let limits = remote.limits();
            let mut acquirer = Acquirer::new(&mut remote, &self.store, &limits, &());
            let mut read = |id, kind| acquirer.object(id, kind).map_err(io::Error::other);
            let mut sign = new
                .signing_key
                .as_ref()
                .map(|key| move |data: &[u8]| signing::sign(key, data));
            commit::edit_tree(&mut overlay, self.root, &new.files, &mut read)
                .and_then(|tree| {
                    let sign = sign.as_mut().map(|sign| sign as &mut commit::Sign<'_>);
                    let id = commit::write(&mut overlay, new, tree, self.head_id(), sign)?;
                    Ok((tree, id))
                })
                .map_err(|error| site.failed("committing to", error))
        };
        self.overlay = overlay;
        let (tree, id) = made?;
        self.root = tree;
        self.commits.push(id);
        Ok(id.to_string())
    }

    fn push(&mut self, request: &PushRequest<'_>) -> Result<PushReport, PushError> {
        let head = self.head_id();
        let mut remote = self.remote.lock().unwrap_or_else(PoisonError::into_inner);
        let report = Pushed {
            remote: &mut remote,
            overlay: &self.overlay,
            known_objects: self.pushed_objects,
            base: self.ground,
            checkout: (
                self.resolved.checkout.0.reference.clone(),
                self.resolved.checkout.1,
            ),
            commits: &self.commits,
            seen: &self.seen,
        }
        .run(request)?;
        drop(remote);
        self.seen
            .insert(format!("refs/heads/{}", request.branch), Some(head));
        self.keep_pushed(head);
        self.pushed_objects = self.overlay.len();
        self.ground = head;
        self.commits.clear();
        Ok(report)
    }
}

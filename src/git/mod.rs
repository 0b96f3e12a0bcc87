//! Git servers over http, https, ssh and file: fetch a revision, commit on it, push.
//!
//! For: the port [`GitHost`](crate::ports::GitHost). Objects go into a bare store; there is no
//! checkout and no index, and the user's Git configuration plays no part.
//! Refuses: to decide anything about policies, messages or branches, to force a reference that it
//! was not told to replace, and to touch a file that no edit names.
//!
//! # How a revision is brought in
//!
//! A run wants one commit, the folders on the way to `update.path` and the candidate files below
//! it. Three plans exist, chosen from what the server announces and from what it says about the
//! size of the commit:
//!
//! 1. *Whole*: one request, `deepen 1` without filter. Every server can do it, and for a small
//!    repository nothing is faster: one round trip brings all there is.
//! 2. *Partial*, where the server offers filters and lets any object be wanted: the commit with the
//!    folders above the path (`combine:blob:none+tree:N`), the folder's own trees
//!    (`filter blob:none`), then the candidate blobs by id. Where the server refuses that filter
//!    kind: `tree:0` and one request for each folder.
//! 3. *Blobless*, when the root itself is searched: all trees (`blob:none`), then the blobs.
//!
//! Nothing in the protocol tells a small repository from a large one beforehand. A server that
//! offers filters is therefore asked for the whole commit first, and that request is dropped as
//! soon as the server's own count of objects, the header of the pack or the bytes received pass a
//! limit. The count comes before any packing, so for a large repository this costs one round trip
//! and no data, and for a small one it saves three. A commit of a small repository is pushed with
//! five requests in all, a folder of a large one is fetched with six.

mod acquire;
mod advertisement;
mod cache;
mod commit;
mod connection;
mod failure;
mod helper;
mod history;
mod host;
mod http;
mod known_hosts;
mod limits;
mod pack;
mod packet;
mod process;
mod push;
mod receive;
mod reference;
mod scan;
mod search;
mod secure_shell;
mod signing;
mod snapshot;
mod store;
mod stream;
mod token;
mod tree;
mod upload;

pub use host::GitClient;

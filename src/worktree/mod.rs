//! The checkout that the user stands in.
//!
//! For: reading its files as a tree, writing edits all or none, and committing and pushing with the
//! user's own git, so that hooks, signing and configuration are the user's.
//! Refuses: to decide which file is edited, and to touch index or HEAD unless told to commit.

mod disk;
mod git;
mod obstacles;
mod repository;
mod write;

pub use disk::DiskTree;
pub use repository::UserWorktree;

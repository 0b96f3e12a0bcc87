//! Flux image automation once, from a workstation or a CI job.
//!
//! The crate is the program `kubectl-imageupdate` with a ten-line `main`. `docs/ARCHITECTURE.md`
//! is the plan of the house: rooms, floors and what each room may import.

pub mod api;
pub mod cluster;
pub mod commands;
pub mod duration;
pub mod git;
pub mod image;
pub mod key;
pub mod model;
pub mod number;
pub mod ops;
pub mod output;
pub mod pattern;
pub mod policy;
pub mod ports;
pub mod redacted;
pub mod registry;
pub mod semver;
pub mod setters;
pub mod template;
pub mod worktree;
pub mod yaml;

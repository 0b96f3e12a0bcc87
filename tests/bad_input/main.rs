//! Bad input through the program, on real servers: each case says what is wrong, where, and leaves
//! everything as it was.

#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "tests panic on purpose"
)]

#[path = "../support/mod.rs"]
mod support;

mod objects;
mod servers;
mod stage;
mod templates;
mod trees;
mod worktrees;

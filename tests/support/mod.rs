//! What several test programs share: real servers, and fixtures for them.
//!
//! A test program takes the folder in with `mod support;`. A missing tool is a failure, never a
//! skipped test.
#![allow(
    dead_code,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "each test program uses its own part, and tests panic on purpose"
)]

pub mod certificates;
pub mod git_repository;
pub mod git_server;
pub mod ssh_server;

//! What several test programs share: real servers, fixtures for them, and the program itself.
//!
//! A test program takes the folder in with `mod support;`. A missing tool is a failure, never a
//! skipped test.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    clippy::zombie_processes,
    clippy::unwrap_used,
    reason = "each test program uses its own part, and tests panic on purpose"
)]

pub mod certificates;
pub mod closed_port;
pub mod docker_registry;
pub mod git_repository;
pub mod git_server;
pub mod http;
pub mod program;
pub mod registry_server;
pub mod ssh_server;
pub mod token_server;
pub mod walk_through;

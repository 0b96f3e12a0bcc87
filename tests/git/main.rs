//! The Git client against real servers.
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "tests panic on purpose"
)]

#[path = "../support/mod.rs"]
mod support;

mod basics;
mod cache;
mod faults;
mod fifty_thousand;
mod fixture;
mod huge;
mod logins;
mod product;
mod product_cache;
mod product_faults;
mod product_interruption;
mod product_logins;
mod product_push;
mod product_secrets;
mod references;
mod secure_shell;
mod servers;
mod signing;
mod stage;

//! The command line as people and shells meet it: help, mistakes, completion, terminals, pipes.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test ends where something is not as expected, in its helping functions too"
)]

#[path = "../support/kube/mod.rs"]
mod kube;
#[path = "../support/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with other test programs")]
mod program;

mod completion;
mod help;
mod kubectl;
mod mistakes;
mod shells;
mod snapshot;
mod stage;

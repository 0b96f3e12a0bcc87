//! Flux image automation once, from a workstation or a CI job.
//!
//! The crate is the program `kubectl-imageupdate` with a ten-line `main`. `docs/ARCHITECTURE.md`
//! is the plan of the house: rooms, floors and what each room may import. [`run`] is the whole
//! program as a function.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;

pub mod api;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod context;
pub mod duration;
pub mod error;
pub mod exit;
pub mod flags;
pub mod git;
pub mod image;
pub mod key;
pub mod model;
pub mod nearest;
pub mod network;
pub mod number;
pub mod ops;
pub mod output;
pub mod pattern;
pub mod policy;
pub mod ports;
pub mod redacted;
pub mod registry;
pub mod selector;
pub mod semver;
pub mod setters;
pub mod splice;
pub mod template;
pub mod worktree;
pub mod yaml;

pub use flags::Environment;
pub use output::Streams;

/// Runs one command line, the program's name first, and returns its exit code.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: Environment,
    streams: Streams,
) -> ExitCode {
    ExitCode::from(run_for_code(arguments, environment, streams))
}

/// Like [`run`], with the exit code as a number.
pub fn run_for_code(
    arguments: impl IntoIterator<Item = OsString>,
    environment: Environment,
    streams: Streams,
) -> u8 {
    cli::run(arguments.into_iter().collect(), environment, streams)
}

/// The process's own environment.
pub fn process_environment() -> Environment {
    let current_dir = std::env::current_dir().unwrap_or_else(|_| ".".into());
    Environment::new(std::env::vars_os(), current_dir)
}

/// The process's own streams.
pub fn process_streams() -> Streams {
    Streams {
        out_is_terminal: std::io::stdout().is_terminal(),
        err_is_terminal: std::io::stderr().is_terminal(),
        input_is_terminal: std::io::stdin().is_terminal(),
        out: Box::new(std::io::LineWriter::new(std::io::stdout())),
        err: Box::new(std::io::stderr()),
        input: Box::new(std::io::stdin()),
    }
}

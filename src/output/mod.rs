//! Faces: streams, tables, diffs, YAML and JSON.
//!
//! For: turning values of `model` and `api` into text, in kubectl's layout and words.
//! Refuses: to fetch, to decide, and to write anywhere but through [`Ui`].

mod age;
mod diff;
mod format;
mod jsonpath;
mod progress;
mod sanitize;
mod table;
mod ui;
pub mod views;

pub use age::{human_duration, local_time};
pub use diff::file_diff;
pub use format::{Format, FormatError};
pub use jsonpath::{JsonPath, JsonPathError};
pub use progress::TerminalProgress;
pub use sanitize::{sanitize_cell, sanitize_line};
pub use table::Table;
pub use ui::{ColorChoice, Streams, Ui};

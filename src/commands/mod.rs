//! One verb, one file: arguments, what they ask for, and which face shows the answer.
//!
//! Refuses: to talk to a registry, a Git server or an API server; operations do, through ports.

pub mod completion;
pub mod create;
mod declare;
pub mod delete;
pub mod diff;
pub mod explain;
pub mod export;
mod external_diff;
pub mod get;
mod kinds;
pub mod reconcile;
mod request;
pub mod resume;
mod runtime;
mod selected;
pub mod suspend;
pub mod tags;
pub mod version;

pub use kinds::kind_mistake;

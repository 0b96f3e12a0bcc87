//! Flags that several commands share, and every environment variable that this program reads.
//!
//! For: clap groups without effects, their readers of values, and how a command line divides.
//! Refuses: to act on a flag; `context` does.

mod dialect;
mod environment;
mod list;
mod shared;
mod words;

pub use dialect::{flag_names, rewrite};
pub use environment::{ENVIRONMENT, Environment};
pub use list::{GoList, go_list};
pub use shared::{
    GlobalFlags, KubeFlags, ObjectFlags, OutputFlags, RegistryFlags, TagListFlags, TreeFlags,
    go_bool, go_duration,
};
pub use words::{Divided, Word, divide, has_long};

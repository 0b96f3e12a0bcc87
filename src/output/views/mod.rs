//! What an answer looks like, for each kind of answer.

mod object_table;
mod objects;
mod run;

pub use objects::{ListOptions, Listing, ListingError, render_list};
pub use run::{Statuses, render_diff, render_messages, run_json, run_lines};

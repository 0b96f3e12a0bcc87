//! What an answer looks like, for each kind of answer.

mod explain;
mod object_table;
mod objects;
mod run;
mod tags;

pub use explain::{explain_json, explain_text};
pub use objects::{ListOptions, Listing, ListingError, render_list};
pub use run::{Statuses, render_diff, render_messages, run_json, run_lines};
pub use tags::{TagsOptions, render_tags};

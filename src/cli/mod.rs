//! The root parser: names, dispatch, and the dialect of flags that Go programs understand.
//!
//! For: showing the program under the name it was called by, accepting flux's command lines, and
//! answering mistakes with what was meant.
//! Refuses: rules of the verbs.

mod help;
mod mistakes;
mod names;
mod reference;
mod root;

pub use names::program_name;
pub use reference::{Document, documents};
pub use root::{command, run};

//! Tag selection.

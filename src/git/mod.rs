//! The Git client.

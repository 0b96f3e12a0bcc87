//! Servers that tests talk to.

#![allow(dead_code, unreachable_pub, missing_docs)]
#![allow(clippy::format_push_string, clippy::similar_names)]

pub mod certificates;
pub mod docker_registry;
pub mod http;
pub mod registry_server;
pub mod token_server;

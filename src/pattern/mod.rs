//! RE2-dialect patterns over the `regex` crate, with the meaning and the error texts of Go.

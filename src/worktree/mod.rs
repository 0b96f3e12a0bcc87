//! The checkout that the user stands in.

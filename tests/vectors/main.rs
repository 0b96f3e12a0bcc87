//! Vectors runner.

fn main() {}

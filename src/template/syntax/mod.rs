//! From text to tree: Go's template grammar with its error texts and lines.
//!
//! Refuses: evaluating anything; a name of a function is looked up, and that is all.

mod lexer;
mod literal;
mod number;
mod parser;
mod tree;

pub(super) use number::{Number, parse_integer};
pub(super) use parser::parse;
pub(super) use tree::{Branch, Command, Node, NodeKind, Pipe, Place, Statement, Template, Tree};

//! Go text/template for commit messages.
//!
//! For: rendering `messageTemplate` as image-automation-controller does, with Go's error texts and
//! places, from values that need not come from Flux.
//! Source of the language: Go 1.26 `text/template` and `fmt`, as `vectors/template` records them.
//! Refuses: clocks, files and the environment; and templates without end: steps, output and
//! recursion have limits.

pub mod commit;
mod exec;
mod format;
mod functions;
mod lexer;
mod parser;
mod value;

use thiserror::Error;

use self::parser::Tree;
pub use self::value::{Object, Value};

/// Why a template cannot be read or run: Go's text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct TemplateError {
    text: String,
}

impl TemplateError {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}

/// A template that was read.
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    tree: Tree,
}

impl Template {
    /// Reads a template; `name` stands in error texts.
    pub fn parse(name: &str, text: &str) -> Result<Self, TemplateError> {
        let tree = parser::parse(name, text)?;
        Ok(Self {
            name: name.to_owned(),
            tree,
        })
    }

    /// Fills the template in.
    pub fn render(&self, data: &Value) -> Result<String, TemplateError> {
        exec::render(&self.name, &self.tree, data)
    }
}

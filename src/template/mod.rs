//! Go text/template for commit messages.
//!
//! For: rendering `messageTemplate` as image-automation-controller does, with Go's error texts and
//! places, from values that need not come from Flux.
//! Source of the language: Go 1.26 `text/template` and `fmt`, sprig v3.3.0; `vectors/template` holds
//! what they really answer.
//! Refuses: clocks, files and the environment; and templates without end: steps, output, memory and
//! recursion have limits.
//!
//! ```
//! use kubectl_imageupdate::template::{Dict, Template, Value};
//!
//! let data = Value::Dict(Dict::new([("Name".into(), Value::from("podinfo"))]));
//! let template = Template::parse("greeting", "{{ .Name | upper | printf \"%q\" }}")?;
//! assert_eq!(template.render(data)?, b"\"PODINFO\"");
//!
//! let error = Template::parse("greeting", "{{ uper .Name }}").unwrap_err();
//! assert_eq!(error.to_string(), "template: greeting:1: function \"uper\" not defined");
//! assert_eq!(error.hint(), Some("did you mean upper?"));
//! # Ok::<(), kubectl_imageupdate::template::TemplateError>(())
//! ```

pub mod commit;
#[cfg(test)]
mod corners;
mod exec;
mod fmt;
mod functions;
mod limits;
mod syntax;
mod value;

use thiserror::Error;

pub use self::functions::Library;
pub use self::limits::Limits;
use self::syntax::Tree;
pub use self::value::{
    Dict, Field, Kind, Layout, List, Map, Object, Parameter, Record, Text, Type, Value, types,
};

/// Why a template cannot be read or run: Go's text, and perhaps a remark of ours.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct TemplateError {
    text: String,
    hint: Option<String>,
    cause: Cause,
}

/// What an error comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The template itself.
    Template,
    /// A function that refused its arguments.
    Data,
    /// A limit.
    Limits,
}

impl TemplateError {
    fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            hint: None,
            cause: Cause::Template,
        }
    }

    fn because(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }

    fn with_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    /// Whether a function refused the values it was given, so that with others it may not.
    pub fn is_of_data(&self) -> bool {
        self.cause == Cause::Data
    }

    /// Whether the template used up what it may use.
    pub fn is_of_limits(&self) -> bool {
        self.cause == Cause::Limits
    }

    /// What may help, where something may.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// A template that was read.
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    text: String,
    tree: Tree,
}

impl Template {
    /// Reads a template; `name` stands in error texts.
    pub fn parse(name: &str, text: &str) -> Result<Self, TemplateError> {
        Self::parse_with(name, text, Library::default())
    }

    /// Reads a template with the functions of a library.
    pub fn parse_with(name: &str, text: &str, library: Library) -> Result<Self, TemplateError> {
        let tree = syntax::parse(name, text, library)?;
        Ok(Self {
            name: name.to_owned(),
            text: text.to_owned(),
            tree,
        })
    }

    /// Fills the template in. What comes out are bytes: functions may cut characters in two.
    pub fn render(&self, data: Value) -> Result<Vec<u8>, TemplateError> {
        self.render_within(data, Limits::default())
    }

    /// Fills the template in within limits.
    pub fn render_within(&self, data: Value, limits: Limits) -> Result<Vec<u8>, TemplateError> {
        exec::render(&self.name, &self.text, &self.tree, data, limits)
    }
}

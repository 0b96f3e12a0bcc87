//! The tree of a template, and the text of its nodes that errors quote.

use std::collections::BTreeMap;
use std::fmt;

use super::super::functions::Function;
use super::super::value::Text;
use super::Number;

/// An operand, with the byte it begins at.
#[derive(Clone, Debug)]
pub(in crate::template) struct Node {
    pub(in crate::template) at: usize,
    pub(in crate::template) kind: NodeKind,
}

/// What an operand is.
#[derive(Clone, Debug)]
pub(in crate::template) enum NodeKind {
    Dot,
    Nil,
    Bool(bool),
    Number(Box<Number>),
    /// The text, and the literal as it was written.
    String(Text, String),
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a.b`: the name and the fields.
    Variable(String, Vec<String>),
    /// `(pipeline).a`
    Chain(Box<Node>, Vec<String>),
    Function(&'static Function),
    Pipe(Pipe),
}

/// Operands beside each other: a call, or one value.
#[derive(Clone, Debug)]
pub(in crate::template) struct Command {
    pub(in crate::template) at: usize,
    pub(in crate::template) operands: Vec<Node>,
}

/// Commands that hand their value on, and the variables that get the last one's.
#[derive(Clone, Debug)]
pub(in crate::template) struct Pipe {
    pub(in crate::template) at: usize,
    pub(in crate::template) variables: Vec<String>,
    /// `=` rather than `:=`.
    pub(in crate::template) assigns: bool,
    pub(in crate::template) commands: Vec<Command>,
}

/// A statement.
#[derive(Clone, Debug)]
pub(in crate::template) enum Statement {
    Text(Text),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template(Template),
    Break,
    Continue,
}

/// `if`, `with` and `range`.
#[derive(Clone, Debug)]
pub(in crate::template) struct Branch {
    pub(in crate::template) pipe: Pipe,
    pub(in crate::template) body: Vec<Statement>,
    pub(in crate::template) otherwise: Vec<Statement>,
}

/// `{{template "name" pipe}}`.
#[derive(Clone, Debug)]
pub(in crate::template) struct Template {
    pub(in crate::template) at: usize,
    pub(in crate::template) name: String,
    pub(in crate::template) pipe: Option<Pipe>,
}

/// Every template of a text, by name.
#[derive(Clone, Debug, Default)]
pub(in crate::template) struct Tree {
    pub(in crate::template) templates: BTreeMap<String, Vec<Statement>>,
}

/// The part of a template that an error is about.
#[derive(Clone, Copy, Debug)]
pub(in crate::template) enum Place<'t> {
    Node(&'t Node),
    Command(&'t Command),
    Pipe(&'t Pipe),
    Template(&'t Template),
}

impl Place<'_> {
    /// The byte it begins at.
    pub(in crate::template) fn at(self) -> usize {
        match self {
            Self::Node(node) => node.at,
            Self::Command(command) => command.at,
            Self::Pipe(pipe) => pipe.at,
            Self::Template(template) => template.at,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => node.fmt(f),
            Self::Command(command) => command.fmt(f),
            Self::Pipe(pipe) => pipe.fmt(f),
            Self::Template(template) => template.fmt(f),
        }
    }
}

fn write_fields(fields: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NodeKind::Dot => f.write_str("."),
            NodeKind::Nil => f.write_str("nil"),
            NodeKind::Bool(value) => value.fmt(f),
            NodeKind::Number(number) => f.write_str(&number.text),
            NodeKind::String(_, literal) => f.write_str(literal),
            NodeKind::Field(fields) => write_fields(fields, f),
            NodeKind::Variable(name, fields) => {
                f.write_str(name)?;
                write_fields(fields, f)
            }
            NodeKind::Chain(inner, fields) => {
                inner.fmt(f)?;
                write_fields(fields, f)
            }
            NodeKind::Function(function) => f.write_str(function.name),
            NodeKind::Pipe(pipe) => write!(f, "({pipe})"),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, operand) in self.operands.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            operand.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = if self.assigns { "=" } else { ":=" };
            write!(f, "{} {sign} ", self.variables.join(", "))?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            command.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = crate::semver::quote(&self.name);
        match &self.pipe {
            None => write!(f, "{{{{template {name}}}}}"),
            Some(pipe) => write!(f, "{{{{template {name} {pipe}}}}}"),
        }
    }
}

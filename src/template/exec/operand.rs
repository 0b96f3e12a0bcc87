//! Pipelines, commands and operands.

use super::{Machine, Run};
use crate::template::syntax::{Command, Node, NodeKind, Number, Pipe, Place};
use crate::template::value::Value;

/// A value and how it is held: directly, or in an interface, which shows in errors about it.
#[derive(Clone, Debug)]
pub(in crate::template) struct Operand {
    pub(in crate::template) value: Value,
    pub(in crate::template) interface: bool,
}

impl Operand {
    /// A value held directly; nil is then no value at all.
    pub(in crate::template) fn new(value: Value) -> Self {
        Self {
            value,
            interface: false,
        }
    }

    /// What is missing: the value of a key that a map does not have.
    pub(in crate::template) fn is_missing(&self) -> bool {
        self.value.is_nil() && !self.interface
    }

    /// The type that an error names.
    pub(in crate::template) fn type_name(&self) -> &'static str {
        if self.interface {
            "interface {}"
        } else {
            self.value.type_name()
        }
    }
}

impl<'t> Machine<'t> {
    pub(super) fn pipeline(&mut self, pipe: &'t Pipe, dot: &Operand) -> Run<Operand> {
        self.place = Some(Place::Pipe(pipe));
        let mut last = None;
        for command in &pipe.commands {
            self.step()?;
            // A value that comes out of a command is no longer held in an interface.
            last = Some(Operand::new(self.command(command, dot, last)?.value));
        }
        let value = last.unwrap_or_else(|| Operand::new(Value::Nil));
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone())?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    fn command(
        &mut self,
        command: &'t Command,
        dot: &Operand,
        last: Option<Operand>,
    ) -> Run<Operand> {
        let Some((first, rest)) = command.operands.split_first() else {
            return Ok(Operand::new(Value::Nil));
        };
        match &first.kind {
            NodeKind::Field(_) | NodeKind::Chain(..) | NodeKind::Variable(..) => {
                self.fields_of(first, dot, rest, last)
            }
            NodeKind::Function(function) => {
                self.place = Some(Place::Node(first));
                self.function(function, Place::Command(command), dot, rest, last)
            }
            NodeKind::Pipe(pipe) => {
                self.not_a_function(first, rest, last.as_ref())?;
                self.pipeline(pipe, dot)
            }
            NodeKind::Nil => {
                self.place = Some(Place::Node(first));
                self.not_a_function(first, rest, last.as_ref())?;
                self.fail("nil is not a command")
            }
            NodeKind::Dot | NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::String(..) => {
                self.place = Some(Place::Node(first));
                self.not_a_function(first, rest, last.as_ref())?;
                self.plain(first, dot)
            }
        }
    }

    fn not_a_function(&self, first: &Node, rest: &[Node], last: Option<&Operand>) -> Run<()> {
        if rest.is_empty() && last.is_none() {
            return Ok(());
        }
        self.fail(&format!("can't give argument to non-function {first}"))
    }

    /// A field, a chain or a variable, perhaps with arguments for a method at its end.
    fn fields_of(
        &mut self,
        node: &'t Node,
        dot: &Operand,
        rest: &'t [Node],
        last: Option<Operand>,
    ) -> Run<Operand> {
        self.place = Some(Place::Node(node));
        let (receiver, fields) = match &node.kind {
            NodeKind::Variable(name, fields) => {
                let Some(value) = self.variable(name).map(|value| value.clone()) else {
                    return self.fail(&format!("undefined variable: {name}"));
                };
                if fields.is_empty() {
                    self.not_a_function(node, rest, last.as_ref())?;
                    return Ok(value);
                }
                (value, fields)
            }
            NodeKind::Chain(inner, fields) => {
                if matches!(inner.kind, NodeKind::Nil) {
                    return self.fail(&format!("indirection through explicit nil in {node}"));
                }
                (self.operand(inner, dot)?, fields)
            }
            NodeKind::Field(fields) => (dot.clone(), fields),
            _ => return self.plain(node, dot),
        };
        self.chain(receiver, fields, node, dot, rest, last)
    }

    /// An operand that is given no arguments.
    pub(super) fn operand(&mut self, node: &'t Node, dot: &Operand) -> Run<Operand> {
        self.step()?;
        self.place = Some(Place::Node(node));
        match &node.kind {
            NodeKind::Field(_) | NodeKind::Chain(..) | NodeKind::Variable(..) => {
                self.fields_of(node, dot, &[], None)
            }
            NodeKind::Pipe(pipe) => self.pipeline(pipe, dot),
            NodeKind::Function(function) => {
                self.function(function, Place::Node(node), dot, &[], None)
            }
            _ => self.plain(node, dot),
        }
    }

    /// The dot and constants.
    pub(super) fn plain(&mut self, node: &'t Node, dot: &Operand) -> Run<Operand> {
        Ok(match &node.kind {
            NodeKind::Dot => dot.clone(),
            NodeKind::Bool(value) => Operand::new(Value::Bool(*value)),
            NodeKind::String(text, _) => Operand::new(Value::String(text.clone())),
            NodeKind::Number(number) => {
                self.place = Some(Place::Node(node));
                Operand::new(self.ideal(number)?)
            }
            _ => Operand::new(Value::Nil),
        })
    }

    /// A number where nothing asks for a type.
    fn ideal(&self, number: &Number) -> Run<Value> {
        if let Some((real, imaginary)) = number.complex {
            return Ok(Value::Complex(real, imaginary));
        }
        match (number.integer, number.float) {
            (_, Some(float)) if number.is_float => Ok(Value::Float(float)),
            (Some(integer), _) => Ok(Value::int(integer)),
            _ => self.fail(&format!("{} overflows int", number.text)),
        }
    }
}

//! Statements: text, actions, branches, loops and calls of templates.

use std::slice;

use super::{Machine, Operand, Run};
use crate::semver::quote;
use crate::template::fmt;
use crate::template::syntax::{Branch, Pipe, Place, Statement, Template};
use crate::template::value::{List, Map, Type, Value};

/// Statements that are being run.
pub(super) struct Frame<'t> {
    statements: slice::Iter<'t, Statement>,
    dot: Operand,
    /// How many variables there were before.
    variables: usize,
    kind: Kind<'t>,
}

enum Kind<'t> {
    Block,
    Loop(Loop<'t>),
    /// A called template: what ran before.
    Call {
        template: &'t str,
        base: usize,
    },
}

struct Loop<'t> {
    items: Items,
    next: usize,
    body: &'t [Statement],
    pipe: &'t Pipe,
    /// How many variables every round begins with.
    variables: usize,
}

/// What a loop goes over.
enum Items {
    List(List),
    Map(Map),
    /// The entries of a map that may change meanwhile.
    Entries(Vec<(Value, Value)>),
    Count(u64, fn(u64, &'static Type) -> Value, &'static Type),
}

impl Items {
    fn is_empty(&self) -> bool {
        match self {
            Self::List(list) => list.values().is_empty(),
            Self::Map(map) => map.entries().is_empty(),
            Self::Entries(entries) => entries.is_empty(),
            Self::Count(count, ..) => *count == 0,
        }
    }

    /// Key and value of a round, and whether the value sits in an interface.
    fn get(&self, index: usize) -> Option<(Operand, Operand)> {
        match self {
            Self::List(list) => {
                let value = list.values().get(index)?.clone();
                let interface = list.go_type().element().is_interface();
                let index = Value::int(i64::try_from(index).unwrap_or(i64::MAX));
                Some((Operand::new(index), Operand { value, interface }))
            }
            Self::Map(map) => {
                let (key, value) = map.entries().get(index)?.clone();
                let interface = map.go_type().element().is_interface();
                Some((Operand::new(key), Operand { value, interface }))
            }
            Self::Entries(entries) => {
                let (key, value) = entries.get(index)?.clone();
                let value = Operand {
                    value,
                    interface: true,
                };
                Some((Operand::new(key), value))
            }
            Self::Count(count, make, go_type) => {
                let index = index as u64;
                (index < *count).then(|| {
                    let value = Operand::new(make(index, go_type));
                    (Operand::new(Value::Nil), value)
                })
            }
        }
    }
}

impl<'t> Frame<'t> {
    pub(super) fn block(body: &'t [Statement], dot: Operand, variables: usize) -> Self {
        Self {
            statements: body.iter(),
            dot,
            variables,
            kind: Kind::Block,
        }
    }
}

impl<'t> Machine<'t> {
    /// Runs until nothing is left to run.
    pub(super) fn run(&mut self) -> Run<()> {
        while let Some(frame) = self.frames.last_mut() {
            match frame.statements.next() {
                None => self.leave()?,
                Some(Statement::Text(text)) => self.write(text)?,
                Some(statement) => {
                    let dot = frame.dot.clone();
                    self.statement(statement, &dot)?;
                }
            }
        }
        Ok(())
    }

    fn statement(&mut self, statement: &'t Statement, dot: &Operand) -> Run<()> {
        self.step()?;
        match statement {
            Statement::Text(text) => self.write(text),
            Statement::Action(pipe) => {
                let value = self.pipeline(pipe, dot)?;
                if pipe.variables.is_empty() {
                    self.place = Some(Place::Pipe(pipe));
                    self.show(&value.value)?;
                }
                Ok(())
            }
            Statement::If(branch) => self.branch(branch, dot, false),
            Statement::With(branch) => self.branch(branch, dot, true),
            Statement::Range(branch) => self.range(branch, dot),
            Statement::Template(template) => self.call_template(template, dot),
            Statement::Break => {
                self.unwind();
                if let Some(frame) = self.frames.pop() {
                    self.variables.truncate(frame.variables);
                }
                Ok(())
            }
            Statement::Continue => {
                self.unwind();
                self.leave()
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Run<()> {
        let limit = self.budget.limits().output;
        if self.output.len() + bytes.len() > limit {
            return self.fail(&format!("the output is longer than {limit} bytes"));
        }
        self.output.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes the value of an action.
    fn show(&mut self, value: &Value) -> Run<()> {
        match value {
            Value::String(text) => self.write(text),
            Value::Nil => self.write(b"<no value>"),
            value => {
                let room = self.budget.limits().output;
                match fmt::plain(value, room) {
                    Ok(text) => {
                        self.budget
                            .spend(text.len() / 64)
                            .or_else(|message| self.fail(&message))?;
                        self.write(&text)
                    }
                    Err(message) => self.fail(&message),
                }
            }
        }
    }

    fn branch(&mut self, branch: &'t Branch, dot: &Operand, with: bool) -> Run<()> {
        let variables = self.variables.len();
        let value = self.pipeline(&branch.pipe, dot)?;
        let (body, dot) = match (value.value.truth(), with) {
            (true, true) => (&branch.body, value),
            (true, false) => (&branch.body, dot.clone()),
            (false, _) => (&branch.otherwise, dot.clone()),
        };
        self.frames.push(Frame::block(body, dot, variables));
        Ok(())
    }

    fn range(&mut self, branch: &'t Branch, dot: &Operand) -> Run<()> {
        let variables = self.variables.len();
        let value = self.pipeline(&branch.pipe, dot)?.value;
        let items = match value {
            Value::Nil => None,
            Value::List(list) => Some(Items::List(list)),
            Value::Map(map) => Some(Items::Map(map)),
            Value::Dict(dict) => {
                let entries = dict.entries().into_iter();
                let entries = entries.map(|(key, value)| (Value::String(key), value));
                Some(Items::Entries(entries.collect()))
            }
            Value::Signed(..) | Value::Unsigned(..) if branch.pipe.variables.len() > 1 => {
                let shown = self.shown(&value)?;
                return self.fail(&format!(
                    "can't use {shown} to iterate over more than one variable"
                ));
            }
            Value::Signed(count, go_type) => {
                let count = u64::try_from(count).unwrap_or(0);
                Some(Items::Count(
                    count,
                    |index, go_type| Value::Signed(index.cast_signed(), go_type),
                    go_type,
                ))
            }
            Value::Unsigned(count, go_type) => Some(Items::Count(count, Value::Unsigned, go_type)),
            other => {
                let shown = self.shown(&other)?;
                return self.fail(&format!("range can't iterate over {shown}"));
            }
        };
        let looping = Loop {
            body: &branch.body,
            pipe: &branch.pipe,
            next: 0,
            variables: self.variables.len(),
            items: match items {
                Some(items) if !items.is_empty() => items,
                _ => {
                    let body = &branch.otherwise;
                    self.frames.push(Frame::block(body, dot.clone(), variables));
                    return Ok(());
                }
            },
        };
        self.frames.push(Frame {
            statements: [].iter(),
            dot: Operand::new(Value::Nil),
            variables,
            kind: Kind::Loop(looping),
        });
        self.leave()
    }

    /// A value as `%v` shows it, for an error.
    fn shown(&self, value: &Value) -> Run<String> {
        match fmt::plain(value, self.budget.limits().output) {
            Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
            Err(message) => self.fail(&message),
        }
    }

    fn call_template(&mut self, template: &'t Template, dot: &Operand) -> Run<()> {
        self.place = Some(Place::Template(template));
        let Some((name, body)) = self.tree.templates.get_key_value(&template.name) else {
            let name = quote(&template.name);
            return self.fail(&format!("template {name} not defined"));
        };
        let limit = self.budget.limits().depth;
        if self.depth == limit {
            return self.fail(&format!("exceeded maximum template depth ({limit})"));
        }
        let data = match &template.pipe {
            Some(pipe) => self.pipeline(pipe, dot)?,
            None => Operand::new(Value::Nil),
        };
        let variables = self.variables.len();
        self.frames.push(Frame {
            statements: body.iter(),
            dot: data.clone(),
            variables,
            kind: Kind::Call {
                template: self.template,
                base: self.base,
            },
        });
        self.depth += 1;
        self.template = name;
        self.base = variables;
        self.variables.push(("$", data));
        Ok(())
    }

    /// Drops what runs inside the innermost loop.
    fn unwind(&mut self) {
        while let Some(frame) = self.frames.last()
            && !matches!(frame.kind, Kind::Loop(_))
        {
            self.frames.pop();
        }
    }

    /// What follows when a frame's statements have run.
    fn leave(&mut self) -> Run<()> {
        if let Some(frame) = self.frames.last()
            && matches!(frame.kind, Kind::Loop(_))
        {
            return self.next_round();
        }
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        self.variables.truncate(frame.variables);
        if let Kind::Call { template, base } = frame.kind {
            self.depth -= 1;
            self.template = template;
            self.base = base;
        }
        Ok(())
    }

    /// The next round of the loop on top of the stack, or its end.
    fn next_round(&mut self) -> Run<()> {
        self.step()?;
        let Some(frame) = self.frames.last_mut() else {
            return Ok(());
        };
        let Kind::Loop(looping) = &mut frame.kind else {
            return Ok(());
        };
        self.variables.truncate(looping.variables);
        let Some((key, value)) = looping.items.get(looping.next) else {
            self.variables.truncate(frame.variables);
            self.frames.pop();
            return Ok(());
        };
        looping.next += 1;
        let pipe = looping.pipe;
        frame.statements = looping.body.iter();
        frame.dot = value.clone();
        self.set_loop_variables(pipe, key, value)
    }

    fn set_loop_variables(&mut self, pipe: &'t Pipe, key: Operand, value: Operand) -> Run<()> {
        let (first, second) = match pipe.variables.as_slice() {
            [] => return Ok(()),
            [only] => return self.set_loop_variable(pipe, only, 1, value),
            [first, second, ..] => (first, second),
        };
        self.set_loop_variable(pipe, first, 2, key)?;
        self.set_loop_variable(pipe, second, 1, value)
    }

    /// Assigned variables are found by name, declared ones by their place: the last ones.
    fn set_loop_variable(
        &mut self,
        pipe: &Pipe,
        name: &str,
        from_top: usize,
        value: Operand,
    ) -> Run<()> {
        if pipe.assigns {
            return self.assign(name, value);
        }
        let count = self.variables.len();
        if let Some((_, variable)) = self.variables.get_mut(count - from_top) {
            *variable = value;
        }
        Ok(())
    }
}

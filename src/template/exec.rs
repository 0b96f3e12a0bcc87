//! Running of a template.

use std::ops::ControlFlow;

use super::TemplateError;
use super::format;
use super::functions;
use super::parser::{Branch, Node, NodeKind, Pipe, Statement, Tree, line};
use super::value::Value;

/// The longest result, in bytes.
pub(super) const OUTPUT_LIMIT: usize = 8 << 20;
/// Steps of one run.
const STEP_LIMIT: usize = 10_000_000;
/// Templates inside templates; Go's own limit is 100,000, of which the stack here holds fewer.
const DEPTH_LIMIT: usize = 1000;

/// Fills a template in.
pub(super) fn render(name: &str, tree: &Tree, data: &Value) -> Result<String, TemplateError> {
    let mut run = Run {
        tree,
        root: name,
        template: name.to_owned(),
        output: String::new(),
        variables: vec![("$".to_owned(), data.clone())],
        steps: 0,
        depth: 0,
    };
    let Some(body) = tree.templates.get(name) else {
        return Ok(String::new());
    };
    let _ = run.statements(body, data)?;
    Ok(run.output)
}

/// What leaves a loop early.
enum Leave {
    Break,
    Continue,
}

type Flow = Result<ControlFlow<Leave>, TemplateError>;

struct Run<'t> {
    tree: &'t Tree,
    root: &'t str,
    template: String,
    output: String,
    variables: Vec<(String, Value)>,
    steps: usize,
    depth: usize,
}

impl Run<'_> {
    /// Go's place and context of an error at run time.
    fn fail(&self, at: usize, context: &str, message: &str) -> TemplateError {
        let text = &self.tree.text;
        let start = text[..at.min(text.len())]
            .rfind('\n')
            .map_or(0, |at| at + 1);
        let column = at.saturating_sub(start);
        TemplateError::new(format!(
            "template: {}:{}:{column}: executing {} at <{context}>: {message}",
            self.root,
            line(text, at),
            crate::semver::quote(&self.template),
        ))
    }

    fn write(&mut self, text: &str) -> Result<(), TemplateError> {
        if self.output.len() + text.len() > OUTPUT_LIMIT {
            return Err(TemplateError::new(format!(
                "template: {}: the message is longer than {OUTPUT_LIMIT} bytes",
                self.root
            )));
        }
        self.output.push_str(text);
        Ok(())
    }

    fn step(&mut self) -> Result<(), TemplateError> {
        self.steps += 1;
        if self.steps > STEP_LIMIT {
            return Err(TemplateError::new(format!(
                "template: {}: more than {STEP_LIMIT} steps",
                self.root
            )));
        }
        Ok(())
    }

    fn statements(&mut self, statements: &[Statement], dot: &Value) -> Flow {
        for statement in statements {
            self.step()?;
            match statement {
                Statement::Text(text) => self.write(text)?,
                Statement::Action(pipe, _) => {
                    let value = self.pipe(pipe, dot)?;
                    if pipe.variables.is_empty() {
                        let text = match value {
                            Value::Nil | Value::Missing => "<no value>".to_owned(),
                            value => format::plain(&value),
                        };
                        self.write(&text)?;
                    }
                }
                Statement::If(branch) => {
                    let flow = self.conditional(branch, dot, false)?;
                    if flow.is_break() {
                        return Ok(flow);
                    }
                }
                Statement::With(branch) => {
                    let flow = self.conditional(branch, dot, true)?;
                    if flow.is_break() {
                        return Ok(flow);
                    }
                }
                Statement::Range(branch) => {
                    let flow = self.range(branch, dot)?;
                    if flow.is_break() {
                        return Ok(flow);
                    }
                }
                Statement::Template { name, pipe, at } => {
                    self.invoke(name, pipe.as_ref(), *at, dot)?;
                }
                Statement::Break => return Ok(ControlFlow::Break(Leave::Break)),
                Statement::Continue => return Ok(ControlFlow::Break(Leave::Continue)),
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn conditional(&mut self, branch: &Branch, dot: &Value, sets_dot: bool) -> Flow {
        let scope = self.variables.len();
        let value = self.pipe(&branch.pipe, dot)?;
        let flow = if value.truth() {
            let dot = if sets_dot { value } else { dot.clone() };
            self.statements(&branch.body, &dot)
        } else {
            self.statements(&branch.otherwise, dot)
        };
        self.variables.truncate(scope);
        flow
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Flow {
        let scope = self.variables.len();
        let value = self.pipe(&branch.pipe, dot)?;
        let items: Vec<(Value, Value)> = match &value {
            Value::List(items, _) => items
                .iter()
                .enumerate()
                .map(|(at, item)| {
                    (
                        Value::Int(i64::try_from(at).unwrap_or(i64::MAX)),
                        item.clone(),
                    )
                })
                .collect(),
            Value::Map(entries, _) => entries.to_vec(),
            Value::Int(count) => (0..*count.min(&1_000_000))
                .map(|at| (Value::Int(at), Value::Int(at)))
                .collect(),
            Value::Nil | Value::Missing => Vec::new(),
            other => {
                let message = format!("range can't iterate over {}", format::plain(other));
                return Err(self.fail(branch.at, "range", &message));
            }
        };
        if items.is_empty() {
            let flow = self.statements(&branch.otherwise, dot);
            self.variables.truncate(scope);
            return flow;
        }
        for (key, item) in items {
            self.step()?;
            self.variables.truncate(scope);
            match branch.pipe.variables.as_slice() {
                [] => {}
                [one] => self.set(one, item.clone(), branch.pipe.assigns),
                [index, one, ..] => {
                    self.set(index, key, branch.pipe.assigns);
                    self.set(one, item.clone(), branch.pipe.assigns);
                }
            }
            match self.statements(&branch.body, &item)? {
                ControlFlow::Break(Leave::Break) => break,
                ControlFlow::Break(Leave::Continue) | ControlFlow::Continue(()) => {}
            }
        }
        self.variables.truncate(scope);
        Ok(ControlFlow::Continue(()))
    }

    fn set(&mut self, name: &str, value: Value, assigns: bool) {
        if assigns
            && let Some(slot) = self
                .variables
                .iter_mut()
                .rev()
                .find(|(known, _)| known == name)
        {
            slot.1 = value;
            return;
        }
        self.variables.push((name.to_owned(), value));
    }

    fn invoke(
        &mut self,
        name: &str,
        pipe: Option<&Pipe>,
        at: usize,
        dot: &Value,
    ) -> Result<(), TemplateError> {
        let context = format!("{{{{template {}}}}}", crate::semver::quote(name));
        let tree = self.tree;
        let Some(body) = tree.templates.get(name) else {
            let message = format!("template {} not defined", crate::semver::quote(name));
            return Err(self.fail(at, &context, &message));
        };
        if self.depth >= DEPTH_LIMIT {
            let message = format!("exceeded maximum template depth ({DEPTH_LIMIT})");
            return Err(self.fail(at, &context, &message));
        }
        let data = match pipe {
            Some(pipe) => self.pipe(pipe, dot)?,
            None => Value::Nil,
        };
        let variables =
            std::mem::replace(&mut self.variables, vec![("$".to_owned(), data.clone())]);
        let outer = std::mem::replace(&mut self.template, name.to_owned());
        self.depth += 1;
        let flow = self.statements(body, &data);
        self.depth -= 1;
        self.template = outer;
        self.variables = variables;
        flow.map(|_| ())
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, TemplateError> {
        let mut value: Option<Value> = None;
        for command in &pipe.commands {
            self.step()?;
            value = Some(self.command(command, dot, value)?);
        }
        let value = value.unwrap_or(Value::Nil);
        // A range sets its variables for every item.
        if let [name] = pipe.variables.as_slice()
            && (!matches!(value, Value::List(..) | Value::Map(..)) || pipe.variables.len() == 1)
        {
            self.set(name, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn command(
        &mut self,
        command: &[Node],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Value, TemplateError> {
        let Some((first, rest)) = command.split_first() else {
            return Ok(Value::Nil);
        };
        if let NodeKind::Function(name) = &first.kind {
            return self.call(name, first, rest, dot, last);
        }
        if last.is_some() || !rest.is_empty() {
            let what = context(first);
            let message = match &first.kind {
                NodeKind::Field(_) | NodeKind::Variable(..) | NodeKind::Chain(..) => {
                    let field = what.rsplit('.').next().unwrap_or_default().to_owned();
                    format!("{field} has arguments but cannot be invoked as function")
                }
                _ => format!("can't give argument to non-function {what}"),
            };
            return Err(self.fail(first.at, &what, &message));
        }
        if matches!(first.kind, NodeKind::Nil) {
            return Err(self.fail(first.at, "nil", "nil is not a command"));
        }
        self.operand(first, dot)
    }

    fn call(
        &mut self,
        name: &str,
        node: &Node,
        rest: &[Node],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Value, TemplateError> {
        if matches!(name, "and" | "or") {
            let mut value = Value::Nil;
            for argument in rest {
                value = self.operand(argument, dot)?;
                if value.truth() == (name == "or") {
                    return Ok(value);
                }
            }
            return Ok(last.unwrap_or(value));
        }
        let mut arguments = Vec::with_capacity(rest.len() + 1);
        for argument in rest {
            arguments.push(self.operand(argument, dot)?);
        }
        arguments.extend(last);
        functions::call(name, &arguments)
            .map_err(|message| self.fail(node.at, &call_context(name, rest), &message))
    }

    fn operand(&mut self, node: &Node, dot: &Value) -> Result<Value, TemplateError> {
        self.step()?;
        match &node.kind {
            NodeKind::Dot => Ok(dot.clone()),
            NodeKind::Nil => Ok(Value::Nil),
            NodeKind::Constant(value, _) => Ok(value.clone()),
            NodeKind::Field(fields) => self.fields(node, dot.clone(), fields),
            NodeKind::Variable(name, fields) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                let value = found.map_or(Value::Nil, |(_, value)| value.clone());
                self.fields(node, value, fields)
            }
            NodeKind::Chain(inner, fields) => {
                let value = self.operand(inner, dot)?;
                self.fields(node, value, fields)
            }
            NodeKind::Pipe(pipe) => self.pipe(pipe, dot),
            NodeKind::Function(name) => self.call(name, node, &[], dot, None),
        }
    }

    fn fields(
        &mut self,
        node: &Node,
        mut value: Value,
        fields: &[String],
    ) -> Result<Value, TemplateError> {
        for name in fields {
            value = match &value {
                Value::Object(object) => match object.field(name) {
                    Some(Ok(value)) => value,
                    Some(Err(message)) => return Err(self.fail(node.at, &context(node), &message)),
                    None => {
                        let message =
                            format!("can't evaluate field {name} in type {}", object.type_name());
                        return Err(self.fail(node.at, &context(node), &message));
                    }
                },
                Value::Map(entries, _) => entries
                    .iter()
                    .find(|(key, _)| matches!(key, Value::String(text) if **text == **name))
                    .map_or(Value::Missing, |(_, value)| value.clone()),
                Value::Nil | Value::Missing => {
                    let message =
                        format!("nil data; no entry for key {}", crate::semver::quote(name));
                    return Err(self.fail(node.at, &context(node), &message));
                }
                other => {
                    let message =
                        format!("can't evaluate field {name} in type {}", other.type_name());
                    return Err(self.fail(node.at, &context(node), &message));
                }
            };
        }
        Ok(value)
    }
}

/// A call as Go shows it in an error, cut at 20 characters.
fn call_context(name: &str, arguments: &[Node]) -> String {
    let mut text = name.to_owned();
    for argument in arguments {
        text.push(' ');
        text.push_str(&context(argument));
    }
    if text.chars().count() > 20 {
        text = text.chars().take(20).collect::<String>() + "...";
    }
    text
}

/// An operand as Go shows it in an error.
fn context(node: &Node) -> String {
    match &node.kind {
        NodeKind::Dot => ".".to_owned(),
        NodeKind::Nil => "nil".to_owned(),
        NodeKind::Constant(_, text) => text.clone(),
        NodeKind::Field(fields) => format!(".{}", fields.join(".")),
        NodeKind::Variable(name, fields) if fields.is_empty() => name.clone(),
        NodeKind::Variable(name, fields) => format!("{name}.{}", fields.join(".")),
        NodeKind::Function(name) => name.clone(),
        NodeKind::Chain(inner, fields) => format!("{}.{}", context(inner), fields.join(".")),
        NodeKind::Pipe(pipe) => {
            let commands: Vec<String> = pipe
                .commands
                .iter()
                .map(|command| command.iter().map(context).collect::<Vec<_>>().join(" "))
                .collect();
            format!("({})", commands.join(" | "))
        }
    }
}

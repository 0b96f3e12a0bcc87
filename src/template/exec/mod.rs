//! Running a template: statements on a stack of their own, operands by recursion.
//!
//! The stack of statements is a value, so that templates that call each other a hundred thousand
//! levels deep need no stack of the process; the parser limits how deeply operands are nested.

mod call;
mod lookup;
mod operand;
mod statements;

use super::TemplateError;
use super::limits::{Budget, Limits};
use super::syntax::{Place, Statement, Tree};
use super::value::Value;
use crate::semver::quote;
pub(super) use operand::Operand;
use statements::Frame;

/// Runs the template `name` of a tree; `text` is what the tree was read from.
pub(super) fn render(
    name: &str,
    text: &str,
    tree: &Tree,
    data: Value,
    limits: Limits,
) -> Result<Vec<u8>, TemplateError> {
    let mut machine = Machine {
        name,
        text,
        tree,
        budget: Budget::new(limits),
        output: Vec::new(),
        variables: Vec::new(),
        base: 0,
        template: name,
        place: None,
        frames: Vec::new(),
        depth: 0,
        arguments: Vec::new(),
    };
    let Some(body) = tree.templates.get(name) else {
        let name = quote(name);
        return Err(TemplateError::new(format!(
            "template: {name} is an incomplete or empty template"
        )));
    };
    machine.begin(body, Operand::new(data));
    machine.run()?;
    Ok(machine.output)
}

/// The state of a rendering.
struct Machine<'t> {
    /// The name of the text, for errors.
    name: &'t str,
    text: &'t str,
    tree: &'t Tree,
    budget: Budget,
    output: Vec<u8>,
    variables: Vec<(&'t str, Operand)>,
    /// Where the variables of the template that runs begin.
    base: usize,
    /// The name of the template that runs.
    template: &'t str,
    /// What was looked at last; Go's errors point there.
    place: Option<Place<'t>>,
    frames: Vec<Frame<'t>>,
    /// How many templates are running inside each other.
    depth: usize,
    /// Arguments of the calls that are being made, one call's behind the other's.
    arguments: Vec<Operand>,
}

type Run<T> = Result<T, TemplateError>;

impl<'t> Machine<'t> {
    /// Starts with the outermost template.
    fn begin(&mut self, body: &'t [Statement], data: Operand) {
        self.variables.push(("$", data.clone()));
        self.frames.push(Frame::block(body, data, 0));
    }

    /// An error at the place looked at last.
    fn fail<T>(&self, message: &str) -> Run<T> {
        let Some(place) = self.place else {
            return Err(TemplateError::new(format!(
                "template: {}: {message}",
                self.name
            )));
        };
        let before = &self.text[..place.at().min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        Err(TemplateError::new(format!(
            "template: {}:{line}:{column}: executing {} at <{place}>: {message}",
            self.name,
            quote(self.template),
        )))
    }

    /// Takes a step.
    fn step(&self) -> Run<()> {
        self.budget.spend(1).or_else(|message| self.fail(&message))
    }

    /// The variables of the template that runs.
    fn variable(&mut self, name: &str) -> Option<&mut Operand> {
        self.variables[self.base..]
            .iter_mut()
            .rev()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    fn assign(&mut self, name: &str, value: Operand) -> Run<()> {
        match self.variable(name) {
            Some(variable) => {
                *variable = value;
                Ok(())
            }
            None => self.fail(&format!("undefined variable: {name}")),
        }
    }
}

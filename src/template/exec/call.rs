//! Calls: how many arguments, of which types, and what a function says.

use super::{Machine, Operand, Run};
use crate::template::functions::{Body, Call, Function};
use crate::template::syntax::{Node, NodeKind, Number, Place};
use crate::template::value::{Dict, Kind, List, Parameter, Value, types};
use crate::template::{Cause, TemplateError};

/// What a function or a method takes.
#[derive(Clone, Copy)]
pub(super) struct Signature<'n> {
    pub(super) name: &'n str,
    pub(super) fixed: &'static [Parameter],
    /// The type of any number of further arguments.
    pub(super) variadic: Option<Parameter>,
}

impl From<&'static Function> for Signature<'_> {
    fn from(function: &'static Function) -> Self {
        Self {
            name: function.name,
            fixed: function.fixed,
            variadic: function.rest,
        }
    }
}

impl<'t> Machine<'t> {
    pub(super) fn function(
        &mut self,
        function: &'static Function,
        place: Place<'t>,
        dot: &Operand,
        rest: &'t [Node],
        last: Option<Operand>,
    ) -> Run<Operand> {
        let name = function.name;
        let run = match function.body {
            Body::And => return self.and_or(function, false, dot, rest, last),
            Body::Or => return self.and_or(function, true, dot, rest, last),
            Body::Call => return self.call_function(function, place, dot, rest, last),
            Body::Run(run) => run,
        };
        let base = self.arguments.len();
        self.gather(function.into(), dot, rest, last)?;
        let result = run(&Call::new(name, &self.arguments[base..], &self.budget));
        self.arguments.truncate(base);
        match result {
            // A function that returns nil declares an interface.
            Ok(value) => Ok(Operand {
                interface: value.is_nil(),
                value,
            }),
            Err(message) => {
                self.place = Some(place);
                let error = self.fail(&format!("error calling {name}: {message}"));
                // Work without end is the template's own fault.
                let cause = if self.budget.is_spent() {
                    Cause::Limits
                } else {
                    Cause::Data
                };
                error.map_err(|error: TemplateError| error.because(cause))
            }
        }
    }

    /// `and` and `or` evaluate no more than they need.
    fn and_or(
        &mut self,
        function: &'static Function,
        wanted: bool,
        dot: &Operand,
        rest: &'t [Node],
        last: Option<Operand>,
    ) -> Run<Operand> {
        self.check_count(function.into(), rest, last.as_ref())?;
        let mut value = Operand::new(Value::Nil);
        for node in rest {
            value = self.argument(node, Parameter::Reflect, dot)?;
            if value.value.truth() == wanted {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    /// `call` takes a function, and no value here is one.
    fn call_function(
        &mut self,
        function: &'static Function,
        place: Place<'t>,
        dot: &Operand,
        rest: &'t [Node],
        last: Option<Operand>,
    ) -> Run<Operand> {
        let base = self.arguments.len();
        let shown = rest.first().map(Node::text);
        self.gather(function.into(), dot, rest, last)?;
        let arguments = self.arguments.split_off(base);
        let value = arguments.into_iter().next().map_or(Value::Nil, |a| a.value);
        self.place = Some(place);
        if value.is_nil() {
            return self.fail("error calling call: call of nil");
        }
        let type_name = value.type_name();
        let shown = shown.unwrap_or_else(|| match &value {
            Value::String(text) => text.to_str().into_owned(),
            _ => format!("<{type_name} Value>"),
        });
        self.fail(&format!(
            "error calling call: non-function {shown} of type {type_name}"
        ))
    }

    fn check_count(
        &self,
        signature: Signature<'_>,
        rest: &[Node],
        last: Option<&Operand>,
    ) -> Run<()> {
        let Signature {
            name,
            fixed,
            variadic,
        } = signature;
        let count = rest.len() + usize::from(last.is_some());
        let want = fixed.len();
        if variadic.is_some() && count < want {
            let got = rest.len();
            return self.fail(&format!(
                "wrong number of args for {name}: want at least {want} got {got}"
            ));
        }
        if variadic.is_none() && count != want {
            return self.fail(&format!(
                "wrong number of args for {name}: want {want} got {count}"
            ));
        }
        Ok(())
    }

    /// Evaluates arguments and appends them to those of the calls around.
    pub(super) fn gather(
        &mut self,
        signature: Signature<'_>,
        dot: &Operand,
        rest: &'t [Node],
        last: Option<Operand>,
    ) -> Run<()> {
        self.check_count(signature, rest, last.as_ref())?;
        let Signature {
            fixed, variadic, ..
        } = signature;
        let any = Parameter::Any;
        let parameter = |index: usize| fixed.get(index).copied().or(variadic).unwrap_or(any);
        for (index, node) in rest.iter().enumerate() {
            let value = self.argument(node, parameter(index), dot)?;
            self.arguments.push(value);
        }
        if let Some(last) = last {
            let value = self.checked(last, parameter(rest.len()))?;
            self.arguments.push(value);
        }
        Ok(())
    }

    /// An argument for a parameter.
    fn argument(&mut self, node: &'t Node, wanted: Parameter, dot: &Operand) -> Run<Operand> {
        match &node.kind {
            NodeKind::Dot => {
                self.place = Some(Place::Node(node));
                self.checked(dot.clone(), wanted)
            }
            NodeKind::Nil => {
                self.place = Some(Place::Node(node));
                match nil_of(wanted) {
                    Some(value) => Ok(value),
                    None => self.fail(&format!("cannot assign nil to {}", wanted.name())),
                }
            }
            NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::String(..) => {
                self.step()?;
                self.place = Some(Place::Node(node));
                self.constant(node, wanted, dot)
            }
            _ => {
                let value = self.operand(node, dot)?;
                self.checked(value, wanted)
            }
        }
    }

    /// A literal, which takes the type that is wanted.
    fn constant(&mut self, node: &'t Node, wanted: Parameter, dot: &Operand) -> Run<Operand> {
        let number = match &node.kind {
            NodeKind::Number(number) => Some(number.as_ref()),
            _ => None,
        };
        let (value, expected) = match wanted {
            Parameter::Any | Parameter::Reflect => return self.plain(node, dot),
            Parameter::Bool => match node.kind {
                NodeKind::Bool(value) => (Some(Value::Bool(value)), "bool"),
                _ => (None, "bool"),
            },
            Parameter::String => match &node.kind {
                NodeKind::String(text, _) => (Some(Value::String(text.clone())), "string"),
                _ => (None, "string"),
            },
            Parameter::Int => (integer(number), "integer"),
            Parameter::Uint32 => (unsigned(number), "unsigned integer"),
            Parameter::Float => (
                number.and_then(|number| number.float).map(Value::Float),
                "float",
            ),
            Parameter::List | Parameter::Dict | Parameter::Object(_) => {
                let wanted = wanted.name();
                return self.fail(&format!("can't handle {node} for arg of type {wanted}"));
            }
        };
        match value {
            Some(value) => Ok(Operand::new(value)),
            None => self.fail(&format!("expected {expected}; found {node}")),
        }
    }

    /// A value for a parameter. Values are not converted.
    fn checked(&self, value: Operand, wanted: Parameter) -> Run<Operand> {
        if value.is_missing() {
            return match nil_of(wanted) {
                Some(nil) if wanted == Parameter::Reflect => Ok(Operand {
                    interface: false,
                    ..nil
                }),
                Some(nil) => Ok(nil),
                None => self.fail(&format!("invalid value; expected {}", wanted.name())),
            };
        }
        if fits(&value.value, wanted) {
            return Ok(value);
        }
        let got = match &value.value {
            Value::Nil => "interface {}",
            other => other.type_name(),
        };
        let wanted = wanted.name();
        self.fail(&format!(
            "wrong type for value; expected {wanted}; got {got}"
        ))
    }
}

fn integer(number: Option<&Number>) -> Option<Value> {
    number.and_then(|number| number.integer).map(Value::int)
}

fn unsigned(number: Option<&Number>) -> Option<Value> {
    let value = number.and_then(|number| number.unsigned)?;
    // Go cuts a number that is too great for the type.
    Some(Value::Unsigned(value & 0xffff_ffff, &types::UINT32))
}

/// Nil for a parameter that may be nil.
fn nil_of(wanted: Parameter) -> Option<Operand> {
    let interface = |value| Operand {
        value,
        interface: true,
    };
    match wanted {
        Parameter::Any => Some(interface(Value::Nil)),
        Parameter::Reflect => Some(Operand::new(Value::Nil)),
        Parameter::List => Some(Operand::new(Value::List(List::nil(&types::LIST)))),
        Parameter::Dict => Some(Operand::new(Value::Dict(Dict::nil()))),
        Parameter::Object(go_type) if go_type.kind() == Kind::Pointer => {
            Some(Operand::new(Value::Nil))
        }
        Parameter::Bool
        | Parameter::Int
        | Parameter::Uint32
        | Parameter::Float
        | Parameter::String
        | Parameter::Object(_) => None,
    }
}

fn fits(value: &Value, wanted: Parameter) -> bool {
    let go_type = value.go_type();
    match wanted {
        Parameter::Any | Parameter::Reflect => true,
        Parameter::Bool => matches!(value, Value::Bool(_)),
        Parameter::Int => go_type == Some(&types::INT),
        Parameter::Uint32 => go_type == Some(&types::UINT32),
        Parameter::Float => matches!(value, Value::Float(_)),
        Parameter::String => matches!(value, Value::String(_)),
        Parameter::List => go_type == Some(&types::LIST),
        Parameter::Dict => matches!(value, Value::Dict(_)),
        Parameter::Object(wanted) => go_type == Some(wanted),
    }
}

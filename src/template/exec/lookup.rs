//! Fields, map keys and methods.

use super::call::Signature;
use super::{Machine, Operand, Run};
use crate::template::syntax::{Node, Place};
use crate::template::value::{Field, Kind, Value};

impl<'t> Machine<'t> {
    /// The fields of a chain one after the other; the last one gets the arguments.
    pub(super) fn chain(
        &mut self,
        receiver: Operand,
        fields: &'t [String],
        node: &'t Node,
        dot: &Operand,
        rest: &'t [Node],
        last: Option<Operand>,
    ) -> Run<Operand> {
        let Some((end, before)) = fields.split_last() else {
            return Ok(receiver);
        };
        let mut receiver = receiver;
        for name in before {
            receiver = self.field(&receiver, name, node, dot, &[], None)?;
        }
        self.field(&receiver, end, node, dot, rest, last)
    }

    fn field(
        &mut self,
        receiver: &Operand,
        name: &'t str,
        node: &'t Node,
        dot: &Operand,
        rest: &'t [Node],
        last: Option<Operand>,
    ) -> Run<Operand> {
        if receiver.is_missing() {
            return Ok(Operand::new(Value::Nil));
        }
        if let Value::Object(object) = &receiver.value
            && let Some(parameters) = object.method(name)
        {
            let base = self.arguments.len();
            let method = Signature {
                name,
                fixed: parameters,
                variadic: None,
            };
            self.gather(method, dot, rest, last)?;
            let arguments = self.arguments.split_off(base);
            let arguments: Vec<Value> = arguments.into_iter().map(|each| each.value).collect();
            return match object.call(name, &arguments) {
                Ok(value) => Ok(Operand::new(value)),
                Err(message) => {
                    self.place = Some(Place::Node(node));
                    self.fail(&format!("error calling {name}: {message}"))
                }
            };
        }
        let found = match &receiver.value {
            Value::Nil => {
                let holder = receiver.type_name();
                return self.fail(&format!("nil pointer evaluating {holder}.{name}"));
            }
            Value::Dict(dict) => Some(dict.get(name.as_bytes()).map(|value| Operand {
                value,
                interface: true,
            })),
            Value::Map(map) if map.go_type().key().kind() == Kind::String => {
                Some(map.get_text(name.as_bytes()).map(|value| Operand {
                    value: value.clone(),
                    interface: map.go_type().element().is_interface(),
                }))
            }
            Value::Object(object) => match object.field(name) {
                Field::Value(value) => Some(Some(Operand::new(value))),
                Field::Unexported => {
                    let holder = receiver.type_name();
                    return self.fail(&format!(
                        "{name} is an unexported field of struct type {holder}"
                    ));
                }
                Field::None => None,
            },
            _ => None,
        };
        let Some(found) = found else {
            let holder = receiver.type_name();
            return self.fail(&format!("can't evaluate field {name} in type {holder}"));
        };
        if !rest.is_empty() || last.is_some() {
            return self.fail(&format!("{name} is not a method but has arguments"));
        }
        Ok(found.unwrap_or_else(|| Operand::new(Value::Nil)))
    }
}

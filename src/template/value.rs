//! Values that templates work on.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A value with a Go type that templates know by its fields and methods.
pub trait Object: fmt::Debug + Send + Sync {
    /// The Go type, for error texts, for example `source.TemplateData`.
    fn type_name(&self) -> String;

    /// A field or a method without arguments.
    fn field(&self, name: &str) -> Option<Result<Value, String>>;

    /// The fields in order, for printing.
    fn fields(&self) -> Vec<(&'static str, Value)>;

    /// The text of a `String` method, if there is one.
    fn string(&self) -> Option<String> {
        None
    }
}

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    /// `nil`.
    Nil,
    /// What a missing map key gives.
    Missing,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A string.
    String(Arc<str>),
    /// A slice, with the name of its element type.
    List(Arc<Vec<Value>>, &'static str),
    /// A map, sorted by key, with the name of its type.
    Map(Arc<Vec<(Value, Value)>>, &'static str),
    /// A struct.
    Object(Arc<dyn Object>),
}

impl Value {
    /// A string.
    pub fn string(text: &str) -> Self {
        Self::String(text.into())
    }

    /// Whether the value counts as true.
    pub fn truth(&self) -> bool {
        match self {
            Self::Nil | Self::Missing => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::List(items, _) => !items.is_empty(),
            Self::Map(entries, _) => !entries.is_empty(),
            Self::Object(_) => true,
        }
    }

    /// The Go type.
    pub fn type_name(&self) -> String {
        match self {
            Self::Nil | Self::Missing => "<nil>".to_owned(),
            Self::Bool(_) => "bool".to_owned(),
            Self::Int(_) => "int".to_owned(),
            Self::Float(_) => "float64".to_owned(),
            Self::String(_) => "string".to_owned(),
            Self::List(_, element) => format!("[]{element}"),
            Self::Map(_, name) => (*name).to_owned(),
            Self::Object(object) => object.type_name(),
        }
    }

    /// The order of map keys: by kind, then by value; structs field by field.
    pub fn key_order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left.cmp(right),
            (Self::String(left), Self::String(right)) => left.cmp(right),
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Object(left), Self::Object(right)) => {
                let (left, right) = (left.fields(), right.fields());
                left.iter()
                    .zip(&right)
                    .map(|((_, left), (_, right))| left.key_order(right))
                    .find(|order| order.is_ne())
                    .unwrap_or(Ordering::Equal)
            }
            _ => Ordering::Equal,
        }
    }
}

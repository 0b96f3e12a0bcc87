//! The values that templates work on: Go's, as `reflect` sees them.
//!
//! For: one type for everything that data, variables and functions hand around.
//! Refuses: printing (`fmt`), comparing as `eq` does (`functions`), and any knowledge of Flux.

mod collections;
mod object;
mod text;
pub mod types;

use std::cmp::Ordering;
use std::rc::Rc;

pub use self::collections::{Dict, List, Map};
pub use self::object::{Field, Layout, Object, Parameter, Record};
pub use self::text::Text;
pub use self::types::{Kind, Type};

/// How deeply values may hold each other before printing and comparing give up.
pub(super) const NESTING_LIMIT: usize = 200;

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    /// `nil`, and what a missing map key gives.
    Nil,
    /// A boolean.
    Bool(bool),
    /// A signed integer of the given type.
    Signed(i64, &'static Type),
    /// An unsigned integer of the given type.
    Unsigned(u64, &'static Type),
    /// A `float64`.
    Float(f64),
    /// A `float32`.
    Float32(f32),
    /// A `complex128`.
    Complex(f64, f64),
    /// A string.
    String(Text),
    /// A slice.
    List(List),
    /// A `map[string]interface {}`.
    Dict(Dict),
    /// Any other map.
    Map(Map),
    /// A struct, or a pointer to one.
    Object(Rc<dyn Object>),
}

impl Value {
    /// An `int`.
    pub fn int(value: i64) -> Self {
        Self::Signed(value, &types::INT)
    }

    /// An `int64`.
    pub fn int64(value: i64) -> Self {
        Self::Signed(value, &types::INT64)
    }

    /// A struct.
    pub fn object(object: impl Object + 'static) -> Self {
        Self::Object(Rc::new(object))
    }

    /// Whether this is nil.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// Whether the value counts as true: everything but nil, false, zero and what is empty.
    pub fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Signed(value, _) => *value != 0,
            Self::Unsigned(value, _) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Float32(value) => *value != 0.0,
            Self::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::List(list) => !list.values().is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
            Self::Map(map) => !map.entries().is_empty(),
            Self::Object(_) => true,
        }
    }

    /// The type; nil has none.
    pub fn go_type(&self) -> Option<&'static Type> {
        Some(match self {
            Self::Nil => return None,
            Self::Bool(_) => &types::BOOL,
            Self::Signed(_, go_type) | Self::Unsigned(_, go_type) => go_type,
            Self::Float(_) => &types::FLOAT64,
            Self::Float32(_) => &types::FLOAT32,
            Self::Complex(..) => &types::COMPLEX,
            Self::String(_) => &types::STRING,
            Self::List(list) => list.go_type(),
            Self::Dict(_) => &types::DICT,
            Self::Map(map) => map.go_type(),
            Self::Object(object) => object.go_type(),
        })
    }

    /// The type's name as `%T` prints it.
    pub fn type_name(&self) -> &'static str {
        self.go_type().map_or("<nil>", Type::name)
    }

    /// What a type holds before anything is written to it.
    pub(super) fn zero(go_type: &'static Type) -> Self {
        match go_type.kind() {
            Kind::Bool => Self::Bool(false),
            Kind::Signed => Self::Signed(0, go_type),
            Kind::Unsigned => Self::Unsigned(0, go_type),
            Kind::Float => Self::Float(0.0),
            Kind::Complex => Self::Complex(0.0, 0.0),
            Kind::String => Self::from(""),
            Kind::Slice => Self::List(List::nil(go_type)),
            Kind::Map if *go_type == types::DICT => Self::Dict(Dict::nil()),
            Kind::Map => Self::Map(Map::nil(go_type)),
            Kind::Interface | Kind::Struct | Kind::Pointer => Self::Nil,
        }
    }

    /// The order in which maps are ranged over and printed: numbers by value, strings by byte,
    /// structs field by field.
    pub fn key_order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Signed(left, _), Self::Signed(right, _)) => left.cmp(right),
            (Self::Unsigned(left, _), Self::Unsigned(right, _)) => left.cmp(right),
            (Self::String(left), Self::String(right)) => left.cmp(right),
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Float(left), Self::Float(right)) => left.total_cmp(right),
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

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::String(bytes.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::String(bytes.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

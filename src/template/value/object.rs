//! Structs: values that a template knows by their fields and methods.

use std::any::Any;
use std::fmt;

use super::types::Type;
use super::{Text, Value};

/// What a struct answers when it is asked for a field.
#[derive(Debug)]
pub enum Field {
    /// The field's value.
    Value(Value),
    /// There is such a field, and templates may not see it.
    Unexported,
    /// There is none.
    None,
}

/// A struct of Go, or a pointer to one.
pub trait Object: fmt::Debug {
    /// The type.
    fn go_type(&self) -> &'static Type;

    /// A field by its name; fields of embedded structs have short names too.
    fn field(&self, name: &str) -> Field;

    /// The fields in order, for printing and comparing.
    fn fields(&self) -> Vec<(&'static str, Value)>;

    /// The parameters of a method; `None` when there is no such method.
    fn method(&self, name: &str) -> Option<&'static [Parameter]> {
        let _ = name;
        None
    }

    /// Calls a method that `method` knows, with arguments of its types.
    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let _ = arguments;
        Err(format!("{name} cannot be called"))
    }

    /// What a `String` method returns, if there is one.
    fn text(&self) -> Option<Text> {
        None
    }

    /// What `MarshalJSON` returns, if there is one.
    fn json(&self) -> Option<String> {
        None
    }

    /// The object itself, for functions that take one of its type.
    fn as_any(&self) -> &dyn Any;
}

/// The type that a function or a method wants of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// `interface {}`.
    Any,
    /// `reflect.Value`, which built-in functions take.
    Reflect,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `uint32`.
    Uint32,
    /// `float64`.
    Float,
    /// `string`.
    String,
    /// `[]interface {}`.
    List,
    /// `map[string]interface {}`.
    Dict,
    /// A struct type, or a pointer to one.
    Object(&'static Type),
}

impl Parameter {
    /// The type's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Reflect => "reflect.Value",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint32 => "uint32",
            Self::Float => "float64",
            Self::String => "string",
            Self::List => "[]interface {}",
            Self::Dict => "map[string]interface {}",
            Self::Object(go_type) => go_type.name(),
        }
    }
}

/// The shape of a plain struct.
#[derive(Debug)]
pub struct Layout {
    /// The type.
    pub go_type: Type,
    /// Names of the fields, and whether a field is embedded.
    pub fields: &'static [(&'static str, bool)],
    /// Whether `String` is a method that joins the fields with a slash.
    pub slashed: bool,
}

/// A plain struct: fields, and nothing else.
#[derive(Debug)]
pub struct Record {
    layout: &'static Layout,
    values: Vec<Value>,
}

impl Record {
    /// A struct of a layout; `values` are its fields, in order.
    pub fn new(layout: &'static Layout, values: Vec<Value>) -> Self {
        debug_assert_eq!(layout.fields.len(), values.len(), "{layout:?}");
        Self { layout, values }
    }
}

impl Object for Record {
    fn go_type(&self) -> &'static Type {
        &self.layout.go_type
    }

    fn field(&self, name: &str) -> Field {
        let named = self.layout.fields.iter().zip(&self.values);
        if let Some((_, value)) = named.clone().find(|((known, _), _)| *known == name) {
            return Field::Value(value.clone());
        }
        for ((_, embedded), value) in named {
            if let (true, Value::Object(inner)) = (embedded, value)
                && let Field::Value(value) = inner.field(name)
            {
                return Field::Value(value);
            }
        }
        Field::None
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let names = self.layout.fields.iter().map(|(name, _)| *name);
        names.zip(self.values.iter().cloned()).collect()
    }

    fn method(&self, name: &str) -> Option<&'static [Parameter]> {
        (self.layout.slashed && matches!(name, "String" | "MarshalLog")).then_some(&[])
    }

    fn call(&self, name: &str, _: &[Value]) -> Result<Value, String> {
        match (name, self.text()) {
            ("String", Some(text)) => Ok(Value::String(text)),
            // What `MarshalLog` returns is for loggers: the name before the namespace.
            _ => Ok(Value::object(Self::new(
                &MARSHALLED,
                self.values.iter().rev().cloned().collect(),
            ))),
        }
    }

    fn text(&self) -> Option<Text> {
        let [Value::String(first), Value::String(second)] = self.values.as_slice() else {
            return None;
        };
        self.layout
            .slashed
            .then(|| Text::from([first, b"/".as_slice(), second].concat()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

static MARSHALLED: Layout = Layout {
    go_type: Type::structure(
        "struct { Name string \"json:\\\"name,omitempty\\\"\"; Namespace string \"json:\\\"namespace,omitempty\\\"\" }",
    ),
    fields: &[("Name", false), ("Namespace", false)],
    slashed: false,
};

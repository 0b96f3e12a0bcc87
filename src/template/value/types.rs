//! Go types, as far as a template can tell them apart.

/// The kinds of Go's `reflect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `bool`.
    Bool,
    /// `int` and its sized relatives.
    Signed,
    /// `uint` and its sized relatives.
    Unsigned,
    /// `float32` and `float64`.
    Float,
    /// `complex128`.
    Complex,
    /// `string`.
    String,
    /// `interface {}`: anything.
    Interface,
    /// A slice.
    Slice,
    /// A map.
    Map,
    /// A struct.
    Struct,
    /// A pointer to a struct.
    Pointer,
}

/// A Go type. Types are constants: a template cannot make new ones.
#[derive(Debug)]
pub struct Type {
    name: &'static str,
    kind: Kind,
    key: Option<&'static Type>,
    element: Option<&'static Type>,
}

impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Type {}

impl Type {
    /// A type that holds no others.
    pub const fn basic(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            key: None,
            element: None,
        }
    }

    /// A struct.
    pub const fn structure(name: &'static str) -> Self {
        Self::basic(name, Kind::Struct)
    }

    /// A slice.
    pub const fn slice(name: &'static str, element: &'static Self) -> Self {
        Self {
            name,
            kind: Kind::Slice,
            key: None,
            element: Some(element),
        }
    }

    /// A map.
    pub const fn map(name: &'static str, key: &'static Self, element: &'static Self) -> Self {
        Self {
            name,
            kind: Kind::Map,
            key: Some(key),
            element: Some(element),
        }
    }

    /// The name as `%T` prints it.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The kind.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What `kindOf` says: the kind of sized numbers is their own name.
    pub const fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Slice => "slice",
            Kind::Map => "map",
            Kind::Struct => "struct",
            Kind::Pointer => "ptr",
            Kind::Interface => "interface",
            Kind::Bool
            | Kind::Signed
            | Kind::Unsigned
            | Kind::Float
            | Kind::Complex
            | Kind::String => self.name,
        }
    }

    /// The type of a map's keys; of anything else, any.
    pub fn key(&self) -> &'static Self {
        self.key.unwrap_or(&ANY)
    }

    /// The type of a slice's or a map's elements; of anything else, any.
    pub fn element(&self) -> &'static Self {
        self.element.unwrap_or(&ANY)
    }

    /// Whether a value of this type is an interface that may hold any other.
    pub fn is_interface(&self) -> bool {
        self.kind == Kind::Interface
    }
}

/// `interface {}`.
pub static ANY: Type = Type::basic("interface {}", Kind::Interface);
/// `bool`.
pub static BOOL: Type = Type::basic("bool", Kind::Bool);
/// `int`.
pub static INT: Type = Type::basic("int", Kind::Signed);
/// `int32`.
pub static INT32: Type = Type::basic("int32", Kind::Signed);
/// `int64`.
pub static INT64: Type = Type::basic("int64", Kind::Signed);
/// `uint`.
pub static UINT: Type = Type::basic("uint", Kind::Unsigned);
/// `uint8`.
pub static UINT8: Type = Type::basic("uint8", Kind::Unsigned);
/// `uint32`.
pub static UINT32: Type = Type::basic("uint32", Kind::Unsigned);
/// `uint64`.
pub static UINT64: Type = Type::basic("uint64", Kind::Unsigned);
/// `float32`.
pub static FLOAT32: Type = Type::basic("float32", Kind::Float);
/// `float64`.
pub static FLOAT64: Type = Type::basic("float64", Kind::Float);
/// `complex128`.
pub static COMPLEX: Type = Type::basic("complex128", Kind::Complex);
/// `string`.
pub static STRING: Type = Type::basic("string", Kind::String);
/// `[]interface {}`.
pub static LIST: Type = Type::slice("[]interface {}", &ANY);
/// `[][]interface {}`.
pub static LISTS: Type = Type::slice("[][]interface {}", &LIST);
/// `[]string`.
pub static STRINGS: Type = Type::slice("[]string", &STRING);
/// `[]int`.
pub static INTS: Type = Type::slice("[]int", &INT);
/// `[]uint8`.
pub static BYTES: Type = Type::slice("[]uint8", &UINT8);
/// `map[string]interface {}`.
pub static DICT: Type = Type::map("map[string]interface {}", &STRING, &ANY);
/// `map[string]string`.
pub static STRING_MAP: Type = Type::map("map[string]string", &STRING, &STRING);
/// `map[int]string`.
pub static INT_MAP: Type = Type::map("map[int]string", &INT, &STRING);

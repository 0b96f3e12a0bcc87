//! The functions: Go's built-in ones, and sprig v3.3.0's hermetic ones for text.
//!
//! Each is an entry of a table, with the types that Go declares for its parameters; arguments are
//! checked against them before the function runs.
//! Refuses: the clock, the environment, files and the network. Two of sprig's functions look at the
//! clock for some arguments; they say so instead.

mod builtin;
mod case;
mod cast;
mod certificates;
mod compare;
mod dates;
mod decimal;
mod defaults;
mod dicts;
mod encoding;
mod hints;
mod json;
mod json_read;
mod layout;
mod layout_read;
mod lists;
mod math;
mod paths;
mod random;
mod regexes;
mod secrets;
mod strings;
mod urls;
mod versions;
mod wrap;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use super::exec::Operand;
use super::fmt as printing;
use super::limits::Budget;
use super::value::{Dict, List, Parameter, Text, Type, Value, types};
pub(super) use hints::hint;

/// Which functions a template may name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Library {
    /// Go's and sprig's, as in commit messages. Sprig's `slice` takes the place of Go's.
    #[default]
    Sprig,
    /// Go's alone.
    BuiltIn,
}

/// What a function returns, or what it says when it fails.
type Outcome = Result<Value, String>;

/// How a function is run.
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// Arguments first, then this.
    Run(fn(&Call<'_>) -> Outcome),
    /// `and`, which evaluates its own arguments.
    And,
    /// `or`.
    Or,
    /// `call`.
    Call,
}

/// A function.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) fixed: &'static [Parameter],
    /// The type of any number of further arguments.
    pub(super) rest: Option<Parameter>,
    pub(super) body: Body,
}

impl Function {
    const fn new(
        name: &'static str,
        fixed: &'static [Parameter],
        run: fn(&Call<'_>) -> Outcome,
    ) -> Self {
        Self {
            name,
            fixed,
            rest: None,
            body: Body::Run(run),
        }
    }

    const fn variadic(
        name: &'static str,
        fixed: &'static [Parameter],
        rest: Parameter,
        run: fn(&Call<'_>) -> Outcome,
    ) -> Self {
        Self {
            name,
            fixed,
            rest: Some(rest),
            body: Body::Run(run),
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A call: the arguments, of the types that the function declares, and what is left to spend.
pub(super) struct Call<'c> {
    /// The name that the function was called by.
    name: &'static str,
    arguments: &'c [Operand],
    budget: &'c Budget,
}

impl<'c> Call<'c> {
    pub(super) fn new(name: &'static str, arguments: &'c [Operand], budget: &'c Budget) -> Self {
        Self {
            name,
            arguments,
            budget,
        }
    }

    fn len(&self) -> usize {
        self.arguments.len()
    }

    /// An argument; nil when it was not given.
    fn value(&self, index: usize) -> &'c Value {
        self.arguments
            .get(index)
            .map_or(&Value::Nil, |argument| &argument.value)
    }

    /// The arguments from one on.
    fn values(&self, from: usize) -> impl Iterator<Item = &'c Value> + Clone {
        self.arguments
            .get(from..)
            .unwrap_or_default()
            .iter()
            .map(|argument| &argument.value)
    }

    /// A string argument.
    fn text(&self, index: usize) -> &'c [u8] {
        match self.value(index) {
            Value::String(text) => text,
            _ => b"",
        }
    }

    /// A string argument with what is not UTF-8 replaced.
    fn str(&self, index: usize) -> Cow<'c, str> {
        String::from_utf8_lossy(self.text(index))
    }

    /// An `int` argument.
    fn int(&self, index: usize) -> i64 {
        match self.value(index) {
            Value::Signed(value, _) => *value,
            _ => 0,
        }
    }

    /// A dictionary argument.
    fn dict(&self, index: usize) -> Dict {
        match self.value(index) {
            Value::Dict(dict) => dict.clone(),
            _ => Dict::nil(),
        }
    }

    /// A string as the result.
    fn string(&self, text: impl Into<Text>) -> Outcome {
        let text = text.into();
        self.budget.text(text.len())?;
        Ok(Value::String(text))
    }

    /// A list as the result.
    fn list(&self, go_type: &'static Type, values: Vec<Value>) -> Outcome {
        let charge = self.budget.elements(values.len() + 1)?;
        Ok(Value::List(List::charged(go_type, values, Some(charge))))
    }

    /// A `[]interface {}` as the result.
    fn any_list(&self, values: Vec<Value>) -> Outcome {
        self.list(&types::LIST, values)
    }

    /// A `[]string` as the result.
    fn strings<T: Into<Text>>(&self, texts: impl IntoIterator<Item = T>) -> Outcome {
        let mut values = Vec::new();
        for text in texts {
            let text = text.into();
            self.budget.text(text.len())?;
            values.push(Value::String(text));
        }
        self.list(&types::STRINGS, values)
    }

    /// A dictionary as the result.
    fn new_dict(&self, entries: Vec<(Text, Value)>) -> Outcome {
        let charge = self.budget.elements(entries.len() * 2 + 1)?;
        let dict = Dict::new(entries);
        dict.keep(charge);
        Ok(Value::Dict(dict))
    }

    /// A value as `%v` prints it.
    fn plain(&self, value: &Value) -> Result<Vec<u8>, String> {
        if let Value::String(text) = value {
            return Ok(text.to_vec());
        }
        printing::plain(value, self.budget.text_left())
    }

    /// Sprig's `toString`: bytes as text, everything else by `%v`.
    fn shown(&self, value: &Value) -> Result<Vec<u8>, String> {
        match value {
            Value::List(list) if *list.go_type() == types::BYTES => {
                Ok(list.values().iter().filter_map(byte).collect())
            }
            _ => self.plain(value),
        }
    }
}

/// The byte in an element of a `[]uint8`.
fn byte(value: &Value) -> Option<u8> {
    match value {
        Value::Unsigned(value, _) => u8::try_from(*value).ok(),
        _ => None,
    }
}

/// Go's functions.
const BUILT_IN: &[&[Function]] = &[builtin::FUNCTIONS, compare::FUNCTIONS];
/// Sprig's functions.
const SPRIG: &[&[Function]] = &[
    case::FUNCTIONS,
    certificates::FUNCTIONS,
    dates::FUNCTIONS,
    decimal::FUNCTIONS,
    defaults::FUNCTIONS,
    dicts::FUNCTIONS,
    encoding::FUNCTIONS,
    json::FUNCTIONS,
    lists::FUNCTIONS,
    math::FUNCTIONS,
    paths::FUNCTIONS,
    random::FUNCTIONS,
    regexes::FUNCTIONS,
    secrets::FUNCTIONS,
    strings::FUNCTIONS,
    urls::FUNCTIONS,
    versions::FUNCTIONS,
    wrap::FUNCTIONS,
];

/// A function by its name.
pub(super) fn find(name: &str, library: Library) -> Option<&'static Function> {
    type Table = LazyLock<HashMap<&'static str, &'static Function>>;
    fn table(groups: &'static [&'static [Function]]) -> HashMap<&'static str, &'static Function> {
        let functions = groups.iter().copied().flatten();
        functions.map(|each| (each.name, each)).collect()
    }
    static OF_GO: Table = Table::new(|| table(BUILT_IN));
    static OF_SPRIG: Table = Table::new(|| table(SPRIG));
    let sprig = match library {
        Library::Sprig => OF_SPRIG.get(name),
        Library::BuiltIn => None,
    };
    sprig.or_else(|| OF_GO.get(name)).copied()
}

/// The names of all functions, for hints.
fn names() -> impl Iterator<Item = &'static str> {
    let groups = BUILT_IN.iter().chain(SPRIG).copied();
    groups.flatten().map(|function| function.name)
}

/// What Go's runtime says when sprig asks nil for its type.
const NIL_POINTER: &str = "runtime error: invalid memory address or nil pointer dereference";

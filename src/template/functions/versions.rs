//! Semantic versions, as an object with Masterminds' methods.

use std::any::Any;
use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Call, Function, Outcome};
use crate::semver::{Constraint, Version, VersionError};
use crate::template::value::Parameter::String as Str;
use crate::template::value::{Field, Kind, Object, Parameter, Text, Type, Value, types};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("semver", &[Str], semver),
    Function::new("semverCompare", &[Str, Str], compare),
];

/// What `semver` returns.
static POINTER: Type = Type::basic("*semver.Version", Kind::Pointer);
/// What the methods that make new versions return.
static VERSION: Type = Type::structure("semver.Version");

fn semver(call: &Call<'_>) -> Outcome {
    let text = call.str(0);
    let version = Version::parse(&text).map_err(|error| error.to_string())?;
    Ok(Value::object(Semver {
        go_type: &POINTER,
        numbers: [version.major, version.minor, version.patch],
        prerelease: version.prerelease.to_owned(),
        metadata: version.metadata.to_owned(),
        original: text.clone().into_owned(),
    }))
}

fn compare(call: &Call<'_>) -> Outcome {
    let (constraint, version) = (call.str(0), call.str(1));
    let constraint = Constraint::parse(&constraint).map_err(|error| error.to_string())?;
    let version = Version::parse(&version).map_err(|error| error.to_string())?;
    Ok(Value::Bool(constraint.check(&version)))
}

/// A version that owns its texts.
#[derive(Clone, Debug)]
struct Semver {
    go_type: &'static Type,
    numbers: [u64; 3],
    prerelease: String,
    metadata: String,
    original: String,
}

impl Semver {
    fn shown(&self) -> String {
        let [major, minor, patch] = self.numbers;
        let mut text = format!("{major}.{minor}.{patch}");
        if !self.prerelease.is_empty() {
            text.push_str(&format!("-{}", self.prerelease));
        }
        if !self.metadata.is_empty() {
            text.push_str(&format!("+{}", self.metadata));
        }
        text
    }

    fn order(&self, other: &Self) -> Ordering {
        let (left, right) = (self.shown(), other.shown());
        match (Version::parse(&left), Version::parse(&right)) {
            (Ok(left), Ok(right)) => left.precedence(&right),
            _ => self.numbers.cmp(&other.numbers),
        }
    }

    /// The version after this one in a place.
    fn increased(&self, place: usize) -> Self {
        let mut numbers = self.numbers;
        // The patch of a prerelease is already ahead.
        if place < 2 || self.prerelease.is_empty() {
            numbers[place] = numbers[place].wrapping_add(1);
        }
        numbers[place + 1..].fill(0);
        self.next(numbers, "", "")
    }

    /// The version with another prerelease, which may be empty.
    fn with_prerelease(&self, prerelease: &str) -> Result<Self, String> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        for part in prerelease.split('.').filter(|_| !prerelease.is_empty()) {
            if !is_identifier(part) {
                return Err("invalid prerelease string".to_owned());
            }
            if part.len() > 1 && part.starts_with('0') && digits(part) {
                return Err(VersionError::LeadingZero.to_string());
            }
        }
        Ok(self.next(self.numbers, prerelease, &self.metadata))
    }

    /// The version with other metadata, which may be empty.
    fn with_metadata(&self, metadata: &str) -> Result<Self, String> {
        if !metadata.is_empty() && !metadata.split('.').all(is_identifier) {
            return Err("invalid metadata string".to_owned());
        }
        Ok(self.next(self.numbers, &self.prerelease, metadata))
    }

    /// A version made from this one.
    fn next(&self, numbers: [u64; 3], prerelease: &str, metadata: &str) -> Self {
        let mut next = Self {
            go_type: &VERSION,
            numbers,
            prerelease: prerelease.to_owned(),
            metadata: metadata.to_owned(),
            original: String::new(),
        };
        let prefix = if self.original.starts_with('v') {
            "v"
        } else {
            ""
        };
        next.original = format!("{prefix}{}", next.shown());
        next
    }
}

fn is_identifier(part: &str) -> bool {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !part.is_empty() && part.bytes().all(belongs)
}

const OTHER: &[Parameter] = &[Parameter::Object(&POINTER)];

impl Object for Semver {
    fn go_type(&self) -> &'static Type {
        self.go_type
    }

    fn field(&self, name: &str) -> Field {
        match name {
            "major" | "minor" | "patch" | "pre" | "metadata" | "original" => Field::Unexported,
            _ => Field::None,
        }
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let [major, minor, patch] = self.numbers.map(|n| Value::Unsigned(n, &types::UINT64));
        vec![
            ("major", major),
            ("minor", minor),
            ("patch", patch),
            ("pre", Value::from(self.prerelease.as_str())),
            ("metadata", Value::from(self.metadata.as_str())),
            ("original", Value::from(self.original.as_str())),
        ]
    }

    fn method(&self, name: &str) -> Option<&'static [Parameter]> {
        match name {
            "Major" | "Minor" | "Patch" | "Prerelease" | "Metadata" | "String" | "IncMajor"
            | "IncMinor" | "IncPatch" => Some(&[]),
            "SetPrerelease" | "SetMetadata" => Some(&[Str]),
            // The other methods have pointers as receivers.
            _ if self.go_type != &POINTER => None,
            "Original" => Some(&[]),
            "Compare" | "Equal" | "LessThan" | "LessThanEqual" | "GreaterThan"
            | "GreaterThanEqual" => Some(OTHER),
            _ => None,
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let number = |index: usize| Value::Unsigned(self.numbers[index], &types::UINT64);
        let text = match arguments.first() {
            Some(Value::String(text)) => text.to_str(),
            _ => Cow::Borrowed(""),
        };
        Ok(match name {
            "Major" => number(0),
            "Minor" => number(1),
            "Patch" => number(2),
            "Prerelease" => Value::from(self.prerelease.as_str()),
            "Metadata" => Value::from(self.metadata.as_str()),
            "Original" => Value::from(self.original.as_str()),
            "String" => Value::from(self.shown()),
            "IncMajor" => Value::object(self.increased(0)),
            "IncMinor" => Value::object(self.increased(1)),
            "IncPatch" => Value::object(self.increased(2)),
            "SetPrerelease" => Value::object(self.with_prerelease(&text)?),
            "SetMetadata" => Value::object(self.with_metadata(&text)?),
            _ => {
                let other = match arguments.first() {
                    Some(Value::Object(other)) => other.as_any().downcast_ref::<Self>(),
                    _ => None,
                };
                let order = self.order(other.ok_or(super::NIL_POINTER)?);
                match name {
                    "Compare" => Value::int(order as i64),
                    "Equal" => Value::Bool(order.is_eq()),
                    "LessThan" => Value::Bool(order.is_lt()),
                    "LessThanEqual" => Value::Bool(order.is_le()),
                    "GreaterThan" => Value::Bool(order.is_gt()),
                    _ => Value::Bool(order.is_ge()),
                }
            }
        })
    }

    fn text(&self) -> Option<Text> {
        Some(Text::from(self.shown()))
    }

    fn json(&self) -> Option<String> {
        Some(format!("\"{}\"", self.shown()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

//! Lists and maps.
//!
//! Lists and typed maps never change once they are made. A `map[string]interface {}` is shared and
//! changes in place, because `set`, `unset` and `merge` do that in Go.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;

use super::types::{self, Type};
use super::{Text, Value};
use crate::template::limits::Charge;

/// A slice; a nil slice is empty and prints the same, only JSON tells them apart.
#[derive(Clone, Debug)]
pub struct List {
    go_type: &'static Type,
    items: Option<Rc<Items>>,
}

impl List {
    /// A slice of the given slice type.
    pub fn new(go_type: &'static Type, values: Vec<Value>) -> Self {
        Self::charged(go_type, values, None)
    }

    /// A slice whose elements count against a limit for as long as it lives.
    pub(in crate::template) fn charged(
        go_type: &'static Type,
        values: Vec<Value>,
        charge: Option<Charge>,
    ) -> Self {
        Self {
            go_type,
            items: Some(Rc::new(Items {
                values,
                _charge: charge,
            })),
        }
    }

    /// A nil slice.
    pub fn nil(go_type: &'static Type) -> Self {
        Self {
            go_type,
            items: None,
        }
    }

    /// The type of the slice.
    pub fn go_type(&self) -> &'static Type {
        self.go_type
    }

    /// Whether it is a nil slice.
    pub fn is_nil(&self) -> bool {
        self.items.is_none()
    }

    /// The elements.
    pub fn values(&self) -> &[Value] {
        self.items.as_deref().map_or(&[], |items| &items.values)
    }
}

/// Elements of a list. Dropping them does not recurse, however deeply lists are nested.
#[derive(Debug)]
struct Items {
    values: Vec<Value>,
    _charge: Option<Charge>,
}

impl Drop for Items {
    fn drop(&mut self) {
        drop_all(mem::take(&mut self.values));
    }
}

/// Drops values without recursion: what only they hold joins the list of what is to be dropped.
fn drop_all(mut pending: Vec<Value>) {
    while let Some(value) = pending.pop() {
        match value {
            Value::List(List {
                items: Some(items), ..
            }) => {
                if let Ok(mut items) = Rc::try_unwrap(items) {
                    pending.append(&mut items.values);
                }
            }
            Value::Dict(Dict(Some(entries))) => {
                if let Ok(mut entries) = Rc::try_unwrap(entries) {
                    let entries = mem::take(&mut entries.entries).into_inner();
                    pending.extend(entries.into_values());
                }
            }
            _ => {}
        }
    }
}

/// A `map[string]interface {}`. Copies share the entries.
#[derive(Clone, Debug)]
pub struct Dict(Option<Rc<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    entries: RefCell<BTreeMap<Text, Value>>,
    charges: RefCell<Vec<Charge>>,
}

impl Drop for Entries {
    fn drop(&mut self) {
        let entries = mem::take(&mut self.entries).into_inner();
        drop_all(entries.into_values().collect());
    }
}

impl Dict {
    /// A map with these entries; of entries with one key the last stays.
    pub fn new(entries: impl IntoIterator<Item = (Text, Value)>) -> Self {
        Self(Some(Rc::new(Entries {
            entries: RefCell::new(entries.into_iter().collect()),
            charges: RefCell::default(),
        })))
    }

    /// A nil map: it reads as empty and cannot be written.
    pub const fn nil() -> Self {
        Self(None)
    }

    /// Whether it is a nil map.
    pub fn is_nil(&self) -> bool {
        self.0.is_none()
    }

    /// Whether two values are the same map.
    pub fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(left), Some(right)) => Rc::ptr_eq(left, right),
            (None, None) => true,
            _ => false,
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0
            .as_ref()
            .map_or(0, |inner| inner.entries.borrow().len())
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        let inner = self.0.as_ref()?;
        let entries = inner.entries.borrow();
        entries.get(key).cloned()
    }

    /// Sets a key; `false` for a nil map.
    pub fn set(&self, key: Text, value: Value) -> bool {
        let Some(inner) = &self.0 else { return false };
        // The old value is dropped after the borrow ends: its own drop may reach this map.
        let old = inner.entries.borrow_mut().insert(key, value);
        drop(old);
        true
    }

    /// Keeps a charge until the map is dropped.
    pub(in crate::template) fn keep(&self, charge: Charge) {
        if let Some(inner) = &self.0 {
            inner.charges.borrow_mut().push(charge);
        }
    }

    /// Removes a key.
    pub fn remove(&self, key: &[u8]) {
        if let Some(inner) = &self.0 {
            let old = inner.entries.borrow_mut().remove(key);
            drop(old);
        }
    }

    /// The entries by key, as they are now.
    pub fn entries(&self) -> Vec<(Text, Value)> {
        self.0.as_ref().map_or_else(Vec::new, |inner| {
            let entries = inner.entries.borrow();
            entries
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        })
    }
}

/// A map of any other type, sorted by key; a nil map is an empty one.
#[derive(Clone, Debug)]
pub struct Map {
    go_type: &'static Type,
    entries: Rc<Vec<(Value, Value)>>,
    nil: bool,
}

impl Map {
    /// A map with these entries, which are sorted here.
    pub fn new(go_type: &'static Type, mut entries: Vec<(Value, Value)>) -> Self {
        entries.sort_by(|(left, _), (right, _)| left.key_order(right));
        Self::of_sorted(go_type, entries)
    }

    /// A map with entries that are in the order of their keys already.
    pub(in crate::template) fn of_sorted(
        go_type: &'static Type,
        entries: Vec<(Value, Value)>,
    ) -> Self {
        debug_assert!(
            entries.is_sorted_by(|(left, _), (right, _)| left.key_order(right).is_le()),
            "{entries:?}"
        );
        Self {
            go_type,
            entries: Rc::new(entries),
            nil: false,
        }
    }

    /// A nil map.
    pub fn nil(go_type: &'static Type) -> Self {
        Self {
            nil: true,
            ..Self::new(go_type, Vec::new())
        }
    }

    /// A `map[string]string`.
    pub fn of_strings<'t>(entries: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let entries = entries
            .into_iter()
            .map(|(key, value)| (Value::from(key), Value::from(value)))
            .collect();
        Self::new(&types::STRING_MAP, entries)
    }

    /// The type of the map.
    pub fn go_type(&self) -> &'static Type {
        self.go_type
    }

    /// Whether it is a nil map.
    pub fn is_nil(&self) -> bool {
        self.nil
    }

    /// The entries by key.
    pub fn entries(&self) -> &[(Value, Value)] {
        &self.entries
    }

    /// The value of a key.
    pub fn get(&self, key: &Value) -> Option<&Value> {
        self.entries
            .binary_search_by(|(candidate, _)| candidate.key_order(key))
            .ok()
            .map(|index| &self.entries[index].1)
    }

    /// The value of a string.
    pub fn get_text(&self, key: &[u8]) -> Option<&Value> {
        self.entries
            .binary_search_by(|(candidate, _)| match candidate {
                Value::String(text) => (**text).cmp(key),
                _ => std::cmp::Ordering::Less,
            })
            .ok()
            .map(|index| &self.entries[index].1)
    }
}

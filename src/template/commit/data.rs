//! The data as values: the controller's own structs, field by field.

use std::any::Any;
use std::collections::{BTreeMap, HashSet};

use super::{Change, CommitData, ObjectIdentifier, updated};
use crate::template::value::{
    Field, Kind, Layout, List, Map, Object, Parameter, Record, Type, Value, types,
};

static TEMPLATE_DATA: Layout = Layout {
    go_type: Type::structure("source.TemplateData"),
    fields: &[
        ("AutomationObject", false),
        ("Changed", false),
        ("Values", false),
    ],
    slashed: false,
};
static TEMPLATE_DATA_V1BETA1: Layout = Layout {
    go_type: Type::structure("source.TemplateData"),
    fields: &[
        ("AutomationObject", false),
        ("Updated", false),
        ("Changed", false),
        ("Values", false),
    ],
    slashed: false,
};
static NAMESPACED_NAME: Layout = Layout {
    go_type: Type::structure("types.NamespacedName"),
    fields: &[("Namespace", false), ("Name", false)],
    slashed: true,
};
static CHANGE: Layout = Layout {
    go_type: Type::structure("update.Change"),
    fields: &[("OldValue", false), ("NewValue", false), ("Setter", false)],
    slashed: false,
};
static TYPE_META: Layout = Layout {
    go_type: Type::structure("yaml.TypeMeta"),
    fields: &[("APIVersion", false), ("Kind", false)],
    slashed: false,
};
static NAME_META: Layout = Layout {
    go_type: Type::structure("yaml.NameMeta"),
    fields: &[("Name", false), ("Namespace", false)],
    slashed: false,
};
static RESOURCE_IDENTIFIER: Layout = Layout {
    go_type: Type::structure("yaml.ResourceIdentifier"),
    fields: &[("TypeMeta", true), ("NameMeta", true)],
    slashed: false,
};
pub(super) static OBJECT_IDENTIFIER: Layout = Layout {
    go_type: Type::structure("update.ObjectIdentifier"),
    fields: &[("ResourceIdentifier", true)],
    slashed: false,
};
static CHANGES: Type = Type::slice("[]update.Change", &CHANGE.go_type);
static OBJECT_CHANGES: Type =
    Type::map("update.ObjectChanges", &OBJECT_IDENTIFIER.go_type, &CHANGES);
static FILE_CHANGES: Type = Type::map(
    "map[string]update.ObjectChanges",
    &types::STRING,
    &OBJECT_CHANGES,
);
static RESULT: Type = Type::basic("update.Result", Kind::Struct);

/// The dot of a commit message.
pub(super) fn root(data: &CommitData, with_updated: bool) -> Value {
    let automation = namespaced_name(&data.namespace, &data.name);
    let changed = Value::object(Changed::new(data));
    let values = Value::Map(match &data.values {
        Some(values) => Map::of_strings(
            values
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str())),
        ),
        None => Map::nil(&types::STRING_MAP),
    });
    Value::object(if with_updated {
        let updated = updated::value(data);
        Record::new(
            &TEMPLATE_DATA_V1BETA1,
            vec![automation, updated, changed, values],
        )
    } else {
        Record::new(&TEMPLATE_DATA, vec![automation, changed, values])
    })
}

/// `types.NamespacedName`.
pub(super) fn namespaced_name(namespace: &str, name: &str) -> Value {
    let values = vec![Value::from(namespace), Value::from(name)];
    Value::object(Record::new(&NAMESPACED_NAME, values))
}

/// `update.ObjectIdentifier`, with the structs that Go embeds in it.
pub(super) fn identifier(object: &ObjectIdentifier) -> Value {
    let record = |layout, first: &str, second: &str| {
        let values = vec![Value::from(first), Value::from(second)];
        Value::object(Record::new(layout, values))
    };
    let metas = vec![
        record(&TYPE_META, &object.api_version, &object.kind),
        record(&NAME_META, &object.name, &object.namespace),
    ];
    let resource = Value::object(Record::new(&RESOURCE_IDENTIFIER, metas));
    Value::object(Record::new(&OBJECT_IDENTIFIER, vec![resource]))
}

fn change(change: &Change) -> Value {
    let values = vec![
        Value::from(change.old.as_str()),
        Value::from(change.new.as_str()),
        Value::from(change.setter.as_str()),
    ];
    Value::object(Record::new(&CHANGE, values))
}

type ByObject<'d> = BTreeMap<&'d ObjectIdentifier, Vec<(&'d Change, Value)>>;

fn object_changes(changes: &ByObject<'_>) -> Value {
    let entries = changes.iter().map(|(object, changes)| {
        let list = changes.iter().map(|(_, value)| value.clone()).collect();
        (identifier(object), Value::List(List::new(&CHANGES, list)))
    });
    Value::Map(Map::new(&OBJECT_CHANGES, entries.collect()))
}

/// `update.Result`: files, and methods that look at them in other ways.
#[derive(Debug)]
struct Changed {
    files: Value,
    objects: Value,
    changes: Value,
}

impl Changed {
    fn new(data: &CommitData) -> Self {
        let mut by_file: BTreeMap<&str, ByObject<'_>> = BTreeMap::new();
        for file in &data.files {
            let objects = by_file.entry(&file.path).or_default();
            for (object, changes) in &file.objects {
                let list = objects.entry(object).or_default();
                list.extend(changes.iter().map(|each| (each, change(each))));
            }
        }
        let mut seen = HashSet::new();
        let mut distinct = Vec::new();
        let mut all: ByObject<'_> = BTreeMap::new();
        for (object, changes) in by_file.values().flatten() {
            for (each, value) in changes {
                if seen.insert(*each) {
                    distinct.push(value.clone());
                }
                all.entry(object).or_default().push((each, value.clone()));
            }
        }
        let files = by_file
            .iter()
            .map(|(path, objects)| (Value::from(*path), object_changes(objects)));
        Self {
            files: Value::Map(Map::new(&FILE_CHANGES, files.collect())),
            objects: object_changes(&all),
            changes: Value::List(List::new(&CHANGES, distinct)),
        }
    }
}

impl Object for Changed {
    fn go_type(&self) -> &'static Type {
        &RESULT
    }

    fn field(&self, name: &str) -> Field {
        if name == "FileChanges" {
            Field::Value(self.files.clone())
        } else {
            Field::None
        }
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("FileChanges", self.files.clone())]
    }

    fn method(&self, name: &str) -> Option<&'static [Parameter]> {
        matches!(name, "Changes" | "Objects").then_some(&[])
    }

    fn call(&self, name: &str, _: &[Value]) -> Result<Value, String> {
        Ok(if name == "Changes" {
            self.changes.clone()
        } else {
            self.objects.clone()
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

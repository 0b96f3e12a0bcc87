//! The data as values: the controller's own structs, field by field.
//!
//! There is one identifier and one change for every place that was written, so that those two are
//! objects of their own, with their texts inside, rather than records that hold each other.

use std::any::Any;
use std::collections::HashSet;
use std::rc::Rc;

use super::{Change, ChangedFile, CommitData, ObjectIdentifier, updated};
use crate::template::value::{
    Field, Kind, Layout, List, Map, Object, Parameter, Record, Text, Type, Value, types,
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
static CHANGE: Type = Type::structure("update.Change");
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
pub(super) static OBJECT_IDENTIFIER: Type = Type::structure("update.ObjectIdentifier");
static CHANGES: Type = Type::slice("[]update.Change", &CHANGE);
static OBJECT_CHANGES: Type = Type::map("update.ObjectChanges", &OBJECT_IDENTIFIER, &CHANGES);
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

/// `update.ObjectIdentifier` as a value.
pub(super) fn identifier(object: &ObjectIdentifier) -> Value {
    Value::object(Identifier::new(object, None))
}

/// `update.ObjectIdentifier`, and with it the structs that Go embeds in it.
#[derive(Debug)]
struct Identifier {
    api_version: Text,
    kind: Text,
    name: Text,
    namespace: Text,
}

impl Identifier {
    /// The value of an object; what is the same in the object before is shared with it.
    fn new(object: &ObjectIdentifier, before: Option<&Self>) -> Self {
        let text = |text: &str, of: fn(&Self) -> &Text| match before.map(of) {
            Some(same) if **same == *text.as_bytes() => same.clone(),
            _ => Text::from(text),
        };
        Self {
            api_version: text(&object.api_version, |before| &before.api_version),
            kind: text(&object.kind, |before| &before.kind),
            name: text(&object.name, |before| &before.name),
            namespace: text(&object.namespace, |before| &before.namespace),
        }
    }

    fn type_meta(&self) -> Value {
        record(&TYPE_META, &self.api_version, &self.kind)
    }

    fn name_meta(&self) -> Value {
        record(&NAME_META, &self.name, &self.namespace)
    }

    fn resource(&self) -> Value {
        let metas = vec![self.type_meta(), self.name_meta()];
        Value::object(Record::new(&RESOURCE_IDENTIFIER, metas))
    }
}

fn record(layout: &'static Layout, first: &Text, second: &Text) -> Value {
    let values = [first, second].map(|text| Value::String(text.clone()));
    Value::object(Record::new(layout, values.into()))
}

impl Object for Identifier {
    fn go_type(&self) -> &'static Type {
        &OBJECT_IDENTIFIER
    }

    fn field(&self, name: &str) -> Field {
        let text = match name {
            "APIVersion" => &self.api_version,
            "Kind" => &self.kind,
            "Name" => &self.name,
            "Namespace" => &self.namespace,
            "ResourceIdentifier" => return Field::Value(self.resource()),
            "TypeMeta" => return Field::Value(self.type_meta()),
            "NameMeta" => return Field::Value(self.name_meta()),
            _ => return Field::None,
        };
        Field::Value(Value::String(text.clone()))
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("ResourceIdentifier", self.resource())]
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `update.Change`.
#[derive(Debug)]
struct ChangeValue {
    old: Text,
    new: Text,
    setter: Text,
}

impl From<&Change> for ChangeValue {
    fn from(change: &Change) -> Self {
        Self {
            old: change.old.as_str().into(),
            new: change.new.as_str().into(),
            setter: change.setter.as_str().into(),
        }
    }
}

impl Object for ChangeValue {
    fn go_type(&self) -> &'static Type {
        &CHANGE
    }

    fn field(&self, name: &str) -> Field {
        let text = match name {
            "OldValue" => &self.old,
            "NewValue" => &self.new,
            "Setter" => &self.setter,
            _ => return Field::None,
        };
        Field::Value(Value::String(text.clone()))
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let fields = [
            ("OldValue", &self.old),
            ("NewValue", &self.new),
            ("Setter", &self.setter),
        ];
        fields
            .map(|(name, text)| (name, Value::String(text.clone())))
            .into()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The changes of an object in a file; a file without objects has one row without an object.
struct Row<'d> {
    path: &'d str,
    object: Option<&'d ObjectIdentifier>,
    changes: &'d [Change],
}

/// The rows of files, by path and object. Equal ones stay in their order.
fn rows(files: &[ChangedFile]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::with_capacity(files.len());
    for file in files {
        let path = file.path.as_str();
        let row = |object, changes| Row {
            path,
            object,
            changes,
        };
        rows.push(row(None, &[]));
        let objects = file.objects.iter();
        rows.extend(objects.map(|(object, changes)| row(Some(object), changes.as_slice())));
    }
    rows.sort_by_key(|row| (row.path, row.object));
    rows
}

/// An object with all its changes in a file.
struct Group<'d> {
    object: &'d ObjectIdentifier,
    key: Value,
    changes: List,
}

/// Groups of the same objects as one map. A list that is all of an object's is shared.
fn by_object(groups: &[Group<'_>]) -> Value {
    let entries = groups.chunk_by(|one, other| one.object == other.object);
    let entries = entries.map(|same| {
        let changes = match same {
            [only] => only.changes.clone(),
            several => {
                let lists = several.iter().map(|group| group.changes.values());
                List::new(&CHANGES, lists.flatten().cloned().collect())
            }
        };
        (same[0].key.clone(), Value::List(changes))
    });
    Value::Map(Map::of_sorted(&OBJECT_CHANGES, entries.collect()))
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
        let rows = rows(&data.files);
        let mut seen = HashSet::with_capacity(rows.len());
        let mut distinct = Vec::new();
        let mut groups: Vec<Group<'_>> = Vec::with_capacity(rows.len());
        let mut files = Vec::new();
        let mut before: Option<Rc<Identifier>> = None;
        for file in rows.chunk_by(|one, other| one.path == other.path) {
            let first = groups.len();
            for same in file.chunk_by(|one, other| one.object == other.object) {
                let Some(object) = same[0].object else {
                    continue;
                };
                let mut list = Vec::with_capacity(same.iter().map(|row| row.changes.len()).sum());
                for change in same.iter().flat_map(|row| row.changes) {
                    let value = Value::object(ChangeValue::from(change));
                    if seen.insert(change) {
                        distinct.push(value.clone());
                    }
                    list.push(value);
                }
                let identifier = Rc::new(Identifier::new(object, before.as_deref()));
                before = Some(Rc::clone(&identifier));
                groups.push(Group {
                    object,
                    key: Value::Object(identifier),
                    changes: List::new(&CHANGES, list),
                });
            }
            files.push((Value::from(file[0].path), by_object(&groups[first..])));
        }
        // An object without changes stands under its file, and nowhere else.
        groups.retain(|group| !group.changes.values().is_empty());
        groups.sort_by_key(|group| group.object);
        Self {
            files: Value::Map(Map::of_sorted(&FILE_CHANGES, files)),
            objects: by_object(&groups),
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

#[cfg(test)]
mod tests {
    use super::super::CommitTemplate;
    use super::*;

    /// Paths, names of objects and new values.
    type Files<'f> = &'f [(&'f str, &'f [(&'f str, &'f [&'f str])])];

    fn object(name: &str) -> ObjectIdentifier {
        ObjectIdentifier {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            name: name.to_owned(),
            namespace: "n".to_owned(),
        }
    }

    fn change(new: &str) -> Change {
        Change {
            old: "0".to_owned(),
            new: new.to_owned(),
            setter: "s".to_owned(),
        }
    }

    fn rendered(text: &str, files: Files<'_>) -> String {
        let files = files.iter().map(|(path, objects)| ChangedFile {
            path: (*path).to_owned(),
            objects: objects
                .iter()
                .map(|(name, changes)| {
                    let changes = changes.iter().map(|new| change(new));
                    (object(name), changes.collect())
                })
                .collect(),
        });
        let data = CommitData {
            files: files.collect(),
            ..CommitData::default()
        };
        let template = CommitTemplate::parse(text).expect("a template");
        template.render(&data).expect("a message")
    }

    #[test]
    fn files_and_objects_come_sorted_and_once() {
        let files: Files<'_> = &[
            ("b", &[("y", &["1"]), ("x", &["2", "1"])]),
            ("empty", &[]),
            ("a", &[("y", &["3"]), ("z", &[])]),
            ("b", &[("y", &["1", "4"])]),
        ];
        let by_object = "{{ range $o, $c := . }} {{ $o.Name }}={{ range $c }}{{ .NewValue }}{{ end }}{{ end }};";
        let by_file = "{{ range $path, $o := .Changed.FileChanges }}{{ $path }}:{{ with $o }}OBJECTS{{ end }}\n{{ end }}";
        assert_eq!(
            rendered(&by_file.replace("OBJECTS", by_object), files),
            "a: y=3 z=;\nb: x=21 y=114;\nempty:\n"
        );
        assert_eq!(
            rendered(
                &format!("{{{{ with .Changed.Objects }}}}{by_object}{{{{ end }}}}"),
                files
            ),
            " x=21 y=3114;"
        );
        let changes = "{{ range .Changed.Changes }}{{ .NewValue }}{{ end }}";
        assert_eq!(rendered(changes, files), "3214");
    }

    #[test]
    fn embedded_structs_have_names_of_their_own() {
        let files: Files<'_> = &[("a", &[("x", &["1"])])];
        let text = "{{ range $o, $c := .Changed.Objects }}{{ $o.ResourceIdentifier.TypeMeta.Kind }} \
            {{ $o.NameMeta.Name }} {{ $o.TypeMeta }} {{ printf \"%+v\" $o }} {{ $c }}{{ end }}";
        assert_eq!(
            rendered(text, files),
            "Pod x {v1 Pod} {ResourceIdentifier:{TypeMeta:{APIVersion:v1 Kind:Pod} \
             NameMeta:{Name:x Namespace:n}}} [{0 1 s}]"
        );
    }
}

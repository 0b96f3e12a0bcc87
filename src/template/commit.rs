//! The data of a commit message, as image-automation-controller hands it to the template.
//!
//! `.AutomationObject`, `.Changed` with `FileChanges`, `Objects` and `Changes`, `.Values`; and
//! `.Updated` of v1beta1, which the controller no longer has (rule D12). Where Go's order is random
//! the order here is that of files, objects and changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::value::{Object, Value};
use super::{Template, TemplateError};

/// The template's name in error texts.
const NAME: &str = "commit message";
/// The message of an automation without a template.
const DEFAULT_MESSAGE: &str = "Update from image update automation";
/// What the controller says about a field that it removed.
const REMOVED_RESULT: &str = "template uses removed '.Changed.ImageResult' field. Please use \
    '.Changed.FileChanges' or '.Changed.Objects' instead. See: \
    https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template";

/// One value that changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Text before.
    pub old: String,
    /// Text after.
    pub new: String,
    /// The marker's text.
    pub setter: String,
}

/// The object that a change belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectIdentifier {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
}

/// The changes of one file: path, and changes by object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedFile {
    /// Path relative to the update path.
    pub path: String,
    /// Changes by object.
    pub objects: Vec<(ObjectIdentifier, Vec<Change>)>,
}

/// An image that a policy chose, for `.Updated`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatedImage {
    /// Namespace of the policy.
    pub namespace: String,
    /// Name of the policy.
    pub policy: String,
    /// The reference as it is written.
    pub reference: String,
}

/// Everything a message is made of.
#[derive(Clone, Debug, Default)]
pub struct CommitData {
    /// Namespace of the automation.
    pub namespace: String,
    /// Name of the automation.
    pub name: String,
    /// Files, by path.
    pub files: Vec<ChangedFile>,
    /// `.Values`; absent is a nil map.
    pub values: Option<BTreeMap<String, String>>,
    /// The images of all policies, for `.Updated`.
    pub images: Vec<UpdatedImage>,
}

/// Why a message cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The template cannot be read.
    #[error("unable to create commit message template from spec: {0}")]
    Parse(TemplateError),
    /// The template fails with this data.
    #[error("failed to run template from spec: {0}")]
    Run(TemplateError),
    /// The template uses a field that the controller removed and nothing stands for.
    #[error("{0}")]
    Removed(&'static str),
}

/// A message template that was read.
#[derive(Clone, Debug)]
pub struct CommitTemplate {
    template: Option<Template>,
    text: String,
}

impl CommitTemplate {
    /// Reads a template; an empty one gives the default message.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        let template = if text.is_empty() {
            None
        } else {
            Some(Template::parse(NAME, text).map_err(MessageError::Parse)?)
        };
        Ok(Self {
            template,
            text: text.to_owned(),
        })
    }

    /// Whether the template uses `.Updated`, which the controller no longer has.
    pub fn uses_updated(&self) -> bool {
        self.text.contains(".Updated")
    }

    /// The template with `.Updated` rewritten to what the controller has now, as far as that can be
    /// done without reading it.
    pub fn rewritten(&self) -> String {
        self.text
            .replace(".Updated.Images", ".Changed.Changes")
            .replace(".Updated.Objects", ".Changed.Objects")
            .replace(".Updated.Files", ".Changed.FileChanges")
            .replace(
                "{{range .Changed.Changes}}{{println .}}{{end}}",
                "{{range .Changed.Changes}}{{println .NewValue}}{{end}}",
            )
    }

    /// The message for some changes.
    pub fn render(&self, data: &CommitData) -> Result<String, MessageError> {
        let Some(template) = &self.template else {
            return Ok(DEFAULT_MESSAGE.to_owned());
        };
        let root = Value::Object(Arc::new(TemplateData::new(data)));
        template.render(&root).map_err(|error| {
            let text = error.to_string();
            if text.contains("can't evaluate field ImageResult in type update.Result") {
                MessageError::Removed(REMOVED_RESULT)
            } else {
                MessageError::Run(error)
            }
        })
    }
}

/// The root value.
#[derive(Debug)]
struct TemplateData {
    automation: Value,
    changed: Value,
    values: Value,
    updated: Value,
}

impl TemplateData {
    fn new(data: &CommitData) -> Self {
        let automation = struct_of(
            "types.NamespacedName",
            vec![
                ("Namespace", Value::string(&data.namespace)),
                ("Name", Value::string(&data.name)),
            ],
        );
        let string = format!("{}/{}", data.namespace, data.name);
        let automation = Struct {
            string: Some(string),
            ..automation
        };
        let values = data.values.as_ref().map(|values| {
            values
                .iter()
                .map(|(key, value)| (Value::string(key), Value::string(value)))
                .collect()
        });
        Self {
            automation: automation.into(),
            changed: changed(data),
            values: Value::Map(Arc::new(values.unwrap_or_default()), "map[string]string"),
            updated: updated(data),
        }
    }
}

impl Object for TemplateData {
    fn type_name(&self) -> String {
        "source.TemplateData".to_owned()
    }

    fn field(&self, name: &str) -> Option<Result<Value, String>> {
        let value = match name {
            "AutomationObject" => &self.automation,
            "Changed" => &self.changed,
            "Values" => &self.values,
            "Updated" => &self.updated,
            _ => return None,
        };
        Some(Ok(value.clone()))
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("AutomationObject", self.automation.clone()),
            ("Changed", self.changed.clone()),
            ("Values", self.values.clone()),
        ]
    }
}

/// A struct with named fields, methods without arguments, and perhaps a `String` method.
#[derive(Clone, Debug)]
struct Struct {
    name: &'static str,
    fields: Vec<(&'static str, Value)>,
    methods: Vec<(&'static str, Value)>,
    string: Option<String>,
}

fn struct_of(name: &'static str, fields: Vec<(&'static str, Value)>) -> Struct {
    Struct {
        name,
        fields,
        methods: Vec::new(),
        string: None,
    }
}

impl From<Struct> for Value {
    fn from(value: Struct) -> Self {
        Self::Object(Arc::new(value))
    }
}

impl Object for Struct {
    fn type_name(&self) -> String {
        self.name.to_owned()
    }

    fn field(&self, name: &str) -> Option<Result<Value, String>> {
        if name == "String"
            && let Some(string) = &self.string
        {
            return Some(Ok(Value::string(string)));
        }
        let all = self.fields.iter().chain(&self.methods);
        all.into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| Ok(value.clone()))
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.fields.clone()
    }

    fn string(&self) -> Option<String> {
        self.string.clone()
    }
}

fn change_value(change: &Change) -> Value {
    struct_of(
        "update.Change",
        vec![
            ("OldValue", Value::string(&change.old)),
            ("NewValue", Value::string(&change.new)),
            ("Setter", Value::string(&change.setter)),
        ],
    )
    .into()
}

/// `update.ObjectIdentifier`, which prints as the structs that Go embeds in it.
fn identifier_value(object: &ObjectIdentifier) -> Value {
    let text = format!(
        "{{{{{{{} {}}} {{{} {}}}}}}}",
        object.api_version, object.kind, object.name, object.namespace
    );
    let fields = struct_of(
        "update.ObjectIdentifier",
        vec![
            ("APIVersion", Value::string(&object.api_version)),
            ("Kind", Value::string(&object.kind)),
            ("Name", Value::string(&object.name)),
            ("Namespace", Value::string(&object.namespace)),
        ],
    );
    Identifier {
        inner: fields,
        text,
    }
    .into()
}

/// An identifier: like a struct, with another printed form and no `String` method.
#[derive(Debug)]
struct Identifier {
    inner: Struct,
    text: String,
}

impl From<Identifier> for Value {
    fn from(value: Identifier) -> Self {
        Self::Object(Arc::new(value))
    }
}

impl Object for Identifier {
    fn type_name(&self) -> String {
        self.inner.type_name()
    }

    fn field(&self, name: &str) -> Option<Result<Value, String>> {
        self.inner.field(name)
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.inner.fields()
    }

    fn string(&self) -> Option<String> {
        Some(self.text.clone())
    }
}

type ByObject = BTreeMap<ObjectIdentifier, Vec<Change>>;

fn object_changes(changes: &ByObject) -> Value {
    let entries = changes
        .iter()
        .map(|(object, changes)| {
            let list = changes.iter().map(change_value).collect();
            (
                identifier_value(object),
                Value::List(Arc::new(list), "update.Change"),
            )
        })
        .collect();
    Value::Map(Arc::new(entries), "update.ObjectChanges")
}

fn changed(data: &CommitData) -> Value {
    let mut all = ByObject::new();
    let mut distinct: Vec<&Change> = Vec::new();
    let mut by_file: BTreeMap<&str, ByObject> = BTreeMap::new();
    for file in &data.files {
        for (object, changes) in &file.objects {
            all.entry(object.clone())
                .or_default()
                .extend(changes.iter().cloned());
            by_file
                .entry(&file.path)
                .or_default()
                .entry(object.clone())
                .or_default()
                .extend(changes.iter().cloned());
        }
    }
    for change in by_file.values().flat_map(BTreeMap::values).flatten() {
        if !distinct.contains(&change) {
            distinct.push(change);
        }
    }
    let files = by_file
        .iter()
        .map(|(path, objects)| (Value::string(path), object_changes(objects)))
        .collect();
    let files = Value::Map(Arc::new(files), "map[string]update.ObjectChanges");
    let changes = distinct.iter().map(|change| change_value(change)).collect();
    Struct {
        methods: vec![
            ("Changes", Value::List(Arc::new(changes), "update.Change")),
            ("Objects", object_changes(&all)),
        ],
        ..struct_of("update.Result", vec![("FileChanges", files)])
    }
    .into()
}

/// `.Updated` of v1beta1: files, objects and the distinct images that were written.
fn updated(data: &CommitData) -> Value {
    let image_of = |change: &Change| {
        data.images.iter().find(|image| {
            let key = format!("{}:{}", image.namespace, image.policy);
            change.setter == key
                || change
                    .setter
                    .strip_prefix(&key)
                    .is_some_and(|r| r.starts_with(':'))
        })
    };
    let mut images: Vec<&UpdatedImage> = Vec::new();
    let mut files: BTreeMap<&str, BTreeMap<&ObjectIdentifier, Vec<&UpdatedImage>>> =
        BTreeMap::new();
    for file in &data.files {
        for (object, changes) in &file.objects {
            for image in changes.iter().filter_map(image_of) {
                if !images.contains(&image) {
                    images.push(image);
                }
                let list = files
                    .entry(&file.path)
                    .or_default()
                    .entry(object)
                    .or_default();
                if !list.contains(&image) {
                    list.push(image);
                }
            }
        }
    }
    let list = |images: &[&UpdatedImage]| {
        Value::List(
            Arc::new(images.iter().map(|image| image_value(image)).collect()),
            "update.ImageRef",
        )
    };
    let map = |objects: &BTreeMap<&ObjectIdentifier, Vec<&UpdatedImage>>| {
        let entries = objects
            .iter()
            .map(|(object, images)| (identifier_value(object), list(images)))
            .collect();
        Value::Map(
            Arc::new(entries),
            "map[update.ObjectIdentifier][]update.ImageRef",
        )
    };
    let mut all: BTreeMap<&ObjectIdentifier, Vec<&UpdatedImage>> = BTreeMap::new();
    for (object, images) in files.values().flatten() {
        all.entry(object).or_default().extend(images);
    }
    let by_file = files
        .iter()
        .map(|(path, objects)| {
            let result = struct_of("update.FileResult", vec![("Objects", map(objects))]);
            (Value::string(path), result.into())
        })
        .collect();
    let by_file = Value::Map(Arc::new(by_file), "map[string]update.FileResult");
    Struct {
        methods: vec![("Images", list(&images)), ("Objects", map(&all))],
        ..struct_of("update.Result", vec![("Files", by_file)])
    }
    .into()
}

/// `update.ImageRef`: prints the reference as written.
fn image_value(image: &UpdatedImage) -> Value {
    let (name, identifier) = match image.reference.split_once('@') {
        Some((name, digest)) => (name, digest.to_owned()),
        None => match image.reference.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag.to_owned()),
            _ => (image.reference.as_str(), "latest".to_owned()),
        },
    };
    let (registry, repository) = match name.split_once('/') {
        Some((registry, repository)) if registry.contains(['.', ':']) => {
            (registry.to_owned(), repository.to_owned())
        }
        Some(_) => ("index.docker.io".to_owned(), name.to_owned()),
        None => ("index.docker.io".to_owned(), format!("library/{name}")),
    };
    let policy = Struct {
        string: Some(format!("{}/{}", image.namespace, image.policy)),
        ..struct_of(
            "types.NamespacedName",
            vec![
                ("Namespace", Value::string(&image.namespace)),
                ("Name", Value::string(&image.policy)),
            ],
        )
    };
    Struct {
        methods: vec![
            ("Identifier", Value::string(&identifier)),
            ("Registry", Value::string(&registry)),
            ("Repository", Value::string(&repository)),
            ("Name", Value::string(&format!("{registry}/{repository}"))),
            ("Policy", policy.into()),
        ],
        string: Some(image.reference.clone()),
        ..struct_of("update.ImageRef", Vec::new())
    }
    .into()
}

//! `.Updated`, which templates had until v1beta2 0.42: the images that were written.

use std::any::Any;
use std::collections::BTreeMap;

use super::data::{OBJECT_IDENTIFIER, identifier, namespaced_name};
use super::{Change, CommitData, ObjectIdentifier, UpdatedImage};
use crate::template::value::{
    Field, Layout, List, Map, Object, Parameter, Record, Text, Type, Value, types,
};

static IMAGE: Type = Type::structure("update.ImageRef");
static IMAGES: Type = Type::slice("[]update.ImageRef", &IMAGE);
static OBJECTS: Type = Type::map(
    "map[update.ObjectIdentifier][]update.ImageRef",
    &OBJECT_IDENTIFIER,
    &IMAGES,
);
static FILE_RESULT: Layout = Layout {
    go_type: Type::structure("update.FileResult"),
    fields: &[("Objects", false)],
    slashed: false,
};
static FILES: Type = Type::map(
    "map[string]update.FileResult",
    &types::STRING,
    &FILE_RESULT.go_type,
);
static RESULT: Type = Type::structure("update.Result");

/// Whether a template mentions the field, of the dot or of a variable.
pub(super) fn is_mentioned(template: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    template.match_indices(".Updated").any(|(at, name)| {
        let before = template[..at].trim_end_matches(is_word);
        let is_field_of_field = before.ends_with(['.', ')']) && !template[..at].ends_with('$');
        // `.Values.Updated` and `.UpdatedAt` are other fields.
        !is_field_of_field && !template[at + name.len()..].starts_with(is_word)
    })
}

/// The image that a change wrote, by the policy that its marker names.
fn image_of<'d>(data: &'d CommitData, change: &Change) -> Option<&'d UpdatedImage> {
    data.images.iter().find(|image| {
        let key = format!("{}:{}", image.namespace, image.policy);
        let rest = change.setter.strip_prefix(&key);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    })
}

type ByObject<'d> = BTreeMap<&'d ObjectIdentifier, Vec<&'d UpdatedImage>>;

/// The value of `.Updated`.
pub(super) fn value(data: &CommitData) -> Value {
    let mut distinct: Vec<&UpdatedImage> = Vec::new();
    let mut files: BTreeMap<&str, ByObject<'_>> = BTreeMap::new();
    for file in &data.files {
        for (object, changes) in &file.objects {
            for image in changes.iter().filter_map(|change| image_of(data, change)) {
                if !distinct.contains(&image) {
                    distinct.push(image);
                }
                let objects = files.entry(&file.path).or_default();
                let images = objects.entry(object).or_default();
                // One image for each policy and object, whatever the parts of its name.
                if !images.contains(&image) {
                    images.push(image);
                }
            }
        }
    }
    let mut all: ByObject<'_> = BTreeMap::new();
    for (object, images) in files.values().flatten() {
        all.entry(object).or_default().extend(images);
    }
    let by_file = files.iter().map(|(path, objects)| {
        let result = Record::new(&FILE_RESULT, vec![object_images(objects)]);
        (Value::from(*path), Value::object(result))
    });
    Value::object(Updated {
        files: Value::Map(Map::new(&FILES, by_file.collect())),
        objects: object_images(&all),
        images: image_list(&distinct),
    })
}

fn image_list(images: &[&UpdatedImage]) -> Value {
    let images = images.iter().map(|image| Value::object(Image::new(image)));
    Value::List(List::new(&IMAGES, images.collect()))
}

fn object_images(objects: &ByObject<'_>) -> Value {
    let entries = objects
        .iter()
        .map(|(object, images)| (identifier(object), image_list(images)));
    Value::Map(Map::new(&OBJECTS, entries.collect()))
}

/// `update.Result` as it was.
#[derive(Debug)]
struct Updated {
    files: Value,
    objects: Value,
    images: Value,
}

impl Object for Updated {
    fn go_type(&self) -> &'static Type {
        &RESULT
    }

    fn field(&self, name: &str) -> Field {
        if name == "Files" {
            Field::Value(self.files.clone())
        } else {
            Field::None
        }
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("Files", self.files.clone())]
    }

    fn method(&self, name: &str) -> Option<&'static [Parameter]> {
        matches!(name, "Images" | "Objects").then_some(&[])
    }

    fn call(&self, name: &str, _: &[Value]) -> Result<Value, String> {
        Ok(if name == "Images" {
            self.images.clone()
        } else {
            self.objects.clone()
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `update.ImageRef`: prints the reference as it is written.
#[derive(Debug)]
struct Image {
    reference: String,
    registry: String,
    repository: String,
    identifier: String,
    namespace: String,
    policy: String,
}

impl Image {
    fn new(image: &UpdatedImage) -> Self {
        let (name, identifier) = match image.reference.split_once('@') {
            Some((name, digest)) => (name, digest),
            None => match image.reference.rsplit_once(':') {
                Some((name, tag)) if !tag.contains('/') => (name, tag),
                _ => (image.reference.as_str(), "latest"),
            },
        };
        let (registry, repository) = match name.split_once('/') {
            Some((registry, repository)) if registry.contains(['.', ':']) => {
                (registry, repository.to_owned())
            }
            Some(_) => ("index.docker.io", name.to_owned()),
            None => ("index.docker.io", format!("library/{name}")),
        };
        Self {
            reference: image.reference.clone(),
            registry: registry.to_owned(),
            repository,
            identifier: identifier.to_owned(),
            namespace: image.namespace.clone(),
            policy: image.policy.clone(),
        }
    }
}

impl Object for Image {
    fn go_type(&self) -> &'static Type {
        &IMAGE
    }

    fn field(&self, _: &str) -> Field {
        Field::None
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    fn method(&self, name: &str) -> Option<&'static [Parameter]> {
        let names = [
            "Identifier",
            "Registry",
            "Repository",
            "Name",
            "Policy",
            "String",
        ];
        names.contains(&name).then_some(&[])
    }

    fn call(&self, name: &str, _: &[Value]) -> Result<Value, String> {
        Ok(match name {
            "Identifier" => Value::from(self.identifier.as_str()),
            "Registry" => Value::from(self.registry.as_str()),
            "Repository" => Value::from(self.repository.as_str()),
            "Name" => Value::from(format!("{}/{}", self.registry, self.repository)),
            "Policy" => namespaced_name(&self.namespace, &self.policy),
            _ => Value::from(self.reference.as_str()),
        })
    }

    fn text(&self) -> Option<Text> {
        Some(Text::from(self.reference.as_str()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

//! Objects in files: what `-f` reads.
//!
//! For: answering [`Objects`] from YAML and JSON documents, as if they were in a cluster.
//! Refuses: to contact anybody, and to take an object of a kind that no run needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::documents::{Document, split};
use crate::api::{IMAGE_GROUP, Kind};
use crate::key::NamespacedName;
use crate::ports::{ObjectScope, Objects, ObjectsError};
use crate::selector::Selector;

/// Where manifests come from.
#[derive(Clone, Debug)]
pub enum ManifestSource {
    /// A file or a folder.
    Path {
        /// Absolute path.
        path: PathBuf,
        /// The path as the user wrote it.
        shown: String,
    },
    /// What was read from standard input.
    Input(Vec<u8>),
}

/// Extensions that count in a folder, as kubectl has them.
const EXTENSIONS: &[&str] = &["json", "yaml", "yml"];
/// The label by which namespace selectors name a namespace.
const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Objects read from files, in the order of reading.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    objects: Vec<Manifest>,
    index: BTreeMap<(Kind, NamespacedName), usize>,
}

#[derive(Clone, Debug)]
struct Manifest {
    kind: Kind,
    key: NamespacedName,
    place: String,
    value: Value,
}

impl Manifests {
    /// Reads every source. Folders are entered with `recursive`; objects without namespace get
    /// `default_namespace`. A document that cannot be read, or a second object of one kind and name,
    /// is an error that says where.
    pub fn load(
        sources: &[ManifestSource],
        recursive: bool,
        default_namespace: &str,
    ) -> Result<Self, ObjectsError> {
        let mut manifests = Self::default();
        for source in sources {
            match source {
                ManifestSource::Input(bytes) => {
                    manifests.read("standard input", bytes, default_namespace)?;
                }
                ManifestSource::Path { path, shown } => {
                    for (file, shown) in files(path, shown, recursive)? {
                        let bytes =
                            std::fs::read(&file).map_err(|error| unreadable(&shown, &error))?;
                        manifests.read(&shown, &bytes, default_namespace)?;
                    }
                }
            }
        }
        Ok(manifests)
    }

    fn read(
        &mut self,
        shown: &str,
        bytes: &[u8],
        default_namespace: &str,
    ) -> Result<(), ObjectsError> {
        for Document { line, value } in split(shown, bytes)? {
            self.add(value, &format!("{shown}:{line}"), default_namespace)?;
        }
        Ok(())
    }

    /// Adds a document, or the items of a list. Kinds that no run needs are passed over.
    fn add(
        &mut self,
        mut value: Value,
        place: &str,
        default_namespace: &str,
    ) -> Result<(), ObjectsError> {
        let api_version = value["apiVersion"].as_str().unwrap_or_default().to_owned();
        let kind_name = value["kind"].as_str().unwrap_or_default().to_owned();
        if let Some(items) = value.get_mut("items").and_then(Value::as_array_mut)
            && let Some(element) = kind_name.strip_suffix("List")
        {
            let items = std::mem::take(items);
            return self.add_items(items, &api_version, element, place, default_namespace);
        }
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", &api_version));
        let Some(kind) = Kind::from_api(group, &kind_name) else {
            // Nobody writes one of these and means something else.
            return if api_version.is_empty() && is_image_kind(&kind_name) {
                let message = format!("{kind_name} without apiVersion");
                Err(document_error(place, &message))
            } else {
                Ok(())
            };
        };
        if !kind.versions().contains(&version) {
            return Err(document_error(
                place,
                &format!(
                    "{kind_name} of version {api_version}; this program reads {}",
                    kind.versions().join(", ")
                ),
            ));
        }
        let name = value["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if name.is_empty() {
            return Err(document_error(
                place,
                &format!("{kind_name} without metadata.name"),
            ));
        }
        let namespace = if kind == Kind::Namespace {
            label_namespace(&mut value, &name);
            String::new()
        } else {
            let given = value["metadata"]["namespace"].as_str().unwrap_or_default();
            let namespace = if given.is_empty() {
                default_namespace
            } else {
                given
            }
            .to_owned();
            value["metadata"]["namespace"] = json!(namespace);
            namespace
        };
        // Everything the API server would fill in before a controller sees the object.
        if value["metadata"].get("generation").is_none() {
            value["metadata"]["generation"] = json!(1);
        }
        self.insert(Manifest {
            kind,
            key: NamespacedName::new(namespace, name),
            place: place.to_owned(),
            value,
        })
    }

    /// Adds the items of a list. Those of a typed list may leave out what the list says.
    fn add_items(
        &mut self,
        items: Vec<Value>,
        api_version: &str,
        element: &str,
        place: &str,
        default_namespace: &str,
    ) -> Result<(), ObjectsError> {
        let of_ours = element.is_empty() || is_image_kind(element);
        for mut item in items {
            if !item.is_object() {
                if of_ours {
                    let message = format!("{element}List with an item that is no object");
                    return Err(document_error(place, &message));
                }
                continue;
            }
            if !element.is_empty() && item.get("kind").is_none() {
                item["kind"] = json!(element);
                item["apiVersion"] = json!(api_version);
            }
            self.add(item, place, default_namespace)?;
        }
        Ok(())
    }

    fn insert(&mut self, manifest: Manifest) -> Result<(), ObjectsError> {
        let identity = (manifest.kind, manifest.key.clone());
        if let Some(first) = self.index.get(&identity) {
            return Err(document_error(
                &manifest.place,
                &format!(
                    "{} {} is defined here and at {}",
                    manifest.kind.name(),
                    manifest.key,
                    self.objects[*first].place
                ),
            ));
        }
        self.index.insert(identity, self.objects.len());
        self.objects.push(manifest);
        Ok(())
    }
}

fn is_image_kind(name: &str) -> bool {
    Kind::from_api(IMAGE_GROUP, name).is_some()
}

/// The label that every namespace of a cluster has.
fn label_namespace(value: &mut Value, name: &str) {
    if let Some(metadata) = value["metadata"].as_object_mut() {
        let labels = metadata.entry("labels").or_insert_with(|| json!({}));
        if let Some(labels) = labels.as_object_mut() {
            labels
                .entry(NAMESPACE_NAME_LABEL)
                .or_insert_with(|| json!(name));
        }
    }
}

fn document_error(place: &str, message: &str) -> ObjectsError {
    ObjectsError::Document {
        place: place.to_owned(),
        message: message.to_owned(),
    }
}

fn unreadable(shown: &str, error: &std::io::Error) -> ObjectsError {
    let message = match error.kind() {
        std::io::ErrorKind::NotFound => format!("the path \"{shown}\" does not exist"),
        _ => format!("cannot read \"{shown}\": {error}"),
    };
    ObjectsError::Answer {
        message,
        reason: "NotFound".to_owned(),
        code: 0,
    }
}

/// The files of a source, by path.
fn files(
    path: &Path,
    shown: &str,
    recursive: bool,
) -> Result<Vec<(PathBuf, String)>, ObjectsError> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(shown, &error))?;
    if !metadata.is_dir() {
        return Ok(vec![(path.to_owned(), shown.to_owned())]);
    }
    let mut found = Vec::new();
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(shown, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(shown, &error))?;
        let file = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let shown = format!("{}/{name}", shown.trim_end_matches('/'));
        let is_folder = std::fs::metadata(&file).is_ok_and(|metadata| metadata.is_dir());
        if is_folder {
            if recursive && name != ".git" {
                found.extend(files(&file, &shown, recursive)?);
            }
        } else if file
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| EXTENSIONS.contains(&extension))
        {
            found.push((file, shown));
        }
    }
    found.sort();
    Ok(found)
}

#[async_trait]
impl Objects for Manifests {
    async fn get(&self, kind: Kind, key: &NamespacedName) -> Result<Option<Value>, ObjectsError> {
        if let Some(at) = self.index.get(&(kind, key.clone())) {
            return Ok(Some(self.objects[*at].value.clone()));
        }
        if kind == Kind::Namespace {
            // A namespace that no document describes still has its name.
            let mut value = json!({"metadata": {"name": key.name}});
            label_namespace(&mut value, &key.name);
            return Ok(Some(value));
        }
        Ok(None)
    }

    async fn list(&self, kind: Kind, scope: &ObjectScope) -> Result<Vec<Value>, ObjectsError> {
        let selector = match &scope.labels {
            None => Selector::everything(),
            Some(labels) => Selector::parse(labels).map_err(|error| ObjectsError::Answer {
                message: format!("unable to parse label selector: {error}"),
                reason: "BadRequest".to_owned(),
                code: 0,
            })?,
        };
        Ok(self
            .objects
            .iter()
            .filter(|manifest| manifest.kind == kind)
            .filter(|manifest| {
                scope
                    .namespace
                    .as_ref()
                    .is_none_or(|wanted| *wanted == manifest.key.namespace)
            })
            .filter(|manifest| selector.matches(&labels(&manifest.value)))
            .map(|manifest| manifest.value.clone())
            .collect())
    }

    fn place(&self, kind: Kind, key: &NamespacedName) -> Option<String> {
        self.index
            .get(&(kind, key.clone()))
            .map(|at| self.objects[*at].place.clone())
    }
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    value["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Manifests, ObjectsError> {
        Manifests::load(
            &[ManifestSource::Input(text.as_bytes().to_vec())],
            false,
            "flux-system",
        )
    }

    const POLICY: &str = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\n";

    #[tokio::test]
    async fn documents_lists_and_other_kinds_are_read() {
        let text = format!(
            "# a comment\n---\n{POLICY}metadata: {{name: a}}\n---\napiVersion: v1\nkind: List\nitems:\n\
             - {{apiVersion: image.toolkit.fluxcd.io/v1beta2, kind: ImagePolicy, metadata: {{name: b, \
             namespace: x}}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\n"
        );
        let manifests = load(&text).unwrap();
        let all = manifests
            .list(Kind::ImagePolicy, &ObjectScope::default())
            .await
            .unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0]["metadata"]["namespace"], "flux-system");
        let key = NamespacedName::new("flux-system", "a");
        let place = manifests.place(Kind::ImagePolicy, &key);
        assert_eq!(place.as_deref(), Some("standard input:3"));
    }

    #[test]
    fn a_second_object_of_one_name_names_both_places() {
        let one = format!("{POLICY}metadata: {{name: a}}\n");
        let error = load(&format!("{one}---\n{one}")).unwrap_err().to_string();
        assert_eq!(
            error,
            "standard input:5: ImagePolicy flux-system/a is defined here and at standard input:1"
        );
    }

    #[test]
    fn a_document_that_cannot_be_read_says_where() {
        let error = load("a: b\n---\nc: [1,\nd: }\n").unwrap_err().to_string();
        assert!(
            error.starts_with("standard input:3:4: mismatched bracket"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_namespace_has_its_name_as_a_label() {
        let manifests =
            load("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  labels: {t: x}\n");
        let value = manifests
            .unwrap()
            .get(Kind::Namespace, &NamespacedName::new("", "a"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            value["metadata"]["labels"],
            json!({"t": "x", NAMESPACE_NAME_LABEL: "a"})
        );
    }

    #[test]
    fn what_is_left_out_by_mistake_is_told() {
        for (text, problem) in [
            (
                "kind: ImagePolicy\nmetadata: {name: a}\n",
                "ImagePolicy without apiVersion",
            ),
            (
                "apiVersion: v1\nkind: List\nitems: [a]\n",
                "List with an item that is no object",
            ),
            (
                "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\n",
                "ImagePolicy without metadata.name",
            ),
        ] {
            let error = load(text).unwrap_err().to_string();
            assert_eq!(error, format!("standard input:1: {problem}"));
        }
        for text in [
            "kind: Deployment\n",
            "kind: ShoppingList\nitems: [milk]\n",
            "a: b\n",
            "text\n",
            "[1]\n",
        ] {
            assert!(load(text).unwrap().objects.is_empty(), "{text}");
        }
    }

    #[test]
    fn an_unknown_version_names_those_that_are_read() {
        let text =
            "apiVersion: image.toolkit.fluxcd.io/v1alpha1\nkind: ImagePolicy\nmetadata: {name: a}";
        let error = load(text).unwrap_err().to_string();
        assert!(
            error.contains("this program reads v1, v1beta2, v1beta1"),
            "{error}"
        );
    }
}

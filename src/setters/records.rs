//! Change records: which values of which objects change, as the controller records them for the
//! commit message.

use std::collections::{BTreeMap, HashMap};

use super::nodes::{Document, Scalar};

/// One value that changed, as the controller records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The marker's text.
    pub setter: String,
    /// The scalar's text before.
    pub old: String,
    /// The scalar's text after.
    pub new: String,
}

/// The changes of one object. Fields that the document does not have are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectChanges {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// In document order.
    pub changes: Vec<Change>,
}

/// The changes of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChanges {
    /// Path relative to the update path.
    pub path: String,
    /// By apiVersion, kind, namespace and name.
    pub objects: Vec<ObjectChanges>,
}

/// The fields that identify an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    api_version: String,
    kind: String,
    namespace: String,
    name: String,
}

impl Identity {
    /// The identity of the object that is this collection, as it stands in the file.
    fn of(document: &Document<'_>, object: usize) -> Self {
        let mut found: [Option<&str>; 4] = [None; 4];
        for (_, scalar) in document.scalars() {
            if let Some(field) = field(document, scalar, object) {
                // Of two keys of one text the first counts.
                let text = if scalar.is_null() { "" } else { &*scalar.value };
                found[field as usize].get_or_insert(text);
            }
        }
        let [api_version, kind, namespace, name] =
            found.map(|text| text.unwrap_or_default().to_owned());
        Self {
            api_version,
            kind,
            namespace,
            name,
        }
    }

    fn set(&mut self, field: Field, value: &str) {
        let place = match field {
            Field::ApiVersion => &mut self.api_version,
            Field::Kind => &mut self.kind,
            Field::Namespace => &mut self.namespace,
            Field::Name => &mut self.name,
        };
        value.clone_into(place);
    }
}

#[derive(Clone, Copy)]
enum Field {
    ApiVersion,
    Kind,
    Namespace,
    Name,
}

/// Which identifying field of an object a scalar is.
fn field(document: &Document<'_>, scalar: &Scalar<'_>, object: usize) -> Option<Field> {
    let collection = scalar.collection?;
    let key = document.key(scalar.place);
    if collection == object {
        return match key? {
            "apiVersion" => Some(Field::ApiVersion),
            "kind" => Some(Field::Kind),
            _ => None,
        };
    }
    let outer = &document.collections[collection];
    if outer.parent != Some(object) || document.key(outer.place) != Some("metadata") {
        return None;
    }
    match key? {
        "namespace" => Some(Field::Namespace),
        "name" => Some(Field::Name),
        _ => None,
    }
}

/// The records of one file, as they come together.
#[derive(Debug, Default)]
pub(super) struct Records {
    by_object: BTreeMap<Identity, Vec<Change>>,
    /// Identities of the current document's objects, with the changes so far.
    identities: HashMap<usize, Identity>,
}

impl Records {
    /// Begins the next document.
    pub(super) fn next_document(&mut self) {
        self.identities.clear();
    }

    /// Records a change of a scalar. The object is named as it is after this change and those
    /// before it.
    pub(super) fn add(
        &mut self,
        document: &Document<'_>,
        object: usize,
        scalar: &Scalar<'_>,
        change: Change,
    ) {
        let identity = self
            .identities
            .entry(object)
            .or_insert_with(|| Identity::of(document, object));
        if let Some(field) = field(document, scalar, object) {
            identity.set(field, &change.new);
        }
        self.by_object
            .entry(identity.clone())
            .or_default()
            .push(change);
    }

    /// The changes of each object, in the controller's order.
    pub(super) fn finish(self) -> Vec<ObjectChanges> {
        self.by_object
            .into_iter()
            .map(|(identity, changes)| ObjectChanges {
                api_version: identity.api_version,
                kind: identity.kind,
                namespace: identity.namespace,
                name: identity.name,
                changes,
            })
            .collect()
    }
}

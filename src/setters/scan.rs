//! One file: markers, edits, change records.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::comments::{Placed, place};
use super::documents::{Unfit, documents};
use super::edit::{Edit, apply, edit, token_start};
use super::marker::{Marker, MarkerState, Reading, read as read_comment};
use super::nodes::{Document, Piece, Role, Scalar, read};
use super::table::{Lookup, Part, SetterTable};
use crate::key::TreePath;

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

/// Why a file is not edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
}

impl Refusal {
    /// Stable code, listed in `docs/reasons.md`.
    pub const fn code(&self) -> &'static str {
        "unreadable-file"
    }
}

/// What became of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOutcome {
    /// Every marker, in the order of the file.
    pub markers: Vec<Marker>,
    /// Change records by object.
    pub changes: Vec<ObjectChanges>,
    /// Why the file is not edited at all.
    pub refusal: Option<Refusal>,
    /// The edited content, when anything changed.
    pub new_bytes: Option<Vec<u8>>,
}

/// Looks for markers in a file and works out its edits.
pub fn scan_file(path: &TreePath, bytes: &[u8], table: &SetterTable) -> FileOutcome {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let lossy = String::from_utf8_lossy(bytes);
            let at = error.valid_up_to();
            return refused(&lossy, at, "the file is not UTF-8");
        }
    };
    let mut file = File {
        text,
        table,
        kustomization: is_kustomization(path),
        ..File::new(text, table)
    };
    match file.scan() {
        Ok(()) => file.finish(),
        Err(Unfit { at, reason }) => refused(text, at, &reason),
    }
}

/// The outcome of a file that is not edited: its markers are still named.
fn refused(text: &str, at: usize, reason: &str) -> FileOutcome {
    let (line, column) = position(text, at);
    let mut markers = Vec::new();
    for (index, content) in text.lines().enumerate() {
        let Some(start) = content.find('#') else {
            continue;
        };
        let comment = &content[start..];
        let setter = match read_comment(comment) {
            Reading::Nothing => continue,
            Reading::Setter(setter) | Reading::Malformed(setter) => setter,
        };
        markers.push(Marker {
            line: index + 1,
            column: content[..start].chars().count() + 1,
            setter,
            state: MarkerState::UnreadableFile,
            old: None,
            new: None,
            right: None,
        });
    }
    FileOutcome {
        markers,
        refusal: Some(Refusal {
            line,
            column,
            reason: reason.to_owned(),
        }),
        ..FileOutcome::default()
    }
}

/// Line and column of a byte, both from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}

fn is_kustomization(path: &TreePath) -> bool {
    matches!(
        path.file_name(),
        "kustomization.yaml" | "kustomization.yml" | "Kustomization"
    )
}

/// A file under work.
struct File<'t> {
    text: &'t str,
    table: &'t SetterTable,
    kustomization: bool,
    markers: Vec<(usize, Marker)>,
    edits: Vec<Edit>,
    changes: Vec<ObjectChanges>,
}

/// The fields that identify an object, as they are at a point of the run.
type Identity = BTreeMap<&'static str, String>;

impl<'t> File<'t> {
    fn new(text: &'t str, table: &'t SetterTable) -> Self {
        Self {
            text,
            table,
            kustomization: false,
            markers: Vec::new(),
            edits: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn scan(&mut self) -> Result<(), Unfit> {
        let ranges = documents(self.text)?;
        let mut parsed = Vec::with_capacity(ranges.len());
        for range in &ranges {
            parsed.push(read(self.text, range)?);
        }
        let single = ranges.len() == 1;
        for (document, range) in parsed.iter().zip(&ranges) {
            self.document(document, single);
            self.unplaced_comments(document, range);
        }
        Ok(())
    }

    fn document(&mut self, document: &Document, single: bool) {
        let prefix = ObjectScope::of(document, single);
        let mut identities: HashMap<Vec<String>, Identity> = HashMap::new();
        let by_scalar = self.placed_markers(document);
        for (index, piece) in document.pieces.iter().enumerate() {
            let Piece::Scalar(scalar) = piece else {
                continue;
            };
            let Some((comment, setter)) = by_scalar.get(&index) else {
                continue;
            };
            let Some(object) = prefix.object_of(&scalar.path) else {
                self.note(comment.start, setter.clone(), MarkerState::Misplaced);
                continue;
            };
            let identity = identities
                .entry(object.clone())
                .or_insert_with(|| identity(document, &object));
            self.marked_scalar(document, scalar, comment, setter, (&object, identity));
        }
    }

    /// Markers that mark a scalar, by the scalar's place; the others are noted on the way.
    fn placed_markers(&mut self, document: &Document) -> HashMap<usize, (Range<usize>, String)> {
        let mut by_scalar = HashMap::new();
        for Placed { comment, scalar } in place(self.text, document) {
            match (read_comment(&self.text[comment.clone()]), scalar) {
                (Reading::Nothing, _) => {}
                (Reading::Malformed(text), _) => {
                    self.note(comment.start, text, MarkerState::Malformed);
                }
                (Reading::Setter(setter), Some(index)) => {
                    by_scalar.insert(index, (comment, setter));
                }
                (Reading::Setter(setter), None) => {
                    let state = match self.table.look_up(&setter) {
                        Lookup::Malformed => MarkerState::Malformed,
                        _ => MarkerState::Misplaced,
                    };
                    self.note(comment.start, setter, state);
                }
            }
        }
        by_scalar
    }

    fn note(&mut self, at: usize, setter: String, state: MarkerState) {
        let (line, column) = position(self.text, at);
        let marker = Marker {
            line,
            column,
            setter,
            state,
            old: None,
            new: None,
            right: None,
        };
        self.markers.push((at, marker));
    }

    fn marked_scalar(
        &mut self,
        document: &Document,
        scalar: &Scalar,
        comment: &Range<usize>,
        setter: &str,
        (object, identity): (&[String], &mut Identity),
    ) {
        if scalar.duplicate {
            return self.note(comment.start, setter.to_owned(), MarkerState::Misplaced);
        }
        let at = token_start(self.text, scalar);
        let (line, column) = position(self.text, at);
        let mut marker = Marker {
            line,
            column,
            setter: setter.to_owned(),
            state: MarkerState::Current,
            old: Some(scalar.value.clone()),
            new: None,
            right: None,
        };
        let (value, part) = match self.table.look_up(setter) {
            Lookup::Value(value, part) => (value, part),
            other => {
                marker.state = match other {
                    Lookup::NoDigest => MarkerState::NoDigest,
                    Lookup::Undecided => MarkerState::PolicyNotReady,
                    Lookup::AheadOfCluster => MarkerState::AheadOfCluster,
                    Lookup::NotSelected => MarkerState::PolicyNotSelected,
                    Lookup::OtherNamespace => MarkerState::OtherNamespace,
                    Lookup::Unknown => MarkerState::UnknownPolicy,
                    _ => MarkerState::Malformed,
                };
                self.markers.push((at, marker));
                return;
            }
        };
        marker.new = Some(value.to_owned());
        if part == Part::Image
            && let Some(right) = self.right_kustomization_part(document, scalar)
        {
            marker.state = MarkerState::WrongKustomizationMarker;
            marker.right = Some(format!("{setter}:{right}"));
            self.markers.push((at, marker));
            return;
        }
        if scalar.value != value
            && let Some(edit) = edit(self.text, scalar, value)
        {
            marker.state = MarkerState::Updated;
            self.edits.push(edit);
            self.record(scalar, setter, value, object, identity);
        }
        self.markers.push((at, marker));
    }

    /// For `images[].newName`, `newTag` and `digest` of a kustomization, the suffix that fits.
    fn right_kustomization_part(
        &self,
        document: &Document,
        scalar: &Scalar,
    ) -> Option<&'static str> {
        let [images, _, field] = scalar.path.as_slice() else {
            return None;
        };
        if images != "images" || !(self.kustomization || is_kustomization_object(document)) {
            return None;
        }
        match field.as_str() {
            "newName" => Some("name"),
            "newTag" => Some("tag"),
            "digest" => Some("digest"),
            _ => None,
        }
    }

    fn record(
        &mut self,
        scalar: &Scalar,
        setter: &str,
        value: &str,
        object: &[String],
        identity: &mut Identity,
    ) {
        // The object is named as it is after this edit and those before it.
        let inside = &scalar.path[object.len()..];
        if let Some(field) = identity_field(inside) {
            identity.insert(field, value.to_owned());
        }
        let text = |field: &str| identity.get(field).cloned().unwrap_or_default();
        let wanted = ObjectChanges {
            api_version: text("apiVersion"),
            kind: text("kind"),
            namespace: text("namespace"),
            name: text("name"),
            changes: Vec::new(),
        };
        let change = Change {
            setter: setter.to_owned(),
            old: scalar.value.clone(),
            new: value.to_owned(),
        };
        let same = self.changes.iter_mut().find(|changes| {
            (
                &changes.api_version,
                &changes.kind,
                &changes.namespace,
                &changes.name,
            ) == (
                &wanted.api_version,
                &wanted.kind,
                &wanted.namespace,
                &wanted.name,
            )
        });
        match same {
            Some(changes) => changes.changes.push(change),
            None => self.changes.push(ObjectChanges {
                changes: vec![change],
                ..wanted
            }),
        }
    }

    /// Markers in comments that the parser did not hand over, behind the document's end.
    fn unplaced_comments(&mut self, document: &Document, range: &Range<usize>) {
        let known: Vec<usize> = document
            .pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Comment(range) => Some(range.start),
                _ => None,
            })
            .collect();
        let last = known.last().copied().unwrap_or(range.start);
        let end = document.pieces.iter().rev().find_map(|piece| match piece {
            Piece::Scalar(scalar) => Some(scalar.range.end),
            Piece::End(range) | Piece::Alias(range) => Some(range.end),
            _ => None,
        });
        let from = last.max(end.unwrap_or(range.start)).min(range.end);
        for (at, _) in self.text[from..range.end].match_indices('#') {
            let start = from + at;
            if known.contains(&start) {
                continue;
            }
            let line = self.text[start..range.end]
                .lines()
                .next()
                .unwrap_or_default();
            if let Reading::Setter(setter) = read_comment(line) {
                self.note(start, setter, MarkerState::Misplaced);
            }
        }
    }

    fn finish(mut self) -> FileOutcome {
        self.markers.sort_by_key(|(at, _)| *at);
        self.edits.sort_by_key(|edit| edit.range.start);
        self.changes.sort_by(|left, right| {
            (&left.api_version, &left.kind, &left.namespace, &left.name).cmp(&(
                &right.api_version,
                &right.kind,
                &right.namespace,
                &right.name,
            ))
        });
        let new_bytes =
            (!self.edits.is_empty()).then(|| apply(self.text, &self.edits).into_bytes());
        FileOutcome {
            markers: self.markers.into_iter().map(|(_, marker)| marker).collect(),
            changes: self.changes,
            refusal: None,
            new_bytes,
        }
    }
}

/// Where objects are inside a document: the document itself, or the items of a list that is the
/// file's only document.
enum ObjectScope {
    Document,
    Items,
}

impl ObjectScope {
    fn of(document: &Document, single: bool) -> Self {
        let kind = top_value(document, "kind");
        let list = matches!(kind.as_deref(), Some("List" | "ResourceList"));
        let items = document.pieces.iter().any(|piece| {
            matches!(piece, Piece::Scalar(scalar)
                if scalar.role == Role::Key && scalar.path == ["items"])
        });
        if single && list && items {
            Self::Items
        } else {
            Self::Document
        }
    }

    /// The path of the object that a scalar belongs to; of a list only the items are looked at.
    fn object_of(&self, path: &[String]) -> Option<Vec<String>> {
        match self {
            Self::Document => Some(Vec::new()),
            Self::Items if path.len() > 2 && path[0] == "items" => Some(path[..2].to_vec()),
            Self::Items => None,
        }
    }
}

fn top_value(document: &Document, key: &str) -> Option<String> {
    document.pieces.iter().find_map(|piece| match piece {
        Piece::Scalar(scalar) if scalar.role == Role::Value && scalar.path == [key] => {
            Some(scalar.value.clone())
        }
        _ => None,
    })
}

fn is_kustomization_object(document: &Document) -> bool {
    top_value(document, "kind").is_some_and(|kind| kind == "Kustomization" || kind == "Component")
        && top_value(document, "apiVersion")
            .is_some_and(|version| version.starts_with("kustomize.config.k8s.io/"))
}

/// Which identifying field a path inside an object is.
fn identity_field(path: &[String]) -> Option<&'static str> {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["apiVersion"] => Some("apiVersion"),
        ["kind"] => Some("kind"),
        ["metadata", "name"] => Some("name"),
        ["metadata", "namespace"] => Some("namespace"),
        _ => None,
    }
}

/// The identifying fields of the object at a path, as they stand in the file.
fn identity(document: &Document, object: &[String]) -> Identity {
    let mut identity = Identity::new();
    for piece in &document.pieces {
        let Piece::Scalar(scalar) = piece else {
            continue;
        };
        if scalar.role != Role::Value || scalar.duplicate || !scalar.path.starts_with(object) {
            continue;
        }
        if let Some(field) = identity_field(&scalar.path[object.len()..]) {
            identity.insert(field, scalar.value.clone());
        }
    }
    identity
}

//! One file: markers, edits, change records.

use std::collections::HashSet;
use std::ops::Range;

use super::comments::{Placed, place};
use super::documents::{Unfit, UnfitKind, documents};
use super::edit::{Edit, edit, token_start};
use super::lines::Lines;
use super::marker::{Marker, MarkerState, Reading, read as read_comment};
use super::nodes::{Document, Piece, Place, Scalar, read};
use super::outcome::{FileOutcome, Refusal};
use super::proof;
use super::records::{Change, Records};
use super::table::{Lookup, Part, SetterTable};
use crate::key::TreePath;
use crate::splice::Patch;

/// Looks for markers in a file and works out its edits.
pub fn scan_file(path: &TreePath, bytes: &[u8], table: &SetterTable) -> FileOutcome {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let lossy = String::from_utf8_lossy(bytes);
            let unfit = Unfit::unreadable(error.valid_up_to(), "the file is not UTF-8");
            return refused(&Lines::new(&lossy), unfit, markers_by_line(&lossy));
        }
    };
    let mut file = File {
        text,
        table,
        kustomization: is_kustomization(path),
        lines: Lines::new(text),
        markers: Vec::new(),
        edits: Vec::new(),
        records: Records::default(),
    };
    match file.scan().and_then(|()| file.patch()) {
        Ok(edits) => file.finish(edits),
        Err(unfit) if unfit.kind == UnfitKind::Unproven => {
            let markers = file.refused_markers();
            refused(&file.lines, unfit, markers)
        }
        Err(unfit) => refused(&file.lines, unfit, markers_by_line(text)),
    }
}

/// The outcome of a file that is not edited: its markers are still named.
fn refused(lines: &Lines<'_>, unfit: Unfit, markers: Vec<Marker>) -> FileOutcome {
    let (line, column) = lines.position(unfit.at);
    FileOutcome {
        markers,
        refusal: Some(Refusal {
            line,
            column,
            unproven: unfit.kind == UnfitKind::Unproven,
            reason: unfit.reason,
        }),
        ..FileOutcome::default()
    }
}

/// The markers of a file that cannot be parsed, as far as its lines show them.
fn markers_by_line(text: &str) -> Vec<Marker> {
    let mut markers = Vec::new();
    for (index, line) in text.lines().enumerate() {
        // A '#' inside a value is no comment, but a marker may follow it.
        let found =
            line.match_indices('#')
                .find_map(|(start, _)| match read_comment(&line[start..]) {
                    Reading::Nothing => None,
                    Reading::Setter(setter) | Reading::Malformed(setter) => Some((start, setter)),
                });
        if let Some((start, setter)) = found {
            let column = line[..start].chars().count() + 1;
            let state = MarkerState::UnreadableFile;
            markers.push(Marker::new((index + 1, column), setter, state));
        }
    }
    markers
}

fn is_kustomization(path: &TreePath) -> bool {
    matches!(
        path.file_name(),
        "kustomization.yaml" | "kustomization.yml" | "Kustomization"
    )
}

/// A marker and the scalar it marks.
struct Marked {
    comment: Range<usize>,
    setter: String,
    scalar: usize,
}

/// A file under work.
struct File<'t> {
    text: &'t str,
    table: &'t SetterTable,
    kustomization: bool,
    lines: Lines<'t>,
    /// With the byte that each stands at.
    markers: Vec<(usize, Marker)>,
    edits: Vec<Edit>,
    records: Records,
}

impl File<'_> {
    fn scan(&mut self) -> Result<(), Unfit> {
        let ranges = documents(self.text)?;
        let mut parsed = Vec::with_capacity(ranges.len());
        for range in &ranges {
            parsed.push(read(self.text, range)?);
        }
        let single = ranges.len() == 1;
        for (index, (document, range)) in parsed.iter().zip(&ranges).enumerate() {
            let first = self.edits.len();
            self.document((index, document), single)?;
            self.unplaced_comments(document, range);
            self.edits[first..].sort_by_key(|edit| edit.range.start);
            proof::prove(self.text, document, range, &self.edits[first..])?;
        }
        Ok(())
    }

    fn document(
        &mut self,
        (index, document): (usize, &Document<'_>),
        single: bool,
    ) -> Result<(), Unfit> {
        self.records.next_document();
        let marked = self.marked(document);
        if marked.is_empty() {
            return Ok(());
        }
        let scope = ObjectScope::of(document, single);
        let repeated = repeated_keys(document, &marked);
        for Marked {
            comment,
            setter,
            scalar: piece,
        } in marked
        {
            let Some(scalar) = document.scalar(piece) else {
                continue;
            };
            let ancestors = document.ancestors(scalar.collection);
            let places = ancestors
                .iter()
                .map(|collection| document.collections[*collection].place)
                .chain([scalar.place]);
            // Of two keys of one text the controllers look at the first only.
            let hidden = places.into_iter().any(
                |place| matches!(place, Place::Value { key: Some(key) } if repeated.contains(&key)),
            );
            match scope.object_of(document, &ancestors) {
                Some(object) if !hidden => {
                    let target = Target {
                        document,
                        scalar,
                        ancestors: &ancestors,
                        place: (index, piece),
                    };
                    self.marked_scalar(&target, setter, object)?;
                }
                _ => self.note(comment.start, setter, MarkerState::Misplaced),
            }
        }
        Ok(())
    }

    /// Markers that mark a scalar, in the order of the scalars; the others are noted on the way.
    fn marked(&mut self, document: &Document<'_>) -> Vec<Marked> {
        let mut marked = Vec::new();
        for Placed { comment, scalar } in place(self.text, document) {
            match (read_comment(&self.text[comment.clone()]), scalar) {
                (Reading::Nothing, _) => {}
                (Reading::Malformed(text), _) => {
                    self.note(comment.start, text, MarkerState::Malformed);
                }
                (Reading::Setter(setter), Some(scalar)) => marked.push(Marked {
                    comment,
                    setter,
                    scalar,
                }),
                (Reading::Setter(setter), None) => {
                    let state = match self.table.look_up(&setter) {
                        Lookup::Malformed => MarkerState::Malformed,
                        _ => MarkerState::Misplaced,
                    };
                    self.note(comment.start, setter, state);
                }
            }
        }
        marked.sort_by_key(|marked| marked.scalar);
        marked
    }

    fn note(&mut self, at: usize, setter: String, state: MarkerState) {
        let marker = Marker::new(self.lines.position(at), setter, state);
        self.markers.push((at, marker));
    }

    /// Works out what becomes of a scalar.
    fn marked_scalar(
        &mut self,
        target: &Target<'_, '_>,
        setter: String,
        object: usize,
    ) -> Result<(), Unfit> {
        let scalar = target.scalar;
        let at = token_start(self.text, scalar);
        let mut marker = Marker::new(self.lines.position(at), setter, MarkerState::Current);
        marker.old = Some(scalar.value.clone().into_owned());
        match self.table.look_up(&marker.setter) {
            Lookup::Value(value, part) => {
                marker.new = Some(value.to_owned());
                let right = (part == Part::Image)
                    .then(|| self.right_kustomization_part(target))
                    .flatten();
                if let Some(right) = right {
                    marker.state = MarkerState::WrongKustomizationMarker;
                    marker.right = Some(format!("{}:{right}", marker.setter));
                } else if scalar.value != value {
                    marker.state = MarkerState::Updated;
                    self.change(target, &marker.setter, value, object)?;
                }
            }
            Lookup::NoDigest => marker.state = MarkerState::NoDigest,
            Lookup::Undecided => marker.state = MarkerState::PolicyNotReady,
            Lookup::AheadOfCluster => marker.state = MarkerState::AheadOfCluster,
            Lookup::NotSelected => marker.state = MarkerState::PolicyNotSelected,
            Lookup::OtherNamespace => marker.state = MarkerState::OtherNamespace,
            Lookup::Unknown => marker.state = MarkerState::UnknownPolicy,
            Lookup::Malformed => marker.state = MarkerState::Malformed,
        }
        self.markers.push((at, marker));
        Ok(())
    }

    /// Gives a scalar a new value.
    fn change(
        &mut self,
        target: &Target<'_, '_>,
        setter: &str,
        value: &str,
        object: usize,
    ) -> Result<(), Unfit> {
        let scalar = target.scalar;
        let edit = edit(self.text, scalar, target.place, value).ok_or_else(|| {
            Unfit::unproven(
                scalar.range.start,
                "where the marked value begins and ends cannot be made out",
            )
        })?;
        self.edits.push(edit);
        let change = Change {
            setter: setter.to_owned(),
            old: scalar.value.clone().into_owned(),
            new: value.to_owned(),
        };
        self.records.add(target.document, object, scalar, change);
        Ok(())
    }

    /// For `images[].newName`, `newTag` and `digest` of a kustomization, the suffix that fits.
    fn right_kustomization_part(&self, target: &Target<'_, '_>) -> Option<&'static str> {
        let document = target.document;
        let [_, images, _] = target.ancestors else {
            return None;
        };
        if document.key(document.collections[*images].place) != Some("images")
            || !(self.kustomization || is_kustomization_object(document))
        {
            return None;
        }
        match document.key(target.scalar.place)? {
            "newName" => Some("name"),
            "newTag" => Some("tag"),
            "digest" => Some("digest"),
            _ => None,
        }
    }

    /// Markers in comments that the parser did not hand over, behind the document's end.
    fn unplaced_comments(&mut self, document: &Document<'_>, range: &Range<usize>) {
        let mut known: Vec<usize> = Vec::new();
        let mut from = range.start;
        for piece in &document.pieces {
            match piece {
                Piece::Comment(comment) => {
                    known.push(comment.start);
                    from = from.max(comment.start);
                }
                Piece::Scalar(Scalar { range, .. }) | Piece::End(range) | Piece::Alias(range) => {
                    from = from.max(range.end);
                }
                Piece::Start(_) => {}
            }
        }
        known.sort_unstable();
        let tail = &self.text[from.min(range.end)..range.end];
        let found: Vec<(usize, String)> = tail
            .match_indices('#')
            .map(|(at, _)| (range.end - tail.len() + at, &tail[at..]))
            .filter(|(start, _)| known.binary_search(start).is_err())
            .filter_map(|(start, rest)| {
                let line = rest.lines().next().unwrap_or_default();
                match read_comment(line) {
                    Reading::Setter(setter) => Some((start, setter)),
                    Reading::Malformed(_) | Reading::Nothing => None,
                }
            })
            .collect();
        for (start, setter) in found {
            self.note(start, setter, MarkerState::Misplaced);
        }
    }

    /// The markers of a file whose edits are refused.
    fn refused_markers(&mut self) -> Vec<Marker> {
        let mut markers = self.sorted_markers();
        for marker in &mut markers {
            if marker.state == MarkerState::Updated {
                marker.state = MarkerState::EditRefused;
            }
        }
        markers
    }

    fn sorted_markers(&mut self) -> Vec<Marker> {
        let mut markers = std::mem::take(&mut self.markers);
        markers.sort_by_key(|(at, _)| *at);
        markers.into_iter().map(|(_, marker)| marker).collect()
    }

    /// The edits of all documents together.
    fn patch(&self) -> Result<Option<Patch>, Unfit> {
        let Some(first) = self.edits.first() else {
            return Ok(None);
        };
        let splices = self.edits.iter().map(|edit| edit.splice(self.text));
        let patch = Patch::new(self.text.as_bytes(), splices.collect());
        let overlap = || Unfit::unproven(first.range.start, "the edits overlap");
        patch.ok_or_else(overlap).map(Some)
    }

    fn finish(mut self, patch: Option<Patch>) -> FileOutcome {
        FileOutcome {
            markers: self.sorted_markers(),
            changes: self.records.finish(),
            refusal: None,
            patch,
        }
    }
}

/// A marked scalar in its document.
struct Target<'d, 't> {
    document: &'d Document<'t>,
    scalar: &'d Scalar<'t>,
    /// The collections that it is in, the outermost first.
    ancestors: &'d [usize],
    /// Its document in the file, and its place among the document's pieces.
    place: (usize, usize),
}

/// Keys, by place, that stand in their mapping a second time. Only the mappings around marked
/// scalars are looked at.
fn repeated_keys(document: &Document<'_>, marked: &[Marked]) -> HashSet<usize> {
    let mut around = vec![false; document.collections.len()];
    for marked in marked {
        let mut next = document
            .scalar(marked.scalar)
            .and_then(|scalar| scalar.collection);
        while let Some(collection) = next {
            if std::mem::replace(&mut around[collection], true) {
                break;
            }
            next = document.collections[collection].parent;
        }
    }
    let mut seen = HashSet::new();
    document
        .scalars()
        .filter_map(|(piece, scalar)| {
            let collection = scalar.collection.filter(|collection| around[*collection])?;
            let repeated = scalar.place == Place::Key && !seen.insert((collection, &*scalar.value));
            repeated.then_some(piece)
        })
        .collect()
}

/// Where objects are inside a document: the document itself, or the items of a list that is the
/// file's only document.
enum ObjectScope {
    Document,
    Items,
}

impl ObjectScope {
    fn of(document: &Document<'_>, single: bool) -> Self {
        let list = matches!(document.top_value("kind"), Some("List" | "ResourceList"));
        let is_wrapped = || {
            document.scalars().any(|(_, scalar)| {
                scalar.place == Place::Key
                    && scalar.collection == Some(0)
                    && matches!(&*scalar.value, "items" | "functionConfig")
            })
        };
        if single && list && is_wrapped() {
            Self::Items
        } else {
            Self::Document
        }
    }

    /// The object, by its collection, that a scalar in these collections belongs to; of a list only
    /// the items are looked at.
    fn object_of(&self, document: &Document<'_>, ancestors: &[usize]) -> Option<usize> {
        match (self, ancestors) {
            (Self::Document, [root, ..]) => Some(*root),
            // An item that is a scalar is an object without a name.
            (Self::Items, [_, items, rest @ ..]) => {
                let key = document.key(document.collections[*items].place);
                (key == Some("items")).then_some(*rest.first().unwrap_or(items))
            }
            (Self::Document | Self::Items, _) => None,
        }
    }
}

fn is_kustomization_object(document: &Document<'_>) -> bool {
    matches!(
        document.top_value("kind"),
        Some("Kustomization" | "Component")
    ) && document
        .top_value("apiVersion")
        .is_some_and(|version| version.starts_with("kustomize.config.k8s.io/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setters::{SetterPolicy, SetterState};

    fn scan(text: &str) -> FileOutcome {
        let state = SetterState::Ready {
            name: "app".to_owned(),
            tag: "2".to_owned(),
            digest: String::new(),
        };
        let policy = SetterPolicy {
            namespace: "ns".to_owned(),
            name: "p".to_owned(),
            state,
        };
        let table = SetterTable::new("ns", [policy]);
        scan_file(&TreePath::clamp("a.yaml"), text.as_bytes(), &table)
    }

    #[track_caller]
    fn assert_edited(text: &str, expected: &str) {
        let outcome = scan(text);
        let after = outcome.patch.map(|patch| patch.apply(text.as_bytes()));
        let after = after.flatten().expect("an edit that fits");
        assert_eq!(String::from_utf8(after).unwrap(), expected);
        assert_eq!(scan(expected).patch, None, "a second run");
    }

    #[test]
    fn blanks_at_the_end_of_a_block_scalar_are_part_of_it() {
        for content in ["old  ", "old\t", "old\n     ", "x\n   old\t \n    "] {
            assert_edited(
                &format!("a: | # {{\"$imagepolicy\": \"ns:p\"}}\n   {content}\n\nb: c\n"),
                "a: |- # {\"$imagepolicy\": \"ns:p\"}\n   app:2\n\nb: c\n",
            );
        }
    }

    #[test]
    fn a_block_scalar_that_the_file_ends_in_has_no_line_break() {
        let outcome = scan("a: | # {\"$imagepolicy\": \"ns:p\"}\n  old");
        assert_eq!(outcome.changes[0].changes[0].old, "old");
        let outcome = scan("a: | # {\"$imagepolicy\": \"ns:p\"}\n  app:2");
        assert_eq!(outcome.patch, None);
        assert_eq!(outcome.markers[0].state, MarkerState::Current);
        let outcome = scan("a: | # {\"$imagepolicy\": \"ns:p\"}\n  old\n---\nb: c");
        assert_eq!(outcome.changes[0].changes[0].old, "old\n");
    }

    #[test]
    fn an_anchor_stays_when_the_tag_before_it_goes() {
        assert_edited(
            "a: !!float &x 1.0 # {\"$imagepolicy\": \"ns:p\"}\nb: *x\n",
            "a: &x app:2 # {\"$imagepolicy\": \"ns:p\"}\nb: *x\n",
        );
        assert_edited(
            "a: !!int &x | # {\"$imagepolicy\": \"ns:p\"}\n  1\nb: *x\n",
            "a: &x |- # {\"$imagepolicy\": \"ns:p\"}\n  app:2\nb: *x\n",
        );
    }

    #[test]
    fn items_of_a_list_are_objects_and_the_rest_of_it_is_not_looked_at() {
        let marked = "a: old # {\"$imagepolicy\": \"ns:p\"}\n";
        let states = |text: &str| {
            let markers = scan(text).markers;
            markers.iter().map(|m| m.state).collect::<Vec<_>>()
        };
        let text = format!("kind: List\n{marked}items:\n- old # {{\"$imagepolicy\": \"ns:p\"}}\n");
        assert_eq!(
            states(&text),
            [MarkerState::Misplaced, MarkerState::Updated]
        );
        let text = format!("kind: ResourceList\nfunctionConfig:\n  {marked}");
        assert_eq!(states(&text), [MarkerState::Misplaced]);
        let text = format!("kind: List\n{marked}");
        assert_eq!(states(&text), [MarkerState::Updated]);
    }

    #[test]
    fn an_object_is_named_by_its_first_keys_and_null_is_no_name() {
        let marked = "a: old # {\"$imagepolicy\": \"ns:p\"}\n";
        let object = |text: &str| scan(text).changes.remove(0);
        let found = object(&format!("kind:\nmetadata:\n  name: null\n{marked}"));
        assert_eq!((found.kind.as_str(), found.name.as_str()), ("", ""));
        let found = object(&format!(
            "metadata:\n  name: \"null\"\nmetadata: x\n{marked}"
        ));
        assert_eq!(found.name, "null");
        let outcome = scan(&format!("b: &m\n  name: x\nmetadata: *m\n{marked}"));
        let reason = outcome.refusal.expect("metadata that is an alias").reason;
        assert_eq!(reason, "metadata is no mapping");
    }
}

//! Lists of objects: flux's columns in kubectl's layout, and kubectl's machine formats.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use thiserror::Error;

use super::object_table::ObjectTable;
use crate::api::{ApiError, Kind, Summary};
use crate::output::{Format, JsonPath, Table};
use crate::yaml;

/// How a list is shown.
#[derive(Clone, Debug)]
pub struct ListOptions {
    /// Format.
    pub format: Format,
    /// A namespace column first.
    pub all_namespaces: bool,
    /// `kind/name` in the name column: more than one kind is shown.
    pub kind_prefix: bool,
    /// Header row.
    pub headers: bool,
    /// Sort by this.
    pub sort_by: Option<JsonPath>,
    /// Keep `metadata.managedFields`.
    pub managed_fields: bool,
    /// The answer is one object that was asked for by name.
    pub single: bool,
    /// Zone of times.
    pub zone: TimeZone,
    /// Now, for ages.
    pub now: Timestamp,
}

/// Objects of one kind on their way to an answer, held only as far as the format needs them.
#[derive(Clone, Debug)]
pub struct Listing {
    kind: Kind,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Table(ObjectTable),
    Names(String),
    Objects(Vec<Value>),
}

impl Listing {
    /// A listing without objects.
    pub fn new(kind: Kind, options: &ListOptions) -> Self {
        let content = match &options.format {
            // Sorting looks at fields that no column shows.
            _ if options.sort_by.is_some() => Content::Objects(Vec::new()),
            Format::Human | Format::Wide => Content::Table(ObjectTable::new(kind, options)),
            Format::Name => Content::Names(String::new()),
            _ => Content::Objects(Vec::new()),
        };
        Self { kind, content }
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        match &self.content {
            Content::Table(table) => table.is_empty(),
            Content::Names(names) => names.is_empty(),
            Content::Objects(objects) => objects.is_empty(),
        }
    }

    /// Takes the JSON text of an object, statuses included.
    pub fn take_text(&mut self, text: &[u8], options: &ListOptions) -> Result<(), ListingError> {
        match &mut self.content {
            Content::Objects(objects) => {
                let object = serde_json::from_slice(text)
                    .map_err(|source| ListingError::Json(self.kind.name(), source))?;
                objects.push(object);
            }
            _ => self.take_summary(&Summary::from_text(self.kind, text)?, options),
        }
        Ok(())
    }

    /// Takes an object.
    pub fn take(&mut self, object: Value, options: &ListOptions) -> Result<(), ListingError> {
        match &mut self.content {
            Content::Objects(objects) => objects.push(object),
            _ => self.take_summary(&Summary::from_value(self.kind, &object)?, options),
        }
        Ok(())
    }

    fn take_summary(&mut self, summary: &Summary<'_>, options: &ListOptions) {
        match &mut self.content {
            Content::Table(table) => table.push(summary, options),
            Content::Names(names) => {
                *names += &name_line(self.kind, summary.metadata.name.as_str());
            }
            Content::Objects(_) => {}
        }
    }

    /// An empty listing whose table stands below this one's when it is printed later.
    #[must_use]
    pub fn continued(&self) -> Self {
        let content = match &self.content {
            Content::Table(table) => Content::Table(table.continued()),
            Content::Names(_) => Content::Names(String::new()),
            Content::Objects(_) => Content::Objects(Vec::new()),
        };
        Self {
            kind: self.kind,
            content,
        }
    }
}

/// Why an object cannot be shown.
#[derive(Debug, Error)]
pub enum ListingError {
    /// It has another shape than its kind.
    #[error(transparent)]
    Shape(#[from] ApiError),
    /// It is no JSON.
    #[error("an object of kind {0} cannot be read")]
    Json(&'static str, #[source] serde_json::Error),
}

fn name_line(kind: Kind, name: &str) -> String {
    format!("{}.{}/{name}\n", kind.singular(), kind.group())
}

/// Hands over the text of a list in pieces.
pub fn render_list(
    listings: Vec<Listing>,
    options: &ListOptions,
    sink: &mut dyn FnMut(&str),
) -> Result<(), ListingError> {
    let mut listings = listings;
    if let Some(path) = &options.sort_by {
        for listing in &mut listings {
            listing.sort(path, options)?;
        }
    }
    match &options.format {
        Format::Human | Format::Wide => {
            let mut is_first = true;
            for listing in &listings {
                if let Content::Table(table) = &listing.content
                    && !table.is_empty()
                {
                    if !is_first {
                        sink("\n");
                    }
                    is_first = false;
                    table.render_to(options.headers, sink);
                }
            }
        }
        Format::Name => {
            for listing in &listings {
                if let Content::Names(names) = &listing.content {
                    sink(names);
                }
            }
        }
        Format::Json => {
            let text = serde_json::to_string_pretty(&document(listings, options));
            sink(&text.map(|text| text + "\n").unwrap_or_default());
        }
        Format::Yaml => sink(&yaml::print(&document(listings, options))),
        Format::JsonPath(path) => sink(&path.render(&document(listings, options))),
        Format::CustomColumns(columns) => {
            let mut table = Table::new(columns.iter().map(|(header, _)| header.as_str()));
            for object in objects(&listings) {
                table.row(columns.iter().map(|(_, path)| custom_cell(path, object)));
            }
            table.render_to(options.headers, sink);
        }
    }
    Ok(())
}

impl Listing {
    /// Sorts whole objects, and takes from them what the format shows.
    fn sort(&mut self, path: &JsonPath, options: &ListOptions) -> Result<(), ListingError> {
        let Content::Objects(objects) = &mut self.content else {
            return Ok(());
        };
        sort(objects, path);
        let unsorted = ListOptions {
            sort_by: None,
            ..options.clone()
        };
        let mut sorted = Self::new(self.kind, &unsorted);
        for object in std::mem::take(objects) {
            sorted.take(object, &unsorted)?;
        }
        *self = sorted;
        Ok(())
    }
}

fn objects(listings: &[Listing]) -> impl Iterator<Item = &Value> {
    listings.iter().flat_map(|listing| match &listing.content {
        Content::Objects(objects) => objects.as_slice(),
        _ => &[],
    })
}

/// kubectl prints `<none>` for a custom column without value, and commas between several.
fn custom_cell(path: &JsonPath, object: &Value) -> String {
    let cells: Vec<String> = path
        .find(object)
        .into_iter()
        .map(|value| match value {
            Value::String(text) => text.clone(),
            Value::Null => "<none>".to_owned(),
            value => value.to_string(),
        })
        .collect();
    if cells.is_empty() {
        "<none>".to_owned()
    } else {
        cells.join(",")
    }
}

fn sort(objects: &mut [Value], path: &JsonPath) {
    objects.sort_by(|left, right| {
        let (left, right) = (path.find(left), path.find(right));
        match (left.first(), right.first()) {
            (Some(Value::Number(left)), Some(Value::Number(right))) => left
                .as_f64()
                .partial_cmp(&right.as_f64())
                .unwrap_or(std::cmp::Ordering::Equal),
            (Some(left), Some(right)) => plain(left).cmp(&plain(right)),
            (left, right) => left.is_some().cmp(&right.is_some()),
        }
    });
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The object itself, or a `List`.
fn document(listings: Vec<Listing>, options: &ListOptions) -> Value {
    let mut objects: Vec<Value> = Vec::new();
    for listing in listings {
        if let Content::Objects(more) = listing.content {
            objects.extend(more);
        }
    }
    if !options.managed_fields {
        for object in &mut objects {
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.shift_remove("managedFields");
            }
        }
    }
    if options.single && objects.len() == 1 {
        return objects.swap_remove(0);
    }
    json!({
        "apiVersion": "v1",
        "items": objects,
        "kind": "List",
        "metadata": {"resourceVersion": ""},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(format: Format) -> ListOptions {
        ListOptions {
            format,
            all_namespaces: false,
            kind_prefix: false,
            headers: true,
            sort_by: None,
            managed_fields: false,
            single: false,
            zone: TimeZone::UTC,
            now: Timestamp::from_second(1_700_000_000).unwrap(),
        }
    }

    fn shown(options: &ListOptions) -> String {
        let mut listing = Listing::new(Kind::ImagePolicy, options);
        for object in policies() {
            listing
                .take_text(object.to_string().as_bytes(), options)
                .unwrap();
        }
        let mut text = String::new();
        render_list(vec![listing], options, &mut |piece| text.push_str(piece)).unwrap();
        text
    }

    fn policies() -> Vec<Value> {
        vec![
            json!({"metadata": {"name": "b", "namespace": "n", "managedFields": []},
                    "status": {"latestRef": {"name": "ghcr.io/a/b", "tag": "1.0.0"},
                        "conditions": [{"type": "Ready", "status": "True", "message": "ok\nmore"}]}}),
            json!({"metadata": {"name": "a", "namespace": "n"}}),
        ]
    }

    #[test]
    fn policies_show_fluxs_columns() {
        assert_eq!(
            shown(&options(Format::Human)),
            "NAME   IMAGE         TAG     READY   MESSAGE\n\
             b      ghcr.io/a/b   1.0.0   True    ok...\n\
             a                            False   waiting to be reconciled\n"
        );
    }

    #[test]
    fn names_json_and_sorting_follow_kubectl() {
        let mut options = options(Format::Name);
        options.sort_by = Some(JsonPath::parse_relaxed("metadata.name").unwrap());
        assert_eq!(
            shown(&options),
            "imagepolicy.image.toolkit.fluxcd.io/a\nimagepolicy.image.toolkit.fluxcd.io/b\n"
        );
        options.format = Format::Json;
        let list: Value = serde_json::from_str(&shown(&options)).unwrap();
        assert_eq!(list["kind"], "List");
        assert_eq!(list["items"][1]["metadata"].get("managedFields"), None);
    }

    #[test]
    fn custom_columns_mark_what_is_missing() {
        let format = Format::parse(
            "custom-columns=N:.metadata.name,T:.status.latestRef.tag",
            &[],
        );
        assert_eq!(
            shown(&options(format.unwrap())),
            "N     T\nb     1.0.0\na     <none>\n"
        );
    }
}

//! Lists of objects: flux's columns in kubectl's layout, and kubectl's machine formats.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::api::Kind;
use crate::output::{Format, JsonPath, Table, human_duration, local_time};
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

/// Objects of one kind, statuses included.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// The kind.
    pub kind: Kind,
    /// The objects.
    pub objects: Vec<Value>,
}

/// The text of a list.
pub fn render_list(mut listings: Vec<Listing>, options: &ListOptions) -> String {
    if let Some(path) = &options.sort_by {
        for listing in &mut listings {
            sort(&mut listing.objects, path);
        }
    }
    match &options.format {
        Format::Human => tables(&listings, options, false),
        Format::Wide => tables(&listings, options, true),
        Format::Name => {
            let mut text = String::new();
            for listing in &listings {
                for object in &listing.objects {
                    text.push_str(&format!(
                        "{}.{}/{}\n",
                        listing.kind.singular(),
                        listing.kind.group(),
                        field(object, "/metadata/name")
                    ));
                }
            }
            text
        }
        Format::Json => {
            let value = document(&listings, options);
            serde_json::to_string_pretty(&value)
                .map(|text| text + "\n")
                .unwrap_or_default()
        }
        Format::Yaml => yaml::print(&document(&listings, options)),
        Format::JsonPath(path) => path.render(&document(&listings, options)),
        Format::CustomColumns(columns) => {
            let mut table = Table::new(columns.iter().map(|(header, _)| header.as_str()));
            for object in listings.iter().flat_map(|listing| &listing.objects) {
                table.row(columns.iter().map(|(_, path)| custom_cell(path, object)));
            }
            table.render(options.headers)
        }
    }
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
fn document(listings: &[Listing], options: &ListOptions) -> Value {
    let mut objects: Vec<Value> = listings
        .iter()
        .flat_map(|listing| listing.objects.iter().cloned())
        .collect();
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

fn tables(listings: &[Listing], options: &ListOptions, wide: bool) -> String {
    let texts: Vec<String> = listings
        .iter()
        .filter(|listing| !listing.objects.is_empty())
        .map(|listing| table(listing, options, wide).render(options.headers))
        .collect();
    texts.join("\n")
}

fn table(listing: &Listing, options: &ListOptions, wide: bool) -> Table {
    let mut headers = Vec::new();
    if options.all_namespaces {
        headers.push("NAMESPACE");
    }
    headers.extend(match listing.kind {
        Kind::ImageRepository => vec!["NAME", "LAST-SCAN", "SUSPENDED", "READY", "MESSAGE"],
        Kind::ImageUpdateAutomation => vec!["NAME", "LAST-RUN", "SUSPENDED", "READY", "MESSAGE"],
        _ => vec!["NAME", "IMAGE", "TAG", "READY", "MESSAGE"],
    });
    if wide {
        headers.extend(match listing.kind {
            Kind::ImageRepository => vec!["IMAGE", "TAGS"],
            Kind::ImageUpdateAutomation => vec!["LAST-COMMIT", "REVISION"],
            _ => vec!["DIGEST", "PREVIOUS", "SUSPENDED"],
        });
        headers.push("AGE");
    }
    let mut table = Table::new(headers);
    for object in &listing.objects {
        table.row(row(listing.kind, object, options, wide));
    }
    table
}

fn row(kind: Kind, object: &Value, options: &ListOptions, wide: bool) -> Vec<String> {
    let mut cells = Vec::new();
    if options.all_namespaces {
        cells.push(field(object, "/metadata/namespace"));
    }
    let name = field(object, "/metadata/name");
    cells.push(if options.kind_prefix {
        format!("{}/{name}", kind.singular())
    } else {
        name
    });
    let (ready, message) = ready(object);
    let suspended = title(object.pointer("/spec/suspend") == Some(&Value::Bool(true)));
    let time = |pointer: &str| local_time(&field(object, pointer), &options.zone);
    match kind {
        Kind::ImageRepository => {
            cells.push(time("/status/lastScanResult/scanTime"));
            cells.push(suspended.clone());
        }
        Kind::ImageUpdateAutomation => {
            cells.push(time("/status/lastAutomationRunTime"));
            cells.push(suspended.clone());
        }
        _ => {
            cells.push(field(object, "/status/latestRef/name"));
            cells.push(field(object, "/status/latestRef/tag"));
        }
    }
    cells.push(ready);
    cells.push(message);
    if wide {
        match kind {
            Kind::ImageRepository => {
                cells.push(field(object, "/spec/image"));
                cells.push(field(object, "/status/lastScanResult/tagCount"));
            }
            Kind::ImageUpdateAutomation => {
                let commit = field(object, "/status/lastPushCommit");
                cells.push(commit.chars().take(7).collect());
                cells.push(field(object, "/status/observedSourceRevision"));
            }
            _ => {
                cells.push(field(object, "/status/latestRef/digest"));
                cells.push(field(object, "/status/observedPreviousRef/tag"));
                cells.push(suspended);
            }
        }
        cells.push(age(object, options.now));
        // kubectl marks what is missing; the narrow table keeps flux's empty cells.
        for cell in &mut cells {
            if cell.is_empty() {
                "<none>".clone_into(cell);
            }
        }
    }
    cells
}

fn age(object: &Value, now: Timestamp) -> String {
    match field(object, "/metadata/creationTimestamp").parse::<Timestamp>() {
        Ok(created) => human_duration(created, now),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// Status and message of the Ready condition; flux's words when there is none.
fn ready(object: &Value) -> (String, String) {
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let ready = conditions.and_then(|conditions| {
        conditions
            .iter()
            .find(|condition| condition["type"] == "Ready")
    });
    match ready {
        Some(ready) => (field(ready, "/status"), field(ready, "/message")),
        None => ("False".to_owned(), "waiting to be reconciled".to_owned()),
    }
}

fn field(object: &Value, pointer: &str) -> String {
    match object.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(value) => plain(value),
    }
}

fn title(value: bool) -> String {
    if value {
        "True".to_owned()
    } else {
        "False".to_owned()
    }
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

    fn policies() -> Vec<Listing> {
        vec![Listing {
            kind: Kind::ImagePolicy,
            objects: vec![
                json!({"metadata": {"name": "b", "namespace": "n", "managedFields": []},
                    "status": {"latestRef": {"name": "ghcr.io/a/b", "tag": "1.0.0"},
                        "conditions": [{"type": "Ready", "status": "True", "message": "ok\nmore"}]}}),
                json!({"metadata": {"name": "a", "namespace": "n"}}),
            ],
        }]
    }

    #[test]
    fn policies_show_fluxs_columns() {
        assert_eq!(
            render_list(policies(), &options(Format::Human)),
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
            render_list(policies(), &options),
            "imagepolicy.image.toolkit.fluxcd.io/a\nimagepolicy.image.toolkit.fluxcd.io/b\n"
        );
        options.format = Format::Json;
        let list: Value = serde_json::from_str(&render_list(policies(), &options)).unwrap();
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
            render_list(policies(), &options(format.unwrap())),
            "N     T\nb     1.0.0\na     <none>\n"
        );
    }
}

//! A table of objects of one kind: flux's columns in kubectl's layout.

use jiff::Timestamp;

use super::objects::ListOptions;
use crate::api::{Kind, Summary};
use crate::output::{Format, Table, human_duration, local_time};

/// Rows of one kind.
#[derive(Clone, Debug)]
pub(super) struct ObjectTable {
    kind: Kind,
    is_wide: bool,
    table: Table,
}

impl ObjectTable {
    /// A table without rows.
    pub(super) fn new(kind: Kind, options: &ListOptions) -> Self {
        let is_wide = options.format == Format::Wide;
        let mut headers = Vec::new();
        if options.all_namespaces {
            headers.push("NAMESPACE");
        }
        headers.extend(match kind {
            Kind::ImageRepository => ["NAME", "LAST-SCAN", "SUSPENDED", "READY", "MESSAGE"],
            Kind::ImageUpdateAutomation => ["NAME", "LAST-RUN", "SUSPENDED", "READY", "MESSAGE"],
            _ => ["NAME", "IMAGE", "TAG", "READY", "MESSAGE"],
        });
        if is_wide {
            headers.extend(match kind {
                Kind::ImageRepository => ["IMAGE", "TAGS"].as_slice(),
                Kind::ImageUpdateAutomation => &["LAST-COMMIT", "REVISION"],
                _ => &["DIGEST", "PREVIOUS", "SUSPENDED"],
            });
            headers.push("AGE");
        }
        Self {
            kind,
            is_wide,
            table: Table::new(headers),
        }
    }

    /// Whether there is no row.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Hands over the lines in pieces.
    pub(super) fn render_to(&self, headers: bool, sink: &mut dyn FnMut(&str)) {
        self.table.render_to(headers, sink);
    }

    /// A table without rows whose columns are as wide as this one's.
    pub(super) fn continued(&self) -> Self {
        Self {
            table: self.table.continued(),
            ..*self
        }
    }

    /// Adds the row of an object.
    pub(super) fn push(&mut self, object: &Summary<'_>, options: &ListOptions) {
        let (metadata, status) = (&object.metadata, &object.status);
        let name = metadata.name.as_str();
        let prefixed;
        let name = if options.kind_prefix {
            prefixed = format!("{}/{name}", self.kind.singular());
            &prefixed
        } else {
            name
        };
        // flux's words for an object that no controller has looked at.
        let (ready, message) = match object.condition("Ready") {
            Some(ready) => (ready.status.as_str(), ready.message.as_str()),
            None => ("False", "waiting to be reconciled"),
        };
        let suspended = if object.spec.suspend { "True" } else { "False" };
        let (image, tag, digest) = object.chosen();
        let time;
        let own = match self.kind {
            Kind::ImageRepository => {
                time = local_time(status.last_scan_result.scan_time.as_str(), &options.zone);
                [time.as_str(), suspended]
            }
            Kind::ImageUpdateAutomation => {
                time = local_time(status.last_automation_run_time.as_str(), &options.zone);
                [time.as_str(), suspended]
            }
            _ => [image, tag],
        };
        let namespace = options.all_namespaces.then(|| metadata.namespace.as_str());
        let narrow = namespace
            .into_iter()
            .chain([name])
            .chain(own)
            .chain([ready, message]);
        if !self.is_wide {
            self.table.row(narrow);
            return;
        }
        let commit = status.last_push_commit.as_str();
        let further = match self.kind {
            Kind::ImageRepository => [
                object.spec.image.as_str(),
                status.last_scan_result.tag_count.as_str(),
            ]
            .to_vec(),
            Kind::ImageUpdateAutomation => [
                commit.get(..7).unwrap_or(commit),
                status.observed_source_revision.as_str(),
            ]
            .to_vec(),
            _ => [digest, status.observed_previous_ref.tag.as_str(), suspended].to_vec(),
        };
        let age = age(metadata.creation_timestamp.as_str(), options.now);
        // kubectl marks what is missing; the narrow table keeps flux's empty cells.
        let marked = |cell| if cell == "" { "<none>" } else { cell };
        let cells = narrow.chain(further).chain([age.as_str()]);
        self.table.row(cells.map(marked));
    }
}

fn age(created: &str, now: Timestamp) -> String {
    match created.parse::<Timestamp>() {
        Ok(created) => human_duration(created, now),
        Err(_) => "<unknown>".to_owned(),
    }
}

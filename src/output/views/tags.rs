//! Tags with their verdicts.
//!
//! Lists may hold 100,000 tags, so names and JSON are handed over in pieces and never held whole.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::model::TagReport;
use crate::output::{Format, Table, sanitize_line};
use crate::policy::{Row, Verdict};
use crate::yaml;

/// Bytes of a piece.
const PIECE: usize = 1 << 16;

/// How tags are shown.
#[derive(Clone, Debug, Default)]
pub struct TagsOptions {
    /// Format.
    pub format: Format,
    /// Header row.
    pub headers: bool,
    /// Only the chosen tags.
    pub selected_only: bool,
    /// The answer is a list of reports even when there is one: nobody asked for a certain object.
    pub several: bool,
    /// Standard output is a terminal, which must not see control characters.
    pub terminal: bool,
}

/// Hands the answer over, piece by piece.
pub fn render_tags(reports: &[TagReport<'_>], options: &TagsOptions, sink: &mut dyn FnMut(&[u8])) {
    match &options.format {
        Format::Name => names(reports, options, sink),
        Format::Json => documents(reports, options, sink),
        Format::Human => sink(table(reports, options, false).as_bytes()),
        Format::Wide => sink(table(reports, options, true).as_bytes()),
        Format::Yaml => sink(yaml::print(&value(reports, options)).as_bytes()),
        Format::JsonPath(path) => sink(path.render(&value(reports, options)).as_bytes()),
        Format::CustomColumns(columns) => {
            let mut table = Table::new(columns.iter().map(|(header, _)| header.as_str()));
            for report in reports {
                each_row(report, options, &mut |row| {
                    let value = row_value(&row);
                    table.row(
                        columns
                            .iter()
                            .map(|(_, path)| match path.find(&value).first() {
                                Some(Value::String(text)) => text.clone(),
                                None | Some(Value::Null) => "<none>".to_owned(),
                                Some(value) => value.to_string(),
                            }),
                    );
                });
            }
            sink(table.render(options.headers).as_bytes());
        }
    }
}

fn each_row(report: &TagReport<'_>, options: &TagsOptions, visit: &mut dyn FnMut(Row<'_>)) {
    if options.selected_only {
        report.selected_row().into_iter().for_each(visit);
    } else {
        report.each_row(visit);
    }
}

fn names(reports: &[TagReport<'_>], options: &TagsOptions, sink: &mut dyn FnMut(&[u8])) {
    let mut piece = String::new();
    for report in reports {
        each_row(report, options, &mut |row| {
            if options.terminal {
                piece.push_str(&sanitize_line(row.tag));
            } else {
                piece.push_str(row.tag);
            }
            piece.push('\n');
            if piece.len() > PIECE {
                sink(piece.as_bytes());
                piece.clear();
            }
        });
    }
    sink(piece.as_bytes());
}

fn table(reports: &[TagReport<'_>], options: &TagsOptions, wide: bool) -> String {
    let several = options.several && reports.len() > 1;
    let mut headers = vec!["TAG", "RANK", "VERDICT", "REASON"];
    if several {
        headers.insert(0, "POLICY");
    }
    if wide {
        headers.push("ITEM");
    }
    let mut table = Table::new(headers);
    for report in reports {
        let policy = report.policy.as_ref().map(ToString::to_string);
        each_row(report, options, &mut |row| {
            let mut cells = vec![
                row.tag.to_owned(),
                row.verdict
                    .rank()
                    .map_or_else(String::new, |rank| rank.to_string()),
                row.verdict.code().to_owned(),
                row.verdict.to_string(),
            ];
            if several {
                cells.insert(0, policy.clone().unwrap_or_default());
            }
            if wide {
                cells.push(row.item.to_owned());
            }
            table.row(cells);
        });
    }
    table.render(options.headers)
}

fn row_value(row: &Row<'_>) -> Value {
    json!({
        "tag": row.tag,
        "verdict": row.verdict.code(),
        "reason": row.verdict.to_string(),
        "rank": row.verdict.rank(),
    })
}

fn value(reports: &[TagReport<'_>], options: &TagsOptions) -> Value {
    let mut values: Vec<Value> = reports
        .iter()
        .map(|report| {
            let mut tags = Vec::new();
            each_row(report, options, &mut |row| tags.push(row_value(&row)));
            json!({
                "policy": report.policy.as_ref().map(ToString::to_string),
                "selected": report.selected(),
                "tags": tags,
            })
        })
        .collect();
    match values.pop() {
        Some(value) if values.is_empty() => value,
        last => {
            values.extend(last);
            json!({"items": values})
        }
    }
}

/// The same value as JSON text, written row by row.
fn documents(reports: &[TagReport<'_>], options: &TagsOptions, sink: &mut dyn FnMut(&[u8])) {
    let mut writer = JsonWriter {
        piece: Vec::with_capacity(PIECE + PIECE / 4),
        reason: Reason::default(),
        sink,
    };
    let single = reports.len() == 1;
    let indent = if single { "" } else { "    " };
    if !single {
        writer.text("{\n  \"items\": [");
    }
    for (index, report) in reports.iter().enumerate() {
        if !single {
            writer.text(if index > 0 { ",\n    " } else { "\n    " });
        }
        writer.report(report, options, indent);
    }
    if !single {
        writer.text(if reports.is_empty() {
            "]\n}"
        } else {
            "\n  ]\n}"
        });
    }
    writer.text("\n");
    writer.flush();
}

struct JsonWriter<'s> {
    piece: Vec<u8>,
    reason: Reason,
    sink: &'s mut dyn FnMut(&[u8]),
}

/// The reason of the last row, which the next one often shares.
#[derive(Default)]
struct Reason {
    code: &'static str,
    subject: Option<String>,
    text: String,
    json: Vec<u8>,
}

impl Reason {
    /// The reason as a JSON string.
    fn json(&mut self, verdict: &Verdict<'_>) -> &[u8] {
        let subject = verdict.shared_subject();
        let shared = subject.is_some() && subject == self.subject.as_deref();
        if !(shared && self.code == verdict.code()) {
            self.code = verdict.code();
            self.subject = subject.map(str::to_owned);
            self.text.clear();
            let _ = write!(self.text, "{verdict}");
            self.json.clear();
            write_string(&self.text, &mut self.json);
        }
        &self.json
    }
}

/// Appends a text as a JSON string. Nearly all can stand there as they are, which is found out without
/// a branch for each byte.
fn write_string(text: &str, json: &mut Vec<u8>) {
    let escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    if text.bytes().fold(false, |any, byte| any | escaped(byte)) {
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(json, text);
    } else {
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    }
}

impl JsonWriter<'_> {
    fn text(&mut self, text: &str) {
        self.piece.extend_from_slice(text.as_bytes());
    }

    fn string(&mut self, text: &str) {
        write_string(text, &mut self.piece);
    }

    fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.text("null"),
        }
    }

    fn flush(&mut self) {
        (self.sink)(&self.piece);
        self.piece.clear();
    }

    fn report(&mut self, report: &TagReport<'_>, options: &TagsOptions, indent: &str) {
        let policy = report.policy.as_ref().map(ToString::to_string);
        self.text("{\n");
        self.text(indent);
        self.text("  \"policy\": ");
        self.optional(policy.as_deref());
        self.text(",\n");
        self.text(indent);
        self.text("  \"selected\": ");
        self.optional(report.selected());
        self.text(",\n");
        self.text(indent);
        self.text("  \"tags\": [");
        let mut first = true;
        each_row(report, options, &mut |row| {
            self.text(if std::mem::take(&mut first) {
                "\n"
            } else {
                ",\n"
            });
            self.row(&row, indent);
            if self.piece.len() > PIECE {
                self.flush();
            }
        });
        if !first {
            self.text("\n");
            self.text(indent);
            self.text("  ");
        }
        self.text("]\n");
        self.text(indent);
        self.text("}");
    }

    /// One line for each tag: readable, and small enough for long lists.
    fn row(&mut self, row: &Row<'_>, indent: &str) {
        self.text(indent);
        self.text("    {\"tag\": ");
        self.string(row.tag);
        self.text(", \"verdict\": \"");
        self.text(row.verdict.code());
        self.text("\", \"reason\": ");
        self.piece.extend_from_slice(self.reason.json(&row.verdict));
        self.text(", \"rank\": ");
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut self.piece, &row.verdict.rank());
        self.text("}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ImagePolicySpec, OrderChoice, SemverChoice};
    use crate::key::NamespacedName;
    use crate::policy::{Exclusion, Policy};

    fn report() -> TagReport<'static> {
        let mut spec = ImagePolicySpec::default();
        spec.policy.semver = Some(SemverChoice {
            range: ">=1.0.0".to_owned(),
        });
        let rules = Policy::new(&spec).unwrap();
        let kept = vec!["1.0.0", "0.9.0", "1.2.0", "\"odd\u{1b}\""];
        TagReport {
            policy: Some(NamespacedName::new("apps", "p")),
            selection: Some(rules.select_unsorted(&kept)),
            rules: Some(rules),
            exclusion: Some(Exclusion::new(&[]).unwrap()),
            excluded: vec![("sha256-0.sig", 0)],
            kept,
            ..TagReport::default()
        }
    }

    /// Two policies for a list with an empty tag: one chooses it, for the other it is no number.
    fn reports_on_an_empty_tag() -> Vec<TagReport<'static>> {
        let least = Some(OrderChoice {
            order: Some("DESC".to_owned()),
        });
        let mut by_bytes = ImagePolicySpec::default();
        by_bytes.policy.alphabetical.clone_from(&least);
        let mut by_number = ImagePolicySpec::default();
        by_number.policy.numerical = least;
        let reports = [by_bytes, by_number].map(|spec| {
            let rules = Policy::new(&spec).unwrap();
            let kept = vec!["", "1", "2"];
            TagReport {
                selection: Some(rules.select_unsorted(&kept)),
                rules: Some(rules),
                kept,
                ..TagReport::default()
            }
        });
        reports.into()
    }

    fn rendered(reports: &[TagReport<'_>], options: &TagsOptions) -> String {
        let mut bytes = Vec::new();
        render_tags(reports, options, &mut |piece| {
            bytes.extend_from_slice(piece);
        });
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_table_begins_with_the_chosen_tag() {
        let options = TagsOptions {
            headers: true,
            ..TagsOptions::default()
        };
        assert_eq!(
            rendered(&[report()], &options),
            "TAG            RANK   VERDICT         REASON\n\
             1.2.0          1      selected        the greatest version in the range >=1.0.0\n\
             1.0.0          2      candidate       superseded by 1.2.0\n\
             0.9.0                 outside-range   \"0.9.0\" is less than \"1.0.0\"\n\
             \"odd^[\"               no-version      \"\"odd^[\"\" is no version: invalid semantic version\n\
             sha256-0.sig          excluded        matches ^.*\\.sig$ of the exclusion list\n"
        );
    }

    #[test]
    fn json_in_pieces_is_the_value_that_yaml_prints() {
        for selected_only in [false, true] {
            let options = TagsOptions {
                format: Format::Json,
                selected_only,
                ..TagsOptions::default()
            };
            for reports in [
                vec![],
                vec![report()],
                vec![report(), report()],
                reports_on_an_empty_tag(),
            ] {
                let text = rendered(&reports, &options);
                let read: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(read, value(&reports, &options), "{text}");
            }
        }
    }

    #[test]
    fn names_are_sanitised_for_terminals_only() {
        let mut options = TagsOptions {
            format: Format::Name,
            ..TagsOptions::default()
        };
        assert!(rendered(&[report()], &options).contains("\"odd\u{1b}\"\n"));
        options.terminal = true;
        assert!(rendered(&[report()], &options).contains("\"odd^[\"\n"));
        options.selected_only = true;
        assert_eq!(rendered(&[report()], &options), "1.2.0\n");
    }
}

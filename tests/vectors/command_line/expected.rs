//! What flux answered, in the form in which this program would answer the same.

use std::collections::BTreeMap;

use serde_json::Value;

use super::program::Folder;
use super::{Deviations, text};
use crate::Case;

/// The answer that is expected.
pub(super) struct Expected {
    pub(super) code: u8,
    pub(super) stdout: Output,
    /// What each error and warning of flux names. All of it must stand on standard error.
    pub(super) complaints: Vec<Complaint>,
    /// flux's lines of progress, without the symbols.
    progress: Vec<String>,
    /// Objects of the cluster afterwards by `Kind/namespace/name`, `None` when there is none.
    pub(super) mutation: BTreeMap<String, Option<Value>>,
}

/// Standard output.
pub(super) enum Output {
    /// Not recorded.
    Any,
    /// Some help text.
    Help,
    /// Tables, in order.
    Tables(Vec<Rows>),
    /// These rows, whatever the header and the widths.
    Rows(Vec<Vec<String>>),
    /// This text.
    Exactly(String),
    /// YAML documents.
    Yaml(String),
    /// kubectl's lines about objects that were changed: name and past participles of which one is said.
    Results(Vec<(String, &'static [&'static str])>),
    /// The candidates of a completion, and the directive.
    Candidates(Vec<String>),
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rows {
    pub(super) header: Option<Vec<String>>,
    pub(super) rows: Vec<Vec<String>>,
}

/// One error or warning.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Complaint {
    /// flux's words.
    pub(super) text: String,
    /// What must be named.
    pub(super) facts: Vec<String>,
    /// It came while flux waited for an object to become ready.
    pub(super) is_of_wait: bool,
}

impl Expected {
    /// From a case, whose command line is `arguments`.
    pub(super) fn of(
        case: &Case<'_>,
        folder: &Folder,
        arguments: &[String],
    ) -> Result<Self, String> {
        let lines = Messages::read(&folder.fill(case.text("stderr")));
        let verb = arguments.first().map(String::as_str).unwrap_or_default();
        let stdout = match case.text("stdout_kind") {
            "help" => Output::Help,
            "prompt" => Output::Results(Vec::new()),
            _ if case.value["stdout"].is_null() => Output::Any,
            _ => output(verb, &folder.fill(case.text("stdout")))?,
        };
        let mutation = case.value["mutation"].as_object().into_iter().flatten();
        Ok(Self {
            code: u8::try_from(case.value["exit"].as_u64().ok_or("no exit code")?)
                .map_err(|error| error.to_string())?,
            stdout,
            complaints: lines.complaints,
            progress: lines.progress,
            mutation: mutation
                .map(|(key, object)| (key.clone(), (!object.is_null()).then(|| object.clone())))
                .collect(),
        })
    }

    /// Rule F1: kubectl's words and layout for flux's.
    pub(super) fn translate(&mut self, deviations: &mut Deviations) {
        if !self.progress.is_empty() {
            deviations.insert(("F1", "stderr"));
        }
        match &mut self.stdout {
            Output::Tables(tables) => {
                if tables.iter().any(Rows::looks_different) {
                    deviations.insert(("F1", "stdout"));
                }
                tables.retain(|table| !table.rows.is_empty());
                // A scan without a time is no scan in the year 1.
                for cell in tables
                    .iter_mut()
                    .flat_map(|table| &mut table.rows)
                    .flatten()
                {
                    if cell == "0001-01-01T00:00:00Z" {
                        cell.clear();
                    }
                }
            }
            Output::Results(results) => *results = changes(&self.progress, self.code == 0),
            _ => {}
        }
    }

    /// Nothing is printed on standard output.
    pub(super) fn expect_no_output(&mut self) {
        self.stdout = Output::Tables(Vec::new());
    }

    /// A refusal: nothing but an error that names `facts`.
    pub(super) fn expect_refusal(&mut self, code: u8, facts: Vec<String>) {
        self.code = code;
        self.expect_no_output();
        self.complaints = vec![Complaint {
            text: String::new(),
            facts,
            is_of_wait: false,
        }];
    }

    /// Whether flux began to wait for an object to become ready.
    pub(super) fn has_waited(&self) -> bool {
        self.progress
            .iter()
            .any(|line| line.starts_with("waiting for "))
    }

    /// Whether any complaint holds this.
    pub(super) fn complains(&self, what: &str) -> bool {
        self.complaints
            .iter()
            .any(|complaint| complaint.text.contains(what))
    }
}

fn output(verb: &str, stdout: &str) -> Result<Output, String> {
    match verb {
        "__complete" => Ok(Output::Candidates(
            stdout.lines().map(str::to_owned).collect(),
        )),
        _ if stdout.starts_with("---\n") => Ok(Output::Yaml(stdout.to_owned())),
        "get" | "export" => Ok(Output::Tables(tables(stdout)?)),
        _ if stdout.is_empty() => Ok(Output::Results(Vec::new())),
        _ => Err(format!("an answer of an unknown form: {stdout:?}")),
    }
}

/// The messages of flux: one a line behind a symbol, or several lines of which only the first has one.
struct Messages {
    complaints: Vec<Complaint>,
    progress: Vec<String>,
}

impl Messages {
    fn read(stderr: &str) -> Self {
        let mut messages = Self {
            complaints: Vec::new(),
            progress: Vec::new(),
        };
        let mut waits = false;
        let mut entries: Vec<(char, String)> = Vec::new();
        for line in stderr.lines() {
            let symbol = line.chars().next().unwrap_or(' ');
            match (symbol, entries.last_mut()) {
                ('✚' | '►' | '◎' | '✔' | '✗' | '⚠', _) => {
                    let words = line[symbol.len_utf8()..].trim_start_matches('\u{fe0f}');
                    entries.push((symbol, words.trim().to_owned()));
                }
                (_, Some((_, words))) => {
                    words.push('\n');
                    words.push_str(line);
                }
                (_, None) => {}
            }
        }
        for (symbol, words) in entries {
            if symbol == '✗' || symbol == '⚠' {
                messages.complaints.push(Complaint {
                    facts: facts(&words),
                    text: words,
                    is_of_wait: waits,
                });
            } else {
                waits |= symbol == '◎';
                messages.progress.push(words);
            }
        }
        messages
    }
}

/// What flux says it did, as the lines that kubectl would print.
fn changes(progress: &[String], is_good: bool) -> Vec<(String, &'static [&'static str])> {
    let mut changes = Vec::new();
    let mut name = String::new();
    for line in progress {
        let words: Vec<&str> = line.split(' ').collect();
        if let [
            "suspending" | "resuming" | "deleting" | "annotating",
            ..,
            object,
            "in",
            _,
            "namespace",
        ] = words.as_slice()
        {
            (*object).clone_into(&mut name);
        }
        let said: &[&str] = match words.last().copied().unwrap_or_default() {
            "suspended" => &["suspended"],
            "resumed" => &["resumed"],
            "deleted" => &["deleted"],
            "created" => &["created"],
            // flux writes defaults of the server again and calls that an update.
            "updated" => &["configured", "unchanged"],
            // Only a request that was fulfilled is told.
            "annotated" if is_good => &["reconciled"],
            _ => continue,
        };
        changes.push((name.clone(), said));
    }
    changes
}

/// The tables of flux: cells behind each other with a tab after each, an empty line between tables.
fn tables(stdout: &str) -> Result<Vec<Rows>, String> {
    stdout
        .split("\n\n")
        .filter(|block| !block.trim().is_empty())
        .map(table)
        .collect()
}

fn table(block: &str) -> Result<Rows, String> {
    let lines: Vec<&str> = block.lines().collect();
    let is_header =
        |line: &str| line.split('\t').any(|cell| cell.trim() == "READY") && !line.ends_with('\t');
    let header: Option<Vec<String>> = lines.first().filter(|line| is_header(line)).map(|line| {
        line.split('\t')
            .map(|cell| cell.trim().to_owned())
            .collect()
    });
    let body = &lines[usize::from(header.is_some())..];
    let width = match &header {
        Some(header) => header.len(),
        None => body
            .iter()
            .map(|line| line.matches('\t').count())
            .min()
            .unwrap_or_default(),
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in body {
        let line = line
            .strip_suffix('\t')
            .ok_or("a row without a tab at its end")?;
        // The last column is the message, which may hold tabs of its own.
        let cells: Vec<String> = line
            .splitn(width, '\t')
            .map(|cell| cell.trim_end_matches(' ').to_owned())
            .collect();
        let is_continued = cells[..cells.len() - 1].iter().all(|cell| cell.is_empty());
        match rows.last_mut().and_then(|row| row.last_mut()) {
            Some(message) if is_continued => {
                message.push('\n');
                message.push_str(&cells[cells.len() - 1]);
            }
            _ => rows.push(cells),
        }
    }
    Ok(Rows { header, rows })
}

impl Rows {
    /// Whether kubectl's layout shows it in other words: a header of two words or without rows, a cell of several lines or with control characters.
    fn looks_different(&self) -> bool {
        let header = self.header.as_deref().unwrap_or_default();
        let control = |cell: &String| cell.chars().any(char::is_control);
        header.iter().any(|cell| cell.contains(' '))
            || self
                .rows
                .iter()
                .flatten()
                .any(|cell| cell.starts_with("0001-"))
            || (self.rows.is_empty() && !header.is_empty())
            || self.rows.iter().flatten().any(control)
    }
}

/// What an error names: flags, quoted texts, absolute paths, servers, and the reason of a connection
/// that failed.
pub(super) fn facts(message: &str) -> Vec<String> {
    if let Some((_, rest)) = message.split_once("no matches for kind \"") {
        let kind = rest.split('"').next().unwrap_or_default();
        return vec![plural(kind)];
    }
    if let Some((_, connection)) = message.split_once("Get \"") {
        return connection_facts(connection);
    }
    let mut facts = Vec::new();
    for quoted in go_strings(message)
        .iter()
        .map(String::as_str)
        .chain(between(message))
    {
        // The name of the program, and texts that only look quoted.
        if quoted != "flux" && !quoted.contains(':') && !quoted.contains(", ") {
            facts.push(quoted.to_owned());
        }
    }
    for word in message.split_whitespace() {
        let word = word.trim_matches(|c: char| "\"'()[],:;".contains(c));
        if word.starts_with("--") && word.len() > 2 {
            facts.push(word.split('=').next().unwrap_or_default().to_owned());
        } else if word.starts_with('/') && word.len() > 1 {
            facts.push(word.to_owned());
        }
    }
    facts.retain(|fact| !fact.trim().is_empty());
    facts
}

/// What stands between single quotes and between backquotes.
fn between(message: &str) -> impl Iterator<Item = &str> {
    ['\'', '`']
        .into_iter()
        .flat_map(|quote| message.split(quote).skip(1).step_by(2))
}

/// Strings as Go writes them, with escaped quotes and backslashes.
fn go_strings(message: &str) -> Vec<String> {
    let mut strings = Vec::new();
    let mut inside: Option<String> = None;
    let mut characters = message.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, &mut inside) {
            ('"', None) => inside = Some(String::new()),
            ('"', Some(_)) => strings.extend(inside.take()),
            ('\\', Some(string)) => match characters.peek() {
                Some('"' | '\\') => string.extend(characters.next()),
                _ => string.push('\\'),
            },
            (character, Some(string)) => string.push(character),
            (_, None) => {}
        }
    }
    strings
}

/// `URL": reason`, which is `dial tcp ADDRESS: connect: connection refused`, or `tls: …: x509: …`.
fn connection_facts(connection: &str) -> Vec<String> {
    let (url, reason) = connection.split_once("\": ").unwrap_or_default();
    if let Some((_, certificate)) = reason.split_once("x509: ") {
        return vec![certificate.to_owned()];
    }
    let server = url.split('/').nth(2).unwrap_or_default();
    let refused = reason.ends_with("refused").then(|| "refused".to_owned());
    std::iter::once(server.to_owned()).chain(refused).collect()
}

fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{kind}s"),
    }
}

/// The part of an object that cases compare.
pub(super) fn compared(object: &Value) -> Value {
    let mut part = serde_json::Map::new();
    for field in ["labels", "annotations", "finalizers"] {
        let value = &object["metadata"][field];
        if !value.is_null() {
            part.insert(field.to_owned(), value.clone());
        }
    }
    part.insert("spec".to_owned(), object["spec"].clone());
    Value::Object(part)
}

/// The kind of `Kind/namespace/name`.
pub(super) fn name_of(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or_default()
}

/// A label of a compared object.
pub(super) fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object["labels"].as_object().into_iter().flatten();
    labels
        .map(|(key, value)| (key.clone(), text(value).to_owned()))
        .collect()
}

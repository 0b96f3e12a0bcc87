//! What the rules may ask about a case: its command line, its objects, and what the same program or
//! the API server answers to a call that needs no rule.

use std::collections::{BTreeMap, BTreeSet};

use kubectl_imageupdate::api::Kind;
use kubectl_imageupdate::duration::GoDuration;
use serde_json::Value;

use super::expected::compared;
use super::line;
use super::program::{Answer, Folder};
use super::stage::{Stage, objects_of};
use super::text;
use crate::Case;

/// The state before the call.
pub(super) struct Oracle<'c> {
    pub(super) case: &'c Case<'c>,
    /// The command line, as [`line::in_order`] has it.
    pub(super) arguments: &'c [String],
    pub(super) folder: &'c Folder,
    pub(super) stage: Option<&'c Stage>,
}

impl Oracle<'_> {
    pub(super) fn verb(&self) -> &str {
        self.arguments
            .first()
            .map(String::as_str)
            .unwrap_or_default()
    }

    /// The values of a flag, the last one counts as a rule.
    pub(super) fn values(&self, names: &[&str]) -> Vec<&str> {
        let mut values = Vec::new();
        let mut arguments = self.arguments.iter();
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (argument.as_str(), None),
            };
            if names.contains(&name) {
                values.extend(value.or_else(|| arguments.next().map(String::as_str)));
            }
        }
        values
    }

    pub(super) fn value(&self, names: &[&str]) -> Option<&str> {
        self.values(names).pop()
    }

    /// Whether a boolean flag is given and not false.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.arguments
            .iter()
            .any(|argument| match argument.split_once('=') {
                Some((name, value)) => {
                    names.contains(&name)
                        && !matches!(value, "false" | "FALSE" | "False" | "0" | "f" | "F")
                }
                None => names.contains(&argument.as_str()),
            })
    }

    /// The words that are neither flags nor their values: verb, noun, kind, names.
    pub(super) fn words(&self) -> Vec<&str> {
        let mut words = Vec::new();
        let mut arguments = self.arguments.iter();
        while let Some(argument) = arguments.next() {
            if line::takes_value(argument) {
                arguments.next();
            } else if !argument.starts_with('-') {
                words.push(argument.as_str());
            }
        }
        words
    }

    /// The names behind the kind.
    pub(super) fn names(&self) -> Vec<&str> {
        self.words().into_iter().skip(3).collect()
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        Kind::from_word(self.words().get(2).copied().unwrap_or_default())
    }

    /// The namespace that flux worked in, unless it follows the context.
    pub(super) fn namespace(&self) -> &str {
        self.value(&["-n", "--namespace"]).unwrap_or("flux-system")
    }

    /// Objects of the named kind in the namespace, by name.
    pub(super) fn existing(&self) -> BTreeSet<String> {
        let Some(kind) = self.kind() else {
            return BTreeSet::new();
        };
        let start = format!("{}/{}/", kind.name(), self.namespace());
        objects_of(self.case)
            .keys()
            .filter_map(|key| key.strip_prefix(&start).map(str::to_owned))
            .collect()
    }

    /// A duration of the command line.
    pub(super) fn duration(&self, name: &str) -> Option<GoDuration> {
        GoDuration::parse(self.value(&[name])?).ok()
    }

    /// The objects that a case looks at, as they are now.
    pub(super) fn before(
        &self,
        keys: impl Iterator<Item = String>,
    ) -> BTreeMap<String, Option<Value>> {
        keys.map(|key| {
            let object = self.stage.and_then(|stage| stage.read(&key));
            (key, object.map(|object| compared(&object)))
        })
        .collect()
    }

    /// The same program with other arguments.
    pub(super) fn call(&self, arguments: &[String]) -> Answer {
        self.folder.call(arguments)
    }

    /// The rows of a table that the same program prints.
    pub(super) fn rows_of(&self, arguments: &[String]) -> Vec<Vec<String>> {
        let mut arguments = arguments.to_vec();
        arguments.retain(|argument| !argument.starts_with("--no-header"));
        let answer = self.call(&arguments);
        let mut lines = answer.stdout.lines();
        let columns = starts(lines.next().unwrap_or_default());
        lines.map(|line| cells(line, &columns)).collect()
    }

    /// The names that the API server lists for a label selector.
    pub(super) fn listed(&self, selector: &str) -> BTreeSet<String> {
        let (Some(stage), Some(kind)) = (self.stage, self.kind()) else {
            return BTreeSet::new();
        };
        let query: String = form(selector);
        let path = format!(
            "/apis/image.toolkit.fluxcd.io/v1/{}?labelSelector={query}",
            kind.plural()
        );
        let (_, list) = stage.cluster.request("GET", &path, None);
        let everywhere = self.has(&["-A", "--all-namespaces"]);
        list["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|item| &item["metadata"])
            .filter(|metadata| everywhere || text(&metadata["namespace"]) == self.namespace())
            .map(|metadata| text(&metadata["name"]).to_owned())
            .collect()
    }
}

/// Where the columns of a header begin; its words have no blanks in them.
fn starts(header: &str) -> Vec<usize> {
    let characters: Vec<char> = header.chars().collect();
    (0..characters.len())
        .filter(|at| characters[*at] != ' ' && (*at == 0 || characters[*at - 1] == ' '))
        .collect()
}

fn cells(line: &str, columns: &[usize]) -> Vec<String> {
    let characters: Vec<char> = line.chars().collect();
    let ends = columns.iter().skip(1).copied().chain([usize::MAX]);
    columns
        .iter()
        .zip(ends)
        .map(|(start, end)| {
            let end = end.min(characters.len());
            let cell: String = characters[(*start).min(end)..end].iter().collect();
            cell.trim_end().to_owned()
        })
        .collect()
}

/// A text as part of a query.
fn form(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

//! The chain from an image to the lines of a tree.

use serde_json::{Value, json};

use crate::model::{AutomationChain, ExplainReport, ExplainedMarker, Failure, Note, PolicyChain};
use crate::output::{Table, sanitize_line};

/// Verdicts in words, for a sentence with counts.
const WORDS: &[(&str, &str)] = &[
    ("not-judged", "not judged"),
    ("no-match", "not matched"),
    ("collision", "with the item of another tag"),
    ("no-version", "no versions"),
    ("no-number", "no numbers"),
    ("outside-range", "outside the range"),
    ("candidate", "candidates behind it"),
    ("selected", "selected"),
];

/// One screen for people.
pub fn explain_text(report: &ExplainReport) -> String {
    let mut parts: Vec<String> = report.policies.iter().map(policy_text).collect();
    parts.extend(report.automations.iter().map(automation_text));
    parts.join("\n")
}

/// `NAME   text` lines.
struct Lines(Table);

impl Lines {
    fn new() -> Self {
        Self(Table::new(["", ""]))
    }

    fn add(&mut self, name: &str, text: impl AsRef<str>) {
        self.0.row([name, text.as_ref()]);
    }

    fn failure(&mut self, failure: &Failure) {
        self.add(
            "FAILED",
            format!("{} ({})", failure.message, failure.reason),
        );
        if let Some(hint) = &failure.hint {
            self.add("HINT", hint);
        }
    }

    fn notes(&mut self, notes: &[Note]) {
        for note in notes {
            self.add("WARNING", format!("{} ({})", note.text, note.code));
        }
    }
}

fn policy_text(chain: &PolicyChain) -> String {
    let mut lines = Lines::new();
    lines.add("POLICY", chain.policy.to_string());
    let repository = chain.repository.to_string();
    lines.add(
        "REPOSITORY",
        match &chain.image {
            Some(image) => format!("{repository}: {image}"),
            None => repository,
        },
    );
    if let Some(credentials) = &chain.credentials {
        lines.add("CREDENTIALS", credentials);
    }
    if let Some(listed) = chain.listed {
        lines.add("TAGS", format!("{listed} listed"));
        let excluded: usize = chain.excluded.iter().map(|(_, count)| count).sum();
        let patterns: Vec<String> = chain
            .excluded
            .iter()
            .map(|(pattern, count)| format!("{pattern} ({count})"))
            .collect();
        lines.add(
            "EXCLUDED",
            if excluded == 0 {
                "none".to_owned()
            } else {
                format!("{excluded} by {}", patterns.join(", "))
            },
        );
    }
    filter_lines(chain, &mut lines);
    if let Some(order) = &chain.order {
        lines.add("ORDER", order);
    }
    let left = chain
        .verdicts
        .iter()
        .filter(|(code, _)| !matches!(*code, "no-match" | "collision"));
    let counts: Vec<String> = left.map(|(code, count)| counted(code, *count)).collect();
    if !counts.is_empty() {
        lines.add("ORDERED", counts.join(", "));
    }
    match &chain.selected {
        Some(image) if chain.held => lines.add(
            "HELD",
            format!("{image}: the policy is suspended, so its stored choice stands"),
        ),
        Some(image) => lines.add("SELECTED", image.to_string()),
        None => lines.add("SELECTED", "nothing"),
    }
    if !chain.runners_up.is_empty() {
        lines.add("NEXT", chain.runners_up.join(", "));
    }
    match &chain.stored {
        Some(stored) if !chain.held && Some(stored) != chain.selected.as_ref() => {
            lines.add("STORED", format!("{stored} in the object's status"));
        }
        _ => {}
    }
    lines.notes(&chain.notes);
    if let Some(failure) = &chain.failure {
        lines.failure(failure);
    }
    lines.0.render(false)
}

fn filter_lines(chain: &PolicyChain, lines: &mut Lines) {
    let Some((pattern, extract)) = &chain.filter else {
        return;
    };
    let count = |wanted: &str| {
        chain
            .verdicts
            .iter()
            .find(|(code, _)| *code == wanted)
            .map_or(0, |(_, count)| *count)
    };
    let total: usize = chain.verdicts.iter().map(|(_, count)| count).sum();
    let missed = count("no-match");
    let matched = if total > 0 {
        format!(": {} match, {missed} do not", total - missed)
    } else {
        String::new()
    };
    lines.add("FILTER", format!("{pattern}{matched}"));
    if !extract.is_empty() {
        let shared = count("collision");
        let shared = if shared > 0 {
            format!(": {shared} tags give the item of another one")
        } else {
            String::new()
        };
        lines.add("EXTRACT", format!("{extract}{shared}"));
    }
}

fn counted(code: &str, count: usize) -> String {
    let words = WORDS.iter().find(|(known, _)| *known == code);
    format!("{count} {}", words.map_or(code, |(_, words)| words))
}

fn automation_text(chain: &AutomationChain) -> String {
    let mut lines = Lines::new();
    let state = if chain.suspended { ": suspended" } else { "" };
    lines.add("AUTOMATION", format!("{}{state}", chain.automation));
    if !chain.selects {
        lines.add("SELECTOR", "spec.policySelector leaves the policy out");
    }
    if !chain.revision.is_empty() {
        lines.add("TREE", &chain.revision);
    }
    if !chain.branch.is_empty() {
        lines.add("PUSHES TO", &chain.branch);
    }
    lines.add(
        "PATH",
        if chain.path.is_empty() {
            "the whole tree"
        } else {
            &chain.path
        },
    );
    if let Some(failure) = &chain.failure {
        lines.failure(failure);
    }
    if chain.markers.is_empty() {
        if chain.failure.is_none() {
            lines.add("MARKERS", "none: nothing in the tree names the policy");
        }
        return lines.0.render(false);
    }
    let mut text = lines.0.render(false);
    text.push('\n');
    let mut table = Table::new(["PLACE", "MARKER", "VALUE", "STATE", "REASON"]);
    for marker in &chain.markers {
        let ExplainedMarker {
            found,
            code,
            reason,
        } = marker;
        table.row([
            format!("{}:{}", found.path, found.marker.line),
            found.marker.setter.clone(),
            change(found.marker.old.as_deref(), found.marker.new.as_deref()),
            (*code).to_owned(),
            reason.clone(),
        ]);
    }
    text.push_str(&sanitize_line(&table.render(true)));
    text
}

fn change(old: Option<&str>, new: Option<&str>) -> String {
    match (old, new) {
        (Some(old), Some(new)) if old != new => format!("{old} -> {new}"),
        (Some(value), _) | (None, Some(value)) => value.to_owned(),
        (None, None) => String::new(),
    }
}

/// The same for programs.
pub fn explain_json(report: &ExplainReport) -> Value {
    json!({
        "policies": report.policies.iter().map(policy_json).collect::<Vec<_>>(),
        "automations": report.automations.iter().map(automation_json).collect::<Vec<_>>(),
    })
}

fn policy_json(chain: &PolicyChain) -> Value {
    let counts = |pairs: &[(&'static str, usize)]| -> Value {
        pairs
            .iter()
            .map(|(code, count)| ((*code).to_owned(), json!(count)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({
        "policy": chain.policy.to_string(),
        "repository": chain.repository.to_string(),
        "image": chain.image,
        "credentials": chain.credentials,
        "tags": {
            "listed": chain.listed,
            "excluded": chain.excluded.iter().map(|(pattern, count)| json!({
                "pattern": pattern, "count": count,
            })).collect::<Vec<_>>(),
            "verdicts": counts(&chain.verdicts),
        },
        "filter": chain.filter.as_ref().map(|(pattern, extract)| json!({
            "pattern": pattern, "extract": extract,
        })),
        "order": chain.order,
        "selected": chain.selected,
        "held": chain.held,
        "runnersUp": chain.runners_up,
        "stored": chain.stored,
        "warnings": chain.notes.iter().map(|note| json!({
            "code": note.code, "message": note.text,
        })).collect::<Vec<_>>(),
        "failure": chain.failure.as_ref().map(failure_json),
    })
}

fn failure_json(failure: &Failure) -> Value {
    json!({
        "reason": failure.reason,
        "message": failure.message,
        "stalled": failure.stalled,
        "hint": failure.hint,
    })
}

fn automation_json(chain: &AutomationChain) -> Value {
    json!({
        "automation": chain.automation.to_string(),
        "suspended": chain.suspended,
        "selects": chain.selects,
        "path": chain.path,
        "branch": chain.branch,
        "revision": chain.revision,
        "failure": chain.failure.as_ref().map(failure_json),
        "markers": chain.markers.iter().map(|marker| json!({
            "file": marker.found.path.as_str(),
            "line": marker.found.marker.line,
            "column": marker.found.marker.column,
            "marker": marker.found.marker.setter,
            "old": marker.found.marker.old,
            "new": marker.found.marker.new,
            "state": marker.code,
            "reason": marker.reason,
        })).collect::<Vec<_>>(),
    })
}

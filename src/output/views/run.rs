//! What a run did, or would do.

use serde_json::{Value, json};

use crate::api::Kind;
use crate::model::{
    Applied, Failure, Note, PolicyOutcome, PolicyState, RepositoryOutcome, RepositoryState,
    RunReport, Severity, UpdateOutcome, UpdateState,
};
use crate::output::{file_diff, sanitize_line};

/// Where statuses come from; operations compute them.
pub struct Statuses<'s> {
    /// Of a repository.
    pub repository: &'s dyn Fn(&RepositoryOutcome) -> Value,
    /// Of a policy.
    pub policy: &'s dyn Fn(&PolicyOutcome) -> Value,
    /// Of an automation.
    pub update: &'s dyn Fn(&UpdateOutcome) -> Value,
}

/// API group of this program's own answers.
const RESULT_VERSION: &str = "imageupdate.kubectl.io/v1alpha1";

/// The files and messages that would be committed, one automation after the other. On a terminal
/// control characters of the files are made visible.
pub fn render_diff(report: &RunReport, color: bool, terminal: bool) -> Vec<u8> {
    let mut text = Vec::new();
    for update in &report.updates {
        let Some(plan) = update.plan().filter(|plan| !plan.is_empty()) else {
            continue;
        };
        for file in &plan.files {
            let diff = file_diff(file, color);
            if terminal && !color {
                text.extend_from_slice(sanitize_line(&String::from_utf8_lossy(&diff)).as_bytes());
            } else {
                text.extend_from_slice(&diff);
            }
        }
        text.extend_from_slice(message_block(update, &plan.message).as_bytes());
    }
    text
}

/// The messages alone.
pub fn render_messages(report: &RunReport) -> String {
    let mut text = String::new();
    for update in &report.updates {
        if let Some(plan) = update.plan().filter(|plan| !plan.is_empty()) {
            text.push_str(&message_block(update, &plan.message));
        }
    }
    text
}

/// Author and message as `git log` would show them, each line behind a `#`, so that the whole
/// answer is still a patch.
fn message_block(update: &UpdateOutcome, message: &str) -> String {
    let branch = match &update.state {
        UpdateState::Planned { branch, .. } if !branch.is_empty() => format!(" to branch {branch}"),
        _ => String::new(),
    };
    let mut text = format!("# {} would commit{branch}:\n", update.object.key());
    for line in sanitize_line(message).trim_end_matches('\n').split('\n') {
        text.push_str(format!("#   {line}").trim_end());
        text.push('\n');
    }
    text
}

/// kubectl's result lines: one for each object, and one for each file that was written.
pub fn run_lines(report: &RunReport, kinds: &[Kind], names_only: bool) -> String {
    let mut lines = Vec::new();
    let wants = |kind: Kind| kinds.contains(&kind);
    let name = |kind: Kind, name: &str| format!("{}.{}/{name}", kind.singular(), kind.group());
    if wants(Kind::ImageRepository) || !names_only {
        for outcome in &report.repositories {
            let object = name(Kind::ImageRepository, &outcome.object.metadata.name);
            match &outcome.state {
                RepositoryState::Scanned(scan) => lines.push(format!(
                    "{object} scanned: {} tags, credentials: {}",
                    scan.stored.len(),
                    scan.credentials
                )),
                RepositoryState::Suspended => lines.push(format!("{object} skipped: suspended")),
                RepositoryState::Failed(_) => {}
            }
        }
    }
    if wants(Kind::ImagePolicy) || wants(Kind::ImageUpdateAutomation) {
        for outcome in &report.policies {
            let object = name(Kind::ImagePolicy, &outcome.object.metadata.name);
            match &outcome.state {
                PolicyState::Selected { latest, .. } => {
                    lines.push(format!("{object} selected: {latest}"));
                }
                PolicyState::Held(Some(held)) => {
                    lines.push(format!("{object} held at: {held} (suspended)"));
                }
                PolicyState::Held(None) => lines.push(format!("{object} skipped: suspended")),
                PolicyState::Undecided { .. } => {}
            }
        }
    }
    for outcome in &report.updates {
        let object = name(Kind::ImageUpdateAutomation, &outcome.object.metadata.name);
        match &outcome.state {
            UpdateState::Suspended => lines.push(format!("{object} skipped: suspended")),
            UpdateState::Failed { .. } => {}
            UpdateState::Planned { plan, .. } if plan.is_empty() => {
                lines.push(format!("{object} reconciled: repository up-to-date"));
            }
            UpdateState::Planned { plan, .. } => {
                lines.push(format!(
                    "{object} would change {} files (dry run)",
                    plan.files.len()
                ));
            }
            UpdateState::Applied { plan, applied, .. } => {
                lines.extend(
                    plan.files
                        .iter()
                        .map(|file| format!("{} updated", file.path)),
                );
                lines.push(format!("{object} reconciled: {}", applied_text(applied)));
            }
        }
    }
    if names_only {
        for line in &mut lines {
            let end = line.find(' ').unwrap_or(line.len());
            line.truncate(end);
        }
        lines.retain(|line| line.contains(".toolkit.fluxcd.io/"));
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(&sanitize_line(&line));
        text.push('\n');
    }
    text
}

fn applied_text(applied: &Applied) -> String {
    let short = applied.commit.get(..7).unwrap_or(&applied.commit);
    match (&applied.pushed_branch, applied.commit.is_empty()) {
        (_, true) => "files edited".to_owned(),
        (None, false) => format!("committed {short}"),
        (Some(branch), false) => {
            let mut text = format!("pushed commit {short} to branch {branch}");
            if !applied.refspecs.is_empty() {
                text.push_str(&format!(" and refspecs {}", applied.refspecs.join(", ")));
            }
            text
        }
    }
}

/// The report as a value, for `-o json` and `-o yaml`. `status` gives the status that the
/// controllers would write for an outcome.
pub fn run_json(report: &RunReport, status: &Statuses<'_>) -> Value {
    json!({
        "apiVersion": RESULT_VERSION,
        "kind": "Reconciliation",
        "repositories": report.repositories.iter().map(|outcome| {
            let mut value = json!({
                "namespace": outcome.object.metadata.namespace,
                "name": outcome.object.metadata.name,
                "status": (status.repository)(outcome),
            });
            match &outcome.state {
                RepositoryState::Suspended => value["state"] = json!("suspended"),
                RepositoryState::Failed(failure) => put_failure(&mut value, failure),
                RepositoryState::Scanned(scan) => {
                    value["state"] = json!("scanned");
                    value["tagCount"] = json!(scan.stored.len());
                    value["revision"] = json!(scan.revision);
                    value["credentials"] = json!(scan.credentials);
                }
            }
            value
        }).collect::<Vec<_>>(),
        "policies": report.policies.iter().map(|outcome| {
            let mut value = json!({
                "namespace": outcome.object.metadata.namespace,
                "name": outcome.object.metadata.name,
                "status": (status.policy)(outcome),
            });
            match &outcome.state {
                PolicyState::Selected { latest, .. } => {
                    value["state"] = json!("selected");
                    value["latestRef"] = json!(latest);
                }
                PolicyState::Held(held) => {
                    value["state"] = json!("held");
                    value["latestRef"] = json!(held);
                }
                PolicyState::Undecided { failure, .. } => put_failure(&mut value, failure),
            }
            value
        }).collect::<Vec<_>>(),
        "updates": report.updates.iter().map(|outcome| update_json(outcome, status)).collect::<Vec<_>>(),
        "aheadOfCluster": report.ahead.iter().map(|ahead| json!({
            "namespace": ahead.policy.namespace,
            "name": ahead.policy.name,
            "selected": ahead.selected,
            "held": ahead.held,
            "reason": ahead.reason,
        })).collect::<Vec<_>>(),
        "notes": report.all_notes().map(note_json).collect::<Vec<_>>(),
    })
}

fn update_json(outcome: &UpdateOutcome, status: &Statuses<'_>) -> Value {
    let mut value = json!({
        "namespace": outcome.object.metadata.namespace,
        "name": outcome.object.metadata.name,
        "status": (status.update)(outcome),
    });
    match &outcome.state {
        UpdateState::Suspended => value["state"] = json!("suspended"),
        UpdateState::Failed { failure, .. } => put_failure(&mut value, failure),
        UpdateState::Planned {
            plan,
            revision,
            branch,
        } => {
            value["state"] = json!(if plan.is_empty() {
                "up-to-date"
            } else {
                "planned"
            });
            value["revision"] = json!(revision);
            value["branch"] = json!(branch);
        }
        UpdateState::Applied {
            applied, revision, ..
        } => {
            value["state"] = json!("applied");
            value["revision"] = json!(revision);
            value["commit"] = json!(applied.commit);
            value["pushedBranch"] = json!(applied.pushed_branch);
            value["messages"] = json!(applied.messages);
        }
    }
    if let Some(plan) = outcome.plan() {
        value["message"] = json!(plan.message);
        value["files"] = plan
            .files
            .iter()
            .map(|file| json!(file.path.as_str()))
            .collect();
        value["markers"] = plan
            .markers
            .iter()
            .map(|found| {
                json!({
                    "file": found.path.as_str(),
                    "line": found.marker.line,
                    "column": found.marker.column,
                    "setter": found.marker.setter,
                    "state": found.marker.state.code(),
                    "old": found.marker.old,
                    "new": found.marker.new,
                })
            })
            .collect();
    }
    value
}

fn put_failure(value: &mut Value, failure: &Failure) {
    value["state"] = json!("failed");
    value["reason"] = json!(failure.reason);
    value["message"] = json!(failure.message);
    value["stalled"] = json!(failure.stalled);
}

fn note_json(note: &Note) -> Value {
    let severity = match note.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
    };
    json!({"severity": severity, "code": note.code, "text": note.text})
}

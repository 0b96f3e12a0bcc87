//! The rules of `docs/compatibility.md`, section "The flux command line", as predicates over a case
//! with the answer that is expected instead.

use std::collections::BTreeSet;

use kubectl_imageupdate::api::Kind;
use kubectl_imageupdate::duration::GoDuration;
use kubectl_imageupdate::image::ImageName;
use kubectl_imageupdate::ops::check_message_template;
use kubectl_imageupdate::pattern::Pattern;
use kubectl_imageupdate::semver::Constraint;
use serde_json::{Value, json};

use super::Deviations;
use super::expected::{Complaint, Expected, Output, labels, name_of};
use super::oracle::Oracle;

/// A rule: changes what is expected and returns the fields that it changed, or leaves the case alone.
type Rule = fn(&Oracle<'_>, &mut Expected) -> Option<&'static [&'static str]>;

/// In the order in which the program comes to what they are about.
const RULES: &[(&str, Rule)] = &[
    ("F11", more_is_understood),
    ("F8", wrong_command_lines),
    ("F4", refused_input),
    ("F5", namespace_of_the_context),
    ("F10", every_name_counts),
    ("F13", label_selectors),
    ("F6", waits_when_told_to),
    ("F9", labels_stay),
    ("F15", nothing_is_written_twice),
    ("F12", asks_terminals_only),
    ("F14", completion),
    ("F2", nothing_to_list),
    ("F3", no_false_success),
];

pub(super) fn apply(oracle: &Oracle<'_>, expected: &mut Expected, deviations: &mut Deviations) {
    for (name, rule) in RULES {
        for field in rule(oracle, expected).unwrap_or_default() {
            deviations.insert((name, field));
        }
    }
}

/// F2: nothing to list is no failure.
fn nothing_to_list(_: &Oracle<'_>, expected: &mut Expected) -> Option<&'static [&'static str]> {
    let is_empty = |complaint: &Complaint| {
        complaint.text.starts_with("no ") && complaint.text.contains("objects found")
    };
    if expected.complaints.is_empty() || !expected.complaints.iter().all(is_empty) {
        return None;
    }
    let was_failure = expected.code != 0;
    expected.code = 0;
    for complaint in &mut expected.complaints {
        complaint.facts.push("No resources found".to_owned());
    }
    Some(if was_failure {
        &["exit", "stderr"]
    } else {
        &["stderr"]
    })
}

/// F3: what went wrong for one object is told by the exit code, names the object that it is about,
/// and nothing panics.
fn no_false_success(
    oracle: &Oracle<'_>,
    expected: &mut Expected,
) -> Option<&'static [&'static str]> {
    if oracle.case.text("stderr_kind") == "crash" {
        expected.code = 0;
        return Some(&["exit", "stderr"]);
    }
    let words = oracle.words();
    if oracle.case.text("cluster") == "no-image-crds" && words.get(2) == Some(&"all") {
        expected.expect_refusal(1, Vec::new());
        return Some(&["exit", "stderr"]);
    }
    let mut is_misnamed = false;
    if oracle.verb() == "resume" && expected.complains(" not found in ") {
        let existing = oracle.existing();
        let names = oracle.names();
        let missing: Vec<String> = names
            .iter()
            .filter(|name| !existing.contains(**name))
            .map(|name| (*name).to_owned())
            .collect();
        for complaint in &mut expected.complaints {
            is_misnamed |= !missing.iter().all(|name| complaint.facts.contains(name));
            complaint.facts.clone_from(&missing);
        }
    }
    let fails = expected.complaints.iter().any(|complaint| {
        !complaint.text.contains("objects found") && !complaint.text.starts_with("ignoring ")
    });
    if expected.code == 0 && fails {
        expected.code = 1;
        return Some(if is_misnamed {
            &["exit", "stderr"]
        } else {
            &["exit"]
        });
    }
    is_misnamed.then_some(&["stderr"])
}

/// F4: what the API server or the controllers would refuse is refused before anything is printed or
/// sent.
fn refused_input(oracle: &Oracle<'_>, expected: &mut Expected) -> Option<&'static [&'static str]> {
    if oracle.verb() != "create"
        || (expected.code != 0 && !expected.complains("is invalid: ") && !expected.has_waited())
    {
        return None;
    }
    let fact = refusal(oracle)?;
    let was_failure = expected.code != 0;
    let before = oracle.before(expected.mutation.keys().cloned());
    let is_change = before != expected.mutation;
    expected.mutation = before;
    expected.expect_refusal(1, vec![fact]);
    Some(match (was_failure, is_change) {
        (true, false) => &["stderr"],
        (true, true) => &["stderr", "mutation"],
        (false, _) => &["exit", "stdout", "stderr"],
    })
}

/// What input can never work, as the word that the refusal must hold.
fn refusal(oracle: &Oracle<'_>) -> Option<String> {
    let bad = |flag: &str, fits: bool| (!fits).then(|| flag.to_owned());
    let value = |flag: &str| oracle.value(&[flag]).filter(|value| !value.is_empty());
    let selections = ["--select-semver", "--select-alpha", "--select-numeric"];
    let given = selections
        .iter()
        .filter(|flag| value(flag).is_some())
        .count();
    let namespace = oracle
        .value(&["-n", "--namespace"])
        .unwrap_or("flux-system");
    let is_label = |text: &str| {
        !text.is_empty()
            && text.len() <= 63
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
    };
    let always = value("--reflect-digest") == Some("Always");
    let interval = oracle.duration("--interval");
    let policy = oracle.kind() == Some(Kind::ImagePolicy);
    let checks = [
        bad("namespace", is_label(namespace)),
        value("--image").and_then(|image| ImageName::parse(image).err().map(|_| String::new())),
        bad("--select-", given < 2),
        value("--select-semver")
            .and_then(|range| bad("--select-semver", Constraint::parse(range).is_ok())),
        value("--filter-regex")
            .and_then(|regex| bad("--filter-regex", Pattern::new(regex).is_ok())),
        bad(
            "--interval",
            !policy || !always || interval.is_some_and(|interval| interval.to_string() != "0s"),
        ),
        interval.and_then(|interval| bad("--interval", interval.fits_interval_pattern())),
        oracle.duration("--scan-timeout").and_then(|timeout| {
            bad(
                "--scan-timeout",
                timeout.to_string() == "0s" || timeout.fits_timeout_pattern(),
            )
        }),
        value("--commit-template").and_then(|template| {
            bad(
                "--commit-template",
                check_message_template(template, None).is_ok(),
            )
        }),
    ];
    checks.into_iter().flatten().next()
}

/// F5: the namespace of the context counts without being asked for.
fn namespace_of_the_context(
    oracle: &Oracle<'_>,
    expected: &mut Expected,
) -> Option<&'static [&'static str]> {
    let by_context = match oracle.value(&["--context"]) {
        Some("other") => Some("apps"),
        Some(_) => None,
        None => oracle.case.value["namespace_context"].as_str(),
    }?;
    let follows = oracle.has(&["--ns-follows-kube-context"])
        || oracle.case.value["env"]
            .get("FLUX_NS_FOLLOWS_KUBE_CONTEXT")
            .is_some_and(|value| value != "");
    let told = oracle.value(&["-n", "--namespace"]).is_some()
        || oracle.case.value["env"]
            .get("FLUX_SYSTEM_NAMESPACE")
            .is_some();
    if follows || told || oracle.has(&["-A", "--export"]) || oracle.verb() != "get" {
        return None;
    }
    let mut arguments = oracle.arguments.to_vec();
    arguments.extend(["-n".to_owned(), by_context.to_owned()]);
    let answer = oracle.call(&arguments);
    expected.code = answer.code;
    expected.complaints.clear();
    expected.stdout = Output::Exactly(answer.stdout);
    Some(&["stdout"])
}

/// F6: nothing waits without `--wait`.
fn waits_when_told_to(
    oracle: &Oracle<'_>,
    expected: &mut Expected,
) -> Option<&'static [&'static str]> {
    if !matches!(oracle.verb(), "create" | "resume")
        || oracle.has(&["--wait"])
        || !expected.has_waited()
    {
        return None;
    }
    let before = expected.complaints.len();
    expected
        .complaints
        .retain(|complaint| !complaint.is_of_wait);
    if before == expected.complaints.len() {
        return Some(&["stderr"]);
    }
    if expected.complaints.is_empty() {
        expected.code = 0;
    }
    Some(&["exit", "stderr"])
}

/// F8: a wrong command line is exit code 2, and a group of commands without a kind is one.
fn wrong_command_lines(
    oracle: &Oracle<'_>,
    expected: &mut Expected,
) -> Option<&'static [&'static str]> {
    let starts = [
        "unknown flag",
        "unknown shorthand",
        "flag needs an argument",
        "invalid argument",
        "bad flag syntax",
        "unknown command",
        "expected a single resource type",
    ];
    let first = expected
        .complaints
        .first()
        .map(|complaint| complaint.text.clone())
        .unwrap_or_default();
    let asks_for_help = oracle.has(&["--help", "-h"]);
    let is_wrong_kind = oracle.verb() != "create" || oracle.words().len() > 2;
    if matches!(expected.stdout, Output::Help) && !asks_for_help && is_wrong_kind {
        expected.expect_refusal(2, Vec::new());
        return Some(&["exit", "stdout"]);
    }
    if asks_for_help && expected.code != 0 {
        // Whoever asks for help gets it.
        expected.code = 0;
        expected.complaints.clear();
        expected.stdout = Output::Help;
        return Some(&["exit", "stdout", "stderr"]);
    }
    if let Some(selector) = oracle.value(&["--status-selector"])
        && !selector.contains('=')
        && !expected.complains("expected status selector")
    {
        // flux reads it when there is something to choose from.
        expected.expect_refusal(1, vec![selector.to_owned()]);
        return Some(&["stderr"]);
    }
    if !starts.iter().any(|start| first.starts_with(start)) {
        return None;
    }
    expected.code = 2;
    let bogus = oracle
        .arguments
        .first()
        .filter(|argument| argument.starts_with('-'));
    if let Some(flag) = bogus {
        // flux blames the word behind a flag that it does not know.
        expected.complaints[0].facts = vec![flag.clone()];
        return Some(&["exit", "stderr"]);
    }
    Some(&["exit"])
}

/// F9: labels that no flag names stay.
fn labels_stay(oracle: &Oracle<'_>, expected: &mut Expected) -> Option<&'static [&'static str]> {
    if oracle.verb() != "create" {
        return None;
    }
    let before = oracle.before(expected.mutation.keys().cloned());
    let mut is_changed = false;
    for (key, object) in &mut expected.mutation {
        let (Some(object), Some(Some(before))) = (object.as_mut(), before.get(key)) else {
            continue;
        };
        let kept = labels(before);
        let wanted = labels(object);
        let mut all = kept.clone();
        all.extend(wanted.clone());
        if all != wanted {
            object["labels"] = json!(all);
            is_changed = true;
        }
    }
    is_changed.then_some(&["mutation"])
}

/// F10: every name of the command line counts.
fn every_name_counts(
    oracle: &Oracle<'_>,
    expected: &mut Expected,
) -> Option<&'static [&'static str]> {
    let names = oracle.names();
    if names.len() < 2 || expected.code > 1 || oracle.has(&["--all"]) {
        return None;
    }
    let without_names: Vec<String> = oracle
        .arguments
        .iter()
        .filter(|argument| !names.contains(&argument.as_str()))
        .cloned()
        .collect();
    let alone = |name: &str| {
        let mut arguments = without_names.clone();
        arguments.insert(3, name.to_owned());
        arguments
    };
    match (oracle.verb(), &mut expected.stdout) {
        ("get", Output::Tables(tables)) => {
            for name in &names[1..] {
                let rows = oracle.rows_of(&alone(name));
                if rows.is_empty() {
                    expected.code = 1;
                }
                tables.first_mut()?.rows.extend(rows);
            }
            Some(&["stdout"])
        }
        ("export", Output::Yaml(yaml)) => {
            for name in &names[1..] {
                let answer = oracle.call(&alone(name));
                yaml.push_str(&answer.stdout);
                expected.code = expected.code.max(answer.code);
            }
            Some(if expected.code == 0 {
                &["stdout"]
            } else {
                &["exit", "stdout"]
            })
        }
        ("reconcile", _) => {
            let first = expected
                .mutation
                .iter()
                .find(|(key, _)| name_of(key) == names[0])
                .and_then(|(_, object)| object.clone())?;
            for (key, object) in &mut expected.mutation {
                if let Some(object) = object
                    && names[1..].contains(&name_of(key))
                {
                    object["annotations"] = first["annotations"].clone();
                }
            }
            Some(&["mutation"])
        }
        _ => None,
    }
}

/// F11: kinds, flags and forms that flux does not know.
fn more_is_understood(
    oracle: &Oracle<'_>,
    expected: &mut Expected,
) -> Option<&'static [&'static str]> {
    let words = oracle.words();
    if matches!(expected.stdout, Output::Help) && !oracle.has(&["--help"]) {
        let is_known = words
            .get(2)
            .is_some_and(|word| Kind::from_word(word).is_some());
        if is_known || words == ["reconcile", "image"] {
            // The closed server, or a missing flag.
            expected.expect_refusal(1, Vec::new());
            return Some(&["exit", "stdout", "stderr"]);
        }
    }
    let flag = expected
        .complaints
        .first()
        .and_then(|complaint| complaint.text.strip_prefix("unknown flag: --"))?;
    if is_flag_of(
        oracle.verb(),
        words.get(2).copied().unwrap_or_default(),
        flag,
    ) {
        expected.expect_refusal(1, Vec::new());
        return Some(&["stderr"]);
    }
    None
}

/// Whether a verb (and kind) of this program has a flag.
fn is_flag_of(verb: &str, kind: &str, flag: &str) -> bool {
    let command = kubectl_imageupdate::cli::command("kubectl imageupdate");
    let Some(verb) = command.find_subcommand(verb) else {
        return false;
    };
    let command = verb.find_subcommand(kind).unwrap_or(verb);
    command
        .get_arguments()
        .any(|argument| argument.get_long() == Some(flag))
}

/// F12: a question is asked on terminals only, and a pipe is no answer.
fn asks_terminals_only(
    oracle: &Oracle<'_>,
    expected: &mut Expected,
) -> Option<&'static [&'static str]> {
    if oracle.case.text("stdout_kind") != "prompt" {
        return None;
    }
    let was_done = expected.code == 0;
    expected.mutation = oracle.before(expected.mutation.keys().cloned());
    expected.expect_refusal(1, vec!["aborting".to_owned()]);
    Some(if was_done {
        &["exit", "mutation", "stdout"]
    } else {
        &["stdout"]
    })
}

/// F13: `-l` means what it means to kubectl: `!=`, `>` and `<` too, and of two requirements for one label both.
fn label_selectors(
    oracle: &Oracle<'_>,
    expected: &mut Expected,
) -> Option<&'static [&'static str]> {
    let selector = oracle.value(&["-l", "--label-selector"])?;
    let keys: Vec<&str> = selector
        .split(',')
        .filter_map(|part| part.split_once('=').map(|(key, _)| key.trim()))
        .collect();
    let distinct: BTreeSet<&str> = keys.iter().copied().collect();
    let is_refused = expected.complains("label selector operator")
        || expected.complains("isn't supported in label selectors");
    if !is_refused && (distinct.len() == keys.len() || expected.code > 1) {
        return None;
    }
    let listed = oracle.listed(selector);
    expected.complaints.clear();
    expected.code = 0;
    if listed.is_empty() {
        expected.expect_no_output();
        return Some(&["exit", "stderr"]);
    }
    let all: Vec<String> = oracle
        .arguments
        .iter()
        .enumerate()
        .filter(|(at, argument)| {
            let is_flag = |argument: &str| matches!(argument, "-l" | "--label-selector");
            !is_flag(argument) && (*at == 0 || !is_flag(&oracle.arguments[at - 1]))
        })
        .map(|(_, argument)| argument.clone())
        .collect();
    let column = usize::from(oracle.has(&["-A", "--all-namespaces"]));
    let mut rows = oracle.rows_of(&all);
    rows.retain(|row| row.get(column).is_some_and(|name| listed.contains(name)));
    expected.stdout = Output::Rows(rows);
    Some(&["exit", "stdout", "stderr"])
}

/// F14: a completion never offers files or an error, and no name twice.
fn completion(oracle: &Oracle<'_>, expected: &mut Expected) -> Option<&'static [&'static str]> {
    let Output::Candidates(candidates) = &mut expected.stdout else {
        return None;
    };
    let before = candidates.clone();
    let words = oracle.words();
    candidates.retain(|candidate| !words.contains(&candidate.as_str()));
    if let Some(":0" | ":1") = candidates.last().map(String::as_str) {
        candidates.pop();
        candidates.push(":4".to_owned());
    }
    (before != *candidates).then_some(&["stdout"])
}

/// F15: an object that says the same already is not written.
fn nothing_is_written_twice(
    oracle: &Oracle<'_>,
    expected: &mut Expected,
) -> Option<&'static [&'static str]> {
    if oracle.verb() != "create" {
        return None;
    }
    let before = oracle.before(expected.mutation.keys().cloned());
    let mut is_changed = false;
    for (key, object) in &mut expected.mutation {
        if let (Some(object), Some(Some(before))) = (object.as_mut(), before.get(key))
            && object != before
            && by_value(object) == by_value(before)
        {
            object.clone_from(before);
            is_changed = true;
        }
    }
    is_changed.then_some(&["mutation"])
}

/// An object with its durations in one form.
fn by_value(object: &Value) -> Value {
    let mut object = object.clone();
    for field in ["interval", "timeout"] {
        if let Some(Ok(duration)) = object["spec"][field].as_str().map(GoDuration::parse) {
            object["spec"][field] = duration.to_string().into();
        }
    }
    object
}

//! D12: `.Updated` is rendered as v1beta1 did, where the controllers stall. D15: a template that
//! can never work is found before there is anything to commit.

use std::collections::BTreeMap;

use kubectl_imageupdate::ops::check_message_template;
use serde_json::{Map, Value, json};

use super::{Facts, Wanted};
use crate::compare::condition;
use crate::rules::sources::push_branch;
use crate::scenario::{Commit, Key};
use crate::yaml;

/// The label of a commit that the controllers did not make.
const LABEL: &str = "${EXTRA:1}";

pub fn apply(wanted: &mut Wanted, facts: &Facts<'_>) {
    for key in wanted.keys("ImageUpdateAutomation") {
        check(wanted, facts, &key);
        let status = wanted.status(&key);
        let stalled = condition(status, "Stalled").is_some_and(|stalled| {
            stalled["reason"] == "RemovedTemplateField"
                && stalled["message"]
                    .as_str()
                    .unwrap_or_default()
                    .contains("'.Updated'")
        });
        if stalled {
            render(wanted, facts, &key);
        }
    }
}

/// The controllers are content with any template as long as nothing changes.
fn check(wanted: &mut Wanted, facts: &Facts<'_>, key: &Key) {
    let spec = &facts.object(key)["spec"];
    let template = spec["git"]["commit"]["messageTemplate"].as_str();
    let unnoticed = condition(wanted.status(key), "Ready").is_some_and(|ready| {
        let later = ["failed to checkout source", "failed to apply policies"];
        let message = ready["message"].as_str().unwrap_or_default();
        ready["status"] == "True" || later.iter().any(|text| message.starts_with(text))
    });
    let values = &spec["git"]["commit"]["messageTemplateValues"];
    let values = serde_json::from_value(values.clone()).ok();
    let broken =
        template.is_some_and(|text| check_message_template(text, values.as_ref()).is_err());
    if !unnoticed || spec["suspend"] == true || !broken {
        return;
    }
    for field in ["observedPolicies", "observedSourceRevision"] {
        wanted.put("D15", key, field, facts.earlier(key, field));
    }
    wanted.fail("D15", key, "GitOperationFailed", &["template"]);
}

/// What the run does here: the marked values, on top of the branch.
fn render(wanted: &mut Wanted, facts: &Facts<'_>, key: &Key) {
    let object = facts.object(key);
    let branch = push_branch(facts, object);
    let reference = format!("refs/heads/{branch}");
    let Some(tip) = facts.refs.get(&reference).cloned() else {
        return;
    };
    let policies = policies(wanted, facts, &key.1);
    let path = object["spec"]["update"]["path"]
        .as_str()
        .unwrap_or_default();
    let path = path.trim_start_matches("./").trim_end_matches('/');
    let mut images: Vec<String> = Vec::new();
    let mut files = Vec::new();
    for (name, bytes) in facts.stage.files(&tip) {
        let inside = path.is_empty() || name == path || name.starts_with(&format!("{path}/"));
        let yaml = name.ends_with(".yaml") || name.ends_with(".yml");
        if !inside || !yaml {
            continue;
        }
        let edits = yaml::marked(&bytes, &mut |setter| {
            let (policy, value) = value_of(&policies, setter)?;
            images.push(format!(
                "{}:{}",
                policy["name"].as_str()?,
                policy["tag"].as_str()?
            ));
            Some(value)
        });
        if !edits.is_empty() {
            wanted
                .tree
                .insert(name.clone(), yaml::write(&bytes, &edits));
            files.push(name);
        }
    }
    let rule = "D12";
    wanted.succeed(rule, key);
    let observed: Map<String, Value> = policies
        .iter()
        .map(|(name, image)| (name.clone(), facts.stage.placeholders.map_back_value(image)))
        .collect();
    wanted.put(rule, key, "observedPolicies", Value::Object(observed));
    let revision = if files.is_empty() {
        tip.as_str()
    } else {
        LABEL
    };
    let revision = format!("{branch}@sha1:{revision}");
    wanted.put(rule, key, "observedSourceRevision", json!(revision));
    if files.is_empty() {
        return;
    }
    wanted.put(rule, key, "lastPushCommit", json!(LABEL));
    wanted.put(rule, key, "lastPushTime", json!("<time>"));
    for refs in wanted.refs.iter_mut() {
        refs.insert(reference.clone(), LABEL.to_owned());
    }
    images.sort();
    images.dedup();
    let author = &object["spec"]["git"]["commit"]["author"];
    let author = format!(
        "{} <{}>",
        author["name"].as_str().unwrap_or_default(),
        author["email"].as_str().unwrap_or_default()
    );
    let headers = [
        ("refs", reference),
        ("parents", tip),
        ("author", author.clone()),
        ("committer", author),
        ("signature", "none".to_owned()),
        ("files", files.join(", ")),
    ];
    let message = message(object, &images);
    // Forms that no document shows are compared by what they must name.
    let names = if message.contains(".Updated") {
        images
            .iter()
            .map(|image| facts.stage.placeholders.map_back(image))
            .collect()
    } else {
        Vec::new()
    };
    wanted.commits.push(Commit {
        names,
        id: LABEL.to_owned(),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        message: facts.stage.placeholders.map_back(&message),
    });
    wanted.deviations.push((rule, format!("commit {LABEL}")));
}

/// What v1beta1 rendered: the forms of `.Updated` that its documents showed.
fn message(object: &Value, images: &[String]) -> String {
    let template = object["spec"]["git"]["commit"]["messageTemplate"]
        .as_str()
        .unwrap_or_default();
    let lines: String = images.iter().map(|image| format!("{image}\n")).collect();
    let mut text = template.to_owned();
    for shape in [
        "{{range .Updated.Images}}{{println .}}{{end}}",
        "{{ range .Updated.Images }}{{ println . }}{{ end }}",
    ] {
        text = text.replace(shape, &lines);
    }
    text
}

/// What the policies of a namespace chose, by name.
fn policies(wanted: &Wanted, facts: &Facts<'_>, namespace: &str) -> BTreeMap<String, Value> {
    wanted
        .keys("ImagePolicy")
        .into_iter()
        .filter(|key| key.1 == namespace)
        .filter_map(|key| {
            let latest = facts
                .stage
                .placeholders
                .fill_value(&wanted.status(&key)["latestRef"]);
            latest.is_object().then_some((key.2, latest))
        })
        .collect()
}

/// The policy of a setter, and what its marker becomes.
fn value_of<'p>(
    policies: &'p BTreeMap<String, Value>,
    setter: &str,
) -> Option<(&'p Value, String)> {
    let mut parts = setter.split(':').skip(1);
    let policy = policies.get(parts.next()?)?;
    let text = |field: &str| policy[field].as_str().map(str::to_owned);
    let value = match parts.next() {
        None => match text("digest") {
            Some(digest) => format!("{}:{}@{digest}", text("name")?, text("tag")?),
            None => format!("{}:{}", text("name")?, text("tag")?),
        },
        Some(field @ ("name" | "tag" | "digest")) => text(field)?,
        Some(_) => return None,
    };
    Some((policy, value))
}

//! Area `policy`: versions, ranges, filters, numbers, and the whole way to a tag.

use kubectl_imageupdate::api::{FilterTags, ImagePolicyChoice, ImagePolicySpec, OrderChoice};
use kubectl_imageupdate::number;
use kubectl_imageupdate::pattern::{ExtractTemplate, Pattern};
use kubectl_imageupdate::policy::{Exclusion, Policy, Selection, stored_tags};
use kubectl_imageupdate::semver::{Constraint, Version};
use serde_json::Value;

use crate::{Case, Verdict, expect};

pub(crate) fn run(case: &Case<'_>) -> Option<Verdict> {
    let result = match case.file {
        "semver-parse" => semver_parse(case),
        "semver-order" => semver_order(case),
        "semver-constraint" => semver_constraint(case),
        "semver-explain" => semver_explain(case),
        "regex-filter" => regex_filter(case),
        "numerical" | "alphabetical" => alone(case),
        "parse-float" => parse_float(case),
        "policy" => policy(case),
        _ => return None,
    };
    Some(result.map_or_else(Verdict::Failed, |()| Verdict::Passed))
}

fn semver_parse(case: &Case<'_>) -> Result<(), String> {
    let input = case.text("input");
    let tag = Version::parse_tag(input);
    match &tag {
        Ok(_) => expect("tag", &"ok", &case.text("tag"))?,
        Err(error) => {
            expect("tag", &"err", &case.text("tag"))?;
            expect(
                "tag_error",
                &error.to_string().as_str(),
                &case.text("tag_error"),
            )?;
        }
    }
    match Version::parse(input) {
        Err(error) => {
            expect("parse", &"err", &case.text("parse"))?;
            expect("error", &error.to_string().as_str(), &case.text("error"))
        }
        Ok(version) => {
            expect("parse", &"ok", &case.text("parse"))?;
            expect(
                "major",
                &version.major.to_string().as_str(),
                &case.text("major"),
            )?;
            expect(
                "minor",
                &version.minor.to_string().as_str(),
                &case.text("minor"),
            )?;
            expect(
                "patch",
                &version.patch.to_string().as_str(),
                &case.text("patch"),
            )?;
            expect("prerelease", &version.prerelease, &case.text("prerelease"))?;
            expect("metadata", &version.metadata, &case.text("metadata"))?;
            expect("original", &version.original, &case.text("original"))?;
            expect(
                "string",
                &version.to_string().as_str(),
                &case.text("string"),
            )
        }
    }
}

fn semver_order(case: &Case<'_>) -> Result<(), String> {
    let read = |field| Version::parse(case.text(field)).map_err(|error| error.to_string());
    let (a, b) = (read("a")?, read("b")?);
    expect(
        "cmp",
        &(a.precedence(&b) as i64),
        &case.value["cmp"].as_i64().unwrap_or_default(),
    )?;
    expect("reverse", &a.precedence(&b), &b.precedence(&a).reverse())
}

fn semver_constraint(case: &Case<'_>) -> Result<(), String> {
    match Constraint::parse(case.text("constraint")) {
        Err(error) => {
            expect("parse", &"err", &case.text("parse"))?;
            expect("error", &error.to_string().as_str(), &case.text("error"))
        }
        Ok(constraint) => {
            expect("parse", &"ok", &case.text("parse"))?;
            expect(
                "string",
                &constraint.to_string().as_str(),
                &case.text("string"),
            )?;
            for (field, wanted) in [("yes", true), ("no", false)] {
                for version in case.texts(field) {
                    let version = Version::parse(&version).map_err(|error| error.to_string())?;
                    expect(version.original, &constraint.check(&version), &wanted)?;
                }
            }
            Ok(())
        }
    }
}

fn semver_explain(case: &Case<'_>) -> Result<(), String> {
    let constraint =
        Constraint::parse(case.text("constraint")).map_err(|error| error.to_string())?;
    let version = Version::parse(case.text("version")).map_err(|error| error.to_string())?;
    expect(
        "match",
        &Value::Bool(constraint.check(&version)),
        &case.value["match"],
    )?;
    expect(
        "reasons",
        &constraint.explain(&version),
        &case.texts("reasons"),
    )
}

fn regex_filter(case: &Case<'_>) -> Result<(), String> {
    let (source, extract) = (case.text("pattern"), case.text("extract"));
    let pattern = match Pattern::new(source) {
        Ok(pattern) => pattern,
        Err(error) => {
            let got = format!("invalid regular expression pattern '{source}': {error}");
            return expect("error", &got.as_str(), &case.text("error"));
        }
    };
    expect("error", &"", &case.text("error"))?;
    let template = ExtractTemplate::new(extract);
    let mut matched = Vec::new();
    for tag in case.texts("tags") {
        let item = match pattern.groups(&tag) {
            None => continue,
            Some(_) if extract.is_empty() => tag.clone(),
            Some(groups) => {
                let mut item = String::new();
                template.expand(&pattern, &groups, &mut item);
                item
            }
        };
        matched.push(serde_json::json!({"tag": tag, "item": item}));
    }
    expect("matched", &Value::Array(matched), &case.value["matched"])
}

fn parse_float(case: &Case<'_>) -> Result<(), String> {
    match number::parse_float(case.text("input")) {
        Err(_) => expect("parse", &"err", &case.text("parse")),
        Ok(value) => {
            expect("parse", &"ok", &case.text("parse"))?;
            let bits = if value.is_nan() {
                "nan".to_owned()
            } else {
                format!("{:016x}", value.to_bits())
            };
            expect("bits", &bits.as_str(), &case.text("bits"))
        }
    }
}

/// The policy alone, over items in the given order.
fn alone(case: &Case<'_>) -> Result<(), String> {
    let choice = Some(OrderChoice {
        order: case.value["order"].as_str().map(str::to_owned),
    });
    let policy = match case.file {
        "numerical" => ImagePolicyChoice {
            numerical: choice,
            ..Default::default()
        },
        _ => ImagePolicyChoice {
            alphabetical: choice,
            ..Default::default()
        },
    };
    let spec = ImagePolicySpec {
        policy,
        ..Default::default()
    };
    let outcome = match Policy::new(&spec) {
        Err(error) => Err(error.to_string()),
        Ok(policy) => outcome(&policy.select(&case.texts("items"))),
    };
    expect_outcome(case, "latest", "error", &outcome)
}

fn outcome(selection: &Selection) -> Result<String, String> {
    match (selection.tag(), selection.error()) {
        (Some(tag), _) => Ok(tag.to_owned()),
        (None, Some(error)) => Err(error.to_string()),
        (None, None) => Err("nothing chosen".to_owned()),
    }
}

fn expect_outcome(
    case: &Case<'_>,
    latest: &str,
    error: &str,
    outcome: &Result<String, String>,
) -> Result<(), String> {
    match outcome {
        Ok(tag) => {
            expect(error, &false, &case.has(error))?;
            expect(latest, &tag.as_str(), &case.text(latest))
        }
        Err(text) => expect(error, &text.as_str(), &case.text(error)),
    }
}

/// The whole way, as the controller takes it.
fn policy(case: &Case<'_>) -> Result<(), String> {
    let exclusion = match Exclusion::new(&case.texts("exclusionList")) {
        Ok(exclusion) => exclusion,
        Err(error) => return expect("error", &error.to_string().as_str(), &case.text("error")),
    };
    let stored = stored_tags(&case.texts("tags"), &exclusion);
    let spec = ImagePolicySpec {
        policy: serde_json::from_value(case.value["policy"].clone()).map_err(|e| e.to_string())?,
        filter_tags: match case.value.get("filterTags") {
            None => None,
            Some(filter) => Some(
                serde_json::from_value::<FilterTags>(filter.clone()).map_err(|e| e.to_string())?,
            ),
        },
        ..Default::default()
    };
    let stalled = case.value["stalled"].as_bool().unwrap_or_default();
    let rules = match Policy::new(&spec) {
        Ok(rules) => rules,
        Err(error) => {
            expect("stalled", &true, &stalled)?;
            let text = format!("invalid policy: {error}");
            return expect("error", &text.as_str(), &case.text("error"));
        }
    };
    if stored.is_empty() {
        return expect(
            "error",
            &"no tags in database",
            &case
                .text("error")
                .trim_start_matches("retrying in 30s error: "),
        );
    }
    let selection = rules.select(&stored);
    let got = match selection.error() {
        Some(error) if error.stalled() => {
            expect("stalled", &true, &stalled)?;
            Err(format!("failed to filter tags: {error}"))
        }
        _ => outcome(&selection),
    };
    if case.has("nondeterministic") {
        expect_outcome(case, "settled", "settled_error", &got)?;
        if got.is_ok() {
            expect("a warning", &true, &!selection.warnings().is_empty())?;
        }
    } else {
        expect_outcome(case, "latest", "error", &got)?;
    }
    if case.has("tied") {
        let mut tied = selection.tied().to_vec();
        let mut wanted = case.texts("tied");
        tied.sort();
        wanted.sort();
        expect("tied", &tied, &wanted)?;
    }
    let unsorted: Vec<&str> = stored.iter().rev().map(String::as_str).collect();
    let again = rules.select_unsorted(&unsorted);
    expect("tag in another order", &again.tag(), &selection.tag())?;
    expect("error in another order", &again.error(), &selection.error())?;
    let explanation = selection.explain(&rules, &stored);
    if case.has("collisions") {
        let got: Value = explanation
            .collisions()
            .into_iter()
            .map(|(item, tags)| serde_json::json!({"item": item, "tags": tags}))
            .collect();
        expect("collisions", &got, &case.value["collisions"])?;
    }
    let winners: Vec<&str> = explanation
        .rows()
        .filter(|row| row.verdict.code() == "selected")
        .map(|row| row.tag)
        .collect();
    let wanted: Vec<&str> = selection.tag().into_iter().collect();
    expect("selected verdicts", &winners, &wanted)?;
    expect(
        "a row for each tag",
        &explanation.rows().count(),
        &stored.len(),
    )
}

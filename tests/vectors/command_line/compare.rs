//! An answer beside the expected one, field by field.

use kubectl_imageupdate::output::Table;
use serde_json::Value;

use super::expected::{Expected, Output, Rows, compared};
use super::program::Answer;
use super::stage::Stage;

pub(super) fn all(
    expected: &Expected,
    answer: &Answer,
    stage: Option<&Stage>,
) -> Result<(), String> {
    if answer.code != expected.code {
        return Err(format!("exit {}, expected {}", answer.code, expected.code));
    }
    stdout(&expected.stdout, &answer.stdout)?;
    stderr(expected, &answer.stderr)?;
    for (key, wanted) in &expected.mutation {
        let stage = stage.ok_or("objects without a cluster")?;
        let found = stage.read(key).map(|object| compared(&object));
        let fits = match (&found, wanted) {
            (Some(found), Some(wanted)) => is_like(found, wanted),
            (found, wanted) => found.is_none() && wanted.is_none(),
        };
        if !fits {
            return Err(format!("{key} is {found:?}, expected {wanted:?}"));
        }
    }
    Ok(())
}

fn stdout(expected: &Output, found: &str) -> Result<(), String> {
    let same = |wanted: &str| {
        if found == wanted {
            return Ok(());
        }
        Err(format!("stdout differs, expected {wanted:?}"))
    };
    match expected {
        Output::Any => Ok(()),
        Output::Help => {
            if found.contains("Usage:") {
                return Ok(());
            }
            Err("no help".to_owned())
        }
        Output::Tables(tables) => same(&render(tables)),
        Output::Yaml(wanted) | Output::Exactly(wanted) => same(wanted),
        Output::Rows(rows) => {
            let has = |row: &Vec<String>| row.iter().all(|cell| found.contains(cell.as_str()));
            if rows.iter().all(has) && found.lines().count() <= rows.len() + 1 {
                return Ok(());
            }
            Err(format!("rows differ, expected {rows:?}"))
        }
        Output::Results(results) => {
            for (name, words) in results {
                let is_said = found.lines().any(|line| {
                    let (object, word) = line.split_once(' ').unwrap_or_default();
                    let object = object.rsplit('/').next().unwrap_or_default();
                    (name.is_empty() || object == name) && words.contains(&word)
                });
                if !is_said {
                    return Err(format!("no line says that {name:?} was {words:?}"));
                }
            }
            Ok(())
        }
        Output::Candidates(wanted) => {
            let values: Vec<&str> = found
                .lines()
                .map(|line| line.split('\t').next().unwrap_or_default())
                .collect();
            if values == *wanted {
                return Ok(());
            }
            Err(format!("candidates {values:?}, expected {wanted:?}"))
        }
    }
}

/// Tables in kubectl's layout.
fn render(tables: &[Rows]) -> String {
    let texts: Vec<String> = tables
        .iter()
        .map(|rows| {
            let header = rows.header.as_deref().unwrap_or_default();
            let mut table = Table::new(header.iter().map(|cell| cell.replace(' ', "-")));
            for row in &rows.rows {
                table.row(row);
            }
            table.render(rows.header.is_some())
        })
        .collect();
    texts.join("\n")
}

fn stderr(expected: &Expected, found: &str) -> Result<(), String> {
    for complaint in &expected.complaints {
        if !complaint.text.is_empty() && found.contains(&complaint.text) {
            continue;
        }
        for fact in &complaint.facts {
            if !found.contains(fact.as_str()) {
                return Err(format!(
                    "stderr does not name {fact:?}: {:?}",
                    complaint.text
                ));
            }
        }
    }
    let complains = found
        .lines()
        .any(|line| line.starts_with("error:") || line.starts_with("Error from server"));
    if complains && expected.code == 0 {
        return Err("an error is told, and the exit code is 0".to_owned());
    }
    if expected.code != 0 && found.is_empty() {
        return Err("nothing is told about the failure".to_owned());
    }
    Ok(())
}

/// Equal, where a text of the expected value may stand for the current time.
fn is_like(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::String(found), Value::String(wanted)) if wanted == "${RFC3339NANO}" => {
            found.len() >= 20 && found.parse::<jiff::Timestamp>().is_ok()
        }
        (Value::Object(found), Value::Object(wanted)) => {
            found.len() == wanted.len()
                && wanted.iter().all(|(field, wanted)| {
                    found.get(field).is_some_and(|found| is_like(found, wanted))
                })
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len()
                && found
                    .iter()
                    .zip(wanted)
                    .all(|(found, wanted)| is_like(found, wanted))
        }
        (found, wanted) => found == wanted,
    }
}

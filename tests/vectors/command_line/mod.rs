//! Area `cli`: flux's command lines, run by this program against a real API server.
//!
//! What flux printed, returned and did stands in a case. It is first brought into the form in which
//! this program would say the same ([`expected`]), then the rules of `docs/compatibility.md` change
//! what is different on purpose ([`rules`]), and everything is compared ([`compare`]).

mod compare;
mod controller;
mod expected;
mod line;
mod oracle;
mod program;
mod rules;
mod stage;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use self::expected::Expected;
use self::program::Folder;
use self::stage::World;
use crate::{Case, Verdict};

/// Commands that this project has no counterpart of.
const ABSENT: &[&str] = &["migrate-files"];

/// The servers of the whole run. Cases share them, so they run one after the other.
static WORLD: Mutex<Option<World>> = Mutex::new(None);

/// A deviation: rule of `docs/compatibility.md` and field of the case.
type Deviations = BTreeSet<(&'static str, &'static str)>;

pub(crate) fn is_run(file: &str) -> bool {
    !ABSENT.contains(&file)
}

pub(crate) fn run(case: &Case<'_>) -> Option<Verdict> {
    let mut world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    let world = world.get_or_insert_with(World::default);
    Some(match check(case, world) {
        Err(why) => Verdict::Failed(why),
        Ok(rules) if rules.is_empty() => Verdict::Passed,
        Ok(rules) => Verdict::Deviating(rules.into_iter().collect()),
    })
}

fn check(case: &Case<'_>, world: &mut World) -> Result<Deviations, String> {
    let stage = world.prepare(case);
    let folder = Folder::new(case, stage.as_deref());
    let arguments = arguments(case, &folder);
    let in_order = line::in_order(&arguments);
    let mut expected = Expected::of(case, &folder, &in_order)?;
    let mut deviations = Deviations::new();
    expected.translate(&mut deviations);
    let oracle = oracle::Oracle {
        case,
        arguments: &in_order,
        folder: &folder,
        stage: stage.as_deref(),
    };
    rules::apply(&oracle, &mut expected, &mut deviations);
    let answer = {
        let _controller = stage
            .as_deref()
            .map(|stage| controller::Controller::start(stage.cluster, &controller_of(&oracle)));
        if let Some(stage) = stage.as_deref() {
            stage.delete_before(&case.texts("pre_delete"));
        }
        folder.call(&arguments)
    };
    let verdict = compare::all(&expected, &answer, stage.as_deref());
    if let Some(stage) = stage {
        stage.after(&arguments);
    }
    verdict.map_err(|why| {
        format!(
            "{why}\n    {arguments:?}\n    exit {}\n    stdout: {:?}\n    stderr: {:?}",
            answer.code, answer.stdout, answer.stderr
        )
    })?;
    Ok(deviations)
}

/// The command line. The controllers are asked, as flux asks them, with `--request`.
fn arguments(case: &Case<'_>, folder: &Folder) -> Vec<String> {
    let mut arguments: Vec<String> = case
        .texts("args")
        .iter()
        .map(|argument| folder.fill(argument))
        .collect();
    if line::in_order(&arguments)
        .first()
        .is_some_and(|verb| verb == "reconcile")
    {
        arguments.push("--request".to_owned());
    }
    arguments
}

/// The statuses that the controller of a case writes. Where flux looks at the first name only, the
/// other ones get the same.
fn controller_of(oracle: &oracle::Oracle<'_>) -> Value {
    let mut statuses = oracle.case.value["controller"].clone();
    if oracle.verb() != "reconcile" {
        return statuses;
    }
    let names = oracle.names();
    for (key, status) in oracle.case.value["controller"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let (start, name) = key.rsplit_once('/').unwrap_or_default();
        if names.first() == Some(&name) {
            for other in &names[1..] {
                statuses[format!("{start}/{other}")] = status.clone();
            }
        }
    }
    statuses
}

/// A text below a JSON value; absent reads as empty.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

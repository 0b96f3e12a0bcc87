//! `get -f`: the status that a reconcile would compute now.

use std::sync::Arc;

use serde_json::Value;

use super::{GetArgs, Query, unreadable};
use crate::api::{Kind, Summary};
use crate::commands::{reconcile, runtime};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::model::RunReport;
use crate::ops::{self, Apply, RunOptions, Scope, status};
use crate::output::views::Listing;

/// Runs without writing anything, and prints.
pub(super) fn run(
    args: &GetArgs,
    query: &Query,
    context: &Context,
) -> Result<Outcome, CommandError> {
    if query.fields.is_some() {
        return Err(CommandError::usage(
            "--field-selector needs a cluster, not files",
        ));
    }
    let services = context.services(context.objects(&args.objects)?, &args.registry, &args.tree)?;
    let run_options = RunOptions {
        scope: Scope {
            namespace: query.namespace.clone(),
            labels: query.labels.clone(),
        },
        targets: query.named.targets(),
        apply: Apply::Nothing,
        timeout: context.timeout(),
        ..RunOptions::default()
    };
    let report = runtime::block_on(context, async {
        Ok(Arc::new(ops::run(&services, &run_options).await?))
    })?;
    let now = query.shown.now.to_string();
    let mut listings = Vec::new();
    for kind in &query.named.kinds {
        let mut listing = Listing::new(*kind, &query.shown);
        for object in computed(*kind, &report, &query.named.names, &now) {
            let summary = Summary::from_value(*kind, &object)
                .map_err(|error| CommandError::failed(error.to_string()).caused_by(&error))?;
            if query.chooses(&summary) {
                listing
                    .take(object, &query.shown)
                    .map_err(|error| unreadable(&error))?;
            }
        }
        listings.push(listing);
    }
    query.print(listings, context)?;
    for note in report.all_notes() {
        reconcile::show_note(context, note);
    }
    Ok(Outcome::Done)
}

/// The objects of one kind with the status that a reconcile would write.
fn computed(kind: Kind, report: &RunReport, names: &[String], now: &str) -> Vec<Value> {
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let with = |raw: &Value, status: Value| {
        let mut object = raw.clone();
        object["status"] = status;
        object
    };
    match kind {
        Kind::ImageRepository => report
            .repositories
            .iter()
            .filter(|outcome| is_wanted(&outcome.object.metadata.name))
            .map(|outcome| with(&outcome.object.raw, status::repository_status(outcome, now)))
            .collect(),
        Kind::ImagePolicy => report
            .policies
            .iter()
            .filter(|outcome| is_wanted(&outcome.object.metadata.name))
            .map(|outcome| with(&outcome.object.raw, status::policy_status(outcome, now)))
            .collect(),
        Kind::ImageUpdateAutomation => report
            .updates
            .iter()
            .filter(|outcome| is_wanted(&outcome.object.metadata.name))
            .map(|outcome| {
                with(
                    &outcome.object.raw,
                    status::planned_update_status(outcome, now),
                )
            })
            .collect(),
        Kind::GitRepository | Kind::Secret | Kind::ServiceAccount | Kind::Namespace => Vec::new(),
    }
}

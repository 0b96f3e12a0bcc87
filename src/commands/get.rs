//! `get`: objects and their status, as flux's tables.

use std::sync::Arc;

use clap::Args;
use serde_json::Value;

use super::{kinds, runtime};
use crate::api::Kind;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::flags::{ObjectFlags, OutputFlags, RegistryFlags, TreeFlags};
use crate::model::RunReport;
use crate::ops::{self, Apply, RunOptions, Scope, status};
use crate::output::views::{ListOptions, Listing, render_list};
use crate::output::{Format, JsonPath};

/// Show repositories, policies and automations with their status
///
/// In a cluster the stored status is shown. With -f the objects come from files, and the status is
/// what a reconcile would compute now: registries are scanned and repositories fetched, nothing is
/// written.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # All three kinds, as computed now from files
  kubectl imageupdate get all -f clusters/my-cluster -R

  # One policy as JSON
  kubectl imageupdate get policy podinfo -f podinfo.yaml -o json

Exit codes:
  0 done, also when nothing was found; 1 failed, or a named object is missing; 2 usage error")]
pub struct GetArgs {
    /// KIND [NAME...] or KIND/NAME...; KIND is all, repository, policy or update
    #[arg(value_name = "KIND [NAME]")]
    words: Vec<String>,

    /// Every namespace
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Label selector, for example app=podinfo,tier!=test
    #[arg(short = 'l', long, alias = "label-selector", value_name = "SELECTOR")]
    selector: Option<String>,

    #[command(flatten)]
    objects: ObjectFlags,

    #[command(flatten)]
    output: OutputFlags,

    #[command(flatten)]
    registry: RegistryFlags,

    #[command(flatten)]
    tree: TreeFlags,
}

/// Runs `get`.
pub fn run(args: &GetArgs, context: &Context) -> Result<Outcome, CommandError> {
    let named = kinds::read(&args.words, None, context.program(), "get")?;
    let options = list_options(args, context, &named)?;
    let scope = Scope {
        namespace: context.namespace_scope(&args.objects, args.all_namespaces)?,
        labels: args.selector.clone(),
    };
    let services = context.services(context.objects(&args.objects)?, &args.registry, &args.tree)?;
    let run_options = RunOptions {
        scope: scope.clone(),
        targets: named.targets(),
        apply: Apply::Nothing,
        timeout: context.timeout(),
        ..RunOptions::default()
    };
    let report = runtime::block_on(context, async {
        Ok(Arc::new(ops::run(&services, &run_options).await?))
    })?;
    let now = options.now.to_string();
    let listings: Vec<Listing> = named
        .kinds
        .iter()
        .map(|kind| Listing {
            kind: *kind,
            objects: computed(*kind, &report, &named.names, &now),
        })
        .collect();
    let empty = listings.iter().all(|listing| listing.objects.is_empty());
    if empty && options.format == Format::Human {
        context
            .ui()
            .status(&nothing_found(scope.namespace.as_deref()));
    } else {
        context.ui().print(&render_list(listings, &options));
    }
    for note in report.all_notes() {
        super::reconcile::show_note(context, note);
    }
    Ok(Outcome::Done)
}

/// kubectl's sentence for an empty list.
fn nothing_found(namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("No resources found in {namespace} namespace."),
        None => "No resources found".to_owned(),
    }
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

fn list_options(
    args: &GetArgs,
    context: &Context,
    named: &kinds::Named,
) -> Result<ListOptions, CommandError> {
    let format = match &args.output.output {
        None => Format::Human,
        Some(text) => Format::parse(text, &[]).map_err(|e| CommandError::usage(e.to_string()))?,
    };
    let sort_by = match &args.output.sort_by {
        None => None,
        Some(path) => Some(
            JsonPath::parse_relaxed(path)
                .map_err(|error| CommandError::usage(format!("--sort-by: {error}")))?,
        ),
    };
    // Files hold several namespaces as a rule, so they are shown unless one was asked for.
    let several =
        args.all_namespaces || (args.objects.from_files() && context.global().namespace.is_none());
    Ok(ListOptions {
        format,
        all_namespaces: several,
        kind_prefix: named.all,
        headers: !args.output.no_headers,
        sort_by,
        managed_fields: args.output.show_managed_fields,
        single: named.names.len() == 1 && !named.all,
        zone: context.zone(),
        now: context.clock().now(),
    })
}

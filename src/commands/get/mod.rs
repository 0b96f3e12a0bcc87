//! `get`: objects and their status, as flux's tables.

mod computed;
mod stored;
mod watched;

use clap::Args;

use super::kinds::{self, Named};
use crate::api::Summary;
use crate::context::Context;
use crate::error::{CommandError, Mistakes};
use crate::exit::Outcome;
use crate::flags::{ObjectFlags, OutputFlags, RegistryFlags, TreeFlags};
use crate::output::views::{ListOptions, Listing, ListingError, render_list};
use crate::output::{Format, JsonPath};
use crate::selector::{Selector, StatusSelector};

/// Show repositories, policies and automations with their status
///
/// In a cluster the stored status is shown. With -f the objects come from files, and the status is
/// what a reconcile would compute now: registries are scanned and repositories fetched, nothing is
/// written.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # All three kinds in every namespace
  kubectl imageupdate get all -A

  # Policies that are not ready
  kubectl imageupdate get policy --status-selector ready=false

  # The tag that a policy chose
  kubectl imageupdate get policy podinfo -o jsonpath='{.status.latestRef.tag}'

  # All three kinds, as computed now from files
  kubectl imageupdate get all -f clusters/my-cluster -R

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

    /// Field selector, for example metadata.name=podinfo
    #[arg(long, value_name = "SELECTOR")]
    field_selector: Option<String>,

    /// Conditions that objects must have, as TYPE=STATUS or TYPE!=STATUS, for example ready=false
    #[arg(long, value_name = "SELECTOR")]
    status_selector: Option<String>,

    /// Show one kind, and then every change until Ctrl-C or --timeout
    #[arg(short, long)]
    watch: bool,

    #[command(flatten)]
    objects: ObjectFlags,

    #[command(flatten)]
    output: OutputFlags,

    #[command(flatten)]
    registry: RegistryFlags,

    #[command(flatten)]
    tree: TreeFlags,
}

/// What a call asks for.
struct Query {
    named: Named,
    /// One namespace, or all.
    namespace: Option<String>,
    labels: Option<String>,
    fields: Option<String>,
    statuses: Option<StatusSelector>,
    shown: ListOptions,
}

/// Runs `get`.
pub fn run(args: &GetArgs, context: &Context) -> Result<Outcome, CommandError> {
    let query = query(args, context)?;
    match (args.objects.from_files(), args.watch) {
        (true, true) => Err(CommandError::usage(
            "files cannot be watched: -w and -f exclude each other",
        )),
        (true, false) => computed::run(args, &query, context),
        (false, true) => watched::run(&query, context),
        (false, false) => stored::run(&query, context),
    }
}

fn query(args: &GetArgs, context: &Context) -> Result<Query, CommandError> {
    let mut mistakes = Mistakes::default();
    let named = mistakes.value(kinds::read(&args.words, None, "get"));
    let printed = mistakes.value(printed(args));
    mistakes.value(label_selector(args));
    let statuses = args.status_selector.as_deref().map(StatusSelector::parse);
    let statuses = statuses.transpose();
    let statuses = mistakes.value(statuses.map_err(|e| CommandError::failed(e.to_string())));
    mistakes.finish()?;
    let shown = list_options(args, context, &named, printed);
    Ok(Query {
        namespace: context.namespace_scope(&args.objects, args.all_namespaces)?,
        labels: args.selector.clone(),
        fields: args.field_selector.clone(),
        statuses,
        named,
        shown,
    })
}

fn label_selector(args: &GetArgs) -> Result<(), CommandError> {
    let parsed = args.selector.as_deref().map(Selector::parse).transpose();
    parsed
        .map(|_| ())
        .map_err(|error| CommandError::failed(format!("unable to parse label selector: {error}")))
}

impl Query {
    /// Whether the status selector chooses an object.
    fn chooses(&self, object: &Summary<'_>) -> bool {
        let conditions = object.status.conditions.iter();
        self.statuses.as_ref().is_none_or(|statuses| {
            statuses.matches(
                conditions.map(|condition| (condition.kind.as_str(), condition.status.as_str())),
            )
        })
    }

    /// Puts the JSON text of an object into a listing, if the status selector chooses it.
    fn put(&self, text: &[u8], listing: &mut Listing) -> Result<(), ListingError> {
        if self.statuses.is_some() && !self.chooses(&Summary::from_text(listing.kind(), text)?) {
            return Ok(());
        }
        listing.take_text(text, &self.shown)
    }

    /// Prints listings, or that there is nothing in them.
    fn print(&self, listings: Vec<Listing>, context: &Context) -> Result<(), CommandError> {
        let has_items = self.shown.format.is_table() || self.shown.format == Format::Name;
        if has_items && listings.iter().all(Listing::is_empty) {
            context.ui().status(&match &self.namespace {
                Some(namespace) => format!("No resources found in {namespace} namespace."),
                None => "No resources found".to_owned(),
            });
            return Ok(());
        }
        render_list(listings, &self.shown, &mut |text| context.ui().print(text))
            .map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &ListingError) -> CommandError {
    CommandError::failed(error.to_string()).caused_by(error)
}

/// The format, and what to sort by.
fn printed(args: &GetArgs) -> Result<(Format, Option<JsonPath>), CommandError> {
    let format = args.output.output.as_deref();
    let format = format.map_or(Ok(Format::Human), |text| Format::parse(text, &[]));
    let sort_by = args.output.sort_by.as_deref();
    let sort_by = sort_by.map(JsonPath::parse_relaxed).transpose();
    let mut mistakes = Mistakes::default();
    let format = mistakes.value(format.map_err(|error| CommandError::usage(error.to_string())));
    let sort_by =
        mistakes.value(sort_by.map_err(|error| CommandError::usage(format!("--sort-by: {error}"))));
    mistakes.finish()?;
    Ok((format, sort_by))
}

fn list_options(
    args: &GetArgs,
    context: &Context,
    named: &Named,
    (format, sort_by): (Format, Option<JsonPath>),
) -> ListOptions {
    // Files hold several namespaces as a rule, so they are shown unless one was asked for.
    let several =
        args.all_namespaces || (args.objects.from_files() && context.global().namespace.is_none());
    ListOptions {
        format,
        all_namespaces: several,
        kind_prefix: named.all,
        headers: !args.output.no_headers,
        sort_by,
        managed_fields: args.output.show_managed_fields,
        single: named.names.len() == 1 && !named.all && !args.all_namespaces,
        zone: context.zone(),
        now: context.clock().now(),
    }
}

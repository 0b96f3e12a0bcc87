//! `get -w`: the stored status, and every change of it.

use std::ops::ControlFlow;

use serde_json::Value;

use super::{Query, unreadable};
use crate::api::Kind;
use crate::commands::runtime;
use crate::commands::selected::result_name;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::key::NamespacedName;
use crate::output::views::{ListOptions, Listing, ListingError, render_list};
use crate::ports::ObjectChange;

/// Shows what is there, and then each change as it comes, until the time is up.
pub(super) fn run(query: &Query, context: &Context) -> Result<Outcome, CommandError> {
    let (&[kind], [] | [_]) = (query.named.kinds.as_slice(), query.named.names.as_slice()) else {
        return Err(CommandError::usage(
            "-w shows one kind, and all of its objects or one: name repository, policy or update",
        ));
    };
    if query.shown.sort_by.is_some() {
        return Err(CommandError::usage(
            "--sort-by cannot be used with -w: changes come in the order in which they happen",
        ));
    }
    let cluster = context.cluster()?;
    let name = query.named.names.first().map(String::as_str);
    let scope = super::stored::scope(query, name);
    runtime::block_on(context, async {
        let mut listing = Listing::new(kind, &query.shown);
        let mut problem = None;
        // Rows are listed first, so that their columns fit all of them; other formats take what is
        // there one by one, as the watch brings it.
        let version = if query.shown.format.is_table() {
            cluster
                .list_each(kind, &scope, &mut |text| {
                    problem = query.put(text, &mut listing).err().or(problem.take());
                })
                .await?
        } else {
            String::new()
        };
        if let Some(error) = problem.take() {
            return Err(unreadable(&error));
        }
        let mut rows = Rows {
            query,
            context,
            has_header: false,
            listing: listing.continued(),
        };
        rows.print(listing).map_err(|error| unreadable(&error))?;
        let mut visit = |change: ObjectChange| match rows.show(kind, change) {
            // Whoever read the changes has seen enough.
            Ok(()) if context.ui().is_closed() => ControlFlow::Break(()),
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                problem = Some(error);
                ControlFlow::Break(())
            }
        };
        let changes = cluster.watch(kind, &scope, &version, &mut visit);
        let limited = async {
            let Some(limit) = context.given_timeout() else {
                return Ok(changes.await?);
            };
            match tokio::time::timeout(limit, changes).await {
                Ok(ended) => Ok(ended?),
                Err(_) => Err(CommandError::failed("timed out waiting for the condition")
                    .with_hint("without --timeout a watch lasts until Ctrl-C")),
            }
        };
        runtime::unless_interrupted(context, limited).await?;
        match problem {
            Some(error) => Err(unreadable(&error)),
            None => Ok(Outcome::Done),
        }
    })
}

/// Rows that come one after the other, below one header.
struct Rows<'q> {
    query: &'q Query,
    context: &'q Context,
    has_header: bool,
    listing: Listing,
}

impl Rows<'_> {
    fn show(&mut self, kind: Kind, change: ObjectChange) -> Result<(), ListingError> {
        match change {
            ObjectChange::Added(object) | ObjectChange::Modified(object) => {
                let mut listing = self.listing.continued();
                self.query
                    .put(object.to_string().as_bytes(), &mut listing)?;
                self.print(listing)
            }
            ObjectChange::Deleted(object) => {
                let name = result_name(kind, &key(&object));
                self.context.ui().status(&format!("{name} deleted"));
                Ok(())
            }
        }
    }

    fn print(&mut self, listing: Listing) -> Result<(), ListingError> {
        if listing.is_empty() {
            return Ok(());
        }
        let shown = ListOptions {
            headers: self.query.shown.headers && !self.has_header,
            // Each change is an object of its own, not a list of one.
            single: true,
            ..self.query.shown.clone()
        };
        self.has_header = true;
        self.listing = listing.continued();
        render_list(vec![listing], &shown, &mut |text| {
            self.context.ui().print(text);
        })
    }
}

fn key(object: &Value) -> NamespacedName {
    let part = |name| object["metadata"][name].as_str().unwrap_or_default();
    NamespacedName::new(part("namespace"), part("name"))
}

//! `get` from a cluster: the stored status, the kinds side by side.

use futures::future::join_all;

use super::{Query, unreadable};
use crate::api::Kind;
use crate::commands::runtime;
use crate::commands::selected::{Failures, not_found};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::key::NamespacedName;
use crate::output::views::{Listing, ListingError};
use crate::ports::{Cluster, ObjectScope, ObjectsError};

/// Reads and prints.
pub(super) fn run(query: &Query, context: &Context) -> Result<Outcome, CommandError> {
    let cluster = context.cluster()?;
    runtime::block_on_within(context, async {
        let kinds = query.named.kinds.iter();
        let fetched = join_all(kinds.map(|kind| fetch(*kind, query, cluster.as_ref()))).await;
        let absent: Vec<bool> = fetched.iter().map(Fetched::is_of_an_unknown_kind).collect();
        let some_are_known = absent.iter().any(|absent| !absent);
        let mut failures = Failures::new(context);
        let mut listings = Vec::new();
        for (fetched, is_absent) in fetched.into_iter().zip(absent) {
            if is_absent && some_are_known {
                // A cluster may have one of Flux's two image controllers only.
                let kind = fetched.listing.kind().plural();
                context.ui().warn(&format!(
                    "the server doesn't have a resource type {kind:?}, so none is shown"
                ));
                continue;
            }
            for error in &fetched.failures {
                failures.add_once(error);
            }
            listings.push(fetched.listing);
        }
        if !failures.any() || listings.iter().any(|listing| !listing.is_empty()) {
            query.print(listings, context)?;
        }
        failures.finish()
    })
}

/// The objects of one kind, and what went wrong.
struct Fetched {
    listing: Listing,
    failures: Vec<CommandError>,
    is_unknown: bool,
}

impl Fetched {
    fn is_of_an_unknown_kind(&self) -> bool {
        self.is_unknown
    }

    fn fail(&mut self, error: ObjectsError) {
        self.is_unknown |= matches!(error, ObjectsError::NoKind(_));
        self.failures.push(error.into());
    }

    /// Takes the JSON text of an object.
    fn put(&mut self, text: &[u8], query: &Query) {
        if let Err(error) = query.put(text, &mut self.listing) {
            self.unreadable(&error);
        }
    }

    fn unreadable(&mut self, error: &ListingError) {
        self.failures.push(unreadable(error));
    }
}

async fn fetch(kind: Kind, query: &Query, cluster: &dyn Cluster) -> Fetched {
    let mut fetched = Fetched {
        listing: Listing::new(kind, &query.shown),
        failures: Vec::new(),
        is_unknown: false,
    };
    if query.named.names.is_empty() {
        let listed = cluster
            .list_each(kind, &scope(query, None), &mut |text| {
                fetched.put(text, query);
            })
            .await;
        if let Err(error) = listed {
            fetched.fail(error);
        }
        return fetched;
    }
    for name in &query.named.names {
        if let Err(error) = fetch_named(kind, name, query, cluster, &mut fetched).await {
            fetched.fail(error);
        }
    }
    fetched
}

/// One name: in one namespace one object, in all of them one of each.
async fn fetch_named(
    kind: Kind,
    name: &str,
    query: &Query,
    cluster: &dyn Cluster,
    fetched: &mut Fetched,
) -> Result<(), ObjectsError> {
    let key = NamespacedName::new(query.namespace.as_deref().unwrap_or_default(), name);
    let mut found = 0;
    if query.namespace.is_some() && query.labels.is_none() && query.fields.is_none() {
        if let Some(object) = cluster.get(kind, &key).await? {
            found += 1;
            fetched.put(object.to_string().as_bytes(), query);
        }
    } else {
        let scope = scope(query, Some(name));
        cluster
            .list_each(kind, &scope, &mut |text| {
                found += 1;
                fetched.put(text, query);
            })
            .await?;
    }
    if found == 0 {
        fetched.failures.push(not_found(cluster, kind, &key).await);
    }
    Ok(())
}

/// What the API server is asked for.
pub(super) fn scope(query: &Query, name: Option<&str>) -> ObjectScope {
    let name = name.map(|name| format!("metadata.name={name}"));
    let fields: Vec<String> = name.into_iter().chain(query.fields.clone()).collect();
    ObjectScope {
        namespace: query.namespace.clone(),
        labels: query.labels.clone(),
        fields: (!fields.is_empty()).then(|| fields.join(",")),
    }
}

//! The objects that a verb of the cluster works on: named ones, or all of a kind.

use clap::Args;

use super::kinds;
use crate::api::Kind;
use crate::context::Context;
use crate::error::CommandError;
use crate::key::NamespacedName;
use crate::ports::{Cluster, ObjectScope};

/// Names, or `--all`.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct SelectedArgs {
    /// KIND NAME... or KIND/NAME...; KIND is repository, policy or update
    #[arg(value_name = "KIND NAME")]
    pub(super) words: Vec<String>,

    /// Every object of the kind in the namespace
    #[arg(long)]
    pub(super) all: bool,
}

/// The objects of a call.
pub(super) struct Selected {
    /// The kind.
    pub(super) kind: Kind,
    /// Their keys, in the order given, each once.
    pub(super) keys: Vec<NamespacedName>,
}

impl SelectedArgs {
    /// Works out the objects. Names count before `--all`, as in flux.
    pub(super) async fn select(
        &self,
        cluster: &dyn Cluster,
        context: &Context,
        verb: &str,
    ) -> Result<Selected, CommandError> {
        let named = kinds::read(&self.words, None, context.program(), verb)?;
        let &[kind] = named.kinds.as_slice() else {
            return Err(CommandError::usage(format!(
                "{verb} works on one kind at a time: repository, policy or update"
            )));
        };
        let namespace = context.cluster_namespace()?;
        if !named.names.is_empty() {
            let keys = named
                .names
                .iter()
                .map(|name| NamespacedName::new(&namespace, name))
                .collect();
            return Ok(Selected { kind, keys });
        }
        if !self.all {
            return Err(CommandError::failed(format!(
                "{} name is required",
                kind.human()
            )));
        }
        let scope = ObjectScope {
            namespace: Some(namespace.clone()),
            ..ObjectScope::default()
        };
        let keys: Vec<NamespacedName> = cluster
            .list(kind, &scope)
            .await?
            .iter()
            .map(|object| {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                NamespacedName::new(&namespace, name)
            })
            .collect();
        if keys.is_empty() {
            context
                .ui()
                .status(&format!("No resources found in {namespace} namespace."));
        }
        Ok(Selected { kind, keys })
    }
}

/// kubectl's name of an object in result lines.
pub(super) fn result_name(kind: Kind, key: &NamespacedName) -> String {
    format!("{}.{}/{}", kind.singular(), kind.group(), key.name)
}

/// kubectl's sentence for a named object that is missing.
pub(super) fn not_found(kind: Kind, key: &NamespacedName) -> CommandError {
    CommandError::failed(format!(
        "Error from server (NotFound): {}.{} \"{}\" not found",
        kind.plural(),
        kind.group(),
        key.name
    ))
}

/// Carries on over failures: prints each as it happens and fails at the end.
pub(super) struct Failures<'c> {
    context: &'c Context,
    any: bool,
}

impl<'c> Failures<'c> {
    /// No failure yet.
    pub(super) fn new(context: &'c Context) -> Self {
        Self {
            context,
            any: false,
        }
    }

    /// Prints a failure.
    pub(super) fn add(&mut self, error: &CommandError) {
        self.any = true;
        crate::exit::render(error, self.context.program(), self.context.ui());
    }

    /// The result of the whole call.
    pub(super) fn finish(self) -> Result<crate::exit::Outcome, CommandError> {
        if self.any {
            return Err(CommandError::already_printed());
        }
        Ok(crate::exit::Outcome::Done)
    }
}

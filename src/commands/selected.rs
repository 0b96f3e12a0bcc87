//! The objects that a verb of the cluster works on: named ones, or all of a kind.

use clap::Args;
use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use super::kinds;
use crate::api::Kind;
use crate::context::Context;
use crate::error::CommandError;
use crate::key::NamespacedName;
use crate::ops::{self, FIELD_MANAGER};
use crate::ports::{Cluster, ObjectScope, Objects, ObjectsError, PatchKind, WriteOptions};

/// Requests for named objects at one time.
const PARALLEL_READS: usize = 8;

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

/// What a call names.
pub(super) struct Selected {
    /// The kind.
    pub(super) kind: Kind,
    /// The namespace.
    pub(super) namespace: String,
    /// Names in the order given, each once.
    names: Vec<String>,
}

impl SelectedArgs {
    /// Reads the words; nobody is contacted.
    pub(super) fn read(&self, context: &Context, verb: &str) -> Result<Selected, CommandError> {
        let named = kinds::read(&self.words, None, verb)?;
        let &[kind] = named.kinds.as_slice() else {
            return Err(CommandError::usage(format!(
                "{verb} works on one kind at a time: repository, policy or update"
            )));
        };
        let namespace = context.cluster_namespace()?;
        if named.names.is_empty() && !self.all {
            return Err(
                CommandError::failed(format!("{} name is required", kind.human()))
                    .with_hint("use --all for every one of the namespace"),
            );
        }
        Ok(Selected {
            kind,
            namespace,
            names: named.names,
        })
    }
}

impl Selected {
    /// The keys of the objects. Names count before `--all`, as in flux.
    pub(super) async fn keys(
        &self,
        cluster: &dyn Cluster,
        context: &Context,
    ) -> Result<Vec<NamespacedName>, CommandError> {
        if !self.names.is_empty() {
            let names = self.names.iter();
            return Ok(names
                .map(|name| NamespacedName::new(&self.namespace, name))
                .collect());
        }
        let objects = self.objects(cluster, context).await?;
        let keys = objects.iter().map(|object| {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            NamespacedName::new(&self.namespace, name)
        });
        Ok(keys.collect())
    }

    /// The keys of the objects that there are, and a failure for each named one that there is not.
    pub(super) async fn present(
        &self,
        cluster: &dyn Cluster,
        failures: &mut Failures<'_>,
    ) -> Result<Vec<NamespacedName>, CommandError> {
        let keys = self.keys(cluster, failures.context).await?;
        if self.names.is_empty() {
            // They were listed just now.
            return Ok(keys);
        }
        let mut present = Vec::new();
        let asked = stream::iter(keys).map(|key| async {
            let object = cluster.get(self.kind, &key).await;
            (key, object)
        });
        let mut answers = std::pin::pin!(asked.buffered(PARALLEL_READS));
        while let Some((key, object)) = answers.next().await {
            match object {
                Ok(Some(_)) => present.push(key),
                Ok(None) => failures.add(&not_found(cluster, self.kind, &key).await),
                Err(error) => failures.add(&error.into()),
            }
        }
        Ok(present)
    }

    /// Writes `spec.suspend` of each object, prints `NAME done` for those that took it, and returns
    /// them.
    pub(super) async fn set_suspend(
        &self,
        suspend: Option<bool>,
        done: &str,
        cluster: &dyn Cluster,
        failures: &mut Failures<'_>,
    ) -> Result<Vec<NamespacedName>, CommandError> {
        let options = WriteOptions {
            field_manager: FIELD_MANAGER.to_owned(),
            dry_run: false,
        };
        let patch = json!({"spec": {"suspend": suspend}});
        let mut taken = Vec::new();
        for key in self.keys(cluster, failures.context).await? {
            let answer = cluster.patch(self.kind, &key, &patch, PatchKind::Merge, &options);
            match answer.await {
                Ok(_) => {
                    let name = result_name(self.kind, &key);
                    failures.context.ui().print(&format!("{name} {done}\n"));
                    taken.push(key);
                }
                Err(error) => failures.add(&refused(cluster, self.kind, &key, error).await),
            }
        }
        Ok(taken)
    }

    /// Every object of the kind in the namespace; says so when there is none.
    pub(super) async fn objects(
        &self,
        cluster: &dyn Cluster,
        context: &Context,
    ) -> Result<Vec<Value>, CommandError> {
        let scope = ObjectScope {
            namespace: Some(self.namespace.clone()),
            ..ObjectScope::default()
        };
        let objects = cluster.list(self.kind, &scope).await?;
        if objects.is_empty() {
            let namespace = &self.namespace;
            context
                .ui()
                .status(&format!("No resources found in {namespace} namespace."));
        }
        Ok(objects)
    }
}

/// kubectl's name of an object in result lines.
pub(super) fn result_name(kind: Kind, key: &NamespacedName) -> String {
    format!("{}.{}/{}", kind.singular(), kind.group(), key.name)
}

/// kubectl's sentence for a named object that is missing, with what was meant and where it was looked
/// for.
pub(super) async fn not_found(
    objects: &dyn Objects,
    kind: Kind,
    key: &NamespacedName,
) -> CommandError {
    let mut error = CommandError::failed(format!(
        "Error from server (NotFound): {}.{} \"{}\" not found",
        kind.plural(),
        kind.group(),
        key.name
    ));
    let namespace = Some(key.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    error.hints = ops::name_hints(objects, &[kind], namespace, &key.name).await;
    error
}

/// The error of a write to a named object.
pub(super) async fn refused(
    objects: &dyn Objects,
    kind: Kind,
    key: &NamespacedName,
    error: ObjectsError,
) -> CommandError {
    match error {
        ObjectsError::Answer { ref reason, .. } if reason == "NotFound" => {
            not_found(objects, kind, key).await
        }
        error => error.into(),
    }
}

/// Carries on over failures: prints each as it happens and fails at the end.
pub(super) struct Failures<'c> {
    context: &'c Context,
    told: Vec<String>,
}

impl<'c> Failures<'c> {
    /// No failure yet.
    pub(super) fn new(context: &'c Context) -> Self {
        Self {
            context,
            told: Vec::new(),
        }
    }

    /// Prints a failure.
    pub(super) fn add(&mut self, error: &CommandError) {
        self.told.push(error.message.clone());
        crate::exit::render(error, self.context.program(), self.context.ui());
    }

    /// Prints a failure, unless the same one was printed before: a server that is gone is gone for
    /// every kind.
    pub(super) fn add_once(&mut self, error: &CommandError) {
        if !self.told.contains(&error.message) {
            self.add(error);
        }
    }

    /// Whether anything failed.
    pub(super) fn any(&self) -> bool {
        !self.told.is_empty()
    }

    /// The result of the whole call.
    pub(super) fn finish(self) -> Result<crate::exit::Outcome, CommandError> {
        if self.any() {
            return Err(CommandError::already_printed());
        }
        Ok(crate::exit::Outcome::Done)
    }
}

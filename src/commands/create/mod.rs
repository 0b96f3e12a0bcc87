//! `create`: declares one object, as YAML or in a cluster.
//!
//! Flags are those of `flux create image …`, and one for every other field of the v1 spec. Input is
//! checked before anything is printed or sent: what the controllers would refuse is refused here.

mod checks;
mod policy;
mod repository;
mod update;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::policy::PolicyArgs;
use self::repository::RepositoryArgs;
use self::update::UpdateArgs;
use super::declare;
use crate::api::{IMAGE_GROUP, Kind};
use crate::context::Context;
use crate::error::{CommandError, Mistakes};
use crate::exit::Outcome;
use crate::flags::{GoList, go_list};
use crate::yaml;

/// Declare an image repository, policy or update automation
///
/// Checks the input and prints the object as YAML with --export, or declares its whole spec in the
/// cluster. Spec fields that no flag names are removed from an object that exists.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Print an image repository as YAML
  kubectl imageupdate create repository podinfo --image=ghcr.io/stefanprodan/podinfo --export

  # Print a policy that takes the newest release from 5.0.0 on
  kubectl imageupdate create policy podinfo --image-ref=podinfo --select-semver='>=5.0.0' --export

Exit codes:
  0 done, 1 failed, 2 usage error")]
pub struct CreateArgs {
    #[command(subcommand)]
    kind: CreateKind,
}

#[derive(Debug, Subcommand)]
enum CreateKind {
    #[command(visible_aliases = ["repo"], aliases = ["repositories", "imagerepository", "imagerepositories", "imgrepo", "imagerepo"])]
    Repository(Box<RepositoryArgs>),
    #[command(aliases = ["policies", "imagepolicy", "imagepolicies", "imgpol", "imagepol"])]
    Policy(Box<PolicyArgs>),
    #[command(visible_aliases = ["automation"], aliases = ["updates", "automations", "imageupdateautomation", "imageupdateautomations", "iua", "imgupd", "imgauto"])]
    Update(Box<UpdateArgs>),
}

/// What the three kinds have in common.
#[derive(Debug, Args)]
struct Common {
    /// Name of the object
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Print the object as YAML and contact no cluster
    #[arg(long)]
    export: bool,

    /// Labels, as KEY=VALUE; comma-separated and repeatable
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = go_list)]
    labels: Vec<GoList>,

    /// Create the object suspended
    #[arg(long)]
    suspend: bool,

    /// Print (client) or let the API server check (server) what would be declared
    #[arg(long, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: Option<String>,

    /// Overwrite fields of other field managers
    #[arg(long)]
    force_conflicts: bool,

    /// Wait until the object is ready, at most --timeout
    #[arg(long)]
    wait: bool,
}

/// An object that passed every check.
struct Declaration {
    kind: Kind,
    place: Place,
    object: Value,
}

/// Where a declaration goes.
#[derive(Default)]
enum Place {
    /// Standard output, as YAML.
    #[default]
    Export,
    /// Nowhere: only the result line is printed.
    ClientDryRun,
    /// The cluster.
    Cluster(declare::Options),
}

/// Runs `create`.
pub fn run(args: &CreateArgs, context: &Context) -> Result<Outcome, CommandError> {
    let declaration = match &args.kind {
        CreateKind::Repository(args) => args.declare(context)?,
        CreateKind::Policy(args) => args.declare(context)?,
        CreateKind::Update(args) => args.declare(context)?,
    };
    let Declaration {
        kind,
        place,
        object,
    } = declaration;
    match place {
        Place::Export => context
            .ui()
            .print(&format!("---\n{}", yaml::print(&object))),
        Place::ClientDryRun => context.ui().print(&format!(
            "{}.{}/{} created (dry run)\n",
            kind.singular(),
            kind.group(),
            object["metadata"]["name"].as_str().unwrap_or_default()
        )),
        Place::Cluster(options) => return declare::run(kind, &object, &options, context),
    }
    Ok(Outcome::Done)
}

impl Common {
    /// The name, checked by flux's rule. Checked before every flag.
    fn name(&self) -> Result<&str, CommandError> {
        let name = self
            .name
            .as_deref()
            .ok_or_else(|| CommandError::failed("name is required"))?;
        if checks::is_object_name(name) {
            return Ok(name);
        }
        Err(CommandError::failed(format!(
            "name '{name}' is invalid, it should adhere to standard defined in RFC 1123, the name \
             can only contain alphanumeric characters or '-'"
        )))
    }

    /// The labels of every flag.
    fn labels(&self) -> Result<BTreeMap<String, String>, CommandError> {
        checks::labels(self.labels.iter().flat_map(|list| &list.0))
    }

    fn place(&self) -> Result<Place, CommandError> {
        if self.export {
            return Ok(Place::Export);
        }
        let options = |dry_run| declare::Options {
            force_conflicts: self.force_conflicts,
            dry_run,
            wait: self.wait,
        };
        match self.dry_run.as_deref() {
            None | Some("none" | "false") => Ok(Place::Cluster(options(false))),
            Some("client" | "true") => Ok(Place::ClientDryRun),
            Some("server") => Ok(Place::Cluster(options(true))),
            Some(other) => Err(CommandError::usage(format!(
                "invalid dry-run value ({other}). Must be \"none\", \"server\", or \"client\""
            ))),
        }
    }

    /// What is wrong with the name, which is looked at before every flag.
    fn mistakes(&self) -> Mistakes {
        let mut mistakes = Mistakes::default();
        mistakes.value(self.name().map(|_| ()));
        mistakes
    }

    /// The object around a spec, unless a mistake was found in it or in what the kinds share.
    fn object(
        &self,
        kind: Kind,
        spec: Value,
        mut mistakes: Mistakes,
        context: &Context,
    ) -> Result<Declaration, CommandError> {
        let labels = mistakes.value(self.labels());
        let place = mistakes.value(self.place());
        mistakes.finish()?;
        // An export must not depend on whose kubeconfig is at hand.
        let namespace = context.namespace_for_create(!matches!(place, Place::Cluster(_)))?;
        let mut metadata = json!({"name": self.name()?, "namespace": namespace});
        if !labels.is_empty() {
            metadata["labels"] = json!(labels);
        }
        Ok(Declaration {
            kind,
            place,
            object: json!({
                "apiVersion": format!("{IMAGE_GROUP}/v1"),
                "kind": kind.name(),
                "metadata": metadata,
                "spec": spec,
            }),
        })
    }
}

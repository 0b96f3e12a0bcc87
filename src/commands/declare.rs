//! The second half of `create`: the object goes to the cluster.

use std::time::Duration;

use serde_json::Value;

use super::runtime;
use crate::api::Kind;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::flags::{ObjectFlags, RegistryFlags, TreeFlags};
use crate::key::NamespacedName;
use crate::ops::{
    Deadline, DeclareError, DeclareOptions, Declared, Preview, declare, preview, wait_ready,
};

/// How long the choice of a new policy is looked for.
const PREVIEW_LIMIT: Duration = Duration::from_secs(15);

/// How `create` treats a cluster.
pub(super) struct Options {
    /// Overwrite fields of other field managers.
    pub(super) force_conflicts: bool,
    /// The API server checks and does not store.
    pub(super) dry_run: bool,
    /// Wait until the object is ready.
    pub(super) wait: bool,
}

/// Declares the object and prints kubectl's result line.
pub(super) fn run(
    kind: Kind,
    object: &Value,
    options: &Options,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let cluster = context.cluster()?;
    let key = NamespacedName::new(
        object["metadata"]["namespace"].as_str().unwrap_or_default(),
        object["metadata"]["name"].as_str().unwrap_or_default(),
    );
    let name = format!("{}.{}/{}", kind.singular(), kind.group(), key.name);
    let declare_options = DeclareOptions {
        force_conflicts: options.force_conflicts,
        dry_run: options.dry_run,
    };
    let deadline = Deadline::after(context.timeout());
    runtime::block_on(context, async {
        let declaration = runtime::within(context, async {
            declare(cluster.as_ref(), kind, object, &declare_options)
                .await
                .map_err(declare_error)
        })
        .await?;
        for field in &declaration.removed {
            context.ui().warn(&format!(
                "{name}: {field} was removed, since no flag names it"
            ));
        }
        let word = match declaration.declared {
            Declared::Created => "created",
            Declared::Configured => "configured",
            Declared::Unchanged => "unchanged",
        };
        let dry = if options.dry_run {
            " (server dry run)"
        } else {
            ""
        };
        context.ui().print(&format!("{name} {word}{dry}\n"));
        if options.wait && !options.dry_run {
            context.ui().status(&format!("waiting for {name}"));
            let message = runtime::unless_interrupted(context, async {
                wait_ready(cluster.as_ref(), kind, &key, deadline)
                    .await
                    .map_err(|error| CommandError::failed(format!("{name}: {error}")))
            })
            .await?;
            context.ui().print(&format!("{name} ready: {message}\n"));
        } else if kind == Kind::ImagePolicy {
            let shown = show_choice(&name, &declaration.object, context);
            runtime::unless_interrupted(context, shown).await?;
        }
        Ok(Outcome::Done)
    })
}

/// Says what a policy would select, found out from here: the controllers may not be there, and what
/// was declared may not be what was meant.
async fn show_choice(name: &str, policy: &Value, context: &Context) -> Result<(), CommandError> {
    let services = context.services(
        context.objects(&ObjectFlags::default())?,
        &RegistryFlags::default(),
        &TreeFlags::default(),
    )?;
    let limit = context.timeout().min(PREVIEW_LIMIT);
    match preview(&services, policy, limit).await {
        Preview::Selects(image) => {
            let digest = image.digest.map(|digest| format!("@{digest}"));
            context.ui().print(&format!(
                "{name} selects {}:{}{}\n",
                image.name,
                image.tag,
                digest.unwrap_or_default()
            ));
        }
        Preview::Unknown(reason) => context
            .ui()
            .status(&format!("{name} selects nothing yet: {reason}")),
    }
    Ok(())
}

fn declare_error(error: DeclareError) -> CommandError {
    match error {
        DeclareError::Objects(error) => error.into(),
        conflicts @ DeclareError::Conflicts { .. } => CommandError::failed(conflicts.to_string())
            .with_hint("use --force-conflicts to overwrite them; their manager may set them again"),
    }
}

//! `reconcile --request`: the controllers' answers as result lines.

use serde_json::json;

use super::runtime;
use super::selected::result_name;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::ops::{self, Answer, RequestOptions, Requested, Services};
use crate::output::Format;
use crate::output::sanitize_line;
use crate::yaml;

/// Asks the controllers and shows what they answered.
pub(super) fn run(
    services: &Services,
    options: &RequestOptions,
    format: Format,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let requested = runtime::block_on(context, async {
        Ok(ops::request(services, options).await?)
    })?;
    let ui = context.ui();
    match format {
        Format::Json => ui.print(&format!("{:#}\n", as_json(&requested))),
        Format::Yaml => ui.print(&yaml::print(&as_json(&requested))),
        format => {
            for requested in &requested {
                ui.print(&line(requested, format == Format::Name));
            }
        }
    }
    if requested.is_empty() {
        ui.status("No resources found");
    }
    let mut failed = false;
    for Requested { kind, key, answer } in &requested {
        if let Answer::Failed(error) = answer {
            failed = true;
            ui.error("error:", &format!("{} {key}: {error}", kind.human()), &[]);
        }
    }
    if failed {
        return Err(CommandError::already_printed());
    }
    Ok(Outcome::Done)
}

/// kubectl's result line; nothing for a failure.
fn line(requested: &Requested, name_only: bool) -> String {
    let name = result_name(requested.kind, &requested.key);
    match &requested.answer {
        Answer::Done(_) if name_only => format!("{name}\n"),
        Answer::Done(message) => format!("{name} reconciled: {}\n", sanitize_line(message)),
        Answer::Suspended if !name_only => format!("{name} skipped: suspended\n"),
        Answer::Suspended | Answer::Failed(_) => String::new(),
    }
}

fn as_json(requested: &[Requested]) -> serde_json::Value {
    let items: Vec<serde_json::Value> = requested
        .iter()
        .map(|Requested { kind, key, answer }| {
            let (state, message) = match answer {
                Answer::Done(message) => ("reconciled", message.clone()),
                Answer::Suspended => ("suspended", String::new()),
                Answer::Failed(error) => ("failed", error.to_string()),
            };
            json!({
                "kind": kind.name(), "namespace": key.namespace, "name": key.name,
                "state": state, "message": message,
            })
        })
        .collect();
    json!({
        "apiVersion": "imageupdate.kubectl.io/v1alpha1", "kind": "ReconcileRequest",
        "objects": items,
    })
}

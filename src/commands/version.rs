//! `version`.

use clap::Args;
use serde_json::json;

use crate::api::Kind;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::output::Format;
use crate::yaml;

/// Print the version
///
/// Plain output is this program's version; JSON and YAML also have the API versions of Flux that it
/// understands. No cluster is contacted.
#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:
  # The version as JSON
  kubectl imageupdate version -o json

Exit codes:
  0 done, 2 usage error")]
pub struct VersionArgs {
    /// Output format: json or yaml
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<String>,

    /// Accepted for kubectl's sake: only this program's version is printed
    #[arg(long, hide = true)]
    client: bool,
}

/// Runs `version`.
pub fn run(args: &VersionArgs, context: &Context) -> Result<Outcome, CommandError> {
    let version = env!("CARGO_PKG_VERSION");
    let value = json!({
        "version": version,
        "apiVersions": Kind::ImagePolicy
            .versions()
            .iter()
            .map(|version| format!("{}/{version}", Kind::ImagePolicy.group()))
            .collect::<Vec<_>>(),
    });
    let text = match &args.output {
        None => format!("{} {version}\n", context.program()),
        Some(format) => {
            match Format::parse(format, &["json", "yaml"])
                .map_err(|error| CommandError::usage(error.to_string()))?
            {
                Format::Json => format!("{value:#}\n"),
                _ => yaml::print(&value),
            }
        }
    };
    context.ui().print(&text);
    Ok(Outcome::Done)
}

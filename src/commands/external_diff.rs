//! `KUBECTL_EXTERNAL_DIFF`: the user's own program, run on two folders as kubectl runs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::context::Context;
use crate::error::CommandError;
use crate::model::{RunReport, UpdateOutcome};

/// Writes both sides into folders and runs the program on them. Words after the program count only
/// when they are of letters, digits, dashes and equals signs, which is kubectl's rule.
pub(super) fn show(
    program: &str,
    report: &RunReport,
    context: &Context,
) -> Result<(), CommandError> {
    let folder = tempfile::tempdir()
        .map_err(|error| CommandError::failed("making a folder for the diff").caused_by(&error))?;
    let (before, after) = (folder.path().join("LIVE"), folder.path().join("MERGED"));
    for plan in report.updates.iter().filter_map(UpdateOutcome::plan) {
        for file in &plan.files {
            let Some(original) = &file.before else {
                continue;
            };
            let edited = file.patch.apply(original).unwrap_or_default();
            write(&before.join(file.path.as_str()), original)?;
            write(&after.join(file.path.as_str()), &edited)?;
        }
    }
    if !before.exists() {
        return Ok(());
    }
    let mut words = program.split_whitespace();
    let name = words.next().unwrap_or_default();
    let plain = |word: &&str| {
        word.chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '=')
    };
    let output = Command::new(name)
        .args(words.filter(plain))
        .arg(&before)
        .arg(&after)
        .envs(context.environment().variables())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            CommandError::failed(format!("running KUBECTL_EXTERNAL_DIFF \"{name}\""))
                .caused_by(&error)
        })?;
    context.ui().print_bytes(&output.stdout);
    match output.status.code() {
        Some(0 | 1) => Ok(()),
        _ => Err(CommandError::failed(format!(
            "KUBECTL_EXTERNAL_DIFF \"{name}\" failed: {}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        ))),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, bytes)).map_err(|error| {
        CommandError::failed(format!("writing {} for the diff", path.display())).caused_by(&error)
    })
}

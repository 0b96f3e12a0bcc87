//! `completion --install`: the second program that kubectl asks, as a link to this one.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::flags::Environment;

/// Makes the link beside the program, or says that it is there.
pub(super) fn run(context: &Context) -> Result<Outcome, CommandError> {
    let program = running_program(context.environment())?;
    let file = program.file_name().unwrap_or_default();
    let stem = program.file_stem().and_then(OsStr::to_str);
    if stem.is_some_and(|stem| stem.starts_with("flux-")) {
        context
            .ui()
            .status("flux asks its plugins itself: there is nothing to install");
        return Ok(Outcome::Done);
    }
    let Some(name) = stem.and_then(|stem| stem.strip_prefix("kubectl-")) else {
        return Err(CommandError::failed(format!(
            "\"{}\" is no plugin of kubectl: its name does not begin with kubectl-",
            program.display()
        ))
        .with_hint(format!(
            "use '{} completion bash' and source what it prints",
            context.program()
        )));
    };
    let link = program.with_file_name(link_name(name));
    if leads_to(&link, &program) {
        context
            .ui()
            .print(&format!("{} unchanged\n", link.display()));
        return Ok(Outcome::Done);
    }
    if std::fs::symlink_metadata(&link).is_ok() && !is_ours(&link, &program) {
        return Err(CommandError::failed(format!(
            "{} is there already and leads to another program",
            link.display()
        ))
        .with_hint("remove it first, if nothing needs it"));
    }
    replace(&link, file).map_err(|error| {
        CommandError::failed(format!("making {}", link.display())).caused_by(&error)
    })?;
    context.ui().print(&format!("{} created\n", link.display()));
    Ok(Outcome::Done)
}

/// The file that was called: `argv[0]`, looked up in the PATH when it is a bare name. Links are not
/// followed, since krew's link is what kubectl finds.
fn running_program(environment: &Environment) -> Result<PathBuf, CommandError> {
    let called = environment.program_path();
    if called.components().count() > 1 {
        return Ok(environment.absolute(called));
    }
    let folders = environment.path("PATH").map(std::env::split_paths);
    folders
        .into_iter()
        .flatten()
        .map(|folder| environment.absolute(&folder).join(called))
        .find(|path| path.is_file())
        .ok_or_else(|| CommandError::failed(format!("\"{}\" is not on the PATH", called.display())))
}

#[cfg(not(windows))]
fn link_name(name: &str) -> String {
    format!("kubectl_complete-{name}")
}

#[cfg(windows)]
fn link_name(name: &str) -> String {
    format!("kubectl_complete-{name}.cmd")
}

/// Whether the link runs the program already.
#[cfg(not(windows))]
fn leads_to(link: &Path, program: &Path) -> bool {
    std::fs::read_link(link).is_ok_and(|target| link.with_file_name(target) == program)
}

#[cfg(windows)]
fn leads_to(link: &Path, program: &Path) -> bool {
    let file = program.file_name().unwrap_or_default();
    std::fs::read_to_string(link).is_ok_and(|text| text == shim(file))
}

/// Whether what is there may be replaced: a link that leads nowhere, or to a file of this name.
#[cfg(not(windows))]
fn is_ours(link: &Path, program: &Path) -> bool {
    std::fs::read_link(link)
        .is_ok_and(|target| !link.exists() || target.file_name() == program.file_name())
}

#[cfg(windows)]
fn is_ours(link: &Path, program: &Path) -> bool {
    let file = program.file_name().unwrap_or_default().to_string_lossy();
    std::fs::read_to_string(link).is_ok_and(|text| text.contains(file.as_ref()))
}

/// Puts the link in place in one step, so that there is never none.
#[cfg(unix)]
fn replace(link: &Path, file: &OsStr) -> io::Result<()> {
    let mut name = link.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let fresh = link.with_file_name(name);
    std::os::unix::fs::symlink(file, &fresh)?;
    std::fs::rename(&fresh, link).inspect_err(|_| {
        let _ = std::fs::remove_file(&fresh);
    })
}

/// Links need a privilege on Windows, so that a script calls the program.
#[cfg(windows)]
fn replace(link: &Path, file: &OsStr) -> io::Result<()> {
    std::fs::write(link, shim(file))
}

#[cfg(windows)]
fn shim(file: &OsStr) -> String {
    format!("@\"%~dp0{}\" __complete %*\r\n", file.to_string_lossy())
}

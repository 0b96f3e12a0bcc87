//! `completion`, and the two completion protocols.
//!
//! kubectl runs `kubectl_complete-imageupdate WORDS…`, flux runs `flux-imageupdate __complete
//! WORDS…`; both read one candidate a line, `value<TAB>description`, and a last line `:N` with
//! cobra's directive.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::output::{ColorChoice, Streams, Ui, sanitize_line};

/// cobra's directive "no file completion".
const NO_FILES: &str = ":4\n";

/// Print a completion script for a shell
///
/// The script is for people who call the program by its own name. Completion through kubectl needs
/// kubectl_complete-imageupdate beside it on the PATH.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Completion for the running bash
  source <(kubectl-imageupdate completion bash)")]
pub struct CompletionArgs {
    /// Shell: bash, zsh, fish or powershell
    #[arg(value_name = "SHELL")]
    shell: CompletionShell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CompletionShell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

/// Runs `completion`. `command` makes the command tree for a program name.
pub fn run(
    args: &CompletionArgs,
    context: &Context,
    command: fn(&str) -> Command,
) -> Result<Outcome, CommandError> {
    let shell = match args.shell {
        CompletionShell::Bash => Shell::Bash,
        CompletionShell::Zsh => Shell::Zsh,
        CompletionShell::Fish => Shell::Fish,
        CompletionShell::Powershell => Shell::PowerShell,
    };
    let mut script = Vec::new();
    let binary = "kubectl-imageupdate";
    clap_complete::generate(shell, &mut command(binary), binary, &mut script);
    context.ui().print_bytes(&script);
    Ok(Outcome::Done)
}

/// Whether the program was called to complete a command line.
pub fn is_request(argv0: &OsStr, arguments: &[OsString]) -> bool {
    called_for_completion(argv0)
        || arguments
            .first()
            .is_some_and(|word| word == "__complete" || word == "__completeNoDesc")
}

fn called_for_completion(argv0: &OsStr) -> bool {
    Path::new(argv0)
        .file_stem()
        .and_then(OsStr::to_str)
        .is_some_and(|stem| stem.starts_with("kubectl_complete-"))
}

/// Answers a completion request; the last word is what is typed so far. Failure is an empty list,
/// never a message: a shell is waiting.
pub fn answer(argv0: &OsStr, arguments: &[OsString], streams: Streams, command: &Command) -> u8 {
    let ui = Ui::new(streams, ColorChoice::Never, true, true);
    let words = if called_for_completion(argv0) {
        arguments
    } else {
        &arguments[1..]
    };
    let mut line: Vec<OsString> = vec!["kubectl-imageupdate".into()];
    line.extend(words.iter().cloned());
    if words.is_empty() {
        line.push(OsString::new());
    }
    let position = line.len() - 1;
    let mut command = command.clone();
    let candidates =
        clap_complete::engine::complete(&mut command, line, position, None).unwrap_or_default();
    let mut text = String::new();
    for candidate in candidates
        .iter()
        .filter(|candidate| !candidate.is_hide_set())
    {
        text.push_str(&sanitize_line(&candidate.get_value().to_string_lossy()));
        if let Some(help) = candidate.get_help() {
            let help = help.to_string();
            text.push('\t');
            text.push_str(help.lines().next().unwrap_or_default());
        }
        text.push('\n');
    }
    text.push_str(NO_FILES);
    ui.print(&text);
    0
}

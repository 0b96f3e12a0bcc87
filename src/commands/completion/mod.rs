//! `completion`, and the two completion protocols.
//!
//! kubectl runs `kubectl_complete-imageupdate WORDS…`, flux runs `flux-imageupdate __complete
//! WORDS…`; both read one candidate a line, `value<TAB>description`, and a last line `:N` with
//! cobra's directive. The scripts of `completion SHELL` ask in the second way, so that all three
//! give the same answers.

mod candidates;
mod install;
mod live;
mod script;

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use clap::{Args, Command, ValueEnum};

use self::candidates::{Answer, Candidate};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Outcome;
use crate::flags::Environment;
use crate::output::{ColorChoice, Streams, Ui, sanitize_line};

/// Print a completion script for a shell, or complete behind kubectl
///
/// The script completes the program when it is called by its own name. kubectl asks a second program
/// beside it, kubectl_complete-imageupdate, which --install makes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Completion for the running bash
  source <(kubectl-imageupdate completion bash)

  # Completion behind kubectl
  kubectl imageupdate completion --install

Exit codes:
  0 done, 1 failed, 2 usage error")]
pub struct CompletionArgs {
    /// Shell to print the script for
    #[arg(
        value_name = "SHELL",
        required_unless_present = "install",
        conflicts_with = "install"
    )]
    shell: Option<CompletionShell>,

    /// Make kubectl_complete-imageupdate beside this program, for kubectl
    #[arg(long)]
    install: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CompletionShell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

/// Runs `completion`.
pub fn run(args: &CompletionArgs, context: &Context) -> Result<Outcome, CommandError> {
    let Some(shell) = args.shell else {
        return install::run(context);
    };
    let name = called_as(context.environment())
        .filter(|name| !name.is_empty())
        .unwrap_or("kubectl-imageupdate");
    context.ui().print(&script::script(shell, name));
    Ok(Outcome::Done)
}

/// The four scripts for a program of this name, each with its customary file name.
pub fn scripts(name: &str) -> [(String, String); 4] {
    [
        (format!("{name}.bash"), CompletionShell::Bash),
        (format!("_{name}"), CompletionShell::Zsh),
        (format!("{name}.fish"), CompletionShell::Fish),
        (format!("{name}.ps1"), CompletionShell::Powershell),
    ]
    .map(|(file, shell)| (file, script::script(shell, name)))
}

/// The file name that the program was called by, without `.exe`.
fn called_as(environment: &Environment) -> Option<&str> {
    environment
        .program_path()
        .file_stem()
        .and_then(OsStr::to_str)
}

/// A request for candidates.
#[derive(Debug)]
pub struct Request {
    /// The words behind the program's name; the last one is what is typed so far.
    words: Vec<OsString>,
    /// Whether descriptions are wanted.
    described: bool,
}

/// The request that the program was called with, if it was called to complete a command line.
pub fn request(environment: &Environment, arguments: &[OsString]) -> Option<Request> {
    let by_name = called_as(environment).is_some_and(|name| name.starts_with("kubectl_complete-"));
    let (words, described) = match arguments.split_first() {
        _ if by_name => (arguments, true),
        Some((first, words)) if first == "__complete" => (words, true),
        Some((first, words)) if first == "__completeNoDesc" => (words, false),
        _ => return None,
    };
    let mut words = words.to_vec();
    if words.is_empty() {
        words.push(OsString::new());
    }
    Some(Request { words, described })
}

/// Answers a request. Failure is an empty list, never a message: a shell is waiting.
pub fn answer(
    request: &Request,
    program: &str,
    environment: &Environment,
    streams: Streams,
    command: fn(&str) -> Command,
) -> u8 {
    let tree = command(program);
    let answer = candidates::find(&tree, request.words.clone(), || {
        // What a context may want to say goes nowhere.
        let ui = Arc::new(Ui::new(Streams::nowhere(), ColorChoice::Never, true, true));
        live::Source::new(program, &tree, &request.words, environment, ui)
    });
    let ui = Ui::new(streams, ColorChoice::Never, true, true);
    ui.print(&print(&answer, request.described));
    0
}

/// The answer in cobra's form.
fn print(answer: &Answer, described: bool) -> String {
    let mut text = String::new();
    for Candidate { value, description } in &answer.candidates {
        let line = match description {
            Some(description) if described => format!("{value}\t{description}"),
            _ => value.clone(),
        };
        // A line is a candidate: what breaks lines cannot be one.
        if !line.contains('\n') {
            text.push_str(&sanitize_line(&line));
            text.push('\n');
        }
    }
    text.push_str(&format!(":{}\n", answer.directive));
    text
}

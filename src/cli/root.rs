//! The root parser, and the way from words to a verb and an exit code.

use std::ffi::OsString;
use std::sync::Arc;

use clap::error::ErrorKind as ClapErrorKind;
use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::{help, mistakes, program_name};

use crate::commands::{
    completion, create, delete, diff, explain, export, get, reconcile, resume, suspend, tags,
    version,
};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::{self, Codes, Outcome};
use crate::flags::{Environment, GlobalFlags, Word, divide, rewrite};
use crate::output::{ColorChoice, Streams, Ui};

/// Run Flux image automation once, from here
///
/// Creates and exports image repositories, policies and automations; scans registries, chooses tags,
/// edits marked YAML, commits and pushes, once; and shows all of it as tables, diffs and
/// explanations. Objects are read from the cluster, or from files with -f.
#[derive(Debug, Parser)]
#[command(
    disable_help_subcommand = true,
    subcommand_required = false,
    arg_required_else_help = false,
    max_term_width = 80,
    after_help = "Examples:
  # What Flux has, and what it chose
  kubectl imageupdate get all -A

  # What would be committed, and then the commit itself
  kubectl imageupdate diff flux-system
  kubectl imageupdate reconcile update flux-system

Exit codes:
  0 done, also when there is nothing to do; 1 failed; 2 usage error; 130
  interrupted; diff: 0 no differences, 1 differences, 2 trouble"
)]
struct Root {
    /// Print the version
    #[arg(long = "version", short = 'V', exclusive = true)]
    version: bool,

    #[command(flatten)]
    global: GlobalFlags,

    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Create(Box<create::CreateArgs>),
    Get(Box<get::GetArgs>),
    Tags(Box<tags::TagsArgs>),
    Explain(Box<explain::ExplainArgs>),
    Diff(Box<diff::DiffArgs>),
    Reconcile(Box<reconcile::ReconcileArgs>),
    Export(export::ExportArgs),
    Suspend(suspend::SuspendArgs),
    Resume(resume::ResumeArgs),
    Delete(delete::DeleteArgs),
    Completion(completion::CompletionArgs),
    Version(version::VersionArgs),
}

/// The command tree, shown under `program`; for help, completion and documentation.
pub fn command(program: &str) -> Command {
    help::named(as_in_go(Root::command()), program)
        .name("kubectl-imageupdate")
        .bin_name(program.to_owned())
        .args_override_self(true)
}

/// Go's flag library takes whatever follows a flag for its value, even when it begins with a dash.
fn as_in_go(command: Command) -> Command {
    command
        .mut_args(|argument| {
            let flag_with_value = !argument.is_positional() && argument.get_action().takes_values();
            argument.allow_hyphen_values(flag_with_value)
        })
        .mut_subcommands(as_in_go)
}

/// Runs a command line and returns the exit code.
pub fn run(arguments: Vec<OsString>, environment: Environment, streams: Streams) -> u8 {
    let mut arguments = arguments.into_iter();
    let argv0 = arguments
        .next()
        .unwrap_or_else(|| "kubectl-imageupdate".into());
    let arguments: Vec<OsString> = arguments.collect();
    let program = program_name(&argv0);
    let environment = environment.called_as(argv0);
    if let Some(words) = completion::request(&environment, &arguments) {
        return completion::answer(&words, &program, &environment, streams, command);
    }
    let tree = command(&program);
    let line = Line::of(&tree, &program, &arguments);
    let no_color = environment.has("NO_COLOR") || environment.text("TERM") == Some("dumb");
    let root = match parse(&tree, &program, arguments) {
        Ok(root) => root,
        Err(refusal) => {
            let ui = Ui::new(streams, ColorChoice::Auto, no_color, false);
            return refusal.show(&line, &ui);
        }
    };
    let forced = ["CLICOLOR_FORCE", "FORCE_COLOR"]
        .into_iter()
        .filter_map(|name| environment.text(name))
        .any(|value| value != "0");
    let color = match root.global.color {
        ColorChoice::Auto if forced && !no_color => ColorChoice::Always,
        color => color,
    };
    let ui = Arc::new(Ui::new(streams, color, no_color, root.global.quiet));
    let context = Context::new(
        program.clone(),
        root.global.clone(),
        environment,
        Arc::clone(&ui),
    );
    let result = dispatch(&root, &context);
    context.show_server_warnings();
    finish(result, &line, &ui)
}

/// What the end of a call has to know of its command line.
struct Line {
    program: String,
    /// The verbs, each behind a blank.
    path: String,
    codes: Codes,
}

impl Line {
    fn of(tree: &Command, program: &str, arguments: &[OsString]) -> Self {
        let path = mistakes::path(&divide(tree, arguments));
        Self {
            program: program.to_owned(),
            // `diff` has exit codes of its own, wherever the verb stands among the flags.
            codes: if path == " diff" {
                Codes::Diff
            } else {
                Codes::Ordinary
            },
            path,
        }
    }
}

/// Shows an error and turns the end of a command into its exit code. An answer that could not be
/// written is a failure, whatever the command thinks of itself. Whoever used a command wrongly is
/// told where its use stands.
fn finish(result: Result<Outcome, CommandError>, line: &Line, ui: &Ui) -> u8 {
    let mut result = match (result, ui.take_failure()) {
        (Ok(_), Some(error)) => {
            Err(CommandError::failed("writing to standard output").caused_by(&error))
        }
        (result, _) => result,
    };
    if let Err(error) = &mut result {
        if error.kind == ErrorKind::Usage {
            let Line { program, path, .. } = line;
            let hint = format!("see '{program}{path} --help' for usage");
            error.hints.push(hint);
        }
        exit::render(error, &line.program, ui);
    }
    exit::code(&result, line.codes)
}

fn dispatch(root: &Root, context: &Context) -> Result<Outcome, CommandError> {
    context.start_logging();
    if root.version {
        return version::run(&version::VersionArgs::default(), context);
    }
    match &root.verb {
        Some(Verb::Create(args)) => create::run(args, context),
        Some(Verb::Get(args)) => get::run(args, context),
        Some(Verb::Tags(args)) => tags::run(args, context),
        Some(Verb::Explain(args)) => explain::run(args, context),
        Some(Verb::Diff(args)) => diff::run(args, context),
        Some(Verb::Reconcile(args)) => reconcile::run(args, context),
        Some(Verb::Export(args)) => export::run(args, context),
        Some(Verb::Suspend(args)) => suspend::run(args, context),
        Some(Verb::Resume(args)) => resume::run(args, context),
        Some(Verb::Delete(args)) => delete::run(args, context),
        Some(Verb::Completion(args)) => completion::run(args, context),
        Some(Verb::Version(args)) => version::run(args, context),
        None => {
            let tree = command(context.program());
            let text = help::short(&tree, context.program(), &tree);
            context.ui().print(&text);
            Ok(Outcome::Done)
        }
    }
}

/// Why there is nothing to run.
enum Refusal {
    /// Help was asked for, or is the best answer.
    Help(String),
    /// The command line is wrong in these ways.
    Mistakes(CommandError),
}

impl Refusal {
    fn show(self, line: &Line, ui: &Ui) -> u8 {
        match self {
            Self::Help(text) => {
                ui.print(&text);
                finish(Ok(Outcome::Done), line, ui)
            }
            Self::Mistakes(mistakes) => finish(Err(mistakes), line, ui),
        }
    }
}

fn parse(tree: &Command, program: &str, arguments: Vec<OsString>) -> Result<Root, Refusal> {
    let (words, booleans) = rewrite(tree, asked_for_help(tree, arguments));
    let all = std::iter::once(OsString::from(program)).chain(words.iter().cloned());
    let parsed = tree
        .clone()
        .try_get_matches_from(all)
        .and_then(|matches| Root::from_arg_matches(&matches));
    match parsed {
        Ok(root) if booleans.is_empty() => Ok(root),
        Ok(_) => Err(Refusal::Mistakes(mistakes::beside(tree, &words, booleans))),
        Err(error) if is_help(&error) => {
            Err(Refusal::Help(match short_help(tree, program, &words) {
                Some(short) => short,
                None => error.render().to_string(),
            }))
        }
        Err(error) => match only_help(tree, &words, &error) {
            // Whoever asks for help gets it, whatever else is wrong.
            Some(words) => parse(tree, program, words),
            None => Err(Refusal::Mistakes(mistakes::collect(
                tree, program, words, error, booleans,
            ))),
        },
    }
}

/// The verbs and the flag that asks for help, if there is one among other words. Of a verb that there
/// is not, there is no help.
fn only_help(tree: &Command, words: &[OsString], error: &clap::Error) -> Option<Vec<OsString>> {
    let divided = divide(tree, words);
    let pairs = || divided.words.iter().zip(words);
    let verbs = pairs().filter(|(kind, _)| matches!(kind, Word::Verb(_)));
    let mut only: Vec<OsString> = verbs.map(|(_, word)| word.clone()).collect();
    if only.is_empty() && error.kind() == ClapErrorKind::InvalidSubcommand {
        return None;
    }
    let (_, help) = pairs().find(|(kind, word)| {
        matches!(kind, Word::Flag(None)) && (*word == "--help" || *word == "-h")
    })?;
    only.push(help.clone());
    (only.len() < words.len()).then_some(only)
}

/// `help VERB`, as kubectl and flux have it, is `VERB --help`.
fn asked_for_help(tree: &Command, mut arguments: Vec<OsString>) -> Vec<OsString> {
    let divided = divide(tree, &arguments);
    let first = divided
        .words
        .iter()
        .position(|word| matches!(word, Word::Verb(_) | Word::Plain));
    if let Some(at) = first.filter(|at| arguments[*at] == "help") {
        arguments.remove(at);
        arguments.push("--help".into());
    }
    arguments
}

fn is_help(error: &clap::Error) -> bool {
    !error.use_stderr() || error.kind() == ClapErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// The short help of the command that is named, unless the long one was asked for.
fn short_help(tree: &Command, program: &str, words: &[OsString]) -> Option<String> {
    let divided = divide(tree, words);
    let long = words
        .iter()
        .zip(&divided.words)
        .any(|(word, kind)| matches!(kind, Word::Flag(None)) && word == "--help");
    let title = format!("{program}{}", mistakes::path(&divided));
    (!long).then(|| help::short(divided.command, &title, tree))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        command("kubectl imageupdate").debug_assert();
    }
}

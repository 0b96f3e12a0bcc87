//! The root parser: names, dispatch, and the dialect of flags that Go programs understand.
//!
//! For: showing the program under the name it was called by, accepting flux's command lines, and
//! turning clap's errors into ours.
//! Refuses: rules of the verbs.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;

use clap::error::ErrorKind as ClapErrorKind;
use clap::{ArgAction, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::{
    completion, create, delete, diff, explain, export, get, reconcile, resume, suspend, tags,
    version,
};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::{self, Codes, Outcome};
use crate::flags::{Environment, GlobalFlags, go_bool};
use crate::output::{ColorChoice, Streams, Ui};

/// Verbs before whose kind flux writes `image` or `images`.
const VERBS_WITH_NOUN: &[&str] = &[
    "create",
    "get",
    "reconcile",
    "suspend",
    "resume",
    "delete",
    "export",
];

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
    max_term_width = 100
)]
struct Root {
    #[command(flatten)]
    global: GlobalFlags,

    /// Print the version
    #[arg(long = "version", short = 'V', exclusive = true)]
    version: bool,

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
    Root::command()
        .name("kubectl-imageupdate")
        .bin_name(program.to_owned())
}

/// The name that the program shows, from the path it was called by: `kubectl-foo_bar` is
/// `kubectl foo-bar`, `flux-foo` is `flux foo`.
pub fn program_name(argv0: &OsStr) -> String {
    let stem = Path::new(argv0)
        .file_stem()
        .and_then(OsStr::to_str)
        .unwrap_or("kubectl-imageupdate")
        .to_owned();
    for host in ["kubectl", "flux"] {
        if let Some(name) = stem
            .strip_prefix(host)
            .and_then(|rest| rest.strip_prefix('-'))
        {
            return format!("{host} {}", name.replace('_', "-"));
        }
    }
    stem
}

/// Runs a command line and returns the exit code.
pub fn run(arguments: Vec<OsString>, environment: Environment, streams: Streams) -> u8 {
    let mut arguments = arguments.into_iter();
    let argv0 = arguments
        .next()
        .unwrap_or_else(|| "kubectl-imageupdate".into());
    let arguments: Vec<OsString> = arguments.collect();
    if completion::is_request(&argv0, &arguments) {
        return completion::answer(&argv0, &arguments, streams, &command(&program_name(&argv0)));
    }
    let program = program_name(&argv0);
    let codes = if arguments.first().is_some_and(|verb| verb == "diff") {
        Codes::Diff
    } else {
        Codes::Ordinary
    };
    let no_color = environment.has("NO_COLOR") || environment.text("TERM") == Some("dumb");
    let root = match parse(&program, arguments) {
        Ok(root) => root,
        Err(refusal) => {
            let ui = Ui::new(streams, ColorChoice::Auto, no_color, false);
            return refusal.show(&program, &ui, codes);
        }
    };
    let forced = environment
        .text("CLICOLOR_FORCE")
        .is_some_and(|value| value != "0");
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
    let result = match (result, ui.take_failure()) {
        (Ok(_), Some(error)) => {
            Err(CommandError::failed("writing to standard output").caused_by(&error))
        }
        (result, _) => result,
    };
    if let Err(error) = &result {
        exit::render(error, &program, &ui);
    }
    exit::code(&result, codes)
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
        Some(Verb::Completion(args)) => completion::run(args, context, command),
        Some(Verb::Version(args)) => version::run(args, context),
        None => {
            context
                .ui()
                .print(&command(context.program()).render_help().to_string());
            Ok(Outcome::Done)
        }
    }
}

/// Why there is nothing to run.
enum Refusal {
    Clap(Box<clap::Error>),
    Go(String),
}

impl Refusal {
    fn show(&self, program: &str, ui: &Ui, codes: Codes) -> u8 {
        let message = match self {
            Self::Clap(error) => {
                if !error.use_stderr() {
                    ui.print(&error.render().to_string());
                    return 0;
                }
                if error.kind() == ClapErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                    ui.print(&error.render().to_string());
                    return 0;
                }
                let text = error.render().to_string();

                text.strip_prefix("error: ")
                    .unwrap_or(&text)
                    .trim_end()
                    .to_owned()
            }
            Self::Go(message) => message.clone(),
        };
        let error = CommandError::usage(message);
        exit::render(&error, program, ui);
        exit::code(&Err(error), codes)
    }
}

fn parse(program: &str, arguments: Vec<OsString>) -> Result<Root, Refusal> {
    let command = command(program);
    let arguments = without_noun(&command, arguments);
    let arguments = go_booleans(&command, arguments).map_err(Refusal::Go)?;
    let all = std::iter::once(OsString::from(program)).chain(arguments);
    let matches = command
        .try_get_matches_from(all)
        .map_err(|error| Refusal::Clap(Box::new(error)))?;
    Root::from_arg_matches(&matches).map_err(|error| Refusal::Clap(Box::new(error)))
}

/// Drops flux's noun: the first word after the verb, when it is `image` or `images`.
fn without_noun(command: &Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let mut kept = Vec::with_capacity(arguments.len());
    let mut words = 0;
    let mut with_noun = false;
    let mut value_expected = false;
    for argument in arguments {
        let text = argument.to_str().unwrap_or_default();
        if value_expected {
            value_expected = false;
        } else if text.starts_with('-') && text.len() > 1 {
            value_expected = takes_value(command, text);
        } else {
            words += 1;
            if words == 1 {
                with_noun = VERBS_WITH_NOUN.contains(&text);
            } else if words == 2 && with_noun && matches!(text, "image" | "images") {
                continue;
            }
        }
        kept.push(argument);
    }
    kept
}

/// Whether a flag's value is the next argument. Looks through the whole tree, since flags may come
/// before the verb that defines them.
fn takes_value(command: &Command, flag: &str) -> bool {
    if flag.contains('=') {
        return false;
    }
    let matches = |argument: &clap::Arg| match flag.strip_prefix("--") {
        Some(long) => {
            argument.get_long() == Some(long)
                || argument
                    .get_all_aliases()
                    .unwrap_or_default()
                    .contains(&long)
        }
        None => flag.chars().count() == 2 && argument.get_short() == flag.chars().nth(1),
    };
    let here = command
        .get_arguments()
        .filter(|argument| matches(argument))
        .any(|argument| argument.get_action().takes_values());
    here || command
        .get_subcommands()
        .any(|command| takes_value(command, flag))
}

/// Rewrites `--flag=true` and `--flag=false` of boolean flags, which Go's pflag accepts.
fn go_booleans(command: &Command, arguments: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let mut kept = Vec::with_capacity(arguments.len());
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            kept.push(argument);
            kept.extend(arguments);
            break;
        }
        let Some((name, value)) = argument
            .to_str()
            .and_then(|text| text.strip_prefix("--"))
            .and_then(|text| text.split_once('='))
        else {
            kept.push(argument);
            continue;
        };
        if !is_boolean(command, name) {
            kept.push(argument);
            continue;
        }
        match go_bool(value) {
            Some(true) => kept.push(format!("--{name}").into()),
            Some(false) => {}
            None => {
                return Err(format!(
                    "invalid argument \"{value}\" for \"--{name}\" flag: strconv.ParseBool: \
                     parsing \"{value}\": invalid syntax"
                ));
            }
        }
    }
    Ok(kept)
}

fn is_boolean(command: &Command, name: &str) -> bool {
    command
        .get_arguments()
        .filter(|argument| argument.get_long() == Some(name))
        .any(|argument| matches!(argument.get_action(), ArgAction::SetTrue))
        || command
            .get_subcommands()
            .any(|command| is_boolean(command, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        command("kubectl imageupdate").debug_assert();
    }

    #[test]
    fn names_follow_the_file() {
        for (path, name) in [
            ("/usr/bin/kubectl-imageupdate", "kubectl imageupdate"),
            ("kubectl-image_update", "kubectl image-update"),
            ("flux-imageupdate", "flux imageupdate"),
            ("imageupdate", "imageupdate"),
        ] {
            assert_eq!(program_name(OsStr::new(path)), name);
        }
    }

    #[track_caller]
    fn assert_rewritten(line: &str, expected: &str) {
        let command = command("x");
        let words = line.split(' ').map(OsString::from).collect();
        let kept = go_booleans(&command, without_noun(&command, words)).unwrap();
        let text: Vec<_> = kept.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(text.join(" "), expected);
    }

    #[test]
    fn fluxs_noun_and_gos_booleans_are_understood() {
        assert_rewritten("get images all", "get all");
        assert_rewritten("-n x get image policy", "-n x get policy");
        assert_rewritten(
            "create image policy image --export=true",
            "create policy image --export",
        );
        assert_rewritten("create image policy p --export=F", "create policy p");
        assert_rewritten("create policy image", "create policy image");
    }

    #[test]
    fn a_boolean_that_is_none_is_gos_error() {
        let words = vec!["create".into(), "--export=maybe".into()];
        assert_eq!(
            go_booleans(&command("x"), words).unwrap_err(),
            "invalid argument \"maybe\" for \"--export\" flag: strconv.ParseBool: parsing \
             \"maybe\": invalid syntax"
        );
    }
}

//! The two lengths of help: `-h` fits a screen, `--help` says everything.

use clap::Command;

/// What stands below the options: examples and exit codes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Epilogue {
    /// Command lines, each behind a comment; without indentation.
    pub(super) examples: String,
    /// One line.
    pub(super) exit_codes: String,
}

impl Epilogue {
    /// Reads what a command says behind its options.
    pub(super) fn of(command: &Command) -> Self {
        let text = command.get_after_long_help().or(command.get_after_help());
        let text = text.map(ToString::to_string).unwrap_or_default();
        let part = |heading: &str| {
            let part = text.split_once(heading).map_or("", |(_, rest)| rest);
            let part = ["\nExamples:\n", "\nExit codes:\n"]
                .iter()
                .filter_map(|other| part.find(other))
                .min()
                .map_or(part, |end| &part[..end]);
            let lines: Vec<&str> = part
                .trim_matches('\n')
                .lines()
                .map(|line| line.strip_prefix("  ").unwrap_or(line))
                .collect();
            lines.join("\n").trim_end().to_owned()
        };
        Self {
            examples: part("Examples:\n"),
            exit_codes: part("Exit codes:\n"),
        }
    }

    /// The first example alone.
    fn first_example(&self) -> Option<&str> {
        let first = self.examples.split("\n\n").next()?;
        (!first.is_empty()).then_some(first)
    }
}

/// Options that are seldom wanted: `-h` leaves them to `--help`.
const SELDOM: &[&str] = &[
    // Of every command.
    "timeout",
    "verbosity",
    "quiet",
    "color",
    // Of registries and trees.
    "registry_config",
    "registry_ca",
    "no_cache",
    // Of lists.
    "sort_by",
    "show_managed_fields",
    // Of create.
    "force_conflicts",
    "cert_ref",
    "proxy_secret_ref",
    "service_account_name",
    "insecure",
    "access_from",
    "image_ref_namespace",
    "git_repo_namespace",
    "checkout_tag",
    "checkout_semver",
    "checkout_name",
    "checkout_commit",
    "push_refspec",
    "push_option",
    "commit_template_value",
    "signing_key_secret",
    "signing_key_type",
];

/// Gives a command and those below it their short help.
pub(super) fn with_short_help(command: Command) -> Command {
    let epilogue = Epilogue::of(&command);
    let long = command.get_after_help().cloned();
    let short = match epilogue.first_example() {
        Some(example) => indented(example),
        None => String::new(),
    };
    let command = command
        .mut_args(|argument| {
            let seldom = SELDOM.contains(&argument.get_id().as_str());
            let hidden = argument.is_hide_short_help_set();
            argument.hide_short_help(seldom || hidden)
        })
        .mut_subcommands(with_short_help);
    match long {
        Some(long) => command.after_long_help(long).after_help(short),
        None => command,
    }
}

fn indented(example: &str) -> String {
    let lines: Vec<String> = example.lines().map(|line| format!("  {line}")).collect();
    format!("Example:\n{}", lines.join("\n"))
}

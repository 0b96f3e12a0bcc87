//! The two lengths of help: `-h` fits a screen, `--help` says everything.

use clap::{Arg, Command};

use crate::flags::flag_names;

/// A screen of 24 lines, with one left for the prompt.
const LINES: usize = 23;
/// Columns of a screen.
const COLUMNS: usize = 80;

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

    /// The first command line, without its comment.
    fn first_example(&self) -> Vec<&str> {
        self.examples
            .split("\n\n")
            .next()
            .unwrap_or_default()
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect()
    }
}

/// Options that are seldom wanted: `-h` leaves them to `--help`.
const SELDOM: &[&str] = &[
    // Of every command.
    "version",
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
    "labels",
    "suspend",
    "dry_run",
    "force_conflicts",
    "wait",
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

/// The help of `-h`: one line for each option that is often wanted, and an example if there is
/// room. `title` is the command's full name, `root` has the options of every command.
pub(super) fn short(command: &Command, title: &str, root: &Command) -> String {
    let about = command.get_about().map(ToString::to_string);
    let usage = command
        .clone()
        .bin_name(title.to_owned())
        .render_usage()
        .to_string();
    let mut lines = vec![clipped(&about.unwrap_or_default(), COLUMNS), String::new()];
    lines.extend(usage.lines().map(str::to_owned));
    lines.push(String::new());
    let commands: Vec<(String, String)> = shown_commands(command);
    let arguments: Vec<(String, String)> = own(command)
        .filter(|argument| argument.is_positional())
        .map(|argument| (value_name(argument), help(argument)))
        .collect();
    for (heading, rows) in [("Commands:", commands), ("Arguments:", arguments)] {
        if !rows.is_empty() {
            lines.push(heading.to_owned());
            lines.extend(aligned(&rows));
            lines.push(String::new());
        }
    }
    let (options, more) = options(command, root, LINES - 3 - lines.len().min(LINES - 6));
    lines.push("Options:".to_owned());
    lines.extend(aligned(&options));
    let example = Epilogue::of(command);
    let example = example.first_example();
    if !example.is_empty() && lines.len() + 4 + example.len() <= LINES {
        lines.extend([String::new(), "Example:".to_owned()]);
        lines.extend(example.iter().map(|line| format!("  {line}")));
    }
    lines.push(String::new());
    lines.push(match more {
        0 => format!("See '{title} --help' for more."),
        1 => format!("See '{title} --help' for 1 more option."),
        more => format!("See '{title} --help' for {more} more options."),
    });
    lines.join("\n") + "\n"
}

fn shown_commands(command: &Command) -> Vec<(String, String)> {
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| {
            let about = command.get_about().map(ToString::to_string);
            (command.get_name().to_owned(), about.unwrap_or_default())
        })
        .collect()
}

/// The command's own arguments that are shown.
fn own(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set() && !argument.is_global_set())
}

/// The rows of the options that are often wanted, at most so many, and how many are left out.
fn options(command: &Command, root: &Command, most: usize) -> (Vec<(String, String)>, usize) {
    let globals = root
        .get_arguments()
        .filter(|argument| argument.is_global_set() && !argument.is_hide_set());
    let all: Vec<&Arg> = own(command)
        .filter(|argument| !argument.is_positional())
        .chain(globals)
        .collect();
    let mut rows: Vec<(String, String)> = all
        .iter()
        .filter(|argument| {
            !SELDOM.contains(&argument.get_id().as_str()) && !argument.is_hide_short_help_set()
        })
        .map(|argument| (flag(argument), help(argument)))
        .collect();
    rows.truncate(most.saturating_sub(1));
    let left_out = all.len() - rows.len();
    rows.push((
        "-h, --help".to_owned(),
        "This text, or everything with --help".to_owned(),
    ));
    (rows, left_out)
}

/// A flag with the name of its value, in columns: long names stand below each other.
fn flag(argument: &Arg) -> String {
    let names = flag_names(argument);
    let names = match argument.get_short() {
        Some(_) => names,
        None => format!("    {names}"),
    };
    match argument.get_action().takes_values() {
        true if argument.is_require_equals_set() => {
            format!("{names}[={}]", value_name(argument))
        }
        true => format!("{names} {}", value_name(argument)),
        false => names,
    }
}

/// The name of a value, in capitals.
pub(super) fn value_name(argument: &Arg) -> String {
    match argument.get_value_names() {
        Some(names) => names.join(" "),
        None => argument.get_id().to_string().to_uppercase(),
    }
}

fn help(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string);
    let mut help = help.unwrap_or_default().replace('\n', " ");
    let default = argument.get_default_values().first();
    if let (Some(default), true) = (default, argument.get_action().takes_values())
        && !argument.is_hide_default_value_set()
    {
        help.push_str(&format!(", {} by default", default.to_string_lossy()));
    }
    help
}

/// Two columns; the second one is clipped so that each row is one line.
fn aligned(rows: &[(String, String)]) -> Vec<String> {
    let width = rows.iter().map(|(left, _)| left.chars().count()).max();
    let width = width.unwrap_or_default();
    rows.iter()
        .map(|(left, right)| {
            let room = COLUMNS.saturating_sub(width + 4);
            let line = format!("  {left:width$}  {}", clipped(right, room));
            line.trim_end().to_owned()
        })
        .collect()
}

/// Text cut to a width where a thought ends, if there is such a place.
fn clipped(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let fits: String = text.chars().take(width).collect();
    let end = ["; ", ": ", " ("]
        .iter()
        .filter_map(|mark| fits.rfind(mark))
        .max()
        .filter(|end| *end > width / 3);
    if let Some(end) = end {
        return fits[..end].to_owned();
    }
    let end = fits[..fits.len().saturating_sub(3)].rfind(' ').unwrap_or(0);
    format!("{}...", &fits[..end])
}

/// Gives a command and those below it the name that the program was called by, and breaks examples
/// that are wider than a screen so that a shell still reads them.
pub(super) fn named(command: Command, program: &str) -> Command {
    let long = command.get_long_about().map(ToString::to_string);
    let after = command.get_after_help().map(ToString::to_string);
    let renamed = |text: String| text.replace("kubectl imageupdate", program);
    let mut command = command.mut_subcommands(|inner| named(inner, program));
    if let Some(long) = long.filter(|long| long.contains("kubectl imageupdate")) {
        command = command.long_about(renamed(long));
    }
    match after {
        Some(after) => {
            let lines: Vec<String> = renamed(after).lines().map(broken).collect();
            command.after_help(lines.join("\n"))
        }
        None => command,
    }
}

/// A command line that is too wide, continued with backslashes at blanks outside of quotes.
fn broken(line: &str) -> String {
    if line.chars().count() <= COLUMNS || line.trim_start().starts_with('#') {
        return line.to_owned();
    }
    let indentation = &line[..line.len() - line.trim_start().len()];
    let mut text = String::from(indentation);
    let mut width = indentation.len();
    for (index, word) in shell_words(line.trim_start()).into_iter().enumerate() {
        let length = word.chars().count();
        // Room for the blank before the word, and for a backslash behind it.
        if index > 0 && width + 1 + length + 2 > COLUMNS {
            text.push_str(&format!(" \\\n{indentation}  "));
            width = indentation.len() + 2;
        } else if index > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(word);
        width += length;
    }
    text
}

/// Words between blanks outside of single quotes.
fn shell_words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, character) in line.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => {
                words.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&line[start..]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipped_text_ends_where_a_thought_ends() {
        assert_eq!(clipped("Short", 20), "Short");
        assert_eq!(clipped("Read files; folders and more", 20), "Read files");
        assert_eq!(
            clipped("One long thought without marks", 20),
            "One long thought..."
        );
    }

    #[test]
    fn wide_examples_are_broken_outside_of_quotes() {
        let line = format!(
            "  program --one='{} {}' --two=2",
            "x".repeat(28),
            "y".repeat(28)
        );
        assert_eq!(
            broken(&line),
            format!(
                "  program --one='{} {}' \\\n    --two=2",
                "x".repeat(28),
                "y".repeat(28)
            )
        );
        assert_eq!(broken("  program a"), "  program a");
    }
}

//! What is wrong with a command line, in the sentences of kubectl and flux, with what was meant.
//!
//! The parser stops at the first mistake. Here the word that it stopped at is taken away and the
//! rest is parsed again, so that several mistakes give several messages.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use crate::commands;
use crate::error::{CommandError, Mistakes};
use crate::flags::{Divided, Word, divide, flag_names, has_long};
use crate::nearest::nearest;

/// More mistakes than this tell nobody anything.
const MOST: usize = 8;

/// Verbs, and what kubectl, flux and others call them.
const ELSEWHERE: &[(&str, &[&str])] = &[
    ("get", &["list", "ls", "show", "status"]),
    ("explain", &["describe", "trace", "why"]),
    ("create", &["apply", "new", "set"]),
    ("diff", &["plan", "preview"]),
    ("reconcile", &["push", "run", "scan", "sync", "update"]),
    ("suspend", &["pause", "stop"]),
    ("resume", &["start", "unsuspend"]),
    ("delete", &["remove", "rm"]),
];

/// Every mistake of a command line whose first one for the parser is `error`.
pub(super) fn collect(
    command: &Command,
    program: &str,
    mut words: Vec<OsString>,
    error: clap::Error,
    mut messages: Vec<String>,
) -> CommandError {
    // What stands behind an unknown flag may be its value, and is then no mistake of its own.
    let mut suspects: Vec<OsString> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next.take().filter(|_| messages.len() < MOST) {
        let divided = divide(command, &words);
        let word = text(&error, ContextKind::InvalidArg).unwrap_or_default();
        if !suspects.iter().any(|suspect| suspect == word) {
            messages.push(sentence(&error, program, &divided, words.last()));
        }
        let Some(rest) = mended(&error, &divided, &words, &mut suspects) else {
            return as_error(messages);
        };
        words = rest;
        let all = std::iter::once(OsString::from(program)).chain(words.iter().cloned());
        next = command
            .clone()
            .try_get_matches_from(all)
            .err()
            .filter(clap::Error::use_stderr);
    }
    words.retain(|word| !suspects.contains(word));
    beside(command, &words, messages)
}

/// What is wrong with a command line that the parser has nothing against, besides `messages`.
pub(super) fn beside(
    command: &Command,
    words: &[OsString],
    mut messages: Vec<String>,
) -> CommandError {
    messages.extend(kind_mistake(&divide(command, words), words));
    as_error(messages)
}

fn as_error(messages: Vec<String>) -> CommandError {
    let mut mistakes = Mistakes::default();
    for message in messages {
        mistakes.value::<()>(Err(CommandError::usage(message)));
    }
    let result = mistakes.finish();
    result
        .err()
        .unwrap_or_else(|| CommandError::usage("wrong command line"))
}

/// The verbs of a command line, each behind a blank.
pub(super) fn path(divided: &Divided<'_>) -> String {
    divided
        .words
        .iter()
        .filter_map(|word| match word {
            Word::Verb(verb) => Some(format!(" {}", verb.get_name())),
            _ => None,
        })
        .collect()
}

/// The kind is looked at by the verb itself, which never runs once the parser refuses.
fn kind_mistake(divided: &Divided<'_>, words: &[OsString]) -> Option<String> {
    commands::kind_mistake(divided.command.get_name(), &divided.plain(words))
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        ContextValue::Strings(texts) => texts.first().map(String::as_str),
        _ => None,
    }
}

fn sentence(
    error: &clap::Error,
    program: &str,
    divided: &Divided<'_>,
    last: Option<&OsString>,
) -> String {
    let invalid = text(error, ContextKind::InvalidArg);
    match (error.kind(), invalid) {
        (ErrorKind::InvalidSubcommand, _) => {
            let word = text(error, ContextKind::InvalidSubcommand).unwrap_or_default();
            let choices = verbs(divided.command);
            let target = format!("{program}{}", path(divided));
            with_choices(
                &format!("unknown command \"{word}\" for \"{target}\""),
                nearest(word, choices.iter().copied()).or_else(|| means(word, &choices)),
                &choices,
            )
        }
        (ErrorKind::UnknownArgument, Some(flag)) if flag.starts_with('-') => {
            unknown_flag(flag, divided)
        }
        (ErrorKind::UnknownArgument, Some(word)) => {
            format!("unexpected argument \"{word}\"")
        }
        (ErrorKind::InvalidValue | ErrorKind::ValueValidation, Some(flag)) => {
            invalid_value(error, flag, divided, last)
        }
        (ErrorKind::MissingRequiredArgument, _) => {
            missing(error, divided).unwrap_or_else(|| first_paragraph(error))
        }
        _ => first_paragraph(error),
    }
}

/// The parser's own words, without its label, its usage and its pointers.
fn first_paragraph(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    paragraph
        .strip_prefix("error: ")
        .unwrap_or(paragraph)
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ")
}

fn unknown_flag(flag: &str, divided: &Divided<'_>) -> String {
    let flag = flag.split('=').next().unwrap_or(flag);
    if !flag.starts_with("--") {
        let short = flag.trim_start_matches('-');
        return format!("unknown shorthand flag: '{short}' in {flag}");
    }
    match nearest_flag(flag, divided) {
        Some(near) => format!("unknown flag: {flag}; did you mean \"--{}\"?", long(near)),
        None => format!("unknown flag: {flag}"),
    }
}

fn long(argument: &Arg) -> &str {
    argument.get_long().unwrap_or_default()
}

/// The flag of the command that is spelled most like this one.
fn nearest_flag<'c>(flag: &str, divided: &Divided<'c>) -> Option<&'c Arg> {
    let name = flag.strip_prefix("--")?.split('=').next()?;
    let shown = || {
        let own = divided.command.get_arguments();
        own.chain(divided.root.get_arguments())
            .filter(|argument| !argument.is_hide_set())
    };
    let near = nearest(name, shown().filter_map(Arg::get_long))?;
    shown().find(|argument| argument.get_long() == Some(near))
}

/// Arguments without which the others mean nothing.
fn missing(error: &clap::Error, divided: &Divided<'_>) -> Option<String> {
    let Some(ContextValue::Strings(names)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    if names.iter().all(|name| name.starts_with('-')) {
        return Some(format!(
            "this needs {} as well",
            names.join(" and ").replace(['<', '>'], "")
        ));
    }
    let first = names.first()?;
    let Some(argument) = argument(first, divided) else {
        let name = first.trim_matches(['<', '>', '[', ']', '.']);
        return Some(format!("{name} is required"));
    };
    let values = argument.get_possible_values();
    let choices: Vec<&str> = values
        .iter()
        .map(clap::builder::PossibleValue::get_name)
        .collect();
    let name = argument.get_id();
    Some(if choices.is_empty() {
        format!("which {name}?")
    } else {
        format!("which {name}? Choose one of: {}", choices.join(", "))
    })
}

fn invalid_value(
    error: &clap::Error,
    flag: &str,
    divided: &Divided<'_>,
    last: Option<&OsString>,
) -> String {
    let argument = argument(flag, divided);
    let names = argument.map_or_else(|| flag.to_owned(), flag_names);
    let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
    let is_flag = argument.is_none_or(|argument| !argument.is_positional());
    if value.is_empty() && error.source().is_none() && is_flag {
        let last = last.map(|word| word.to_string_lossy()).unwrap_or_default();
        let short = last.chars().last().unwrap_or_default();
        return match argument.and_then(Arg::get_long) {
            _ if last.starts_with('-') && !last.starts_with("--") => {
                format!("flag needs an argument: '{short}' in {last}")
            }
            Some(long) => format!("flag needs an argument: --{long}"),
            None => format!("flag needs an argument: {names}"),
        };
    }
    let start = if is_flag {
        format!("invalid argument \"{value}\" for \"{names}\" flag")
    } else {
        format!("invalid argument \"{value}\"")
    };
    if let Some(ContextValue::Strings(choices)) = error.get(ContextKind::ValidValue) {
        let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
        return with_choices(&start, nearest(value, choices.iter().copied()), &choices);
    }
    match error.source() {
        Some(source) => format!("{start}: {source}"),
        None => start,
    }
}

/// The argument that the parser names as `--flag <VALUE>` or `<NAME>`.
fn argument<'c>(named: &str, divided: &Divided<'c>) -> Option<&'c Arg> {
    let name = named.split([' ', '=']).next().unwrap_or(named);
    let matches = |argument: &&Arg| match name.strip_prefix("--") {
        Some(long) => has_long(argument, long.trim_end_matches('[')),
        None => {
            argument.is_positional()
                && named.contains(&argument.get_id().to_string().to_uppercase())
        }
    };
    divided.command.get_arguments().find(matches).or_else(|| {
        divided.words.iter().find_map(|word| match word {
            Word::Flag(Some(argument)) => Some(*argument).filter(|argument| matches(argument)),
            _ => None,
        })
    })
}

fn verbs(command: &Command) -> Vec<&str> {
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(Command::get_name)
        .collect()
}

fn with_choices(start: &str, meant: Option<&str>, choices: &[&str]) -> String {
    let meant = meant.map_or_else(
        || ".".to_owned(),
        |near| format!("; did you mean \"{near}\"?"),
    );
    format!("{start}{meant} Choose one of: {}", choices.join(", "))
}

/// The verb that does what other programs call by this word.
fn means<'c>(word: &str, choices: &[&'c str]) -> Option<&'c str> {
    let verb = ELSEWHERE.iter().find(|(_, words)| words.contains(&word))?.0;
    choices.iter().find(|choice| **choice == verb).copied()
}

/// The command line without its first mistake: the word that was meant in its place, or nothing.
/// `None` when nothing can be said about the rest.
fn mended(
    error: &clap::Error,
    divided: &Divided<'_>,
    words: &[OsString],
    suspects: &mut Vec<OsString>,
) -> Option<Vec<OsString>> {
    let mut rest = words.to_vec();
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = text(error, ContextKind::InvalidSubcommand)?;
            let at = words.iter().position(|other| other == word)?;
            rest[at] = nearest(word, verbs(divided.command))?.into();
        }
        ErrorKind::UnknownArgument => {
            let flag = text(error, ContextKind::InvalidArg)?;
            let at = position_of(flag, divided, words)?;
            let meant = nearest_flag(flag, divided);
            match (meant, words[at].to_string_lossy().split_once('=')) {
                (Some(near), Some((_, value))) if near.get_action().takes_values() => {
                    rest[at] = format!("--{}={value}", long(near)).into();
                }
                // Whether a value follows is not known of a flag that nobody knows.
                (Some(near), None)
                    if near.get_action().takes_values()
                        && !matches!(divided.words.get(at + 1), Some(Word::Plain)) =>
                {
                    rest.remove(at);
                }
                (Some(near), _) => rest[at] = format!("--{}", long(near)).into(),
                (None, value) => {
                    rest.remove(at);
                    if let (None, Some(Word::Plain)) = (value, divided.words.get(at + 1)) {
                        suspects.push(words[at + 1].clone());
                    }
                }
            }
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let wanted = argument(text(error, ContextKind::InvalidArg)?, divided)?;
            let at = divided.words.iter().position(|word| {
                matches!(word, Word::Flag(Some(argument)) if argument.get_id() == wanted.get_id())
            })?;
            rest.remove(at);
            if matches!(divided.words.get(at + 1), Some(Word::Value(_))) {
                rest.remove(at);
            }
        }
        _ => return None,
    }
    Some(rest)
}

/// Where the word is that the parser calls by this name.
fn position_of(name: &str, divided: &Divided<'_>, words: &[OsString]) -> Option<usize> {
    words.iter().zip(&divided.words).position(|(word, kind)| {
        let word = word.to_string_lossy();
        match kind {
            Word::Flag(_) if name.starts_with("--") => {
                word.split('=').next() == name.split('=').next()
            }
            Word::Flag(_) => !word.starts_with("--") && word.contains(name.trim_start_matches('-')),
            Word::Plain => word == name,
            _ => false,
        }
    })
}

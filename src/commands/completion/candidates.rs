//! Which values fit at the end of a command line.

use std::ffi::OsString;

use clap::{Arg, Command, ValueHint};

use super::live::Source;
use crate::api::Kind;
use crate::flags::{Divided, Word, divide};

/// cobra's directives: bits that tell the shell what to do with the candidates.
pub(super) mod directive {
    /// No blank behind the candidate.
    pub(crate) const NO_SPACE: u8 = 2;
    /// No names of files.
    pub(crate) const NO_FILES: u8 = 4;
    /// Only names of folders.
    pub(crate) const FOLDERS: u8 = 16;
    /// Names of files.
    pub(crate) const FILES: u8 = 0;
}

/// One value, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) value: String,
    pub(super) description: Option<String>,
}

impl Candidate {
    pub(super) fn new(value: impl Into<String>, description: &str) -> Self {
        Self {
            value: value.into(),
            description: Some(description.to_owned()).filter(|text| !text.is_empty()),
        }
    }
}

/// Candidates, and what the shell is to do with them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) candidates: Vec<Candidate>,
    pub(super) directive: u8,
}

/// The candidates for the last of the words. `source` is made only when live values are wanted.
pub(super) fn find(
    tree: &Command,
    mut words: Vec<OsString>,
    source: impl FnOnce() -> Source,
) -> Answer {
    let current = words
        .pop()
        .map(|word| word.to_string_lossy().into_owned())
        .unwrap_or_default();
    let divided = divide(tree, &words);
    let ended = divided.words.iter().any(|word| matches!(word, Word::End));
    let answer = if let Some(argument) = divided.waiting {
        of_value(argument, &divided, &current, source)
    } else if let (false, Some((flag, value))) = (ended, split_flag(&current)) {
        words.push(flag.into());
        match divide(tree, &words).words.pop() {
            Some(Word::Flag(Some(argument))) => of_value(argument, &divided, value, source),
            _ => none(),
        }
    } else if !ended && current.starts_with('-') {
        of_engine(tree, &words, &current, true)
    } else {
        of_position(tree, &divided, &words, &current, source)
    };
    Answer {
        candidates: answer
            .candidates
            .into_iter()
            .filter(|candidate| {
                let typed = split_flag(&current).map_or(current.as_str(), |(_, value)| value);
                candidate.value.starts_with(typed)
            })
            .collect(),
        directive: answer.directive,
    }
}

fn none() -> Answer {
    no_files(Vec::new())
}

fn no_files(candidates: Vec<Candidate>) -> Answer {
    Answer {
        candidates,
        directive: directive::NO_FILES,
    }
}

/// `--flag=value`, divided.
fn split_flag(word: &str) -> Option<(&str, &str)> {
    word.split_once('=')
        .filter(|(flag, _)| flag.starts_with("--"))
}

/// The values of a flag.
fn of_value(
    argument: &Arg,
    divided: &Divided<'_>,
    value: &str,
    source: impl FnOnce() -> Source,
) -> Answer {
    let possible: Vec<Candidate> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| {
            let help = value.get_help().map(ToString::to_string);
            Candidate::new(value.get_name(), &help.unwrap_or_default())
        })
        .collect();
    if !possible.is_empty() && argument.get_action().takes_values() {
        return no_files(possible);
    }
    match argument.get_value_hint() {
        ValueHint::DirPath => {
            return Answer {
                candidates: Vec::new(),
                directive: directive::FOLDERS,
            };
        }
        ValueHint::AnyPath | ValueHint::FilePath => {
            return Answer {
                candidates: Vec::new(),
                directive: directive::FILES,
            };
        }
        _ => {}
    }
    let id = argument.get_id().as_str();
    if let Some(kind) = named_kind(id) {
        return no_files(source().names(kind));
    }
    match id {
        "namespace" | "git_repo_namespace" | "image_ref_namespace" => {
            no_files(source().names(Kind::Namespace))
        }
        "context" => no_files(source().kubeconfig(|names| &names.contexts)),
        "cluster" => no_files(source().kubeconfig(|names| &names.clusters)),
        "user" => no_files(source().kubeconfig(|names| &names.users)),
        "output" => formats(divided, value),
        _ => no_files(fixed(id)),
    }
}

/// Kinds whose names a flag takes.
fn named_kind(id: &str) -> Option<Kind> {
    match id {
        "image_ref" => Some(Kind::ImageRepository),
        "git_repo_ref" => Some(Kind::GitRepository),
        "service_account_name" => Some(Kind::ServiceAccount),
        _ => None,
    }
}

/// Choices that are checked by a verb and therefore unknown to the parser.
fn fixed(id: &str) -> Vec<Candidate> {
    let choices: &[(&str, &str)] = match id {
        "dry_run" => &[
            ("none", "do it"),
            ("client", "print only"),
            ("server", "let the API server check"),
        ],
        "select_alpha" => &[("asc", "the last by bytes"), ("desc", "the first by bytes")],
        "select_numeric" => &[("asc", "the greatest number"), ("desc", "the least number")],
        "reflect_digest" => &[
            ("Never", "tags only"),
            ("IfNotPresent", "look once at each tag"),
            ("Always", "look at every interval"),
        ],
        "provider" => &[
            ("generic", "secrets and configuration files"),
            ("aws", "Amazon ECR"),
            ("azure", "Azure Container Registry"),
            ("gcp", "Google Artifact Registry"),
        ],
        "signing_key_type" => &[("gpg", "OpenPGP"), ("ssh", "SSH")],
        "sort_by" => &[
            (".metadata.name", "name"),
            (".metadata.namespace", "namespace"),
            (".metadata.creationTimestamp", "age"),
        ],
        "verbosity" => &[
            ("0", "warnings"),
            ("2", "information"),
            ("4", "debugging"),
            ("6", "requests"),
            ("8", "bodies without secrets"),
        ],
        "timeout" | "request_timeout" | "interval" | "scan_timeout" => &[
            ("30s", "thirty seconds"),
            ("1m0s", "a minute"),
            ("5m0s", "five minutes"),
        ],
        _ => &[],
    };
    choices
        .iter()
        .map(|(value, description)| Candidate::new(*value, description))
        .collect()
}

/// The formats of the verb at hand, from the sentence that explains the flag there.
fn formats(divided: &Divided<'_>, value: &str) -> Answer {
    let all = [
        ("json", ""),
        ("yaml", ""),
        ("name", "one KIND.GROUP/NAME a line"),
        ("wide", "more columns"),
        ("jsonpath=", "values picked by a template"),
        ("custom-columns=", "columns of your own"),
    ];
    let help = divided
        .command
        .get_arguments()
        .find(|argument| argument.get_id() == "output")
        .and_then(Arg::get_help)
        .map(ToString::to_string)
        .unwrap_or_default();
    let candidates: Vec<Candidate> = all
        .iter()
        .filter(|(format, _)| help.contains(format))
        .map(|(format, description)| Candidate::new(*format, description))
        .collect();
    // What takes an argument is not finished by a blank.
    let open = candidates
        .iter()
        .filter(|candidate| candidate.value.starts_with(value))
        .all(|candidate| candidate.value.ends_with('='));
    Answer {
        candidates,
        directive: if open {
            directive::NO_FILES | directive::NO_SPACE
        } else {
            directive::NO_FILES
        },
    }
}

/// What fits where a verb, a kind or a name stands.
fn of_position(
    tree: &Command,
    divided: &Divided<'_>,
    words: &[OsString],
    current: &str,
    source: impl FnOnce() -> Source,
) -> Answer {
    let plain = divided.plain(words);
    let unnamed = |candidates: Vec<Candidate>| {
        let fresh = |candidate: &Candidate| !plain.contains(&candidate.value);
        no_files(candidates.into_iter().filter(fresh).collect())
    };
    match divided.command.get_name() {
        verb @ ("get" | "reconcile" | "suspend" | "resume" | "delete" | "export") => {
            match (plain.first(), current.split_once('/')) {
                (None, Some((kind, _))) => with_kind(kind, source),
                (None, None) => no_files(kinds(verb)),
                (Some(first), _) if first.contains('/') => match current.split_once('/') {
                    Some((kind, _)) => with_kind(kind, source),
                    None => none(),
                },
                (Some(first), _) => match Kind::from_word(first) {
                    Some(kind) => unnamed(source().names(kind)),
                    None => none(),
                },
            }
        }
        "diff" => unnamed(source().names(Kind::ImageUpdateAutomation)),
        // `explain` and `tags` take a policy before anything else; an automation is the rarer case.
        "explain" | "tags" if plain.is_empty() => unnamed(source().names(Kind::ImagePolicy)),
        _ if divided.command.has_subcommands() => match plain.as_slice() {
            [] => verbs(divided.command),
            _ => none(),
        },
        _ => of_engine(tree, words, current, false),
    }
}

/// The commands below a command, each under its first name.
fn verbs(command: &Command) -> Answer {
    let shown = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    let candidates = shown.map(|command| {
        let about = command.get_about().map(ToString::to_string);
        Candidate::new(command.get_name(), &about.unwrap_or_default())
    });
    no_files(candidates.collect())
}

/// `KIND/NAME` for one kind.
fn with_kind(word: &str, source: impl FnOnce() -> Source) -> Answer {
    let Some(kind) = Kind::from_word(word) else {
        return none();
    };
    let candidates = source().names(kind).into_iter();
    no_files(
        candidates
            .map(|candidate| Candidate {
                value: format!("{word}/{}", candidate.value),
                description: candidate.description,
            })
            .collect(),
    )
}

fn kinds(verb: &str) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    if verb == "get" {
        candidates.push(Candidate::new("all", "the three kinds"));
    }
    candidates.extend([
        Candidate::new("repository", "image repositories"),
        Candidate::new("policy", "image policies"),
        Candidate::new("update", "image update automations"),
    ]);
    candidates
}

/// Verbs, flags and fixed values, by the parser's own engine. `flags` tells whether flags are
/// wanted; a shell that shows them unasked hides the verbs among them.
fn of_engine(tree: &Command, words: &[OsString], current: &str, flags: bool) -> Answer {
    let divided = divide(tree, words);
    let without_noun = divided
        .words
        .iter()
        .zip(words)
        .filter(|(kind, _)| !matches!(kind, Word::Noun))
        .map(|(_, word)| word.clone());
    let mut line = vec![OsString::from("kubectl-imageupdate")];
    line.extend(without_noun);
    let position = line.len();
    line.push(current.into());
    let found = clap_complete::engine::complete(&mut tree.clone(), line, position, None);
    let candidates = found
        .unwrap_or_default()
        .iter()
        .filter(|candidate| !candidate.is_hide_set())
        .map(|candidate| {
            let help = candidate.get_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            Candidate::new(
                candidate.get_value().to_string_lossy(),
                help.lines().next().unwrap_or_default(),
            )
        })
        .filter(|candidate| candidate.value.starts_with('-') == flags)
        .collect();
    no_files(candidates)
}

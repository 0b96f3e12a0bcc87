//! What each word of a command line is, by the rules of Go's flag library: a verb, flux's noun, a
//! flag, the value of the flag before it, or a plain word.
//!
//! For: rewriting flux's command lines, and knowing what is being completed.
//! Refuses: to judge. A flag that nobody defines is a flag without an argument.

use std::ffi::OsString;

use clap::{Arg, Command};

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

/// What one word is.
#[derive(Clone, Debug)]
pub enum Word<'c> {
    /// A command of the tree.
    Verb(&'c Command),
    /// flux's `image` or `images` behind a verb.
    Noun,
    /// `--flag`, `--flag=value`, `-f`, `-fvalue`, `-abc`, `-f=value`. The argument is the one that
    /// the word ends with, if the tree has it.
    Flag(Option<&'c Arg>),
    /// The value of the flag before it.
    Value(&'c Arg),
    /// `--`: only plain words follow.
    End,
    /// Anything else.
    Plain,
}

/// A command line, divided.
#[derive(Clone, Debug)]
pub struct Divided<'c> {
    /// One entry for each word.
    pub words: Vec<Word<'c>>,
    /// The whole tree; its flags are every command's.
    pub root: &'c Command,
    /// The innermost command that was named; the tree's root without any.
    pub command: &'c Command,
    /// The flag that waits for a value behind the last word.
    pub waiting: Option<&'c Arg>,
}

impl Divided<'_> {
    /// The plain words among those that were divided.
    pub fn plain(&self, words: &[OsString]) -> Vec<String> {
        self.words
            .iter()
            .zip(words)
            .filter(|(kind, _)| matches!(kind, Word::Plain))
            .map(|(_, word)| word.to_string_lossy().into_owned())
            .collect()
    }
}

/// Divides the words behind the program's name.
pub fn divide<'c>(root: &'c Command, words: &[OsString]) -> Divided<'c> {
    let mut path = vec![root];
    let mut divided = Vec::with_capacity(words.len());
    let mut waiting: Option<&Arg> = None;
    let (mut noun_possible, mut plain_seen, mut ended) = (false, false, false);
    for word in words {
        let text = word.to_string_lossy();
        let here = path[path.len() - 1];
        let kind = if let Some(argument) = waiting.take() {
            Word::Value(argument)
        } else if ended {
            Word::Plain
        } else if text == "--" {
            ended = true;
            Word::End
        } else if let Some((argument, value_follows)) = flag(&path, &text) {
            waiting = argument.filter(|_| value_follows);
            Word::Flag(argument)
        } else if noun_possible && matches!(text.as_ref(), "image" | "images") {
            noun_possible = false;
            Word::Noun
        } else if let (false, Some(verb)) = (plain_seen, here.find_subcommand(text.as_ref())) {
            noun_possible = path.len() == 1 && VERBS_WITH_NOUN.contains(&verb.get_name());
            path.push(verb);
            Word::Verb(verb)
        } else {
            (plain_seen, noun_possible) = (true, false);
            Word::Plain
        };
        divided.push(kind);
    }
    Divided {
        words: divided,
        root,
        command: path[path.len() - 1],
        waiting,
    }
}

/// The flag that a word ends with, and whether its value is the next word; `None` when the word is
/// no flag at all.
fn flag<'c>(path: &[&'c Command], text: &str) -> Option<(Option<&'c Arg>, bool)> {
    if let Some(long) = text.strip_prefix("--") {
        let (name, has_value) = match long.split_once('=') {
            Some((name, _)) => (name, true),
            None => (long, false),
        };
        let argument = find(path, |argument| has_long(argument, name));
        return Some((
            argument,
            !has_value && argument.is_some_and(takes_next_word),
        ));
    }
    let shorts = text.strip_prefix('-').filter(|rest| !rest.is_empty())?;
    let mut last = None;
    for (at, short) in shorts.char_indices() {
        let rest = &shorts[at + short.len_utf8()..];
        last = find(path, |argument| argument.get_short() == Some(short));
        match last {
            Some(argument) if takes_next_word(argument) => {
                return Some((last, rest.is_empty()));
            }
            _ if rest.starts_with('=') => return Some((last, false)),
            _ => {}
        }
    }
    Some((last, false))
}

/// The argument in the innermost command, or else wherever the tree has one of that kind: flags may
/// stand before the verb that defines them.
fn find<'c>(path: &[&'c Command], wanted: impl Fn(&Arg) -> bool + Copy) -> Option<&'c Arg> {
    path.iter()
        .rev()
        .find_map(|command| command.get_arguments().find(|argument| wanted(argument)))
        .or_else(|| within(path[path.len() - 1], wanted))
}

fn within(command: &Command, wanted: impl Fn(&Arg) -> bool + Copy) -> Option<&Arg> {
    command.get_subcommands().find_map(|command| {
        let here = command.get_arguments().find(|argument| wanted(argument));
        here.or_else(|| within(command, wanted))
    })
}

/// Whether the argument goes by this long name.
pub fn has_long(argument: &Arg, name: &str) -> bool {
    argument.get_long() == Some(name)
        || argument
            .get_all_aliases()
            .is_some_and(|aliases| aliases.contains(&name))
}

fn takes_next_word(argument: &Arg) -> bool {
    argument.get_action().takes_values() && !argument.is_require_equals_set()
}

#[cfg(test)]
mod tests {
    use clap::ArgAction;

    use super::*;

    fn tree() -> Command {
        let namespace = Arg::new("namespace").short('n').long("namespace");
        let export = Arg::new("export").long("export").action(ArgAction::SetTrue);
        let all = Arg::new("all").short('A').action(ArgAction::SetTrue);
        Command::new("p")
            .arg(namespace.global(true))
            .subcommand(Command::new("create").subcommand(Command::new("policy").arg(export)))
            .subcommand(
                Command::new("get")
                    .arg(all)
                    .arg(Arg::new("words").num_args(0..)),
            )
    }

    #[track_caller]
    fn assert_divided(line: &str, expected: &str) {
        let tree = tree();
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let letters: String = divide(&tree, &words)
            .words
            .iter()
            .map(|word| match word {
                Word::Verb(_) => 'V',
                Word::Noun => 'N',
                Word::Flag(Some(_)) => 'F',
                Word::Flag(None) => '?',
                Word::Value(_) => '=',
                Word::End => '-',
                Word::Plain => 'p',
            })
            .collect();
        assert_eq!(letters, expected, "{line}");
    }

    #[test]
    fn words_are_told_apart() {
        assert_divided("get images all", "VNp");
        assert_divided("get image image", "VNp");
        assert_divided("-n get get policy x", "F=Vpp");
        assert_divided("-nget get -A -An x", "FVFF=");
        assert_divided("--namespace=get get --bogus x", "FV?p");
        assert_divided("create image policy policy --export", "VNVpF");
        assert_divided("--export create image policy p", "FVNVp");
        assert_divided("get -- -A image", "V-pp");
    }

    #[test]
    fn a_flag_at_the_end_waits_for_its_value() {
        let tree = tree();
        let divided = divide(&tree, &["get".into(), "-An".into()]);
        assert_eq!(
            divided.waiting.map(|a| a.get_id().as_str()),
            Some("namespace")
        );
        assert_eq!(divided.command.get_name(), "get");
    }
}

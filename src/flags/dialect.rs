//! The dialect of Go's flag library: flags before the verb, flux's noun behind it, and booleans
//! with values.
//!
//! For: rewriting such command lines into the parser's own before they are parsed.
//! Refuses: to judge flags that it does not know; the parser does.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use super::{Word, divide, go_bool};

/// Rewrites the words behind the program's name: the verbs come first, flux's noun goes, and
/// `--flag=true` and `--flag=false` become the flag or nothing. Words that are no boolean are
/// returned as messages, in the sentence of Go's flag library.
pub fn rewrite(command: &Command, words: Vec<OsString>) -> (Vec<OsString>, Vec<String>) {
    let divided = divide(command, &words);
    let mut verbs = Vec::new();
    let mut kept: Vec<(Option<&Arg>, OsString)> = Vec::with_capacity(words.len());
    let mut mistakes = Vec::new();
    for (word, kind) in words.iter().zip(&divided.words) {
        match kind {
            Word::Verb(_) => verbs.push(word.clone()),
            Word::Noun => {}
            Word::Flag(Some(argument)) if is_boolean(argument) => {
                match boolean(&flag_names(argument), &word.to_string_lossy()) {
                    Boolean::Bare => kept.push((Some(argument), word.clone())),
                    Boolean::True(flag) => kept.push((Some(argument), flag.into())),
                    // The last one counts, so that what was said before is taken back.
                    Boolean::False => {
                        let id = argument.get_id();
                        kept.retain(|(other, _)| other.is_none_or(|other| other.get_id() != id));
                    }
                    Boolean::Mistake(mistake) => mistakes.push(mistake),
                }
            }
            // The parser adds this flag by itself, so that no command has it yet.
            Word::Flag(None) if is_help(&word.to_string_lossy()) => {
                match boolean("-h, --help", &word.to_string_lossy()) {
                    Boolean::Bare => kept.push((None, word.clone())),
                    Boolean::True(flag) => kept.push((None, flag.into())),
                    Boolean::False => {}
                    Boolean::Mistake(mistake) => mistakes.push(mistake),
                }
            }
            Word::Flag(_) | Word::Value(_) | Word::End | Word::Plain => {
                kept.push((None, word.clone()));
            }
        }
    }
    verbs.extend(kept.into_iter().map(|(_, word)| word));
    (verbs, mistakes)
}

fn is_help(word: &str) -> bool {
    matches!(word.split('=').next(), Some("-h" | "--help"))
}

fn is_boolean(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::SetTrue)
}

enum Boolean {
    Bare,
    True(String),
    False,
    Mistake(String),
}

/// What a word says of the boolean flag with these names.
fn boolean(names: &str, word: &str) -> Boolean {
    let Some((flag, value)) = word.split_once('=') else {
        return Boolean::Bare;
    };
    match go_bool(value) {
        Some(true) => Boolean::True(flag.to_owned()),
        Some(false) => Boolean::False,
        None => Boolean::Mistake(format!(
            "invalid argument \"{value}\" for \"{names}\" flag: strconv.ParseBool: parsing \
             \"{value}\": invalid syntax"
        )),
    }
}

/// A flag as Go's flag library names it: `-n, --namespace`.
pub fn flag_names(argument: &Arg) -> String {
    match (argument.get_short(), argument.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}"),
        (None, Some(long)) => format!("--{long}"),
        (Some(short), None) => format!("-{short}"),
        (None, None) => argument.get_id().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Command {
        let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
        Command::new("p")
            .arg(Arg::new("namespace").short('n').long("namespace"))
            .arg(flag("quiet"))
            .subcommand(
                Command::new("create").subcommand(Command::new("policy").arg(flag("export"))),
            )
            .subcommand(Command::new("get").arg(flag("all-namespaces").short('A')))
    }

    #[track_caller]
    fn assert_rewritten(line: &str, expected: &str) {
        let words = line.split(' ').map(OsString::from).collect();
        let (kept, mistakes) = rewrite(&tree(), words);
        let text: Vec<_> = kept.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(text.join(" "), expected);
        assert!(mistakes.is_empty(), "{mistakes:?}");
    }

    #[test]
    fn fluxs_noun_and_gos_booleans_are_understood() {
        assert_rewritten("get images all", "get all");
        assert_rewritten("-n x get image policy", "get -n x policy");
        assert_rewritten(
            "create image policy image --export=true",
            "create policy image --export",
        );
        assert_rewritten("create image policy p --export=F", "create policy p");
        assert_rewritten("create policy image", "create policy image");
        assert_rewritten("--export create image policy p", "create policy --export p");
        assert_rewritten("get all -A=true", "get all -A");
        assert_rewritten("get all --help=t -h=false", "get all --help");
        assert_rewritten("get all -A --all-namespaces=0 --quiet", "get all --quiet");
    }

    #[test]
    fn a_boolean_that_is_none_is_gos_error() {
        let words = vec!["create".into(), "--export=maybe".into()];
        assert_eq!(
            rewrite(&tree(), words).1,
            [
                "invalid argument \"maybe\" for \"--export\" flag: strconv.ParseBool: parsing \
                 \"maybe\": invalid syntax"
            ]
        );
    }
}

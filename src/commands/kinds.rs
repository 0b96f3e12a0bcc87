//! `KIND NAME…`, `KIND,KIND NAME…`, `KIND/NAME` and `all`.

use crate::api::Kind;
use crate::error::CommandError;
use crate::nearest;
use crate::ops::Targets;

/// What a command line names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// The kinds, in order of listing.
    pub(super) kinds: Vec<Kind>,
    /// Whether the word was `all`, or several kinds with commas between them.
    pub(super) all: bool,
    /// Names.
    pub(super) names: Vec<String>,
}

impl Named {
    /// As targets of a run.
    pub(super) fn targets(&self) -> Targets {
        Targets {
            kinds: self.kinds.clone(),
            names: self.names.clone(),
        }
    }
}

/// The words that name kinds behind a verb, for messages.
fn choices(verb: &str) -> &'static str {
    match verb {
        "get" | "reconcile" => "all, repository, policy, update",
        "diff" => "update",
        _ => "repository, policy, update",
    }
}

/// The verbs whose first word is a kind.
const VERBS: &[&str] = &["get", "reconcile", "export", "suspend", "resume", "delete"];

/// Reads the words behind a verb. `default` is used without any; `verb` is for messages.
pub(super) fn read(
    words: &[String],
    default: Option<Kind>,
    verb: &str,
) -> Result<Named, CommandError> {
    let Some((first, rest)) = words.split_first() else {
        return match default {
            Some(kind) => Ok(Named {
                kinds: vec![kind],
                all: false,
                names: Vec::new(),
            }),
            None => Err(CommandError::usage(format!(
                "which kind of object? Choose one of: {}",
                choices(verb)
            ))),
        };
    };
    if let Some((kind, name)) = first.split_once('/') {
        let kind = one_kind(kind, verb)?;
        let mut names = vec![name.to_owned()];
        for word in rest {
            let (other, name) = word.split_once('/').ok_or_else(|| {
                CommandError::usage(format!(
                    "\"{word}\" has no kind; with KIND/NAME every argument needs one"
                ))
            })?;
            if one_kind(other, verb)? != kind {
                return Err(CommandError::usage(format!(
                    "\"{first}\" and \"{word}\" are of different kinds; name one kind at a time"
                )));
            }
            names.push(name.to_owned());
        }
        return Ok(Named {
            kinds: vec![kind],
            all: false,
            names: distinct(names),
        });
    }
    let names = distinct(rest.to_vec());
    if first == "all" {
        return Ok(Named {
            kinds: Kind::IMAGE.to_vec(),
            all: true,
            names,
        });
    }
    let mut kinds = Vec::new();
    for word in first.split(',') {
        let kind = one_kind(word, verb)?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Ok(Named {
        all: kinds.len() > 1,
        kinds,
        names,
    })
}

/// The kind that a word names; for messages of `verb`.
pub(super) fn one_kind(word: &str, verb: &str) -> Result<Kind, CommandError> {
    Kind::from_word(word).ok_or_else(|| {
        let near = nearest(word, verb);
        let forgotten = (near.is_none() && verb == "reconcile")
            .then(|| format!("a name stands behind its kind: update {word}"));
        let meant = near.map(|near| format!("; did you mean \"{near}\"?"));
        let mut error = CommandError::usage(format!(
            "unknown kind \"{word}\"{} Choose one of: {}",
            meant.unwrap_or_else(|| ".".to_owned()),
            choices(verb)
        ));
        error.hints.extend(forgotten);
        error
    })
}

fn distinct(names: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        if !kept.contains(&name) {
            kept.push(name);
        }
    }
    kept
}

/// The kind's word that is spelled most alike, if any is.
fn nearest(word: &str, verb: &str) -> Option<&'static str> {
    let all = choices(verb).split(", ").find(|choice| *choice == "all");
    let words = Kind::IMAGE.iter().flat_map(|kind| {
        let words = kind.words().iter().copied();
        words.chain([kind.plural(), kind.singular()])
    });
    nearest::nearest(word, all.into_iter().chain(words))
}

/// What is wrong with the kind among the words behind a verb that takes one; for command lines that
/// are refused before the verb runs.
pub fn kind_mistake(verb: &str, words: &[String]) -> Option<String> {
    if words.is_empty() || !VERBS.contains(&verb) {
        return None;
    }
    read(words, None, verb).err().map(|error| error.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn kinds_and_names_are_read_in_both_forms() {
        let named = read(&words("policy a b a"), None, "get").unwrap();
        assert_eq!(
            (named.kinds, named.names),
            (vec![Kind::ImagePolicy], words("a b"))
        );
        let named = read(&words("iua/x update/y"), None, "get").unwrap();
        assert_eq!(
            (named.kinds, named.names),
            (vec![Kind::ImageUpdateAutomation], words("x y"))
        );
        assert!(read(&words("all"), None, "get").unwrap().all);
        let named = read(&words("policy,repo,policies a"), None, "get").unwrap();
        assert_eq!(
            (named.kinds, named.all),
            (vec![Kind::ImagePolicy, Kind::ImageRepository], true)
        );
        assert!(read(&words("policy/a repo/b"), None, "get").is_err());
    }

    #[test]
    fn a_wrong_kind_names_the_nearest_and_the_choices() {
        let error = read(&words("polcy"), None, "get").unwrap_err();
        assert_eq!(
            error.message,
            "unknown kind \"polcy\"; did you mean \"policy\"? Choose one of: all, repository, policy, update"
        );
        let error = read(&words("al"), None, "suspend").unwrap_err();
        assert_eq!(
            error.message,
            "unknown kind \"al\". Choose one of: repository, policy, update"
        );
    }
}

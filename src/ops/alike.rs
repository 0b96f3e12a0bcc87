//! What is said about the name of an object that does not exist: the name that was meant, or those
//! that there are.

use std::fmt;

use super::gather::{GatherError, Scope};
use crate::api::Kind;
use crate::nearest::nearest;
use crate::ports::{ObjectScope, Objects};

/// More names than this tell nobody anything.
const MOST: usize = 8;

/// Named objects that do not exist.
#[derive(Debug, Default)]
pub struct Missing {
    /// What to say, a sentence for each.
    sentences: Vec<String>,
    /// Each name, and the kinds that could have had it.
    names: Vec<(Vec<Kind>, String)>,
    /// What was meant; empty until somebody looks.
    pub hints: Vec<String>,
}

impl Missing {
    /// Objects of one kind each, in kubectl's sentence.
    pub(super) fn each(missing: &[(Kind, String)]) -> Self {
        let sentence = |(kind, name): &(Kind, String)| {
            format!(
                "Error from server (NotFound): {}.{} \"{name}\" not found",
                kind.plural(),
                kind.group()
            )
        };
        let names = missing.iter();
        Self {
            sentences: missing.iter().map(sentence).collect(),
            names: names
                .map(|(kind, name)| (vec![*kind], name.clone()))
                .collect(),
            hints: Vec::new(),
        }
    }

    /// A name that could have been of several kinds.
    pub(super) fn of_kinds(kinds: &[Kind], name: &str, sentence: String) -> Self {
        Self {
            sentences: vec![sentence],
            names: vec![(kinds.to_vec(), name.to_owned())],
            hints: Vec::new(),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.sentences.join("\n"))
    }
}

/// An error about missing objects with what was meant; any other one as it is. Looking costs
/// requests, so that only those do it who let the error out.
pub(super) async fn hinted(
    mut error: GatherError,
    objects: &dyn Objects,
    scope: &Scope,
) -> GatherError {
    let GatherError::NotFound(missing) = &mut error else {
        return error;
    };
    for (kinds, name) in &missing.names {
        let namespace = scope.namespace.as_deref();
        for hint in name_hints(objects, kinds, namespace, name).await {
            if !missing.hints.contains(&hint) {
                missing.hints.push(hint);
            }
        }
    }
    error
}

/// An answer whose error says what was meant, where it is about missing objects.
pub(super) async fn or_hinted<T>(
    answer: Result<T, GatherError>,
    objects: &dyn Objects,
    scope: &Scope,
) -> Result<T, GatherError> {
    match answer {
        Ok(found) => Ok(found),
        Err(error) => Err(hinted(error, objects, scope).await),
    }
}

/// Hints about a name that none of the objects of these kinds has. Whoever may not list them learns
/// nothing.
pub async fn name_hints(
    objects: &dyn Objects,
    kinds: &[Kind],
    namespace: Option<&str>,
    name: &str,
) -> Vec<String> {
    let scope = ObjectScope {
        namespace: namespace.map(str::to_owned),
        ..ObjectScope::default()
    };
    let mut names = Vec::new();
    for kind in kinds {
        let Ok(listed) = objects.list(*kind, &scope).await else {
            continue;
        };
        let listed = listed.iter();
        names.extend(
            listed.filter_map(|object| object["metadata"]["name"].as_str().map(str::to_owned)),
        );
    }
    hints(names, namespace, name)
}

/// The same, with the names at hand.
pub(super) fn hints(mut names: Vec<String>, namespace: Option<&str>, name: &str) -> Vec<String> {
    names.sort();
    names.dedup();
    let mut hints = Vec::new();
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => hints.push(format!("did you mean \"{near}\"?")),
        None if names.is_empty() || names.len() > MOST => {}
        None => hints.push(format!("choose one of: {}", names.join(", "))),
    }
    if let Some(namespace) = namespace {
        hints.push(format!(
            "looked in namespace \"{namespace}\"; -n names another one"
        ));
    }
    hints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_hints(names: &[&str], name: &str, expected: &[&str]) {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(hints(names, None, name), expected);
    }

    #[test]
    fn the_nearest_name_is_told_or_else_every_one() {
        assert_hints(
            &["other", "podinfo", "podinfo"],
            "podinf",
            &["did you mean \"podinfo\"?"],
        );
        assert_hints(&["b", "a"], "zzzzzz", &["choose one of: a, b"]);
        assert_hints(&[], "podinf", &[]);
        assert_hints(&["a"; MOST + 1], "zzzzzz", &["choose one of: a"]);
        assert_hints(
            &["a", "b", "c", "d", "e", "f", "g", "h", "i"],
            "zzzzzz",
            &[],
        );
        assert_eq!(
            hints(Vec::new(), Some("apps"), "x"),
            ["looked in namespace \"apps\"; -n names another one"]
        );
    }
}

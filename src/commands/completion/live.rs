//! Values that only the cluster, the kubeconfig or the given files know, within a second or not at
//! all.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use clap::{ArgMatches, Command, FromArgMatches as _};
use serde_json::Value;

use super::candidates::Candidate;
use crate::api::Kind;
use crate::context::{Context, KubeconfigNames};
use crate::flags::{Environment, GlobalFlags, ObjectFlags};
use crate::output::Ui;
use crate::ports::{ObjectScope, Objects};

/// A shell waits no longer than this; the rest of the second is for the shell itself.
const LIMIT: Duration = Duration::from_millis(600);

/// Where live values come from: what the command line so far says about it.
pub(super) struct Source {
    context: Option<Context>,
    objects: ObjectFlags,
    all_namespaces: bool,
}

impl Source {
    /// Reads the flags of an unfinished command line.
    pub(super) fn new(
        program: &str,
        tree: &Command,
        words: &[OsString],
        environment: &Environment,
        ui: Arc<Ui>,
    ) -> Self {
        let finished = &words[..words.len().saturating_sub(1)];
        let matches = matches(program, tree, finished);
        let context = matches
            .as_ref()
            .and_then(|matches| GlobalFlags::from_arg_matches(matches).ok())
            .map(|global| Context::new(program.to_owned(), global, environment.clone(), ui));
        let verb = innermost(matches.as_ref());
        let is_set = |name: &str| {
            verb.is_some_and(|verb| matches!(verb.try_get_one::<bool>(name), Ok(Some(true))))
        };
        let files = verb.and_then(|verb| verb.try_get_many::<PathBuf>("filename").ok().flatten());
        Self {
            context,
            objects: ObjectFlags {
                filename: files.into_iter().flatten().cloned().collect(),
                recursive: is_set("recursive"),
            },
            all_namespaces: is_set("all_namespaces"),
        }
    }

    /// The names of the objects of a kind where the command line looks for them.
    pub(super) fn names(self, kind: Kind) -> Vec<Candidate> {
        within_limit(move || {
            let context = self.context?;
            let from_input = self
                .objects
                .filename
                .iter()
                .any(|path| path.as_os_str() == "-");
            if from_input {
                return None;
            }
            let objects = match kind {
                Kind::Namespace => context.cluster().ok()? as Arc<dyn Objects>,
                _ => context.objects(&self.objects).ok()?,
            };
            let namespace = match kind {
                Kind::Namespace => None,
                _ => context
                    .namespace_scope(&self.objects, self.all_namespaces)
                    .ok()?,
            };
            names(objects.as_ref(), kind, namespace)
        })
    }

    /// Names in the kubeconfig.
    pub(super) fn kubeconfig(
        self,
        which: impl FnOnce(&KubeconfigNames) -> &Vec<String> + Send + 'static,
    ) -> Vec<Candidate> {
        within_limit(move || {
            let names = self.context?.kubeconfig_names().ok()?;
            let names = which(&names).iter();
            Some(names.map(|name| Candidate::new(name, "")).collect())
        })
    }
}

/// Whatever the words say so far; what cannot be parsed yet is passed over.
fn matches(program: &str, tree: &Command, words: &[OsString]) -> Option<ArgMatches> {
    let (words, _) = crate::flags::rewrite(tree, words.to_vec());
    let all = std::iter::once(OsString::from(program)).chain(words);
    tree.clone()
        .ignore_errors(true)
        .try_get_matches_from(all)
        .ok()
}

fn innermost(matches: Option<&ArgMatches>) -> Option<&ArgMatches> {
    let mut matches = matches?;
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    Some(matches)
}

fn names(objects: &dyn Objects, kind: Kind, namespace: Option<String>) -> Option<Vec<Candidate>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let scope = ObjectScope {
        namespace,
        ..ObjectScope::default()
    };
    let mut names = Vec::new();
    let mut collect = |text: &[u8]| {
        if let Ok(object) = serde_json::from_slice::<Value>(text)
            && let Some(name) = object["metadata"]["name"].as_str()
        {
            names.push(Candidate::new(name, ""));
        }
    };
    runtime
        .block_on(objects.list_each(kind, &scope, &mut collect))
        .ok()?;
    names.sort_by(|a, b| a.value.cmp(&b.value));
    names.dedup();
    Some(names)
}

/// Runs the work aside and leaves it behind when it takes too long.
fn within_limit(work: impl FnOnce() -> Option<Vec<Candidate>> + Send + 'static) -> Vec<Candidate> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver
        .recv_timeout(LIMIT)
        .ok()
        .flatten()
        .unwrap_or_default()
}

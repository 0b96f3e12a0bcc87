//! D5, D6, D13 and D14 in commits: values that the controllers write and this program leaves.

use super::policies::Undecided;
use super::{Facts, Wanted};
use crate::scenario::Commit;
use crate::yaml::{self, Edit};

/// What is left of one commit.
struct Kept {
    /// Content of the files that still change.
    files: Vec<(String, Vec<u8>)>,
    /// Files that no longer change.
    same: Vec<String>,
    /// Edits that are not made, with the rule.
    dropped: Vec<(&'static str, String, Edit)>,
    /// Edits that are made.
    made: Vec<Edit>,
}

pub fn apply(wanted: &mut Wanted, facts: &Facts<'_>, undecided: &Undecided) {
    let commits = wanted.commits.clone();
    for commit in &commits {
        let kept = keep(wanted, facts, commit, undecided);
        let Some((rule, ..)) = kept.dropped.first() else {
            continue;
        };
        if kept.files.is_empty() {
            for (_, path, _) in &kept.dropped {
                wanted.tree.remove(path);
            }
            wanted.without_commit(rule, &commit.id, facts);
            continue;
        }
        for (path, bytes) in kept.files {
            wanted.tree.insert(path, bytes);
        }
        let Some(left) = wanted
            .commits
            .iter_mut()
            .find(|other| other.id == commit.id)
        else {
            continue;
        };
        let files: Vec<String> = left
            .files()
            .into_iter()
            .filter(|file| !kept.same.contains(file))
            .collect();
        left.headers.insert("files".to_owned(), files.join(", "));
        left.message = message(facts, &left.message, &kept.dropped, &kept.made);
        for (rule, path, _) in &kept.dropped {
            let fields = [
                format!("tree/{path}"),
                format!("commit {} message", commit.id),
            ];
            for field in fields {
                if !wanted.deviations.contains(&(rule, field.clone())) {
                    wanted.deviations.push((rule, field));
                }
            }
        }
    }
}

fn keep(wanted: &Wanted, facts: &Facts<'_>, commit: &Commit, undecided: &Undecided) -> Kept {
    let mut kept = Kept {
        files: Vec::new(),
        same: Vec::new(),
        dropped: Vec::new(),
        made: Vec::new(),
    };
    let parent = commit.headers.get("parents").map(String::as_str);
    for path in commit.files() {
        let Some(recorded) = wanted.tree.get(&path) else {
            continue;
        };
        let recorded = facts.stage.placeholders.fill_bytes(recorded);
        let before = facts
            .stage
            .show(commit, parent.unwrap_or_default(), &path)
            .unwrap_or_default();
        let Ok(edits) = yaml::edits(&before, &recorded) else {
            continue;
        };
        let is_kustomization = is_kustomization(&path, &before);
        let (dropped, made): (Vec<Edit>, Vec<Edit>) = edits
            .into_iter()
            .partition(|edit| rule(edit, is_kustomization, undecided).is_some());
        if made.is_empty() {
            kept.same.push(path.clone());
        } else if !dropped.is_empty() {
            kept.files.push((path.clone(), yaml::write(&before, &made)));
        } else {
            kept.files.push((path.clone(), wanted.tree[&path].clone()));
        }
        kept.made.extend(made);
        for edit in dropped {
            if let Some(rule) = rule(&edit, is_kustomization, undecided) {
                kept.dropped.push((rule, path.clone(), edit));
            }
        }
    }
    kept
}

fn is_kustomization(path: &str, text: &[u8]) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let named = ["kustomization.yaml", "kustomization.yml", "Kustomization"].contains(&name);
    named || String::from_utf8_lossy(text).contains("kustomize.config.k8s.io/")
}

/// Why an edit is not made, if it is not.
fn rule(edit: &Edit, is_kustomization: bool, undecided: &Undecided) -> Option<&'static str> {
    let setter = yaml::setter(&edit.comment)?;
    let (policy, field) = match setter.split(':').collect::<Vec<_>>().as_slice() {
        [namespace, name] => (format!("{namespace}:{name}"), ""),
        [namespace, name, field] => (format!("{namespace}:{name}"), *field),
        _ => return None,
    };
    let kustomize_field = ["newName", "newTag", "digest"].contains(&edit.key.as_str());
    if let Some(rule) = undecided.get(&policy) {
        Some(rule)
    } else if field == "digest" && edit.value.is_empty() {
        Some("D5")
    } else if field.is_empty() && is_kustomization && kustomize_field {
        Some("D6")
    } else {
        None
    }
}

/// The message without the lines that tell of edits that are not made: those that name its old
/// and its new value, and are not needed for an edit that is made.
fn message(
    facts: &Facts<'_>,
    message: &str,
    dropped: &[(&'static str, String, Edit)],
    made: &[Edit],
) -> String {
    let tells = |line: &str, edit: &Edit| {
        let [old, new] =
            [&edit.before.value, &edit.value].map(|value| facts.stage.placeholders.map_back(value));
        line.contains(&old) && line.contains(&new)
    };
    message
        .split_inclusive('\n')
        .filter(|line| {
            made.iter().any(|edit| tells(line, edit))
                || !dropped.iter().any(|(_, _, edit)| tells(line, edit))
        })
        .collect()
}

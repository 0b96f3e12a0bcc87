//! Area `setters`: one run over a small tree, on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubectl_imageupdate::key::TreePath;
use kubectl_imageupdate::ports::{FileQuery, Tree};
use kubectl_imageupdate::setters::{
    FileOutcome, MarkerState, SetterPolicy, SetterState, SetterTable, TOKEN, is_candidate,
    scan_file,
};
use kubectl_imageupdate::worktree::DiskTree;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Case, Verdict, expect};

pub(crate) fn run(case: &Case<'_>) -> Option<Verdict> {
    let folder = tempfile::tempdir().expect("a folder");
    Some(match check(case, folder.path()) {
        Err(why) => Verdict::Failed(why),
        Ok(rules) if rules.is_empty() => Verdict::Passed,
        Ok(rules) => Verdict::Deviating(rules),
    })
}

/// The bytes of a content field.
fn content(value: &Value) -> Vec<u8> {
    if let Some(text) = value.as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(text) = value["base64"].as_str() {
        return STANDARD.decode(text).expect("base64");
    }
    let mut bytes = Vec::new();
    for part in value["parts"].as_array().expect("parts") {
        match part.as_str() {
            Some(text) => bytes.extend_from_slice(text.as_bytes()),
            None => {
                let times = usize::try_from(part["times"].as_u64().unwrap()).unwrap();
                bytes.extend_from_slice(part["repeat"].as_str().unwrap().repeat(times).as_bytes());
            }
        }
    }
    bytes
}

fn matches(expected: &Value, bytes: &[u8]) -> bool {
    match expected["sha256"].as_str() {
        Some(hash) => {
            let hex: String = Sha256::digest(bytes)
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            hex == hash
        }
        None => content(expected) == bytes,
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, bytes).expect("a file");
}

/// What one run over the tree found.
struct Run {
    under: TreePath,
    /// Targets of the links that were met.
    links: Vec<Option<TreePath>>,
    files: BTreeMap<TreePath, FileOutcome>,
}

fn scan(root: &Path, case: &Case<'_>, table: &SetterTable) -> Result<Run, String> {
    let tree = DiskTree::new(root).map_err(|error| error.to_string())?;
    let under = tree
        .resolve(&TreePath::clamp(case.text("path")))
        .map_err(|error| error.to_string())?;
    let files = Mutex::new(BTreeMap::new());
    let query = FileQuery {
        under: &under,
        wanted: &is_candidate,
        token: TOKEN,
    };
    let report = tree
        .search(&query, &|file| {
            let outcome = scan_file(&file.path, &file.bytes, table);
            files.lock().unwrap().insert(file.path, outcome);
        })
        .map_err(|error| error.to_string())?;
    let links = report.links.into_iter().map(|link| link.target).collect();
    Ok(Run {
        under,
        links,
        files: files.into_inner().unwrap(),
    })
}

/// Every regular file and link below a folder.
fn tree_of(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            let kind = entry.file_type().expect("a type");
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_symlink() {
                let target = fs::read_link(&path).expect("a link");
                found.insert(
                    format!("{name} ->"),
                    target.to_string_lossy().as_bytes().to_vec(),
                );
            } else {
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

fn check(case: &Case<'_>, folder: &Path) -> Result<Vec<(&'static str, &'static str)>, String> {
    let root = folder.join("root");
    fs::create_dir_all(&root).map_err(|error| error.to_string())?;
    for (path, value) in entries(&case.value["files"]) {
        write(&root.join(path), &content(value));
    }
    for dir in case.texts("dirs") {
        fs::create_dir_all(root.join(dir)).map_err(|error| error.to_string())?;
    }
    for (path, value) in entries(&case.value["outside_files"]) {
        write(&folder.join(path), &content(value));
    }
    for (path, target) in entries(&case.value["symlinks"]) {
        let link = root.join(path);
        fs::create_dir_all(link.parent().unwrap()).map_err(|error| error.to_string())?;
        std::os::unix::fs::symlink(target.as_str().unwrap(), link).map_err(|e| e.to_string())?;
    }
    let before = tree_of(folder);
    let table = table(case);
    let run = match scan(&root, case, &table) {
        Ok(run) => run,
        Err(error) if case.has("error") && !case.has("deviation") => {
            let _ = error;
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    if case.has("error") && !case.has("deviation") {
        return Err("the run should fail".to_owned());
    }
    for (path, outcome) in &run.files {
        if let Some(patch) = &outcome.patch {
            let file = root.join(path.as_str());
            let before = fs::read(&file).map_err(|error| error.to_string())?;
            let after = patch.apply(&before).ok_or("the file changed")?;
            fs::write(file, after).map_err(|error| error.to_string())?;
        }
    }
    let mut rules = rules_of(case, &run);
    let kept = kept(case, &run)?;
    compare_tree(case, folder, &before, &kept)?;
    let settled = case.texts("open").iter().all(|why| why == "empty-value");
    if settled && rules.iter().all(|(rule, _)| matches!(*rule, "D5" | "D6")) {
        compare_reports(case, &run, &kept)?;
    }
    compare_unreadable(case, &run)?;
    let again = scan(&root, case, &table)?;
    if let Some((path, _)) = again
        .files
        .iter()
        .find(|(_, outcome)| outcome.patch.is_some())
    {
        return Err(format!("a second run changes {path}"));
    }
    rules.sort_unstable();
    rules.dedup();
    Ok(rules)
}

fn table(case: &Case<'_>) -> SetterTable {
    let policies = case.value["policies"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let namespace = policies
        .first()
        .and_then(|policy| policy["namespace"].as_str())
        .unwrap_or("ns")
        .to_owned();
    SetterTable::new(
        &namespace,
        policies.iter().map(|policy| {
            let latest = &policy["latestRef"];
            let text = |field: &str| latest[field].as_str().unwrap_or_default().to_owned();
            SetterPolicy {
                namespace: policy["namespace"].as_str().unwrap_or_default().to_owned(),
                name: policy["name"].as_str().unwrap_or_default().to_owned(),
                state: if latest.is_null() {
                    SetterState::Undecided
                } else {
                    SetterState::Ready {
                        name: text("name"),
                        tag: text("tag"),
                        digest: text("digest"),
                    }
                },
            }
        }),
    )
}

/// The rules of `docs/compatibility.md` that a case falls under, by what it holds.
fn rules_of(case: &Case<'_>, run: &Run) -> Vec<(&'static str, &'static str)> {
    let mut rules = Vec::new();
    let open: BTreeSet<String> = case.texts("open").into_iter().collect();
    let has = |state: MarkerState| {
        run.files
            .values()
            .flat_map(|outcome| &outcome.markers)
            .any(|marker| marker.state == state)
    };
    if has(MarkerState::NoDigest) {
        rules.push(("D5", "spliced_files"));
    }
    if has(MarkerState::WrongKustomizationMarker) {
        rules.push(("D6", "spliced_files"));
    }
    if case.has("symlinks") && (open.contains("symlink") || run.links.iter().any(|l| l.is_some())) {
        rules.push(("D10", "result"));
    }
    if open.contains("explicit-non-string-tag") || open.contains("quote-choice") {
        rules.push(("D11", "spliced_files"));
    }
    rules
}

/// A meant edit that rule D5 or D6 leaves out.
#[derive(PartialEq)]
struct Kept {
    file: String,
    line: u64,
    setter: String,
    old: String,
    new: String,
}

/// The edits that are left out. Each must be one that the rule names: an empty digest, or a plain
/// marker on a field of a kustomization's image that takes a part of it.
fn kept(case: &Case<'_>, run: &Run) -> Result<Vec<Kept>, String> {
    let mut kept = Vec::new();
    for (path, outcome) in &run.files {
        let file = relative(path, &run.under);
        for marker in &outcome.markers {
            let digest = match marker.state {
                MarkerState::NoDigest => true,
                MarkerState::WrongKustomizationMarker => false,
                _ => continue,
            };
            let mut intent = case.value["intent"].as_array().into_iter().flatten();
            let Some(meant) = intent.find(|edit| {
                edit["file"] == file
                    && edit["line"] == marker.line
                    && edit["setter"] == marker.setter
            }) else {
                // The field holds what would be written.
                continue;
            };
            let text = |field: &str| meant[field].as_str().unwrap_or_default().to_owned();
            let fits = if digest {
                text("new_value").is_empty() && marker.setter.ends_with(":digest")
            } else {
                marker.setter.matches(':').count() == 1
            };
            if !fits {
                return Err(format!(
                    "{file}:{}: neither rule D5 nor D6 holds",
                    marker.line
                ));
            }
            kept.push(Kept {
                line: meant["line"].as_u64().unwrap_or_default(),
                setter: marker.setter.clone(),
                old: text("old_value"),
                new: text("new_value"),
                file: file.clone(),
            });
        }
    }
    Ok(kept)
}

/// The expected content of a file with the kept values in their places. `None` where it takes more
/// than putting lines back: edits beside a kept value, or that change how many lines there are.
fn with_kept(
    case: &Case<'_>,
    file: &str,
    (before, expected): (&[u8], &Value),
    kept: &[Kept],
) -> Option<Vec<u8>> {
    let expected = expected["sha256"].is_null().then(|| content(expected))?;
    let lines = |bytes: &[u8]| {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        lines.map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let (old, mut new) = (lines(before), lines(&expected));
    for one in kept.iter().filter(|one| one.file == file) {
        let meant = case.value["intent"].as_array().into_iter().flatten();
        let on_line = meant.filter(|edit| edit["file"] == file && edit["line"] == one.line);
        if old.len() != new.len() || on_line.count() != 1 {
            return None;
        }
        let at = usize::try_from(one.line).ok()?.checked_sub(1)?;
        new.get_mut(at)?.clone_from(old.get(at)?);
    }
    Some(new.concat())
}

fn compare_tree(
    case: &Case<'_>,
    folder: &Path,
    before: &BTreeMap<String, Vec<u8>>,
    kept: &[Kept],
) -> Result<(), String> {
    let after = tree_of(folder);
    let names = |tree: &BTreeMap<String, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
    expect("files", &names(&after), &names(before))?;
    let under = case.text("path");
    for (name, bytes) in &after {
        let inside = name.strip_prefix("root/");
        let expected = inside.and_then(|path| case.value["spliced_files"].get(path));
        let keeps = inside.map(|path| {
            let shown = path.strip_prefix(under.trim_matches('/')).unwrap_or(path);
            shown.trim_start_matches('/').to_owned()
        });
        let keeps = keeps.filter(|file| kept.iter().any(|one| one.file == *file));
        let fits = match (expected, keeps) {
            (Some(expected), Some(file)) => with_kept(case, &file, (&before[name], expected), kept)
                .is_none_or(|wanted| wanted == *bytes),
            (Some(expected), None) => {
                matches(expected, bytes) || is_quoted_choice(case, expected, bytes)
            }
            (None, _) => *bytes == before[name],
        };
        if !fits {
            let wanted = expected.map_or_else(
                || String::from_utf8_lossy(&before[name]).into_owned(),
                |value| {
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                },
            );
            return Err(format!(
                "{name}:\n--- got\n{}\n--- expected\n{wanted}",
                String::from_utf8_lossy(bytes)
            ));
        }
    }
    Ok(())
}

/// Rule D11: where two spellings are right, `...` is quoted.
fn is_quoted_choice(case: &Case<'_>, expected: &Value, bytes: &[u8]) -> bool {
    let quoted = expected
        .as_str()
        .unwrap_or_default()
        .replace(": ... ", ": \"...\" ");
    case.texts("open")
        .iter()
        .any(|reason| reason == "quote-choice")
        && quoted.as_bytes() == bytes
}

fn relative(path: &TreePath, under: &TreePath) -> String {
    let folder = if path == under {
        under.parent()
    } else {
        under.clone()
    };
    path.below(&folder)
        .map_or_else(|| path.to_string(), str::to_owned)
}

fn compare_reports(case: &Case<'_>, run: &Run, kept: &[Kept]) -> Result<(), String> {
    let field = if case.has("contract_result") {
        "contract_result"
    } else {
        "result"
    };
    let mut files = Vec::new();
    let mut intent = Vec::new();
    for (path, outcome) in &run.files {
        let name = relative(path, &run.under);
        let objects: Vec<Value> = outcome
            .changes
            .iter()
            .map(|object| {
                let changes: Vec<Value> = object
                    .changes
                    .iter()
                    .map(|c| json!({"setter": c.setter, "old": c.old, "new": c.new}))
                    .collect();
                json!({"apiVersion": object.api_version, "kind": object.kind,
                    "namespace": object.namespace, "name": object.name, "changes": changes})
            })
            .collect();
        if !objects.is_empty() {
            files.push(json!({"file": name, "objects": objects}));
        }
        for marker in outcome
            .markers
            .iter()
            .filter(|m| m.state == MarkerState::Updated)
        {
            intent.push(
                json!({"file": name, "line": marker.line, "setter": marker.setter,
                "old_value": marker.old, "new_value": marker.new}),
            );
        }
    }
    files.sort_by_key(|file| file["file"].as_str().map(str::to_owned));
    intent.sort_by_key(|edit| edit["file"].as_str().map(str::to_owned));
    let mut wanted = case.value[field].as_array().cloned().unwrap_or_default();
    let mut meant = case.value["intent"].as_array().cloned().unwrap_or_default();
    for one in kept {
        meant.retain(|edit| {
            edit["file"] != one.file || edit["line"] != one.line || edit["setter"] != one.setter
        });
        for file in wanted.iter_mut().filter(|file| file["file"] == one.file) {
            for object in file["objects"].as_array_mut().into_iter().flatten() {
                let changes = object["changes"].as_array_mut().expect("changes");
                let change = json!({"setter": one.setter, "old": one.old, "new": one.new});
                if let Some(at) = changes.iter().position(|made| *made == change) {
                    changes.remove(at);
                    break;
                }
            }
        }
    }
    let holds = |of: &Value, field: &str| of[field].as_array().is_some_and(|all| !all.is_empty());
    for file in &mut wanted {
        if let Some(objects) = file["objects"].as_array_mut() {
            objects.retain(|object| holds(object, "changes"));
        }
    }
    wanted.retain(|file| holds(file, "objects"));
    expect(field, &Value::Array(files), &Value::Array(wanted))?;
    expect("intent", &Value::Array(intent), &Value::Array(meant))
}

fn compare_unreadable(case: &Case<'_>, run: &Run) -> Result<(), String> {
    let got: Vec<String> = run
        .files
        .iter()
        .filter(|(_, outcome)| outcome.refusal.is_some())
        .map(|(path, _)| relative(path, &run.under))
        .collect();
    for skipped in case.texts("skipped_files") {
        if !got.contains(&skipped) && !case.has("open") {
            return Err(format!(
                "{skipped} should be reported as unreadable; reported: {got:?}"
            ));
        }
    }
    let wanted = case.texts("skipped_files");
    if let Some(extra) = got.iter().find(|name| !wanted.contains(name)) {
        let path = run
            .files
            .iter()
            .find(|(path, _)| relative(path, &run.under) == **extra);
        let reason = path.and_then(|(_, outcome)| outcome.refusal.clone());
        return Err(format!("{extra} is reported as unreadable: {reason:?}"));
    }
    Ok(())
}

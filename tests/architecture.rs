//! Holds the code to `docs/ARCHITECTURE.md`: reads the tables there and names file, line and rule of
//! every import that they do not allow. A planted violation of each of the four sentences proves
//! that the check can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// One row of the rooms table.
struct Room {
    kind: String,
    floor: u32,
    imports: BTreeSet<String>,
    external: BTreeSet<String>,
}

struct Plan {
    rooms: BTreeMap<String, Room>,
    forbidden: BTreeMap<String, Vec<String>>,
}

/// A file of the crate: path for messages, room, text.
struct Source {
    path: String,
    room: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cells(line: &str) -> Vec<String> {
    line.trim()
        .trim_matches('|')
        .split('|')
        .map(|cell| cell.trim().to_owned())
        .collect()
}

fn names(cell: &str) -> BTreeSet<String> {
    cell.split(',')
        .map(|name| name.trim().trim_matches('`').to_owned())
        .filter(|name| !name.is_empty() && name != "-")
        .collect()
}

fn plan() -> Plan {
    let text =
        fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("docs/ARCHITECTURE.md");
    let mut plan = Plan {
        rooms: BTreeMap::new(),
        forbidden: BTreeMap::new(),
    };
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells = cells(line);
        if let [floor, room, kind, _, imports, external] = cells.as_slice() {
            let Ok(floor) = floor.parse() else { continue };
            let room_name = room.trim_matches('`').to_owned();
            let room = Room {
                kind: kind.clone(),
                floor,
                imports: names(imports),
                external: names(external),
            };
            plan.rooms.insert(room_name, room);
        } else if let [kind, words] = cells.as_slice()
            && kind != "kind"
            && !kind.starts_with('-')
        {
            plan.forbidden
                .insert(kind.clone(), names(words).into_iter().collect());
        }
    }
    assert!(
        plan.rooms.len() > 20 && plan.forbidden.len() == 4,
        "the tables were not found"
    );
    plan
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("src").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&root().join("src"), &mut files);
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let relative = path.strip_prefix(root().join("src")).expect("below src");
            let first = relative.iter().next().expect("a name").to_string_lossy();
            Source {
                path: format!("src/{}", relative.display()),
                room: first.trim_end_matches(".rs").to_owned(),
                text: fs::read_to_string(&path).expect("a source file"),
            }
        })
        .collect()
}

/// Lines without comments and string literals; `#[cfg(test)]` modules at the end of a file are
/// left out, since tests may use what they like.
fn code_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("#[cfg(test)]") {
            break;
        }
        let trimmed = line.trim_start();
        if trimmed.starts_with("//") {
            continue;
        }
        let mut code = String::new();
        let mut quoted = false;
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\\' if quoted => {
                    characters.next();
                }
                '"' => quoted = !quoted,
                '/' if !quoted && characters.peek() == Some(&'/') => break,
                character if !quoted => code.push(character),
                _ => {}
            }
        }
        lines.push((index + 1, code));
    }
    lines
}

/// Names that follow `prefix` in a line, as path roots: `crate::{a, b}` gives both.
fn roots_after(code: &str, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut at_root = true;
            for character in group.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        if at_root && !word.is_empty() {
                            found.push(std::mem::take(&mut word));
                        }
                        at_root = true;
                    }
                    character if depth == 0 && at_root => {
                        if character.is_alphanumeric() || character == '_' {
                            word.push(character);
                            continue;
                        }
                        if !word.is_empty() {
                            found.push(std::mem::take(&mut word));
                            at_root = false;
                        }
                    }
                    _ => {}
                }
            }
            if at_root && !word.is_empty() {
                found.push(word);
            }
        } else {
            let word: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if !word.is_empty() {
                found.push(word);
            }
        }
    }
    found
}

/// Groups such as `use crate::{` over several lines are joined into one before they are read.
fn joined(lines: Vec<(usize, String)>) -> Vec<(usize, String)> {
    let mut result: Vec<(usize, String)> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, code) in lines {
        if let Some((start, mut text)) = open.take() {
            text.push(' ');
            text.push_str(code.trim());
            if code.contains(';') {
                result.push((start, text));
            } else {
                open = Some((start, text));
            }
        } else if code
            .trim_start()
            .trim_start_matches("pub ")
            .trim_start_matches("pub(super) ")
            .starts_with("use ")
            && !code.contains(';')
        {
            open = Some((number, code));
        } else {
            result.push((number, code));
        }
    }
    result.extend(open);
    result
}

/// The external crates that the manifest names, as they are spelled in code.
fn dependencies() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let section = text
        .split("\n[dependencies]\n")
        .nth(1)
        .expect("dependencies");
    section
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().replace('-', "_"))
        .collect()
}

fn violations(plan: &Plan, sources: &[Source], dependencies: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let Some(room) = plan.rooms.get(&source.room) else {
            found.push(format!(
                "{}: room {:?} is not in the table",
                source.path, source.room
            ));
            continue;
        };
        for (number, code) in joined(code_lines(&source.text)) {
            let place = format!("{}:{number}", source.path);
            for name in roots_after(&code, "crate::") {
                let known = plan.rooms.contains_key(&name);
                if known && name != source.room && !room.imports.contains(&name) {
                    found.push(format!(
                        "{place}: room {} may not import {name}",
                        source.room
                    ));
                }
            }
            for dependency in dependencies {
                let named = roots_after(&code, "use ").contains(dependency)
                    || path_roots(&code).contains(dependency);
                let shadowed = plan.rooms.contains_key(dependency);
                if named && !shadowed && !room.external.contains(dependency) {
                    found.push(format!(
                        "{place}: room {} may not use crate {dependency}",
                        source.room
                    ));
                }
            }
            for word in plan.forbidden.get(&room.kind).into_iter().flatten() {
                if names_word(&code, word) {
                    found.push(format!(
                        "{place}: {} {} may not name {word}",
                        article(&room.kind),
                        room.kind
                    ));
                }
            }
        }
    }
    found
}

fn article(kind: &str) -> &'static str {
    if kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

/// Roots of paths such as `serde_json::Value` in the middle of code.
fn path_roots(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("::") {
        let head = &code[..at];
        let start = head
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_'))
            .map_or(0, |at| at + 1);
        if !head[..start].ends_with("::") && start < at {
            found.insert(head[start..].to_owned());
        }
    }
    found
}

fn names_word(code: &str, word: &str) -> bool {
    if word.contains("::") || word.ends_with('!') {
        return code.contains(word)
            || word
                .strip_prefix("std::")
                .is_some_and(|rest| names_in_group(code, rest));
    }
    path_roots(code).contains(word) || roots_after(code, "use ").iter().any(|root| root == word)
}

/// `use std::{fs, net}` names `std::fs` too.
fn names_in_group(code: &str, rest: &str) -> bool {
    roots_after(code, "std::").iter().any(|root| root == rest)
}

#[test]
fn every_import_is_in_the_table() {
    let found = violations(&plan(), &sources(), &dependencies());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn arrows_only_run_down() {
    let plan = plan();
    for (name, room) in &plan.rooms {
        for import in &room.imports {
            let lower = &plan.rooms[import];
            assert!(
                lower.floor < room.floor,
                "{name} (floor {}) imports {import}",
                room.floor
            );
        }
    }
}

#[test]
fn every_room_of_the_table_exists_and_is_described() {
    let sources = sources();
    for name in plan().rooms.keys() {
        let main = sources
            .iter()
            .find(|s| s.path == format!("src/{name}.rs") || s.path == format!("src/{name}/mod.rs"))
            .unwrap_or_else(|| panic!("room {name} has no file"));
        assert!(
            main.text.starts_with("//!"),
            "{} has no module doc",
            main.path
        );
    }
    for source in &sources {
        assert!(
            source.text.starts_with("//!"),
            "{} has no module doc",
            source.path
        );
    }
}

#[track_caller]
fn assert_caught(room: &str, line: &str, rule: &str) {
    let planted = [Source {
        path: format!("src/{room}/planted.rs"),
        room: room.to_owned(),
        text: format!("//! Planted.\n\n{line}\n"),
    }];
    let found = violations(&plan(), &planted, &dependencies());
    assert!(
        found
            .iter()
            .any(|violation| violation.contains(rule) && violation.contains("planted.rs:3")),
        "{line:?} in {room}: {found:?}"
    );
}

#[test]
fn an_engine_that_does_io_is_caught() {
    assert_caught("setters", "use std::fs;", "an engine may not name std::fs");
    assert_caught(
        "policy",
        "use std::{env, io};",
        "an engine may not name std::env",
    );
    assert_caught(
        "template",
        "let now = SystemTime::now();",
        "may not name SystemTime::now",
    );
    assert_caught(
        "policy",
        "use crate::registry::Client;",
        "may not import registry",
    );
}

#[test]
fn an_adapter_that_decides_is_caught() {
    assert_caught(
        "registry",
        "use crate::policy::Selection;",
        "room registry may not import policy",
    );
    assert_caught(
        "git",
        "let plan = crate::ops::run();",
        "an adapter may not name crate::ops",
    );
}

#[test]
fn an_operation_that_prints_is_caught() {
    assert_caught("ops", "println!();", "an operation may not name println!");
    assert_caught(
        "ops",
        "use crate::output::Ui;",
        "room ops may not import output",
    );
}

#[test]
fn a_command_that_touches_a_wire_is_caught() {
    assert_caught(
        "commands",
        "let client = reqwest::Client::new();",
        "may not use crate reqwest",
    );
    assert_caught(
        "commands",
        "use crate::git::Host;",
        "room commands may not import git",
    );
}

/// A test program that no suite runs proves nothing.
#[test]
fn every_test_program_is_in_a_suite() {
    let runner = fs::read_to_string(root().join("tests/run")).expect("tests/run");
    for entry in fs::read_dir(root().join("tests")).expect("tests").flatten() {
        let path = entry.path();
        let is_program = path.extension().is_some_and(|extension| extension == "rs")
            || path.join("main.rs").is_file();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        assert!(
            !is_program || runner.contains(&format!("--test {name}")),
            "no suite of tests/run has --test {name}"
        );
    }
}

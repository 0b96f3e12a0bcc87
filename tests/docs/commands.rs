//! Every example of the help, and every command line of the documents, runs.

use clap::Command;
use kubectl_imageupdate::cli;

use crate::stage::Stage;
use crate::{documents, root};

/// The command lines of the examples of every command, continued lines joined.
fn examples() -> Vec<(String, String)> {
    fn below(title: &str, command: &Command, all: &mut Vec<(String, String)>) {
        let text = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let examples = text.split("Exit codes:").next().unwrap_or_default();
        for line in joined(examples) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') && line != "Examples:" {
                all.push((title.to_owned(), line.to_owned()));
            }
        }
        for inner in command
            .get_subcommands()
            .filter(|inner| !inner.is_hide_set())
        {
            below(&format!("{title} {}", inner.get_name()), inner, all);
        }
    }
    let mut all = Vec::new();
    below(
        "kubectl imageupdate",
        &cli::command("kubectl imageupdate"),
        &mut all,
    );
    all
}

/// Lines, with those that end in a backslash joined to the next one.
fn joined(text: &str) -> Vec<String> {
    text.replace("\\\n", " ")
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_example_of_the_help_runs() {
    let stage = Stage::new();
    let examples = examples();
    assert!(examples.len() >= 20, "{examples:#?}");
    let mut failed = Vec::new();
    for (title, line) in examples {
        stage.reset();
        let here = line.replace("ghcr.io", &stage.host());
        let answer = stage.run(&here);
        let differs = title.ends_with(" diff") || line.contains("imageupdate diff");
        if answer.code != i32::from(differs) {
            failed.push(format!("{line}: {answer:#?}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// `$ ` lines of the `console` blocks of the documents, by document.
fn console_lines() -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        let mut lines = Vec::new();
        for block in text.split("```console\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            let commands = joined(block).into_iter();
            lines.extend(commands.filter_map(|line| line.strip_prefix("$ ").map(str::to_owned)));
        }
        let name = document.strip_prefix(root()).unwrap();
        found.push((name.display().to_string(), lines));
    }
    found
}

#[test]
fn every_console_line_of_the_documents_runs() {
    let stage = Stage::new();
    let mut seen = 0;
    let mut failed = Vec::new();
    for (document, lines) in console_lines() {
        stage.reset();
        for line in lines {
            seen += 1;
            let words: Vec<&str> = line.split_whitespace().collect();
            let problem = match words.as_slice() {
                // These would run the tests from within the tests; that they exist is enough.
                ["cargo", "run", "--example", name, ..] => missing(&format!("examples/{name}.rs")),
                [path, ..] if path.starts_with("tests/") || path.starts_with("krew/") => {
                    missing(path)
                }
                ["kubectl" | "kubectl-imageupdate" | "git", ..] => {
                    let answer = stage.run(&line.replace("ghcr.io", &stage.host()));
                    let differs = line.contains("imageupdate diff");
                    (answer.code != i32::from(differs)).then(|| format!("{answer:#?}"))
                }
                // Installing something is for people.
                ["cargo" | "brew" | "curl" | "export" | "cd" | "just", ..] => None,
                _ => Some("nobody knows how to try this line".to_owned()),
            };
            if let Some(problem) = problem {
                failed.push(format!("{document}: {line}: {problem}"));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(seen > 3, "the blocks were not found");
}

fn missing(path: &str) -> Option<String> {
    (!root().join(path).exists()).then(|| format!("{path} does not exist"))
}

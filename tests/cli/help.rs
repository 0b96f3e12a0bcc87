//! Help: complete, on one screen when short, and the same as last time.

use clap::{Arg, Command};
use kubectl_imageupdate::cli;

use crate::program::Program;
use crate::snapshot::assert_snapshot;

/// Every command that is shown, as words behind the program's name.
fn commands() -> Vec<(Vec<String>, Command)> {
    fn below(words: &[String], command: &Command, all: &mut Vec<(Vec<String>, Command)>) {
        all.push((words.to_vec(), command.clone()));
        for inner in command
            .get_subcommands()
            .filter(|inner| !inner.is_hide_set())
        {
            let mut words = words.to_vec();
            words.push(inner.get_name().to_owned());
            below(&words, inner, all);
        }
    }
    let mut all = Vec::new();
    below(&[], &cli::command("kubectl imageupdate"), &mut all);
    all
}

fn run(words: &[String], flag: &str) -> String {
    let mut line: Vec<&str> = words.iter().map(String::as_str).collect();
    line.push(flag);
    Program::new().ok(&line)
}

#[test]
fn short_help_fits_a_screen() {
    for (words, _) in commands() {
        let text = run(&words, "-h");
        let lines = text.lines().count();
        assert!(lines <= 23, "{words:?}: {lines} lines and a prompt\n{text}");
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{words:?}");
    }
}

#[test]
fn long_help_is_eighty_columns_wide() {
    for (words, _) in commands() {
        let text = run(&words, "--help");
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{words:?}");
        assert!(!text.contains('\u{1b}'), "{words:?}");
    }
}

#[test]
fn every_help_text_is_as_it_was() {
    for (words, _) in commands() {
        let name = if words.is_empty() {
            "root".to_owned()
        } else {
            words.join("-")
        };
        assert_snapshot(&format!("help/{name}.short"), &run(&words, "-h"));
        assert_snapshot(&format!("help/{name}"), &run(&words, "--help"));
    }
}

/// What a text of the help lacks.
fn text(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

#[test]
fn every_command_has_a_line_two_sentences_examples_and_exit_codes() {
    let mut problems = Vec::new();
    for (words, command) in commands() {
        let mut demand = |holds: bool, what: &str| {
            if !holds {
                problems.push(format!("{words:?} needs {what}"));
            }
        };
        let about = text(command.get_about());
        demand(!about.is_empty() && !about.ends_with('.'), "one line");
        let long = text(command.get_long_about());
        let explanation = long.strip_prefix(about.as_str()).unwrap_or_default().trim();
        let sentences = explanation.replace('\n', " ").matches(". ").count();
        demand(
            sentences >= 1 && explanation.ends_with('.'),
            "two sentences",
        );
        let after = text(command.get_after_help());
        demand(after.contains("Examples:\n  # "), "examples");
        demand(after.contains("Exit codes:\n"), "exit codes");
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_option_says_what_it_takes_and_what_it_is_by_default() {
    let mut problems = Vec::new();
    for (words, command) in commands() {
        for argument in command
            .get_arguments()
            .filter(|argument| !argument.is_hide_set())
        {
            for problem in problems_of(argument) {
                problems.push(format!("{words:?} {}: {problem}", argument.get_id()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn problems_of(argument: &Arg) -> Vec<String> {
    let mut problems = Vec::new();
    let help = text(argument.get_help());
    if help.is_empty() || help.starts_with(char::is_lowercase) || help.ends_with('.') {
        problems.push(format!("capital first, no full stop: {help:?}"));
    }
    if argument.get_action().takes_values() {
        let value = argument.get_value_names().map(|names| names[0].to_string());
        let value = value.unwrap_or_default();
        if value.is_empty() || value.contains(char::is_lowercase) {
            problems.push(format!("the value needs a name in capitals: {value:?}"));
        }
        let default = !argument.get_default_values().is_empty() || help.contains("default");
        if value == "DURATION" && !(default && help.contains("Go duration")) {
            problems.push(format!("unit and default: {help:?}"));
        }
    }
    problems
}

#[test]
fn help_shows_the_name_that_was_called() {
    let folder = tempfile::tempdir().unwrap();
    let path = crate::stage::installed_as(folder.path(), "flux-imageupdate");
    for words in [
        &["get", "--help"][..],
        &["create", "policy", "-h"],
        &["--help"],
    ] {
        let output = std::process::Command::new(&path)
            .args(words)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("flux imageupdate"), "{text}");
        assert!(!text.contains("kubectl imageupdate"), "{text}");
    }
}

#[test]
fn commands_without_a_verb_or_kind_show_their_help() {
    let program = Program::new();
    assert_eq!(program.ok(&[]), program.ok(&["-h"]));
    assert!(
        program
            .ok(&["create"])
            .contains("Usage: kubectl imageupdate create")
    );
    assert!(
        program
            .ok(&["create", "image"])
            .contains("Usage: kubectl imageupdate create")
    );
}

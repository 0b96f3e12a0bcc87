//! The scripts for four shells. Each of them asks the program itself, so that it never has to be
//! made again.

use super::CompletionShell;

const BASH: &str = include_str!("scripts/completion.bash");
const ZSH: &str = include_str!("scripts/completion.zsh");
const FISH: &str = include_str!("scripts/completion.fish");
const POWERSHELL: &str = include_str!("scripts/completion.ps1");

/// The script for a shell and a program of this name.
pub(super) fn script(shell: CompletionShell, name: &str) -> String {
    let template = match shell {
        CompletionShell::Bash => BASH,
        CompletionShell::Zsh => ZSH,
        CompletionShell::Fish => FISH,
        CompletionShell::Powershell => POWERSHELL,
    };
    let function: String = name
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '_'
            }
        })
        .collect();
    template
        .replace("@PROGRAM@", name)
        .replace("@FUNCTION@", &function)
}

//! From outcome or error to text and exit code.
//!
//! | code | ordinary commands | `diff`, and any command given `--exit-code` |
//! |---|---|---|
//! | 0 | done, also when nothing had to change | no differences |
//! | 1 | failed | differences found |
//! | 2 | usage error | failed, usage error included |
//! | 130 | interrupted | interrupted |

use crate::error::{CommandError, ErrorKind};
use crate::output::Ui;

/// How a command ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// `diff` found differences.
    Differences,
}

/// Which column of the table counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codes {
    /// Ordinary commands.
    Ordinary,
    /// `diff`, and any command given `--exit-code`.
    Diff,
}

/// The exit code of a result.
pub fn code(result: &Result<Outcome, CommandError>, codes: Codes) -> u8 {
    match (result, codes) {
        (Ok(Outcome::Differences), Codes::Diff) => 1,
        (Ok(Outcome::Done | Outcome::Differences), _) => 0,
        (Err(error), codes) => match (error.kind, codes) {
            (ErrorKind::Interrupted, _) => 130,
            (ErrorKind::Usage, _) | (ErrorKind::Failed | ErrorKind::Internal, Codes::Diff) => 2,
            (ErrorKind::Failed | ErrorKind::Internal, Codes::Ordinary) => 1,
        },
    }
}

/// Prints an error, its causes and its hints. `program` is the name the user typed.
pub fn render(error: &CommandError, program: &str, ui: &Ui) {
    for earlier in &error.earlier {
        render(earlier, program, ui);
    }
    if error.printed {
        return;
    }
    // kubectl's own sentences stand alone: people search for them.
    let stands_alone = [
        "Error from server",
        "Unable to connect to the server",
        "The connection to",
    ]
    .iter()
    .any(|start| error.message.starts_with(start));
    ui.error(
        if stands_alone { "" } else { "error:" },
        &error.message,
        &error.causes,
    );
    for hint in &error.hints {
        ui.hint(hint);
    }
    match error.kind {
        ErrorKind::Internal => ui.hint(&format!(
            "this is a defect of {program} {}; please report it with the command line",
            env!("CARGO_PKG_VERSION")
        )),
        ErrorKind::Usage | ErrorKind::Failed | ErrorKind::Interrupted => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_table() {
        let failed = || Err(CommandError::failed("x"));
        assert_eq!(code(&Ok(Outcome::Done), Codes::Diff), 0);
        assert_eq!(code(&Ok(Outcome::Differences), Codes::Diff), 1);
        assert_eq!(code(&Ok(Outcome::Differences), Codes::Ordinary), 0);
        assert_eq!(code(&failed(), Codes::Ordinary), 1);
        assert_eq!(code(&failed(), Codes::Diff), 2);
        assert_eq!(code(&Err(CommandError::usage("x")), Codes::Ordinary), 2);
        assert_eq!(code(&Err(CommandError::interrupted("x")), Codes::Diff), 130);
    }
}

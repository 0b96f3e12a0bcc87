//! Running the user's git.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::ports::WorktreeError;

/// Variables that would lead git to another repository than the folder's, as inside a hook.
const OTHER_REPOSITORY: [&str; 6] = [
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
];

/// git in one folder, with the user's environment.
#[derive(Clone, Debug)]
pub(super) struct Git {
    folder: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl Git {
    pub(super) fn new(folder: &Path, environment: &[(OsString, OsString)]) -> Self {
        Self {
            folder: folder.to_owned(),
            environment: environment.to_vec(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        for variable in OTHER_REPOSITORY {
            command.env_remove(variable);
        }
        command
    }

    /// Runs git and returns its output whatever its exit code.
    pub(super) fn output(&self, arguments: &[&str]) -> Result<Output, WorktreeError> {
        self.command(arguments)
            // Answers are read, so they must be in the language that is known.
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| unavailable(&error))
    }

    /// Standard output without the final line break, or `None` when git says no.
    pub(super) fn answer(&self, arguments: &[&str]) -> Result<Option<String>, WorktreeError> {
        let output = self.output(arguments)?;
        let text = String::from_utf8_lossy(&output.stdout)
            .trim_end_matches('\n')
            .to_owned();
        Ok(output.status.success().then_some(text))
    }

    /// Runs git with text on standard input; a failure carries what git printed.
    pub(super) fn run(
        &self,
        action: &str,
        arguments: &[&str],
        input: &[u8],
    ) -> Result<Output, WorktreeError> {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| unavailable(&error))?;
        if let Some(mut stdin) = child.stdin.take() {
            // git may end without reading; its exit code tells.
            let _ = stdin.write_all(input);
        }
        let output = child
            .wait_with_output()
            .map_err(|error| unavailable(&error))?;
        if output.status.success() {
            return Ok(output);
        }
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Err(WorktreeError::Git {
            action: format!("{action} failed"),
            output: text.trim_end().to_owned(),
        })
    }
}

fn unavailable(error: &std::io::Error) -> WorktreeError {
    WorktreeError::State(format!(
        "git cannot be run: {error}; --worktree needs git on the PATH"
    ))
}

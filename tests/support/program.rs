//! The program as users run it: the built binary in an environment that holds nothing of the
//! machine's.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of a test's own, with a home inside it, and the program to run there.
pub struct Program {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What one call answered.
#[derive(Debug)]
pub struct Answer {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit code; 128 + N when signal N ended the program.
    pub code: i32,
}

impl Program {
    /// A fresh folder.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("home")).expect("a home");
        Self {
            folder,
            variables: Vec::new(),
        }
    }

    /// The folder, which is the program's working directory.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Sets a variable for every later call.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a file below the folder and returns its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// A command of the program, not yet run.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-imageupdate"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path().join("home"))
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program with nothing on standard input.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        self.run_with_input(arguments, b"")
    }

    /// Runs the program with these bytes on standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Answer {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // The program may end without reading everything.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().expect("the program ends");
        writer.join().expect("the writer ends");
        Answer::from(output)
    }

    /// Runs the program and demands success; returns standard output.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let answer = self.run(arguments);
        assert_eq!(
            answer.code, 0,
            "{arguments:?}\n{}{}",
            answer.stdout, answer.stderr
        );
        answer.stdout
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        #[cfg(not(unix))]
        let signal = None;
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output
                .status
                .code()
                .unwrap_or(128 + signal.unwrap_or_default()),
        }
    }
}

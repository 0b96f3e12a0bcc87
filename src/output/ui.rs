//! The one owner of standard output and standard error.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::sanitize_line;

/// How often a question that waits for its answer looks for an interrupt.
const POLL: Duration = Duration::from_millis(50);

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On terminals, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The process's streams, or a test's.
pub struct Streams {
    /// Standard output: the answer.
    pub out: Box<dyn Write + Send>,
    /// Standard error: the rest.
    pub err: Box<dyn Write + Send>,
    /// Standard input.
    pub input: Box<dyn Read + Send>,
    /// Whether standard output is a terminal.
    pub out_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub err_is_terminal: bool,
    /// Whether standard input is a terminal.
    pub input_is_terminal: bool,
}

impl Streams {
    /// Streams that lead nowhere.
    pub fn nowhere() -> Self {
        Self {
            out: Box::new(io::sink()),
            err: Box::new(io::sink()),
            input: Box::new(io::empty()),
            out_is_terminal: false,
            err_is_terminal: false,
            input_is_terminal: false,
        }
    }
}

struct State {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    input: Box<dyn Read + Send>,
    failure: Option<io::Error>,
    closed: bool,
}

/// Where text goes. Shared by reference; each call writes whole lines.
pub struct Ui {
    state: Mutex<State>,
    out_is_terminal: bool,
    err_is_terminal: bool,
    input_is_terminal: bool,
    color_out: bool,
    color_err: bool,
    quiet: bool,
}

impl Ui {
    /// Takes the streams. `environment_forbids_color` is the verdict of `NO_COLOR` and `TERM`.
    pub fn new(
        streams: Streams,
        color: ColorChoice,
        environment_forbids_color: bool,
        quiet: bool,
    ) -> Self {
        let wants = |terminal: bool| match color {
            ColorChoice::Auto => terminal && !environment_forbids_color,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        Self {
            color_out: wants(streams.out_is_terminal),
            color_err: wants(streams.err_is_terminal),
            out_is_terminal: streams.out_is_terminal,
            err_is_terminal: streams.err_is_terminal,
            input_is_terminal: streams.input_is_terminal,
            state: Mutex::new(State {
                out: streams.out,
                err: streams.err,
                input: streams.input,
                failure: None,
                closed: false,
            }),
            quiet,
        }
    }

    /// Prints part of the answer: as it is into a pipe or a file, with control characters made
    /// visible on a terminal.
    pub fn print(&self, text: &str) {
        if self.out_is_terminal {
            self.write_out(sanitize_line(text).as_bytes());
        } else {
            self.write_out(text.as_bytes());
        }
    }

    /// Prints bytes that belong to the answer, as they are: a script, a file's content, a diff that
    /// may hold colour.
    pub fn print_bytes(&self, bytes: &[u8]) {
        self.write_out(bytes);
    }

    /// Prints a line about the work on standard error; `--quiet` silences it.
    pub fn status(&self, text: &str) {
        if !self.quiet {
            self.write_err(&format!("{}\n", sanitize_line(text)));
        }
    }

    /// Prints a warning, in kubectl's form.
    pub fn warn(&self, text: &str) {
        let label = self.paint_err(AnsiColor::Yellow, "Warning:");
        self.write_err(&format!("{label} {}\n", sanitize_line(text)));
    }

    /// Prints a hint.
    pub fn hint(&self, text: &str) {
        let label = self.paint_err(AnsiColor::Cyan, "hint:");
        self.write_err(&format!("{label} {}\n", sanitize_line(text)));
    }

    /// Prints an error's first line under `label`, for example `error:`, and its causes below.
    pub fn error(&self, label: &str, text: &str, causes: &[String]) {
        let mut lines = String::new();
        if label.is_empty() {
            lines.push_str(&sanitize_line(text));
        } else {
            lines.push_str(&self.paint_err(AnsiColor::Red, label));
            lines.push(' ');
            lines.push_str(&sanitize_line(text));
        }
        lines.push('\n');
        for cause in causes {
            lines.push_str("  caused by: ");
            lines.push_str(&sanitize_line(cause));
            lines.push('\n');
        }
        self.write_err(&lines);
    }

    /// Prints a question on standard error and reads one line of the answer. `None` at the end of
    /// input, or as soon as `is_interrupted` says so: a read cannot be called off, so that another
    /// thread does it.
    pub fn ask(&self, question: &str, is_interrupted: &dyn Fn() -> bool) -> Option<String> {
        self.write_err(&sanitize_line(question));
        let input = std::mem::replace(&mut self.lock().input, Box::new(io::empty()));
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut input = input;
            let line = read_line(input.as_mut());
            // Nobody waits any more after an interrupt.
            let _ = sender.send((line, input));
        });
        loop {
            match receiver.recv_timeout(POLL) {
                Ok((line, input)) => {
                    self.lock().input = input;
                    return line;
                }
                Err(mpsc::RecvTimeoutError::Timeout) if !is_interrupted() => {}
                Err(_) => {
                    self.write_err("\n");
                    return None;
                }
            }
        }
    }

    /// Reads standard input to its end.
    pub fn read_input(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.lock().input.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether the reader of standard output has gone away, so that nothing more is wanted.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Whether a person can be asked.
    pub fn interactive(&self) -> bool {
        self.input_is_terminal && self.err_is_terminal
    }

    /// Whether progress may be drawn.
    pub fn draws_progress(&self) -> bool {
        self.err_is_terminal && !self.quiet
    }

    /// Whether standard output is a terminal.
    pub fn out_is_terminal(&self) -> bool {
        self.out_is_terminal
    }

    /// Whether the answer may hold colour.
    pub fn color_out(&self) -> bool {
        self.color_out
    }

    /// The first error of writing the answer, other than a closed pipe.
    pub fn take_failure(&self) -> Option<io::Error> {
        let mut state = self.lock();
        if let Err(error) = state.out.flush() {
            state.remember(error);
        }
        state.failure.take()
    }

    fn paint_err(&self, color: AnsiColor, text: &str) -> String {
        if self.color_err {
            let style = Style::new().fg_color(Some(color.into()));
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn write_out(&self, bytes: &[u8]) {
        let mut state = self.lock();
        if let Err(error) = state.out.write_all(bytes) {
            state.remember(error);
        }
    }

    fn write_err(&self, text: &str) {
        let mut state = self.lock();
        // Nothing can be told to anybody when standard error itself is gone.
        let _ = state
            .err
            .write_all(text.as_bytes())
            .and_then(|()| state.err.flush());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A reader that closed the pipe has what it wanted; anything else is a failure.
    fn remember(&mut self, error: io::Error) {
        if error.kind() == ErrorKind::BrokenPipe {
            self.closed = true;
        } else if self.failure.is_none() {
            self.failure = Some(error);
        }
    }
}

/// One line without its end; `None` when there is none.
fn read_line(input: &mut dyn Read) -> Option<String> {
    let mut line = Vec::new();
    let mut byte = [0_u8];
    while input.read(&mut byte).ok()? == 1 {
        if byte[0] == b'\n' {
            return Some(String::from_utf8_lossy(&line).into_owned());
        }
        line.push(byte[0]);
    }
    (!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned())
}

/// Where log lines go: standard error, with control characters made visible. A closed standard
/// error is no reason to end.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let _ = io::stderr().write_all(sanitize_line(&text).as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Progress on a terminal: one line for each scan, fetch, push and wait in flight, gone when done.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::sanitize_line;
use crate::ports::{Event, Progress};

/// Draws events on standard error. Made only when standard error is a terminal; otherwise the
/// operations get a progress that ignores everything.
pub struct TerminalProgress {
    lines: MultiProgress,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Default for TerminalProgress {
    fn default() -> Self {
        Self {
            lines: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
            bars: Mutex::new(BTreeMap::new()),
        }
    }
}

impl TerminalProgress {
    fn show(&self, key: String, text: &str) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars.entry(key).or_insert_with(|| {
            let bar = self.lines.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        bar.set_message(sanitize_line(text).into_owned());
    }

    fn clear(&self, key: &str) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = bars.remove(key) {
            bar.finish_and_clear();
            self.lines.remove(&bar);
        }
    }
}

impl Progress for TerminalProgress {
    fn event(&self, event: Event) {
        match event {
            Event::ScanStarted { image } => {
                self.show(format!("scan {image}"), &format!("Scanning {image}"));
            }
            Event::ScanProgress { image, tags } => {
                self.show(
                    format!("scan {image}"),
                    &format!("Scanning {image}: {tags} tags"),
                );
            }
            Event::ScanFinished { image } => self.clear(&format!("scan {image}")),
            Event::FetchStarted { url } => {
                self.show(format!("fetch {url}"), &format!("Fetching {url}"));
            }
            Event::FetchProgress { url, bytes } => {
                let text = format!("Fetching {url}: {} KiB", bytes.div_ceil(1024));
                self.show(format!("fetch {url}"), &text);
            }
            Event::FetchFinished { url } => self.clear(&format!("fetch {url}")),
            Event::PushStarted { url, branch } => {
                self.show(format!("push {url}"), &format!("Pushing {branch} to {url}"));
            }
            Event::ServerMessage { url, text } => {
                self.show(format!("push {url}"), &format!("remote: {text}"));
            }
            Event::PushFinished { url } => self.clear(&format!("push {url}")),
            Event::WaitStarted { what } => {
                self.show(format!("wait {what}"), &format!("Waiting for {what}"));
            }
            Event::WaitFinished { what } => self.clear(&format!("wait {what}")),
        }
    }
}

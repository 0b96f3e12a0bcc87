//! Progress events and cancellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Something long that began, moved on or ended. Names are for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The scan of an image began.
    ScanStarted {
        /// Canonical image name.
        image: String,
    },
    /// A page of tags arrived.
    ScanProgress {
        /// Canonical image name.
        image: String,
        /// Tags so far.
        tags: usize,
    },
    /// The scan ended, well or badly.
    ScanFinished {
        /// Canonical image name.
        image: String,
    },
    /// A fetch began.
    FetchStarted {
        /// URL without credentials.
        url: String,
    },
    /// Bytes arrived.
    FetchProgress {
        /// URL without credentials.
        url: String,
        /// Bytes so far.
        bytes: u64,
    },
    /// The fetch ended, well or badly.
    FetchFinished {
        /// URL without credentials.
        url: String,
    },
    /// A push began.
    PushStarted {
        /// URL without credentials.
        url: String,
        /// Branch.
        branch: String,
    },
    /// A line of the server or of a hook.
    ServerMessage {
        /// URL without credentials.
        url: String,
        /// The line, not yet sanitised.
        text: String,
    },
    /// The push ended, well or badly.
    PushFinished {
        /// URL without credentials.
        url: String,
    },
    /// A wait for the cluster's controllers began.
    WaitStarted {
        /// What is waited for.
        what: String,
    },
    /// The wait ended, well or badly.
    WaitFinished {
        /// What was waited for.
        what: String,
    },
}

/// Where events go. Called from several threads.
pub trait Progress: Send + Sync {
    /// Takes one event; must be quick.
    fn event(&self, event: Event);
}

impl Progress for () {
    fn event(&self, _event: Event) {}
}

/// A flag that Ctrl-C raises once. Operations look at it before each step that cannot be undone;
/// blocking adapters poll it.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Raises the flag.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the flag is up.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// The bare flag, for libraries that poll one.
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }
}

//! The time that a whole operation may take, for waits that follow one another.

use std::time::{Duration, Instant};

/// A limit that began to run. What is waited for last gets what the others left of it, and errors
/// still name the limit that the user gave.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    begun: Instant,
    limit: Duration,
}

impl Deadline {
    /// Begins to run.
    pub fn after(limit: Duration) -> Self {
        Self {
            begun: Instant::now(),
            limit,
        }
    }

    /// The limit as it was given.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// What is left of it.
    pub fn left(&self) -> Duration {
        self.limit.saturating_sub(self.begun.elapsed())
    }
}

//! Waiting for a server: no longer than allowed, and not after Ctrl-C.
//!
//! For: running the network's futures from blocking code.
//! Refuses: to wait without a limit.

use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::ports::Cancellation;

/// How often the interruption flag is looked at while nothing arrives.
const POLL: Duration = Duration::from_millis(50);

/// Why waiting ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Stopped {
    #[error("no answer within {0} s")]
    Timeout(u64),
    #[error("interrupted")]
    Interrupted,
}

impl From<Stopped> for io::Error {
    fn from(stopped: Stopped) -> Self {
        Self::other(stopped)
    }
}

/// How long one operation may take, and the flag that ends it sooner.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    deadline: Instant,
    seconds: u64,
    cancellation: Option<Cancellation>,
}

impl Limits {
    pub(super) fn new(timeout: Duration, cancellation: Option<&Cancellation>) -> Self {
        Self {
            deadline: Instant::now() + timeout,
            seconds: timeout.as_secs().max(1),
            cancellation: cancellation.cloned(),
        }
    }

    /// The same deadline, deaf to Ctrl-C: for the time between sending a pack and its answer.
    pub(super) fn uninterruptible(&self) -> Self {
        Self {
            cancellation: None,
            ..self.clone()
        }
    }

    /// What is left.
    pub(super) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    pub(super) fn check(&self) -> Result<(), Stopped> {
        if self
            .cancellation
            .as_ref()
            .is_some_and(Cancellation::is_cancelled)
        {
            return Err(Stopped::Interrupted);
        }
        if self.remaining().is_zero() {
            return Err(Stopped::Timeout(self.seconds));
        }
        Ok(())
    }
}

/// The event loop of one conversation. It runs only while somebody waits.
#[derive(Debug)]
pub(super) struct Waiter(Option<tokio::runtime::Runtime>);

impl Waiter {
    pub(super) fn new() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    fn runtime(&self) -> io::Result<&tokio::runtime::Runtime> {
        self.0
            .as_ref()
            .ok_or_else(|| io::Error::other("the event loop has ended"))
    }

    /// Makes the event loop known to what is dropped or made while the guard lives.
    pub(super) fn enter(&self) -> Option<tokio::runtime::EnterGuard<'_>> {
        self.0.as_ref().map(tokio::runtime::Runtime::enter)
    }

    /// Runs `make` where futures can be made that need the event loop, and waits for its future.
    pub(super) fn wait<F: Future>(
        &self,
        limits: &Limits,
        make: impl FnOnce() -> F,
    ) -> io::Result<F::Output> {
        limits.check()?;
        self.runtime()?.block_on(async {
            let mut future = std::pin::pin!(make());
            loop {
                let pause = tokio::time::sleep(POLL.min(limits.remaining()));
                tokio::select! {
                    biased;
                    output = &mut future => return Ok(output),
                    () = pause => limits.check()?,
                }
            }
        })
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // A plain drop would panic when the owner is dropped inside another event loop.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_at_the_deadline_and_says_the_limit() {
        let waiter = Waiter::new().unwrap();
        let limits = Limits::new(Duration::from_millis(10), None);
        let error = waiter
            .wait(&limits, std::future::pending::<()>)
            .unwrap_err();
        assert_eq!(error.to_string(), "no answer within 1 s");
    }

    #[test]
    fn waiting_ends_when_the_run_is_interrupted() {
        let waiter = Waiter::new().unwrap();
        let cancellation = Cancellation::default();
        let limits = Limits::new(Duration::from_secs(60), Some(&cancellation));
        let canceller = std::thread::spawn(move || cancellation.cancel());
        let error = waiter
            .wait(&limits, std::future::pending::<()>)
            .unwrap_err();
        canceller.join().unwrap();
        assert_eq!(error.to_string(), "interrupted");
    }
}

//! The asynchronous part of a verb: a runtime of its own, and Ctrl-C.

use std::future::Future;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::mpsc;

use crate::context::Context;
use crate::duration::GoDuration;
use crate::error::CommandError;
use crate::ops::{GatherError, OpsError};
use crate::ports::Cancellation;

/// How long work that was told to stop may take to come to a safe point.
const GRACE: Duration = Duration::from_secs(10);
/// How often work that waits for something else looks for an interrupt.
const POLL: Duration = Duration::from_millis(100);

/// Runs a future to its end. The first Ctrl-C raises the cancellation flag, so that the work stops
/// at the next safe point; the second one, or a work that does not stop, ends the wait.
pub(super) fn block_on<T>(
    context: &Context,
    future: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| CommandError::failed("starting the runtime").caused_by(&error))?;
    let result = runtime.block_on(async {
        let mut interrupts = interrupts(context.cancellation().clone());
        tokio::pin!(future);
        tokio::select! {
            result = &mut future => return result,
            Some(()) = interrupts.recv() => {}
        }
        context.ui().status(
            "interrupted, stopping at the next safe point; press Ctrl-C again to stop at once",
        );
        tokio::select! {
            result = &mut future => match result {
                Ok(value) => Ok(value),
                Err(error) => Err(error),
            },
            Some(()) = interrupts.recv() => Err(stopped()),
            () = tokio::time::sleep(GRACE) => Err(stopped()),
        }
    });
    // Blocking threads that still wait for a server must not hold the process.
    runtime.shutdown_background();
    result
}

/// Each Ctrl-C, as it comes. A task of its own raises the flag, so that it is up even while the work
/// blocks its thread, as at a question.
fn interrupts(cancellation: Cancellation) -> mpsc::UnboundedReceiver<()> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            cancellation.cancel();
            if sender.send(()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Like [`block_on`], for work on the cluster alone: the limit of the whole operation counts, and an
/// interrupt ends it at once, since every request is whole or did not happen.
pub(super) fn block_on_within<T>(
    context: &Context,
    future: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    block_on(context, within(context, future))
}

/// Work on the cluster, limited by `--timeout` and ended by an interrupt.
pub(super) async fn within<T>(
    context: &Context,
    future: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let limit = context.timeout();
    let exceeded = || {
        let limit = GoDuration::from_std(limit);
        CommandError::failed(format!("context deadline exceeded: --timeout is {limit}"))
    };
    // A timer of no time still lets quick work win now and then.
    if limit.is_zero() {
        return Err(exceeded());
    }
    let limited = async {
        let ended = tokio::time::timeout(limit, future).await;
        ended.unwrap_or_else(|_| Err(exceeded()))
    };
    unless_interrupted(context, limited).await
}

/// Work that knows its own limit, ended by an interrupt.
pub(super) async fn unless_interrupted<T>(
    context: &Context,
    future: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    tokio::select! {
        ended = future => ended,
        () = cancelled(context) => Err(CommandError::interrupted(
            "interrupted; what was done is printed above, and one request may have been under way",
        )),
    }
}

/// Ends when the user interrupts.
async fn cancelled(context: &Context) {
    while !context.cancellation().is_cancelled() {
        tokio::time::sleep(POLL).await;
    }
}

/// Runs a future that waits for nothing outside of this process, such as reading objects from files,
/// without starting a runtime; falls back to [`block_on`].
pub(super) fn without_waiting<T>(
    context: &Context,
    future: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().now_or_never() {
        Some(result) => result,
        None => block_on(context, future),
    }
}

fn stopped() -> CommandError {
    CommandError::interrupted(
        "interrupted before the work came to a safe point; a push that was under way is either \
         whole or did not happen",
    )
}

impl From<OpsError> for CommandError {
    fn from(error: OpsError) -> Self {
        match error {
            OpsError::Gather(GatherError::Objects(error)) => error.into(),
            OpsError::Gather(GatherError::NotFound(missing)) => {
                let mut error = Self::failed(missing.to_string());
                error.hints = missing.hints;
                error
            }
            OpsError::Ambiguous(text) | OpsError::NoMarker(text) => Self::failed(text),
            OpsError::Gather(error) => Self::failed(error.to_string()).caused_by(&error),
            OpsError::Suspended(text) => Self::failed(text)
                .with_hint("use --include-suspended to run it all the same, or resume it first"),
            OpsError::Interrupted(state) => Self::interrupted(format!("interrupted: {state}")),
            OpsError::Worker(text) => Self::internal(text),
        }
    }
}

//! Git over one two-way stream: a local process, the system's ssh, an ssh channel of our own.
//!
//! For: the conversation that all of these share.
//! Refuses: to know how the stream is made; see [`Opener`].

use std::any::Any;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::connection::{Connection, Service};
use super::failure::Site;
use super::limits::{Limits, Waiter};
use super::packet::RemoteError;
use crate::ports::GitError;

/// How much of the other side's error text is kept.
const ERROR_TEXT: usize = 8 * 1024;

/// Size of a read.
const BUFFER: usize = 64 * 1024;

/// What the other side prints beside the protocol.
#[derive(Clone, Debug, Default)]
pub(super) struct ErrorText(Arc<Mutex<Vec<u8>>>);

impl ErrorText {
    pub(super) fn add(&self, bytes: &[u8]) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = ERROR_TEXT.saturating_sub(text.len());
        text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    pub(super) fn text(&self) -> String {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).trim().to_owned()
    }
}

/// An open stream. Dropping it ends the other side.
pub(super) struct Pipe {
    pub(super) reader: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) writer: Box<dyn AsyncWrite + Send + Unpin>,
    pub(super) errors: ErrorText,
    /// Ends when the error text is complete.
    pub(super) finished: Option<tokio::task::JoinHandle<()>>,
    /// What must live as long as the stream.
    pub(super) _keep: Box<dyn Any + Send>,
}

/// Makes streams.
pub(super) trait Opener: Send {
    /// Starts the service on the other side.
    fn open(
        &mut self,
        service: Service,
        site: &Site,
        waiter: &Waiter,
        limits: &Limits,
    ) -> Result<Pipe, GitError>;

    /// What the other side's last words mean when it closed the stream without an answer.
    fn explain(&self, text: &str, site: &Site) -> Option<GitError>;

    /// Ends what outlives a stream.
    fn close(&mut self) {}
}

/// A conversation over streams of one opener.
pub(super) struct StreamConnection {
    opener: Box<dyn Opener>,
    site: Site,
    pipe: Option<Pipe>,
    waiter: Arc<Waiter>,
}

impl StreamConnection {
    pub(super) fn new(opener: Box<dyn Opener>, site: Site, waiter: Arc<Waiter>) -> Self {
        Self {
            opener,
            site,
            pipe: None,
            waiter,
        }
    }
}

impl Drop for StreamConnection {
    fn drop(&mut self) {
        // An ssh channel says goodbye through the event loop when it is dropped.
        let _inside = self.waiter.enter();
        self.pipe = None;
        self.opener.close();
    }
}

/// The blocking face of a stream's reading side.
struct PipeReader<'a> {
    pipe: &'a mut Pipe,
    waiter: &'a Waiter,
    limits: &'a Limits,
}

impl Read for PipeReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let reader = &mut self.pipe.reader;
        let count = self.waiter.wait(self.limits, || reader.read(buffer))??;
        if count == 0
            && !buffer.is_empty()
            && let Some(finished) = self.pipe.finished.take()
        {
            let _ = self.waiter.wait(self.limits, || finished)?;
            let text = self.pipe.errors.text();
            if !text.is_empty() {
                return Err(io::Error::other(RemoteError(text)));
            }
        }
        Ok(count)
    }
}

/// Puts back the one byte that was read to see whether there is an answer at all.
struct Prefixed<R> {
    first: Option<u8>,
    rest: R,
}

impl<R: Read> Read for Prefixed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.first, buffer.first_mut()) {
            (Some(byte), Some(place)) => {
                *place = byte;
                self.first = None;
                Ok(1)
            }
            _ => self.rest.read(buffer),
        }
    }
}

impl Connection for StreamConnection {
    fn advertise<'a>(
        &'a mut self,
        service: Service,
        limits: &'a Limits,
    ) -> Result<Box<dyn Read + 'a>, GitError> {
        {
            let _inside = self.waiter.enter();
            self.pipe = None;
        }
        let pipe = self
            .opener
            .open(service, &self.site, &self.waiter, limits)?;
        let mut reader = PipeReader {
            pipe: self.pipe.insert(pipe),
            waiter: &self.waiter,
            limits,
        };
        let mut first = [0];
        match reader.read(&mut first) {
            Ok(1) => Ok(Box::new(Prefixed {
                first: Some(first[0]),
                rest: io::BufReader::with_capacity(BUFFER, reader),
            })),
            Ok(_) => Err(self
                .site
                .failed(service.action(), io::ErrorKind::UnexpectedEof.into())),
            Err(error) => {
                let explained = super::failure::find_cause::<RemoteError>(&error)
                    .and_then(|remote| self.opener.explain(&remote.0, &self.site));
                Err(explained.unwrap_or_else(|| self.site.failed(service.action(), error)))
            }
        }
    }

    fn request<'a>(
        &'a mut self,
        service: Service,
        body: Vec<u8>,
        limits: &'a Limits,
    ) -> Result<Box<dyn Read + 'a>, GitError> {
        let site = &self.site;
        let pipe = self
            .pipe
            .as_mut()
            .ok_or_else(|| site.refused(service.action(), "the conversation has ended already"))?;
        let writer = &mut pipe.writer;
        let sent = self.waiter.wait(limits, || async {
            writer.write_all(&body).await?;
            writer.flush().await
        });
        // A server that refuses early closes its input; its answer says why, so that is read first.
        match sent {
            Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(site.failed(service.action(), error));
            }
            Err(error) => return Err(site.failed(service.action(), error)),
            Ok(_) => {}
        }
        // The other side sends nothing between an answer and the next request, so that a buffer
        // never swallows what belongs to the next answer.
        Ok(Box::new(io::BufReader::with_capacity(
            BUFFER,
            PipeReader {
                pipe,
                waiter: &self.waiter,
                limits,
            },
        )))
    }

    fn stateless(&self) -> bool {
        false
    }
}

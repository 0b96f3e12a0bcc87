//! The client side of receive-pack: one request that updates references.
//!
//! For: writing the request and understanding the report.
//! Refuses: to decide what is pushed; see `push`.

use std::io::{self, Read};

use gix::ObjectId;

use super::advertisement::Advertisement;
use super::connection::{Connection, Service};
use super::failure::{Site, find_cause};
use super::limits::Limits;
use super::packet::{self, Body, Next, RemoteError, SideBand};
use super::upload::{AGENT, drain};
use crate::ports::{Event, GitError, Progress};

const ACTION: &str = "pushing to";

/// One reference to be updated. `old` is what it must be at; the null id says that it must not
/// exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) name: String,
    pub(super) old: ObjectId,
    pub(super) new: ObjectId,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) commands: &'a [Command],
    pub(super) options: &'a [String],
    pub(super) atomic: bool,
    pub(super) pack: &'a [u8],
}

/// What the server said.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    pub(super) unpack: String,
    /// References with the reason of those that were refused.
    pub(super) results: Vec<(String, Result<(), String>)>,
    pub(super) messages: Vec<String>,
}

/// How a request ended that did not bring a report.
#[derive(Debug)]
pub(super) enum Broken {
    /// Nothing was sent, or the server said that it does nothing with it.
    Before(GitError),
    /// The pack may have been taken.
    After(GitError),
}

/// Greets receive-pack.
pub(super) fn greet(
    connection: &mut dyn Connection,
    site: &Site,
    limits: &Limits,
) -> Result<Advertisement, GitError> {
    let stateless = connection.stateless();
    let mut reader = connection.advertise(Service::ReceivePack, limits)?;
    let advertisement =
        Advertisement::read(reader.as_mut()).map_err(|error| site.failed(ACTION, error))?;
    drain(reader.as_mut(), stateless);
    Ok(advertisement)
}

fn body(request: &Request<'_>, advertisement: &Advertisement) -> Vec<u8> {
    let mut capabilities = vec!["report-status".to_owned()];
    for (wanted, name) in [
        (true, "side-band-64k"),
        (request.atomic, "atomic"),
        (!request.options.is_empty(), "push-options"),
    ] {
        if wanted && advertisement.has(name) {
            capabilities.push(name.to_owned());
        }
    }
    if advertisement.has("object-format") {
        capabilities.push("object-format=sha1".to_owned());
    }
    if advertisement.has("agent") {
        capabilities.push(format!("agent={AGENT}"));
    }
    let mut body = Body::default();
    for (number, command) in request.commands.iter().enumerate() {
        let Command { name, old, new } = command;
        let mut line = format!("{old} {new} {name}");
        if number == 0 {
            line.push_str("\0 ");
            line.push_str(&capabilities.join(" "));
        }
        body.data(line.as_bytes());
    }
    body.flush();
    if !request.options.is_empty() {
        for option in request.options {
            body.data(option.as_bytes());
        }
        body.flush();
    }
    body.raw(request.pack);
    body.into_bytes()
}

/// Collects the lines of the server and its hooks, and passes each on when it is complete.
struct Messages<'a> {
    url: String,
    progress: &'a dyn Progress,
    rest: Vec<u8>,
    lines: Vec<String>,
}

impl Messages<'_> {
    fn add(&mut self, piece: &[u8]) {
        for byte in piece {
            match byte {
                b'\n' => self.end_line(),
                // A counter that is overwritten in place; only its last state would matter.
                b'\r' => self.rest.clear(),
                byte => self.rest.push(*byte),
            }
        }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.rest))
            .trim_end()
            .to_owned();
        if !line.is_empty() {
            self.progress.event(Event::ServerMessage {
                url: self.url.clone(),
                text: line.clone(),
            });
            self.lines.push(line);
        }
    }
}

/// Sends the request and reads the report.
pub(super) fn send(
    connection: &mut dyn Connection,
    request: &Request<'_>,
    advertisement: &Advertisement,
    site: &Site,
    progress: &dyn Progress,
    limits: &Limits,
) -> Result<Report, Broken> {
    let stateless = connection.stateless();
    let body = body(request, advertisement);
    // From here on the server may act, so Ctrl-C no longer ends the wait; the deadline does.
    limits
        .check()
        .map_err(|stopped| Broken::Before(site.failed(ACTION, stopped.into())))?;
    let limits = limits.uninterruptible();
    let mut reader = connection
        .request(Service::ReceivePack, body, &limits)
        .map_err(|error| match error {
            // A status or a failed connection: the request was not taken.
            GitError::Unauthorized { .. }
            | GitError::Forbidden { .. }
            | GitError::RepositoryNotFound { .. }
            | GitError::Unreachable { .. } => Broken::Before(error),
            error => Broken::After(error),
        })?;
    let mut messages = Messages {
        url: site.url.clone(),
        progress,
        rest: Vec::new(),
        lines: Vec::new(),
    };
    let side_band = advertisement.has("side-band-64k");
    let result = read_report(reader.as_mut(), side_band, &mut messages);
    drain(reader.as_mut(), stateless && result.is_ok());
    messages.end_line();
    match result {
        Ok(mut report) => {
            report.messages = messages.lines;
            Ok(report)
        }
        Err(error) if find_cause::<RemoteError>(&error).is_some() => {
            let mut text = find_cause::<RemoteError>(&error)
                .map(ToString::to_string)
                .unwrap_or_default();
            for line in messages.lines {
                text.push_str("; ");
                text.push_str(&line);
            }
            Err(Broken::After(site.refused(ACTION, text)))
        }
        Err(error) => Err(Broken::After(site.failed(ACTION, error))),
    }
}

fn read_report(
    reader: &mut dyn Read,
    side_band: bool,
    messages: &mut Messages<'_>,
) -> io::Result<Report> {
    let mut text = Vec::new();
    if side_band {
        let mut heard = |piece: &[u8]| {
            messages.add(piece);
            Next::Continue
        };
        // Hooks that run after the update still speak, so the stream is read to its flush packet.
        // Its loss after the report changes nothing.
        let mut band = SideBand::new(reader, &mut heard);
        let read = band.read_to_end(&mut text);
        if let Err(error) = read
            && parse_report(&text).is_err()
        {
            return Err(error);
        }
    } else {
        loop {
            match packet::read(reader)? {
                Some(packet::Packet::Data(data)) => {
                    let mut line = Body::default();
                    line.data(&data);
                    text.extend_from_slice(&line.into_bytes());
                }
                Some(_) => break,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        text.extend_from_slice(b"0000");
    }
    parse_report(&text)
}

/// Parses a whole report. One that was cut is an error.
fn parse_report(mut text: &[u8]) -> io::Result<Report> {
    let mut report = Report::default();
    loop {
        let packet = packet::read(&mut text)?
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let Some(line) = packet.line() else {
            break;
        };
        let line = String::from_utf8_lossy(line);
        if let Some(result) = line.strip_prefix("unpack ") {
            result.clone_into(&mut report.unpack);
        } else if let Some(name) = line.strip_prefix("ok ") {
            report.results.push((name.to_owned(), Ok(())));
        } else if let Some(rest) = line.strip_prefix("ng ") {
            let (name, reason) = rest.split_once(' ').unwrap_or((rest, "refused"));
            report
                .results
                .push((name.to_owned(), Err(reason.to_owned())));
        }
    }
    if report.unpack.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the server sent no report",
        ));
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_every_reference() {
        let mut body = Body::default();
        body.line("unpack ok");
        body.line("ok refs/heads/a");
        body.line("ng refs/heads/b hook declined");
        body.flush();
        let report = parse_report(&body.into_bytes()).unwrap();
        assert_eq!(report.unpack, "ok");
        assert_eq!(report.results[0], ("refs/heads/a".to_owned(), Ok(())));
        assert_eq!(
            report.results[1],
            ("refs/heads/b".to_owned(), Err("hook declined".to_owned()))
        );
    }

    #[test]
    fn a_report_that_was_cut_is_no_report() {
        assert!(parse_report(b"000eunpack ok\n").is_err());
        assert!(parse_report(b"").is_err());
    }
}

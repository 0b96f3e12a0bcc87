//! The client side of upload-pack: list references, fetch packs.
//!
//! For: the requests of protocol v2 and v0, each of them complete in one round trip.
//! Refuses: to choose what is fetched; see `acquire`.

use std::cell::RefCell;
use std::io::{self, BufReader, Read};

use gix::ObjectId;

use super::advertisement::{Advertisement, Reference, Version, check_error, parse_listed};
use super::connection::{Connection, Service};
use super::failure::{Site, find_cause};
use super::limits::Limits;
use super::packet::{self, Body, GivenUp, Next, Packet, RemoteError, SideBand};
use super::store::Objects;
use crate::ports::GitError;

/// Name of this program in the protocol.
pub(super) const AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

const ACTION: &str = "fetching from";

/// One request for objects.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wants<'a> {
    pub(super) objects: &'a [ObjectId],
    /// Commits that are here with everything below them.
    pub(super) haves: &'a [ObjectId],
    /// Commits whose parents are not here.
    pub(super) shallow: &'a [ObjectId],
    pub(super) deepen: Option<u32>,
    pub(super) filter: Option<&'a str>,
}

/// What is told while a pack arrives.
pub(super) trait Listener {
    /// Bytes of the pack arrived.
    fn bytes(&mut self, count: u64) -> Next;

    /// The server counted the objects that it is about to send.
    fn counted(&mut self, objects: u64) -> Next;
}

/// Why no pack came.
#[derive(Debug)]
pub(super) enum FetchFailure {
    /// The listener did not want it.
    GivenUp,
    /// The server refused the request itself, in its own words.
    Refused(String),
    /// Anything else.
    Git(GitError),
}

impl From<GitError> for FetchFailure {
    fn from(error: GitError) -> Self {
        Self::Git(error)
    }
}

/// A conversation with upload-pack.
pub(super) struct Upload {
    connection: Box<dyn Connection>,
    advertisement: Advertisement,
    site: Site,
    /// The process at the other end has ended; see [`Connection::stateless`].
    spent: bool,
}

impl Upload {
    /// Greets the server.
    pub(super) fn open(
        mut connection: Box<dyn Connection>,
        site: Site,
        limits: &Limits,
    ) -> Result<Self, GitError> {
        let advertisement = greet(connection.as_mut(), &site, limits)?;
        Ok(Self {
            connection,
            advertisement,
            site,
            spent: false,
        })
    }

    pub(super) fn advertisement(&self) -> &Advertisement {
        &self.advertisement
    }

    /// The connection, for another service.
    pub(super) fn into_connection(self) -> Box<dyn Connection> {
        self.connection
    }

    fn revive(&mut self, limits: &Limits) -> Result<(), GitError> {
        if self.spent {
            self.advertisement = greet(self.connection.as_mut(), &self.site, limits)?;
            self.spent = false;
        }
        Ok(())
    }

    /// The references whose names begin with one of the prefixes.
    pub(super) fn references(
        &mut self,
        prefixes: &[String],
        limits: &Limits,
    ) -> Result<Vec<Reference>, GitError> {
        let wanted = |reference: &Reference| {
            prefixes
                .iter()
                .any(|prefix| reference.name.starts_with(prefix.as_str()))
        };
        if self.advertisement.version == Version::V0 {
            let all = self.advertisement.references.iter();
            return Ok(all.filter(|reference| wanted(reference)).cloned().collect());
        }
        self.revive(limits)?;
        let mut body = Body::default();
        body.line("command=ls-refs");
        body.line(&format!("agent={AGENT}"));
        if self.advertisement.has("object-format") {
            body.line("object-format=sha1");
        }
        body.delimiter();
        body.line("peel");
        for prefix in prefixes {
            body.line(&format!("ref-prefix {prefix}"));
        }
        body.flush();
        let site = &self.site;
        let stateless = self.connection.stateless();
        let mut reader = self
            .connection
            .request(Service::UploadPack, body.into_bytes(), limits)?;
        let mut references = Vec::new();
        loop {
            let packet = packet::read(&mut reader)
                .and_then(|packet| packet.ok_or(io::ErrorKind::UnexpectedEof.into()))
                .map_err(|error| site.failed(ACTION, error))?;
            let Some(line) = packet.line() else {
                break;
            };
            let parsed = parse_listed(line).map_err(|error| site.failed(ACTION, error))?;
            references.extend(parsed);
        }
        drain(reader.as_mut(), stateless);
        references.retain(wanted);
        Ok(references)
    }

    /// Fetches one pack into the store. Always one round trip. Gives the commits whose parents the
    /// server left out.
    pub(super) fn fetch(
        &mut self,
        wants: &Wants<'_>,
        store: &Objects,
        listener: &mut dyn Listener,
        limits: &Limits,
    ) -> Result<Vec<ObjectId>, FetchFailure> {
        self.revive(limits)?;
        let body = self.body(wants);
        let stateless = self.connection.stateless();
        let version = self.advertisement.version;
        // A process that refuses, or that speaks v0, does not take another request.
        self.spent = !stateless;
        let mut reader = self.connection.request(Service::UploadPack, body, limits)?;
        let result = receive(reader.as_mut(), version, wants, store, listener);
        if result.is_ok() {
            drain(reader.as_mut(), stateless);
            self.spent = !stateless && version == Version::V0;
        }
        result.map_err(|error| {
            if find_cause::<GivenUp>(&error).is_some() {
                return FetchFailure::GivenUp;
            }
            match find_cause::<Refusal>(&error) {
                Some(refusal) => FetchFailure::Refused(refusal.0.clone()),
                None => FetchFailure::Git(self.site.failed(ACTION, error)),
            }
        })
    }

    fn body(&self, wants: &Wants<'_>) -> Vec<u8> {
        let v2 = self.advertisement.version == Version::V2;
        let thin = !wants.haves.is_empty();
        let mut body = Body::default();
        if v2 {
            body.line("command=fetch");
            body.line(&format!("agent={AGENT}"));
            if self.advertisement.has("object-format") {
                body.line("object-format=sha1");
            }
            body.delimiter();
            body.line("ofs-delta");
            if thin {
                body.line("thin-pack");
            }
        }
        for (number, id) in wants.objects.iter().enumerate() {
            if !v2 && number == 0 {
                let known = ["multi_ack_detailed", "side-band-64k", "ofs-delta"];
                let mut line = format!("want {id}");
                for word in known
                    .into_iter()
                    .chain(wants.filter.map(|_| "filter"))
                    .chain(thin.then_some("thin-pack"))
                    .filter(|word| self.advertisement.has(word))
                {
                    line.push(' ');
                    line.push_str(word);
                }
                body.line(&format!("{line} agent={AGENT}"));
            } else {
                body.line(&format!("want {id}"));
            }
        }
        for id in wants.shallow {
            body.line(&format!("shallow {id}"));
        }
        if let Some(depth) = wants.deepen {
            body.line(&format!("deepen {depth}"));
        }
        if let Some(filter) = wants.filter {
            body.line(&format!("filter {filter}"));
        }
        if !v2 {
            body.flush();
        }
        for id in wants.haves {
            body.line(&format!("have {id}"));
        }
        body.line("done");
        if v2 {
            body.flush();
        }
        body.into_bytes()
    }
}

fn greet(
    connection: &mut dyn Connection,
    site: &Site,
    limits: &Limits,
) -> Result<Advertisement, GitError> {
    let stateless = connection.stateless();
    let mut reader = connection.advertise(Service::UploadPack, limits)?;
    let advertisement =
        Advertisement::read(reader.as_mut()).map_err(|error| site.failed(ACTION, error))?;
    drain(reader.as_mut(), stateless);
    Ok(advertisement)
}

/// Reads an http answer to its end, so that the connection can be used again. A stream has no end.
pub(super) fn drain(reader: &mut dyn Read, stateless: bool) {
    if stateless {
        // What follows the answer proper has no meaning, and its loss changes nothing.
        let _ = io::copy(reader, &mut io::sink());
    }
}

/// The server refused the request with an `ERR` line.
#[derive(Debug, thiserror::Error)]
#[error("remote: {0}")]
struct Refusal(String);

/// Reads the answer to a fetch.
fn receive(
    reader: &mut dyn Read,
    version: Version,
    wants: &Wants<'_>,
    store: &Objects,
    listener: &mut dyn Listener,
) -> io::Result<Vec<ObjectId>> {
    let shallow = read_sections(reader, version, wants)?;
    let mut text = ProgressText::default();
    let listener = RefCell::new(listener);
    let failed = RefCell::new(None);
    let mut heard = |piece: &[u8]| match text.objects(piece) {
        Some(objects) => listener.borrow_mut().counted(objects),
        None => Next::Continue,
    };
    let mut band = SideBand::new(reader, &mut heard);
    let counted = Watched {
        inner: &mut band,
        listener: &listener,
        failed: &failed,
    };
    let mut pack = BufReader::with_capacity(64 * 1024, counted);
    let indexed = take_pack(&mut pack, &listener, store, !wants.haves.is_empty());
    // The reader's own failure is the cause of whatever the index writer made of it.
    match failed.take() {
        Some(error) => Err(error),
        None => indexed.map(|()| shallow),
    }
}

fn take_pack(
    pack: &mut dyn std::io::BufRead,
    listener: &RefCell<&mut dyn Listener>,
    store: &Objects,
    thin: bool,
) -> io::Result<()> {
    let (objects, head) = super::pack::read_head(pack)?;
    if listener.borrow_mut().counted(u64::from(objects)) == Next::Stop {
        return Err(io::Error::other(GivenUp));
    }
    let mut whole = BufReader::with_capacity(64 * 1024, head.chain(&mut *pack));
    store.index(&mut whole, thin)?;
    // The flush packet proves that the pack was not cut, and has to be out of the way.
    io::copy(&mut whole, &mut io::sink())?;
    Ok(())
}

/// Reads everything before the pack. Gives the commits whose parents the server left out.
fn read_sections(
    reader: &mut dyn Read,
    version: Version,
    wants: &Wants<'_>,
) -> io::Result<Vec<ObjectId>> {
    let mut shallow = Vec::new();
    let mut expects_shallow = wants.deepen.is_some() && version == Version::V0;
    let mut first = true;
    loop {
        let packet = match packet::read(reader)? {
            Some(packet) => packet,
            None if first => {
                // What git's server does with a request that it cannot read at all.
                return Err(io::Error::other(Refusal(
                    "the request was not answered".to_owned(),
                )));
            }
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        };
        first = false;
        let Some(line) = packet.line() else {
            if packet == Packet::Flush && version == Version::V0 && expects_shallow {
                expects_shallow = false;
                continue;
            }
            if packet == Packet::Delimiter {
                continue;
            }
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the server sent no pack",
            ));
        };
        if let Err(error) = check_error(line) {
            return Err(match find_cause::<RemoteError>(&error) {
                Some(remote) => io::Error::other(Refusal(remote.0.clone())),
                None => error,
            });
        }
        let text = String::from_utf8_lossy(line);
        if let Some(id) = text.strip_prefix("shallow ") {
            let id = ObjectId::from_hex(id.as_bytes()).map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, format!("unexpected id {id:?}"))
            })?;
            shallow.push(id);
        } else if text == "packfile" && version == Version::V2 {
            return Ok(shallow);
        } else if version == Version::V0 && (text == "NAK" || text.starts_with("ACK ")) {
            if !text.ends_with("common") && !text.ends_with("ready") {
                return Ok(shallow);
            }
        } else if !matches!(
            text.as_ref(),
            "shallow-info" | "acknowledgments" | "wanted-refs" | "NAK" | "ready"
        ) && !text.starts_with("ACK ")
            && !text.starts_with("unshallow ")
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("unexpected line {text:?}"),
            ));
        }
    }
}

/// Finds the server's count of objects in its progress text.
#[derive(Default)]
struct ProgressText {
    line: Vec<u8>,
}

impl ProgressText {
    /// The greatest count that the piece of text completes, if any.
    fn objects(&mut self, piece: &[u8]) -> Option<u64> {
        let mut greatest = None;
        for byte in piece {
            if matches!(byte, b'\r' | b'\n') {
                greatest = greatest.max(parse_count(&self.line));
                self.line.clear();
            } else if self.line.len() < 200 {
                self.line.push(*byte);
            }
        }
        greatest
    }
}

/// `Enumerating objects: 52235, done.`, `Counting objects:  12% (6269/52235)`.
fn parse_count(line: &[u8]) -> Option<u64> {
    let line = String::from_utf8_lossy(line);
    let (verb, rest) = line.split_once(" objects:")?;
    if !matches!(verb.rsplit(' ').next(), Some("Enumerating" | "Counting")) {
        return None;
    }
    let rest = rest.split_once('/').map_or(rest, |(_, total)| total);
    let digits: String = rest
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

/// Tells the listener of every byte, and keeps the first failure, because the index writer does not
/// hand it on.
struct Watched<'a, 'b, R> {
    inner: R,
    listener: &'a RefCell<&'b mut dyn Listener>,
    failed: &'a RefCell<Option<io::Error>>,
}

impl<R: Read> Read for Watched<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buffer).and_then(|count| {
            match self.listener.borrow_mut().bytes(count as u64) {
                Next::Continue => Ok(count),
                Next::Stop => Err(io::Error::other(GivenUp)),
            }
        });
        result.map_err(|error| {
            let kind = error.kind();
            self.failed.borrow_mut().get_or_insert(error);
            kind.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_count_is_found_however_the_text_is_cut() {
        let mut text = ProgressText::default();
        assert_eq!(text.objects(b"Enumerating obj"), None);
        assert_eq!(text.objects(b"ects: 52235, done.\n"), Some(52235));
        assert_eq!(
            text.objects(b"Counting objects:   1% (523/52235)\r"),
            Some(52235)
        );
        assert_eq!(text.objects(b"Total 5 (delta 0), reused 3\n"), None);
    }
}

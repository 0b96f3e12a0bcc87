//! The framing of Git's wire protocol: packet lines and the side band.
//!
//! For: reading and writing packet lines, and splitting a side-band stream into data and text.
//! Refuses: to know what the lines mean.

use std::io::{self, Read};

/// The most that one packet can carry.
const LARGEST: usize = 65516;

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    Flush,
    Delimiter,
    End,
    Data(Vec<u8>),
}

impl Packet {
    /// The payload without the line end, when there is one.
    pub(super) fn line(&self) -> Option<&[u8]> {
        match self {
            Self::Data(data) => Some(data.strip_suffix(b"\n").unwrap_or(data)),
            _ => None,
        }
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Reads one packet; `None` at the end of the stream.
pub(super) fn read(reader: &mut dyn Read) -> io::Result<Option<Packet>> {
    let mut head = [0_u8; 4];
    let mut filled = 0;
    while filled < head.len() {
        match reader.read(&mut head[filled..])? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    let length = std::str::from_utf8(&head)
        .ok()
        .and_then(|text| usize::from_str_radix(text, 16).ok())
        .ok_or_else(|| {
            invalid(format!(
                "expected a packet line, got {:?}",
                String::from_utf8_lossy(&head)
            ))
        })?;
    Ok(Some(match length {
        0 => Packet::Flush,
        1 => Packet::Delimiter,
        2 => Packet::End,
        3 => return Err(invalid("packet line of length 3".to_owned())),
        length => {
            let mut data = vec![0; length - 4];
            reader.read_exact(&mut data)?;
            Packet::Data(data)
        }
    }))
}

/// A request body made of packets.
#[derive(Clone, Debug, Default)]
pub(super) struct Body(Vec<u8>);

impl Body {
    /// Adds one packet. Longer payloads than a packet can hold are a programming error of the
    /// caller; the lines written here are all short.
    pub(super) fn data(&mut self, payload: &[u8]) {
        debug_assert!(payload.len() <= LARGEST);
        self.0
            .extend_from_slice(format!("{:04x}", payload.len() + 4).as_bytes());
        self.0.extend_from_slice(payload);
    }

    pub(super) fn line(&mut self, text: &str) {
        self.data(format!("{text}\n").as_bytes());
    }

    pub(super) fn flush(&mut self) {
        self.0.extend_from_slice(b"0000");
    }

    pub(super) fn delimiter(&mut self) {
        self.0.extend_from_slice(b"0001");
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// What to do after a piece of text from band 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Continue,
    /// Stop reading; the data is not wanted any more.
    Stop,
}

/// The text that the server sent as its last word, on band 3 or as an `ERR` line.
#[derive(Debug, thiserror::Error)]
#[error("remote: {0}")]
pub(super) struct RemoteError(pub(super) String);

/// The reader stopped because the listener said so.
#[derive(Debug, thiserror::Error)]
#[error("the transfer was given up")]
pub(super) struct GivenUp;

/// Reads the data band of a side-band stream; text goes to `listener`. Ends at the flush packet.
pub(super) struct SideBand<'a> {
    reader: &'a mut dyn Read,
    listener: &'a mut dyn FnMut(&[u8]) -> Next,
    data: Vec<u8>,
    position: usize,
    ended: bool,
}

impl<'a> SideBand<'a> {
    pub(super) fn new(
        reader: &'a mut dyn Read,
        listener: &'a mut dyn FnMut(&[u8]) -> Next,
    ) -> Self {
        Self {
            reader,
            listener,
            data: Vec::new(),
            position: 0,
            ended: false,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        while self.position == self.data.len() && !self.ended {
            match read(self.reader)? {
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(Packet::Flush) => self.ended = true,
                Some(Packet::Data(data)) => match data.split_first() {
                    Some((1, _)) => {
                        self.data = data;
                        self.position = 1;
                    }
                    Some((2, text)) => {
                        if (self.listener)(text) == Next::Stop {
                            return Err(io::Error::other(GivenUp));
                        }
                    }
                    Some((3, text)) => {
                        let text = String::from_utf8_lossy(text).trim_end().to_owned();
                        return Err(io::Error::other(RemoteError(text)));
                    }
                    Some((band, _)) => {
                        return Err(invalid(format!("packet on unknown side band {band}")));
                    }
                    None => return Err(invalid("empty packet in the side band".to_owned())),
                },
                Some(Packet::Delimiter | Packet::End) => {
                    return Err(invalid("unexpected packet in the side band".to_owned()));
                }
            }
        }
        Ok(())
    }
}

impl Read for SideBand<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.refill()?;
        let rest = &self.data[self.position..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_and_data_are_told_apart_and_the_flush_ends_the_stream() {
        let mut body = Body::default();
        body.data(b"\x02remote says\n");
        body.data(b"\x01PA");
        body.data(b"\x01");
        body.data(b"\x01CK");
        body.flush();
        body.raw(b"next request");
        let bytes = body.into_bytes();
        let mut reader = bytes.as_slice();
        let mut text = Vec::new();
        let mut listener = |piece: &[u8]| {
            text.extend_from_slice(piece);
            Next::Continue
        };
        let mut data = Vec::new();
        SideBand::new(&mut reader, &mut listener)
            .read_to_end(&mut data)
            .unwrap();
        assert_eq!(data, b"PACK");
        assert_eq!(text, b"remote says\n");
        assert_eq!(reader, b"next request");
    }

    #[test]
    fn a_stream_that_ends_without_flush_was_cut() {
        let mut reader: &[u8] = b"0006\x01P";
        let error = SideBand::new(&mut reader, &mut |_| Next::Continue)
            .read_to_end(&mut Vec::new())
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = bytes.as_slice();
            while let Ok(Some(_)) = read(&mut reader) {}
        }

        #[test]
        fn what_was_written_is_read_back(lines in proptest::collection::vec("[ -~]{0,80}", 0..10)) {
            let mut body = Body::default();
            for line in &lines {
                body.line(line);
            }
            let bytes = body.into_bytes();
            let mut reader = bytes.as_slice();
            let mut seen = Vec::new();
            while let Some(packet) = read(&mut reader).unwrap() {
                seen.push(String::from_utf8(packet.line().unwrap().to_vec()).unwrap());
            }
            prop_assert_eq!(seen, lines);
        }
    }
}

//! Packs: reading the head of one, writing one of given objects.
//!
//! For: the exact pack of a push, and the object count of a fetch.
//! Refuses: to walk history or trees; it packs what it is given.

use std::io::{self, BufRead, Cursor, Write as _};

use gix::ObjectId;
use gix::objs::Kind;
use gix_pack::data::entry::Header;

/// An object in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) id: ObjectId,
    pub(super) kind: Kind,
    pub(super) data: Vec<u8>,
}

impl Object {
    pub(super) fn new(kind: Kind, data: Vec<u8>) -> io::Result<Self> {
        let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, kind, &data)
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { id, kind, data })
    }
}

/// An object of a new pack, perhaps as its difference from one that the receiver has.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    pub(super) object: Object,
    pub(super) base: Option<Object>,
}

/// Reads the head of a pack: how many objects follow, and the bytes read so far.
pub(super) fn read_head(reader: &mut dyn BufRead) -> io::Result<(u32, Cursor<Vec<u8>>)> {
    let mut head = vec![0; 12];
    reader.read_exact(&mut head)?;
    if &head[..4] != b"PACK" {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the data is not a pack",
        ));
    }
    let count = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    Ok((count, Cursor::new(head)))
}

/// A pack of exactly these objects. A difference is used where it is smaller and `thin` allows it.
pub(super) fn write(objects: &[Packed], thin: bool) -> io::Result<Vec<u8>> {
    let count = u32::try_from(objects.len()).map_err(io::Error::other)?;
    let mut pack = Vec::new();
    pack.extend_from_slice(b"PACK");
    pack.extend_from_slice(&2_u32.to_be_bytes());
    pack.extend_from_slice(&count.to_be_bytes());
    for packed in objects {
        let Object { kind, data, .. } = &packed.object;
        let delta = packed
            .base
            .as_ref()
            .filter(|_| thin)
            .map(|base| (base.id, difference(&base.data, data)))
            .filter(|(_, delta)| delta.len() + 20 < data.len());
        let (header, data) = match &delta {
            Some((base_id, delta)) => (Header::RefDelta { base_id: *base_id }, delta),
            None => (plain(*kind), data),
        };
        header.write_to(data.len() as u64, &mut pack)?;
        let mut deflate =
            gix::zlib::stream::deflate::Write::new(pack, gix::zlib::Compression::DEFAULT);
        deflate.write_all(data)?;
        deflate.flush()?;
        pack = deflate.into_inner();
    }
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(&pack);
    let checksum = hasher
        .try_finalize()
        .map_err(|error| io::Error::other(error.to_string()))?;
    pack.extend_from_slice(checksum.as_slice());
    Ok(pack)
}

const fn plain(kind: Kind) -> Header {
    match kind {
        Kind::Tree => Header::Tree,
        Kind::Blob => Header::Blob,
        Kind::Commit => Header::Commit,
        Kind::Tag => Header::Tag,
    }
}

/// The instructions that make `new` of `old`: what both begin with, what is new, what both end with.
/// Edits of one scalar, and of one entry of a tree, are exactly that.
fn difference(old: &[u8], new: &[u8]) -> Vec<u8> {
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let suffix = old[prefix..]
        .iter()
        .rev()
        .zip(new[prefix..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let mut delta = Vec::new();
    write_size(&mut delta, old.len());
    write_size(&mut delta, new.len());
    write_copies(&mut delta, 0, prefix);
    for piece in new[prefix..new.len() - suffix].chunks(0x7f) {
        // A chunk is never longer than 127 bytes.
        delta.push(u8::try_from(piece.len()).unwrap_or(0x7f));
        delta.extend_from_slice(piece);
    }
    write_copies(&mut delta, old.len() - suffix, suffix);
    delta
}

/// Seven bits a byte, least significant first.
fn write_size(delta: &mut Vec<u8>, mut size: usize) {
    while size > 0x7f {
        delta.push(size.to_le_bytes()[0] | 0x80);
        size >>= 7;
    }
    delta.push(size.to_le_bytes()[0]);
}

/// Copy instructions. Offset and size are given by those of their bytes that are not zero; an
/// object is smaller than 4 GiB, since it was held in memory to be edited.
fn write_copies(delta: &mut Vec<u8>, mut offset: usize, mut length: usize) {
    while length > 0 {
        let size = length.min(0xff_ffff);
        let fields = offset.to_le_bytes()[..4]
            .iter()
            .zip(0..4)
            .chain(size.to_le_bytes()[..3].iter().zip(4..7))
            .map(|(byte, bit)| (*byte, bit))
            .filter(|(byte, _)| *byte != 0)
            .collect::<Vec<(u8, u8)>>();
        delta.push(fields.iter().fold(0x80, |bits, (_, bit)| bits | 1 << bit));
        delta.extend(fields.iter().map(|(byte, _)| byte));
        offset += size;
        length -= size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Applies a delta by the format's definition.
    fn apply(old: &[u8], delta: &[u8]) -> Vec<u8> {
        let mut position = 0;
        let mut next = || {
            position += 1;
            usize::from(delta[position - 1])
        };
        let mut size = || {
            let (mut value, mut shift) = (0, 0);
            loop {
                let byte = next();
                value |= (byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    return value;
                }
            }
        };
        assert_eq!(size(), old.len());
        let length = size();
        let mut new = Vec::new();
        while new.len() < length {
            let instruction = next();
            if instruction & 0x80 == 0 {
                for _ in 0..instruction {
                    new.push(u8::try_from(next()).unwrap());
                }
            } else {
                let (mut offset, mut size) = (0, 0);
                for bit in 0..4 {
                    if instruction & (1 << bit) != 0 {
                        offset |= next() << (8 * bit);
                    }
                }
                for bit in 0..3 {
                    if instruction & (0x10 << bit) != 0 {
                        size |= next() << (8 * bit);
                    }
                }
                new.extend_from_slice(&old[offset..offset + size]);
            }
        }
        new
    }

    proptest! {
        #[test]
        fn a_difference_makes_the_new_text_of_the_old(
            old in proptest::collection::vec(0_u8..3, 0..400),
            new in proptest::collection::vec(0_u8..3, 0..400),
        ) {
            prop_assert_eq!(apply(&old, &difference(&old, &new)), new);
        }
    }

    #[test]
    fn an_edit_in_a_long_text_is_a_short_difference() {
        let old: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut new = old.clone();
        new[300_000..300_003].copy_from_slice(b"new");
        let delta = difference(&old, &new);
        assert!(delta.len() < 40, "{}", delta.len());
        assert_eq!(apply(&old, &delta), new);
    }
}

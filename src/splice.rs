//! Replacements of bytes in a file's content.
//!
//! For: saying how a file changes without keeping the file: a [`Patch`] is as small as what it
//! replaces, is applied to the content it was made for, and can be taken back.
//! Refuses: content that is not the one it was made for.

use std::hash::{DefaultHasher, Hasher as _};

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// First byte that is replaced.
    pub start: usize,
    /// The bytes that stand there.
    pub old: Box<[u8]>,
    /// The bytes that take their place.
    pub new: Box<[u8]>,
}

impl Splice {
    /// First byte behind what is replaced.
    pub fn end(&self) -> usize {
        self.start + self.old.len()
    }
}

/// Length and checksum of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint {
    length: usize,
    hash: u64,
}

impl Fingerprint {
    fn of(content: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(content);
        Self {
            length: content.len(),
            hash: hasher.finish(),
        }
    }
}

/// Every replacement of one file. Made for one content only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    splices: Vec<Splice>,
    before: Fingerprint,
}

impl Patch {
    /// The patch of these replacements on `before`. They are in order and do not overlap; `None`
    /// when they do, or when `before` has other bytes.
    pub fn new(before: &[u8], splices: Vec<Splice>) -> Option<Self> {
        replaced(before, splices.iter().map(forwards))?;
        Some(Self {
            splices,
            before: Fingerprint::of(before),
        })
    }

    /// The replacements, in order.
    pub fn splices(&self) -> &[Splice] {
        &self.splices
    }

    /// The content after the patch; `None` when `content` is not the one the patch was made for.
    pub fn apply(&self, content: &[u8]) -> Option<Vec<u8>> {
        if Fingerprint::of(content) != self.before {
            return None;
        }
        replaced(content, self.splices.iter().map(forwards))
    }

    /// A part of the content after the patch, made from the same part before it, which begins at
    /// byte `start` and cuts no replacement; `None` when it does.
    pub fn apply_to_part(&self, start: usize, part: &[u8]) -> Option<Vec<u8>> {
        let inside = |splice: &&Splice| splice.start < start + part.len() && splice.end() > start;
        let replacements = self.splices.iter().filter(inside).map(|splice| {
            // A replacement that begins before the part fails to match.
            let at = splice.start.checked_sub(start).unwrap_or(usize::MAX);
            (at, &*splice.old, &*splice.new)
        });
        replaced(part, replacements)
    }

    /// The content before the patch; `None` when `content` is not what the patch makes.
    pub fn revert(&self, content: &[u8]) -> Option<Vec<u8>> {
        // What earlier replacements took away, and what they put in.
        let (mut removed, mut added) = (0, 0);
        let backwards = self.splices.iter().map(|splice| {
            let start = splice.start + added - removed;
            removed += splice.old.len();
            added += splice.new.len();
            (start, &*splice.new, &*splice.old)
        });
        replaced(content, backwards).filter(|before| Fingerprint::of(before) == self.before)
    }
}

fn forwards(splice: &Splice) -> (usize, &[u8], &[u8]) {
    (splice.start, &splice.old, &splice.new)
}

/// The content with `(start, old, new)` replaced; `None` when it holds other bytes there.
fn replaced<'s>(
    content: &[u8],
    replacements: impl Iterator<Item = (usize, &'s [u8], &'s [u8])>,
) -> Option<Vec<u8>> {
    let mut result = Vec::with_capacity(content.len() + 64);
    let mut at = 0;
    for (start, old, new) in replacements {
        let end = start.checked_add(old.len())?;
        if content.get(start..end)? != old {
            return None;
        }
        result.extend_from_slice(content.get(at..start)?);
        result.extend_from_slice(new);
        at = end;
    }
    result.extend_from_slice(content.get(at..)?);
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn splice(start: usize, old: &str, new: &str) -> Splice {
        Splice {
            start,
            old: old.as_bytes().into(),
            new: new.as_bytes().into(),
        }
    }

    #[test]
    fn a_patch_changes_its_bytes_only_and_can_be_taken_back() {
        let before = b"image: a:1 # b\nimage: c:2\n";
        let patch = Patch::new(
            before,
            vec![splice(7, "a:1", "a:22"), splice(22, "c:2", "")],
        );
        let patch = patch.unwrap();
        let after = patch.apply(before).unwrap();
        assert_eq!(after, b"image: a:22 # b\nimage: \n");
        assert_eq!(
            patch.apply_to_part(15, b"image: c:2\n").unwrap(),
            b"image: \n"
        );
        assert_eq!(patch.apply_to_part(8, b":1 # b\nimage: c:2\n"), None);
        assert_eq!(patch.revert(&after).unwrap(), before);
    }

    #[test]
    fn another_content_is_refused() {
        let patch = Patch::new(b"a: 1\nb: 2\n", vec![splice(3, "1", "7")]).unwrap();
        assert_eq!(patch.apply(b"a: 1\nb: 3\n"), None);
        assert_eq!(patch.apply(b""), None);
        assert_eq!(patch.revert(b"a: 7\nb: 3\n"), None);
        assert_eq!(Patch::new(b"a: 1", vec![splice(3, "2", "7")]), None);
        assert_eq!(Patch::new(b"a: 1", vec![splice(9, "2", "7")]), None);
        let overlapping = vec![splice(0, "a: ", "b: "), splice(1, ": 1", ": 2")];
        assert_eq!(Patch::new(b"a: 1", overlapping), None);
    }
}

//! Where the body of a successful answer goes, piece by piece.

use sha2::{Digest as _, Sha256};

use super::tag_list::{DecodeError, Decoder};

/// Takes one body. Limits are the sink's own.
pub(super) trait Sink: Send {
    /// A body begins; anything of an earlier, broken one is dropped.
    fn begin(&mut self);

    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]) -> Result<(), BodyError>;

    /// The body is complete.
    fn finish(&mut self) -> Result<(), BodyError>;
}

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It goes on for too long.
    TooLarge(usize),
    /// More tags than any repository has.
    TooManyTags(usize),
    /// It is not what was asked for.
    Decode(DecodeError),
}

impl std::fmt::Display for BodyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLarge(limit) => {
                write!(f, "the answer is larger than {} MiB", limit / (1024 * 1024))
            }
            Self::TooManyTags(limit) => write!(f, "the list has more than {limit} tags"),
            Self::Decode(error) => error.fmt(f),
        }
    }
}

/// Most bytes of one page of tags.
const MAX_PAGE: usize = 64 * 1024 * 1024;
/// Most tags of one repository.
const MAX_TAGS: usize = 2_000_000;
/// Most bytes of any other answer that is read.
const MAX_SMALL: usize = 4 * 1024 * 1024;

/// Appends the tags of one page.
pub(super) struct TagSink {
    tags: Vec<String>,
    /// Tags of the pages before this one.
    before: usize,
    decoder: Decoder,
    read: usize,
    /// First bytes, to say what came instead of a tag list.
    head: Vec<u8>,
}

impl TagSink {
    pub(super) fn new() -> Self {
        Self {
            tags: Vec::new(),
            before: 0,
            decoder: Decoder::new(),
            read: 0,
            head: Vec::new(),
        }
    }

    /// Keeps the tags read so far when the next body begins.
    pub(super) fn keep(&mut self) {
        self.before = self.tags.len();
    }

    pub(super) fn len(&self) -> usize {
        self.tags.len()
    }

    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(super) fn into_tags(self) -> Vec<String> {
        self.tags
    }
}

impl Sink for TagSink {
    fn begin(&mut self) {
        self.tags.truncate(self.before);
        self.decoder = Decoder::new();
        self.read = 0;
        self.head.clear();
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), BodyError> {
        const HEAD: usize = 2048;
        if self.head.len() < HEAD {
            let missing = (HEAD - self.head.len()).min(bytes.len());
            self.head.extend_from_slice(&bytes[..missing]);
        }
        self.read += bytes.len();
        if self.read > MAX_PAGE {
            return Err(BodyError::TooLarge(MAX_PAGE));
        }
        self.decoder
            .push(bytes, &mut self.tags)
            .map_err(BodyError::Decode)?;
        if self.tags.len() > MAX_TAGS {
            return Err(BodyError::TooManyTags(MAX_TAGS));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BodyError> {
        self.decoder.finish().map_err(BodyError::Decode)
    }
}

/// Keeps a small body, or only its hash.
pub(super) struct SmallSink {
    pub(super) body: Vec<u8>,
    hash: Sha256,
    read: usize,
    keep: bool,
}

impl SmallSink {
    /// Keeps the body.
    pub(super) fn keeping() -> Self {
        Self {
            body: Vec::new(),
            hash: Sha256::new(),
            read: 0,
            keep: true,
        }
    }

    /// Keeps only the hash.
    pub(super) fn hashing() -> Self {
        Self {
            keep: false,
            ..Self::keeping()
        }
    }

    /// `sha256:` and the hash of the body in hex.
    pub(super) fn digest(&self) -> String {
        use std::fmt::Write as _;
        let mut text = "sha256:".to_owned();
        for byte in self.hash.clone().finalize() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl Sink for SmallSink {
    fn begin(&mut self) {
        self.body.clear();
        self.hash = Sha256::new();
        self.read = 0;
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), BodyError> {
        self.read += bytes.len();
        if self.read > MAX_SMALL {
            return Err(BodyError::TooLarge(MAX_SMALL));
        }
        if self.keep {
            self.body.extend_from_slice(bytes);
        } else {
            self.hash.update(bytes);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BodyError> {
        Ok(())
    }
}

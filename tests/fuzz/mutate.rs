//! Inputs from seeds: cut, joined, repeated, changed.

/// Pieces that parsers trip over.
const PIECES: &[&[u8]] = &[
    b"{{",
    b"}}",
    b"$",
    b"\"",
    b"'",
    b"\\",
    b"\n",
    b"\r\n",
    b"\t",
    b"\0",
    b"#",
    b": ",
    b"- ",
    b"---\n",
    b"|",
    b">",
    b"&a",
    b"*a",
    b"!!str ",
    b"[",
    b"]",
    b"{",
    b"}",
    b"(",
    b")",
    b"(?P<",
    b"-",
    b"+",
    b"*",
    b"\xff",
    b"\xef\xbb\xbf",
    "\u{2028}".as_bytes(),
    "é".as_bytes(),
    b"18446744073709551616",
    b"9e999",
    b"{\"$imagepolicy\": \"",
    b"~",
    b"^",
    b"||",
    b",",
    b".",
    b"..",
    b"%",
    b"%s",
    b"%*d",
];

/// A source of inputs; the same seed gives the same inputs.
pub(crate) struct Mutator<'a> {
    state: u64,
    seeds: &'a [Vec<u8>],
}

impl<'a> Mutator<'a> {
    /// Inputs made from `seeds`.
    pub(crate) fn new(seed: u64, seeds: &'a [Vec<u8>]) -> Self {
        Self {
            state: seed | 1,
            seeds,
        }
    }

    /// The next input.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut input = self.seed().to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut input);
        }
        input.truncate(1 << 16);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        match self.below(7) {
            0 => input.truncate(at),
            1 => drop(input.drain(..at)),
            2 => {
                let piece = PIECES[self.below(PIECES.len())];
                input.splice(at..at, piece.iter().copied());
            }
            3 => {
                let other = self.seed();
                let start = self.below(other.len() + 1);
                let end = start + self.below(other.len() - start + 1);
                input.splice(at..at, other[start..end].iter().copied());
            }
            4 if at < input.len() => {
                let byte = u8::try_from(self.below(256)).unwrap_or(0);
                input[at] = byte;
            }
            5 if at < input.len() => {
                let end = at + self.below((input.len() - at).min(32)) + 1;
                let part = input[at..end].to_vec();
                let times = self.below(40);
                for _ in 0..times {
                    input.splice(at..at, part.iter().copied());
                }
            }
            _ if at < input.len() => {
                let end = (at + self.below(16) + 1).min(input.len());
                input.drain(at..end);
            }
            _ => {}
        }
    }

    fn seed(&mut self) -> &'a [u8] {
        let at = self.below(self.seeds.len());
        &self.seeds[at]
    }

    /// A number below `bound`, by xorshift.
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % (bound.max(1) as u64)).unwrap_or(0)
    }
}

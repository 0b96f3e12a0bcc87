//! Versions.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use ::semver::Prerelease;
use thiserror::Error;

/// The longest version, in bytes.
const LIMIT: usize = 256;

/// A version, loosely read: minor and patch may be missing, a `v` may stand before it.
#[derive(Clone, Copy, Debug)]
pub struct Version<'t> {
    /// Major number.
    pub major: u64,
    /// Minor number.
    pub minor: u64,
    /// Patch number.
    pub patch: u64,
    /// Prerelease, without its `-`; empty for a release.
    pub prerelease: &'t str,
    /// Build metadata, without its `+`; never compared.
    pub metadata: &'t str,
    /// The text it was read from.
    pub original: &'t str,
}

/// Why a text is no version; Masterminds' texts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VersionError {
    /// Not a version at all.
    #[error("invalid semantic version")]
    Invalid,
    /// More than 256 bytes.
    #[error("version string is too long (max 256 bytes)")]
    TooLong,
    /// A number in a prerelease begins with a zero.
    #[error("version segment starts with 0")]
    LeadingZero,
    /// A number of more than 64 bits.
    #[error(
        "error parsing version segment: strconv.ParseUint: parsing \"{0}\": value out of range"
    )]
    OutOfRange(String),
}

impl<'t> Version<'t> {
    /// Reads a version as `semver.NewVersion` does.
    pub fn parse(text: &'t str) -> Result<Self, VersionError> {
        if text.len() > LIMIT {
            return Err(VersionError::TooLong);
        }
        let mut reader = Reader {
            text,
            at: usize::from(text.starts_with('v')),
        };
        let mut numbers = [0..0, 0..0, 0..0];
        numbers[0] = reader.digits()?;
        for number in &mut numbers[1..] {
            if !reader.take(b'.') {
                break;
            }
            *number = reader.digits()?;
        }
        let prerelease = reader.identifiers(b'-')?;
        let metadata = reader.identifiers(b'+')?;
        if reader.at != text.len() {
            return Err(VersionError::Invalid);
        }
        // Only what has the form of a version is read, which decides between two faults.
        let [major, minor, patch] = numbers;
        let version = Self {
            major: read_number(&text[major])?,
            minor: read_number(&text[minor])?,
            patch: read_number(&text[patch])?,
            prerelease,
            metadata,
            original: text,
        };
        check_prerelease(prerelease)?;
        Ok(version)
    }

    /// Reads an image tag as fluxcd/pkg `version.ParseVersion` does: a version with at least two
    /// dots anywhere.
    pub fn parse_tag(text: &'t str) -> Result<Self, VersionError> {
        match Self::parse(text) {
            Err(VersionError::Invalid) => Err(VersionError::Invalid),
            _ if text.bytes().filter(|byte| *byte == b'.').count() < 2 => {
                Err(VersionError::Invalid)
            }
            answer => answer,
        }
    }

    /// Precedence: numbers, then release before prerelease, then the prerelease's identifiers.
    /// Metadata does not count.
    pub fn precedence(&self, other: &Version<'_>) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_prereleases(self.prerelease, other.prerelease))
    }
}

/// Reads the parts of a version from left to right.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn take(&mut self, sign: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&sign);
        self.at += usize::from(found);
        found
    }

    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> Result<Range<usize>, VersionError> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        self.at += rest.iter().take_while(|byte| belongs(**byte)).count();
        if self.at == start {
            return Err(VersionError::Invalid);
        }
        Ok(start..self.at)
    }

    fn digits(&mut self) -> Result<Range<usize>, VersionError> {
        self.run(|byte| byte.is_ascii_digit())
    }

    /// Identifiers with dots between them, if the sign before them is there.
    fn identifiers(&mut self, sign: u8) -> Result<&'t str, VersionError> {
        if !self.take(sign) {
            return Ok("");
        }
        let start = self.at;
        loop {
            self.run(|byte| byte.is_ascii_alphanumeric() || byte == b'-')?;
            if !self.take(b'.') {
                return Ok(&self.text[start..self.at]);
            }
        }
    }
}

/// A number of at most 64 bits; a missing one is 0.
fn read_number(digits: &str) -> Result<u64, VersionError> {
    if digits.is_empty() {
        return Ok(0);
    }
    digits
        .parse()
        .map_err(|_| VersionError::OutOfRange(digits.to_owned()))
}

fn check_prerelease(prerelease: &str) -> Result<(), VersionError> {
    let bad = |part: &str| {
        part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if prerelease.split('.').any(bad) {
        Err(VersionError::LeadingZero)
    } else {
        Ok(())
    }
}

/// Compares prereleases; an empty one is a release and greater than every other. The `semver` crate
/// knows the standard's order; numbers of more than 64 bits, which Masterminds takes for words, are
/// compared here.
pub(super) fn compare_prereleases(left: &str, right: &str) -> Ordering {
    if left.is_empty() || right.is_empty() {
        return left.is_empty().cmp(&right.is_empty());
    }
    match (standard(left), standard(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => compare_identifier_lists(left, right),
    }
}

/// The standard's reading of a prerelease, where Masterminds reads it alike.
fn standard(prerelease: &str) -> Option<Prerelease> {
    let too_long = |part: &str| part.len() > 19 && part.bytes().all(|byte| byte.is_ascii_digit());
    if prerelease.split('.').any(too_long) {
        return None;
    }
    Prerelease::new(prerelease).ok()
}

fn compare_identifier_lists(left: &str, right: &str) -> Ordering {
    let (mut lefts, mut rights) = (left.split('.'), right.split('.'));
    loop {
        let order = match (lefts.next(), rights.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => compare_identifiers(left, right),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Numbers of at most 64 bits come before everything else and compare by value.
fn compare_identifiers(left: &str, right: &str) -> Ordering {
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

/// Digits only: `str::parse` alone would take a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

impl fmt::Display for Version<'_> {
    /// The normal form: three numbers, no `v`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prereleases_are_ordered_as_masterminds_orders_them() {
        let chain = [
            "1.0.0-0",
            "1.0.0-1",
            "1.0.0-10",
            "1.0.0-18446744073709551615",
            "1.0.0--1",
            "1.0.0-100000000000000000000",
            "1.0.0-99999999999999999999",
            "1.0.0-A",
            "1.0.0-a",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc",
            "1.0.0-rc.1",
            "1.0.0-rc.9",
            "1.0.0-rc.10",
            "1.0.0-rc.a",
            "1.0.0-rc1",
            "1.0.0-rc10",
            "1.0.0-rc2",
            "1.0.0",
        ];
        for pair in chain.windows(2) {
            let (left, right) = (
                Version::parse(pair[0]).unwrap(),
                Version::parse(pair[1]).unwrap(),
            );
            assert_eq!(left.precedence(&right), Ordering::Less, "{pair:?}");
            assert_eq!(right.precedence(&left), Ordering::Greater, "{pair:?}");
        }
    }

    proptest! {
        #[test]
        fn both_orders_of_prereleases_agree_where_the_standard_is_followed(
            left in "[0-9a-c-]{1,3}(\\.[0-9a-c-]{1,3}){0,2}",
            right in "[0-9a-c-]{1,3}(\\.[0-9a-c-]{1,3}){0,2}",
        ) {
            let ours = compare_identifier_lists(&left, &right);
            if let (Some(left), Some(right)) = (standard(&left), standard(&right)) {
                prop_assert_eq!(ours, left.cmp(&right));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = Version::parse(&text);
        }

        #[test]
        fn the_normal_form_reads_back_equal(text in "v?[0-9]{1,3}(\\.[0-9]{1,3}){0,2}(-[a-z][0-9a-z.]{0,3}[a-z])?") {
            if let Ok(version) = Version::parse(&text) {
                let normal = version.to_string();
                let again = Version::parse(&normal).unwrap();
                prop_assert_eq!(version.precedence(&again), Ordering::Equal);
            }
        }
    }
}

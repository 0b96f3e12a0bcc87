//! Versions.

use std::cmp::Ordering;
use std::fmt;

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
        let rest = text.strip_prefix('v').unwrap_or(text);
        let (core, metadata) = split_suffix(rest, '+')?;
        // A `-` may also be part of the metadata, which is cut off first.
        let (core, prerelease) = split_suffix(core, '-')?;
        let mut numbers = [0_u64; 3];
        let mut parts = core.split('.');
        for (index, number) in numbers.iter_mut().enumerate() {
            match parts.next() {
                Some(part) => *number = segment(part)?,
                None if index == 0 => return Err(VersionError::Invalid),
                None => break,
            }
        }
        if parts.next().is_some() {
            return Err(VersionError::Invalid);
        }
        // Numbers are read before the prerelease is looked at, which decides between two errors.
        for number in core.split('.') {
            number
                .parse::<u64>()
                .map_err(|_| VersionError::OutOfRange(number.to_owned()))?;
        }
        check_prerelease(prerelease)?;
        let [major, minor, patch] = numbers;
        Ok(Self {
            major,
            minor,
            patch,
            prerelease,
            metadata,
            original: text,
        })
    }

    /// Reads an image tag as fluxcd/pkg `version.ParseVersion` does: a version with at least two
    /// dots anywhere.
    pub fn parse_tag(text: &'t str) -> Result<Self, VersionError> {
        if text.bytes().filter(|byte| *byte == b'.').count() < 2 {
            return Err(VersionError::Invalid);
        }
        Self::parse(text)
    }

    /// Precedence: numbers, then release before prerelease, then the prerelease's identifiers.
    /// Metadata does not count.
    pub fn precedence(&self, other: &Version<'_>) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_prereleases(self.prerelease, other.prerelease))
    }
}

/// Cuts `-pre` or `+meta` off; the suffix must consist of identifiers.
fn split_suffix(text: &str, sign: char) -> Result<(&str, &str), VersionError> {
    let Some((head, suffix)) = text.split_once(sign) else {
        return Ok((text, ""));
    };
    let identifier = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if suffix.split('.').all(identifier) {
        Ok((head, suffix))
    } else {
        Err(VersionError::Invalid)
    }
}

/// A numeric segment; one that is too long counts as valid here and is refused later.
fn segment(text: &str) -> Result<u64, VersionError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(VersionError::Invalid);
    }
    Ok(text.parse().unwrap_or(u64::MAX))
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

/// Compares prereleases; an empty one is a release and greater than every other.
pub(super) fn compare_prereleases(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
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

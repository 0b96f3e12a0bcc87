//! The grammar of constraints: what is written, not yet what it means.

use std::ops::Range;

/// Operators, the longer ones before those that they begin with.
const OPERATORS: [&str; 11] = [">=", "=>", "<=", "=<", "!=", "~>", "=", ">", "<", "~", "^"];

/// An operator and a version, as they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Atom<'t> {
    /// May be empty.
    pub(super) operator: &'t str,
    pub(super) version: Parts<'t>,
}

/// A version whose numbers may be wildcards. Missing parts are empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts<'t> {
    /// The whole of it.
    pub(super) text: &'t str,
    pub(super) major: &'t str,
    /// With the dot before it.
    pub(super) minor: &'t str,
    /// With the dot before it.
    pub(super) patch: &'t str,
    /// With the dash before it.
    pub(super) prerelease: &'t str,
}

/// `A - B`: where it stands with the blanks around it, and both versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HyphenRange<'t> {
    pub(super) place: Range<usize>,
    pub(super) from: &'t str,
    pub(super) to: &'t str,
}

/// The atoms of a group, between which stand blanks or a comma. `None` when the text is no group.
pub(super) fn atoms(text: &str) -> Option<Vec<Atom<'_>>> {
    let mut reader = Reader { text, at: 0 };
    let mut atoms = Vec::new();
    reader.blanks();
    loop {
        atoms.push(reader.atom()?);
        let blanks = reader.blanks();
        if reader.at == text.len() {
            return Some(atoms);
        }
        if reader.take(|byte| byte == b',') {
            reader.blanks();
        } else if blanks == 0 {
            return None;
        }
    }
}

/// Every `A - B`, from left to right, wherever it stands.
pub(super) fn hyphen_ranges(text: &str) -> Vec<HyphenRange<'_>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let mut reader = Reader { text, at: start };
        match reader.hyphen_range() {
            Some((from, to)) => {
                let place = start..reader.at;
                start = reader.at;
                ranges.push(HyphenRange { place, from, to });
            }
            None => start += 1,
        }
    }
    ranges
}

/// Reads from left to right. No choice is ever taken back: what may follow a part never begins with
/// what the part could have gone on with.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn take(&mut self, belongs: impl Fn(u8) -> bool) -> bool {
        let next = self.text.as_bytes().get(self.at);
        let found = next.is_some_and(|byte| belongs(*byte));
        self.at += usize::from(found);
        found
    }

    /// As many bytes as belong; how many there were.
    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> usize {
        let start = self.at;
        while self.take(&belongs) {}
        self.at - start
    }

    /// Blanks as Go's `\s` has them.
    fn blanks(&mut self) -> usize {
        self.run(|byte| matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' '))
    }

    /// What was read since.
    fn since(&self, start: usize) -> &'t str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn atom(&mut self) -> Option<Atom<'t>> {
        let rest = self.text.get(self.at..)?;
        let operator = OPERATORS
            .iter()
            .find(|operator| rest.starts_with(**operator));
        let start = self.at;
        self.at += operator.map_or(0, |operator| operator.len());
        let operator = self.since(start);
        self.blanks();
        let version = self.version()?;
        Some(Atom { operator, version })
    }

    fn version(&mut self) -> Option<Parts<'t>> {
        let start = self.at;
        self.take(|byte| byte == b'v');
        let major = self.number()?;
        let minor = self.dotted_number();
        let patch = self.dotted_number();
        let prerelease = self.identifiers(b'-');
        self.identifiers(b'+');
        Some(Parts {
            text: self.since(start),
            major,
            minor,
            patch,
            prerelease,
        })
    }

    /// Digits and wildcards; a `|` is swallowed here and refused later.
    fn number(&mut self) -> Option<&'t str> {
        let start = self.at;
        let number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'|' | b'x' | b'X' | b'*');
        (self.run(number) > 0).then(|| self.since(start))
    }

    fn dotted_number(&mut self) -> &'t str {
        let start = self.at;
        if !self.take(|byte| byte == b'.') || self.number().is_none() {
            self.at = start;
        }
        self.since(start)
    }

    /// Identifiers with dots between them, and the sign before them.
    fn identifiers(&mut self, sign: u8) -> &'t str {
        let start = self.at;
        let mut end = start;
        let mut before = sign;
        while self.take(|byte| byte == before)
            && self.run(|byte| byte.is_ascii_alphanumeric() || byte == b'-') > 0
        {
            end = self.at;
            before = b'.';
        }
        self.at = end;
        self.since(start)
    }

    fn hyphen_range(&mut self) -> Option<(&'t str, &'t str)> {
        self.blanks();
        let from = self.version()?;
        let dash = self.blanks() > 0 && self.take(|byte| byte == b'-') && self.blanks() > 0;
        if !dash {
            return None;
        }
        let to = self.version()?;
        self.blanks();
        Some((from.text, to.text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    const BLANK: &str = r"[\t\n\f\r ]";
    const OPERATOR: &str = r"(?:>=|=>|<=|=<|!=|~>|=|>|<|~|\^|)";
    const VERSION: &str = r"v?[0-9|xX*]+(?:\.[0-9|xX*]+)?(?:\.[0-9|xX*]+)?(?:-[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*)?(?:\+[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*)?";

    /// The same grammar as a regular expression: B for blanks, O for an operator, V for a version.
    fn pattern(text: &str) -> Regex {
        Regex::new(
            &text
                .replace('B', BLANK)
                .replace('O', OPERATOR)
                .replace('V', VERSION),
        )
        .unwrap()
    }

    fn constraint() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "1", "0", "12", "x", "*", "|", "||", ".", ".", "-", "+", "a", "rc", "v", ",", " ", " ",
            "\t", " - ", ">=", "<", "!=", "!", "=", "~", "~>", "^", "1.2", "1.2.3", "é",
        ]);
        prop::collection::vec(part, 0..10).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn groups_are_those_of_the_regular_expressions(text in constraint()) {
            let whole = pattern("^(?:B*OB*VB*)(?:(?:B+|,B*)OB*VB*)*$");
            let found = atoms(&text);
            prop_assert_eq!(found.is_some(), whole.is_match(&text));
            let each = pattern("(O)B*(V)");
            for (atom, expected) in found.iter().flatten().zip(each.captures_iter(&text)) {
                prop_assert_eq!(atom.operator, &expected[1]);
                prop_assert_eq!(atom.version.text, &expected[2]);
            }
            let count = found.as_ref().map(Vec::len);
            prop_assert_eq!(count, found.is_some().then(|| each.find_iter(&text).count()));
        }

        #[test]
        fn hyphen_ranges_are_those_of_the_regular_expression(text in constraint()) {
            let ranges = pattern("B*(V)B+-B+(V)B*");
            let expected: Vec<_> = ranges
                .captures_iter(&text)
                .map(|found| {
                    let (whole, [from, to]) = found.extract();
                    let start = whole.as_ptr().addr() - text.as_ptr().addr();
                    (start..start + whole.len(), from.to_owned(), to.to_owned())
                })
                .collect();
            let found: Vec<_> = hyphen_ranges(&text)
                .into_iter()
                .map(|range| (range.place, range.from.to_owned(), range.to.to_owned()))
                .collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn parts_are_the_whole(text in constraint()) {
            for atom in atoms(&text).into_iter().flatten() {
                let Parts { text, major, minor, patch, prerelease } = atom.version;
                let rest = text.strip_prefix('v').unwrap_or(text);
                let parts = format!("{major}{minor}{patch}{prerelease}");
                prop_assert!(rest.starts_with(&parts), "{text}");
                let metadata = &rest[parts.len()..];
                prop_assert!(metadata.is_empty() || metadata.starts_with('+'), "{text}");
            }
        }
    }
}

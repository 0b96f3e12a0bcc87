//! Constraints.

use std::cmp::Ordering;
use std::fmt;

use thiserror::Error;

use super::grammar::{self, Parts};
use super::quote;
use super::version::{Version, compare_prereleases};

/// The longest constraint, in bytes.
const LIMIT: usize = 512;
/// The most groups between `||`.
const GROUPS: usize = 32;

/// Why a text is no constraint; Masterminds' texts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConstraintError {
    /// More than 512 bytes.
    #[error("constraint string is too long (max 512 bytes)")]
    TooLong,
    /// More than 32 groups.
    #[error("too many constraint groups (max 32)")]
    TooManyGroups,
    /// The grammar does not fit; holds the group after rewriting.
    #[error("improper constraint: {}", quote(.0))]
    Improper(String),
    /// A part that is neither a number nor a wildcard.
    #[error("constraint parser error")]
    Parser,
}

/// A constraint: one of its groups must hold, and of that group everything.
#[derive(Clone, Debug)]
pub struct Constraint {
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    atoms: Vec<Atom>,
    /// A prerelease in any atom opens the whole group for prereleases.
    prereleases: bool,
}

/// What wildcards and missing parts leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Patch,
    Minor,
    Major,
}

#[derive(Clone, Debug)]
struct Atom {
    operator: Operator,
    /// As written, for messages.
    operator_text: String,
    version_text: String,
    major: u64,
    minor: u64,
    patch: u64,
    prerelease: String,
    open: Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// Why an atom does not hold: a text with the version before and the atom's version behind it.
#[derive(Clone, Copy, Debug)]
struct Miss(&'static str, &'static str);

impl Constraint {
    /// Reads a constraint as `semver.NewConstraint` does.
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        if text.len() > LIMIT {
            return Err(ConstraintError::TooLong);
        }
        let rewritten = rewrite_hyphens(text);
        let groups: Vec<&str> = rewritten.split("||").collect();
        if groups.len() > GROUPS {
            return Err(ConstraintError::TooManyGroups);
        }
        let groups = groups
            .into_iter()
            .map(parse_group)
            .collect::<Result<_, _>>()?;
        Ok(Self { groups })
    }

    /// Whether a version satisfies the constraint.
    pub fn check(&self, version: &Version<'_>) -> bool {
        self.groups.iter().any(|group| {
            group
                .atoms
                .iter()
                .all(|atom| atom.miss(version, group.prereleases).is_none())
        })
    }

    /// Why a version does not satisfy the constraint, in Masterminds' words; empty when it does.
    pub fn explain(&self, version: &Version<'_>) -> Vec<String> {
        let mut reasons = Vec::new();
        // Collecting cannot fail.
        let _ = self.each_reason(version, &mut |reason| {
            reasons.push(reason.to_string());
            Ok(())
        });
        reasons
    }

    /// Writes the reasons of [`Constraint::explain`] with `; ` between them.
    pub fn write_reasons(&self, version: &Version<'_>, text: &mut dyn fmt::Write) -> fmt::Result {
        let mut first = true;
        self.each_reason(version, &mut |reason| {
            if !std::mem::take(&mut first) {
                text.write_str("; ")?;
            }
            text.write_fmt(reason)
        })
    }

    fn each_reason(
        &self,
        version: &Version<'_>,
        visit: &mut dyn FnMut(fmt::Arguments<'_>) -> fmt::Result,
    ) -> fmt::Result {
        if self.check(version) {
            return Ok(());
        }
        let mut prerelease_told = false;
        for group in &self.groups {
            for atom in &group.atoms {
                let Some(Miss(before, after)) = atom.miss(version, group.prereleases) else {
                    continue;
                };
                // What a version is made of needs no escapes between its quotes.
                if group.prereleases || version.prerelease.is_empty() {
                    let bound = &atom.version_text;
                    visit(format_args!("\"{version}\" {before} \"{bound}\"{after}"))?;
                } else if !prerelease_told {
                    prerelease_told = true;
                    visit(format_args!("\"{version}\" {PRERELEASE}"))?;
                }
            }
        }
        Ok(())
    }
}

const PRERELEASE: &str =
    "is a prerelease version and the constraint is only looking for release versions";

impl fmt::Display for Constraint {
    /// Masterminds' own rendering: atoms without blanks, groups between ` || `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, group) in self.groups.iter().enumerate() {
            if index > 0 {
                f.write_str(" || ")?;
            }
            for (index, atom) in group.atoms.iter().enumerate() {
                if index > 0 {
                    f.write_str(" ")?;
                }
                write!(f, "{}{}", atom.operator_text, atom.version_text)?;
            }
        }
        Ok(())
    }
}

/// `A - B` becomes `>= A, <= B `, as text, wherever it stands.
fn rewrite_hyphens(text: &str) -> String {
    let mut rewritten = text.to_owned();
    for range in grammar::hyphen_ranges(text) {
        let replacement = format!(">= {}, <= {} ", range.from, range.to);
        // The first place where the same text stands, which need not be this one.
        rewritten = rewritten.replacen(&text[range.place], &replacement, 1);
    }
    rewritten
}

fn parse_group(text: &str) -> Result<Group, ConstraintError> {
    let atoms = grammar::atoms(text).ok_or_else(|| ConstraintError::Improper(text.to_owned()))?;
    let atoms: Vec<Atom> = atoms.iter().map(parse_atom).collect::<Result<_, _>>()?;
    let prereleases = atoms.iter().any(|atom| !atom.prerelease.is_empty());
    Ok(Group { atoms, prereleases })
}

fn parse_atom(atom: &grammar::Atom<'_>) -> Result<Atom, ConstraintError> {
    let (open, version) = base_version(&atom.version);
    let parsed = Version::parse(&version).map_err(|_| ConstraintError::Parser)?;
    let operator = match atom.operator {
        "!=" => Operator::NotEqual,
        ">" => Operator::Greater,
        "<" => Operator::Less,
        ">=" | "=>" => Operator::GreaterOrEqual,
        "<=" | "=<" => Operator::LessOrEqual,
        "~" | "~>" => Operator::Tilde,
        "^" => Operator::Caret,
        _ => Operator::Equal,
    };
    Ok(Atom {
        operator,
        operator_text: atom.operator.to_owned(),
        version_text: atom.version.text.to_owned(),
        major: parsed.major,
        minor: parsed.minor,
        patch: parsed.patch,
        prerelease: parsed.prerelease.to_owned(),
        open,
    })
}

/// The least version of an atom, as text, and what it leaves open. Parts behind a wildcard do not
/// count; a prerelease does.
fn base_version(parts: &Parts<'_>) -> (Open, String) {
    let wild = |text: &str| matches!(text.trim_start_matches('.'), "" | "x" | "X" | "*");
    let Parts {
        text,
        major,
        minor,
        patch,
        prerelease,
    } = parts;
    if wild(major) {
        (Open::Major, format!("0.0.0{prerelease}"))
    } else if wild(minor) {
        (Open::Minor, format!("{major}.0.0{prerelease}"))
    } else if wild(patch) {
        (Open::Patch, format!("{major}{minor}.0{prerelease}"))
    } else {
        (Open::Nothing, (*text).to_owned())
    }
}

impl Atom {
    /// Why the version does not satisfy the atom.
    fn miss(&self, version: &Version<'_>, prereleases: bool) -> Option<Miss> {
        if !version.prerelease.is_empty() && !prereleases {
            return Some(Miss(PRERELEASE, ""));
        }
        match self.operator {
            Operator::Equal => self.equal(version),
            Operator::NotEqual => self.not_equal(version),
            Operator::Greater => self.greater(version),
            Operator::Less => {
                (self.order(version).is_ge()).then_some(Miss("is greater than or equal to", ""))
            }
            Operator::GreaterOrEqual => {
                (self.order(version).is_lt()).then_some(Miss("is less than", ""))
            }
            Operator::LessOrEqual => self.less_or_equal(version),
            Operator::Tilde => self.tilde(version),
            Operator::Caret => self.caret(version),
        }
    }

    /// The version's order against the atom's least version.
    fn order(&self, version: &Version<'_>) -> Ordering {
        (version.major, version.minor, version.patch)
            .cmp(&(self.major, self.minor, self.patch))
            .then_with(|| compare_prereleases(version.prerelease, &self.prerelease))
    }

    fn equal(&self, version: &Version<'_>) -> Option<Miss> {
        if self.open == Open::Nothing {
            return self
                .order(version)
                .is_ne()
                .then_some(Miss("is not equal to", ""));
        }
        self.tilde(version)
    }

    fn not_equal(&self, version: &Version<'_>) -> Option<Miss> {
        let equal = Some(Miss("is equal to", ""));
        if self.open != Open::Nothing {
            if self.major != version.major {
                return None;
            }
            if self.minor != version.minor && self.open != Open::Minor {
                return None;
            }
            match self.open {
                Open::Minor => return equal,
                Open::Patch => {
                    let any = !version.prerelease.is_empty() || !self.prerelease.is_empty();
                    let differ = compare_prereleases(version.prerelease, &self.prerelease).is_ne();
                    return if any && differ { None } else { equal };
                }
                Open::Major if self.patch != version.patch => return None,
                Open::Major | Open::Nothing => {}
            }
        }
        if self.order(version).is_eq() {
            equal
        } else {
            None
        }
    }

    fn greater(&self, version: &Version<'_>) -> Option<Miss> {
        let miss = Some(Miss("is less than or equal to", ""));
        if self.open != Open::Nothing {
            match version.major.cmp(&self.major) {
                Ordering::Greater => return None,
                Ordering::Less => return miss,
                Ordering::Equal => {}
            }
            match self.open {
                // 11.1.0 is not greater than 11.
                Open::Minor => return miss,
                Open::Patch => {
                    return if version.minor > self.minor {
                        None
                    } else {
                        miss
                    };
                }
                Open::Major | Open::Nothing => {}
            }
        }
        if self.order(version).is_gt() {
            None
        } else {
            miss
        }
    }

    fn less_or_equal(&self, version: &Version<'_>) -> Option<Miss> {
        let miss = Some(Miss("is greater than", ""));
        if self.open == Open::Nothing {
            return if self.order(version).is_le() {
                None
            } else {
                miss
            };
        }
        if version.major > self.major {
            return miss;
        }
        let beyond = version.major == self.major && version.minor > self.minor;
        if beyond && self.open != Open::Minor {
            miss
        } else {
            None
        }
    }

    fn tilde(&self, version: &Version<'_>) -> Option<Miss> {
        if self.order(version).is_lt() {
            return Some(Miss("is less than", ""));
        }
        let zero = self.major == 0 && self.minor == 0 && self.patch == 0;
        if zero && !matches!(self.open, Open::Minor | Open::Patch) {
            return None;
        }
        if version.major != self.major {
            return Some(Miss("does not have same major version as", ""));
        }
        if version.minor != self.minor && self.open != Open::Minor {
            return Some(Miss("does not have same major and minor version as", ""));
        }
        None
    }

    fn caret(&self, version: &Version<'_>) -> Option<Miss> {
        const MINOR: Miss = Miss(
            "does not have same minor version as",
            ". Expected minor versions to match when constraint major version is 0",
        );
        if self.order(version).is_lt() {
            return Some(Miss("is less than", ""));
        }
        let major = Some(Miss("does not have same major version as", ""));
        if self.major > 0 || self.open == Open::Minor {
            return if version.major == self.major {
                None
            } else {
                major
            };
        }
        if version.major > 0 {
            return major;
        }
        if self.minor > 0 || self.open == Open::Patch {
            return if version.minor == self.minor {
                None
            } else {
                Some(MINOR)
            };
        }
        if version.minor > 0 {
            return Some(Miss("does not have same minor version as", ""));
        }
        if version.patch == self.patch {
            return None;
        }
        Some(Miss(
            "does not equal",
            ". Expect version and constraint to equal when major and minor versions are 0",
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_panics(text in "[ -~]{0,40}") {
            let _ = Constraint::parse(&text);
        }

        #[test]
        fn an_explanation_and_a_check_agree(
            range in "[~^<>=!]{0,2}[0-9x*]{1,2}(\\.[0-9x]){0,2}(-a)?( [<>]=?[0-9]\\.[0-9])?",
            version in "[0-9]\\.[0-9]\\.[0-9](-[ab])?",
        ) {
            if let Ok(constraint) = Constraint::parse(&range) {
                let version = Version::parse(&version).unwrap();
                prop_assert_eq!(constraint.check(&version), constraint.explain(&version).is_empty());
            }
        }
    }
}

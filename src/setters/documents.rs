//! Documents of a file, divided as kyaml divides them.

use std::ops::Range;

/// Why a file is not edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    /// Byte of the file.
    pub(super) at: usize,
    pub(super) kind: UnfitKind,
    pub(super) reason: String,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnfitKind {
    /// The controllers cannot read the file either.
    Unreadable,
    /// The edits cannot be proven to change the marked values only.
    Unproven,
}

impl Unfit {
    /// A file that the controllers cannot read either.
    pub(super) fn unreadable(at: usize, reason: impl Into<String>) -> Self {
        Self {
            at,
            kind: UnfitKind::Unreadable,
            reason: reason.into(),
        }
    }

    /// A file whose edits cannot be proven.
    pub(super) fn unproven(at: usize, reason: impl Into<String>) -> Self {
        Self {
            at,
            kind: UnfitKind::Unproven,
            reason: reason.into(),
        }
    }
}

/// Byte ranges of the documents. A separator is a line that begins with `---` and has a line before
/// it; anything but a comment behind it makes the file unfit.
pub(super) fn documents(text: &str) -> Result<Vec<Range<usize>>, Unfit> {
    let mut documents = Vec::new();
    let mut start = 0;
    let mut search = 0;
    while let Some(found) = text[search..].find("\n---") {
        let line = search + found + 1;
        let Some(length) = text[line..].find('\n') else {
            break;
        };
        let behind = text[line + 3..line + length].trim();
        if !behind.is_empty() && !behind.starts_with('#') {
            let reason = "there is content behind a document separator";
            return Err(Unfit::unreadable(line, reason));
        }
        documents.push(start..line);
        start = line + length + 1;
        // The separator's own line break cannot begin the next separator.
        search = start;
    }
    documents.push(start..text.len());
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        documents(text)
            .unwrap()
            .into_iter()
            .map(|range| &text[range])
            .collect()
    }

    #[test]
    fn separators_divide_and_a_leading_one_does_not() {
        assert_eq!(parts("---\na: 1\n---\nb: 2\n"), ["---\na: 1\n", "b: 2\n"]);
        assert_eq!(parts("a: 1\n--- # c\nb: 2"), ["a: 1\n", "b: 2"]);
        assert_eq!(parts("a: 1\r\n---\r\nb: 2"), ["a: 1\r\n", "b: 2"]);
        assert_eq!(parts("a: 1\n---\n---\nb: 2"), ["a: 1\n", "---\nb: 2"]);
        assert!(documents("a: 1\n--- b\n").is_err());
        assert!(documents("a: 1\n----\nb\n").is_err());
    }
}

//! Unified diffs of planned files.

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use crate::model::{Excerpt, PlannedFile};

/// A unified diff with three lines of context, in git's form (`--- a/path`, `+++ b/path`), byte for
/// byte: bytes that are no text stay as they are. Empty when nothing differs. Control characters in
/// the lines are the caller's to sanitise when the diff goes to a terminal.
pub fn file_diff(file: &PlannedFile, color: bool) -> Vec<u8> {
    let mut paint = Paint {
        text: Vec::new(),
        color,
    };
    if file.excerpts.is_empty() {
        return paint.text;
    }
    let header = Style::new().bold();
    paint.line(header, format!("--- a/{}\n", file.path).as_bytes());
    paint.line(header, format!("+++ b/{}\n", file.path).as_bytes());
    // By how much the new side's line numbers are ahead.
    let mut shift = 0;
    for excerpt in &file.excerpts {
        let after = file.patch.apply_to_part(excerpt.start, &excerpt.text);
        shift += hunk(&mut paint, excerpt, &after.unwrap_or_default(), shift);
    }
    paint.text
}

/// Writes one hunk; returns by how many lines the new side is longer.
fn hunk(paint: &mut Paint, excerpt: &Excerpt, after: &[u8], shift: isize) -> isize {
    let diff = TextDiff::from_lines(&*excerpt.text, after);
    let (old, new) = (diff.old_len(), diff.new_len());
    let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
    let header = format!(
        "@@ -{} +{} @@\n",
        lines(excerpt.line, old),
        lines(excerpt.line.saturating_add_signed(shift), new)
    );
    paint.line(cyan, header.as_bytes());
    for change in diff.iter_all_changes() {
        let (sign, style) = match change.tag() {
            ChangeTag::Equal => (b' ', Style::new()),
            ChangeTag::Delete => (b'-', Style::new().fg_color(Some(AnsiColor::Red.into()))),
            ChangeTag::Insert => (b'+', Style::new().fg_color(Some(AnsiColor::Green.into()))),
        };
        let mut line = vec![sign];
        line.extend_from_slice(change.value());
        if change.missing_newline() {
            line.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
        paint.line(style, &line);
    }
    new.cast_signed() - old.cast_signed()
}

/// First line and count, as a hunk's header has them.
fn lines(first: usize, count: usize) -> String {
    match count {
        0 => format!("{},0", first.saturating_sub(1)),
        1 => first.to_string(),
        count => format!("{first},{count}"),
    }
}

/// Text with or without colour.
struct Paint {
    text: Vec<u8>,
    color: bool,
}

impl Paint {
    fn line(&mut self, style: Style, bytes: &[u8]) {
        if !self.color {
            self.text.extend_from_slice(bytes);
            return;
        }
        let (line, end) = match bytes.strip_suffix(b"\n") {
            Some(line) => (line, &b"\n"[..]),
            None => (bytes, &b""[..]),
        };
        self.text
            .extend_from_slice(style.render().to_string().as_bytes());
        self.text.extend_from_slice(line);
        self.text
            .extend_from_slice(style.render_reset().to_string().as_bytes());
        self.text.extend_from_slice(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::TreePath;
    use crate::splice::{Patch, Splice};

    /// The diff of replacing one text by another, shown from a line on.
    fn diff(before: &str, (old, new): (&str, &str), from: usize) -> String {
        let splice = Splice {
            start: before.find(old).unwrap(),
            old: old.as_bytes().into(),
            new: new.as_bytes().into(),
        };
        let start = before.split_inclusive('\n').take(from - 1).map(str::len);
        let start = start.sum();
        let file = PlannedFile {
            path: TreePath::clamp("a.yaml"),
            patch: Patch::new(before.as_bytes(), vec![splice]).unwrap(),
            excerpts: vec![Excerpt {
                line: from,
                start,
                text: before.as_bytes()[start..].into(),
            }],
            before: None,
        };
        String::from_utf8(file_diff(&file, false)).unwrap()
    }

    #[test]
    fn a_diff_shows_the_changed_line_with_context() {
        assert_eq!(
            diff("a\nb\nc\n", ("b", "B"), 1),
            "--- a/a.yaml\n+++ b/a.yaml\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
        );
        assert_eq!(
            diff("a\nb\nc\nd\n", ("c\nd", "C"), 3),
            "--- a/a.yaml\n+++ b/a.yaml\n@@ -3,2 +3 @@\n-c\n-d\n+C\n"
        );
    }

    #[test]
    fn line_ends_and_missing_final_newlines_are_kept() {
        let text = diff("a\r\nb", ("b", "c"), 1);
        assert!(
            text.contains(" a\r\n-b\n\\ No newline at end of file\n+c\n\\ No newline"),
            "{text}"
        );
    }
}

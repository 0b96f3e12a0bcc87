//! Unified diffs of files.

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

/// A unified diff with three lines of context, in git's form (`--- a/path`, `+++ b/path`), byte for
/// byte: bytes that are no text stay as they are. Empty when nothing differs. Control characters in
/// the lines are the caller's to sanitise when the diff goes to a terminal.
pub fn unified_diff(path: &str, old: &[u8], new: &[u8], color: bool) -> Vec<u8> {
    let mut text = Vec::new();
    if old == new {
        return text;
    }
    let header = Style::new().bold();
    let mut paint = |style: Style, bytes: &[u8]| {
        if color {
            text.extend_from_slice(style.render().to_string().as_bytes());
            let (line, end) = match bytes.strip_suffix(b"\n") {
                Some(line) => (line, &b"\n"[..]),
                None => (bytes, &b""[..]),
            };
            text.extend_from_slice(line);
            text.extend_from_slice(style.render_reset().to_string().as_bytes());
            text.extend_from_slice(end);
        } else {
            text.extend_from_slice(bytes);
        }
    };
    paint(header, format!("--- a/{path}\n").as_bytes());
    paint(header, format!("+++ b/{path}\n").as_bytes());
    let diff = TextDiff::from_lines(old, new);
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
        paint(cyan, format!("{}\n", hunk.header()).as_bytes());
        for change in hunk.iter_changes() {
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
            paint(style, &line);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_the_changed_line_with_context() {
        let diff = unified_diff("a.yaml", b"a\nb\nc\n", b"a\nB\nc\n", false);
        assert_eq!(
            String::from_utf8(diff).unwrap(),
            "--- a/a.yaml\n+++ b/a.yaml\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
        );
        assert!(unified_diff("a", b"x", b"x", false).is_empty());
    }

    #[test]
    fn line_ends_and_missing_final_newlines_are_kept() {
        let diff = unified_diff("a", b"a\r\nb", b"a\r\nc", false);
        let text = String::from_utf8(diff).unwrap();
        assert!(
            text.contains(" a\r\n-b\n\\ No newline at end of file\n+c\n\\ No newline"),
            "{text}"
        );
    }
}

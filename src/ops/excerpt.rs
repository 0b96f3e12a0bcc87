//! The lines around edits, for diffs: three on each side, as every diff shows them.

use crate::model::Excerpt;
use crate::splice::Splice;

/// Lines shown on each side of a change.
const CONTEXT: usize = 3;

/// The excerpts of a file, in order; edits whose lines meet share one.
pub(super) fn excerpts(content: &[u8], splices: &[Splice]) -> Vec<Excerpt> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for splice in splices {
        let start = lines_up(content, splice.start);
        let end = lines_down(content, splice.end());
        match ranges.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => ranges.push((start, end)),
        }
    }
    let mut line = 1;
    let mut counted = 0;
    ranges
        .into_iter()
        .map(|(start, end)| {
            line += breaks(&content[counted..start]);
            counted = start;
            Excerpt {
                line,
                start,
                text: content[start..end].into(),
            }
        })
        .collect()
}

fn breaks(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Where the line of a byte begins, and the context above it.
fn lines_up(content: &[u8], at: usize) -> usize {
    let mut start = at;
    for lines in 0..=CONTEXT {
        // The break that ends the line above belongs to that line.
        let above = &content[..start.saturating_sub(usize::from(lines > 0))];
        start = above
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
    }
    start
}

/// Where the line of a byte ends, and the context below it.
fn lines_down(content: &[u8], at: usize) -> usize {
    let mut end = at;
    for _ in 0..=CONTEXT {
        let rest = &content[end..];
        end += rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |at| at + 1);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content: &str, edits: &[(usize, usize)]) -> Vec<(usize, String)> {
        let splices: Vec<Splice> = edits
            .iter()
            .map(|(start, end)| Splice {
                start: *start,
                old: content.as_bytes()[*start..*end].into(),
                new: b"new".as_slice().into(),
            })
            .collect();
        excerpts(content.as_bytes(), &splices)
            .into_iter()
            .map(|excerpt| {
                let end = excerpt.start + excerpt.text.len();
                assert_eq!(&*excerpt.text, &content.as_bytes()[excerpt.start..end]);
                (excerpt.line, content[excerpt.start..end].to_owned())
            })
            .collect()
    }

    #[test]
    fn an_edit_is_shown_with_three_lines_on_each_side() {
        let content = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        assert_eq!(
            shown(content, &[(8, 9)]),
            [(2, "2\n3\n4\n5\n6\n7\n8\n".to_owned())]
        );
        assert_eq!(shown(content, &[(0, 1)]), [(1, "1\n2\n3\n4\n".to_owned())]);
        assert_eq!(
            shown(content, &[(16, 17)]),
            [(6, "6\n7\n8\n9\n".to_owned())]
        );
        assert_eq!(shown("a\nb", &[(2, 3)]), [(1, "a\nb".to_owned())]);
    }

    #[test]
    fn edits_share_an_excerpt_when_their_lines_meet() {
        let lines: Vec<String> = (10..30).map(|line| format!("{line}\n")).collect();
        let lines = lines.concat();
        let at = |line: usize| ((line - 10) * 3, (line - 10) * 3 + 2);
        assert_eq!(shown(&lines, &[at(12), at(19)]).len(), 1);
        let apart = shown(&lines, &[at(12), at(20)]);
        assert_eq!(apart.len(), 2);
        assert_eq!(apart[1].0, 8);
        assert!(apart[1].1.starts_with("17\n"));
    }
}

//! Tabs that the controllers' parser refuses, and YAML 1.2 allows.
//!
//! Where a key might begin, go-yaml takes blanks only: at the start of a line, and behind a dash or
//! a question mark. Behind a plain scalar, which may go on there, it refuses tabs up to the
//! indentation only. Inside `{}` and `[]` every tab is a blank.

use std::ops::Range;

/// The node before a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// A plain scalar; the column from which its next line may begin.
    Plain {
        continues_at: usize,
    },
    Other,
}

/// The first refused tab in what lies between two nodes in block context.
pub(super) fn refused(text: &str, gap: Range<usize>, before: Before) -> Option<usize> {
    let tabs = text[gap.clone()].match_indices('\t');
    let mut tabs = tabs.map(|(at, _)| gap.start + at);
    tabs.find(|at| {
        let line = text[..*at].rfind('\n').map_or(0, |at| at + 1);
        let indentation = text[line..*at].trim_start_matches('\u{feff}');
        if !may_begin_a_key(indentation) {
            return false;
        }
        match before {
            Before::Plain { continues_at } if line > gap.start => {
                let goes_on = text[gap.start..*at].trim().is_empty();
                let blanks = indentation.len() - indentation.trim_start_matches(' ').len();
                !goes_on || blanks < continues_at
            }
            // Behind the scalar, on its own line.
            Before::Plain { .. } => false,
            Before::Other => true,
        }
    })
}

/// Whether nothing but blanks and indicators of block collections stand before, on a line.
fn may_begin_a_key(before: &str) -> bool {
    let first = before.trim_start_matches([' ', '\t']);
    !first.starts_with("---")
        && first
            .strip_prefix(':')
            .unwrap_or(first)
            .chars()
            .all(|c| matches!(c, ' ' | '\t' | '-' | '?'))
}

#[cfg(test)]
mod tests {
    use crate::setters::nodes::assert_read;

    #[test]
    fn tabs_are_refused_where_go_yaml_refuses_them() {
        for text in [
            "a: 1 # c\n\t\nb: 2\n",
            "a: 1 # c\n  \t# c\nb: 2\n",
            "a: 1 # c\n\t",
            "\t\na: 1\n",
            "a: x\n\t\nb: 2\n",
            "a:\n  - x\n  \t# c\n  - v\n",
            "a: \"x\"\n\t\nb: c\n",
            "a:\n\t\n  b: c\n",
            "a: # c\n\t# c\n  b: c\n",
            "a: |\n  x\n\t\nb: c\n",
            "a:\n-\tx\n",
            "a:\n- \tx: y\n",
            "a:\n -\t\n   x\n",
            "?\ta\n: b\n",
            "? a\n:\tb\n",
        ] {
            assert_read(text, false);
        }
        for text in [
            "a:\tb\n",
            "a: b\t# c\n",
            "a:\t\n  b\n",
            "a: x\n \t\nb: 2\n",
            "a: \"x\"\t\nb: c\n",
            "a: [1,\n  2,\n\t\n 3]\nb: 2\n",
            "a: &x\tv\n",
            "a: |\n  \tx\n",
            "--- \t# c\na: c\n",
        ] {
            assert_read(text, true);
        }
    }
}

//! A list of tags with a verdict for each.

use super::{Failure, Note};
use crate::key::NamespacedName;
use crate::policy::{Exclusion, Policy, Row, Selection, Verdict};

/// A list of tags, and what one policy makes of it.
#[derive(Debug, Default)]
pub struct TagReport<'t> {
    /// The policy; none for a repository or an image.
    pub policy: Option<NamespacedName>,
    /// Image or repository the tags belong to, for people.
    pub image: String,
    /// Which credentials were used; none for a list from a file.
    pub credentials: Option<String>,
    /// The policy's rules.
    pub rules: Option<Policy>,
    /// The choice among [`TagReport::kept`].
    pub selection: Option<Selection>,
    /// Why nothing is selected.
    pub failure: Option<Failure>,
    /// The exclusion list in effect.
    pub exclusion: Option<Exclusion>,
    /// Tags that are not excluded, in the order they came in.
    pub kept: Vec<&'t str>,
    /// The others, each with the place of its pattern in the exclusion list.
    pub excluded: Vec<(&'t str, usize)>,
    /// Doubts.
    pub notes: Vec<Note>,
}

impl TagReport<'_> {
    /// The chosen tag.
    pub fn selected(&self) -> Option<&str> {
        self.selection.as_ref().and_then(Selection::tag)
    }

    /// Hands over every tag: the candidates from the best one on, the other tags in descending byte
    /// order, then the excluded ones.
    pub fn each_row(&self, visit: &mut dyn FnMut(Row<'_>)) {
        let row = |tag, verdict| Row {
            tag,
            item: tag,
            verdict,
        };
        match (&self.rules, &self.selection) {
            (Some(rules), Some(selection)) => selection
                .explain(rules, &self.kept)
                .rows()
                .for_each(&mut *visit),
            _ => {
                let judged = self.failure.is_none();
                let mut tags = self.kept.clone();
                tags.sort_unstable_by(|left, right| right.cmp(left));
                for tag in tags {
                    let verdict = if judged {
                        Verdict::Listed
                    } else {
                        Verdict::NotJudged
                    };
                    visit(row(tag, verdict));
                }
            }
        }
        let patterns = self.exclusion.as_ref().map_or(&[][..], Exclusion::patterns);
        for (tag, at) in &self.excluded {
            let pattern = patterns.get(*at).map_or("", String::as_str);
            visit(row(tag, Verdict::Excluded(pattern)));
        }
    }

    /// The row of the chosen tag alone, which costs nothing.
    pub fn selected_row(&self) -> Option<Row<'_>> {
        let rules = self.rules.as_ref()?;
        let tag = self.selected()?;
        Some(Row {
            tag,
            item: tag,
            verdict: Verdict::Selected(rules.best()),
        })
    }
}

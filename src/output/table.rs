//! Tables in kubectl's layout: upper-case headers, three blanks between columns, no borders, no
//! trailing blanks, no wrapping.
//!
//! A table of ten thousand rows is held as one text and laid out a block of rows at a time, since a
//! laid-out cell costs many times its text.

use comfy_table::{ColumnConstraint, ContentArrangement, Width, presets};
use unicode_width::UnicodeWidthStr as _;

use super::sanitize_cell;

/// Blanks between two columns.
const GAP: u16 = 3;
/// kubectl's table writer never makes a column narrower than six characters, gap included.
const LEAST_WIDTH: usize = 3;
/// The widest column that can be laid out, without its gap.
const WIDEST: usize = (u16::MAX - GAP) as usize;
/// Rows that are laid out at once.
const BLOCK: usize = 256;

/// Rows of text under headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    headers: Vec<String>,
    /// The cells' texts, one behind the other.
    text: String,
    /// Where each cell ends, row by row.
    ends: Vec<usize>,
    widths: Vec<usize>,
}

impl Table {
    /// A table with these headers, which are printed as they are.
    pub fn new<H: Into<String>>(headers: impl IntoIterator<Item = H>) -> Self {
        let headers: Vec<String> = headers.into_iter().map(Into::into).collect();
        Self {
            headers,
            ..Self::default()
        }
    }

    /// Adds a row; cells are sanitised here.
    pub fn row<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let mut column = 0;
        for cell in cells {
            let cell = sanitize_cell(cell.as_ref());
            self.widen(column, cell.width());
            self.text.push_str(&cell);
            self.ends.push(self.text.len());
            column += 1;
        }
        // A row is as long as the first one, or as the headers.
        for _ in column..self.columns() {
            self.ends.push(self.text.len());
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text, with a line break behind each line; nothing at all without rows.
    pub fn render(&self, headers: bool) -> String {
        let mut all = String::new();
        self.render_to(headers, &mut |block| all.push_str(block));
        all
    }

    /// Hands over the text of [`Table::render`] in pieces of whole lines.
    pub fn render_to(&self, headers: bool, sink: &mut dyn FnMut(&str)) {
        if self.is_empty() {
            return;
        }
        let mut layout = self.clone_layout();
        if headers {
            for (column, header) in self.headers.iter().enumerate() {
                layout.widen(column, header.width());
            }
            sink(&layout.lines(&[self.headers.iter().map(String::as_str).collect()]));
        }
        let columns = self.columns().max(1);
        let mut start = 0;
        let mut block: Vec<Vec<&str>> = Vec::with_capacity(BLOCK);
        for row in self.ends.chunks(columns) {
            let mut cells = Vec::with_capacity(columns);
            for end in row {
                cells.push(&self.text[start..*end]);
                start = *end;
            }
            block.push(cells);
            if block.len() == BLOCK {
                sink(&layout.lines(&block));
                block.clear();
            }
        }
        if !block.is_empty() {
            sink(&layout.lines(&block));
        }
    }

    /// Forgets the rows and keeps the columns' widths, headers included, so that rows that come
    /// later stand below the ones that were printed.
    #[must_use]
    pub fn continued(&self) -> Self {
        let mut table = self.clone_layout();
        for (column, header) in self.headers.iter().enumerate() {
            table.widen(column, header.width());
        }
        table.headers.clone_from(&self.headers);
        table
    }

    fn clone_layout(&self) -> Self {
        Self {
            widths: self.widths.clone(),
            ..Self::default()
        }
    }

    fn columns(&self) -> usize {
        self.headers.len().max(self.widths.len())
    }

    fn widen(&mut self, column: usize, width: usize) {
        if self.widths.len() <= column {
            self.widths.resize(column + 1, LEAST_WIDTH);
        }
        self.widths[column] = self.widths[column].max(width);
    }

    /// Rows in columns of the known widths. Beside a column that is too wide to lay out nobody could
    /// see columns anyway.
    fn lines(&self, rows: &[Vec<&str>]) -> String {
        if self.widths.iter().any(|width| *width > WIDEST) {
            let gap = " ".repeat(usize::from(GAP));
            let lines = rows.iter().map(|row| row.join(&gap));
            return lines.map(|line| format!("{}\n", line.trim_end())).collect();
        }
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        for row in rows {
            table.add_row(row);
        }
        for (column, width) in table.column_iter_mut().zip(&self.widths) {
            column.set_padding((0, GAP));
            let width = u16::try_from(*width)
                .unwrap_or(u16::MAX - GAP)
                .saturating_add(GAP);
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
        let mut text = table.trim_fmt();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_looks_like_kubectls() {
        let mut table = Table::new(["NAME", "IMAGE", "READY"]);
        table.row(["podinfo", "ghcr.io/stefanprodan/podinfo", "True"]);
        table.row(["x", "", "False"]);
        assert_eq!(
            table.render(true),
            "NAME      IMAGE                          READY\n\
             podinfo   ghcr.io/stefanprodan/podinfo   True\n\
             x                                        False\n"
        );
        assert_eq!(table.render(false).lines().count(), 2);
    }

    #[test]
    fn wide_characters_count_two_columns_and_escapes_are_shown() {
        let mut table = Table::new(["NAME", "B"]);
        table.row(["日本日本", "x"]);
        table.row(["abcdefgh", "\u{1b}[0m"]);
        assert_eq!(
            table.render(true),
            "NAME       B\n日本日本   x\nabcdefgh   ^[[0m\n"
        );
    }

    #[test]
    fn a_column_may_be_of_any_width() {
        for width in [WIDEST - 1, WIDEST, WIDEST + 1, 2 * WIDEST] {
            let long = "x".repeat(width);
            let mut table = Table::new(["NAME", "B", "C"]);
            table.row([&long, "b", &long]);
            table.row([&long, "b", ""]);
            let text = table.render(false);
            assert_eq!(text.split_whitespace().count(), 5, "{width}");
            assert!(text.starts_with(&format!("{long}   b")), "{width}");
            assert!(text.ends_with("b\n"), "{width}");
        }
    }

    #[test]
    fn no_rows_print_nothing() {
        assert_eq!(Table::new(["NAME"]).render(true), "");
    }

    #[test]
    fn columns_are_as_wide_in_every_block() {
        let mut table = Table::new(["NAME", "B"]);
        for number in 0..=BLOCK {
            table.row([format!("{number}").as_str(), "x"]);
        }
        table.row(["the-longest-name-of-all", "x"]);
        let text = table.render(true);
        let columns: Vec<_> = text.lines().map(|line| line.rfind(['x', 'B'])).collect();
        assert_eq!(columns.len(), BLOCK + 3);
        assert!(columns.iter().all(|column| *column == columns[0]));
    }

    #[test]
    fn later_rows_stand_below_the_earlier_ones() {
        let mut table = Table::new(["NAME", "B"]);
        table.row(["a-long-name", "x"]);
        let mut later = table.continued();
        later.row(["b", "y"]);
        assert_eq!(later.render(false), "b             y\n");
        assert!(later.continued().is_empty());
    }
}

//! Tables in kubectl's layout: upper-case headers, three blanks between columns, no borders, no
//! trailing blanks, no wrapping.

use comfy_table::{ColumnConstraint, ContentArrangement, Width, presets};

use super::sanitize_cell;

/// Rows of text under headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headers, which are printed as they are.
    pub fn new<H: Into<String>>(headers: impl IntoIterator<Item = H>) -> Self {
        Self {
            headers: headers.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells are sanitised here.
    pub fn row<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(
            cells
                .into_iter()
                .map(|c| sanitize_cell(c.as_ref()).into_owned())
                .collect(),
        );
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, with a line break behind each line; nothing at all without rows.
    pub fn render(&self, headers: bool) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        if headers {
            table.set_header(self.headers.iter());
        }
        for row in &self.rows {
            table.add_row(row.iter());
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 3));
            // kubectl's table writer never makes a column narrower than six characters, padding included.
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(6)));
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
    fn no_rows_print_nothing() {
        assert_eq!(Table::new(["NAME"]).render(true), "");
    }
}

//! A table with aligned columns, as text. The summary and the status page are made of these.

use crate::view::look::{Look, Tone};
use crate::view::units::printable;

/// Which edge of a column its texts keep to: numbers right, words left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Left,
    Right,
}

/// One cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self {
            text: printable(text.as_ref()),
            tone,
        }
    }

    fn width(&self) -> usize {
        console::measure_text_width(&self.text)
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// Headed columns and their rows.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    heads: Vec<(Cell, Edge)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(heads: [(&str, Edge); N]) -> Self {
        Self::with_heads(heads)
    }

    pub(crate) fn with_heads<'a>(heads: impl IntoIterator<Item = (&'a str, Edge)>) -> Self {
        let head = |(name, edge)| (Cell::toned(name, Tone::Head), edge);
        Self {
            heads: heads.into_iter().map(head).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; missing cells are empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Adds the table to `text`. A column whose cells are all empty is left out.
    pub(crate) fn write(&self, look: Look, text: &mut String) {
        let columns: Vec<_> = (0..self.heads.len())
            .filter_map(|column| Some((column, self.width(column)?)))
            .collect();
        let heads: Vec<_> = self.heads.iter().map(|(head, _)| head.clone()).collect();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let mut line = String::new();
            for (column, width) in &columns {
                if !line.is_empty() {
                    line.push_str("  ");
                }
                let cell = row.get(*column).cloned().unwrap_or_else(|| "".into());
                let space = " ".repeat(width.saturating_sub(cell.width()));
                let painted = look.paint(cell.tone, &cell.text);
                match self.heads[*column].1 {
                    Edge::Left => line.extend([painted, space]),
                    Edge::Right => line.extend([space, painted]),
                }
            }
            look.line(text, &line);
        }
    }

    /// The width of a column with its head; `None` if all its cells are empty.
    fn width(&self, column: usize) -> Option<usize> {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(Cell::width).max().filter(|width| *width > 0)?;
        Some(widest.max(self.heads[column].0.width()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_are_left_out() {
        let heads = [
            ("name", Edge::Left),
            ("place", Edge::Left),
            ("n", Edge::Right),
        ];
        let mut table = Table::new(heads);
        table.row(["λ", "", "1"].map(Cell::from));
        table.row(["longer", "", "1,000"].map(Cell::from));
        table.row(["short"].map(Cell::from));
        let mut text = String::new();
        table.write(Look::default(), &mut text);
        assert_eq!(text, "name        n\nλ           1\nlonger  1,000\nshort\n");
    }
}

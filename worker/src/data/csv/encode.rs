//! From the columns of a table to rows of features.
//!
//! Values that are 0 are absent, as in every format: for any model an absent feature is a 0. So
//! columns of numbers cost eight bytes for each value that is not 0, columns of categories four (eight
//! beside numbers).

use super::{
    table::{Column, Table},
    words::{Dictionary, MISSING},
};
use crate::data::{ColumnEncoding, ColumnKind, in_memory::Columns};

/// Turns tables into rows.
#[derive(Debug)]
pub(super) struct Encoder<'a> {
    cells: Vec<Cell<'a>>,
}

/// What one column becomes.
#[derive(Debug)]
enum Cell<'a> {
    Number {
        feature: u32,
        missing: f64,
        shift: f64,
        factor: f64,
    },
    Words {
        names: &'a [Option<String>],
        /// The feature of each word, by its id.
        features: Vec<u32>,
        missing: u32,
        /// The feature of what training never saw.
        unseen: u32,
    },
    Hashed {
        first: u32,
    },
}

/// What the encoding had no category for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unseen {
    pub(super) values: u64,
    pub(super) rows: u64,
}

impl Unseen {
    pub(super) fn add(&mut self, other: Self) {
        self.values += other.values;
        self.rows += other.rows;
    }
}

impl<'a> Encoder<'a> {
    /// For tables whose first columns are these.
    pub(super) fn new(columns: &'a [ColumnEncoding]) -> Self {
        let mut end = 0;
        let cell = |column: &'a ColumnEncoding| {
            let first = u32::try_from(end).expect("the number of features was judged");
            end += column.kind.features();
            match &column.kind {
                ColumnKind::Number {
                    missing,
                    shift,
                    factor,
                } => Cell::Number {
                    feature: first,
                    missing: *missing,
                    shift: *shift,
                    factor: *factor,
                },
                ColumnKind::Index(names) => Cell::Words {
                    names,
                    features: Vec::new(),
                    missing: feature_of(names, first, &None),
                    unseen: first,
                },
                ColumnKind::Hash { .. } => Cell::Hashed { first },
            }
        };
        Self {
            cells: columns.iter().map(cell).collect(),
        }
    }

    /// Learns the words that came since the last time.
    pub(super) fn learn(&mut self, words: &[Dictionary]) {
        for (cell, words) in self.cells.iter_mut().zip(words) {
            if let Cell::Words {
                names,
                features,
                unseen,
                ..
            } = cell
            {
                let new = words.names[features.len()..].iter();
                features.extend(new.map(|name| feature_of(names, *unseen, &Some(name.clone()))));
            }
        }
    }

    /// Makes the rows of a table; `labels` has one label per row.
    pub(super) fn encode(&self, table: &Table, labels: &[f32]) -> (Columns, Unseen) {
        let (mut rows, mut unseen) = (Columns::new(), Unseen::default());
        rows.reserve(labels.len(), labels.len() * self.cells.len());
        let mut nonzeros = Nonzeros::default();
        for (row, label) in labels.iter().enumerate() {
            let before = unseen.values;
            nonzeros.features.clear();
            nonzeros.values.clear();
            for (cell, column) in self.cells.iter().zip(&table.columns) {
                cell.push(column, row, &mut nonzeros, &mut unseen.values);
            }
            rows.push_all(&nonzeros.features, &nonzeros.values);
            unseen.rows += u64::from(before < unseen.values);
            rows.close(*label);
        }
        (rows, unseen)
    }
}

/// Those of one row.
#[derive(Debug, Default)]
struct Nonzeros {
    features: Vec<u32>,
    values: Vec<f32>,
}

impl Nonzeros {
    #[inline]
    fn push(&mut self, feature: u32, value: f32) {
        self.features.push(feature);
        self.values.push(value);
    }
}

/// The feature of a category in a column whose first feature is `first`.
fn feature_of(names: &[Option<String>], first: u32, name: &Option<String>) -> u32 {
    let place = names.binary_search(name).map_or(0, |place| place + 1);
    first + u32::try_from(place).expect("the number of features was judged")
}

impl Cell<'_> {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "rows are f32")]
    fn push(&self, column: &Column, row: usize, rows: &mut Nonzeros, unseen: &mut u64) {
        match (self, column) {
            (
                Self::Number {
                    feature,
                    missing,
                    shift,
                    factor,
                },
                Column::Numbers(values),
            ) => {
                let value = match values[row] {
                    value if value.is_nan() => *missing,
                    value => f64::from(value),
                };
                let scaled = ((value - shift) * factor) as f32;
                if 0.0 < scaled.abs() {
                    rows.push(*feature, scaled.clamp(f32::MIN, f32::MAX));
                }
            }
            (
                Self::Words {
                    features,
                    missing,
                    unseen: none,
                    ..
                },
                column,
            ) => {
                let feature = match column {
                    Column::Words(ids, _) if ids[row] != MISSING => features[ids[row] as usize],
                    // Numbers in a column of words are missing values before the first word.
                    _ => *missing,
                };
                *unseen += u64::from(feature == *none);
                rows.push(feature, 1.0);
            }
            (Self::Hashed { first }, Column::Hashed(ids)) => rows.push(first + ids[row], 1.0),
            (cell, column) => unreachable!("{cell:?} was read as {column:?}"),
        }
    }
}

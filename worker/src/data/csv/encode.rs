//! From the columns of a table to rows of features.
//!
//! Values that are 0 are absent, as in every format: for any model an absent feature is a 0. So
//! columns of numbers cost eight bytes for each value that is not 0, columns of categories four (eight
//! beside numbers).

use super::table::{Column, MISSING, Table};
use crate::data::{ColumnEncoding, ColumnKind, in_memory::Columns};

/// One column on its way into rows.
#[derive(Debug)]
enum Cell<'a> {
    Number {
        values: &'a [f32],
        feature: u32,
        missing: f64,
        shift: f64,
        factor: f64,
    },
    Words {
        ids: &'a [u32],
        /// The feature of each word, by its id.
        features: Vec<u32>,
        missing: u32,
        /// The feature of what training never saw.
        unseen: u32,
    },
    Hashed {
        ids: &'a [u32],
        first: u32,
    },
}

/// What the encoding had no category for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unseen {
    pub(super) values: u64,
    pub(super) rows: u64,
}

/// Makes the rows of a table whose first columns are these; `labels` has one label per row.
pub(super) fn encode(
    table: &Table,
    columns: &[ColumnEncoding],
    labels: &[f32],
) -> (Columns, Unseen) {
    let mut end = 0;
    let cells: Vec<Cell<'_>> = columns
        .iter()
        .zip(&table.columns)
        .map(|(encoding, column)| {
            let first = u32::try_from(end).expect("the number of features was judged");
            end += encoding.kind.features();
            cell(&encoding.kind, column, first)
        })
        .collect();
    let (mut rows, mut unseen) = (Columns::new(), Unseen::default());
    for (row, label) in labels.iter().enumerate() {
        let before = unseen.values;
        for cell in &cells {
            cell.push(row, &mut rows, &mut unseen.values);
        }
        unseen.rows += u64::from(before < unseen.values);
        rows.close(*label);
    }
    (rows, unseen)
}

fn cell<'a>(kind: &ColumnKind, column: &'a Column, first: u32) -> Cell<'a> {
    match (kind, column) {
        (
            ColumnKind::Number {
                missing,
                shift,
                factor,
            },
            Column::Numbers(values),
        ) => Cell::Number {
            values,
            feature: first,
            missing: *missing,
            shift: *shift,
            factor: *factor,
        },
        (ColumnKind::Index(names), Column::Words(words)) => {
            let feature = |name: &Option<String>| {
                let place = names.binary_search(name).map_or(0, |place| place + 1);
                first + u32::try_from(place).expect("the number of features was judged")
            };
            let features = words.names.iter().map(|name| feature(&Some(name.clone())));
            Cell::Words {
                ids: &words.ids,
                features: features.collect(),
                missing: feature(&None),
                unseen: first,
            }
        }
        (ColumnKind::Hash { .. }, Column::Hashed(ids)) => Cell::Hashed { ids, first },
        (kind, column) => unreachable!("{kind:?} was read as {column:?}"),
    }
}

impl Cell<'_> {
    #[expect(clippy::cast_possible_truncation, reason = "rows are f32")]
    fn push(&self, row: usize, rows: &mut Columns, unseen: &mut u64) {
        match self {
            Self::Number {
                values,
                feature,
                missing,
                shift,
                factor,
            } => {
                let value = match values[row] {
                    value if value.is_nan() => *missing,
                    value => f64::from(value),
                };
                let scaled = ((value - shift) * factor) as f32;
                if 0.0 < scaled.abs() {
                    rows.push(*feature, scaled.clamp(f32::MIN, f32::MAX));
                }
            }
            Self::Words {
                ids,
                features,
                missing,
                unseen: none,
            } => {
                let feature = match ids[row] {
                    MISSING => *missing,
                    id => features[id as usize],
                };
                *unseen += u64::from(feature == *none);
                rows.push(feature, 1.0);
            }
            Self::Hashed { ids, first } => rows.push(first + ids[row], 1.0),
        }
    }
}

//! From columns of typed values to the tables that text becomes, so that one encoder serves both.
//!
//! Numbers and booleans (0 and 1) are numbers, text is words; a type says so for the whole column, so
//! that nothing turns. Where a column of numbers is to be words, the words are the numbers as they are
//! written: `7`, `0.5`, `true`.

use std::fmt::Write as _;

use super::{
    input::Input,
    keys::Keys,
    table::{Column, Shape, Spec, State, Table, Want, shown, words},
};
use crate::data::{
    DataError, LineProblem, Target,
    encoding::LabelsIn,
    number,
    parquet::{Kind, ParquetFile, RowPiece},
};

/// The values of a column in some rows.
#[derive(Debug)]
pub(in crate::data) struct Cells {
    /// For each row, whether it has a value; `None` if all have.
    pub(in crate::data) present: Option<Vec<bool>>,
    /// The values of those rows that have one.
    pub(in crate::data) values: Values,
}

/// Values of one type.
#[cfg_attr(
    not(feature = "parquet"),
    expect(dead_code, reason = "only a Parquet file has such values")
)]
#[derive(Debug)]
pub(in crate::data) enum Values {
    Booleans(Vec<bool>),
    Integers(Vec<i64>),
    Unsigned(Vec<u64>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    Texts(Texts),
}

/// Texts, one behind the other.
#[derive(Debug, Default)]
pub(in crate::data) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    #[cfg(feature = "parquet")]
    pub(in crate::data) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }
}

impl Values {
    fn is_text(&self) -> bool {
        matches!(self, Self::Texts(_))
    }

    /// The numbers; none for text.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "rows are f32; what is beyond them becomes infinite, and is refused"
    )]
    fn numbers(&self) -> Vec<f32> {
        match self {
            Self::Booleans(values) => values.iter().map(|value| f32::from(*value)).collect(),
            Self::Integers(values) => values.iter().map(|value| *value as f32).collect(),
            Self::Unsigned(values) => values.iter().map(|value| *value as f32).collect(),
            Self::Floats(values) => values.clone(),
            Self::Doubles(values) => values.iter().map(|value| *value as f32).collect(),
            Self::Texts(_) => Vec::new(),
        }
    }

    /// The value as it is written; `None` for one that is no number.
    fn text<'v>(&'v self, index: usize, scratch: &'v mut String) -> Option<&'v [u8]> {
        scratch.clear();
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Texts(texts) => return Some(texts.get(index)),
            Self::Floats(values) if values[index].is_nan() => return None,
            Self::Doubles(values) if values[index].is_nan() => return None,
            Self::Booleans(values) => write!(scratch, "{}", values[index]),
            Self::Integers(values) => write!(scratch, "{}", values[index]),
            Self::Unsigned(values) => write!(scratch, "{}", values[index]),
            Self::Floats(values) => write!(scratch, "{:?}", values[index]),
            Self::Doubles(values) => write!(scratch, "{:?}", values[index]),
        };
        Some(scratch.as_bytes())
    }
}

impl Cells {
    /// A number for each row, NaN where there is none.
    fn numbers(&self) -> Vec<f32> {
        let dense = self.values.numbers();
        let Some(present) = &self.present else {
            return dense;
        };
        let mut dense = dense.into_iter();
        let number = |is_present: &bool| match is_present {
            true => dense.next().unwrap_or(f32::NAN),
            false => f32::NAN,
        };
        present.iter().map(number).collect()
    }

    /// Shows each of so many rows its index among the values, up to the first error and its row.
    fn each<E>(
        &self,
        rows: usize,
        mut see: impl FnMut(usize, Option<usize>) -> Result<(), E>,
    ) -> Result<(), (usize, E)> {
        let mut next = 0;
        for row in 0..rows {
            let is_present = self.present.as_ref().is_none_or(|present| present[row]);
            let index = is_present.then_some(next);
            next += usize::from(is_present);
            see(row, index).map_err(|error| (row, error))?;
        }
        Ok(())
    }
}

/// Says by the types of the first file which columns are words; all files have to agree.
pub(super) fn settle_specs(
    inputs: &[Input],
    keys: &Keys,
    specs: &mut [Spec],
) -> Result<(), DataError> {
    let files: Vec<&ParquetFile> = inputs.iter().filter_map(Input::typed).collect();
    let Some((first, others)) = files.split_first() else {
        return Ok(());
    };
    for spec in specs {
        let kind = first.kind(&spec.name)?;
        for other in others {
            let found = other.kind(&spec.name)?;
            if found != kind {
                return Err(DataError::Typed {
                    path: other.path().to_owned(),
                    problem: format!(
                        "expected {} in the column `{}` as in {}, found {}; write all files with the same \
                         types",
                        kind.words(),
                        spec.name,
                        first.path().display(),
                        found.words()
                    ),
                });
            }
        }
        match (&spec.want, kind) {
            (Want::Auto, Kind::Text) => spec.want = words(keys),
            (Want::AutoTarget, Kind::Text) => spec.want = Want::WordTarget,
            (_, Kind::Text | Kind::Numbers) => {}
        }
    }
    Ok(())
}

/// Reads the rows of a piece, given what those before it have shown.
pub(super) fn read_rows(
    piece: &RowPiece,
    shape: &Shape,
    specs: &[Spec],
    keys: &Keys,
    state: &State,
) -> Result<Table, DataError> {
    let mut table = Table::new(specs, state);
    table.rows = piece.rows();
    for (index, (spec, place)) in specs.iter().zip(&shape.places).enumerate() {
        match place {
            Some(place) => {
                let cells = piece.cells(*place)?;
                push(&mut table, (index, spec), keys, piece, &cells)?;
            }
            None => table.columns[index] = Column::Labels(vec![f32::NAN; piece.rows()]),
        }
    }
    table.show();
    Ok(table)
}

/// Adds all values of a column.
fn push(
    table: &mut Table,
    (index, spec): (usize, &Spec),
    keys: &Keys,
    piece: &RowPiece,
    cells: &Cells,
) -> Result<(), DataError> {
    let refused = |(row, problem)| piece.error(row, &spec.name, problem);
    match &spec.want {
        Want::Auto | Want::Numbers | Want::AutoTarget | Want::Judged => {
            if cells.values.is_text() {
                return Err(not_numbers(piece, spec));
            }
            let mut numbers = numbers(cells, keys).map_err(refused)?;
            if matches!(spec.want, Want::AutoTarget | Want::Judged) {
                for (row, number) in numbers.iter().enumerate() {
                    let pushed = table.push_finite(index, spec, *number, || piece.place(row));
                    pushed.map_err(|problem| refused((row, problem)))?;
                }
            } else if let Column::Numbers(values) = &mut table.columns[index] {
                values.append(&mut numbers);
            }
            Ok(())
        }
        Want::Known(target, needed) if !is_of_words(target) && !cells.values.is_text() => {
            let numbers = numbers(cells, keys).map_err(refused)?;
            let Column::Labels(labels) = &mut table.columns[index] else {
                unreachable!("a known target has labels")
            };
            for (row, number) in numbers.iter().enumerate() {
                let label = label_of(*number, target, (&spec.name, *needed));
                labels.push(label.map_err(|problem| refused((row, problem)))?);
            }
            Ok(())
        }
        Want::Words | Want::WordTarget | Want::Hashed(_) | Want::Known(..) => {
            let mut scratch = String::new();
            let pushed = cells.each(piece.rows(), |_, value| {
                let text = value.and_then(|value| cells.values.text(value, &mut scratch));
                table.push_word(index, spec, keys, text)
            });
            pushed.map_err(refused)
        }
    }
}

fn is_of_words(target: &Target) -> bool {
    matches!(target, Target::Words(_))
}

/// Finite numbers, NaN where one is missing; else the first row that has another, and the problem.
fn numbers(cells: &Cells, keys: &Keys) -> Result<Vec<f32>, (usize, LineProblem)> {
    let mut numbers = cells.numbers();
    if keys.has_missing_number {
        let words = keys.missing.iter();
        let missing: Vec<_> = words
            .filter_map(|word| number::parse(word.as_bytes()))
            .collect();
        for number in &mut numbers {
            if missing
                .iter()
                .any(|missing| missing.total_cmp(number).is_eq())
            {
                *number = f32::NAN;
            }
        }
    }
    if numbers.iter().any(|number| number.is_infinite()) {
        let mut scratch = String::new();
        cells.each(numbers.len(), |row, value| match value {
            Some(value) if numbers[row].is_infinite() => {
                let text = cells.values.text(value, &mut scratch).unwrap_or_default();
                let found = shown(&String::from_utf8_lossy(text));
                Err(LineProblem::NotFinite { found })
            }
            Some(_) | None => Ok(()),
        })?;
    }
    Ok(numbers)
}

/// The label of a number in the form of the task; NaN where there is none and none is needed.
fn label_of(
    number: f32,
    target: &Target,
    (column, needed): (&str, LabelsIn),
) -> Result<f32, LineProblem> {
    if number.is_nan() {
        return match needed {
            LabelsIn::Optional => Ok(f32::NAN),
            LabelsIn::Needed => Err(LineProblem::NoLabel {
                column: column.to_owned(),
            }),
        };
    }
    let any = (needed == LabelsIn::Optional).then_some(f32::NAN);
    let label = target.label_of_number(number).or(any);
    label.ok_or_else(|| LineProblem::LabelRange {
        expected: format!("a label of the training data ({})", target.shown()),
        found: number.to_string(),
        mend: "mend the label",
    })
}

fn not_numbers(piece: &RowPiece, spec: &Spec) -> DataError {
    let name = &spec.name;
    let mend = match spec.want {
        Want::Judged => {
            "list its words as `labels` in [data], and remove `task`, `classes` and `label_positive`"
        }
        _ => "list it in `categorical` or `ignore` in [data], or write numbers",
    };
    DataError::Typed {
        path: piece.path().to_owned(),
        problem: format!("expected numbers in the column `{name}`, found text; {mend}"),
    }
}

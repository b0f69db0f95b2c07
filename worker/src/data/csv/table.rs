//! The columns of a block of rows as they were read, before it is settled what they become.
//!
//! A column whose values are to say what it is holds numbers until a word comes. Where numbers came
//! before, their own spelling is gone: the files are then read once more, with that column as words.

use std::{path::PathBuf, sync::Arc};

use thalweg_common::seed::mix;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    keys::Keys,
    plain::{Plain, are_numbers},
    records::{Record, Records},
    words::{Dictionary, MISSING},
};
use crate::data::{
    DataError, LineProblem, Target, encoding::LabelsIn, labels::Labels, number, source::Block,
};

/// What a column is to be.
#[derive(Clone, Debug)]
pub(super) enum Want {
    /// Numbers, or words as soon as one comes.
    Auto,
    /// Numbers; a word is refused.
    Numbers,
    /// Words.
    Words,
    /// Words of which a hash of so many bits is kept.
    Hashed(u32),
    /// A target whose values are to say what it is.
    AutoTarget,
    /// A target of words.
    WordTarget,
    /// A target of numbers with the meaning of [`State::labels`].
    Judged,
    /// A target that is written so.
    Known(Arc<Target>, LabelsIn),
}

/// A column that is wanted.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) name: String,
    pub(super) want: Want,
}

/// The values of a column, one per row.
#[derive(Debug)]
pub(super) enum Column {
    /// NaN is a missing number.
    Numbers(Vec<f32>),
    /// Words by their number in the dictionary: at first one of the block, then that of all blocks.
    Words(Vec<u32>, Dictionary),
    /// Hashes of words.
    Hashed(Vec<u32>),
    /// Labels of a known target, in the form of the task; NaN where there is none.
    Labels(Vec<f32>),
}

/// What the blocks before one have shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub(super) columns: Vec<Shown>,
    /// Those of a judged target.
    pub(super) labels: Option<Labels>,
}

/// What a column has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Missing values only.
    Nothing,
    /// At least one number, or what the spec says.
    Numbers,
    /// A word, and no number before it.
    Words,
}

/// How a file holds the columns that are wanted.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) path: PathBuf,
    /// Fields of each record.
    pub(super) width: usize,
    /// Which of them each column is; `None` where the file has no such column.
    pub(super) places: Vec<Option<usize>>,
}

/// The rows of a block.
#[derive(Debug)]
pub(super) struct Table {
    /// As many as were wanted, in that order.
    pub(super) columns: Vec<Column>,
    pub(super) rows: usize,
    /// Columns of numbers in which a word came, with the word and its place.
    pub(super) turned: Vec<(usize, String)>,
    /// What is known once these rows are.
    pub(super) state: State,
}

/// What a column of words is to be.
pub(super) fn words(keys: &Keys) -> Want {
    keys.hash_bits.map_or(Want::Words, Want::Hashed)
}

impl State {
    /// Before the first block.
    pub(super) fn new(specs: &[Spec], labels: Option<Labels>) -> Self {
        let shown = |spec: &Spec| match spec.want {
            Want::Auto | Want::AutoTarget => Shown::Nothing,
            Want::Words | Want::WordTarget => Shown::Words,
            Want::Numbers | Want::Hashed(_) | Want::Judged | Want::Known(..) => Shown::Numbers,
        };
        Self {
            columns: specs.iter().map(shown).collect(),
            labels,
        }
    }
}

/// Reads the rows of a block, given what those before it have shown.
pub(super) fn read_block(
    (block, delimiter): (&Block, u8),
    shape: &Shape,
    specs: &[Spec],
    keys: &Keys,
    state: &State,
) -> Result<Table, DataError> {
    let mut table = Table::new(specs, state);
    let mut records = Records::new(&shape.path, block, delimiter);
    let mut plain =
        Plain::of((shape, delimiter), specs, keys).filter(|_| are_numbers(&table.columns));
    loop {
        if let Some(row) = plain.as_mut().and_then(|plain| plain.next(&mut records)) {
            table.push_row(&shape.places, row);
            continue;
        }
        let Some(record) = records.next_record()? else {
            break;
        };
        if record.len() != shape.width {
            return Err(ragged(record, shape.width));
        }
        for (index, (spec, place)) in specs.iter().zip(&shape.places).enumerate() {
            match place {
                Some(place) => table.push(index, spec, keys, (record, *place))?,
                None => table.push_none(index),
            }
        }
        table.rows += 1;
        plain = plain.filter(|_| are_numbers(&table.columns));
    }
    table.show();
    Ok(table)
}

fn ragged(record: Record<'_>, expected: usize) -> DataError {
    let found = record.len();
    record.error(
        expected.min(found - 1),
        LineProblem::Ragged { expected, found },
    )
}

fn empty(spec: &Spec, shown: Shown) -> Column {
    match spec.want {
        Want::Hashed(_) => Column::Hashed(Vec::new()),
        Want::Known(..) => Column::Labels(Vec::new()),
        _ if shown == Shown::Words => Column::Words(Vec::new(), Dictionary::default()),
        _ => Column::Numbers(Vec::new()),
    }
}

impl Table {
    /// No rows, behind those that have shown this.
    pub(super) fn new(specs: &[Spec], state: &State) -> Self {
        let columns = specs.iter().zip(&state.columns);
        Self {
            columns: columns.map(|(spec, shown)| empty(spec, *shown)).collect(),
            rows: 0,
            turned: Vec::new(),
            state: state.clone(),
        }
    }

    /// Notes what the rows have shown, once all are there.
    pub(super) fn show(&mut self) {
        for (shown, column) in self.state.columns.iter_mut().zip(&self.columns) {
            match column {
                Column::Words(..) => *shown = Shown::Words,
                Column::Numbers(values) if values.iter().any(|value| !value.is_nan()) => {
                    *shown = Shown::Numbers;
                }
                Column::Numbers(_) | Column::Hashed(_) | Column::Labels(_) => {}
            }
        }
    }

    fn push_none(&mut self, index: usize) {
        if let Column::Labels(labels) = &mut self.columns[index] {
            labels.push(f32::NAN);
        }
    }

    /// Adds a record of numbers, each column being one of numbers.
    fn push_row(&mut self, places: &[Option<usize>], row: &[f32]) {
        for (column, place) in self.columns.iter_mut().zip(places) {
            if let (Column::Numbers(values), Some(place)) = (column, place) {
                values.push(row[*place]);
            }
        }
        self.rows += 1;
    }

    /// Adds a field to a column.
    #[inline]
    fn push(
        &mut self,
        index: usize,
        spec: &Spec,
        keys: &Keys,
        (record, place): (Record<'_>, usize),
    ) -> Result<(), DataError> {
        if let Column::Numbers(values) = &mut self.columns[index] {
            let is_plain = spec.want.takes_numbers();
            let (text, within) = record.field_within(place);
            match number::parse_short(text, within) {
                Some(number) if is_plain && !keys.has_missing_number => {
                    values.push(number);
                    Ok(())
                }
                _ => self.push_number(index, spec, keys, (record, place)),
            }
        } else {
            let problem = self.push_word(index, spec, keys, Some(record.field(place)));
            problem.map_err(|problem| record.error(place, problem))
        }
    }

    /// Adds a field to a column of numbers, whatever it is.
    fn push_number(
        &mut self,
        index: usize,
        spec: &Spec,
        keys: &Keys,
        (record, place): (Record<'_>, usize),
    ) -> Result<(), DataError> {
        let field = record.field(place);
        let refuse = |problem| Err(record.error(place, problem));
        let Some(number) = number_of(field, keys) else {
            let word = match text(field) {
                Ok(word) => word,
                Err(problem) => return refuse(problem),
            };
            return match spec.want {
                Want::Auto | Want::AutoTarget => {
                    self.turn(index, keys, word, &record.place(place));
                    Ok(())
                }
                Want::Judged => refuse(LineProblem::Label { found: shown(word) }),
                _ => refuse(LineProblem::Number {
                    column: spec.name.clone(),
                    found: shown(word),
                }),
            };
        };
        if number.is_infinite() {
            let found = shown(&String::from_utf8_lossy(field));
            return refuse(LineProblem::NotFinite { found });
        }
        let pushed = self.push_finite(index, spec, number, || record.place(place));
        pushed.map_err(|problem| record.error(place, problem))
    }

    /// Adds a number, NaN for a missing one, to a column of numbers; `place` is where it stands.
    pub(super) fn push_finite(
        &mut self,
        index: usize,
        spec: &Spec,
        number: f32,
        place: impl Fn() -> String,
    ) -> Result<(), LineProblem> {
        if number.is_nan() && matches!(spec.want, Want::Judged | Want::AutoTarget) {
            return Err(missing_label(&spec.name));
        }
        if let (Want::Judged, Some(labels)) = (&spec.want, &mut self.state.labels) {
            labels.accept(number, place)?;
        }
        if let Column::Numbers(values) = &mut self.columns[index] {
            values.push(number);
        }
        Ok(())
    }

    /// Adds a field, `None` for one that is not there, to a column of anything but numbers.
    pub(super) fn push_word(
        &mut self,
        index: usize,
        spec: &Spec,
        keys: &Keys,
        field: Option<&[u8]>,
    ) -> Result<(), LineProblem> {
        let field = field.filter(|field| !is_missing(field, keys));
        match (&mut self.columns[index], &spec.want) {
            (Column::Words(ids, words), want) => ids.push(match field {
                None if matches!(want, Want::AutoTarget | Want::WordTarget) => {
                    return Err(missing_label(&spec.name));
                }
                None => MISSING,
                Some(field) => words.id(field)?,
            }),
            (Column::Hashed(hashes), Want::Hashed(bits)) => {
                hashes.push(hash(field.map(text).transpose()?, *bits));
            }
            (Column::Labels(labels), Want::Known(target, needed)) => {
                labels.push(label_of(field, target, (&spec.name, *needed))?);
            }
            (column, want) => unreachable!("{want:?} is never read as {column:?}"),
        }
        Ok(())
    }

    /// A word has come into a column of numbers.
    fn turn(&mut self, index: usize, keys: &Keys, word: &str, place: &str) {
        let Column::Numbers(values) = &mut self.columns[index] else {
            return;
        };
        let is_blank = self.state.columns[index] == Shown::Nothing
            && values.iter().all(|value| value.is_nan());
        if is_blank && keys.hash_bits.is_none() {
            let mut words = Dictionary::default();
            let mut ids = vec![MISSING; values.len()];
            ids.push(words.id_of_text(word));
            self.columns[index] = Column::Words(ids, words);
            return;
        }
        values.push(f32::NAN);
        if self.turned.iter().all(|(column, _)| *column != index) {
            self.turned
                .push((index, format!("\"{}\" at {place}", shown(word))));
        }
    }
}

fn missing_label(column: &str) -> LineProblem {
    LineProblem::NoLabel {
        column: column.to_owned(),
    }
}

/// The number of a field, NaN for a missing one; `None` for a word.
fn number_of(field: &[u8], keys: &Keys) -> Option<f32> {
    match number::parse(field) {
        Some(_) if keys.has_missing_number && is_missing(field, keys) => Some(f32::NAN),
        Some(number) => Some(number),
        None => is_missing(field, keys).then_some(f32::NAN),
    }
}

fn is_missing(field: &[u8], keys: &Keys) -> bool {
    keys.missing.iter().any(|word| word.as_bytes() == field)
}

/// A field as UTF-8.
pub(super) fn text(field: &[u8]) -> Result<&str, LineProblem> {
    str::from_utf8(field).map_err(|error| LineProblem::NotUtf8 {
        found: field[error.valid_up_to()],
    })
}

/// The label of a field in the form of the task; NaN where there is none and none is needed.
fn label_of(
    field: Option<&[u8]>,
    target: &Target,
    (column, needed): (&str, LabelsIn),
) -> Result<f32, LineProblem> {
    let word = match (field, needed) {
        (Some(field), _) => text(field)?,
        (None, LabelsIn::Optional) => return Ok(f32::NAN),
        (None, LabelsIn::Needed) => return Err(missing_label(column)),
    };
    let label = match target {
        Target::Words(_) => target.label_of_word(word),
        Target::Real | Target::Standard { .. } | Target::Numbers(_) | Target::Positive(_) => {
            number::parse(word.as_bytes())
                .filter(|number| number.is_finite())
                .and_then(|number| target.label_of_number(number))
        }
    };
    // Rows that are to be labelled may have any.
    let label = label.or((needed == LabelsIn::Optional).then_some(f32::NAN));
    label.ok_or_else(|| LineProblem::LabelRange {
        expected: format!("a label of the training data ({})", target.shown()),
        found: shown(word),
        mend: "mend the label",
    })
}

/// Which of 2^`bits` features a category has; a missing one has a seed of its own.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the highest bits of a hash, at most 24"
)]
fn hash(word: Option<&str>, bits: u32) -> u32 {
    let hash = word.map_or_else(|| mix(1), |word| xxh3_64(word.as_bytes()));
    (hash >> (u64::BITS - bits)) as u32
}

/// Longest piece of a file that an error repeats, in characters.
const SHOWN_MAX: usize = 40;

pub(super) fn shown(word: &str) -> String {
    let start: String = word.chars().take(SHOWN_MAX).collect();
    let more = if start.len() < word.len() { "…" } else { "" };
    format!("{}{more}", start.escape_debug())
}

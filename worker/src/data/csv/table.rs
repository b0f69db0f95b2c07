//! The columns of CSV files as they were read, before it is settled what they become.
//!
//! A column whose values are to say what it is holds numbers until a word comes. Where numbers came
//! before, their own spelling is gone: the files are then read once more, with that column as words.

use std::collections::HashMap;

use thalweg_common::seed::mix;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    dialect::{Input, places},
    keys::Keys,
    records::Record,
};
use crate::data::{DataError, LineProblem, Target, encoding::LabelsIn, labels::Labels, number};

/// The id of a missing word.
pub(super) const MISSING: u32 = u32::MAX;

/// What a column is to be.
#[derive(Debug)]
pub(super) enum Want<'a> {
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
    /// A target of numbers with this meaning.
    Judged(&'a mut Labels),
    /// A target that is written so.
    Known(&'a Target, LabelsIn),
}

/// A column that is wanted.
#[derive(Debug)]
pub(super) struct Spec<'a> {
    pub(super) name: String,
    pub(super) want: Want<'a>,
}

/// The values of a column, one per row.
#[derive(Debug)]
pub(super) enum Column {
    /// NaN is a missing number.
    Numbers(Vec<f32>),
    /// Words by their number.
    Words(Words),
    /// Hashes of words.
    Hashed(Vec<u32>),
    /// Labels of a known target, in the form of the task; NaN where there is none.
    Labels(Vec<f32>),
}

/// Words in the order in which they came first.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) ids: Vec<u32>,
    pub(super) names: Vec<String>,
    by_name: HashMap<Box<str>, u32>,
}

impl Words {
    fn push(&mut self, word: Option<&str>) {
        let id = match word {
            None => MISSING,
            Some(word) => match self.by_name.get(word) {
                Some(id) => *id,
                None => {
                    let id = u32::try_from(self.names.len()).expect("fewer than 2^32 categories");
                    self.names.push(word.to_owned());
                    self.by_name.insert(word.into(), id);
                    id
                }
            },
        };
        self.ids.push(id);
    }
}

/// All rows of some files.
#[derive(Debug)]
pub(super) struct Table {
    /// As many as were wanted, in that order.
    pub(super) columns: Vec<Column>,
    pub(super) rows: usize,
    /// Columns of numbers in which a word came, with the word and its place.
    pub(super) turned: Vec<(usize, String)>,
}

/// Reads all rows.
pub(super) fn read_table(
    inputs: &[Input],
    keys: &Keys,
    specs: &mut [Spec<'_>],
) -> Result<Table, DataError> {
    let mut table = read_once(inputs, keys, specs)?;
    if table.turned.is_empty() {
        return Ok(table);
    }
    let turned = std::mem::take(&mut table.turned);
    drop(table);
    for (column, _) in &turned {
        specs[*column].want = match specs[*column].want {
            Want::AutoTarget => Want::WordTarget,
            _ => words(keys),
        };
    }
    let mut table = read_once(inputs, keys, specs)?;
    table.turned = turned;
    Ok(table)
}

/// What a column of words is to be.
pub(super) fn words<'a>(keys: &Keys) -> Want<'a> {
    keys.hash_bits.map_or(Want::Words, Want::Hashed)
}

fn read_once(inputs: &[Input], keys: &Keys, specs: &mut [Spec<'_>]) -> Result<Table, DataError> {
    let mut table = Table {
        columns: specs.iter().map(|spec| empty(&spec.want)).collect(),
        rows: 0,
        turned: Vec::new(),
    };
    for input in inputs {
        let mut opened = input.open(keys)?;
        let names: Vec<_> = specs.iter().map(|spec| spec.name.clone()).collect();
        let is_optional = |spec: &Spec<'_>| matches!(spec.want, Want::Known(_, LabelsIn::Optional));
        let found = specs.iter().zip(names).map(|(spec, name)| {
            match places(std::slice::from_ref(&name), &opened) {
                Ok(place) => Ok(Some(place[0])),
                Err(_) if is_optional(spec) => Ok(None),
                Err(error) => Err(error),
            }
        });
        let found: Vec<Option<usize>> = found.collect::<Result<_, _>>()?;
        let (before, width) = (table.rows, opened.names.len());
        while let Some(record) = opened.records.next_record()? {
            if record.len() != width {
                let found = record.len();
                let at = width.min(found - 1);
                return Err(record.error(
                    at,
                    LineProblem::Ragged {
                        expected: width,
                        found,
                    },
                ));
            }
            for (index, (spec, place)) in specs.iter_mut().zip(&found).enumerate() {
                table.push(index, spec, keys, place.map(|place| (place, record)))?;
            }
            table.rows += 1;
        }
        if table.rows == before {
            return Err(DataError::Empty { path: opened.path });
        }
    }
    Ok(table)
}

fn empty(want: &Want<'_>) -> Column {
    match want {
        Want::Auto | Want::Numbers | Want::AutoTarget | Want::Judged(_) => {
            Column::Numbers(Vec::new())
        }
        Want::Words | Want::WordTarget => Column::Words(Words::default()),
        Want::Hashed(_) => Column::Hashed(Vec::new()),
        Want::Known(..) => Column::Labels(Vec::new()),
    }
}

impl Table {
    /// Adds the field of one column: which of its record it is; `None` where the file has no such column.
    fn push(
        &mut self,
        index: usize,
        spec: &mut Spec<'_>,
        keys: &Keys,
        field: Option<(usize, Record<'_>)>,
    ) -> Result<(), DataError> {
        let Some((place, record)) = field else {
            if let Column::Labels(labels) = &mut self.columns[index] {
                labels.push(f32::NAN);
            }
            return Ok(());
        };
        let field = record.field(place);
        let problem = match (&mut self.columns[index], &mut spec.want) {
            (Column::Numbers(values), want) => {
                let Some(number) = number_of(field, keys) else {
                    let word = text(field).map_err(|problem| record.error(place, problem))?;
                    return match want {
                        Want::Auto | Want::AutoTarget => {
                            self.turn(index, keys, word, &record.place(place));
                            Ok(())
                        }
                        Want::Judged(_) => {
                            Err(record.error(place, LineProblem::Label { found: shown(word) }))
                        }
                        _ => Err(record.error(
                            place,
                            LineProblem::Number {
                                column: spec.name.clone(),
                                found: shown(word),
                            },
                        )),
                    };
                };
                if number.is_infinite() {
                    Err(LineProblem::NotFinite {
                        found: shown(&String::from_utf8_lossy(field)),
                    })
                } else {
                    let judged = match want {
                        Want::Judged(_) | Want::AutoTarget if number.is_nan() => {
                            Err(missing_label(&spec.name))
                        }
                        Want::Judged(labels) => labels.accept(number, || record.place(place)),
                        _ => Ok(()),
                    };
                    values.push(number);
                    judged
                }
            }
            (Column::Words(words), Want::AutoTarget | Want::WordTarget) => {
                match word_of(field, keys) {
                    Ok(None) => Err(missing_label(&spec.name)),
                    Ok(word) => {
                        words.push(word);
                        Ok(())
                    }
                    Err(problem) => Err(problem),
                }
            }
            (Column::Words(words), _) => word_of(field, keys).map(|word| words.push(word)),
            (Column::Hashed(hashes), want) => word_of(field, keys).map(|word| {
                let Want::Hashed(bits) = want else {
                    hashes.push(0);
                    return;
                };
                hashes.push(hash(word, *bits));
            }),
            (Column::Labels(labels), Want::Known(target, needed)) => {
                label_of(field, keys, target, *needed).map(|label| labels.push(label))
            }
            (Column::Labels(_), _) => unreachable!("labels are of a known target"),
        };
        problem.map_err(|problem| record.error(place, problem))
    }

    /// A word has come into a column of numbers.
    fn turn(&mut self, index: usize, keys: &Keys, word: &str, place: &str) {
        let Column::Numbers(values) = &mut self.columns[index] else {
            return;
        };
        if values.iter().all(|value| value.is_nan()) && keys.hash_bits.is_none() {
            let mut words = Words::default();
            values.iter().for_each(|_| words.push(None));
            words.push(Some(word));
            self.columns[index] = Column::Words(words);
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

fn word_of<'f>(field: &'f [u8], keys: &Keys) -> Result<Option<&'f str>, LineProblem> {
    match is_missing(field, keys) {
        true => Ok(None),
        false => text(field).map(Some),
    }
}

fn text(field: &[u8]) -> Result<&str, LineProblem> {
    str::from_utf8(field).map_err(|error| LineProblem::NotUtf8 {
        found: field[error.valid_up_to()],
    })
}

/// The label of a field in the form of the task; NaN where there is none and none is needed.
fn label_of(
    field: &[u8],
    keys: &Keys,
    target: &Target,
    needed: LabelsIn,
) -> Result<f32, LineProblem> {
    let word = match (word_of(field, keys)?, needed) {
        (Some(word), _) => word,
        (None, LabelsIn::Optional) => return Ok(f32::NAN),
        (None, LabelsIn::Needed) => {
            return Err(LineProblem::Label {
                found: String::new(),
            });
        }
    };
    let label = match target {
        Target::Words(_) => target.label_of_word(word),
        Target::Real | Target::Numbers(_) | Target::Positive(_) => number::parse(field)
            .filter(|number| number.is_finite())
            .and_then(|number| target.label_of_number(number)),
    };
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

fn shown(word: &str) -> String {
    let start: String = word.chars().take(SHOWN_MAX).collect();
    let more = if start.len() < word.len() { "…" } else { "" };
    format!("{}{more}", start.escape_debug())
}

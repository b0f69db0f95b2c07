//! What the training rows say: what each column becomes, and what the target means.
//!
//! Rows are seen block by block, in order, so that they need not be in memory: once, and once more for
//! standard deviations.

use std::collections::BTreeSet;

use super::{
    keys::{Keys, Scale},
    reading::Reading,
    table::{Column, Shown, State, Table},
    words::{Dictionary, MISSING},
};
use crate::data::{ColumnKind, DataError, Target, encoding::inverse};

/// More classes than this a job must ask for.
const CLASSES_AUTO_MAX: usize = 1_000;

/// Which rows are trained on; `None` for all.
pub(super) type Mask<'a> = Option<&'a [bool]>;

/// What the rows say of one column. Statistics are those of the rows that do not judge.
#[derive(Debug)]
pub(super) enum Learnt {
    Numbers(Statistics),
    /// For each word, and for a missing one, whether a row has it.
    Words {
        words: Vec<bool>,
        missing: bool,
    },
    Hashed,
}

/// Of a column of numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statistics {
    count: f64,
    sum: f64,
    squares: f64,
    min: f64,
    max: f64,
    /// Missing values, of all rows.
    pub(super) missing: u64,
}

/// Learns from all rows. The last column is the target, of which `target` sees every value.
pub(super) fn learn(
    reading: &Reading<'_>,
    keys: &Keys,
    judges: Mask<'_>,
    mut target: impl FnMut(&Column) -> Result<(), DataError>,
) -> Result<Vec<Learnt>, DataError> {
    let last = reading.found.words.len() - 1;
    let mut learnt: Vec<Learnt> = (0..last)
        .map(|index| empty(&reading.found.state, &reading.found.words, index))
        .collect();
    each(reading, |table, first| {
        for (learnt, column) in learnt.iter_mut().zip(&table.columns) {
            learnt.see(column, first, judges);
        }
        target(&table.columns[last])
    })?;
    if keys.scale == Scale::Standard {
        let means: Vec<f64> = learnt.iter().map(Learnt::mean).collect();
        each(reading, |table, first| {
            for ((learnt, mean), column) in learnt.iter_mut().zip(&means).zip(&table.columns) {
                if let (Learnt::Numbers(numbers), Column::Numbers(values)) = (learnt, column) {
                    numbers.see_squares(*mean, trained(values, first, judges));
                }
            }
            Ok(())
        })?;
    }
    Ok(learnt)
}

/// Shows every block with the number of its first row.
fn each(
    reading: &Reading<'_>,
    mut see: impl FnMut(&Table, usize) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut first = 0;
    reading.each(|table| {
        let start = first;
        first += table.rows;
        see(table, start)
    })
}

fn empty(state: &State, words: &[Dictionary], index: usize) -> Learnt {
    match state.columns[index] {
        Shown::Words => Learnt::Words {
            words: vec![false; words[index].names.len()],
            missing: false,
        },
        Shown::Nothing | Shown::Numbers => Learnt::Numbers(Statistics::new()),
    }
}

impl Learnt {
    fn see(&mut self, column: &Column, first: usize, judges: Mask<'_>) {
        match (self, column) {
            (Self::Words { words, missing }, Column::Words(ids, _)) => {
                for (id, row) in ids.iter().zip(first..) {
                    if !is_trained(judges, row) {
                        continue;
                    }
                    match *id {
                        MISSING => *missing = true,
                        id => words[id as usize] = true,
                    }
                }
            }
            // Missing values before the first word.
            (Self::Words { missing, .. }, Column::Numbers(values)) => {
                *missing |= (first..first + values.len()).any(|row| is_trained(judges, row));
            }
            (Self::Numbers(numbers), Column::Numbers(values)) => {
                numbers.missing += values.iter().filter(|value| value.is_nan()).count() as u64;
                numbers.see(trained(values, first, judges));
            }
            (learnt, Column::Hashed(_)) => *learnt = Self::Hashed,
            (learnt, column) => unreachable!("{learnt:?} was read as {column:?}"),
        }
    }

    fn mean(&self) -> f64 {
        match self {
            Self::Numbers(numbers) => numbers.mean(),
            Self::Words { .. } | Self::Hashed => 0.0,
        }
    }

    /// What the column becomes.
    pub(super) fn kind(&self, names: &[String], keys: &Keys) -> ColumnKind {
        match self {
            Self::Numbers(numbers) => numbers.kind(keys.scale),
            Self::Words { words, missing } => {
                let seen = names.iter().zip(words).filter(|(_, is_seen)| **is_seen);
                let mut names: Vec<_> = seen.map(|(name, _)| Some(name.clone())).collect();
                names.extend(missing.then_some(None));
                names.sort();
                ColumnKind::Index(names)
            }
            Self::Hashed => ColumnKind::Hash {
                bits: keys
                    .hash_bits
                    .expect("hashed columns have a number of bits"),
            },
        }
    }
}

fn is_trained(judges: Mask<'_>, row: usize) -> bool {
    judges.is_none_or(|judges| judges.get(row).is_none_or(|judges| !judges))
}

/// The values that there are in rows that are trained on.
fn trained(values: &[f32], first: usize, judges: Mask<'_>) -> impl Iterator<Item = f64> {
    let rows = values.iter().zip(first..);
    rows.filter(move |(value, row)| !value.is_nan() && is_trained(judges, *row))
        .map(|(value, _)| f64::from(*value))
}

impl Statistics {
    fn new() -> Self {
        Self {
            count: 0.0,
            sum: 0.0,
            squares: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            missing: 0,
        }
    }

    fn see(&mut self, values: impl Iterator<Item = f64>) {
        for value in values {
            self.count += 1.0;
            self.sum += value;
            // One instruction each: `f64::min` also reckons with NaN, which never comes here.
            self.min = if value < self.min { value } else { self.min };
            self.max = if self.max < value { value } else { self.max };
        }
    }

    /// The variance is that of the differences from the mean, which does not cancel.
    fn see_squares(&mut self, mean: f64, values: impl Iterator<Item = f64>) {
        for value in values {
            self.squares += (value - mean).powi(2);
        }
    }

    fn mean(&self) -> f64 {
        if self.count < 1.0 {
            return 0.0;
        }
        self.sum / self.count
    }

    /// Mean, and shift and factor of the scale.
    fn kind(&self, scale: Scale) -> ColumnKind {
        let mean = self.mean();
        let (shift, factor) = match scale {
            _ if self.count < 1.0 => (0.0, 0.0),
            Scale::None => (0.0, 1.0),
            Scale::Standard => (mean, inverse((self.squares / self.count).sqrt())),
            Scale::Minmax => (self.min, inverse(self.max - self.min)),
            Scale::Maxabs => (0.0, inverse(self.min.abs().max(self.max.abs()))),
        };
        ColumnKind::Number {
            missing: mean,
            shift,
            factor,
        }
    }
}

/// The error of a target column in some files whose values can be no target.
pub(super) fn refused(
    dataset: &'static str,
    (name, files): (&str, &str),
    found: &str,
) -> DataError {
    DataError::Target {
        dataset,
        problem: format!(
            "expected two or more different values in the target column `{name}` of {files}, found {found}; \
             name another column with `target` in [data], or rows that differ with `train`"
        ),
    }
}

/// What a target means whose values are to say so, and the sentence that tells it.
pub(super) fn target_of(
    dataset: &'static str,
    column: (&str, &str),
    words: Option<&Dictionary>,
    numbers: &Distinct,
) -> Result<(Target, String), DataError> {
    let target = match words {
        Some(words) => target_of_words(words),
        None => numbers.target(),
    };
    let target = target.map_err(|found| refused(dataset, column, &found))?;
    let (name, names) = (column.0, target.class_names());
    let note = match &names[..] {
        [] => format!("the target `{name}` is read as real numbers"),
        [lower, upper] => format!("of the target `{name}`, {upper} is +1 and {lower} is -1"),
        _ => format!(
            "the target `{name}` is read as {} classes: {}",
            names.len(),
            target.shown()
        ),
    };
    Ok((
        target,
        format!("{note}; `task` or `labels` in [data] says otherwise"),
    ))
}

fn target_of_words(words: &Dictionary) -> Result<Target, String> {
    let mut names = words.names.clone();
    names.sort();
    match names.len() {
        2..=CLASSES_AUTO_MAX => Ok(Target::Words(names)),
        0 | 1 => Err(format!("only \"{}\"", names.join(""))),
        many => Err(format!(
            "{many} different words, more than {CLASSES_AUTO_MAX}"
        )),
    }
}

/// What these numbers mean as a target; `Err` with what was found where they are all alike.
pub(in crate::data) fn target_of_numbers(values: &[f32]) -> Result<Target, String> {
    let mut distinct = Distinct::default();
    distinct.see(values);
    distinct.target()
}

/// The different values of a target, as long as they can be classes.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    /// Values by their bits, of which a set has an order; −0 is 0.
    seen: BTreeSet<u32>,
}

impl Distinct {
    pub(super) fn see(&mut self, values: &[f32]) {
        for value in values {
            if CLASSES_AUTO_MAX < self.seen.len() {
                return;
            }
            self.seen.insert((value + 0.0).to_bits());
        }
    }

    fn target(&self) -> Result<Target, String> {
        if CLASSES_AUTO_MAX < self.seen.len() {
            return Ok(Target::Real);
        }
        let mut distinct: Vec<f32> = self.seen.iter().copied().map(f32::from_bits).collect();
        distinct.sort_by(f32::total_cmp);
        match distinct[..] {
            [] | [_] => Err(format!(
                "only {}",
                distinct.first().copied().unwrap_or_default()
            )),
            [_, _] => Ok(Target::Numbers(distinct)),
            [first, ..]
                if counts_up(&distinct)
                    && (first.to_bits() == 0 || first.to_bits() == 1_f32.to_bits()) =>
            {
                Ok(Target::Numbers(distinct))
            }
            _ => Ok(Target::Real),
        }
    }
}

/// Whether these are whole numbers without gaps.
fn counts_up(values: &[f32]) -> bool {
    let next = |pair: &[f32]| (pair[0] + 1.0).to_bits() == pair[1].to_bits();
    values[0].fract().to_bits() == 0 && values.windows(2).all(next)
}

#[cfg(test)]
mod tests {
    use super::{Scale, Statistics, target_of_numbers};
    use crate::data::{ColumnKind, Target};

    #[test]
    fn scales_are_those_of_scikit_learn_and_constants_become_zero() {
        // StandardScaler().fit([[1], [2], [6]]): mean 3, scale √(14/3); MinMaxScaler: 1 to 6;
        // MaxAbsScaler: 6.
        let of = |values: &[f64], scale| {
            let mut statistics = Statistics::new();
            statistics.see(values.iter().copied());
            statistics.see_squares(statistics.mean(), values.iter().copied());
            match statistics.kind(scale) {
                ColumnKind::Number {
                    missing,
                    shift,
                    factor,
                } => [missing, shift, factor],
                other => panic!("{other:?}"),
            }
        };
        let close = |found: [f64; 3], expected: [f64; 3]| {
            found
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-12)
        };
        let values = [1.0, 2.0, 6.0];
        assert!(close(
            of(&values, Scale::Standard),
            [3.0, 3.0, (14.0_f64 / 3.0).sqrt().recip()]
        ));
        assert!(close(of(&values, Scale::Minmax), [3.0, 1.0, 0.2]));
        assert!(close(of(&values, Scale::None), [3.0, 0.0, 1.0]));
        assert!(close(
            of(&values, Scale::Maxabs),
            [3.0, 0.0, 6.0_f64.recip()]
        ));
        assert!(close(of(&[-8.0, 4.0], Scale::Maxabs), [-2.0, 0.0, 0.125]));
        assert!(close(of(&[0.0], Scale::Maxabs), [0.0, 0.0, 0.0]));
        assert!(close(of(&[5.0, 5.0], Scale::Standard), [5.0, 5.0, 0.0]));
        assert!(close(of(&[], Scale::Minmax), [0.0, 0.0, 0.0]));
    }

    #[test]
    fn the_values_of_a_target_say_what_it_is() {
        let numbers = |values: &[f32]| Ok(Target::Numbers(values.to_vec()));
        assert_eq!(target_of_numbers(&[7.0, 3.5, 7.0]), numbers(&[3.5, 7.0]));
        assert_eq!(
            target_of_numbers(&[3.0, 1.0, 2.0]),
            numbers(&[1.0, 2.0, 3.0])
        );
        assert_eq!(
            target_of_numbers(&[0.0, -0.0, 2.0, 1.0]),
            numbers(&[0.0, 1.0, 2.0])
        );
        assert_eq!(target_of_numbers(&[2.0, 3.0, 4.0]), Ok(Target::Real));
        assert_eq!(target_of_numbers(&[0.0, 1.0, 3.0]), Ok(Target::Real));
        assert_eq!(target_of_numbers(&[0.5, 1.5, 2.5]), Ok(Target::Real));
        assert_eq!(target_of_numbers(&[4.0, 4.0]), Err("only 4".into()));
    }
}

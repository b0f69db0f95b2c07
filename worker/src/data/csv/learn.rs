//! What the training rows say: what each column becomes, and what the target means.

use std::collections::BTreeSet;

use super::{
    keys::{Keys, Scale},
    table::{Column, MISSING, Words},
};
use crate::data::{ColumnKind, DataError, Target};

use super::NAME;

/// More classes than this a job must ask for.
const CLASSES_AUTO_MAX: usize = 1_000;

/// Which rows are trained on; `None` for all.
pub(super) type Mask<'a> = Option<&'a [bool]>;

/// What a column becomes; statistics are those of the rows that do not judge.
pub(super) fn kind_of(column: &Column, keys: &Keys, judges: Mask<'_>) -> ColumnKind {
    match column {
        Column::Numbers(values) | Column::Labels(values) => number_kind(
            values.iter().zip(0..).filter_map(|(value, row)| {
                (!value.is_nan() && is_trained(judges, row)).then_some(f64::from(*value))
            }),
            keys.scale,
        ),
        Column::Words(words) => {
            let trained = words.ids.iter().zip(0..);
            let ids: BTreeSet<u32> = trained
                .filter(|(_, row)| is_trained(judges, *row))
                .map(|(id, _)| *id)
                .collect();
            let name = |id: u32| (id != MISSING).then(|| words.names[id as usize].clone());
            let names: BTreeSet<Option<String>> = ids.into_iter().map(name).collect();
            ColumnKind::Index(names.into_iter().collect())
        }
        Column::Hashed(_) => ColumnKind::Hash {
            bits: keys
                .hash_bits
                .expect("hashed columns have a number of bits"),
        },
    }
}

fn is_trained(judges: Mask<'_>, row: usize) -> bool {
    judges.is_none_or(|judges| !judges[row])
}

/// Mean, and shift and factor of the scale. The variance is that of the differences from the mean,
/// which does not cancel.
fn number_kind(values: impl Iterator<Item = f64> + Clone, scale: Scale) -> ColumnKind {
    let (mut count, mut sum) = (0.0, 0.0);
    for value in values.clone() {
        count += 1.0;
        sum += value;
    }
    let mean = if count < 1.0 { 0.0 } else { sum / count };
    let inverse = |width: f64| {
        let inverse = width.recip();
        if inverse.is_finite() && width > 0.0 {
            inverse
        } else {
            0.0
        }
    };
    let (shift, factor) = match scale {
        _ if count < 1.0 => (0.0, 0.0),
        Scale::None => (0.0, 1.0),
        Scale::Standard => {
            let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
            (mean, inverse((squares / count).sqrt()))
        }
        Scale::Minmax => {
            let min = values.clone().fold(f64::INFINITY, f64::min);
            (min, inverse(values.fold(f64::NEG_INFINITY, f64::max) - min))
        }
    };
    ColumnKind::Number {
        missing: mean,
        shift,
        factor,
    }
}

/// What a target means whose values are to say so, and the sentence that tells it.
pub(super) fn target_of(name: &str, column: &Column) -> Result<(Target, String), DataError> {
    let refuse = |found: String| DataError::Options {
        dataset: NAME,
        problem: format!(
            "expected two or more different values in the target column `{name}`, found {found}; name \
             another column with `target` in [data]"
        ),
    };
    let target = match column {
        Column::Words(words) => target_of_words(words).map_err(refuse)?,
        Column::Numbers(values) => target_of_numbers(values).map_err(refuse)?,
        Column::Hashed(_) | Column::Labels(_) => unreachable!("a target is numbers or words"),
    };
    let names = target.class_names();
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

fn target_of_words(words: &Words) -> Result<Target, String> {
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
    // Values by their bits, of which a set has an order; −0 is 0.
    let mut seen = BTreeSet::new();
    for value in values {
        seen.insert((value + 0.0).to_bits());
        if CLASSES_AUTO_MAX < seen.len() {
            return Ok(Target::Real);
        }
    }
    let mut distinct: Vec<f32> = seen.into_iter().map(f32::from_bits).collect();
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

/// Whether these are whole numbers without gaps.
fn counts_up(values: &[f32]) -> bool {
    let next = |pair: &[f32]| (pair[0] + 1.0).to_bits() == pair[1].to_bits();
    values[0].fract().to_bits() == 0 && values.windows(2).all(next)
}

#[cfg(test)]
mod tests {
    use super::{Scale, number_kind, target_of_numbers};
    use crate::data::{ColumnKind, Target};

    #[test]
    fn scales_are_those_of_scikit_learn_and_constants_become_zero() {
        // StandardScaler().fit([[1], [2], [6]]): mean 3, scale √(14/3); MinMaxScaler: 1 to 6.
        let of = |values: &[f64], scale| match number_kind(values.iter().copied(), scale) {
            ColumnKind::Number {
                missing,
                shift,
                factor,
            } => [missing, shift, factor],
            other => panic!("{other:?}"),
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

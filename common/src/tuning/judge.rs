//! Whether every value that a job will see is permitted.
//!
//! A schedule is a formula, and so is a range; nothing proves that the one stays inside the other. So
//! the job is walked through before it starts: step by step where that takes no time, else at points
//! evenly spread over it, and more densely towards its two ends. So a schedule of a few epochs is seen
//! in a job without end, too.

use super::Tuning;
use super::error::{Misfit, TuningError, When};
use crate::optimizer::{ErasedRule, Real, RetuneError};
use crate::registry::SettingError;
use crate::schedule::Lengths;

/// Steps that are looked at one by one, and points of a longer job.
const POINTS_MAX: u64 = 4096;

/// Steps after the beginning of a longer job that are looked at one by one, and the points between any
/// step and its double; also steps before the end.
const POINTS_NEAR: u64 = 64;

impl Tuning {
    /// Judges every value of a job that is so long; for each hyper-parameter the first one that is
    /// not permitted.
    #[must_use]
    pub fn judge(&self, lengths: &Lengths) -> Vec<TuningError> {
        let base: Vec<f64> = self.moving.iter().map(|moving| moving.base).collect();
        let Ok(first) = self.rule(&base) else {
            unreachable!("the values at the beginning were judged with the optimizer")
        };
        let all: Vec<usize> = (0..self.moving.len()).collect();
        let refusal = |moving: &[usize]| self.refusal(lengths, &first, &base, moving);
        let alone = all.chunks(1).filter_map(refusal);
        let errors: Vec<TuningError> = alone.collect();
        if errors.is_empty() && 1 < all.len() {
            // What each may do alone they might not do together.
            return refusal(&all).into_iter().collect();
        }
        errors
    }

    /// The first refusal of a job in which only those with these numbers move.
    fn refusal(
        &self,
        lengths: &Lengths,
        first: &ErasedRule,
        base: &[f64],
        moving: &[usize],
    ) -> Option<TuningError> {
        let mut before = base.to_vec();
        for progress in points(lengths) {
            let mut values = base.to_vec();
            for (at, value) in self.values(progress, lengths).enumerate() {
                if moving.contains(&at) {
                    values[at] = value;
                }
            }
            if same(&before, &values) {
                continue;
            }
            let when = When::at(progress, lengths);
            if let Err((at, why)) = self.judge_values(first, &values, moving, when) {
                let name = self.moving[at].place.name().to_owned();
                return Some(TuningError { name, why });
            }
            before = values;
        }
        None
    }

    /// Judges values at one time; a refusal names whose it is, by number.
    fn judge_values(
        &self,
        first: &ErasedRule,
        values: &[f64],
        moving: &[usize],
        when: When,
    ) -> Result<(), (usize, Misfit)> {
        let rule = self.rule(values).map_err(|error| {
            let SettingError::OutOfRange { key, permitted, .. } = error else {
                return (moving[0], Misfit::Setting(error));
            };
            let mut theirs = moving.iter().copied();
            let at = theirs.find(|at| self.moving[*at].place.is_of(key));
            let at = at.unwrap_or(moving[0]);
            let why = Misfit::OutOfRange {
                when,
                value: values[at],
                permitted,
            };
            (at, why)
        })?;
        rule.may_follow(first).map_err(|error| {
            let mut theirs = moving.iter().copied();
            let at = theirs.find(|at| !values[*at].same_bits(self.moving[*at].base));
            let at = at.unwrap_or(moving[0]);
            let why = match error {
                RetuneError::Slots { expected, found } => Misfit::OtherSlots {
                    when,
                    value: values[at],
                    base: self.moving[at].base,
                    expected,
                    found,
                },
                RetuneError::Beginning => Misfit::ShapesTheStart,
            };
            (at, why)
        })
    }
}

/// Whether nothing has changed between two lists of values.
#[must_use]
pub fn same(before: &[f64], now: &[f64]) -> bool {
    let mut pairs = before.iter().zip(now);
    before.len() == now.len() && pairs.all(|(before, now)| before.same_bits(*now))
}

/// The progress at which a job is looked at, rising; the end is among it.
fn points(lengths: &Lengths) -> Vec<u64> {
    let (job, step) = (lengths.job, lengths.step.max(1));
    let steps = job.div_ceil(step);
    let at_step = |number: u64| number.saturating_mul(step).min(job);
    if steps <= POINTS_MAX {
        return (0..=steps).map(at_step).collect();
    }
    let share = |number: u64| {
        let progress = u128::from(job) * u128::from(number) / u128::from(POINTS_MAX);
        u64::try_from(progress).unwrap_or(job)
    };
    let doubles = (0..u64::BITS - 7).flat_map(|doublings| {
        (POINTS_NEAR..2 * POINTS_NEAR).map(move |number| number << doublings)
    });
    let near_the_beginning = (0..POINTS_NEAR)
        .chain(doubles)
        .take_while(|number| *number < steps);
    let near_the_end = (0..=POINTS_NEAR).map(|number| job - at_step(number));
    let mut points: Vec<u64> = (0..=POINTS_MAX)
        .map(share)
        .chain(near_the_beginning.map(at_step))
        .chain(near_the_end)
        .collect();
    points.sort_unstable();
    points.dedup();
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_job_is_looked_at_step_by_step_and_a_long_one_most_closely_at_its_ends() {
        let lengths = |job, step| Lengths {
            epoch: 10,
            step,
            job,
        };
        assert_eq!(points(&lengths(10, 4)), [0, 4, 8, 10]);
        assert_eq!(points(&lengths(1, 4)), [0, 1]);
        for job in [1_000_000, 12_345_678_901, u64::MAX] {
            let points = points(&lengths(job, 10));
            assert!(
                points.is_sorted() && points.len() < 8192,
                "{}",
                points.len()
            );
            assert_eq!(points[..4], [0, 10, 20, 30]);
            assert_eq!(points[points.len() - 3..], [job - 20, job - 10, job]);
            let gaps = points.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(gaps.max().unwrap() <= job / 4096 + 1);
            // From 64 steps on, no time grows by more than a 64th of itself unseen.
            let pairs = points.windows(2).filter(|pair| 640 <= pair[0]);
            let widest = pairs.map(|pair| (pair[1] - pair[0]) as f64 / pair[0] as f64);
            assert!(widest.fold(0.0, f64::max) <= 1.0 / 64.0);
        }
    }
}

//! A share of the training rows that judges and is not trained on, for data that come without test
//! rows.
//!
//! A seeded permutation of the rows is cut in two: its first positions judge, the others are trained
//! on. Both parts are views, so that nothing is copied.

use std::sync::Arc;

use thalweg_common::permutation::Permutation;
use xxhash_rust::xxh3::xxh3_64;

use super::{DataError, Dataset, Field, Ideal, Rows, Task};

/// What the keys `holdout` and `holdout_seed` say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Holdout {
    share: f64,
    seed: u64,
}

impl Holdout {
    /// Judges the keys; `has_test` says whether the job names test rows.
    pub(super) fn of_keys(
        dataset: &'static str,
        share: Option<f64>,
        seed: Option<u64>,
        has_test: bool,
    ) -> Result<Option<Self>, DataError> {
        let refuse = |problem: String| Err(DataError::Options { dataset, problem });
        match share {
            None if seed.is_some() => refuse(
                "expected `holdout` with `holdout_seed`, found no `holdout`; say which share of the rows \
                 judges"
                    .into(),
            ),
            None => Ok(None),
            Some(_) if has_test => refuse(
                "expected either test rows or `holdout`, found both; remove one".into(),
            ),
            Some(share) if !(0.0 < share && share < 1.0) => refuse(format!(
                "expected `holdout` to be a share between 0 and 1, found {share}"
            )),
            Some(share) => Ok(Some(Self {
                share,
                seed: seed.unwrap_or(0),
            })),
        }
    }

    /// How many of so many rows judge.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of the rows"
    )]
    fn held(self, dataset: &'static str, rows: u64) -> Result<u64, DataError> {
        let held = (self.share * rows as f64).round() as u64;
        if 0 < held && held < rows {
            return Ok(held);
        }
        Err(DataError::Options {
            dataset,
            problem: format!(
                "expected `holdout` to leave rows to train on and rows that judge, found {} of {rows} rows; \
                 change the share",
                self.share
            ),
        })
    }

    /// For each of so many rows, whether it judges.
    pub(super) fn judges(self, dataset: &'static str, rows: u64) -> Result<Vec<bool>, DataError> {
        let count = usize::try_from(rows).expect("rows that were counted in memory");
        let mut judges = vec![false; count];
        let order = Permutation::new(self.seed, 0, rows);
        for position in 0..self.held(dataset, rows)? {
            judges[usize::try_from(order.row(position)).expect("below the count")] = true;
        }
        Ok(judges)
    }

    /// The rows to train on, and those that judge.
    pub(super) fn split(
        self,
        dataset: &'static str,
        data: &Arc<dyn Dataset>,
    ) -> Result<[Arc<dyn Dataset>; 2], DataError> {
        let rows = data.rows();
        let held = self.held(dataset, rows)?;
        let part = |start: u64, rows: u64| -> Arc<dyn Dataset> {
            Arc::new(Part {
                data: Arc::clone(data),
                order: Permutation::new(self.seed, 0, data.rows()),
                seed: self.seed,
                start,
                rows,
            })
        };
        Ok([part(held, rows - held), part(0, held)])
    }
}

/// The rows at some positions of a permutation of a data set.
#[derive(Clone, Debug)]
struct Part {
    data: Arc<dyn Dataset>,
    order: Permutation,
    seed: u64,
    start: u64,
    rows: u64,
}

impl Dataset for Part {
    fn rows(&self) -> u64 {
        self.rows
    }

    fn features(&self) -> u64 {
        self.data.features()
    }

    fn task(&self) -> Task {
        self.data.task()
    }

    fn fill(&self, rows: &[u64], out: &mut Rows) {
        let inner = |row: &u64| {
            assert!(*row < self.rows, "row {row} of {}", self.rows);
            self.order.row(self.start + row)
        };
        let numbers: Vec<u64> = rows.iter().map(inner).collect();
        self.data.fill(&numbers, out);
        out.renumber(rows);
    }

    /// Of the whole data and of which part this is.
    fn content_hash(&self) -> u64 {
        let part = [self.data.content_hash(), self.seed, self.start, self.rows];
        xxh3_64(part.map(u64::to_le_bytes).as_flattened())
    }

    fn label_unit(&self) -> f64 {
        self.data.label_unit()
    }

    /// This part's share of the whole.
    fn memory_bytes(&self) -> u64 {
        let share = u128::from(self.data.memory_bytes()) * u128::from(self.rows)
            / u128::from(self.data.rows());
        u64::try_from(share).expect("a share of the whole")
    }

    fn fields(&self) -> &[Field] {
        self.data.fields()
    }

    fn ideal(&self) -> Option<Ideal> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Holdout;
    use crate::data::{Dataset, InMemory, Rows, Task};

    fn numbered(count: u16) -> Arc<dyn Dataset> {
        let mut rows = Rows::new();
        for number in 0..count {
            rows.push_ones(number.into(), number.into(), &[0]);
        }
        Arc::new(InMemory::from_rows(&rows, 1, Task::Real))
    }

    fn holdout(seed: u64) -> Holdout {
        Holdout::of_keys("csv", Some(0.1), Some(seed), false)
            .unwrap()
            .unwrap()
    }

    fn labels(data: &dyn Dataset) -> Vec<u16> {
        let mut rows = Rows::new();
        let numbers: Vec<u64> = (0..data.rows()).collect();
        data.fill(&numbers, &mut rows);
        assert_eq!(rows.numbers(), numbers);
        let number = |label: &f32| (0..1_000).find(|row| f32::from(*row).total_cmp(label).is_eq());
        rows.labels()
            .iter()
            .map(|label| number(label).unwrap())
            .collect()
    }

    #[test]
    fn every_row_is_in_one_of_two_parts_and_the_seed_decides_which() {
        let data = numbered(1_000);
        let [train, test] = holdout(3).split("csv", &data).unwrap();
        let (trained, judging) = (labels(&*train), labels(&*test));
        assert_eq!((trained.len(), judging.len()), (900, 100));
        let mut all = [trained, judging.clone()].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..1_000));
        let flags = holdout(3).judges("csv", 1_000).unwrap();
        let flagged = (0..1_000_u16).filter(|row| flags[usize::from(*row)]);
        let mut sorted = judging.clone();
        sorted.sort_unstable();
        assert!(flagged.eq(sorted), "both answers name the same rows");
        let [other_train, other] = holdout(4).split("csv", &data).unwrap();
        assert_ne!(labels(&*other), judging);
        assert_ne!(other_train.content_hash(), train.content_hash());
        let parts = train.memory_bytes() + test.memory_bytes();
        assert!(data.memory_bytes() - parts < 2);
    }

    #[test]
    fn shares_that_leave_nothing_and_test_rows_beside_it_are_refused() {
        let refused = |share, seed, has_test| {
            Holdout::of_keys("csv", share, seed, has_test)
                .unwrap_err()
                .to_string()
        };
        assert!(refused(Some(1.0), None, false).contains("between 0 and 1, found 1"));
        assert!(refused(Some(f64::NAN), None, false).contains("found NaN"));
        assert!(refused(Some(0.1), None, true).contains("found both; remove one"));
        assert!(refused(None, Some(1), false).contains("expected `holdout` with `holdout_seed`"));
        let error = holdout(0)
            .split("csv", &numbered(3))
            .unwrap_err()
            .to_string();
        assert!(error.contains("found 0.1 of 3 rows"), "{error}");
    }
}

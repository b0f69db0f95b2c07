//! Rows whose losses count more or less by their class: a data set around another. Where rows have
//! weights of their own, the two multiply.
//!
//! ```text
//! loss of a batch = Σᵢ w(labelᵢ) · lossᵢ / rows      balanced: w(c) = rows / (classes · rows of c)
//! ```
//!
//! A batch's sum is divided by its rows, not by its weights: then the mean over batches is the mean
//! over all rows, whatever the size of a batch, and a batch of one row still feels its weight.
//! `SGDClassifier` of scikit-learn and Keras do the same; torch's `CrossEntropyLoss(weight)` divides by
//! the weights. Balanced weights have mean 1 over the training rows, so that the two agree there.
//!
//! Source: King and Zeng, "Logistic regression in rare events data", Political Analysis 9 (2001); the
//! formula is that of scikit-learn's `compute_class_weight`.

use std::sync::Arc;

use super::{Dataset, Field, Ideal, Rows, Task};

/// Rows of a data set that are read at once to count them.
const PIECE_ROWS: u64 = 4_096;

/// A data set with a weight for each class.
#[derive(Clone, Debug)]
pub struct Weighted {
    rows: Arc<dyn Dataset>,
    /// By the class of [`Task::class`].
    by_class: Arc<[f32]>,
}

impl Weighted {
    /// The rows of `rows`, each with the weight of its class.
    ///
    /// # Panics
    /// When there is not one weight per class of the data.
    #[must_use]
    pub fn new(rows: Arc<dyn Dataset>, by_class: Arc<[f32]>) -> Self {
        let classes = rows.task().classes() as usize;
        assert_eq!(by_class.len(), classes, "one weight per class");
        Self { rows, by_class }
    }
}

impl Dataset for Weighted {
    fn rows(&self) -> u64 {
        self.rows.rows()
    }

    fn features(&self) -> u64 {
        self.rows.features()
    }

    fn task(&self) -> Task {
        self.rows.task()
    }

    fn fill(&self, rows: &[u64], out: &mut Rows) {
        self.rows.fill(rows, out);
        let task = self.rows.task();
        out.weigh(|_, label| self.by_class[task.class(label)]);
    }

    /// That of the rows: weights are the job's, and workers agree on the job.
    fn content_hash(&self) -> u64 {
        self.rows.content_hash()
    }

    fn is_streamed(&self) -> bool {
        self.rows.is_streamed()
    }

    fn label_unit(&self) -> f64 {
        self.rows.label_unit()
    }

    fn memory_bytes(&self) -> u64 {
        self.rows.memory_bytes()
    }

    fn fields(&self) -> &[Field] {
        self.rows.fields()
    }

    fn ideal(&self) -> Option<Ideal> {
        self.rows.ideal()
    }
}

/// How many rows of each class there are. Reads every row once.
///
/// # Panics
/// When labels are real numbers.
#[must_use]
pub fn class_counts(data: &dyn Dataset) -> Vec<u64> {
    let task = data.task();
    let mut counts = vec![0; task.classes() as usize];
    let (mut numbers, mut rows) = (Vec::new(), Rows::new());
    let mut start = 0;
    while start < data.rows() {
        let end = data.rows().min(start + PIECE_ROWS);
        numbers.clear();
        numbers.extend(start..end);
        data.fill(&numbers, &mut rows);
        for label in rows.labels() {
            counts[task.class(*label)] += 1;
        }
        start = end;
    }
    counts
}

/// Weights with which every class counts as much as any other; `Err` with the first class that has
/// no rows.
///
/// # Errors
/// The class without rows.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "counts of rows stay below 2^53, weights are f32"
)]
pub fn balanced(counts: &[u64]) -> Result<Arc<[f32]>, usize> {
    if let Some(empty) = counts.iter().position(|count| *count == 0) {
        return Err(empty);
    }
    let rows: u64 = counts.iter().sum();
    let weight = |count: &u64| (rows as f64 / (counts.len() as f64 * *count as f64)) as f32;
    Ok(counts.iter().map(weight).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Weighted, balanced, class_counts};
    use crate::data::{Dataset, Field, Ideal, InMemory, Rows, Task};

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 1, 2, 2])
        let weights = balanced(&[3, 1, 2]).unwrap();
        for (found, expected) in weights.iter().zip([2.0 / 3.0, 2.0, 1.0]) {
            assert!((found - expected).abs() < 1e-7, "{weights:?}");
        }
        assert_eq!(balanced(&[3, 0, 2]), Err(1));
    }

    #[test]
    fn every_row_has_the_weight_of_its_class_and_every_row_is_counted() {
        let mut rows = Rows::new();
        for number in 0..10_000 {
            rows.push_ones(number, if number % 5 == 0 { 1.0 } else { -1.0 }, &[0]);
        }
        let data: Arc<dyn Dataset> = Arc::new(InMemory::from_rows(&rows, 1, Task::Binary));
        assert_eq!(class_counts(&*data), [8_000, 2_000]);
        let weighted = Weighted::new(data, Arc::new([0.5, 4.0]));
        weighted.fill(&[3, 5, 4], &mut rows);
        let weights = [0, 1, 2].map(|row| rows.weight(row).to_bits());
        assert_eq!(weights, [0.5_f64, 4.0, 0.5].map(f64::to_bits));
    }

    #[derive(Debug)]
    struct OfColumns(InMemory, [Field; 1]);

    impl Dataset for OfColumns {
        fn rows(&self) -> u64 {
            self.0.rows()
        }

        fn features(&self) -> u64 {
            self.0.features()
        }

        fn task(&self) -> Task {
            self.0.task()
        }

        fn fill(&self, rows: &[u64], out: &mut Rows) {
            self.0.fill(rows, out);
        }

        fn content_hash(&self) -> u64 {
            self.0.content_hash()
        }

        fn memory_bytes(&self) -> u64 {
            self.0.memory_bytes()
        }

        fn fields(&self) -> &[Field] {
            &self.1
        }

        fn ideal(&self) -> Option<Ideal> {
            None
        }
    }

    #[test]
    fn weights_leave_the_columns_as_they_are() {
        let mut rows = Rows::new();
        rows.push_ones(0, 1.0, &[0]);
        let field = Field {
            name: "colour".into(),
            features: 0..1,
        };
        let data = OfColumns(InMemory::from_rows(&rows, 1, Task::Binary), [field.clone()]);
        let weighted = Weighted::new(Arc::new(data), Arc::new([1.0, 2.0]));
        assert_eq!(weighted.fields(), [field]);
    }
}

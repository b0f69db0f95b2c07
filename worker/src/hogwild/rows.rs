//! Rows in memory, as the inner loop wants them: 32-bit features and values end to end.
//!
//! Costs eight bytes per non-zero, twelve per row, and four more per row where rows have weights.

use crate::data::{Dataset, Rows, Task};

use super::HogwildError;

/// Rows that are asked of a data set at once.
const READ_ROWS: u64 = 4_096;

/// Labelled sparse rows.
#[derive(Clone, Debug)]
pub struct SparseRows {
    offsets: Vec<usize>,
    features: Vec<u32>,
    values: Vec<f32>,
    labels: Vec<f32>,
    /// Empty if all rows count 1.
    weights: Vec<f32>,
    coordinates: usize,
}

/// Whether a coordinate is added that every row has, with the value 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// It is, behind all features.
    Added,
    /// It is not.
    Absent,
}

impl SparseRows {
    /// No rows, of features below `coordinates`.
    #[must_use]
    pub fn new(coordinates: u32) -> Self {
        Self {
            offsets: vec![0],
            features: Vec::new(),
            values: Vec::new(),
            labels: Vec::new(),
            weights: Vec::new(),
            coordinates: coordinates as usize,
        }
    }

    /// Adds a row that counts 1.
    ///
    /// # Panics
    /// When there is not one value per feature, or a feature is not below the number of coordinates.
    pub fn push(&mut self, label: f32, features: &[u32], values: &[f32]) {
        assert_eq!(features.len(), values.len(), "a value per feature");
        let below = |feature: &u32| (*feature as usize) < self.coordinates;
        assert!(features.iter().all(below), "features have coordinates");
        self.features.extend_from_slice(features);
        self.values.extend_from_slice(values);
        self.offsets.push(self.features.len());
        self.labels.push(label);
        if !self.weights.is_empty() {
            self.weights.push(1.0);
        }
    }

    /// All rows of a data set.
    ///
    /// # Errors
    /// When it has more features than 32 bits can number, or is a stream, which has no end to go over.
    pub fn of(data: &dyn Dataset, bias: Bias) -> Result<Self, HogwildError> {
        if data.is_streamed() {
            return Err(HogwildError::Problem(
                "expected rows that can be held in memory, found a stream; Hogwild! goes over its rows \
                 again and again: write them to a file first"
                    .into(),
            ));
        }
        let added = u64::from(bias == Bias::Added);
        let coordinates = data.features() + added;
        let coordinates = u32::try_from(coordinates).map_err(|_| {
            HogwildError::Problem(format!(
                "expected less than 2^32 features, found {coordinates}; hash them to fewer"
            ))
        })?;
        let mut all = Self::new(coordinates);
        let mut rows = Rows::new();
        for first in (0..data.rows()).step_by(usize::try_from(READ_ROWS).unwrap_or(1)) {
            let last = (first + READ_ROWS).min(data.rows());
            let numbers: Vec<u64> = (first..last).collect();
            data.fill(&numbers, &mut rows);
            all.append(&rows, bias);
        }
        Ok(all)
    }

    fn append(&mut self, rows: &Rows, bias: Bias) {
        let last = self.coordinates - 1;
        for row in 0..rows.len() {
            let (features, values) = rows.row(row);
            self.features.extend_from_slice(features);
            self.values.extend_from_slice(values);
            if bias == Bias::Added {
                self.features
                    .push(u32::try_from(last).expect("coordinates have 32 bits"));
                self.values.push(1.0);
            }
            self.offsets.push(self.features.len());
        }
        if let Some(weights) = rows.weights() {
            self.weights.resize(self.labels.len(), 1.0);
            self.weights.extend_from_slice(weights);
        } else if !self.weights.is_empty() {
            self.weights.resize(self.labels.len() + rows.len(), 1.0);
        }
        self.labels.extend_from_slice(rows.labels());
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// How many features there are, the bias among them.
    #[must_use]
    pub fn coordinates(&self) -> usize {
        self.coordinates
    }

    /// The features and values of a row.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    #[inline]
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let span = self.offsets[row]..self.offsets[row + 1];
        (&self.features[span.clone()], &self.values[span])
    }

    /// The label of a row.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    #[inline]
    pub fn label(&self, row: usize) -> f32 {
        self.labels[row]
    }

    /// How much the loss of a row counts.
    #[must_use]
    #[inline]
    pub fn weight(&self, row: usize) -> f32 {
        self.weights.get(row).copied().unwrap_or(1.0)
    }

    /// How many rows have each feature.
    #[must_use]
    pub fn degrees(&self) -> Vec<u32> {
        let mut degrees = vec![0_u32; self.coordinates];
        for feature in &self.features {
            degrees[*feature as usize] += 1;
        }
        degrees
    }

    /// The same rows with feature v at `places[v]`. Non-zeros stay in their order, so that sums over
    /// them have the same bits.
    #[must_use]
    pub(super) fn renumbered(mut self, places: &[u32]) -> Self {
        for feature in &mut self.features {
            *feature = places[*feature as usize];
        }
        self
    }
}

/// Refuses labels of another kind.
pub(super) fn expect_task(found: Task, expected: Task, of: &str) -> Result<(), HogwildError> {
    if found == expected {
        return Ok(());
    }
    Err(HogwildError::Problem(format!(
        "{of} is for {expected}, found data with {found}; choose other data, or another objective"
    )))
}

#[cfg(test)]
mod tests {
    use super::{Bias, SparseRows};
    use crate::data::{InMemory, Rows, Task};

    #[test]
    fn rows_are_those_of_the_data_set_with_weights_and_a_bias_behind_them() {
        let mut rows = Rows::new();
        for number in 0..10_000_u64 {
            let feature = u32::try_from(number % 7).unwrap();
            rows.push(number, 1.0, &[feature, 9], &[0.5, 2.0]);
        }
        rows.weigh(|number, _| if number == 9_999 { 3.0 } else { 1.0 });
        let data = InMemory::from_rows(&rows, 12, Task::Binary);
        let held = SparseRows::of(&data, Bias::Added).unwrap();
        assert_eq!((held.len(), held.coordinates()), (10_000, 13));
        let last = u32::try_from(9_999 % 7).unwrap();
        assert_eq!(held.row(9_999), (&[last, 9, 12][..], &[0.5, 2.0, 1.0][..]));
        assert_eq!(held.weight(9_999).to_bits(), 3_f32.to_bits());
        assert_eq!(held.degrees()[9], 10_000);
        let places: Vec<u32> = (0..13).rev().collect();
        assert_eq!(held.renumbered(&places).row(7).0, [12, 3, 0]);
    }
}

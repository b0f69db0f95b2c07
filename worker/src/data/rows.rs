//! A batch of rows in compressed sparse row form, reused from batch to batch.
//!
//! The vectors keep their capacity, so that filling a batch allocates nothing once the largest
//! batch has been seen.

/// Rows laid end to end: row `i` has the non-zeros `offsets[i]..offsets[i + 1]`.
///
/// # Examples
/// ```
/// use thalweg_worker::data::Rows;
///
/// let mut rows = Rows::new();
/// rows.push(17, -1.0, &[2, 5], &[0.5, 1.0]);
/// assert_eq!(rows.row(0), (&[2, 5][..], &[0.5, 1.0][..]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    offsets: Vec<u32>,
    features: Vec<u32>,
    values: Vec<f32>,
    labels: Vec<f32>,
    /// Empty, or one per row.
    weights: Vec<f32>,
    numbers: Vec<u64>,
    /// Rows of the batch that these are a piece of, if they are not all.
    batch_rows: Option<u64>,
}

impl Rows {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self {
            offsets: vec![0],
            features: Vec::new(),
            values: Vec::new(),
            labels: Vec::new(),
            weights: Vec::new(),
            numbers: Vec::new(),
            batch_rows: None,
        }
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.offsets.truncate(1);
        self.features.clear();
        self.values.clear();
        self.labels.clear();
        self.weights.clear();
        self.numbers.clear();
        self.batch_rows = None;
    }

    /// Adds a row: its number in the data set, its label, its features and as many values.
    ///
    /// # Panics
    /// When there are not as many values as features, or more than 2³² non-zeros in the batch.
    pub fn push(&mut self, number: u64, label: f32, features: &[u32], values: &[f32]) {
        assert_eq!(
            features.len(),
            values.len(),
            "a row has one value per feature"
        );
        self.values.extend_from_slice(values);
        self.close(number, label, features);
    }

    /// Adds a row whose values are all 1, as [`Self::push`].
    ///
    /// # Panics
    /// When the batch has more than 2³² non-zeros.
    pub fn push_ones(&mut self, number: u64, label: f32, features: &[u32]) {
        self.values.resize(self.values.len() + features.len(), 1.0);
        self.close(number, label, features);
    }

    fn close(&mut self, number: u64, label: f32, features: &[u32]) {
        self.features.extend_from_slice(features);
        let end = u32::try_from(self.features.len()).expect("a batch has less than 2^32 non-zeros");
        self.offsets.push(end);
        self.labels.push(label);
        if !self.weights.is_empty() {
            self.weights.push(1.0);
        }
        self.numbers.push(number);
    }

    /// Multiplies the weight of every row by what `weight` says of its number and label.
    pub fn weigh(&mut self, weight: impl Fn(u64, f32) -> f32) {
        self.weights.resize(self.labels.len(), 1.0);
        let rows = self.numbers.iter().zip(&self.labels);
        for (own, (number, label)) in self.weights.iter_mut().zip(rows) {
            *own *= weight(*number, *label);
        }
    }

    /// Gives each row its weight.
    pub(crate) fn set_weights(&mut self, weights: &[f32]) {
        assert_eq!(weights.len(), self.len(), "one weight per row");
        self.weights.clear();
        self.weights.extend_from_slice(weights);
    }

    /// How much the loss of row `row` counts; 1 if nobody has weighed the rows.
    #[must_use]
    pub fn weight(&self, row: usize) -> f64 {
        self.weights
            .get(row)
            .map_or(1.0, |weight| f64::from(*weight))
    }

    /// The weight of each row; `None` if nobody has weighed the rows.
    #[must_use]
    pub fn weights(&self) -> Option<&[f32]> {
        (!self.weights.is_empty()).then_some(&self.weights[..])
    }

    /// Gives the rows other numbers: those of a data set that is a part of the one they were read from.
    pub(crate) fn renumber(&mut self, numbers: &[u64]) {
        self.numbers.copy_from_slice(numbers);
    }

    /// Says that these are a piece of a batch of so many rows.
    pub fn set_batch_rows(&mut self, rows: u64) {
        self.batch_rows = Some(rows);
    }

    /// Rows of the batch that these belong to: all, unless [`Self::set_batch_rows`] said otherwise.
    #[must_use]
    pub fn batch_rows(&self) -> u64 {
        self.batch_rows.unwrap_or(self.len() as u64)
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Where each row starts in [`Self::features`] and [`Self::values`], and, last, their length.
    #[must_use]
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The 0-based feature of each non-zero, strictly increasing within a row.
    #[must_use]
    pub fn features(&self) -> &[u32] {
        &self.features
    }

    /// The value of each non-zero.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The label of each row, as the data set's task says.
    #[must_use]
    pub fn labels(&self) -> &[f32] {
        &self.labels
    }

    /// The number of each row in its data set.
    #[must_use]
    pub fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    /// The non-zeros of row `row`, as a range of [`Self::features`] and [`Self::values`].
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn span(&self, row: usize) -> std::ops::Range<usize> {
        self.offsets[row] as usize..self.offsets[row + 1] as usize
    }

    /// The features and values of row `row`.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let span = self.span(row);
        (&self.features[span.clone()], &self.values[span])
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;

    #[test]
    fn rows_weigh_1_until_they_are_weighed_and_weights_multiply() {
        let mut rows = Rows::new();
        rows.push_ones(9, 1.0, &[0]);
        rows.push_ones(4, -1.0, &[1]);
        let weights = |rows: &Rows| [0, 1].map(|row| rows.weight(row).to_bits());
        assert_eq!(weights(&rows), [1_f64, 1.0].map(f64::to_bits));
        rows.weigh(|_, label| if label < 0.0 { 3.0 } else { 0.5 });
        rows.weigh(|_, _| 2.0);
        assert_eq!(weights(&rows), [1_f64, 6.0].map(f64::to_bits));
        rows.push_ones(5, -1.0, &[1]);
        assert_eq!(rows.weight(2).to_bits(), 1_f64.to_bits());
        rows.set_batch_rows(12);
        assert_eq!(rows.batch_rows(), 12);
        rows.clear();
        rows.push_ones(4, -1.0, &[1]);
        assert_eq!(rows.weight(0).to_bits(), 1_f64.to_bits());
        assert_eq!(rows.batch_rows(), 1);
    }

    #[test]
    fn a_cleared_batch_is_a_new_one_with_its_old_memory() {
        let mut rows = Rows::new();
        rows.push(9, 1.0, &[0, 3], &[2.0, 4.0]);
        rows.push_ones(4, -1.0, &[1]);
        rows.push_ones(5, -1.0, &[]);
        assert_eq!(rows.offsets(), [0, 2, 3, 3]);
        assert_eq!(rows.values(), [2.0, 4.0, 1.0]);
        assert_eq!(rows.row(2), (&[][..], &[][..]));
        let capacity = rows.features.capacity();
        rows.clear();
        assert_eq!(rows, Rows::new());
        assert_eq!(rows.features.capacity(), capacity);
    }
}

//! Rows that are held in memory, compressed: what the file formats end in.
//!
//! Costs four bytes per non-zero (eight when a value differs from 1) and twelve per row (sixteen when
//! rows have weights).

use xxhash_rust::xxh3::Xxh3;

use super::{Dataset, Field, Ideal, Rows, Task, encoding::Scaling};

/// A data set in compressed sparse row form.
#[derive(Clone, Debug)]
pub struct InMemory {
    task: Task,
    label_unit: f64,
    features_max: u64,
    hash: u64,
    columns: Columns,
    fields: Vec<Field>,
}

/// Rows as they are collected, before their number of features and their labels are settled.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    offsets: Vec<usize>,
    features: Vec<u32>,
    /// `None` as long as every value is 1.
    values: Option<Vec<f32>>,
    pub(crate) labels: Vec<f32>,
    /// How much the loss of each row counts; `None` if all count 1.
    pub(crate) weights: Option<Vec<f32>>,
}

/// Takes rows piece by piece, in order.
pub(crate) type RowSink<'s> = dyn FnMut(Columns) -> Result<(), super::DataError> + 's;

/// What [`Columns::leave_out_from`] took away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Non-zeros.
    pub(crate) values: u64,
    /// Rows that had some of them.
    pub(crate) rows: u64,
}

impl Columns {
    pub(crate) fn new() -> Self {
        Self {
            offsets: vec![0],
            features: Vec::new(),
            values: None,
            labels: Vec::new(),
            weights: None,
        }
    }

    /// The rows of a batch, with their weights.
    pub(crate) fn of_rows(rows: &Rows) -> Self {
        let mut columns = Self::new();
        for (row, &label) in rows.labels().iter().enumerate() {
            let (features, values) = rows.row(row);
            columns.push_all(features, values);
            columns.close(label);
        }
        columns.weights = rows.weights().map(<[f32]>::to_vec);
        columns
    }

    /// Makes room for so many more rows and non-zeros.
    pub(crate) fn reserve(&mut self, rows: usize, nonzeros: usize) {
        self.labels.reserve(rows);
        self.offsets.reserve(rows);
        self.features.reserve(nonzeros);
        if let Some(values) = &mut self.values {
            values.reserve(nonzeros);
        }
    }

    /// Adds the rows of another collection, which has no weights.
    pub(crate) fn append(&mut self, other: &Self) {
        let start = self.features.len();
        if other.values.is_some() && self.values.is_none() {
            self.values = Some(vec![1.0; start]);
        }
        if let Some(values) = &mut self.values {
            match &other.values {
                Some(others) => values.extend_from_slice(others),
                None => values.resize(start + other.features.len(), 1.0),
            }
        }
        self.features.extend_from_slice(&other.features);
        self.labels.extend_from_slice(&other.labels);
        let ends = other.offsets[1..].iter();
        self.offsets.extend(ends.map(|end| start + end));
    }

    /// Adds a non-zero to the row that is not closed yet.
    #[inline]
    pub(crate) fn push(&mut self, feature: u32, value: f32) {
        if value.to_bits() != 1_f32.to_bits() && self.values.is_none() {
            self.give_values();
        }
        if let Some(values) = &mut self.values {
            values.push(value);
        }
        self.features.push(feature);
    }

    /// Adds non-zeros to the row that is not closed yet.
    pub(crate) fn push_all(&mut self, features: &[u32], values: &[f32]) {
        let is_one = |value: &f32| value.to_bits() == 1_f32.to_bits();
        if self.values.is_none() && !values.iter().all(is_one) {
            self.give_values();
        }
        if let Some(all) = &mut self.values {
            all.extend_from_slice(values);
        }
        self.features.extend_from_slice(features);
    }

    /// Gives every non-zero so far a value of its own, with room for as many as there is for features.
    fn give_values(&mut self) {
        let mut values = Vec::with_capacity(self.features.capacity());
        values.resize(self.features.len(), 1.0);
        self.values = Some(values);
    }

    /// Ends a row.
    pub(crate) fn close(&mut self, label: f32) {
        self.labels.push(label);
        self.offsets.push(self.features.len());
    }

    pub(crate) fn rows(&self) -> usize {
        self.labels.len()
    }

    pub(crate) fn nonzeros(&self) -> usize {
        self.features.len()
    }

    /// Whether a value was given that is not 1.
    pub(crate) fn has_values(&self) -> bool {
        self.values.is_some()
    }

    /// The features and values of a row; no values if all are 1.
    pub(crate) fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let span = self.offsets[row]..self.offsets[row + 1];
        let values = self.values.as_ref().map(|values| &values[span.clone()]);
        (&self.features[span], values.unwrap_or_default())
    }

    /// Adds a row of another collection; its weight, too, if these rows have weights.
    pub(crate) fn push_row(&mut self, other: &Self, row: usize) {
        let (features, values) = other.row(row);
        let value = |index: usize| values.get(index).copied().unwrap_or(1.0);
        for (index, feature) in features.iter().enumerate() {
            self.push(*feature, value(index));
        }
        if let Some(weights) = &mut self.weights {
            let given = other.weights.as_ref();
            weights.push(given.expect("rows with weights")[row]);
        }
        self.close(other.labels[row]);
    }

    /// The number of features that the rows need: one more than the largest.
    pub(crate) fn features_needed(&self) -> u64 {
        self.features
            .iter()
            .max()
            .map_or(0, |&feature| u64::from(feature) + 1)
    }

    /// Removes the non-zeros of features that are not below `features`. Rows keep their labels.
    pub(crate) fn leave_out_from(&mut self, features: u64) -> LeftOut {
        let stays = |feature: &u32| u64::from(*feature) < features;
        let mut left_out = LeftOut { values: 0, rows: 0 };
        let (mut from, mut kept) = (0, 0);
        for row in 0..self.rows() {
            let to = self.offsets[row + 1];
            // Features rise within a row, so that what goes is its end.
            let stay = self.features[from..to].partition_point(stays);
            left_out.values += (to - from - stay) as u64;
            left_out.rows += u64::from(stay < to - from);
            self.features.copy_within(from..from + stay, kept);
            if let Some(values) = &mut self.values {
                values.copy_within(from..from + stay, kept);
            }
            kept += stay;
            self.offsets[row + 1] = kept;
            from = to;
        }
        self.features.truncate(kept);
        if let Some(values) = &mut self.values {
            values.truncate(kept);
        }
        left_out
    }

    /// Brings the values to a scale, and those that it makes too great to the greatest of f32. Rows keep
    /// their non-zeros, also those that become 0.
    pub(crate) fn scale(&mut self, scaling: &Scaling) {
        if matches!(scaling, Scaling::None) {
            return;
        }
        let mut values = self
            .values
            .take()
            .unwrap_or_else(|| vec![1.0; self.features.len()]);
        for (feature, value) in self.features.iter().zip(&mut values) {
            let scaled = scaling.apply(*feature as usize, f64::from(*value));
            *value = scaled.clamp(f32::MIN, f32::MAX);
        }
        let is_one = |value: &f32| value.to_bits() == 1_f32.to_bits();
        self.values = (!values.iter().all(is_one)).then_some(values);
    }

    /// The shape, then each column as a whole.
    fn hash(&self) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(&(self.rows() as u64).to_le_bytes());
        hash.update(&(self.features.len() as u64).to_le_bytes());
        update(
            &mut hash,
            self.offsets
                .iter()
                .map(|&offset| (offset as u64).to_le_bytes()),
        );
        update(
            &mut hash,
            self.labels.iter().map(|label| label.to_le_bytes()),
        );
        update(
            &mut hash,
            self.features.iter().map(|feature| feature.to_le_bytes()),
        );
        update(
            &mut hash,
            self.values
                .iter()
                .flatten()
                .map(|value| value.to_le_bytes()),
        );
        if let Some(weights) = &self.weights {
            // Without a word between them, as many weights as non-zeros could pass for values.
            hash.update(b"weights");
            update(&mut hash, weights.iter().map(|weight| weight.to_le_bytes()));
        }
        hash.digest()
    }
}

/// Feeds small numbers in large pieces, which is what the hash is fast at.
fn update<const BYTES: usize>(hash: &mut Xxh3, numbers: impl Iterator<Item = [u8; BYTES]>) {
    let mut piece = [[0; BYTES]; 512];
    let mut filled = 0;
    for number in numbers {
        piece[filled] = number;
        filled += 1;
        if filled == piece.len() {
            hash.update(piece.as_flattened());
            filled = 0;
        }
    }
    hash.update(piece[..filled].as_flattened());
}

impl InMemory {
    /// Holds these rows; features are below `features`, labels are those of `task`.
    pub(crate) fn new(mut columns: Columns, features: u64, task: Task) -> Self {
        columns.offsets.shrink_to_fit();
        columns.features.shrink_to_fit();
        columns.labels.shrink_to_fit();
        if let Some(values) = &mut columns.values {
            values.shrink_to_fit();
        }
        Self {
            task,
            label_unit: 1.0,
            features_max: features,
            hash: columns.hash(),
            columns,
            fields: Vec::new(),
        }
    }

    /// The same rows, with the columns that their features were made of.
    ///
    /// # Panics
    /// When the fields do not cover the features in order and without gaps.
    #[must_use]
    pub fn with_fields(mut self, fields: Vec<Field>) -> Self {
        let mut end = 0;
        for field in &fields {
            assert_eq!(field.features.start, end, "fields have no gaps");
            end = field.features.end;
        }
        assert!(
            fields.is_empty() || end == self.features_max,
            "fields cover all features"
        );
        self.fields = fields;
        self
    }

    /// The same rows, whose real labels have this unit: [`Dataset::label_unit`].
    #[must_use]
    pub(crate) fn with_label_unit(mut self, unit: f64) -> Self {
        self.label_unit = unit;
        self
    }

    /// Copies rows that were made elsewhere, with their weights, for instance by a program that uses this library.
    ///
    /// # Panics
    /// When a row has a feature that is not below `features`.
    #[must_use]
    pub fn from_rows(rows: &Rows, features: u64, task: Task) -> Self {
        let columns = Columns::of_rows(rows);
        assert!(
            columns.features_needed() <= features,
            "a feature lies past the declared number"
        );
        Self::new(columns, features, task)
    }
}

impl Dataset for InMemory {
    fn rows(&self) -> u64 {
        self.columns.rows() as u64
    }

    fn features(&self) -> u64 {
        self.features_max
    }

    fn task(&self) -> Task {
        self.task
    }

    fn label_unit(&self) -> f64 {
        self.label_unit
    }

    fn fill(&self, rows: &[u64], out: &mut Rows) {
        out.clear();
        let columns = &self.columns;
        for &number in rows {
            let row = usize::try_from(number).expect("a row held in memory has a usize number");
            let span = columns.offsets[row]..columns.offsets[row + 1];
            let (label, features) = (columns.labels[row], &columns.features[span.clone()]);
            match &columns.values {
                Some(values) => out.push(number, label, features, &values[span]),
                None => out.push_ones(number, label, features),
            }
        }
        if let Some(weights) = &columns.weights {
            let index =
                |row| usize::try_from(row).expect("a row held in memory has a usize number");
            out.weigh(|number, _| weights[index(number)]);
        }
    }

    fn content_hash(&self) -> u64 {
        self.hash
    }

    fn memory_bytes(&self) -> u64 {
        let columns = &self.columns;
        let bytes = size_of_val(&columns.offsets[..])
            + size_of_val(&columns.features[..])
            + size_of_val(&columns.labels[..])
            + columns
                .values
                .as_ref()
                .map_or(0, |values| size_of_val(&values[..]))
            + columns
                .weights
                .as_ref()
                .map_or(0, |weights| size_of_val(&weights[..]));
        bytes as u64
    }

    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn ideal(&self) -> Option<Ideal> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Columns, InMemory};
    use crate::data::{Dataset, Rows, Task};

    fn small(value: f32) -> InMemory {
        let mut rows = Rows::new();
        rows.push(0, 1.0, &[0, 4], &[1.0, value]);
        rows.push(0, -1.0, &[], &[]);
        rows.push(0, -1.0, &[2], &[1.0]);
        InMemory::from_rows(&rows, 6, Task::Binary)
    }

    #[test]
    fn rows_come_in_the_asked_order_also_twice() {
        let set = small(3.0);
        let mut rows = Rows::new();
        set.fill(&[2, 0, 2, 1], &mut rows);
        assert_eq!(rows.numbers(), [2, 0, 2, 1]);
        assert_eq!(rows.labels(), [-1.0, 1.0, -1.0, -1.0]);
        assert_eq!(rows.features(), [2, 0, 4, 2]);
        assert_eq!(rows.values(), [1.0, 1.0, 3.0, 1.0]);
        assert_eq!((set.rows(), set.features()), (3, 6));
    }

    #[test]
    fn rows_keep_the_weights_that_they_came_with() {
        let mut rows = Rows::new();
        rows.push_ones(0, 1.0, &[0]);
        rows.push_ones(1, -1.0, &[0]);
        rows.weigh(|number, _| if number == 0 { 0.25 } else { 3.0 });
        let set = InMemory::from_rows(&rows, 1, Task::Binary);
        set.fill(&[1, 0], &mut rows);
        assert_eq!(rows.weights(), Some(&[3.0, 0.25][..]));
        small(3.0).fill(&[1, 0], &mut rows);
        assert_eq!(rows.weights(), None);
        let mut values = Rows::new();
        values.push(0, 1.0, &[0], &[0.25]);
        values.push(1, -1.0, &[0], &[3.0]);
        let other = InMemory::from_rows(&values, 1, Task::Binary);
        assert_ne!(
            set.content_hash(),
            other.content_hash(),
            "a weight is no value"
        );
    }

    #[test]
    fn values_cost_memory_only_when_one_differs_from_one() {
        let (ones, others) = (small(1.0), small(3.0));
        assert_eq!(others.memory_bytes() - ones.memory_bytes(), 3 * 4);
        let mut rows = Rows::new();
        ones.fill(&[0], &mut rows);
        assert_eq!(rows.values(), [1.0, 1.0]);
    }

    #[test]
    fn the_hash_knows_every_value_and_where_a_row_ends() {
        assert_eq!(small(3.0).content_hash(), small(3.0).content_hash());
        assert_ne!(small(3.0).content_hash(), small(3.5).content_hash());
        assert_ne!(small(3.0).content_hash(), small(1.0).content_hash());
        let moved = |first_row: &[u32]| {
            let mut columns = Columns::new();
            first_row
                .iter()
                .for_each(|&feature| columns.push(feature, 1.0));
            columns.close(1.0);
            (0..3)
                .filter(|f| !first_row.contains(f))
                .for_each(|f| columns.push(f, 1.0));
            columns.close(1.0);
            InMemory::new(columns, 3, Task::Binary).content_hash()
        };
        assert_ne!(moved(&[0]), moved(&[0, 1]));
    }
}

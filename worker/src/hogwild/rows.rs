//! Rows in memory, as the inner loop wants them: features and values end to end, in few bytes.
//!
//! A pass over more rows than the caches hold waits for the memory, so that bytes are time. Features have 16 bits
//! where all coordinates have such numbers, 32 otherwise: six or eight bytes per non-zero, twelve per row, and
//! four more per row where rows have weights.

use crate::data::{Dataset, Rows, Task};

use super::HogwildError;

/// Rows that are asked of a data set at once.
const READ_ROWS: u64 = 4_096;

/// Coordinates that 16 bits can number.
const NARROW_MAX: usize = 1 << u16::BITS;

/// Labelled sparse rows.
#[derive(Clone, Debug)]
pub struct SparseRows {
    offsets: Vec<usize>,
    features: Features,
    values: Vec<f32>,
    labels: Vec<f32>,
    /// Empty if all rows count 1.
    weights: Vec<f32>,
    coordinates: usize,
}

/// The features of all rows.
#[derive(Clone, Debug)]
enum Features {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

/// The features of a row and a value for each.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// Of at most 2¹⁶ coordinates.
    Narrow(&'a [u16], &'a [f32]),
    /// Of more.
    Wide(&'a [u32], &'a [f32]),
}

/// Whether a coordinate is added that every row has, with the value 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// It is, behind all features.
    Added,
    /// It is not.
    Absent,
}

impl Features {
    fn push(&mut self, feature: u32) {
        match self {
            Self::Narrow(all) => all.push(narrow(feature)),
            Self::Wide(all) => all.push(feature),
        }
    }

    fn extend(&mut self, features: &[u32]) {
        match self {
            Self::Narrow(all) => all.extend(features.iter().map(|feature| narrow(*feature))),
            Self::Wide(all) => all.extend_from_slice(features),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Narrow(all) => all.len(),
            Self::Wide(all) => all.len(),
        }
    }
}

fn narrow(feature: u32) -> u16 {
    u16::try_from(feature).expect("a feature is below the number of coordinates")
}

impl<'a> Row<'a> {
    /// How many non-zeros there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.values().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.values().is_empty()
    }

    /// The values, in the order of the features.
    #[must_use]
    pub fn values(self) -> &'a [f32] {
        match self {
            Self::Narrow(_, values) | Self::Wide(_, values) => values,
        }
    }

    /// The features.
    pub fn features(self) -> impl Iterator<Item = u32> {
        (0..self.len()).map(move |place| match self {
            Self::Narrow(features, _) => features[place].into(),
            Self::Wide(features, _) => features[place],
        })
    }

    /// Calls `visit` with every coordinate and its value.
    #[inline]
    pub fn each(self, mut visit: impl FnMut(usize, f32)) {
        match self {
            Self::Narrow(features, values) => {
                for (feature, value) in features.iter().zip(values) {
                    visit(usize::from(*feature), *value);
                }
            }
            Self::Wide(features, values) => {
                for (feature, value) in features.iter().zip(values) {
                    visit(*feature as usize, *value);
                }
            }
        }
    }
}

impl SparseRows {
    /// No rows, of features below `coordinates`.
    #[must_use]
    pub fn new(coordinates: u32) -> Self {
        let coordinates = coordinates as usize;
        let features = if coordinates <= NARROW_MAX {
            Features::Narrow(Vec::new())
        } else {
            Features::Wide(Vec::new())
        };
        Self {
            offsets: vec![0],
            features,
            values: Vec::new(),
            labels: Vec::new(),
            weights: Vec::new(),
            coordinates,
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
        self.features.extend(features);
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
            self.features.extend(features);
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
    pub fn row(&self, row: usize) -> Row<'_> {
        let span = self.offsets[row]..self.offsets[row + 1];
        let values = &self.values[span.clone()];
        match &self.features {
            Features::Narrow(all) => Row::Narrow(&all[span], values),
            Features::Wide(all) => Row::Wide(&all[span], values),
        }
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
        for row in 0..self.len() {
            self.row(row).each(|feature, _| degrees[feature] += 1);
        }
        degrees
    }

    /// The same rows with feature v at `places[v]`. Non-zeros stay in their order, so that sums over
    /// them have the same bits.
    #[must_use]
    pub(super) fn renumbered(mut self, places: &[u32]) -> Self {
        match &mut self.features {
            Features::Narrow(all) => {
                for feature in all {
                    *feature = narrow(places[usize::from(*feature)]);
                }
            }
            Features::Wide(all) => {
                for feature in all {
                    *feature = places[*feature as usize];
                }
            }
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
    use super::{Bias, NARROW_MAX, Row, SparseRows};
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
        let row = held.row(9_999);
        assert!(row.features().eq([last, 9, 12]));
        assert_eq!(row.values(), [0.5, 2.0, 1.0]);
        assert_eq!(held.weight(9_999).to_bits(), 3_f32.to_bits());
        assert_eq!(held.degrees()[9], 10_000);
        let places: Vec<u32> = (0..13).rev().collect();
        assert!(held.renumbered(&places).row(7).features().eq([12, 3, 0]));
    }

    #[test]
    fn features_have_16_bits_as_long_as_these_number_all_coordinates() {
        let most = u32::try_from(NARROW_MAX).unwrap();
        for coordinates in [most, most + 1] {
            let last = coordinates - 1;
            let mut rows = SparseRows::new(coordinates);
            rows.push(1.0, &[0, last], &[0.5, 2.0]);
            rows.push(-1.0, &[7], &[3.0]);
            assert_eq!(
                matches!(rows.row(0), Row::Narrow(..)),
                coordinates == most,
                "{coordinates}"
            );
            let mut seen = Vec::new();
            rows.row(0)
                .each(|feature, value| seen.push((feature, value)));
            assert_eq!(seen, [(0, 0.5), (last as usize, 2.0)]);
            assert_eq!(rows.degrees()[last as usize], 1);
            let places: Vec<u32> = (0..coordinates).rev().collect();
            let moved = rows.renumbered(&places);
            assert!(moved.row(0).features().eq([last, 0]));
            assert!(moved.row(1).features().eq([last - 7]));
            assert_eq!(moved.row(0).values(), [0.5, 2.0]);
        }
    }
}

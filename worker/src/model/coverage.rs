//! Which elements a replica holds, and where in it the elements of a batch are.

use super::ModelError;

/// The elements that a replica holds, in the order of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All elements of the layout; there are so many.
    Whole(u64),
    /// These flat indices, strictly increasing.
    Coordinates(Vec<u64>),
}

/// Where the elements of a batch are in the values of a replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located {
    /// For each non-zero of the batch: place of the first element of its feature.
    pub features: Vec<u32>,
    /// For each non-zero of the batch: place of the first of its feature's factors, in models that
    /// have such.
    pub factors: Vec<u32>,
    /// For each tensor that every row needs (a bias): place of its first element, in the model's
    /// own order.
    pub tensors: Vec<u32>,
}

impl Located {
    /// Forgets the places and keeps the memory.
    pub fn clear(&mut self) {
        self.features.clear();
        self.factors.clear();
        self.tensors.clear();
    }
}

impl Coverage {
    /// How many elements the replica holds.
    #[must_use]
    pub fn elements(&self) -> u64 {
        match self {
            Self::Whole(elements) => *elements,
            Self::Coordinates(coordinates) => coordinates.len() as u64,
        }
    }

    /// Whether places fit the 32 bits that [`Located`] has for them.
    ///
    /// # Errors
    /// [`ModelError::ReplicaTooLarge`] when they do not.
    pub fn check_size(&self) -> Result<(), ModelError> {
        match self.elements() {
            elements if elements <= 1 << 32 => Ok(()),
            elements => Err(ModelError::ReplicaTooLarge { elements }),
        }
    }

    /// The place of element `first`, behind which the next `count − 1` elements of the layout
    /// follow; `count` is at least 1, and `from` a place that is not behind the answer (0 when none
    /// is known): it shortens the search.
    ///
    /// # Errors
    /// [`ModelError::NotCovered`] when one of them is not held.
    pub fn find(&self, first: u64, count: u64, from: u32) -> Result<u32, ModelError> {
        let place = match self {
            Self::Whole(elements) if first + count <= *elements => usize::try_from(first).ok(),
            Self::Whole(_) => None,
            Self::Coordinates(coordinates) => run(coordinates, first, count, from as usize),
        };
        place
            .and_then(|place| u32::try_from(place).ok())
            .ok_or_else(|| ModelError::NotCovered {
                element: self.first_missing(first, count),
            })
    }

    fn first_missing(&self, first: u64, count: u64) -> u64 {
        match self {
            Self::Whole(elements) => first.max(*elements),
            Self::Coordinates(coordinates) => (first..first + count)
                .find(|element| coordinates.binary_search(element).is_err())
                .unwrap_or(first),
        }
    }
}

/// The place of `first` in a sorted list that goes on with the next `count − 1` numbers.
fn run(sorted: &[u64], first: u64, count: u64, from: usize) -> Option<usize> {
    let place = from + sorted.get(from..)?.binary_search(&first).ok()?;
    // Strictly increasing: if the last of the run is in its place, so are all between.
    let last = place + usize::try_from(count - 1).ok()?;
    (*sorted.get(last)? == first + count - 1).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::Coverage;
    use crate::model::ModelError;

    #[test]
    fn a_whole_replica_has_every_element_at_its_index() {
        let whole = Coverage::Whole(10);
        assert_eq!(whole.find(7, 3, 0), Ok(7));
        assert_eq!(
            whole.find(8, 3, 0),
            Err(ModelError::NotCovered { element: 10 })
        );
    }

    #[test]
    fn a_sparse_replica_finds_runs_and_names_what_it_lacks() {
        let sparse = Coverage::Coordinates(vec![2, 3, 4, 8, 9, 20]);
        assert_eq!(sparse.find(2, 3, 0), Ok(0));
        assert_eq!(sparse.find(8, 2, 3), Ok(3));
        assert_eq!(sparse.find(20, 1, 4), Ok(5));
        assert_eq!(
            sparse.find(8, 3, 0),
            Err(ModelError::NotCovered { element: 10 })
        );
        assert_eq!(
            sparse.find(5, 1, 0),
            Err(ModelError::NotCovered { element: 5 })
        );
        assert_eq!(
            sparse.find(20, 2, 0),
            Err(ModelError::NotCovered { element: 21 })
        );
        assert_eq!(sparse.elements(), 6);
    }

    #[test]
    fn a_replica_beyond_32_bits_is_refused() {
        assert_eq!(Coverage::Whole(1 << 32).check_size(), Ok(()));
        Coverage::Whole((1 << 32) + 1).check_size().unwrap_err();
    }
}

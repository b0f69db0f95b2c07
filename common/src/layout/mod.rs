//! The parameter layout: named tensors laid end to end in one flat space of elements.
//!
//! Every element of a job has one number, its flat index. Shard maps cut this space; models address
//! it; checkpoints name it. The layout is part of the job's fingerprint.

mod tensor;

pub use tensor::{Group, Role, Tensor};

use std::ops::Range;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::seed::{self, Purpose};

/// Named tensors laid end to end. Fields are private: holding a layout is the proof that its names
/// are distinct and its sizes fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Tensor>", into = "Vec<Tensor>")]
pub struct ParameterLayout {
    tensors: Vec<Tensor>,
    /// `starts[i]` is the flat index of tensor `i`'s first element; one more entry holds the total.
    starts: Vec<u64>,
}

/// Why a list of tensors is no layout.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// There is nothing to train.
    #[error(
        "the layout has no elements: a model needs at least one tensor of at least one element"
    )]
    Empty,
    /// Two tensors have one name.
    #[error("two tensors are named `{0}`: every tensor of a layout needs a name of its own")]
    DuplicateName(String),
    /// The element count does not fit 2^48, the bound of the address space.
    #[error("tensor `{0}` brings the layout past 2^48 elements")]
    TooLarge(String),
}

impl ParameterLayout {
    /// Elements beyond which a layout is refused.
    pub const ELEMENTS_MAX: u64 = 1 << 48;

    /// Lays `tensors` end to end.
    ///
    /// # Errors
    /// [`LayoutError`] if there is no element, a name occurs twice, or the sum passes
    /// [`Self::ELEMENTS_MAX`].
    pub fn new(tensors: Vec<Tensor>) -> Result<Self, LayoutError> {
        let mut starts = vec![0_u64];
        let mut end = 0_u64;
        for (i, tensor) in tensors.iter().enumerate() {
            if tensors[..i].iter().any(|other| other.name == tensor.name) {
                return Err(LayoutError::DuplicateName(tensor.name.clone()));
            }
            end = tensor
                .elements()
                .and_then(|elements| end.checked_add(elements))
                .filter(|end| *end <= Self::ELEMENTS_MAX)
                .ok_or_else(|| LayoutError::TooLarge(tensor.name.clone()))?;
            starts.push(end);
        }
        if end == 0 {
            return Err(LayoutError::Empty);
        }
        Ok(Self { tensors, starts })
    }

    /// The number of elements of all tensors.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.starts[self.tensors.len()]
    }

    /// The tensors, in layout order.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Each tensor with the range of flat indices that it takes, in layout order.
    pub fn spans(&self) -> impl Iterator<Item = (Range<u64>, &Tensor)> {
        self.starts
            .windows(2)
            .zip(&self.tensors)
            .map(|(ends, tensor)| (ends[0]..ends[1], tensor))
    }

    /// The values with which training begins, in layout order.
    #[must_use]
    pub fn initial(&self, job_seed: u64) -> Vec<f32> {
        let tensors = (0..).zip(self.spans());
        let values = tensors.flat_map(|(number, (span, tensor))| {
            let stream = seed::derive(job_seed, Purpose::Init, number);
            (0..span.end - span.start).map(move |index| tensor.init.value(stream, index))
        });
        values.collect()
    }

    /// The flat range of the tensor named `name`.
    #[must_use]
    pub fn span(&self, name: &str) -> Option<Range<u64>> {
        self.spans()
            .find(|(_, tensor)| tensor.name == name)
            .map(|(range, _)| range)
    }
}

impl TryFrom<Vec<Tensor>> for ParameterLayout {
    type Error = LayoutError;

    fn try_from(tensors: Vec<Tensor>) -> Result<Self, LayoutError> {
        Self::new(tensors)
    }
}

impl From<ParameterLayout> for Vec<Tensor> {
    fn from(layout: ParameterLayout) -> Self {
        layout.tensors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_lie_end_to_end() {
        let layout = ParameterLayout::new(vec![
            Tensor::trainable("weight", vec![3, 2]),
            Tensor::trainable("bias", vec![2]),
        ])
        .unwrap();
        assert_eq!(layout.elements(), 8);
        assert_eq!(layout.span("weight"), Some(0..6));
        assert_eq!(layout.span("bias"), Some(6..8));
        assert_eq!(layout.span("other"), None);
    }

    #[test]
    fn a_layout_without_elements_or_with_a_name_twice_is_refused() {
        assert_eq!(ParameterLayout::new(vec![]), Err(LayoutError::Empty));
        let twice = vec![
            Tensor::trainable("w", vec![1]),
            Tensor::trainable("w", vec![1]),
        ];
        assert_eq!(
            ParameterLayout::new(twice),
            Err(LayoutError::DuplicateName("w".into()))
        );
        let huge = vec![Tensor::trainable("w", vec![u64::MAX, 2])];
        assert_eq!(
            ParameterLayout::new(huge),
            Err(LayoutError::TooLarge("w".into()))
        );
    }
}

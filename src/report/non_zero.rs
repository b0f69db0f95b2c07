//! How many of a model's parameters are not zero: what a regularizer that makes zeros is judged by.

use serde::{Deserialize, Serialize};
use thalweg_common::layout::ParameterLayout;

/// The parameters of a model, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All of them.
    pub elements: u64,
    /// Those that are neither +0 nor −0.
    pub non_zero: u64,
    /// The same tensor by tensor, in layout order.
    pub tensors: Vec<TensorCounts>,
}

/// The parameters of one tensor, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorCounts {
    /// The tensor's name.
    pub name: String,
    /// All of them.
    pub elements: u64,
    /// Those that are neither +0 nor −0.
    pub non_zero: u64,
}

impl Counts {
    /// Counts the parameters of the whole layout.
    ///
    /// # Panics
    /// Unless there is one for each element.
    #[must_use]
    pub fn of(layout: &ParameterLayout, parameters: &[f32]) -> Self {
        let at = |flat| usize::try_from(flat).expect("parameters are in memory");
        let count = |x: &[f32]| x.iter().filter(|x| **x != 0.0).count() as u64;
        Self {
            elements: layout.elements(),
            non_zero: count(parameters),
            tensors: layout
                .spans()
                .map(|(span, tensor)| TensorCounts {
                    name: tensor.name.clone(),
                    elements: span.end - span.start,
                    non_zero: count(&parameters[at(span.start)..at(span.end)]),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use thalweg_common::layout::Tensor;

    use super::*;

    #[test]
    fn zeros_of_both_signs_are_counted_by_tensor_and_nan_is_no_zero() {
        let tensors = [("weight", vec![2, 2]), ("bias", vec![2])];
        let tensors = tensors.map(|(name, shape)| Tensor::trainable(name, shape));
        let layout = ParameterLayout::new(tensors.to_vec()).unwrap();
        let counts = Counts::of(&layout, &[1.0, 0.0, -0.0, f32::NAN, 0.0, -1e-40]);
        let tensors: Vec<_> = counts
            .tensors
            .iter()
            .map(|t| (t.name.as_str(), t.elements, t.non_zero))
            .collect();
        assert_eq!(tensors, [("weight", 4, 2), ("bias", 2, 1)]);
        assert_eq!((counts.elements, counts.non_zero), (6, 3));
    }
}

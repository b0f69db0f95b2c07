//! From a layout to the groups of a store.

use std::ops::Range;

use super::store::GroupSpan;
use crate::layout::{ParameterLayout, Tensor};
use crate::regularizer::Regularization;

/// The groups of a store that holds these elements of the layout: one for each tensor that lies in them
/// or reaches into them, with what acts on it.
///
/// # Panics
/// If the elements are more than memory can hold.
#[must_use]
pub fn group_spans(
    layout: &ParameterLayout,
    regularization: &Regularization,
    elements: &Range<u64>,
) -> Vec<GroupSpan> {
    let offset =
        |flat: u64| usize::try_from(flat - elements.start).expect("a store fits the address space");
    let spans = layout.spans().enumerate();
    let groups = spans.filter_map(|(number, (span, tensor))| {
        let inside = span.start.max(elements.start)..span.end.min(elements.end);
        let is_whole = elements.start <= span.start && span.end <= elements.end;
        (!inside.is_empty()).then(|| GroupSpan {
            range: offset(inside.start)..offset(inside.end),
            lr_factor: tensor.group.lr_factor,
            terms: regularization.of_tensor(number),
            shape: if is_whole {
                whole_shape(tensor)
            } else {
                Vec::new()
            },
        })
    });
    groups.collect()
}

/// The sizes of a tensor; a single number is a vector of one.
fn whole_shape(tensor: &Tensor) -> Vec<usize> {
    let size = |size: &u64| usize::try_from(*size).expect("a store fits the address space");
    if tensor.shape.is_empty() {
        vec![1]
    } else {
        tensor.shape.iter().map(size).collect()
    }
}

//! Where a layout is cut into shards.

use std::ops::Range;

use crate::layout::ParameterLayout;

/// Cuts near `count` equal pieces, each cut moved back to the start of a row; pieces that become
/// empty are dropped.
pub(super) fn on_rows(layout: &ParameterLayout, count: u64) -> Vec<Range<u64>> {
    let rows: Vec<_> = layout
        .spans()
        .map(|(span, tensor)| (span, tensor.row_elements()))
        .collect();
    let row_start = |at: u64| {
        let (span, row) = rows
            .iter()
            .find(|(span, _)| span.contains(&at))
            .expect("a cut lies inside the layout");
        span.start + (at - span.start) / row * row
    };
    pieces(
        layout.elements(),
        ideal(layout.elements(), count).map(row_start),
    )
}

/// Cuts near `count` equal pieces, each cut moved back to the start of a tensor; pieces that become
/// empty are dropped.
pub(super) fn on_tensors(layout: &ParameterLayout, count: u64) -> Vec<Range<u64>> {
    let tensor_start = |at: u64| {
        let (span, _) = layout
            .spans()
            .find(|(span, _)| span.contains(&at))
            .expect("a cut lies inside the layout");
        span.start
    };
    pieces(
        layout.elements(),
        ideal(layout.elements(), count).map(tensor_start),
    )
}

/// One piece for each tensor that has elements.
pub(super) fn every_tensor(layout: &ParameterLayout) -> Vec<Range<u64>> {
    layout
        .spans()
        .map(|(span, _)| span)
        .filter(|span| !span.is_empty())
        .collect()
}

/// Cuts `count` equal pieces wherever they end; pieces that become empty are dropped.
pub(super) fn anywhere(elements: u64, count: u64) -> Vec<Range<u64>> {
    pieces(elements, ideal(elements, count))
}

/// The inner cuts of `count` equal pieces.
fn ideal(elements: u64, count: u64) -> impl Iterator<Item = u64> {
    (1..count).map(move |i| {
        let at = u128::from(elements) * u128::from(i) / u128::from(count);
        u64::try_from(at).expect("a cut lies inside the layout")
    })
}

fn pieces(elements: u64, cuts: impl Iterator<Item = u64>) -> Vec<Range<u64>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for end in cuts.chain([elements]) {
        if end > start {
            pieces.push(start..end);
            start = end;
        }
    }
    pieces
}

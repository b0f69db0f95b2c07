//! Cutting a sorted list of elements by the map.

use std::ops::Range;

use crate::ids::ShardId;
use crate::shard_map::ShardMap;

/// What one shard owns of a sorted list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The shard.
    pub shard: ShardId,
    /// Which positions of the list it owns.
    pub positions: Range<usize>,
    /// The same elements as offsets from the shard's first element.
    pub offsets: Vec<u32>,
}

/// See [`ShardMap::slice`].
pub(super) fn slice(map: &ShardMap, sorted: &[u64]) -> Vec<Slice> {
    debug_assert!(
        sorted.windows(2).all(|pair| pair[0] < pair[1]),
        "the list rises strictly"
    );
    let mut start = 0;
    let slices: Vec<_> = map
        .numbered()
        .map(|(shard, span)| {
            let len = sorted[start..].partition_point(|element| *element < span.elements.end);
            let positions = start..start + len;
            start += len;
            let offsets = sorted[positions.clone()]
                .iter()
                .map(|element| {
                    u32::try_from(element - span.elements.start)
                        .expect("a shard has fewer than 2^32 elements")
                })
                .collect();
            Slice {
                shard,
                positions,
                offsets,
            }
        })
        .collect();
    assert_eq!(
        start,
        sorted.len(),
        "every element of the list lies inside the layout"
    );
    slices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Generation;
    use crate::layout::{ParameterLayout, Tensor};

    #[test]
    fn slices_put_together_are_the_list() {
        let layout = ParameterLayout::new(vec![Tensor::trainable("w", vec![1_000])]).unwrap();
        let map = ShardMap::plan(&layout, 3, Generation(1)).unwrap();
        let sorted: Vec<u64> = (0..1_000)
            .filter(|i| i % 7 == 3 || (400..500).contains(i))
            .collect();
        let slices = map.slice(&sorted);
        assert_eq!(slices.len(), map.shards().len());
        let mut together = Vec::new();
        for slice in &slices {
            let span = map.shard(slice.shard).unwrap();
            assert_eq!(slice.positions.start, together.len());
            together.extend(
                slice
                    .offsets
                    .iter()
                    .map(|o| span.elements.start + u64::from(*o)),
            );
        }
        assert_eq!(together, sorted);
        assert!(
            map.slice(&[])
                .iter()
                .all(|slice| slice.positions.is_empty())
        );
    }
}

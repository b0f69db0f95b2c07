//! Cutting a vector into parts, one for every shard, without copying its values.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use thalweg_common::ids::{Sequence, ServerId, ShardId, Version};
use thalweg_common::message::{Address, Codec, Dtype, Kind, Part, Payload};
use thalweg_common::shard_map::ShardMap;

use crate::model::Coverage;
use crate::pull::{AtRead, address};
use crate::replica::Vector;

/// What all parts of one push have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label<'a> {
    pub(crate) kind: Kind,
    pub(crate) sequence: Sequence,
    /// The version read of each shard, by [`ShardId`].
    pub(crate) versions: &'a [Version],
    /// What goes back to each shard with a gradient at what was read there.
    pub(crate) at_read: &'a BTreeMap<ShardId, AtRead>,
}

/// Cuts what is pushed into parts for every shard of every server; `None` pushes clocks only.
///
/// # Panics
/// If the vector covers another number of elements than the map.
pub(crate) fn cut(
    map: &ShardMap,
    vector: Option<&Arc<Vector>>,
    label: Label<'_>,
) -> BTreeMap<ServerId, Vec<Part>> {
    let bytes = vector.map_or_else(Bytes::new, little_endian);
    let mut pieces: Vec<(Address, Range<usize>)> = match vector.map(|vector| &*vector.coverage) {
        None => map.shards().iter().map(|_| (Address::NONE, 0..0)).collect(),
        Some(Coverage::Whole(elements)) => {
            assert_eq!(
                *elements,
                map.elements(),
                "a whole vector covers the whole map"
            );
            map.shards()
                .iter()
                .map(|span| whole(&span.elements))
                .collect()
        }
        Some(Coverage::Coordinates(list)) => map
            .slice(list)
            .into_iter()
            .map(|slice| (address(slice.offsets), slice.positions))
            .collect(),
    };
    let mut parts: BTreeMap<ServerId, Vec<Part>> = BTreeMap::new();
    for ((shard, span), (address, at)) in map.numbered().zip(pieces.drain(..)) {
        let payload = bytes.slice(at.start * Payload::VALUE_BYTES..at.end * Payload::VALUE_BYTES);
        let at_read = label.at_read.get(&shard);
        let at_read = at_read.filter(|_| !address.is_empty());
        let at_read = at_read.map_or_else(Payload::default, |read| read.of(&address));
        parts.entry(span.server).or_default().push(Part {
            shard,
            sequence: label.sequence,
            version_read: version(label.versions, shard),
            kind: label.kind,
            dtype: Dtype::F32,
            codec: Codec::Raw,
            address,
            payload: Payload::from_bytes(payload),
            at_read,
        });
    }
    parts
}

fn whole(elements: &Range<u64>) -> (Address, Range<usize>) {
    let position = |element| usize::try_from(element).expect("the vector is in memory");
    let at = position(elements.start)..position(elements.end);
    let len = u32::try_from(at.len()).expect("a shard has fewer than 2^32 elements");
    (Address::Range(0..len), at)
}

fn version(versions: &[Version], shard: ShardId) -> Version {
    versions[usize::try_from(shard.0).expect("a shard number fits memory")]
}

/// The values as they travel. On little-endian machines the bytes are the vector's own memory.
fn little_endian(vector: &Arc<Vector>) -> Bytes {
    if cfg!(target_endian = "little") {
        Bytes::from_owner(Owner(Arc::clone(vector)))
    } else {
        vector
            .values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }
}

struct Owner(Arc<Vector>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0.values)
    }
}

#[cfg(test)]
mod tests {
    use thalweg_common::ids::Generation;
    use thalweg_common::layout::{ParameterLayout, Tensor};

    use super::*;

    fn map() -> ShardMap {
        let layout = ParameterLayout::new(vec![Tensor::trainable("w", vec![80])]).unwrap();
        ShardMap::plan(&layout, 2, Generation(1)).unwrap()
    }

    /// Puts parts back together: element → value.
    fn together(map: &ShardMap, parts: &BTreeMap<ServerId, Vec<Part>>) -> BTreeMap<u64, f32> {
        let mut elements = BTreeMap::new();
        for part in parts.values().flatten() {
            let start = map.shard(part.shard).unwrap().elements.start;
            let offsets: Vec<u32> = match &part.address {
                Address::Range(range) => range.clone().collect(),
                Address::Coordinates(list) => list.as_slice().to_vec(),
                Address::Rows { .. } => unreachable!("never cut"),
            };
            assert_eq!(offsets.len(), part.payload.values());
            for (offset, value) in offsets.iter().zip(part.payload.iter()) {
                assert!(elements.insert(start + u64::from(*offset), value).is_none());
            }
        }
        elements
    }

    #[test]
    fn every_shard_gets_a_part_and_every_element_goes_to_its_shard() {
        let map = map();
        let versions: Vec<_> = (0..8).map(Version).collect();
        let label = Label {
            kind: Kind::Gradient,
            sequence: Sequence(4),
            versions: &versions,
            at_read: &BTreeMap::new(),
        };
        let list: Vec<u64> = vec![0, 9, 10, 11, 12, 63, 79];
        let whole: Vec<u64> = (0..80).collect();
        for (coverage, elements) in [
            (Coverage::Whole(80), whole),
            (Coverage::Coordinates(list.clone()), list),
            (Coverage::Coordinates(vec![]), vec![]),
        ] {
            let values: Vec<f32> = elements.iter().map(|e| *e as f32).collect();
            let vector = Arc::new(Vector {
                coverage: Arc::new(coverage),
                values,
            });
            let parts = cut(&map, Some(&vector), label);
            assert_eq!(parts.values().map(Vec::len).collect::<Vec<_>>(), [4, 4]);
            let expected: BTreeMap<_, _> = elements.iter().map(|e| (*e, *e as f32)).collect();
            assert_eq!(together(&map, &parts), expected);
            for part in parts.values().flatten() {
                assert_eq!(part.version_read, Version(part.shard.0.into()));
                assert_eq!(part.sequence, Sequence(4));
            }
        }
        let clocks = cut(&map, None, label);
        assert!(
            clocks
                .values()
                .flatten()
                .all(|part| part.address == Address::NONE)
        );
        assert_eq!(clocks.values().flatten().count(), 8);
    }

    #[test]
    fn values_travel_from_the_memory_where_they_were_computed() {
        if cfg!(target_endian = "big") {
            return;
        }
        let vector = Arc::new(Vector::zeros(Arc::new(Coverage::Whole(80))));
        let versions = [Version(0); 8];
        let label = Label {
            kind: Kind::Gradient,
            sequence: Sequence(1),
            versions: &versions,
            at_read: &BTreeMap::new(),
        };
        let parts = cut(&map(), Some(&vector), label);
        let first = &parts[&ServerId(0)][0].payload.segments()[0];
        assert_eq!(first.as_ptr(), vector.values.as_ptr().cast());
    }
}

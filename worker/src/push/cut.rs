//! Cutting a vector into parts, one for every shard, without copying its values where they travel as f32.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use thalweg_common::ids::{Sequence, ServerId, ShardId, Version};
use thalweg_common::message::{Address, Kind, Part, Payload};
use thalweg_common::push_format::PushFormat;
use thalweg_common::shard_map::ShardMap;

use crate::model::Coverage;
use crate::pull::{AtRead, address};
use crate::replica::Vector;

/// What all parts of one push have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label<'a> {
    pub(crate) kind: Kind,
    /// How the values are written.
    pub(crate) format: PushFormat,
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
    let written = Written::new(label.format, vector);
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
        let at_read = label.at_read.get(&shard);
        let at_read = at_read.filter(|_| !address.is_empty());
        let at_read = at_read.map_or_else(Payload::default, |read| read.of(&address));
        parts.entry(span.server).or_default().push(Part {
            shard,
            sequence: label.sequence,
            version_read: version(label.versions, shard),
            kind: label.kind,
            dtype: label.format.dtype(),
            codec: label.format.codec(),
            address,
            payload: Payload::from_bytes(written.part(at)),
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

/// The values as they travel.
enum Written<'a> {
    /// One run of bytes for all parts.
    Once(Bytes),
    /// Each part by itself.
    ByPart(PushFormat, &'a [f32]),
}

impl<'a> Written<'a> {
    fn new(format: PushFormat, vector: Option<&'a Arc<Vector>>) -> Self {
        match (format, vector) {
            (_, None) => Self::Once(Bytes::new()),
            (PushFormat::F32, Some(vector)) => Self::Once(little_endian(vector)),
            (PushFormat::Bf16 | PushFormat::Int8, Some(vector)) => {
                Self::ByPart(format, &vector.values)
            }
        }
    }

    /// The values at these positions.
    fn part(&self, at: Range<usize>) -> Bytes {
        const EACH: usize = Payload::VALUE_BYTES;
        match self {
            Self::Once(bytes) => bytes.slice(at.start * EACH..at.end * EACH),
            Self::ByPart(format, values) => format.encode(&values[at]),
        }
    }
}

/// The values as they are. On little-endian machines the bytes are the vector's own memory.
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
            format: PushFormat::F32,
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
    fn a_part_in_fewer_bytes_is_read_as_its_values_rounded_by_themselves() {
        let values: Vec<f32> = (0_u8..80).map(|e| f32::from(e).powi(3)).collect();
        let vector = Arc::new(Vector {
            coverage: Arc::new(Coverage::Whole(80)),
            values,
        });
        let label = Label {
            kind: Kind::Gradient,
            format: PushFormat::Int8,
            sequence: Sequence(1),
            versions: &[Version(0); 8],
            at_read: &BTreeMap::new(),
        };
        for format in PushFormat::ALL {
            let parts = cut(&map(), Some(&vector), Label { format, ..label });
            for part in parts.values().flatten() {
                assert_eq!(PushFormat::of(part.dtype, part.codec), Some(format));
                let read = format.decode(&part.payload, 10).unwrap();
                let start = map().shard(part.shard).unwrap().elements.start;
                let start = usize::try_from(start).unwrap();
                let mut expected = vector.values[start..start + 10].to_vec();
                format.round(&mut expected);
                assert!(read.iter().eq(expected), "{format}");
            }
        }
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
            format: PushFormat::F32,
            sequence: Sequence(1),
            versions: &versions,
            at_read: &BTreeMap::new(),
        };
        let parts = cut(&map(), Some(&vector), label);
        let first = &parts[&ServerId(0)][0].payload.segments()[0];
        assert_eq!(first.as_ptr(), vector.values.as_ptr().cast());
    }
}

//! Asking servers for the elements of a coverage, and gathering what they answer.
//!
//! Before this station: the loop knows which elements the coming batches touch. After it:
//! [`crate::replica`]. Shards are in layout order and coordinates rise, so that every shard's
//! answer is one run of the gathered values.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use thalweg_common::ids::{Sequence, ServerId, ShardId, Version};
use thalweg_common::message::{Address, Coordinates, Payload, PullPart, Read};
use thalweg_common::shard_map::ShardMap;

use crate::model::Coverage;

/// What is asked of the servers for one coverage, and how much of it has come.
#[derive(Debug)]
pub struct Gather {
    slots: BTreeMap<ServerId, Vec<Slot>>,
    missing: usize,
}

/// What one shard is asked, and where its answer goes.
#[derive(Debug)]
struct Slot {
    shard: ShardId,
    /// The shard's elements.
    elements: Range<u64>,
    address: Address,
    /// Positions in the gathered values.
    at: Range<usize>,
    read: Option<Seen>,
}

/// What was read of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The shard.
    pub shard: ShardId,
    /// Its elements.
    pub elements: Range<u64>,
    /// Its version.
    pub version: Version,
    /// Own pushes up to this one are in what was read.
    pub applied: Sequence,
    /// What is to be sent back with a gradient, if the server said something.
    pub at_read: Option<AtRead>,
}

/// What a server said of elements that goes back to it with a gradient at them. Its meaning is the server's
/// affair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtRead {
    /// The elements.
    address: Address,
    /// As many bytes for each of them.
    bytes: Bytes,
}

impl AtRead {
    fn new(address: &Address, said: &Payload) -> Option<Self> {
        let bytes: Bytes = match said.segments() {
            [] => return None,
            [one] => one.clone(),
            many => many.concat().into(),
        };
        let address = address.clone();
        (!address.is_empty()).then_some(Self { address, bytes })
    }

    /// What was said of the elements of `part`, which are among those that were read.
    pub(crate) fn of(&self, part: &Address) -> Payload {
        if *part == self.address {
            return Payload::from_bytes(self.bytes.clone());
        }
        let each = self.bytes.len() / self.address.len();
        let mut said = Vec::with_capacity(part.len() * each);
        for place in offsets(part).filter_map(|offset| self.place(offset)) {
            said.extend_from_slice(&self.bytes[place * each..(place + 1) * each]);
        }
        Payload::from_bytes(said.into())
    }

    /// Where an element stands among those that were read.
    fn place(&self, offset: u32) -> Option<usize> {
        match &self.address {
            Address::Range(range) => {
                let inside = range.contains(&offset);
                inside.then(|| (offset - range.start) as usize)
            }
            Address::Coordinates(list) => list.as_slice().binary_search(&offset).ok(),
            Address::Rows { .. } => None,
        }
    }
}

/// The offsets of an address, in order; none of rows, which no worker asks for.
fn offsets(address: &Address) -> Box<dyn Iterator<Item = u32> + '_> {
    match address {
        Address::Range(range) => Box::new(range.clone()),
        Address::Coordinates(list) => Box::new(list.as_slice().iter().copied()),
        Address::Rows { .. } => Box::new(std::iter::empty()),
    }
}

impl Gather {
    /// Plans the questions for a coverage: one request per server that owns something of it, with a
    /// part for each such shard; or for every shard, of which those that own nothing of it say their
    /// version only.
    ///
    /// # Panics
    /// If the coverage has an element that the map has not.
    #[must_use]
    pub fn plan(map: &ShardMap, coverage: &Coverage, every_shard: bool) -> Self {
        let mut slots: BTreeMap<ServerId, Vec<Slot>> = BTreeMap::new();
        let mut add = |shard: ShardId, address: Address, at: Range<usize>| {
            let span = map
                .shard(shard)
                .expect("the map was cut into its own shards");
            let elements = span.elements.clone();
            let slot = Slot {
                shard,
                elements,
                address,
                at,
                read: None,
            };
            slots.entry(span.server).or_default().push(slot);
        };
        match coverage {
            Coverage::Whole(_) => {
                for (shard, span) in map.numbered() {
                    let at = position(span.elements.start)..position(span.elements.end);
                    add(shard, Address::Range(0..offset(at.len())), at);
                }
            }
            Coverage::Coordinates(list) => {
                for slice in map.slice(list) {
                    if every_shard || !slice.positions.is_empty() {
                        add(slice.shard, address(slice.offsets), slice.positions);
                    }
                }
            }
        }
        let missing = slots.len();
        Self { slots, missing }
    }

    /// The servers that own something of the coverage.
    pub fn servers(&self) -> impl Iterator<Item = ServerId> {
        self.slots.keys().copied()
    }

    /// What is asked of one server.
    #[must_use]
    pub fn parts(&self, server: ServerId) -> Vec<PullPart> {
        let part = |slot: &Slot| PullPart {
            shard: slot.shard,
            address: slot.address.clone(),
        };
        self.slots
            .get(&server)
            .into_iter()
            .flatten()
            .map(part)
            .collect()
    }

    /// Copies the answer of one server to its places in `values`, which has as many elements as the
    /// coverage.
    ///
    /// # Errors
    /// What was expected and what was found, if the answer does not fit the question; then nothing
    /// is copied.
    pub fn take(
        &mut self,
        server: ServerId,
        reads: &[Read],
        values: &mut [f32],
    ) -> Result<(), String> {
        let slots = self
            .slots
            .get_mut(&server)
            .map_or(&mut [][..], Vec::as_mut_slice);
        if slots.len() != reads.len() {
            return Err(format!(
                "{} shards of {} asked for",
                reads.len(),
                slots.len()
            ));
        }
        for (slot, read) in slots.iter().zip(reads) {
            let bytes = read.payload.bytes();
            if read.shard != slot.shard || bytes != 4 * slot.at.len() {
                return Err(format!(
                    "{bytes} bytes of shard {}; asked for {} values of shard {}",
                    read.shard,
                    slot.at.len(),
                    slot.shard
                ));
            }
        }
        if slots.first().is_some_and(|slot| slot.read.is_none()) {
            self.missing -= 1;
        }
        for (slot, read) in slots.iter_mut().zip(reads) {
            read.payload.copy_to(&mut values[slot.at.clone()]);
            slot.read = Some(Seen {
                shard: slot.shard,
                elements: slot.elements.clone(),
                version: read.version,
                applied: read.applied,
                at_read: AtRead::new(&slot.address, &read.at_read),
            });
        }
        Ok(())
    }

    /// Whether every server has answered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// What was read, shard by shard.
    pub fn seen(&self) -> impl Iterator<Item = &Seen> {
        self.slots
            .values()
            .flatten()
            .filter_map(|slot| slot.read.as_ref())
    }
}

/// The shorter of the two addresses of rising offsets: a run is named by its ends.
#[must_use]
pub(crate) fn address(offsets: Vec<u32>) -> Address {
    match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) if (last - first) as usize == offsets.len() - 1 => {
            Address::Range(*first..last + 1)
        }
        (Some(_), Some(_)) => {
            Address::Coordinates(Coordinates::new(offsets).expect("the map keeps the order"))
        }
        _ => Address::NONE,
    }
}

fn position(element: u64) -> usize {
    usize::try_from(element).expect("a whole pull is as long as the replica in memory")
}

fn offset(len: usize) -> u32 {
    u32::try_from(len).expect("a shard has fewer than 2^32 elements")
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

    fn answer(map: &ShardMap, part: &PullPart, version: u64) -> Read {
        let start = map.shard(part.shard).unwrap().elements.start;
        let offsets: Vec<u32> = match &part.address {
            Address::Range(range) => range.clone().collect(),
            Address::Coordinates(list) => list.as_slice().to_vec(),
            Address::Rows { .. } => unreachable!("never asked"),
        };
        let values: Vec<f32> = offsets
            .iter()
            .map(|o| (start + u64::from(*o)) as f32)
            .collect();
        Read {
            shard: part.shard,
            version: Version(version),
            applied: Sequence(0),
            payload: Payload::from_values(&values),
            at_read: Payload::default(),
        }
    }

    #[test]
    fn every_element_comes_to_its_place_and_idle_shards_are_not_asked() {
        let map = map();
        let sparse = vec![3, 4, 5, 17, 19, 79];
        for (coverage, len, asked) in [
            (Coverage::Whole(80), 80, 8),
            (Coverage::Coordinates(sparse.clone()), 6, 3),
            (Coverage::Coordinates(vec![]), 0, 0),
        ] {
            let mut gather = Gather::plan(&map, &coverage, false);
            let mut values = vec![-1.0; len];
            let mut parts = 0;
            for server in gather.servers().collect::<Vec<_>>() {
                assert!(!gather.is_complete());
                let reads: Vec<_> = gather
                    .parts(server)
                    .iter()
                    .map(|part| answer(&map, part, 5))
                    .collect();
                parts += reads.len();
                gather.take(server, &reads, &mut values).unwrap();
            }
            assert!(gather.is_complete());
            assert_eq!(parts, asked);
            assert_eq!(gather.seen().count(), asked);
            let expected: Vec<f32> = match coverage {
                Coverage::Whole(n) => (0..n).map(|x| x as f32).collect(),
                Coverage::Coordinates(list) => list.iter().map(|x| *x as f32).collect(),
            };
            assert_eq!(values, expected);
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_is_named_and_copies_nothing() {
        let map = map();
        let mut gather = Gather::plan(&map, &Coverage::Coordinates(vec![3, 4, 17]), false);
        let mut values = vec![-1.0; 3];
        let part = &gather.parts(ServerId(0))[0];
        let mut read = answer(&map, part, 5);
        read.payload = Payload::from_values(&[1.0]);
        let error = gather.take(ServerId(0), &[read], &mut values).unwrap_err();
        assert_eq!(error, "4 bytes of shard 0; asked for 2 values of shard 0");
        assert!(gather.take(ServerId(0), &[], &mut values).is_err());
        assert!(gather.take(ServerId(7), &[], &mut values).is_ok());
        assert_eq!(values, [-1.0; 3]);
        assert!(!gather.is_complete());
    }

    #[test]
    fn what_was_said_of_a_read_is_said_again_of_any_part_of_it() {
        let list = |offsets: &[u32]| Address::Coordinates(Coordinates::new(offsets).unwrap());
        let bytes: Vec<u8> = (0..8 * 4).collect();
        let said = Payload::from_bytes(bytes.clone().into());
        let read = AtRead::new(&list(&[2, 3, 5, 9]), &said).unwrap();
        let of = |part: &Address| read.of(part).segments().concat();
        assert_eq!(of(&list(&[2, 3, 5, 9])), bytes);
        assert_eq!(of(&Address::Range(2..4)), bytes[..16]);
        assert_eq!(of(&list(&[3, 9])), [&bytes[8..16], &bytes[24..]].concat());
        assert!(of(&Address::NONE).is_empty());
        let read = AtRead::new(&Address::Range(4..8), &said).unwrap();
        let of = |part: &Address| read.of(part).segments().concat();
        assert_eq!(of(&Address::Range(5..7)), bytes[8..24]);
        assert_eq!(of(&list(&[4, 7])), [&bytes[..8], &bytes[24..]].concat());
        assert_eq!(AtRead::new(&list(&[1]), &Payload::default()), None);
    }

    #[test]
    fn with_every_shard_asked_each_says_at_least_its_version() {
        let map = map();
        let gather = Gather::plan(&map, &Coverage::Coordinates(vec![3]), true);
        let parts: Vec<_> = gather.servers().flat_map(|s| gather.parts(s)).collect();
        assert_eq!(parts.len(), 8);
        let empty = parts.iter().filter(|part| part.address.is_empty());
        assert_eq!(empty.count(), 7);
    }

    #[test]
    fn runs_are_addressed_by_their_ends() {
        assert_eq!(address(vec![4, 5, 6]), Address::Range(4..7));
        assert_eq!(address(vec![]), Address::NONE);
        assert!(matches!(address(vec![4, 6]), Address::Coordinates(_)));
    }
}

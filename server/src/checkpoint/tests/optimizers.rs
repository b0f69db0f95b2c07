//! Every optimizer of the registry: a shard that was written, read and goes on has the bits of one that
//! never stopped.

use std::sync::Arc;

use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use thalweg_common::consistency::{Aggregation, Staleness};
use thalweg_common::ids::{
    Clock, Fingerprint, Generation, Sequence, SessionId, ShardId, Version, WorkerId,
};
use thalweg_common::message::{
    Address, Codec, Coordinates, Dtype, Kind, Outcome, Part, Payload, PushHeader,
};
use thalweg_common::non_finite::NonFinite;
use thalweg_common::optimizer::{
    GroupSpan, Initial, OPTIMIZERS, OptimizerEntry, Reader, StoreSpec,
};
use thalweg_common::push_format::PushFormat;
use thalweg_common::regularizer::Terms;
use thalweg_common::seed::{mix, unit};
use toml::Table;

use super::super::arrays::{decode, encode};
use crate::shard::{ReadBy, Shard, ShardSpec, Tuner};

const LEN: usize = 24;
const WORKER: WorkerId = WorkerId(0);

fn shard(entry: &OptimizerEntry) -> Shard {
    let (settings, l2) = (Table::new(), 0.1);
    let group = |range: std::ops::Range<usize>| GroupSpan {
        shape: vec![range.len() / 4, 4],
        range,
        lr_factor: 1.0,
        terms: Terms::l2(l2),
    };
    let store = StoreSpec {
        len: LEN,
        initial: Initial::Function(&|element| element as f32 / 8.0 - 1.0),
        groups: vec![group(0..16), group(16..LEN)],
    };
    Shard::new(ShardSpec {
        id: ShardId(3),
        store: entry.build(&settings, &store).unwrap(),
        rate: Arc::new(|progress| 0.05 / (1.0 + progress as f64 / 100.0)),
        tuner: Tuner::default(),
        at_read: entry.facts(&settings).unwrap().at_read,
        pushes: Kind::Gradient,
        format: PushFormat::F32,
        aggregation: Aggregation::Push,
        bound: Staleness::default(),
        non_finite: NonFinite::Reject,
        workers: 1,
    })
}

/// Pushes of one session, each at what it has just read of the whole shard.
struct Pusher {
    session: SessionId,
    sequence: u64,
}

impl Pusher {
    fn enlist(shard: &mut Shard, session: u64) -> Self {
        let session = SessionId(session);
        shard.enlist(WORKER, session);
        Self {
            session,
            sequence: 0,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a small shard, and gradients of f32"
    )]
    fn push(&mut self, shard: &mut Shard, chance: u64) {
        self.sequence += 1;
        let by = ReadBy {
            reader: Reader::Worker,
            session: self.session,
            until: Clock(self.sequence),
        };
        let dense = chance.is_multiple_of(2);
        let address = match dense {
            true => Address::Range(0..LEN as u32),
            false => {
                let first = (chance % 5) as u32;
                Address::Coordinates(Coordinates::new([first, first + 7, first + 19]).unwrap())
            }
        };
        let read = shard.read(by, &address).unwrap();
        let value = |at: usize| unit(mix(chance ^ at as u64)) as f32 - 0.5;
        let values: Vec<f32> = (0..address.len()).map(value).collect();
        let header = PushHeader {
            fingerprint: Fingerprint::default(),
            generation: Generation(1),
            session: self.session,
            worker: WORKER,
            clock: Clock(self.sequence),
            weight: 3,
            loss_sum: 0.0,
            rate_factor: 1.0,
            ranges: vec![],
        };
        let part = Part {
            shard: ShardId(3),
            sequence: Sequence(self.sequence),
            version_read: read.version,
            kind: Kind::Gradient,
            dtype: Dtype::F32,
            codec: Codec::Raw,
            address,
            payload: Payload::from_values(&values),
            at_read: read.at_read,
        };
        let ack = shard.push(&header, &part);
        assert!(matches!(ack.outcome, Outcome::Applied { .. }), "{ack:?}");
    }
}

fn bits(shard: &mut Shard) -> (Version, Vec<Vec<u32>>) {
    let saved = shard.save();
    let columns = saved.columns.iter();
    let bits = columns.map(|column| column.values.iter().map(|x| x.to_bits()).collect());
    (saved.version, bits.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_was_kept_goes_on_with_the_same_bits(chances in proptest::collection::vec(any::<u64>(), 2..24), cut in 0_usize..24) {
        let cut = cut.min(chances.len());
        for entry in OPTIMIZERS {
            let mut whole = shard(entry);
            let mut pusher = Pusher::enlist(&mut whole, 1);
            for chance in &chances[..cut] {
                pusher.push(&mut whole, *chance);
            }
            let (bytes, about) = encode(&whole.save()).unwrap();
            let mut back = shard(entry);
            back.load(&decode(&bytes, &about).unwrap()).unwrap();
            prop_assert_eq!(bits(&mut back), bits(&mut whole), "{}", entry.name);
            // Whoever goes on reads anew, as after a restart.
            let mut again = Pusher::enlist(&mut back, 2);
            let mut pusher = Pusher::enlist(&mut whole, 2);
            for chance in &chances[cut..] {
                again.push(&mut back, *chance);
                pusher.push(&mut whole, *chance);
            }
            prop_assert_eq!(bits(&mut back), bits(&mut whole), "{}", entry.name);
        }
    }
}

#[test]
fn a_state_of_another_optimizer_is_refused_and_changes_nothing() {
    let named = |name| OPTIMIZERS.iter().find(|entry| entry.name == name).unwrap();
    let mut momentum = shard(named("momentum"));
    let before = bits(&mut momentum);
    for other in ["sgd", "adam"] {
        let saved = shard(named(other)).save();
        momentum.load(&saved).unwrap_err();
        assert_eq!(bits(&mut momentum), before);
    }
}

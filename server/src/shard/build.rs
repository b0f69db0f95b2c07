//! From a layout and a map to the shards of one server, with their initial values.

use std::ops::Range;

use thalweg_common::ids::{ServerId, ShardId};
use thalweg_common::init::Init;
use thalweg_common::layout::ParameterLayout;
use thalweg_common::optimizer::{Initial, StoreSpec, group_spans, optimizer};
use thalweg_common::registry::SettingError;
use thalweg_common::seed::{self, Purpose};
use thalweg_common::shard_map::ShardMap;

use super::{Shard, ShardSpec};
use crate::plan::Training;

/// The shards of `server`, in layout order.
///
/// # Errors
/// [`SettingError`] if the optimizer or one of its settings is unknown or out of range.
pub(crate) fn shards(
    layout: &ParameterLayout,
    map: &ShardMap,
    server: ServerId,
    training: &Training,
) -> Result<Vec<(ShardId, Shard)>, SettingError> {
    map.of_server(server)
        .map(|(id, span)| Ok((id, shard(id, layout, &span.elements, training)?)))
        .collect()
}

fn shard(
    id: ShardId,
    layout: &ParameterLayout,
    elements: &Range<u64>,
    training: &Training,
) -> Result<Shard, SettingError> {
    let pieces = pieces(layout, elements);
    let value = |at: usize| {
        let flat = elements.start + at as u64;
        let piece = pieces.partition_point(|piece| piece.elements.end <= flat);
        let piece = &pieces[piece];
        let stream = seed::derive(training.seed, Purpose::Init, piece.tensor);
        piece.init.value(stream, flat - piece.tensor_start)
    };
    let given = |at: usize| {
        training
            .initial
            .as_ref()
            .map_or(0.0, |all| all[offset_of(elements) + at])
    };
    let zeros = pieces.iter().all(|piece| piece.init == Init::Zeros);
    let spec = StoreSpec {
        len: offset(elements, elements.end),
        initial: if training.initial.is_some() {
            Initial::Function(&given)
        } else if zeros {
            Initial::Zeros
        } else {
            Initial::Function(&value)
        },
        groups: group_spans(layout, &training.regularization, elements),
    };
    let entry = optimizer(&training.optimizer)?;
    let store = entry.build(&training.hyper_parameters, &spec)?;
    Ok(Shard::new(ShardSpec {
        id,
        store,
        rate: training.rate.clone(),
        tuner: training.tuner.clone(),
        at_read: entry.facts(&training.hyper_parameters)?.at_read,
        pushes: training.pushes,
        format: training.push_format,
        aggregation: training.aggregation,
        bound: training.staleness,
        non_finite: training.non_finite,
        workers: training.workers,
    }))
}

/// Where the shard begins in a list of all parameters.
fn offset_of(elements: &Range<u64>) -> usize {
    usize::try_from(elements.start).expect("all parameters are in memory")
}

/// The part of one tensor that lies in a shard.
struct Piece {
    elements: Range<u64>,
    tensor: u64,
    tensor_start: u64,
    init: Init,
}

fn pieces(layout: &ParameterLayout, elements: &Range<u64>) -> Vec<Piece> {
    layout
        .spans()
        .enumerate()
        .map(|(number, (span, tensor))| Piece {
            elements: span.start.max(elements.start)..span.end.min(elements.end),
            tensor: number as u64,
            tensor_start: span.start,
            init: tensor.init,
        })
        .filter(|piece| !piece.elements.is_empty())
        .collect()
}

fn offset(shard: &Range<u64>, flat: u64) -> usize {
    usize::try_from(flat - shard.start).expect("a shard fits the address space")
}

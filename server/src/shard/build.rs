//! From a layout and a map to the shards of one server, with their initial values.

use std::ops::Range;

use thalweg_common::ids::{ServerId, ShardId};
use thalweg_common::init::Init;
use thalweg_common::layout::{ParameterLayout, Tensor};
use thalweg_common::optimizer::{GroupSpan, Initial, StoreSpec, optimizer};
use thalweg_common::registry::SettingError;
use thalweg_common::regularizer::Terms;
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
    let pieces = pieces(layout, elements, training);
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
        groups: pieces
            .iter()
            .map(|piece| GroupSpan {
                range: offset(elements, piece.elements.start)..offset(elements, piece.elements.end),
                lr_factor: piece.lr_factor,
                terms: piece.terms.clone(),
                shape: piece.shape.clone(),
            })
            .collect(),
    };
    let store = optimizer(&training.optimizer)?.build(&training.hyper_parameters, &spec)?;
    Ok(Shard::new(ShardSpec {
        id,
        store,
        rate: training.rate.clone(),
        tuner: training.tuner.clone(),
        aggregation: training.aggregation,
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
    lr_factor: f64,
    terms: Terms,
    /// The tensor's sizes if all of it lies in the shard, else none.
    shape: Vec<usize>,
}

fn pieces(layout: &ParameterLayout, elements: &Range<u64>, training: &Training) -> Vec<Piece> {
    layout
        .spans()
        .enumerate()
        .map(|(number, (span, tensor))| Piece {
            elements: span.start.max(elements.start)..span.end.min(elements.end),
            tensor: number as u64,
            tensor_start: span.start,
            init: tensor.init,
            lr_factor: tensor.group.lr_factor,
            terms: training.regularization.of_tensor(number),
            shape: if elements.start <= span.start && span.end <= elements.end {
                whole_shape(tensor)
            } else {
                Vec::new()
            },
        })
        .filter(|piece| !piece.elements.is_empty())
        .collect()
}

/// The sizes of a tensor; a single number is a vector of one.
fn whole_shape(tensor: &Tensor) -> Vec<usize> {
    let size = |size: &u64| usize::try_from(*size).expect("a shard fits the address space");
    if tensor.shape.is_empty() {
        vec![1]
    } else {
        tensor.shape.iter().map(size).collect()
    }
}

fn offset(shard: &Range<u64>, flat: u64) -> usize {
    usize::try_from(flat - shard.start).expect("a shard fits the address space")
}

//! The shard map: which shard owns which elements, on which server, at which generation.

mod cut;
mod slice;

pub use slice::Slice;

use std::ops::Range;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::{Generation, ServerId, ShardId};
use crate::layout::ParameterLayout;

/// One entry of a shard map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardSpan {
    /// The flat elements that the shard owns.
    pub elements: Range<u64>,
    /// The server that holds it.
    pub server: ServerId,
}

/// What a shard must hold of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// Whole rows where that is possible: for optimizers that see one parameter at a time.
    Rows,
    /// The whole of each tensor: for optimizers and constraints that need a tensor's norm.
    Tensors,
}

/// Which shard owns which elements. Shards are numbered in layout order; they touch, and together
/// they cover the layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardMap {
    generation: Generation,
    servers: u32,
    shards: Vec<ShardSpan>,
}

/// Why a layout could not be cut.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ShardMapError {
    /// There is no server to hold a shard.
    #[error("a shard map needs at least one server; found [cluster] servers = 0")]
    NoServer,
    /// More servers than elements.
    #[error(
        "{servers} servers for {elements} elements: every server must hold at least one element; \
         set [cluster] servers to at most {elements}"
    )]
    TooManyServers {
        /// Servers asked for.
        servers: u32,
        /// Elements of the layout.
        elements: u64,
    },
    /// More servers than tensors, which must stay whole.
    #[error(
        "{servers} servers for {tensors} tensors: the optimizer or a constraint works on whole tensors, so \
         every server must hold at least one; set [cluster] servers to at most {tensors}, or choose \
         an optimizer and constraints that do not"
    )]
    TooFewTensors {
        /// Servers asked for.
        servers: u32,
        /// Tensors of the layout that have elements.
        tensors: usize,
    },
    /// A tensor that must stay whole is larger than a shard can be.
    #[error(
        "tensor `{tensor}` has {elements} elements: the optimizer or a constraint works on whole tensors, and \
         a shard holds fewer than 2^32 elements; choose an optimizer and constraints that do not"
    )]
    TensorTooLarge {
        /// The tensor's name.
        tensor: String,
        /// Its elements.
        elements: u64,
    },
    /// More elements than [`ShardMap::SHARDS_MAX`] shards can hold.
    #[error("{elements} elements need more than {max} shards", max = ShardMap::SHARDS_MAX)]
    TooManyElements {
        /// Elements of the layout.
        elements: u64,
    },
}

impl ShardMap {
    /// Elements that a shard is meant to have at most; a row longer than this is not cut.
    pub const SHARD_ELEMENTS: u64 = 1 << 20;

    /// Shards beyond which a layout is refused.
    pub const SHARDS_MAX: u64 = 1 << 16;

    /// Cuts a layout: `max(⌈elements / 1 Mi⌉, 4 × servers)` shards of nearly equal size, cut on row
    /// boundaries where a tensor has rows, dealt to the servers in turn so that neighbouring, often
    /// equally hot, shards lie apart.
    ///
    /// # Errors
    /// [`ShardMapError`] if there is no server, there are more servers than elements, or too many
    /// elements.
    pub fn plan(
        layout: &ParameterLayout,
        servers: u32,
        generation: Generation,
    ) -> Result<Self, ShardMapError> {
        Self::plan_by(Grain::Rows, layout, servers, generation)
    }

    /// As [`ShardMap::plan`], for an optimizer that needs so much of a tensor in one shard.
    ///
    /// # Errors
    /// As [`ShardMap::plan`]; for whole tensors also if there are more servers than tensors, or a
    /// tensor is too large for one shard.
    pub fn plan_by(
        grain: Grain,
        layout: &ParameterLayout,
        servers: u32,
        generation: Generation,
    ) -> Result<Self, ShardMapError> {
        let elements = layout.elements();
        if servers == 0 {
            return Err(ShardMapError::NoServer);
        }
        if u64::from(servers) > elements {
            return Err(ShardMapError::TooManyServers { servers, elements });
        }
        let count = elements
            .div_ceil(Self::SHARD_ELEMENTS)
            .max(4 * u64::from(servers));
        if count > Self::SHARDS_MAX {
            return Err(ShardMapError::TooManyElements { elements });
        }
        let cuts = match grain {
            Grain::Rows => {
                let cuts = cut::on_rows(layout, count);
                if cuts.len() < servers as usize {
                    cut::anywhere(elements, count)
                } else {
                    cuts
                }
            }
            Grain::Tensors => {
                check_tensors(layout, servers)?;
                let cuts = cut::on_tensors(layout, count);
                if cuts.len() < servers as usize {
                    cut::every_tensor(layout)
                } else {
                    cuts
                }
            }
        };
        let shards = cuts
            .into_iter()
            .zip((0..servers).cycle())
            .map(|(elements, server)| ShardSpan {
                elements,
                server: ServerId(server),
            })
            .collect();
        Ok(Self {
            generation,
            servers,
            shards,
        })
    }

    /// The number of this map.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The number of servers.
    #[must_use]
    pub fn servers(&self) -> u32 {
        self.servers
    }

    /// All shards, in layout order: the entry of [`ShardId`] `i` is at `i`.
    #[must_use]
    pub fn shards(&self) -> &[ShardSpan] {
        &self.shards
    }

    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.shards.last().map_or(0, |shard| shard.elements.end)
    }

    /// The entry of a shard, if the map has it.
    #[must_use]
    pub fn shard(&self, shard: ShardId) -> Option<&ShardSpan> {
        self.shards.get(shard.0 as usize)
    }

    /// The shards of one server, in layout order.
    pub fn of_server(&self, server: ServerId) -> impl Iterator<Item = (ShardId, &ShardSpan)> {
        self.numbered()
            .filter(move |(_, span)| span.server == server)
    }

    /// Every shard with its number, in layout order.
    pub fn numbered(&self) -> impl Iterator<Item = (ShardId, &ShardSpan)> {
        (0_u32..).map(ShardId).zip(&self.shards)
    }

    /// Cuts a sorted list of flat elements: for each shard, which part of the list it owns. Every
    /// shard gets an entry, in layout order, an empty one if it owns nothing of the list.
    #[must_use]
    pub fn slice(&self, sorted: &[u64]) -> Vec<Slice> {
        slice::slice(self, sorted)
    }
}

/// Whether whole tensors can be dealt to so many servers.
fn check_tensors(layout: &ParameterLayout, servers: u32) -> Result<(), ShardMapError> {
    let tensors = cut::every_tensor(layout).len();
    if tensors < servers as usize {
        return Err(ShardMapError::TooFewTensors { servers, tensors });
    }
    for (span, tensor) in layout.spans() {
        let elements = span.end - span.start;
        if u32::try_from(elements).is_err() {
            return Err(ShardMapError::TensorTooLarge {
                tensor: tensor.name.clone(),
                elements,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Tensor;

    fn layout(shapes: &[&[u64]]) -> ParameterLayout {
        let tensors = shapes
            .iter()
            .enumerate()
            .map(|(i, shape)| Tensor::trainable(format!("t{i}"), shape.to_vec()))
            .collect();
        ParameterLayout::new(tensors).unwrap()
    }

    #[test]
    fn shards_touch_and_cover_and_every_server_holds_some() {
        for shapes in [
            &[&[1_u64][..]][..],
            &[&[4_270], &[1]],
            &[&[42_208, 20], &[20]],
            &[&[3, 5_000_000], &[7]],
            &[&[100_000_000], &[1]],
        ] {
            for servers in [1, 2, 3, 5] {
                let layout = layout(shapes);
                let Ok(map) = ShardMap::plan(&layout, servers, Generation(1)) else {
                    assert!(layout.elements() < u64::from(servers));
                    continue;
                };
                let mut end = 0;
                for shard in map.shards() {
                    assert_eq!(shard.elements.start, end);
                    assert!(shard.elements.end > end);
                    end = shard.elements.end;
                }
                assert_eq!(end, layout.elements());
                for server in 0..servers {
                    assert!(map.of_server(ServerId(server)).next().is_some());
                }
            }
        }
    }

    #[test]
    fn rows_are_not_cut() {
        let map = ShardMap::plan(&layout(&[&[1_000, 20], &[20]]), 2, Generation(1)).unwrap();
        assert_eq!(map.shards().len(), 8);
        for shard in &map.shards()[..7] {
            assert_eq!(shard.elements.end % 20, 0);
        }
    }

    #[test]
    fn tensors_stay_whole_for_an_optimizer_that_needs_them() {
        for shapes in [
            &[&[4_270_u64][..], &[1]][..],
            &[&[3], &[5_000_000], &[7, 9], &[1]],
            &[&[1], &[1], &[1]],
        ] {
            let layout = layout(shapes);
            for servers in (1..).take(shapes.len()) {
                let map = ShardMap::plan_by(Grain::Tensors, &layout, servers, Generation(1));
                let map = map.unwrap();
                assert_eq!(map.elements(), layout.elements());
                for server in 0..servers {
                    assert!(map.of_server(ServerId(server)).next().is_some());
                }
                for (tensor, _) in layout.spans() {
                    let holds = |shard: &ShardSpan| {
                        shard.elements.start <= tensor.start && tensor.end <= shard.elements.end
                    };
                    assert!(map.shards().iter().any(holds), "{tensor:?} of {shapes:?}");
                }
            }
        }
    }

    #[test]
    fn whole_tensors_that_cannot_be_dealt_out_are_refused() {
        let plan = |shapes: &[&[u64]], servers| {
            ShardMap::plan_by(Grain::Tensors, &layout(shapes), servers, Generation(1))
        };
        assert_eq!(
            plan(&[&[1_000], &[1]], 3).unwrap_err().to_string(),
            "3 servers for 2 tensors: the optimizer or a constraint works on whole tensors, so every \
             server must hold at least one; set [cluster] servers to at most 2, or choose an \
             optimizer and constraints that do not"
        );
        assert_eq!(
            plan(&[&[1 << 33]], 1),
            Err(ShardMapError::TensorTooLarge {
                tensor: "t0".to_owned(),
                elements: 1 << 33
            })
        );
    }

    #[test]
    fn servers_without_elements_are_refused() {
        let layout = layout(&[&[3]]);
        assert_eq!(
            ShardMap::plan(&layout, 4, Generation(1)),
            Err(ShardMapError::TooManyServers {
                servers: 4,
                elements: 3
            })
        );
        assert_eq!(
            ShardMap::plan(&layout, 0, Generation(1)),
            Err(ShardMapError::NoServer)
        );
    }
}

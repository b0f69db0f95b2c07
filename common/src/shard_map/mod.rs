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
        let mut cuts = cut::on_rows(layout, count);
        if cuts.len() < servers as usize {
            cuts = cut::anywhere(elements, count);
        }
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

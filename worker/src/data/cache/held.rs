//! Blocks of cache files that are kept in memory, up to a bound, the last used ones.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::format::Block;

/// The bytes of some blocks, by where they begin; shared by threads and by the parts of a file.
#[derive(Debug)]
pub(super) struct HeldBlocks {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    blocks: HashMap<u64, Held>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Held {
    bytes: Arc<Vec<u8>>,
    last_use: u64,
}

impl HeldBlocks {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: Mutex::default(),
        }
    }

    /// The block that begins there, if it is held.
    pub(super) fn get(&self, at: u64) -> Option<Arc<Vec<u8>>> {
        let mut state = self.state.lock();
        state.uses += 1;
        let uses = state.uses;
        let held = state.blocks.get_mut(&at)?;
        held.last_use = uses;
        Some(Arc::clone(&held.bytes))
    }

    /// Whether so many bytes more can be held and all others stay.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.state.lock().bytes + bytes <= self.bytes_max
    }

    /// Holds a block in place of those whose last use is longest ago.
    pub(super) fn insert(&self, at: u64, bytes: &Arc<Vec<u8>>) {
        let mut state = self.state.lock();
        if self.bytes_max < bytes.len() || state.blocks.contains_key(&at) {
            return;
        }
        while self.bytes_max < state.bytes + bytes.len() {
            let oldest = state.blocks.iter().min_by_key(|(_, held)| held.last_use);
            let Some(oldest) = oldest.map(|(at, _)| *at) else {
                return;
            };
            if let Some(held) = state.blocks.remove(&oldest) {
                state.bytes -= held.bytes.len();
            }
        }
        state.uses += 1;
        let held = Held {
            bytes: Arc::clone(bytes),
            last_use: state.uses,
        };
        state.bytes += bytes.len();
        state.blocks.insert(at, held);
    }

    /// Bytes of these blocks that are held now.
    pub(super) fn bytes_of(&self, blocks: &[Block]) -> usize {
        let state = self.state.lock();
        let held = blocks
            .iter()
            .filter_map(|block| state.blocks.get(&block.at));
        held.map(|held| held.bytes.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::HeldBlocks;

    #[test]
    fn what_was_not_used_for_longest_makes_room_and_the_bound_holds() {
        let held = HeldBlocks::new(100);
        for at in [1, 2] {
            held.insert(at, &Arc::new(vec![0; 40]));
        }
        assert!(held.get(1).is_some() && !held.has_room(40));
        held.insert(3, &Arc::new(vec![0; 40]));
        assert!(held.get(1).is_some() && held.get(2).is_none() && held.get(3).is_some());
        held.insert(4, &Arc::new(vec![0; 101]));
        assert!(held.get(4).is_none());
        assert_eq!(held.state.lock().bytes, 80);
    }
}

//! `[checkpoint]`: how often servers write what they would return from, and how often they are started
//! again.

use serde::{Deserialize, Serialize};

use super::quantity::Seconds;

/// `[checkpoint]`. Servers that are given no folder write none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Checkpoint {
    /// Between two checkpoints; 0 for those at the start, at the end and on request alone. Default 30.
    pub every_seconds: Seconds,
    /// The newest so many are kept, ≥ 1. Default 3.
    pub keep: usize,
    /// How often `thalweg train` starts a server again that died, each of them; 0 for never, and then it
    /// keeps no checkpoints. Default 3.
    pub restarts: u32,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self {
            every_seconds: Seconds(30.0),
            keep: 3,
            restarts: 3,
        }
    }
}

//! When may a worker go on, and when does the optimizer run: two separate knobs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::Clock;

/// When a worker may start an iteration: iteration `c` may start iff every live worker's clock is
/// at least `c − lag`.
///
/// Sources: bulk-synchronous parallel (Valiant 1990, lag 0), stale-synchronous parallel
/// (Ho et al., NIPS 2013), asynchronous (no bound).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// Every worker waits for all before each iteration.
    Bsp,
    /// A worker may be at most `lag` iterations ahead of the slowest.
    Ssp {
        /// The permitted clock lag, iterations, ≥ 1.
        lag: u64,
    },
    /// No worker waits.
    Asp,
}

impl Consistency {
    /// The least clock that every live worker must have reached before one of them may start
    /// `iteration`; `None` if nobody waits.
    #[must_use]
    pub fn floor(self, iteration: Clock) -> Option<Clock> {
        match self {
            Self::Bsp => Some(iteration),
            Self::Ssp { lag } => Some(Clock(iteration.0.saturating_sub(lag))),
            Self::Asp => None,
        }
    }
}

/// In the words of the job file: `asp`, `bsp`, `ssp, lag 4`.
impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bsp => f.write_str("bsp"),
            Self::Ssp { lag } => write!(f, "ssp, lag {lag}"),
            Self::Asp => f.write_str("asp"),
        }
    }
}

/// When the optimizer of a shard takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregation {
    /// Once per push.
    Push,
    /// Once per round, on the weighted mean of the round's gradients, summed in worker order.
    Round,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_the_iteration_less_the_lag() {
        assert_eq!(Consistency::Bsp.floor(Clock(7)), Some(Clock(7)));
        assert_eq!(Consistency::Ssp { lag: 3 }.floor(Clock(7)), Some(Clock(4)));
        assert_eq!(Consistency::Ssp { lag: 30 }.floor(Clock(7)), Some(Clock(0)));
        assert_eq!(Consistency::Asp.floor(Clock(7)), None);
    }
}

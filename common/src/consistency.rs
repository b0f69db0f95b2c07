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
    /// How many iterations a worker may be ahead of the slowest; `None` if nobody counts.
    #[must_use]
    pub fn lag(self) -> Option<u64> {
        match self {
            Self::Bsp => Some(0),
            Self::Ssp { lag } => Some(lag),
            Self::Asp => None,
        }
    }

    /// The least clock that every live worker must have reached before one of them may start
    /// `iteration`; `None` if nobody waits.
    #[must_use]
    pub fn floor(self, iteration: Clock) -> Option<Clock> {
        let lag = self.lag()?;
        Some(Clock(iteration.0.saturating_sub(lag)))
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// Once per push.
    Push,
    /// Once per round, on the weighted mean of the round's gradients (or the sum of its deltas), in
    /// worker order. A round is over without the slowest `backup_workers`, whose parts are left out.
    ///
    /// Source of the latter: Chen et al., *Revisiting distributed synchronous SGD*, 2016.
    Round {
        /// Workers that a round does not wait for.
        backup_workers: u32,
    },
    /// Once as many gradients have arrived, of whichever workers, as a split of the workers has: on
    /// their weighted mean, in the order of arrival.
    ///
    /// Source: Zhang, Gupta, Lian, Liu, *Staleness-aware async-SGD*, IJCAI 2016: n-softsync.
    Softsync {
        /// The paper's n: 1 steps about once per round, the number of workers once per push.
        splits: u32,
    },
}

impl Aggregation {
    /// Whether the parts of several pushes make up one step.
    #[must_use]
    pub fn combines(self) -> bool {
        self != Self::Push
    }

    /// Workers whose clock the gate does not wait for.
    #[must_use]
    pub fn backup_workers(self) -> u32 {
        match self {
            Self::Round { backup_workers } => backup_workers,
            Self::Push | Self::Softsync { .. } => 0,
        }
    }
}

/// How the learning rate of a gradient depends on its staleness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StalenessRate {
    /// Not at all.
    #[default]
    Constant,
    /// It is divided by the staleness where that is above 1.
    ///
    /// Source: Zhang, Gupta, Lian, Liu, IJCAI 2016, equation 6, which leaves staleness 0 open.
    Inverse,
}

/// What becomes of a gradient that is staler than the job permits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeyondLimit {
    /// It is left out; its examples count as trained.
    #[default]
    Reject,
    /// Its rate is multiplied by limit/staleness.
    DownWeight,
    /// It is applied and counted.
    Count,
}

/// What the staleness of a gradient does to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Staleness {
    /// How the rate depends on it.
    pub rate: StalenessRate,
    /// The most that is permitted, steps of the shard.
    pub limit: Option<u64>,
    /// What becomes of what is beyond.
    pub beyond: BeyondLimit,
}

impl Staleness {
    /// What the rate of such a gradient is multiplied by; `None` if it is left out.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "no rate can tell 2^53 steps from one more"
    )]
    pub fn factor(&self, staleness: u64) -> Option<f64> {
        let by_rate = match self.rate {
            StalenessRate::Constant => 1.0,
            StalenessRate::Inverse => 1.0 / staleness.max(1) as f64,
        };
        match (self.is_beyond(staleness), self.beyond) {
            (false, _) | (true, BeyondLimit::Count) => Some(by_rate),
            (true, BeyondLimit::Reject) => None,
            (true, BeyondLimit::DownWeight) => {
                let limit = self.limit.unwrap_or(u64::MAX);
                Some(by_rate * limit as f64 / staleness as f64)
            }
        }
    }

    /// Whether it is more than the job permits.
    #[must_use]
    pub fn is_beyond(&self, staleness: u64) -> bool {
        self.limit.is_some_and(|limit| limit < staleness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staleness_divides_the_rate_and_its_limit_does_what_it_is_told() {
        let inverse = Staleness {
            rate: StalenessRate::Inverse,
            ..Staleness::default()
        };
        let factors = [0, 1, 2, 8].map(|staleness| inverse.factor(staleness));
        assert_eq!(factors, [1.0, 1.0, 0.5, 0.125].map(Some));
        let limited = |beyond| Staleness {
            limit: Some(4),
            beyond,
            ..Staleness::default()
        };
        for (beyond, at_five) in [
            (BeyondLimit::Reject, None),
            (BeyondLimit::DownWeight, Some(0.8)),
            (BeyondLimit::Count, Some(1.0)),
        ] {
            assert_eq!(limited(beyond).factor(4), Some(1.0));
            assert_eq!(limited(beyond).factor(5), at_five);
        }
    }

    #[test]
    fn the_floor_is_the_iteration_less_the_lag() {
        assert_eq!(Consistency::Bsp.floor(Clock(7)), Some(Clock(7)));
        assert_eq!(Consistency::Ssp { lag: 3 }.floor(Clock(7)), Some(Clock(4)));
        assert_eq!(Consistency::Ssp { lag: 30 }.floor(Clock(7)), Some(Clock(0)));
        assert_eq!(Consistency::Asp.floor(Clock(7)), None);
    }
}

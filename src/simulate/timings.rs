//! How long computing takes, and how long messages are on the way: drawn, or as it was recorded.

use std::sync::Arc;
use std::time::Duration;

use thalweg_common::physics::Distribution;
use thalweg_common::seed::mix;

/// Recorded times, played again.
#[derive(Clone, Debug)]
pub(super) enum Replayed {
    /// One after the other, and from the first again after the last; not empty.
    InOrder { times: Arc<[Duration]>, next: usize },
    /// Any of them, by draws of a stream of its own; not empty.
    AnyOf {
        times: Arc<[Duration]>,
        seed: u64,
        drawn: u64,
    },
}

impl Replayed {
    /// The next time.
    pub(super) fn next(&mut self) -> Duration {
        match self {
            Self::InOrder { times, next } => {
                let time = times[*next % times.len()];
                *next += 1;
                time
            }
            Self::AnyOf { times, seed, drawn } => {
                *drawn += 1;
                let word = mix(*seed ^ mix(*drawn));
                // The high half of the product is uniform below the length.
                let at = (u128::from(word) * times.len() as u128) >> 64;
                times[usize::try_from(at).expect("an index below a length")]
            }
        }
    }
}

/// What computing a batch takes by itself.
#[derive(Clone, Debug)]
pub(super) enum Computing {
    /// Of a distribution.
    Drawn(Distribution),
    /// As it was.
    Replayed(Replayed),
}

impl Computing {
    /// What the next batch takes, by the machine's word where it is drawn.
    pub(super) fn next(&mut self, word: u64) -> Duration {
        match self {
            Self::Drawn(distribution) => distribution.draw(word),
            Self::Replayed(replayed) => replayed.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(ms: &[u64]) -> Arc<[Duration]> {
        ms.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn recorded_times_come_in_their_order_and_then_again() {
        let mut replayed = Replayed::InOrder {
            times: times(&[3, 1, 2]),
            next: 0,
        };
        let played: Vec<_> = (0..7).map(|_| replayed.next()).collect();
        assert_eq!(played[..], times(&[3, 1, 2, 3, 1, 2, 3])[..]);
    }

    #[test]
    fn any_of_recorded_times_are_all_of_them_alike_and_a_seed_repeats_them() {
        let draw = |seed| {
            let mut any = Replayed::AnyOf {
                times: times(&[1, 2, 4]),
                seed,
                drawn: 0,
            };
            let drawn: Vec<Duration> = (0..3_000).map(|_| any.next()).collect();
            drawn
        };
        let drawn = draw(7);
        for time in times(&[1, 2, 4]).iter() {
            let count = drawn.iter().filter(|drawn| *drawn == time).count();
            assert!((900..1_100).contains(&count), "{time:?}: {count}");
        }
        assert_eq!(draw(7), drawn);
        assert_ne!(draw(8), drawn);
    }
}

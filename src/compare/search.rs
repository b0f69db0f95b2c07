//! The search for a method's best learning rate, fair to all: one grid, which widens until its best value has
//! neighbours on both sides.
//!
//! Decisions only: a rate comes out, the loss that it led to goes in.

use std::collections::BTreeMap;

/// A rate of the grid is 0.1 times a power of this.
pub(super) const FACTOR: f64 = 2.0;

const CENTRE: f64 = 0.1;

/// Powers from the one at which the search began; a search that goes further has found nothing.
const FAR: i32 = 12;

/// A search and what it has seen.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    from: i32,
    known: BTreeMap<i32, f64>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Next {
    /// This rate is to be tried, and told of.
    Try(i32),
    /// This one is the best.
    Best(i32),
}

impl Search {
    /// A search that begins at the rate of the grid next to `rate`.
    pub(crate) fn near(rate: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the logarithm of a number is small"
        )]
        let from = (rate / CENTRE).log2().round() as i32;
        Self {
            from,
            known: BTreeMap::new(),
        }
    }

    /// The rate of a power.
    pub(crate) fn rate(power: i32) -> f64 {
        CENTRE * FACTOR.powi(power)
    }

    /// Takes in the loss that a rate led to; one that is no number is worse than any.
    pub(crate) fn tell(&mut self, power: i32, loss: f64) {
        let loss = if loss.is_finite() {
            loss
        } else {
            f64::INFINITY
        };
        self.known.insert(power, loss);
    }

    /// What to do next.
    pub(crate) fn next(&self) -> Next {
        // Of equal losses the least rate: where nothing is finite, the search goes down.
        let least = self.known.iter().min_by(|a, b| a.1.total_cmp(b.1));
        let Some((best, _)) = least else {
            return Next::Try(self.from);
        };
        let unknown = [best - 1, best + 1]
            .into_iter()
            .find(|power| !self.known.contains_key(power) && (power - self.from).abs() <= FAR);
        unknown.map_or(Next::Best(*best), Next::Try)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(from: f64, loss: impl Fn(f64) -> f64) -> (f64, usize) {
        let mut search = Search::near(from);
        loop {
            match search.next() {
                Next::Try(power) => search.tell(power, loss(Search::rate(power))),
                Next::Best(power) => return (Search::rate(power), search.known.len()),
            }
        }
    }

    #[test]
    fn the_grid_widens_until_the_best_rate_has_neighbours() {
        let valley = |at: f64| move |rate: f64| (rate / at).ln().powi(2);
        for at in [0.1, 0.8, 0.003_125, 12.8] {
            let (best, tried) = found(0.1, valley(at));
            assert!((best / at - 1.0).abs() < 1e-9, "{best} beside {at}");
            assert!(3 <= tried);
        }
        assert_eq!(found(0.11, valley(0.1)).1, 3, "none is tried twice");
    }

    #[test]
    fn rates_at_which_all_diverges_are_left_downwards() {
        let cliff = |rate: f64| if 0.01 < rate { f64::NAN } else { 1.0 / rate };
        let (best, _) = found(0.1, cliff);
        assert!((best / 0.006_25 - 1.0).abs() < 1e-9, "{best}");
    }

    #[test]
    fn a_slope_without_a_valley_ends_the_search_somewhere() {
        let (best, tried) = found(0.1, |rate| 1.0 / rate);
        assert!((best / (0.1 * 4_096.0) - 1.0).abs() < 1e-9 && tried < 20);
    }
}

//! Random numbers of synthetic data: a function of a seed, and the same on every machine.

use thalweg_common::seed::{Purpose, derive, mix, near_normal};

/// A stream of numbers.
#[derive(Clone, Debug)]
pub(super) struct Draws(u64);

impl Draws {
    /// The stream `index` of a data set's seed.
    pub(super) fn new(seed: u64, index: u64) -> Self {
        Self(derive(seed, Purpose::Data, index))
    }

    fn word(&mut self) -> u64 {
        self.0 = mix(self.0);
        self.0
    }

    /// A number below a bound, which is above 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        // The high half of the product is uniform below the bound.
        let product = u128::from(self.word()) * u128::from(bound);
        u32::try_from(product >> 64).expect("a number below one of 32 bits")
    }

    /// Near normal, with mean 0 and this standard deviation.
    pub(super) fn near_normal(&mut self, std: f64) -> f64 {
        near_normal(std, self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::Draws;

    #[test]
    fn numbers_keep_to_their_bound_and_reach_every_place_below_it() {
        let mut draws = Draws::new(1, 0);
        let mut seen = [0_u32; 7];
        for _ in 0..7_000 {
            seen[draws.below(7) as usize] += 1;
        }
        assert!(
            seen.iter().all(|count| (850..1_150).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn one_seed_gives_one_stream_and_another_index_another() {
        let first = |seed, index| Draws::new(seed, index).word();
        assert_eq!(first(1, 0), first(1, 0));
        assert_ne!(first(1, 0), first(1, 1));
        assert_ne!(first(1, 0), first(2, 0));
    }
}

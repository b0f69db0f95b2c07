//! Mean and standard deviation of numbers that come in pieces.
//!
//! Source: Chan, Golub and `LeVeque`, "Updating formulae and a pairwise algorithm for computing sample
//! variances", COMPSTAT 1982, equation 2.1.

/// Moments of the numbers seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    count: f64,
    mean: f64,
    /// The sum of squares about the mean.
    about_mean: f64,
}

impl Moments {
    pub(super) fn see(&mut self, values: &[f32]) {
        for value in values {
            self.count += 1.0;
            let apart = f64::from(*value) - self.mean;
            self.mean += apart / self.count;
            self.about_mean += apart * (f64::from(*value) - self.mean);
        }
    }

    /// The mean, and the standard deviation about it, of all numbers; 0 and 0 of none.
    pub(super) fn mean_and_spread(&self) -> (f64, f64) {
        (self.mean, (self.about_mean / self.count.max(1.0)).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::Moments;

    #[test]
    fn moments_do_not_depend_on_where_the_numbers_are_cut_and_stand_far_from_zero() {
        let values = [1e6_f32, 1e6 + 2.0, 1e6 + 4.0, 1e6 + 6.0];
        for cut in 0..4 {
            let mut moments = Moments::default();
            moments.see(&values[..cut]);
            moments.see(&values[cut..]);
            let (mean, spread) = moments.mean_and_spread();
            assert!((mean - 1_000_003.0).abs() < 1e-6, "{mean}");
            assert!((spread - 5_f64.sqrt()).abs() < 1e-9, "{spread}");
        }
        assert_eq!(Moments::default().mean_and_spread(), (0.0, 0.0));
    }
}

//! Doubles in slots: a sum whose small differences count is kept as two numbers of the store's type.
//!
//! In f32 the two are the nearest single and the single nearest to the rest: 48 bits of the double's
//! 53. All arithmetic on it is in f64.

use super::real::Real;

/// The double that two slots stand for.
#[inline(always)]
pub(super) fn join<F: Real>(high: F, low: F) -> f64 {
    high.to_f64() + low.to_f64()
}

/// The two slots that stand for a double.
#[inline(always)]
pub(super) fn split<F: Real>(value: f64) -> [F; 2] {
    let high = F::of(value);
    [high, F::of(value - high.to_f64())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_gradient_is_not_lost_in_a_sum_that_is_a_billion_times_as_large() {
        let mut slots: [f32; 2] = split(1e9);
        for _ in 0..1_000 {
            slots = split(join(slots[0], slots[1]) + 1e-3);
        }
        let moved = join(slots[0], slots[1]) - 1e9;
        assert!((moved - 1.0).abs() < 1e-3, "{moved}");
        let in_f64: [f64; 2] = split(0.1);
        assert_eq!(in_f64.map(f64::to_bits), [0.1_f64, 0.0].map(f64::to_bits));
    }
}

//! Division in which 0/0 is no step.
//!
//! A rule without ε divides by zero where there never was a gradient. The guard chooses among operands,
//! which are cheap, not among results: a branch around a division would keep a loop from vectors.

use super::real::Real;

/// `above`/`below`, and 0 where `below` is 0.
#[inline(always)]
pub(super) fn quotient<F: Real>(above: F, below: F) -> F {
    let none = below == F::ZERO;
    let above = if none { F::ZERO } else { above };
    let below = if none { F::of(1.0) } else { below };
    above / below
}

#[cfg(test)]
mod tests {
    use super::quotient;

    #[test]
    fn nothing_by_zero_is_nothing_and_all_else_is_division() {
        let by = |above: f32, below| quotient(above, below).to_bits();
        for above in [0.0, -0.0, 1.0, f32::INFINITY, f32::NAN] {
            assert_eq!((by(above, 0.0), by(above, -0.0)), (0, 0), "{above}");
        }
        assert_eq!(by(1.0, 3.0), (1.0_f32 / 3.0).to_bits());
        assert!(quotient(1.0, f64::NAN).is_nan());
    }
}

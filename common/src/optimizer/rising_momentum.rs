//! Nadam's momentum, which rises from half of β to β, and the product of all its values so far.
//!
//! ```text
//! μₜ = β·(1 − ½·qᵗ),   q = 0.96^ψ
//! Πₜ = μ₁·μ₂·…·μₜ
//! ```
//!
//! A product that is carried along would be one more thing to save, and would differ after a
//! restart in another place. As ln(1 − y) = −Σ yᵏ/k and Σⱼ qᵏʲ is geometric, the product is a
//! function of t alone, with terms that fall faster than ½ᵏ:
//!
//! ```text
//! Πₜ = βᵗ · exp(−Σₖ (q/2)ᵏ/k · (1 − qᵏᵗ)/(1 − qᵏ))
//! ```

use super::rule::StepContext;

/// Terms after which the sum no longer changes in f64, with a few to spare.
const TERMS: u32 = 60;

/// The momentum around one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RisingMomentum {
    /// μₜ.
    pub(super) now: f64,
    /// μₜ₊₁.
    pub(super) next: f64,
    /// Πₜ.
    pub(super) product: f64,
}

impl RisingMomentum {
    /// The momentum at the step of `context`, for β in [0, 1) and ψ ≥ 0.
    pub(super) fn at(beta: f64, psi: f64, context: &StepContext) -> Self {
        let t = context.steps();
        let log_q = psi * 0.96_f64.ln();
        let at = |t: f64| beta * (1.0 - 0.5 * (t * log_q).exp());
        Self {
            now: at(t),
            next: at(t + 1.0),
            product: beta.powf(t) * (-log_deficit(log_q, t)).exp(),
        }
    }
}

/// Σₖ (q/2)ᵏ/k · (1 − qᵏᵗ)/(1 − qᵏ), which is −Σⱼ ln(1 − ½·qʲ) over j from 1 to t.
fn log_deficit(log_q: f64, t: f64) -> f64 {
    let (q, q_less_1) = (log_q.exp(), log_q.exp_m1());
    let (qt, qt_less_1) = ((t * log_q).exp(), (t * log_q).exp_m1());
    // qᵏ − 1 and qᵏᵗ − 1; nothing cancels in qᵏ⁺¹ − 1 = q·(qᵏ − 1) + (q − 1).
    let (mut below, mut above) = (q_less_1, qt_less_1);
    let mut power = 0.5 * q;
    let mut sum = 0.0;
    for k in 1..=TERMS {
        // At ψ = 0 every q is 1, and the geometric sum has t terms of 1.
        let terms = if below == 0.0 { t } else { above / below };
        sum += power / f64::from(k) * terms;
        power *= 0.5 * q;
        below = q * below + q_less_1;
        above = qt * above + qt_less_1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(count: u64) -> StepContext {
        StepContext {
            lr: 1.0,
            share: 1.0,
            count,
            progress: 0,
            staleness: 0,
            worker: 0,
        }
    }

    #[test]
    fn the_product_is_that_of_all_momenta_so_far() {
        for psi in [0.0, 1e-9, 0.004, 0.1, 1.0, 30.0] {
            for beta in [0.0, 0.5, 0.9, 0.99, 0.999_999] {
                let mut product = 1.0;
                for count in 1..=2_000 {
                    let rising = RisingMomentum::at(beta, psi, &context(count));
                    product *= rising.now;
                    let error = (rising.product - product).abs();
                    let scale = 1e-13 * product + f64::MIN_POSITIVE;
                    let rounding = f64::from(u32::try_from(count).unwrap());
                    assert!(
                        error <= rounding * scale,
                        "ψ {psi} β {beta} t {count}: {error:e}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_next_momentum_is_the_next_steps_own() {
        for count in 1..=100 {
            let (a, b) = (context(count), context(count + 1));
            let next = RisingMomentum::at(0.9, 0.004, &b).now;
            assert_eq!(
                RisingMomentum::at(0.9, 0.004, &a).next.to_bits(),
                next.to_bits()
            );
        }
    }
}

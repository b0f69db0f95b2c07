//! What regularizers do to the elements of a step before and after the rule.
//!
//! ```text
//! g ← g + λ·x/√(x² + ε)        smooth L1
//! g ← g + λ·x                  coupled L2
//! x ← (1 − η·λ)·x              decoupled decay
//!     (the rule)
//! x ← T(x)·s                   proximal maps
//! ```
//!
//! It is the same for every rule, so the loops here know none. What does not act costs nothing, not
//! even a rounding.

use multiversion::multiversion;

use super::real::Real;
use super::rule::{Decay, StepContext};
use crate::regularizer::Terms;
use crate::regularizer::l1_smooth::slope;
use crate::regularizer::l1_truncated::truncate;

/// The penalties of one group at one step, in the numbers that they act by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Penalties<F> {
    /// λ and ε of a smooth L1 term.
    smooth: Option<(F, F)>,
    /// λ of the coupled L2 terms.
    l2: Option<F>,
    /// 1 − η·λ of the decoupled terms.
    keep: Option<F>,
    /// What becomes of the parameter after the rule.
    shrink: Option<Shrink<F>>,
}

/// A proximal map: soft thresholding up to some size, then a factor.
#[derive(Clone, Copy, Debug)]
struct Shrink<F> {
    by: F,
    reach: F,
    scale: F,
}

impl<F: Real> Penalties<F> {
    /// The penalties of `terms` at `context` under a rule that takes L2 as `decay` says.
    pub(super) fn of(terms: &Terms, decay: Decay, context: &StepContext) -> Self {
        let pull = terms.pull(context);
        let (l2, decay) = match decay {
            Decay::Coupled => (pull.l2, pull.decay),
            Decay::Decoupled => (0.0, pull.l2 + pull.decay),
        };
        let shrinks = 0.0 < pull.shrink || pull.scale < 1.0;
        Self {
            smooth: (0.0 < pull.smooth).then(|| (F::of(pull.smooth), F::of(pull.smooth_eps))),
            l2: (0.0 < l2).then(|| F::of(l2)),
            keep: (0.0 < decay).then(|| F::of(1.0 - context.lr * decay)),
            shrink: shrinks.then(|| Shrink {
                by: F::of(pull.shrink),
                reach: F::of(pull.reach),
                scale: F::of(pull.scale),
            }),
        }
    }

    /// Whether the rule may be given a gradient as it came.
    pub(super) fn spare_the_gradient(&self) -> bool {
        self.smooth.is_none() && self.l2.is_none()
    }

    /// One element before the rule: the parameter and its gradient.
    #[inline(always)]
    pub(super) fn before(&self, x: F, g: F) -> (F, F) {
        let g = self.smooth.map_or(g, |(l1, eps)| g + slope(x, l1, eps));
        let g = self.l2.map_or(g, |l2| g + l2 * x);
        (self.keep.map_or(x, |keep| keep * x), g)
    }

    /// One element after the rule.
    #[inline(always)]
    pub(super) fn after(&self, x: F) -> F {
        self.shrink.map_or(x, |shrink| {
            truncate(x, shrink.by, shrink.reach) * shrink.scale
        })
    }

    /// [`Self::before`] for many elements, the gradient's part.
    pub(super) fn bend(&self, x: &[F], g: &mut [F]) {
        if let Some((l1, eps)) = self.smooth {
            add_slope(x, g, l1, eps);
        }
        if let Some(l2) = self.l2 {
            add_scaled(x, g, l2);
        }
    }

    /// [`Self::before`] for many elements, the parameters' part.
    pub(super) fn decay(&self, x: &mut [F]) {
        if let Some(keep) = self.keep {
            scale(x, keep);
        }
    }

    /// [`Self::after`] for many elements.
    pub(super) fn shrink(&self, x: &mut [F]) {
        if let Some(shrink) = self.shrink {
            soften(x, shrink);
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
fn add_slope<F: Real>(x: &[F], g: &mut [F], l1: F, eps: F) {
    for (g, &x) in g.iter_mut().zip(x) {
        *g = *g + slope(x, l1, eps);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
fn add_scaled<F: Real>(x: &[F], g: &mut [F], l2: F) {
    for (g, &x) in g.iter_mut().zip(x) {
        *g = *g + l2 * x;
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
fn scale<F: Real>(x: &mut [F], keep: F) {
    for x in x {
        *x = keep * *x;
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
fn soften<F: Real>(x: &mut [F], shrink: Shrink<F>) {
    for x in x {
        *x = truncate(*x, shrink.by, shrink.reach) * shrink.scale;
    }
}

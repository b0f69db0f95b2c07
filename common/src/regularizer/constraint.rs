//! What a row or a tensor must satisfy after every step, and the nearest point that does.

use std::fmt::Debug;

use serde::Deserialize;

use crate::optimizer::Real;

/// What a constraint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Each row of a tensor; a vector is one row.
    Row,
    /// A tensor as a whole.
    Tensor,
}

/// A closed convex set, and the map to its nearest point.
pub trait Projection: Debug + Send + Sync + 'static {
    /// What must lie in the set.
    fn over(&self) -> Over;

    /// Whether the point lies in the set, as well as a number of type `F` can say it.
    fn holds<F: Real>(&self, x: &[F]) -> bool;

    /// Moves a point that does not lie in the set to the nearest that does. Only called with finite
    /// numbers.
    fn nearest<F: Real>(&self, x: &mut [F]);
}

/// A [`Projection`] in both float types, behind one object-safe trait.
pub trait Constraint: Debug + Send + Sync {
    /// See [`Projection::over`].
    fn over(&self) -> Over;

    /// See [`Constraint::project_singles`]; in f64.
    fn project_doubles(&self, x: &mut [f64]);

    /// Moves `x` into the set. A point of the set stays as it is, bit for bit, so that projecting
    /// twice is projecting once; one that is not finite stays too, and shows as diverged.
    fn project_singles(&self, x: &mut [f32]);

    /// Whether the point lies in the set, as well as singles can say it.
    fn holds_singles(&self, x: &[f32]) -> bool;
}

impl<P: Projection> Constraint for P {
    fn over(&self) -> Over {
        Projection::over(self)
    }

    fn project_doubles(&self, x: &mut [f64]) {
        project(self, x);
    }

    fn project_singles(&self, x: &mut [f32]) {
        project(self, x);
    }

    fn holds_singles(&self, x: &[f32]) -> bool {
        self.holds(x)
    }
}

fn project<F: Real>(onto: &impl Projection, x: &mut [F]) {
    let finite = x.iter().all(|x| x.to_f64().is_finite());
    if finite && !onto.holds(x) {
        onto.nearest(x);
    }
}

/// Moves `x` to the nearest point whose `norm` is at most `radius`. `at` gives that point for one
/// element, prepared for a radius; where its rounding leaves the ball, it is asked for one that is
/// smaller by an ulp, then two, then four.
pub(super) fn into_ball<F: Real, M: Fn(f64) -> f64>(
    x: &mut [F],
    radius: f64,
    norm: impl Fn(&[F]) -> f64,
    at: impl Fn(f64) -> M,
) {
    let from = x.to_vec();
    let mut slack = 0.0;
    loop {
        let moved = at(radius * (1.0 - slack));
        for (x, from) in x.iter_mut().zip(&from) {
            *x = F::of(moved(from.to_f64()));
        }
        if norm(x) <= radius || 1.0 < slack {
            return;
        }
        slack = if slack == 0.0 {
            F::EPSILON
        } else {
            2.0 * slack
        };
    }
}

/// The map `u ↦ max(u − θ, 0)` with θ such that these numbers then sum to `total`, which is above 0.
///
/// All is counted from the largest number, so that no digit of the result is lost to its size.
///
/// Source: Duchi, Shalev-Shwartz, Singer, Chandra, *Efficient projections onto the ℓ1-ball for learning
/// in high dimensions*, ICML 2008, figure 1.
pub(super) fn lowered(mut numbers: Vec<f64>, total: f64) -> impl Fn(f64) -> f64 {
    numbers.sort_by(|a, b| b.total_cmp(a));
    let largest = numbers.first().copied().unwrap_or_default();
    let (mut sum, mut count, mut theta) = (0.0, 0.0, 0.0);
    for u in numbers {
        sum += u - largest;
        count += 1.0;
        let next = (sum - total) / count;
        if u - largest <= next {
            break;
        }
        theta = next;
    }
    move |u| (u - largest - theta).max(0.0)
}

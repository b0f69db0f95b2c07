//! Adafactor: a mean of squared gradients for every row and column instead of every parameter.
//!
//! ```text
//! b = t^β,  ρ = min(η, 1/√t),  α = max(ε₂, RMS(x))·ρ
//! R ← R + b·(rowmean(g²) − R)
//! C ← C + b·(colmean(g²) − C)
//! V = R·Cᵀ / max(mean(R), ε₁)              V ← V + b·(g² − V) for a vector
//! U = g / √max(V, ε₁²)
//! x ← (1 − η·λ)·x − α · U / max(1, RMS(U)/d)
//! ```
//!
//! | symbol | here | shape | meaning, unit |
//! |---|---|---|---|
//! | R | slot `row_var` | one per row of a matrix | mean of g² over the row, gradient² |
//! | C | slot `col_var` | one per column of a matrix | mean of g² over the column, gradient² |
//! | V | slot `variance`, vectors only | one per parameter of a vector | mean of g², gradient² |
//! | RMS | | one per tensor | root of the mean square, summed in f64 |
//! | β | `beta2_decay` | scalar, ≤ 0 | how fast the means come to rest |
//! | ε₁ | `eps1` | scalar, > 0 | least size of a gradient that counts |
//! | ε₂ | `eps2` | scalar, > 0 | least size of a tensor that counts |
//! | d | `d` | scalar, ≥ 1 | RMS of U above which a step is shortened |
//! | λ | the job's L2 term | scalar, ≥ 0 | decay, decoupled |
//! | η | `lr` of the step | scalar | bound of the relative step |
//! | t | `count` of the step | scalar | the shard's steps, from 1 |
//!
//! A tensor of more than two sizes is a stack of matrices over its last two.
//!
//! Source: Shazeer, Stern, *Adafactor: adaptive learning rates with sublinear memory cost*, ICML
//! 2018, algorithms 4 and 5.

use serde::Deserialize;

use crate::optimizer::descent::Descent;
use crate::optimizer::entry::{About, OptimizerEntry};
use crate::optimizer::family::{Family, RuleUser};
use crate::optimizer::matrices::{Matrices, sweep_rows};
use crate::optimizer::real::Real;
use crate::optimizer::rule::StepContext;
use crate::optimizer::sweep::sweep;
use crate::optimizer::tensor_rule::{TensorRule, TensorView, count};
use crate::registry::{Check, SettingError, positive, require};

/// Hyper-parameters of Adafactor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adafactor {
    /// β ≤ 0.
    pub beta2_decay: f64,
    /// ε₁ > 0.
    pub eps1: f64,
    /// ε₂ > 0.
    pub eps2: f64,
    /// d ≥ 1.
    pub d: f64,
}

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry::of::<Adafactor>(About {
    name: "adafactor",
    formula: "V: means of g² by row and column with weight t^beta2_decay; U = g/√max(V, eps1²); \
              x ← (1 − lr·l2)·x − max(eps2, RMS(x))·min(lr, 1/√t) · U / max(1, RMS(U)/d)",
    source: "Shazeer, Stern, ICML 2018, algorithms 4 and 5; torch.optim.Adafactor",
    differences: &[
        "eps1 is where torch has it; the paper adds it to g²",
        "lr has no default; torch's is 0.01",
        "eps1 counts as 1e-19 where it is smaller, so that a single can hold its square",
    ],
    defaults: "beta2_decay = -0.8\neps1 = 1.1920929e-7\neps2 = 1e-3\nd = 1.0\n",
    survey: None,
    descents: [
        Descent::parabola(0.1, 3_000, 1e-3),
        Descent::rosenbrock(0.03, 10_000, 1e-1),
    ],
});

impl Check for Adafactor {
    fn check(&self) -> Result<(), SettingError> {
        let decay = self.beta2_decay;
        let permitted = decay <= 0.0 && decay.is_finite();
        require(
            "beta2_decay",
            decay,
            permitted,
            "a finite number of at most 0",
            "the weight of a new gradient is t^beta2_decay, and cannot be more than all",
        )?;
        positive(
            "eps1",
            self.eps1,
            "smaller gradients count as this one, so that no quotient is infinite",
        )?;
        positive(
            "eps2",
            self.eps2,
            "it is the least size that a tensor counts as; at 0 one of zeros would never move",
        )?;
        let permitted = 1.0 <= self.d && self.d.is_finite();
        require(
            "d",
            self.d,
            permitted,
            "a finite number of at least 1",
            "longer updates are cut down to it, and the usual length of one is 1",
        )
    }
}

impl Family for Adafactor {
    fn choose<U: RuleUser>(self, user: U) -> U::Output {
        user.tensor(self)
    }
}

impl<F: Real> TensorRule<F> for Adafactor {
    const SLOT_NAMES: &'static [&'static str] = &["row_var", "col_var", "variance"];
    // Of a matrix of one row or column; of larger ones it is next to nothing.
    const SLOTS_PER_ELEMENT_MAX: usize = 2;

    fn slot_lengths(&self, shape: &[usize]) -> Vec<usize> {
        match Matrices::of(shape) {
            Some(Matrices { rows, cols, count }) => vec![rows * count, cols * count, 0],
            None => vec![0, 0, shape.iter().product()],
        }
    }

    fn update(&self, context: &StepContext, tensor: TensorView<'_, '_, F>) {
        let TensorView {
            shape,
            x,
            g,
            slots,
            l2,
        } = tensor;
        let [row_var, col_var, variance] = slots else {
            unreachable!("Adafactor has three slots")
        };
        let elements = count(x.len());
        let eps1 = self.eps1.max(EPS1_LEAST);
        let b = context.steps().powf(self.beta2_decay);
        let keep = F::of(1.0 - context.lr * l2);
        match Matrices::of(shape) {
            Some(matrices) => {
                let Matrices { rows, cols, .. } = matrices;
                let (by_row, by_col) = matrices.squares(g);
                absorb(b, row_var, &by_row, cols);
                absorb(b, col_var, &by_col, rows);
                // 1/√V is a row's root times a column's: no root for each parameter.
                let (by_row, by_col) = roots(rows, row_var, col_var, eps1);
                let by = (&by_row[..], &by_col[..]);
                let most = F::of(1.0 / eps1);
                let scaled = |[g, row, col]: [F; 3]| g * min(row * col, most);
                let [own] = sweep([], [x], |[], [x]| ([], [x]));
                let [asked] = sweep_rows(matrices, [], g, by, |[], given| ([], [scaled(given)]));
                let rate = F::of(self.rate(context, own / elements, asked / elements));
                sweep_rows(matrices, [x], g, by, |[x], given| {
                    ([keep * x - rate * scaled(given)], [])
                });
            }
            None => {
                let least = F::of(eps1 * eps1);
                let scaled = |g: F, v: F| g / v.max(least).sqrt();
                let [own, asked] = sweep([variance], [x, g], |[v], [x, g]| {
                    let v = between(v, g * g, b);
                    ([v], [x, scaled(g, v)])
                });
                let rate = F::of(self.rate(context, own / elements, asked / elements));
                sweep([x], [g, variance], |[x], [g, v]| {
                    ([keep * x - rate * scaled(g, v)], [])
                });
            }
        }
    }
}

impl Adafactor {
    /// α / max(1, RMS(U)/d), from the mean squares of x and of U.
    fn rate(&self, context: &StepContext, own: f64, asked: f64) -> f64 {
        let relative = context.lr.min(1.0 / context.steps().sqrt());
        let shorten = (asked.sqrt() / self.d).max(1.0);
        own.sqrt().max(self.eps2) * relative / shorten
    }
}

/// The least ε₁ whose square a single can hold.
const EPS1_LEAST: f64 = 1e-19;

/// √(max(mean(R), ε₁)/R) for each row and √(1/C) for each column; infinite where nothing was seen.
fn roots<F: Real>(rows: usize, row_var: &[F], col_var: &[F], eps1: f64) -> (Vec<F>, Vec<F>) {
    let root = |mean: F, var: F| (mean / var).sqrt();
    let mut by_row = Vec::with_capacity(row_var.len());
    for own in row_var.chunks(rows.max(1)) {
        let total = own.iter().fold(0.0, |sum, var| sum + var.to_f64());
        let mean = F::of((total / count(rows)).max(eps1));
        by_row.extend(own.iter().map(|&var| root(mean, var)));
    }
    let by_col = col_var.iter().map(|&var| root(F::of(1.0), var));
    (by_row, by_col.collect())
}

/// old + b·(new − old), from the nearer end: so that `b = 1` forgets the old value wholly, however much
/// larger it was.
#[inline(always)]
fn between<F: Real>(old: F, new: F, b: f64) -> F {
    if b < 0.5 {
        old + F::of(b) * (new - old)
    } else {
        new - F::of(1.0 - b) * (new - old)
    }
}

/// Brings means nearer to those of g², whose sums over `len` elements each are `squares`.
fn absorb<F: Real>(b: f64, means: &mut [F], squares: &[f64], len: usize) {
    for (mean, square) in means.iter_mut().zip(squares) {
        *mean = between(*mean, F::of(square / count(len)), b);
    }
}

/// The smaller of two; the first if it is NaN.
#[inline(always)]
fn min<F: Real>(a: F, b: F) -> F {
    if b < a { b } else { a }
}

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
use crate::optimizer::real::Real;
use crate::optimizer::rule::StepContext;
use crate::optimizer::tensor_rule::{TensorRule, TensorView, count, norm, square, sum};
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
        "where V is zero and eps1² is too small for a single, there is no step",
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

/// A stack of matrices, row-major.
#[derive(Clone, Copy, Debug)]
struct Matrices {
    rows: usize,
    cols: usize,
    count: usize,
}

impl Matrices {
    /// The matrices of a tensor; `None` for a vector.
    fn of(shape: &[usize]) -> Option<Self> {
        let [stack @ .., rows, cols] = shape else {
            return None;
        };
        Some(Self {
            rows: *rows,
            cols: *cols,
            count: stack.iter().product(),
        })
    }

    /// Brings the row and column means nearer to those of g², with weight `b`.
    fn absorb<F: Real>(&self, b: f64, g: &[F], row_var: &mut [F], col_var: &mut [F]) {
        let Self { rows, cols, .. } = *self;
        let toward = |old: F, total: f64, len: usize| between(old, F::of(total / count(len)), b);
        for (row, var) in row_var.iter_mut().enumerate() {
            let total = sum(cols, |col| square(g[row * cols + col]));
            *var = toward(*var, total, cols);
        }
        for (at, var) in col_var.iter_mut().enumerate() {
            let first = at / cols * rows * cols + at % cols;
            let total = sum(rows, |row| square(g[first + row * cols]));
            *var = toward(*var, total, rows);
        }
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
        let t = context.steps();
        let b = t.powf(self.beta2_decay);
        let least = F::of(self.eps1 * self.eps1);
        match Matrices::of(shape) {
            Some(matrices) => {
                matrices.absorb(b, g, row_var, col_var);
                let Matrices { rows, cols, .. } = matrices;
                let means: Vec<F> = row_var
                    .chunks(rows.max(1))
                    .map(|own| sum(rows, |row| own[row].to_f64()) / count(rows))
                    .map(|mean| F::of(mean.max(self.eps1)))
                    .collect();
                let scaled = |i: usize| {
                    let (row, matrix) = (i / cols, i / (rows * cols));
                    let v = row_var[row] * col_var[matrix * cols + i % cols] / means[matrix];
                    quotient(g[i], v.max(least))
                };
                self.apply(context, l2, x, scaled);
            }
            None => {
                for (v, &g) in variance.iter_mut().zip(g) {
                    *v = between(*v, g * g, b);
                }
                self.apply(context, l2, x, |i| quotient(g[i], variance[i].max(least)));
            }
        }
    }
}

impl Adafactor {
    /// Moves `x` by U, which is `scaled`.
    fn apply<F: Real>(
        &self,
        context: &StepContext,
        l2: f64,
        x: &mut [F],
        scaled: impl Fn(usize) -> F,
    ) {
        let elements = count(x.len()).sqrt();
        let size = norm(x.len(), |i| x[i]) / elements;
        let relative = context.lr.min(1.0 / context.steps().sqrt());
        let shorten = (norm(x.len(), &scaled) / (elements * self.d)).max(1.0);
        let rate = F::of(size.max(self.eps2) * relative / shorten);
        let keep = F::of(1.0 - context.lr * l2);
        for (i, x) in x.iter_mut().enumerate() {
            *x = keep * *x - rate * scaled(i);
        }
    }
}

/// old + b·(new − old), from the nearer end: so that `b = 1` forgets the old value wholly, however much
/// larger it was.
fn between<F: Real>(old: F, new: F, b: f64) -> F {
    if b < 0.5 {
        old + F::of(b) * (new - old)
    } else {
        new - F::of(1.0 - b) * (new - old)
    }
}

/// g/√v, and 0 where v is 0.
fn quotient<F: Real>(g: F, v: F) -> F {
    if v == F::ZERO { v } else { g / v.sqrt() }
}

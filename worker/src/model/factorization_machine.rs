//! Factorisation machine: a linear model, and a weight for each pair of features that is the inner
//! product of two short vectors. So pairs that never met in training have a weight, too.
//!
//! ```text
//! s = b + Σⱼ wⱼ vⱼ + Σ_{j<l} ⟨xⱼ, xₗ⟩ vⱼ vₗ
//!   = b + Σⱼ wⱼ vⱼ + ½ Σₖ ((Σⱼ vⱼ xⱼₖ)² − Σⱼ (vⱼ xⱼₖ)²)
//! ∂s/∂xⱼₖ = vⱼ (Σₗ vₗ xₗₖ − vⱼ xⱼₖ)
//! ```
//!
//! The second line is what is computed: rank times the non-zeros of a row, and not their square.
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | b | tensor `bias`, not regularized | one |
//! | w | tensor `linear` | one per feature |
//! | x | tensor `factors`, at first normal(0, `init_std`) | [features, rank] |
//! | v | the values of a row | sparse |
//!
//! Source: Rendle, "Factorization machines", ICDM 2010, of degree 2; equation 1, lemma 3.1 and
//! equation 4.

use std::{cell::RefCell, sync::Arc};

use serde::Deserialize;
use thalweg_common::{
    init::Init,
    layout::{ParameterLayout, Tensor},
};

use super::{
    Coverage, Located, Model, ModelEntry, ModelError, Output, Shape,
    factors::{FactorLayout, Row},
    linear::{mean_share, narrow},
    loss::ScoreLoss,
    registry::{Laws, positive, read_keys},
};
use crate::data::{Rows, Task};

pub(super) const ENTRY: ModelEntry = ModelEntry {
    name: NAME,
    laws: Laws::in_row_order(&["rank = 3", "rank = 1"]),
    about: "two classes or real labels, a weight per feature and a vector per feature whose inner \
            products are the weights of pairs",
    source: "Rendle, ICDM 2010",
    keys: "rank = 8\ninit_std = 0.01",
    check: |keys| read(keys).map(drop),
    build,
};

const NAME: &str = "factorization_machine";

thread_local! {
    /// Σⱼ vⱼ xⱼ of one row. A model is shared by threads, and a batch must not allocate.
    static SUMS: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    rank: u32,
    init_std: f64,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            rank: 8,
            init_std: 0.01,
        }
    }
}

fn read(keys: &toml::Table) -> Result<Keys, ModelError> {
    let keys: Keys = read_keys(NAME, keys)?;
    positive(NAME, "rank", keys.rank.into())?;
    positive(NAME, "init_std", keys.init_std)?;
    Ok(keys)
}

fn build(keys: &toml::Table, shape: &Shape) -> Result<Arc<dyn Model>, ModelError> {
    let keys = read(keys)?;
    let (output, loss) = match shape.task {
        Task::Binary => (Output::Logit, ScoreLoss::Logistic),
        Task::Real => (Output::Value, ScoreLoss::Squared),
        Task::Classes(_) => {
            return Err(ModelError::WrongTask {
                model: NAME,
                expected: "two classes or real labels",
                found: shape.task,
                mend: "use softmax_regression or mlp for more classes",
            });
        }
    };
    let rank = u64::from(keys.rank);
    let mut factors = Tensor::trainable("factors", vec![shape.features, rank]);
    factors.init = Init::Normal { std: keys.init_std };
    let layout = ParameterLayout::new(vec![
        Tensor::trainable("bias", vec![1]).unregularized(),
        Tensor::trainable("linear", vec![shape.features]),
        factors,
    ])?;
    Ok(Arc::new(FactorizationMachine {
        factors: FactorLayout::new(layout, shape.features, keys.rank),
        rank: keys.rank as usize,
        output,
        loss,
    }))
}

#[derive(Clone, Debug)]
struct FactorizationMachine {
    factors: FactorLayout,
    rank: usize,
    output: Output,
    loss: ScoreLoss,
}

impl FactorizationMachine {
    /// Calls `each` with every row's number, non-zeros, sums Σⱼ vⱼ xⱼ and score.
    fn with_scores(
        &self,
        rows: &Rows,
        located: &Located,
        x: &[f32],
        mut each: impl FnMut(usize, Row<'_>, &[f64], f64),
    ) {
        SUMS.with_borrow_mut(|sums| {
            sums.resize(self.rank, 0.0);
            for number in 0..rows.len() {
                let row = Row::of(rows, located, rows.span(number));
                let bias = f64::from(x[located.tensors[0] as usize]);
                let score = bias + score(row, x, sums);
                each(number, row, sums, score);
            }
        });
    }
}

/// The score without the bias; replaces `sums` by Σⱼ vⱼ xⱼ.
fn score(row: Row<'_>, x: &[f32], sums: &mut [f64]) -> f64 {
    sums.fill(0.0);
    let linear = row.sum(x, sums);
    let mut own_pairs = 0.0;
    for (value, _, factors) in row.each() {
        for factor in &x[factors..][..sums.len()] {
            own_pairs += (value * f64::from(*factor)).powi(2);
        }
    }
    let all_pairs: f64 = sums.iter().map(|sum| sum * sum).sum();
    linear + 0.5 * (all_pairs - own_pairs)
}

impl Model for FactorizationMachine {
    fn layout(&self) -> &ParameterLayout {
        &self.factors.layout
    }

    fn output(&self) -> Output {
        self.output
    }

    fn touched(&self, rows: &Rows, out: &mut Vec<u64>) {
        self.factors.touched(rows, out);
    }

    fn locate(
        &self,
        rows: &Rows,
        coverage: &Coverage,
        out: &mut Located,
    ) -> Result<(), ModelError> {
        self.factors.locate(rows, coverage, out)
    }

    fn gradient(&self, rows: &Rows, located: &Located, x: &[f32], gradient: &mut [f32]) -> f64 {
        let share = mean_share(rows);
        let mut losses = 0.0;
        self.with_scores(rows, located, x, |number, row, sums, score| {
            let at = self.loss.at(f64::from(rows.labels()[number]), score);
            let weight = rows.weight(number);
            losses += weight * at.loss;
            let slope = weight * at.slope * share;
            gradient[located.tensors[0] as usize] += narrow(slope);
            for (value, linear, factors) in row.each() {
                gradient[linear] += narrow(slope * value);
                let factors = factors..factors + sums.len();
                let slopes = gradient[factors.clone()].iter_mut();
                for ((element, factor), sum) in slopes.zip(&x[factors]).zip(sums) {
                    *element += narrow(slope * value * (sum - value * f64::from(*factor)));
                }
            }
        });
        losses
    }

    fn scores(&self, rows: &Rows, located: &Located, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        self.with_scores(rows, located, x, |_, _, _, score| out.push(narrow(score)));
    }

    fn loss(&self, label: f32, scores: &[f32]) -> f64 {
        self.loss.at(f64::from(label), f64::from(scores[0])).loss
    }
}

#[cfg(test)]
mod tests {
    use crate::data::{Rows, Task};
    use crate::model::{Coverage, Located, Shape, build};

    /// b = 0.5, w = (1, 2, 3), x = (1, 2), (3, −1), (0.5, 4).
    const X: [f32; 10] = [0.5, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, -1.0, 0.5, 4.0];

    #[test]
    fn the_score_is_the_sum_over_pairs() {
        let shape = Shape::plain(3, Task::Real);
        let model = build(
            "factorization_machine",
            &"rank = 2".parse().unwrap(),
            &shape,
        )
        .unwrap();
        let mut rows = Rows::new();
        rows.push(0, 0.0, &[0, 1, 2], &[2.0, -1.0, 0.5]);
        rows.push(1, 0.0, &[1], &[3.0]);
        rows.push(2, 0.0, &[], &[]);
        let (mut located, mut scores) = (Located::default(), Vec::new());
        model
            .locate(&rows, &Coverage::Whole(10), &mut located)
            .unwrap();
        model.scores(&rows, &located, &X, &mut scores);
        // Of the pairs (0, 1), (0, 2) and (1, 2) the inner products are 1, 8.5 and −2.5, the products of
        // values −2, 1 and −½.
        let pairs = -2.0 + 8.5 + 2.5 * 0.5;
        let expected = [0.5 + 2.0 - 2.0 + 1.5 + pairs, 0.5 + 6.0, 0.5];
        for (found, expected) in scores.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{scores:?}");
        }
    }

    #[test]
    fn impossible_keys_are_refused_by_name() {
        for (keys, words) in [
            ("rank = 0", "`rank` is 0"),
            ("init_std = 0.0", "`init_std` is 0"),
            ("init_std = inf", "`init_std` is inf"),
        ] {
            let keys = keys.parse().unwrap();
            let shape = Shape::plain(3, Task::Real);
            let refused = build("factorization_machine", &keys, &shape).unwrap_err();
            assert!(refused.to_string().contains(words), "{refused}");
        }
    }
}

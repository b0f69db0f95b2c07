//! Logistic regression with a counter beside every weight: for runs that are to show that every push is in the
//! parameters exactly once.
//!
//! ```text
//! s = Σⱼ wⱼ vⱼ      loss = ln(1 + e^(−label · s)) − u Σⱼ cⱼ      u = 2⁻²⁴
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | w | first column of the tensor `counted` | one per feature |
//! | c | second column of it | one per feature |
//! | v | the values of a row | sparse |
//!
//! Whatever the rows, the gradient of each c is −u: under plain SGD at a constant rate η that is a power of two,
//! each push adds η·u to each counter, exactly as long as a counter has less than 2²⁴ of them. Counters lie between the weights, so that every shard has some. They
//! are so small that they change no loss that anybody would look at, and they are in no score.

use std::sync::Arc;

use thalweg_common::layout::{ParameterLayout, Tensor};
use thalweg_common::registry;

use super::{
    Coverage, Located, Model, ModelEntry, ModelError, Output, Shape,
    linear::{mean_share, narrow},
    loss::ScoreLoss,
    registry::Laws,
};
use crate::data::{Rows, Task};

pub(super) const ENTRY: ModelEntry = ModelEntry {
    name: NAME,
    laws: Laws::in_row_order(&[""]),
    about: "logistic regression with a counter beside every weight, which counts pushes under sgd",
    source: "own",
    keys: "",
    check: |keys| {
        registry::read::<Keys>(NAME, keys)
            .map(drop)
            .map_err(Into::into)
    },
    build,
};

const NAME: &str = "counter";

/// The tensor: a weight and a counter for each feature.
pub const COUNTED: &str = "counted";

/// The negative slope of the loss by each counter.
pub const COUNTER_UNIT: f64 = 1.0 / (1 << 24) as f64;

/// Elements of a feature.
const WIDTH: u64 = 2;

/// It has none.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {}

fn build(keys: &toml::Table, shape: &Shape) -> Result<Arc<dyn Model>, ModelError> {
    registry::read::<Keys>(NAME, keys)?;
    if shape.task != Task::Binary {
        return Err(ModelError::WrongTask {
            model: NAME,
            expected: "two classes",
            found: shape.task,
            mend: "use the data set \"steady\"",
        });
    }
    let tensor = Tensor::trainable(COUNTED, vec![shape.features, WIDTH]);
    Ok(Arc::new(Counter {
        layout: ParameterLayout::new(vec![tensor])?,
    }))
}

#[derive(Clone, Debug)]
struct Counter {
    layout: ParameterLayout,
}

impl Counter {
    /// u times the sum of the counters.
    fn bonus(x: &[f32]) -> f64 {
        let counters = x.iter().skip(1).step_by(2);
        COUNTER_UNIT * counters.map(|x| f64::from(*x)).sum::<f64>()
    }
}

impl Model for Counter {
    fn layout(&self) -> &ParameterLayout {
        &self.layout
    }

    fn output(&self) -> Output {
        Output::Logit
    }

    fn touched(&self, rows: &Rows, out: &mut Vec<u64>) {
        out.clear();
        if !rows.is_empty() {
            out.extend(0..self.layout.elements());
        }
    }

    fn locate(
        &self,
        rows: &Rows,
        coverage: &Coverage,
        out: &mut Located,
    ) -> Result<(), ModelError> {
        coverage.check_size()?;
        out.clear();
        if rows.is_empty() {
            return Ok(());
        }
        // All are there, so that an element is at its own index.
        coverage.find(0, self.layout.elements(), 0)?;
        for feature in rows.features() {
            out.features
                .push(coverage.find(u64::from(*feature) * WIDTH, WIDTH, 0)?);
        }
        Ok(())
    }

    fn gradient(&self, rows: &Rows, located: &Located, x: &[f32], gradient: &mut [f32]) -> f64 {
        let (share, bonus) = (mean_share(rows), Self::bonus(x));
        let mut losses = 0.0;
        for (row, label) in rows.labels().iter().enumerate() {
            let span = rows.span(row);
            let (places, values) = (&located.features[span.clone()], &rows.values()[span]);
            let at = ScoreLoss::Logistic.at(f64::from(*label), score(places, values, x));
            let weight = rows.weight(row);
            losses += weight * (at.loss - bonus);
            let slope = narrow(weight * at.slope * share);
            for (place, value) in places.iter().zip(values) {
                gradient[*place as usize] += slope * value;
            }
            let step = narrow(weight * share * COUNTER_UNIT);
            for counter in gradient.iter_mut().skip(1).step_by(2) {
                *counter -= step;
            }
        }
        losses
    }

    fn scores(&self, rows: &Rows, located: &Located, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.extend((0..rows.len()).map(|row| {
            let span = rows.span(row);
            let places = &located.features[span.clone()];
            narrow(score(places, &rows.values()[span], x))
        }));
    }

    fn loss(&self, label: f32, scores: &[f32]) -> f64 {
        ScoreLoss::Logistic
            .at(f64::from(label), f64::from(scores[0]))
            .loss
    }
}

/// The non-zeros in their order.
fn score(places: &[u32], values: &[f32], x: &[f32]) -> f64 {
    let terms = places.iter().zip(values);
    terms.fold(0.0, |score, (place, value)| {
        score + f64::from(*value) * f64::from(x[*place as usize])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_a_rate_that_is_a_power_of_two_every_batch_counts_exactly_one() {
        let shape = Shape::plain(5, Task::Binary);
        let model = build(&toml::Table::new(), &shape).unwrap();
        let mut rows = Rows::new();
        for number in 0..32 {
            rows.push(number, 1.0, &[0, 3], &[1.0, -2.0]);
        }
        let whole = Coverage::Whole(10);
        let mut located = Located::default();
        model.locate(&rows, &whole, &mut located).unwrap();
        let (mut x, lr) = (vec![0.0_f32; 10], 0.25_f32);
        for _ in 0..1_000 {
            let mut gradient = vec![0.0; 10];
            model.gradient(&rows, &located, &x, &mut gradient);
            for (x, gradient) in x.iter_mut().zip(&gradient) {
                *x -= lr * gradient;
            }
        }
        for pair in x.chunks(2) {
            let counted = f64::from(pair[1]) / (0.25 * COUNTER_UNIT);
            assert_eq!(counted.to_bits(), 1_000_f64.to_bits());
        }
        assert!(
            x[0] != 0.0 && x[2].abs() < f32::EPSILON,
            "weights are learnt beside them"
        );
        let mut scores = vec![];
        model.scores(&rows, &located, &x, &mut scores);
        assert_eq!(
            scores[0].to_bits(),
            (x[0] - 2.0 * x[6]).to_bits(),
            "no counter is in a score"
        );
    }
}

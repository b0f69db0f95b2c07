//! Linear support vector machine: two classes, one weight per feature, the hinge loss. The score is
//! a margin and no logarithm of odds, so that it has no log-loss; the other half of the machine, the
//! penalty on w, is the job's `[regularizer]`.
//!
//! ```text
//! s = b + Σⱼ wⱼ vⱼ      hinge: loss = max(0, 1 − label · s)      squared_hinge: its square
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | w | tensor `weight` | one per feature |
//! | b | tensor `bias`, not regularized | one |
//! | v | the values of a row | sparse |
//!
//! Source: Cortes and Vapnik, "Support-vector networks", Machine Learning 20 (1995).

use std::sync::Arc;

use serde::Deserialize;

use super::{
    Model, ModelEntry, ModelError, Output, Shape,
    linear::{LinearLayout, OneScore},
    loss::ScoreLoss,
    registry::{Laws, read_keys},
};
use crate::data::Task;

pub(super) const ENTRY: ModelEntry = ModelEntry {
    name: NAME,
    laws: Laws::in_row_order(&["loss = 'hinge'", "loss = 'squared_hinge'", "bias = false"]),
    about: "two classes, one weight per feature, hinge loss or its square",
    source: "Cortes and Vapnik, Machine Learning 20 (1995)",
    keys: "bias = true\nloss = \"hinge\"",
    check: |keys| read_keys::<Keys>(NAME, keys).map(drop),
    build,
};

const NAME: &str = "linear_svm";

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    bias: bool,
    loss: Loss,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Loss {
    Hinge,
    SquaredHinge,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            bias: true,
            loss: Loss::Hinge,
        }
    }
}

fn build(keys: &toml::Table, shape: &Shape) -> Result<Arc<dyn Model>, ModelError> {
    let keys: Keys = read_keys(NAME, keys)?;
    if shape.task != Task::Binary {
        return Err(ModelError::WrongTask {
            model: NAME,
            expected: "two classes",
            found: shape.task,
            mend: "use softmax_regression for classes, linear_regression for real labels",
        });
    }
    let loss = match keys.loss {
        Loss::Hinge => ScoreLoss::Hinge,
        Loss::SquaredHinge => ScoreLoss::SquaredHinge,
    };
    let linear = LinearLayout::vector(shape.features, keys.bias.into())?;
    Ok(Arc::new(OneScore::new(linear, Output::Margin, loss)))
}

//! Linear regression: real labels, one weight per feature, least squares or Huber's loss, which far
//! labels pull no harder than near ones.
//!
//! ```text
//! s = b + Σⱼ wⱼ vⱼ      e = s − label
//! squared: loss = ½ e²      huber: loss = ½ e² if |e| ≤ δ, else δ (|e| − ½ δ)
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | w | tensor `weight` | one per feature |
//! | b | tensor `bias`, not regularized | one |
//! | v | the values of a row | sparse |
//! | δ | `delta` | scalar > 0, in units of the labels |
//!
//! Sources: Gauss, Theoria combinationis observationum erroribus minimis obnoxiae (1823); Huber,
//! Annals of Mathematical Statistics 35 (1964).

use std::sync::Arc;

use serde::Deserialize;

use super::{
    Model, ModelEntry, ModelError, Output, Shape,
    linear::{LinearLayout, OneScore},
    loss::ScoreLoss,
    registry::{Laws, positive, read_keys},
};
use crate::data::Task;

pub(super) const ENTRY: ModelEntry = ModelEntry {
    name: NAME,
    laws: Laws::in_row_order(&["bias = true", "bias = false", "loss = 'huber'\ndelta = 0.5"]),
    about: "real labels, one weight per feature, half the squared error or Huber's loss",
    source: "Gauss, Theoria combinationis (1823); Huber, Annals of Mathematical Statistics 35 (1964)",
    keys: "bias = true\nloss = \"squared\"\ndelta = 1.0",
    check: |keys| read(keys).map(drop),
    build,
};

const NAME: &str = "linear_regression";

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    bias: bool,
    loss: Loss,
    delta: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Loss {
    Squared,
    Huber,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            bias: true,
            loss: Loss::Squared,
            delta: 1.0,
        }
    }
}

fn read(keys: &toml::Table) -> Result<Keys, ModelError> {
    let keys: Keys = read_keys(NAME, keys)?;
    positive(NAME, "delta", keys.delta)?;
    Ok(keys)
}

fn build(keys: &toml::Table, shape: &Shape) -> Result<Arc<dyn Model>, ModelError> {
    let keys = read(keys)?;
    if shape.task != Task::Real {
        return Err(ModelError::WrongTask {
            model: NAME,
            expected: "real labels",
            found: shape.task,
            mend: "set task = \"real\" in [data], or use logistic_regression or softmax_regression",
        });
    }
    let linear = LinearLayout::vector(shape.features, keys.bias.into())?;
    let loss = match keys.loss {
        Loss::Squared => ScoreLoss::Squared,
        Loss::Huber => ScoreLoss::Huber(keys.delta),
    };
    Ok(Arc::new(OneScore::new(linear, Output::Value, loss)))
}

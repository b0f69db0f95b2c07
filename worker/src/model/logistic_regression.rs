//! Logistic regression: two classes, one weight per feature.
//!
//! ```text
//! s = b + Σⱼ wⱼ vⱼ      P(+1) = 1 / (1 + e⁻ˢ)      loss = ln(1 + e^(−label · s))
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | w | tensor `weight` | one per feature |
//! | b | tensor `bias`, not regularized | one |
//! | v | the values of a row | sparse |
//!
//! Source: Cox, Journal of the Royal Statistical Society B 20 (1958).

use std::sync::Arc;

use super::{
    Model, ModelEntry, ModelError, Output, Shape,
    linear::{LinearLayout, OneScore},
    loss::ScoreLoss,
    registry::{Laws, LinearKeys, read_keys},
};
use crate::data::Task;

pub(super) const ENTRY: ModelEntry = ModelEntry {
    name: NAME,
    laws: Laws::in_row_order(&["bias = true", "bias = false"]),
    about: "two classes, one weight per feature, logistic loss",
    source: "Cox, Journal of the Royal Statistical Society B 20 (1958)",
    keys: "bias = true",
    check: |keys| read_keys::<LinearKeys>(NAME, keys).map(drop),
    build,
};

const NAME: &str = "logistic_regression";

fn build(keys: &toml::Table, shape: &Shape) -> Result<Arc<dyn Model>, ModelError> {
    let keys: LinearKeys = read_keys(NAME, keys)?;
    if shape.task != Task::Binary {
        return Err(ModelError::WrongTask {
            model: NAME,
            expected: "two classes",
            found: shape.task,
            mend: "use softmax_regression for classes, linear_regression for real labels",
        });
    }
    let linear = LinearLayout::vector(shape.features, keys.bias.into())?;
    Ok(Arc::new(OneScore::new(
        linear,
        Output::Logit,
        ScoreLoss::Logistic,
    )))
}

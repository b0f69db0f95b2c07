//! Linear regression: real labels, one weight per feature, least squares.
//!
//! ```text
//! s = b + Σⱼ wⱼ vⱼ      loss = ½ (s − label)²
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | w | tensor `weight` | one per feature |
//! | b | tensor `bias`, not regularized | one |
//! | v | the values of a row | sparse |
//!
//! Source: Gauss, Theoria combinationis observationum erroribus minimis obnoxiae (1823).

use std::sync::Arc;

use super::{
    Model, ModelEntry, ModelError, Output, Shape,
    linear::{LinearLayout, OneScore},
    loss::squared,
    registry::{LinearKeys, read_keys},
};
use crate::data::Task;

pub(super) const ENTRY: ModelEntry = ModelEntry {
    name: NAME,
    about: "real labels, one weight per feature, half the squared error",
    source: "Gauss, Theoria combinationis (1823)",
    keys: "bias = true",
    check: |keys| read_keys::<LinearKeys>(NAME, keys).map(drop),
    build,
};

const NAME: &str = "linear_regression";

fn build(keys: &toml::Table, shape: &Shape) -> Result<Arc<dyn Model>, ModelError> {
    let keys: LinearKeys = read_keys(NAME, keys)?;
    if shape.task != Task::Real {
        return Err(ModelError::WrongTask {
            model: NAME,
            expected: "real labels",
            found: shape.task,
            mend: "set task = \"real\" in [data], or use logistic_regression or softmax_regression",
        });
    }
    let linear = LinearLayout::vector(shape.features, keys.bias.into())?;
    Ok(Arc::new(OneScore::new(linear, Output::Value, squared)))
}

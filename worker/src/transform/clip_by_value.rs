//! Clipping by value: no element of a gradient is larger than a bound.
//!
//! ```text
//! gᵢ ← max(−c, min(c, gᵢ))
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | c | `max_value` | bound, > 0, gradient |
//!
//! The direction changes. NaN stays NaN.
//!
//! Source: Mikolov, *Statistical language models based on neural networks*, doctoral thesis, Brno 2012,
//! section 3.2.2. Agrees with `torch.nn.utils.clip_grad_value_`.

use serde::Deserialize;
use thalweg_common::registry::{Check, SettingError, positive};

use super::{Batch, Transform, TransformEntry, make};
use crate::model::Coverage;

pub(super) const ENTRY: TransformEntry = TransformEntry {
    name: "clip_by_value",
    formula: "g ← max(−max_value, min(max_value, g)), element by element",
    source: "Mikolov, doctoral thesis, Brno 2012",
    differences: &[],
    defaults: "max_value = 1.0\n",
    make: make::<ClipByValue>,
};

/// Settings of clipping by value.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipByValue {
    /// c.
    max_value: f32,
}

impl Check for ClipByValue {
    fn check(&self) -> Result<(), SettingError> {
        positive(
            "max_value",
            f64::from(self.max_value),
            "at 0, nothing would be left of any gradient",
        )
    }
}

impl Transform for ClipByValue {
    fn apply(&self, _: Batch, _: &Coverage, values: &mut [f32]) {
        for value in values {
            *value = value.clamp(-self.max_value, self.max_value);
        }
    }
}

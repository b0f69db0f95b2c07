//! Clipping by norm: a gradient that is too long is shortened and keeps its direction.
//!
//! ```text
//! n = ‖g‖      g ← g · min(1, c / (n + 10⁻⁶))
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | n | norm of all elements of all tensors together | gradient |
//! | c | `max_norm` | bound, > 0, gradient |
//!
//! Source: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", ICML
//! 2013, algorithm 1.

use serde::Deserialize;
use thalweg_common::registry::{Check, SettingError, positive};

use super::{Batch, Transform, TransformEntry, make};
use crate::model::Coverage;

/// torch's guard of the division.
const GUARD: f64 = 1e-6;

pub(super) const ENTRY: TransformEntry = TransformEntry {
    name: "clip_by_global_norm",
    formula: "g ← g · min(1, max_norm / (‖g‖ + 1e-6)), over all tensors together",
    source: "Pascanu, Mikolov, Bengio, ICML 2013, algorithm 1",
    differences: &[
        "10⁻⁶ is added to the norm, as in torch.nn.utils.clip_grad_norm_",
        "the norm is one sum in f64 over the elements in their order, torch's one of the f32 norms of tensors: the same bits for sparse and for whole gradients, and no overflow",
    ],
    defaults: "max_norm = 1.0\n",
    make: make::<ClipByGlobalNorm>,
};

/// Settings of clipping by norm.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipByGlobalNorm {
    /// c.
    max_norm: f64,
}

impl Check for ClipByGlobalNorm {
    fn check(&self) -> Result<(), SettingError> {
        positive(
            "max_norm",
            self.max_norm,
            "at 0, nothing would be left of any gradient",
        )
    }
}

impl Transform for ClipByGlobalNorm {
    #[expect(clippy::cast_possible_truncation, reason = "gradients are f32")]
    fn apply(&self, _: Batch, _: &Coverage, values: &mut [f32]) {
        let squares: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
        let scale = self.max_norm / (squares.sqrt() + GUARD);
        if scale < 1.0 || scale.is_nan() {
            for value in values {
                *value = (f64::from(*value) * scale) as f32;
            }
        }
    }
}

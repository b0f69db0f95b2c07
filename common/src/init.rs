//! Initial values: a pure function of seed, tensor and index, evaluated by the server that owns the
//! element, so that the result does not depend on how the parameters are cut.

use serde::{Deserialize, Serialize};

use crate::seed;

/// How the elements of a tensor start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Init {
    /// All zero. A shard of zeros costs no memory until it is touched.
    Zeros,
    /// Uniform in `[-bound, bound)`.
    Uniform {
        /// The bound, > 0.
        bound: f64,
    },
    /// Normal with mean 0, by [`seed::normal`].
    Normal {
        /// The standard deviation, > 0.
        std: f64,
    },
}

impl Init {
    /// The value of the element at `index` of a tensor whose stream is `tensor_seed`
    /// ([`seed::derive`] of the job's seed, [`seed::Purpose::Init`] and the tensor's number).
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
    pub fn value(self, tensor_seed: u64, index: u64) -> f32 {
        match self {
            Self::Zeros => 0.0,
            Self::Uniform { bound } => {
                let u = seed::unit(seed::mix(tensor_seed ^ seed::mix(index)));
                (bound * (2.0 * u - 1.0)) as f32
            }
            Self::Normal { std } => {
                let word = seed::mix(tensor_seed ^ seed::mix(index));
                seed::normal(std, word) as f32
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_asked_for() {
        let n = 20_000_u32;
        for (init, variance) in [
            (Init::Uniform { bound: 0.5 }, 0.25 / 3.0),
            (Init::Normal { std: 0.1 }, 0.01),
            (Init::Zeros, 0.0),
        ] {
            let values: Vec<f64> = (0..n).map(|i| f64::from(init.value(7, i.into()))).collect();
            let mean = values.iter().sum::<f64>() / f64::from(n);
            let second = values.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
            assert!(mean.abs() < 0.01, "{init:?}: mean {mean}");
            assert!(
                (second - variance).abs() <= 0.05 * variance,
                "{init:?}: variance {second}"
            );
        }
    }
}

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
    /// Normal with variance 2 / `fan_in`, where `fan_in` is the number of inputs of a layer, at least 1:
    /// signals keep their size through layers of rectifiers.
    ///
    /// Source: He, Zhang, Ren, Sun, *Delving deep into rectifiers*, ICCV 2015, equation 10; torch's
    /// `kaiming_normal_`.
    #[must_use]
    pub fn he(fan_in: u64) -> Self {
        Self::Normal {
            std: (2.0 / count(fan_in)).sqrt(),
        }
    }

    /// Uniform with variance 2 / (`fan_in` + `fan_out`), where the fans are the numbers of inputs and of
    /// outputs of a layer, each at least 1: a balance of what keeps the size of signals and what keeps
    /// that of gradients, where activations are nearly linear.
    ///
    /// Source: Glorot, Bengio, *Understanding the difficulty of training deep feedforward neural
    /// networks*, AISTATS 2010, equation 16; torch's `xavier_uniform_`.
    #[must_use]
    pub fn glorot(fan_in: u64, fan_out: u64) -> Self {
        Self::Uniform {
            bound: (6.0 / (count(fan_in) + count(fan_out))).sqrt(),
        }
    }

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

/// A fan; a tensor without inputs has no elements to start, so that any number will do for it.
#[expect(
    clippy::cast_precision_loss,
    reason = "a layout has at most 2^48 elements"
)]
fn count(fan: u64) -> f64 {
    fan.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fans_of_a_layer_give_the_variance_that_the_papers_ask_for() {
        for (init, variance) in [
            (Init::he(50), 2.0 / 50.0),
            (Init::glorot(30, 70), 2.0 / 100.0),
        ] {
            let told = match init {
                Init::Zeros => 0.0,
                Init::Uniform { bound } => bound * bound / 3.0,
                Init::Normal { std } => std * std,
            };
            assert!((told / variance - 1.0).abs() < 1e-12, "{init:?}");
        }
        assert_eq!(Init::he(0), Init::he(1));
    }

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

//! What a job can say of a perceptron, and how its weights start.

use serde::Deserialize;
use thalweg_common::init::Init;

use super::{NAME, activation::Activation};
use crate::model::{
    ModelError,
    registry::{positive, read_keys, refuse},
};

/// The keys of the `[model]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Keys {
    /// Outputs of each hidden layer.
    pub(super) hidden: Vec<u32>,
    pub(super) activation: Activation,
    init: Start,
    init_std: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Start {
    /// As the activation asks for.
    Auto,
    He,
    Glorot,
    Normal,
    Uniform,
    Zeros,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            hidden: vec![128],
            activation: Activation::Relu,
            init: Start::Auto,
            init_std: 0.01,
        }
    }
}

impl Keys {
    pub(super) fn read(keys: &toml::Table) -> Result<Self, ModelError> {
        let keys: Self = read_keys(NAME, keys)?;
        positive(NAME, "init_std", keys.init_std)?;
        if let Some(layer) = keys.hidden.iter().position(|width| *width == 0) {
            return refuse(
                NAME,
                format!("`hidden[{layer}]` is 0, but a layer has at least one output"),
            );
        }
        if keys.init == Start::Zeros && !keys.hidden.is_empty() {
            return refuse(
                NAME,
                "`init` is \"zeros\", with which hidden layers never learn, as all their outputs \
                 stay alike; use \"auto\", or `hidden = []`"
                    .into(),
            );
        }
        Ok(keys)
    }

    /// How the weights of a layer with so many inputs and outputs start.
    pub(super) fn weights(&self, inputs: u64, outputs: u64) -> Init {
        match self.init {
            Start::He => Init::he(inputs),
            Start::Glorot => Init::glorot(inputs, outputs),
            Start::Normal => Init::Normal { std: self.init_std },
            Start::Uniform => Init::Uniform {
                bound: self.init_std,
            },
            Start::Zeros => Init::Zeros,
            Start::Auto => match self.activation {
                Activation::Relu | Activation::Gelu => Init::he(inputs),
                Activation::Tanh | Activation::Sigmoid => Init::glorot(inputs, outputs),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Keys;
    use thalweg_common::init::Init;

    #[test]
    fn the_start_is_the_one_named_or_the_one_that_the_activation_asks_for() {
        for (keys, expected) in [
            ("", Init::he(10)),
            ("activation = 'gelu'", Init::he(10)),
            ("activation = 'tanh'", Init::glorot(10, 30)),
            ("activation = 'sigmoid'\ninit = 'he'", Init::he(10)),
            ("init = 'glorot'", Init::glorot(10, 30)),
            ("init = 'normal'", Init::Normal { std: 0.01 }),
            (
                "init = 'uniform'\ninit_std = 0.5",
                Init::Uniform { bound: 0.5 },
            ),
            ("init = 'zeros'\nhidden = []", Init::Zeros),
        ] {
            let keys = Keys::read(&keys.parse().unwrap()).unwrap();
            assert_eq!(keys.weights(10, 30), expected, "{keys:?}");
        }
    }

    #[test]
    fn impossible_keys_are_refused_by_name() {
        for (keys, words) in [
            ("hidden = [8, 0]", "`hidden[1]` is 0"),
            ("hidden = [-1]", "-1"),
            ("init = 'zeros'", "never learn"),
            ("init = 'orthogonal'", "orthogonal"),
            ("activation = 'softplus'", "softplus"),
            ("init_std = 0.0", "`init_std` is 0"),
            ("init_std = inf", "`init_std` is inf"),
        ] {
            let refused = Keys::read(&keys.parse().unwrap()).unwrap_err().to_string();
            assert!(
                refused.contains(words) && !refused.contains('\n'),
                "{refused}"
            );
        }
    }
}

//! `[gradient]`: what becomes of a batch's gradient before the training method sees it.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use toml::{Table, Value};

/// What a list of transforms looks like, for every refusal.
const EXPECTED: &str = "a list of tables, each with a name, such as \
                        [{ name = \"clip_by_global_norm\", max_norm = 1.0 }]";

/// `[gradient]`: what becomes of a batch's gradient before the training method sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gradient {
    /// Transforms of the gradient, the first first. Default none.
    #[serde(deserialize_with = "transforms")]
    pub transforms: Vec<Transform>,
}

/// A transform: a name in the registry and that entry's own keys.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Transform {
    /// The transform's name in the registry.
    pub name: String,
    /// The transform's own keys, judged by the registry.
    #[serde(flatten)]
    pub options: Table,
}

/// Reads the list; whatever is wrong with its form is answered with the right one.
fn transforms<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Transform>, D::Error> {
    let refused = || D::Error::custom(format!("expected {EXPECTED}"));
    let Value::Array(list) = Value::deserialize(from)? else {
        return Err(refused());
    };
    list.into_iter()
        .map(|value| match value {
            Value::Table(mut options) => match options.remove("name") {
                Some(Value::String(name)) => Ok(Transform { name, options }),
                _ => Err(refused()),
            },
            _ => Err(refused()),
        })
        .collect()
}

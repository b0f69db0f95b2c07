//! The name of one number among an optimizer's hyper-parameters: `momentum`, or `betas[0]`.

use toml::{Table, Value};

use super::error::Misfit;
use crate::optimizer::OptimizerEntry;
use crate::registry::most_similar;

/// Where one number stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    name: String,
    key: String,
    /// Its place in a list.
    index: Option<usize>,
}

impl Place {
    /// The number called `name` among the hyper-parameters of `entry`, which are `complete`.
    pub(super) fn find(
        entry: &OptimizerEntry,
        complete: &Table,
        name: &str,
    ) -> Result<Self, Misfit> {
        if let Some(place) = places(complete).find(|place| place.name == name) {
            return Ok(place);
        }
        if name == "lr" {
            return Err(Misfit::Rate);
        }
        if name == "l2" || name == "l1" || name == "weight_decay" {
            return Err(Misfit::Regularizer);
        }
        let key = name.split_once('[').map_or(name, |(key, _)| key);
        Err(match complete.get(key) {
            Some(Value::Array(list)) => Misfit::List {
                key: key.to_owned(),
                numbers: list.len(),
            },
            Some(Value::Float(_) | Value::Integer(_)) => Misfit::NoList {
                key: key.to_owned(),
            },
            Some(other) => Misfit::NoNumber {
                found: other.to_string(),
            },
            None => {
                let names: Vec<String> = places(complete).map(|place| place.name).collect();
                // Of several that are equally like it the first is meant.
                let likely = names.iter().rev().map(String::as_str);
                Misfit::Unknown {
                    optimizer: entry.name,
                    suggestion: most_similar(name, likely),
                    known: names.join(", "),
                }
            }
        })
    }

    /// As a job file writes it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a refusal of `key` is about this number.
    pub(super) fn is_of(&self, key: &str) -> bool {
        key == self.name || key == self.key
    }

    /// The number.
    pub(super) fn get(&self, complete: &Table) -> f64 {
        let value = &complete[&self.key];
        number(self.index.map_or(value, |index| &value[index]))
            .expect("a place was found at a number")
    }

    /// Puts another number there.
    pub(super) fn set(&self, complete: &mut Table, number: f64) {
        let value = &mut complete[&self.key];
        match self.index {
            None => *value = Value::Float(number),
            Some(index) => value[index] = Value::Float(number),
        }
    }
}

/// Every number, in the order of the keys.
fn places(complete: &Table) -> impl Iterator<Item = Place> {
    let at = |key: &String, index: Option<usize>| Place {
        name: index.map_or_else(|| key.clone(), |index| format!("{key}[{index}]")),
        key: key.clone(),
        index,
    };
    complete.iter().flat_map(move |(key, value)| {
        let numbers: Vec<Place> = match value {
            Value::Array(list) => (0..list.len()).map(|index| at(key, Some(index))).collect(),
            single => number(single).map(|_| at(key, None)).into_iter().collect(),
        };
        numbers
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the optimizer reads whole numbers as f64, too"
)]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}

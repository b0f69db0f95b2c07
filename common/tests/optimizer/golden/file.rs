//! What the formats share: an algorithm with its hyper-parameters, in the words of the registry.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thalweg_common::optimizer::{
    GroupSpan, Initial, OPTIMIZERS, OptimizerEntry, StepContext, StoreSpec,
};
use thalweg_common::regularizer::Terms;
use toml::Table;

/// One algorithm with its settings, from a file or from one of its runs.
pub(super) struct Run {
    pub(super) entry: &'static OptimizerEntry,
    pub(super) settings: Table,
    /// The rate of each step; the last holds for all after it.
    lr: Vec<f64>,
    pub(super) l2: f64,
}

impl Run {
    /// Reads `algorithm` and `hyper`.
    pub(super) fn read(from: &Value) -> Result<Self, String> {
        let algorithm: String = field(from, "algorithm")?;
        let entry = OPTIMIZERS
            .iter()
            .find(|entry| entry.name == registry_name(&algorithm))
            .ok_or_else(|| format!("the registry has no `{algorithm}`"))?;
        let mut hyper: BTreeMap<String, Value> = field(from, "hyper")?;
        let mut take = |key: &str| hyper.remove(key).and_then(|value| value.as_f64());
        // FTRL's rate is its paper's α; one survey's AdaDelta has none.
        let rate_key = if entry.name == "ftrl" { "alpha" } else { "lr" };
        let lr = take(rate_key).unwrap_or(1.0);
        let l2 = take("weight_decay").unwrap_or(0.0);
        let lr = match hyper.remove("lr_schedule") {
            Some(rates) => parse(&rates)?,
            None => vec![lr],
        };
        let settings = hyper
            .into_iter()
            .map(|(key, value)| Ok((setting_name(key), parse(&value)?)))
            .collect::<Result<_, String>>()?;
        Ok(Self {
            entry,
            settings,
            lr,
            l2,
        })
    }

    /// The context of step `count`, from 1.
    pub(super) fn context(&self, count: usize) -> StepContext {
        StepContext {
            lr: self.lr[(count - 1).min(self.lr.len() - 1)],
            count: count as u64,
            progress: 0,
            staleness: 0,
        }
    }
}

/// The name of a file's algorithm in the registry.
pub(super) fn registry_name(algorithm: &str) -> &str {
    match algorithm {
        "sparse_adam" => "adam_eps_hat",
        "ftrl_keras" => "ftrl",
        other => other.strip_prefix("sparse_").unwrap_or(other),
    }
}

/// The name of a file's hyper-parameter in the registry.
fn setting_name(key: String) -> String {
    match key.as_str() {
        "decoupled" => "decoupled_weight_decay".to_owned(),
        "n0" => "initial_accumulator_value".to_owned(),
        _ => key,
    }
}

/// A shard of one group with these initial values.
pub(super) fn whole<'a>(len: usize, l2: f64, initial: &'a dyn Fn(usize) -> f32) -> StoreSpec<'a> {
    StoreSpec {
        len,
        initial: Initial::Function(initial),
        groups: vec![GroupSpan {
            range: 0..len,
            lr_factor: 1.0,
            terms: Terms::l2(l2),
            shape: vec![len],
        }],
    }
}

/// A shard of a file's tensors, with these initial values.
pub(super) fn tensors<'a>(
    file: &Value,
    l2: f64,
    len: usize,
    initial: &'a dyn Fn(usize) -> f32,
) -> Result<StoreSpec<'a>, String> {
    let mut spec = whole(len, l2, initial);
    if file.get("tensors").is_some() {
        let tensors: Vec<Tensor> = field(file, "tensors")?;
        spec.groups = tensors
            .into_iter()
            .map(|Tensor { shape, offset }| GroupSpan {
                range: offset..offset + shape.iter().product::<usize>(),
                lr_factor: 1.0,
                terms: Terms::l2(l2),
                shape,
            })
            .collect();
    }
    Ok(spec)
}

#[derive(Deserialize)]
struct Tensor {
    shape: Vec<usize>,
    offset: usize,
}

/// The value of `key`.
pub(super) fn field<T: DeserializeOwned>(from: &Value, key: &str) -> Result<T, String> {
    let value = from.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
    T::deserialize(value).map_err(|error| format!("`{key}`: {error}"))
}

fn parse<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| format!("a hyper-parameter: {error}"))
}

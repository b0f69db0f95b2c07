//! What the formats share: an algorithm with its hyper-parameters, in the words of the registry.
//!
//! References are other libraries, so their words are others: one class of theirs may be two rules
//! of ours, chosen by a flag, and a key may be set to the value at which it does nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use thalweg_common::optimizer::{
    ExactStore, GroupSpan, Initial, OptimizerEntry, StepContext, Store, StoreSpec, optimizer,
};
use thalweg_common::regularizer::Terms;
use toml::Table;

use super::numbers::field;

/// Algorithms without a rate of their own.
const WITHOUT_LR: &[&str] = &["adadelta_r0_eps"];

/// Flags by which a reference turns one algorithm into another.
const FLAGS: &[(&str, &str, &str)] = &[
    ("sgd", "momentum", "momentum"),
    ("momentum", "nesterov", "nesterov"),
    ("adam", "amsgrad", "amsgrad"),
];

/// One algorithm with its settings, from a file or from one of its runs.
pub(super) struct Run {
    entry: &'static OptimizerEntry,
    settings: Table,
    /// The rate of each step, or of all of them.
    lr: Vec<f64>,
    pub(super) l2: f64,
}

impl Run {
    /// Reads `algorithm` and `hyper` of a run of so many steps.
    pub(super) fn read(from: &Value, steps: usize) -> Result<Self, String> {
        let algorithm: String = field(from, "algorithm")?;
        let mut hyper: BTreeMap<String, Value> = field(from, "hyper")?;
        let mut name = registry_name(&algorithm);
        for (of, flag, other) in FLAGS {
            let is_set = hyper.get(*flag).is_some_and(|value| !is_nothing(value));
            if name == *of && is_set {
                name = other;
                if hyper.get(*flag) == Some(&Value::Bool(true)) {
                    hyper.remove(*flag);
                }
            }
        }
        let entry = optimizer(name).map_err(|error| error.to_string())?;
        let lr = rates(name, &mut hyper)?;
        if lr.len() != 1 && lr.len() != steps {
            return Err(format!("{} rates for {steps} steps", lr.len()));
        }
        let l2 = match hyper.remove("weight_decay") {
            None => 0.0,
            Some(value) => value.as_f64().ok_or("`weight_decay` is no number")?,
        };
        let known: Table = entry.about.defaults.parse().expect("defaults are TOML");
        let settings = hyper
            .into_iter()
            .map(|(key, value)| (setting_name(key), value))
            .filter(|(key, value)| known.contains_key(key) || !is_nothing(value))
            .map(|(key, value)| {
                let parsed = toml::Value::deserialize(&value);
                Ok((
                    key.clone(),
                    parsed.map_err(|error| format!("`{key}`: {error}"))?,
                ))
            })
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
            share: 1.0,
            count: count as u64,
            progress: 0,
            staleness: 0,
            worker: 0,
        }
    }

    /// The store that servers run.
    pub(super) fn single(&self, spec: &StoreSpec<'_>) -> Result<Box<dyn Store<f32>>, String> {
        let built = self.entry.build(&self.settings, spec);
        built.map_err(|error| error.to_string())
    }

    /// The store in f64.
    pub(super) fn double(&self, spec: &StoreSpec<'_>) -> Result<Box<dyn ExactStore>, String> {
        let built = self.entry.build_exact(&self.settings, spec);
        built.map_err(|error| error.to_string())
    }
}

/// The name of a file's algorithm in the registry.
pub(super) fn registry_name(algorithm: &str) -> &str {
    match algorithm {
        "sparse_adam" => "adam_eps_hat",
        "ftrl_keras" => "ftrl",
        "adownpour" | "mvadownpour" => "averaged_sgd",
        "dc_asgd_c" => "dc_asgd_constant",
        "dc_asgd_a" => "dc_asgd_adaptive",
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

/// Takes the rates out of the hyper-parameters: one for each step, or one for all.
fn rates(name: &str, hyper: &mut BTreeMap<String, Value>) -> Result<Vec<f64>, String> {
    // FTRL's rate is its paper's α.
    let key = if name == "ftrl" { "alpha" } else { "lr" };
    let constant = hyper.remove(key);
    let given = hyper.remove("lr_schedule").or(constant);
    match given {
        Some(Value::Array(rates)) => rates
            .iter()
            .map(|rate| {
                rate.as_f64()
                    .ok_or_else(|| format!("the rate {rate} is no number"))
            })
            .collect(),
        Some(rate) => Ok(vec![rate.as_f64().ok_or(format!("`{key}` is no number"))?]),
        None if WITHOUT_LR.contains(&name) => Ok(vec![1.0]),
        None => Err(format!("`{key}` is missing")),
    }
}

/// Whether a key does nothing at this value: a flag that is off, a share of nothing.
fn is_nothing(value: &Value) -> bool {
    value == &Value::Bool(false) || value.as_f64() == Some(0.0) || value.is_null()
}

/// A shard of one group with these initial values.
pub(super) fn whole<'a>(len: usize, l2: f64, initial: &'a dyn Fn(usize) -> f32) -> StoreSpec<'a> {
    StoreSpec {
        len,
        initial: Initial::Function(initial),
        groups: vec![group(0, vec![len], l2)],
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
        let groups = tensors.into_iter();
        spec.groups = groups.map(|t| group(t.offset, t.shape, l2)).collect();
        let ends = spec.groups.iter().map(|group| group.range.end);
        let starts = spec.groups.iter().map(|group| group.range.start);
        if !std::iter::once(0).chain(ends).eq(starts.chain([len])) {
            return Err(format!(
                "`tensors` do not cover the {len} elements in order"
            ));
        }
    }
    Ok(spec)
}

fn group(start: usize, shape: Vec<usize>, l2: f64) -> GroupSpan {
    GroupSpan {
        range: start..start + shape.iter().product::<usize>(),
        lr_factor: 1.0,
        terms: Terms::l2(l2),
        shape,
    }
}

#[derive(Deserialize)]
struct Tensor {
    shape: Vec<usize>,
    offset: usize,
}

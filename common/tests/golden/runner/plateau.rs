//! The feedback rule `reduce_on_plateau` against `torch.optim.lr_scheduler.ReduceLROnPlateau`, whose
//! runs are the part `plateau` of `psgold-schedule/1`.

use serde::Deserialize as _;
use serde_json::{Map, Value};
use thalweg_common::feedback::feedback;
use toml::Table;

use super::numbers::{Findings, field, numbers, row_difference};

pub(super) fn runs(part: &Value, base: f64, tolerance: f64) -> Result<Findings, String> {
    let metric = numbers(part, "metric")?;
    let mut found = Findings::default();
    for (number, run) in (1..).zip(field::<Vec<Value>>(part, "runs")?) {
        let rates = rates(field(&run, "hyper")?, base, &metric);
        let compared = rates.and_then(|rates| {
            let expected = numbers(&run, "lr_after_metric")?;
            let mut found = Findings::default();
            found.note(row_difference("lr", tolerance, &rates, &expected));
            Ok(found)
        });
        found.add(&format!("run {number}"), compared);
    }
    Ok(found)
}

/// The rates after each of the losses.
fn rates(hyper: Map<String, Value>, base: f64, losses: &[f64]) -> Result<Vec<f64>, String> {
    let settings: Table = hyper
        .into_iter()
        .map(|(key, value)| {
            let parsed = toml::Value::deserialize(value);
            Ok((
                key.clone(),
                parsed.map_err(|error| format!("`{key}`: {error}"))?,
            ))
        })
        .collect::<Result<_, String>>()?;
    let built = feedback("reduce_on_plateau").and_then(|entry| entry.build(&settings));
    let mut rule = built.map_err(|error| error.to_string())?;
    let mut rate = base;
    let observe = |loss: &f64| {
        rate = rule.observe(rate, *loss);
        rate
    };
    Ok(losses.iter().map(observe).collect())
}

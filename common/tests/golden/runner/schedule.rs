//! Schedules against `torch.optim.lr_scheduler` (`psgold-schedule/1`), one scheduler step being one
//! epoch, and the feedback rule that answers to a plateau.

use serde::Deserialize as _;
use serde_json::{Map, Value};
use thalweg_common::schedule::{Lengths, Moment, Schedule, Unit, schedule};
use toml::Table;

use super::numbers::{Findings, field, numbers, row_difference};
use super::plateau;

/// Rows of an epoch, and examples of a step: a step of the reference is an epoch of ours.
const ROWS: u64 = 977;

pub(super) fn parts(file: &Value) -> Result<Findings, String> {
    let tolerance: f64 = field(&field(file, "tolerance")?, "float64")?;
    let base: f64 = field(file, "base_lr")?;
    let epochs: u64 = field(file, "epochs")?;
    let mut found = Findings::default();
    found.add("schedules", schedules(file, base, epochs, tolerance));
    found.add(
        "plateau",
        plateau::runs(&field(file, "plateau")?, base, tolerance),
    );
    Ok(found)
}

fn schedules(file: &Value, base: f64, epochs: u64, tolerance: f64) -> Result<Findings, String> {
    let lengths = Lengths {
        epoch: ROWS,
        step: ROWS,
        job: ROWS * epochs,
    };
    let mut found = Findings::default();
    for case in field::<Vec<Value>>(file, "schedules")? {
        let name: String = field(&case, "schedule")?;
        let rule = build(&name, field(&case, "hyper")?);
        let compared = rule.and_then(|rule| {
            let at = |epoch| Moment::new(epoch * ROWS, Unit::Epochs, &lengths);
            let rates: Vec<f64> = (0..epochs)
                .map(|epoch| rule.value(base, &at(epoch)))
                .collect();
            let mut found = Findings::default();
            found.note(row_difference(
                "lr",
                tolerance,
                &rates,
                &numbers(&case, "lr")?,
            ));
            Ok(found)
        });
        found.add(&name, compared);
    }
    Ok(found)
}

/// The registry's word for a file's schedule or setting.
fn word(word: &str) -> &str {
    match word {
        "k" => "decay_rate",
        "total" => "total_iters",
        "cosine_torch_periodic" => "cosine_periodic",
        "linear_warmup_then_constant" => "linear_warmup",
        word => word,
    }
}

/// The schedule of a case.
fn build(name: &str, hyper: Map<String, Value>) -> Result<Box<dyn Schedule>, String> {
    let hyper: Table = hyper
        .into_iter()
        .filter(|(key, _)| key != "note")
        .map(|(key, value)| {
            let parsed = toml::Value::deserialize(value);
            Ok((
                word(&key).to_owned(),
                parsed.map_err(|error| format!("`{key}`: {error}"))?,
            ))
        })
        .collect::<Result<_, String>>()?;
    let (name, settings) = if name == "linear_warmup_then_cosine" {
        ("sequence", warmup_then_cosine(&hyper)?)
    } else {
        (word(name), hyper)
    };
    let built = schedule(name).and_then(|entry| entry.build(&settings));
    built.map_err(|error| error.to_string())
}

/// Two phases, of which the second falls over what is left.
fn warmup_then_cosine(hyper: &Table) -> Result<Table, String> {
    let number = |key: &str| {
        let value = hyper.get(key).cloned();
        value
            .and_then(|value| f64::deserialize(value).ok())
            .ok_or_else(|| format!("`{key}` is no number"))
    };
    let (warmup, total) = (number("warmup")?, number("total_iters")?);
    let settings = format!(
        "milestones = [{warmup:?}]
         phases = [{{ name = 'linear_warmup', warmup = {warmup:?} }},
                   {{ name = 'cosine', T_max = {:?} }}]",
        total - warmup
    );
    settings
        .parse()
        .map_err(|error: toml::de::Error| error.to_string())
}

//! Traces of reads and updates (`psgold-trace/1`): delay-aware rules, with a worker's read at its own
//! place in the order, and dense and sparse gradients.

use serde_json::Value;

use crate::cluster::{Cluster, Setup};
use crate::file::{File, compare, field, singles};
use crate::script::Step;

/// Follows a file with what was read told by the servers, and with copies that they keep; answers how
/// many comparisons there were.
pub(crate) fn follow(file: &File) -> Result<usize, String> {
    let mut comparisons = 0;
    for pull in ["sparse", "whole"] {
        comparisons += follow_with(file, pull).map_err(|why| format!("{pull} pulls: {why}"))?;
    }
    Ok(comparisons)
}

fn follow_with(file: &File, pull: &str) -> Result<usize, String> {
    let number = |key: &str| file.hyper::<f64>(key);
    let (alpha, z0) = (number("alpha")?, number("z0")?);
    let (method, options) = match file.text("algorithm") {
        Some("adaptive_revision") => (
            "adaptive_revision",
            format!("initial_accumulator_value = {z0:?}"),
        ),
        Some("async_adagrad") => (
            "async_adagrad",
            format!("initial_accumulator_value = {z0:?}"),
        ),
        Some("ftrl_adaptive_revision") => (
            "ftrl_adaptive_revision",
            format!(
                "beta = {:?}\nlambda1 = {:?}\nlambda2 = {:?}",
                number("beta")?,
                number("lambda1")?,
                number("lambda2")?
            ),
        ),
        other => return Err(format!("no method for the trace of {other:?}")),
    };
    let events: Vec<Value> = file.field("events")?;
    let workers: usize = file.field("workers")?;
    let mut steps = vec![Vec::new(); workers];
    for event in events.iter().filter(|event| event["op"] == "update") {
        let mask: Vec<u8> = field(event, "mask")?;
        let values: Vec<f64> = field(event, "g")?;
        // A whole pull has a whole gradient: what is masked is a zero there, which moves nothing.
        let keeps = |mask: u8| mask == 1 || pull == "whole";
        let given = values.iter().zip(mask);
        let given = given.map(|(g, mask)| keeps(mask).then_some(*g)).collect();
        let worker: usize = field(event, "worker")?;
        steps[worker].push(Step::Given(given));
    }
    let start: Vec<f64> = file.field("w0")?;
    let mut cluster = Cluster::new(&Setup {
        job: format!(
            "method.name = '{method}'\ntrain.pull = '{pull}'\n[optimizer]\nlr = {alpha:?}\n{options}\n"
        ),
        start: singles(&start),
        steps,
    });
    let mut comparisons = 0;
    for (place, event) in events.iter().enumerate() {
        let worker: usize = field(event, "worker")?;
        match event["op"].as_str() {
            Some("read") => cluster.read(worker),
            Some("update") => cluster.compute(worker),
            other => return Err(format!("event {place}: no operation is called {other:?}")),
        }
        compare(&format!("event {place}"), "w", &cluster.observe(), event)?;
        comparisons += 1;
    }
    Ok(comparisons)
}

//! What a job with threads instead of a cluster may ask for.

use std::fmt::Display;

use thalweg_common::config::{JobConfig, Method};
use thalweg_common::consistency::StalenessRate;

use super::entry::{MethodEntry, quoted};
use crate::data::stream;

/// Refuses what threads on one model have no part for: most of it is there to bridge a distance that they
/// do not have.
pub(super) fn check(entry: &MethodEntry, job: &JobConfig) -> Result<(), String> {
    check_optimizer(entry, job)?;
    check_cluster_keys(entry, job)?;
    check_data(entry, job)?;
    entry.check_push_format_is_f32(job)?;
    entry.check_elastic_rate_is_not_set(job)
}

/// The rules that threads know, as their coordinates are one word each.
fn check_optimizer(entry: &MethodEntry, job: &JobConfig) -> Result<(), String> {
    let rule = &job.optimizer;
    if !matches!(rule.name.as_str(), "sgd" | "adagrad") {
        let why = "a coordinate and what the rule keeps of it are one word, which threads read and write \
                   at once; use sgd or adagrad";
        return Err(entry.cannot_go("optimizer.name", &quoted(&rule.name), why));
    }
    for (key, usual) in [
        ("lr_decay", 0.0),
        ("initial_accumulator_value", 0.0),
        ("eps", f64::from(crate::hogwild::rule::ADAGRAD_EPS)),
    ] {
        let found = rule.options.get(key).and_then(toml::Value::as_float);
        // ε is a single on both sides.
        if let Some(found) = found.filter(|found| 1e-6 * usual < (found - usual).abs()) {
            let key = format!("optimizer.{key}");
            let why = format!("threads step with {usual:e}; remove it");
            return Err(entry.cannot_go(&key, &found.to_string(), &why));
        }
    }
    if let Some(name) = job.schedules.keys().next() {
        let why = "threads follow [schedule] for lr alone; remove it";
        return Err(entry.cannot_go(&format!("schedules.{name}"), "a schedule", why));
    }
    if let Some(outer) = &job.outer {
        let why = "there is no server that could run it; remove [outer]";
        return Err(entry.cannot_go("outer.name", &quoted(&outer.name), why));
    }
    for chosen in job.regularizer.chosen() {
        let everywhere = chosen.tensors.is_none();
        // The steps of a graph cut are projected on the simplex anyway.
        let of_cut = chosen.name == "simplex" && job.model.name == "graph_cut";
        if !of_cut && (chosen.name != "l2" || !everywhere) {
            let why = "an L2 term on all weights is dealt out to the rows, and others cannot be; set \
                       `regularizer.l2` alone, or use another method";
            return Err(entry.cannot_go("regularizer", &quoted(&chosen.name), why));
        }
    }
    Ok(())
}

/// Keys that say how workers and servers play together.
fn check_cluster_keys(entry: &MethodEntry, job: &JobConfig) -> Result<(), String> {
    let (method, usual) = (&job.method, Method::default());
    let refuse = |key: &str, found: &dyn Display, why: &str| {
        Err(entry.cannot_go(key, &found.to_string(), why))
    };
    let no_exchange = "threads change one model, and there is nothing to push or pull; remove it";
    for (key, found, usual) in [
        ("method.n_push", method.n_push, usual.n_push),
        ("method.n_pull", method.n_pull, usual.n_pull),
        (
            "method.communication_period",
            method.communication_period,
            usual.communication_period,
        ),
        ("method.solo_phase", method.solo_phase, usual.solo_phase),
        ("train.accumulate", job.train.accumulate, 1),
    ] {
        if found != usual {
            return refuse(key, &found, no_exchange);
        }
    }
    if let Some(rate) = method.local_lr {
        return refuse("method.local_lr", &rate, no_exchange);
    }
    if job.consistency.staleness.limit.is_some() {
        return refuse("consistency.staleness_limit", &"a limit", no_exchange);
    }
    if job.consistency.staleness.rate != StalenessRate::Constant {
        return refuse("consistency.staleness_rate", &"\"inverse\"", no_exchange);
    }
    if job.feedback.name != "none" {
        let why =
            "nobody decides on feedback between epochs; remove [feedback], or use a [schedule]";
        return refuse("feedback.name", &quoted(&job.feedback.name), why);
    }
    if let Some(transform) = job.gradient.transforms.first() {
        let why = "a term steps coordinate by coordinate, and its gradient is never there as a whole; \
                   remove it";
        return refuse("gradient.transforms", &quoted(&transform.name), why);
    }
    if !job.train.compute.0.is_zero() {
        let why = "threads play no slower machine; remove it";
        return refuse("train.compute", &"a pause", why);
    }
    Ok(())
}

/// Whole epochs over rows that stay.
fn check_data(entry: &MethodEntry, job: &JobConfig) -> Result<(), String> {
    if stream::is_stream(&job.data.name) {
        let why = "threads go over all rows in every epoch, and a stream has no end; write it to a file first";
        return Err(entry.cannot_go("data.name", &quoted(&job.data.name), why));
    }
    if 0.0 < job.train.epochs.fract() {
        let why = "threads stop between epochs; set a whole number";
        return Err(entry.cannot_go("train.epochs", &job.train.epochs.to_string(), why));
    }
    if let Some(examples) = job.train.examples {
        let why = "threads stop between epochs; set `train.epochs` instead";
        return Err(entry.cannot_go("train.examples", &examples.to_string(), why));
    }
    Ok(())
}

/// Refuses the keys of threads in a job of a cluster.
pub(super) fn check_is_not_asked_for(entry: &MethodEntry, job: &JobConfig) -> Result<(), String> {
    let why = "only threads on one model have it; remove it, or use hogwild or tiered_replicas";
    if let Some(updates) = job.method.updates {
        return Err(entry.cannot_go("method.updates", &quoted(updates.word()), why));
    }
    if let Some(sampling) = job.method.sampling {
        return Err(entry.cannot_go("method.sampling", &quoted(sampling.word()), why));
    }
    Ok(())
}

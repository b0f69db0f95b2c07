//! What a job with threads instead of a cluster may ask for.

use std::fmt;

use thalweg_common::config::JobConfig;
use thalweg_common::registry::number;

use super::entry::{MethodEntry, other_than, quoted, written};
use crate::data::stream;
use crate::hogwild::Scheme;
use crate::hogwild::problem::MODELS;
use crate::hogwild::rule::ADAGRAD_EPS;

/// Refuses what threads on one model have no part for: most of it is there to bridge a distance that they
/// do not have.
pub(super) fn check(
    entry: &MethodEntry,
    scheme: fn(&JobConfig) -> Scheme,
    job: &JobConfig,
) -> Result<(), String> {
    check_model(entry, scheme(job), job)?;
    check_optimizer(entry, job)?;
    check_cluster_keys(entry, job)?;
    check_updates(entry, scheme(job), job)?;
    check_data(entry, job)?;
    entry.check_elastic_rate_is_not_set(job)
}

/// Models that are sums of sparse terms.
fn check_model(entry: &MethodEntry, scheme: Scheme, job: &JobConfig) -> Result<(), String> {
    let (model, tiered) = (job.model.name.as_str(), scheme == Scheme::TieredReplicas);
    if !MODELS.contains(&model) {
        let why = format!(
            "its loss is no sum of sparse terms; use one of {}, or another method",
            MODELS.join(", ")
        );
        return Err(entry.cannot_go("model.name", &quoted(model), &why));
    }
    let loss = job.model.options.get("loss").and_then(toml::Value::as_str);
    let usual = match model {
        "linear_svm" => "hinge",
        "linear_regression" => "squared",
        _ => return check_cut(entry, tiered, job),
    };
    match loss {
        Some(loss) if loss != usual => {
            let why = format!("threads know \"{usual}\" alone; set that, or use another method");
            Err(entry.cannot_go("model.loss", &quoted(loss), &why))
        }
        Some(_) | None => Ok(()),
    }
}

/// What the projected steps of a graph cut cannot go with, and what only one shared model has.
fn check_cut(entry: &MethodEntry, tiered: bool, job: &JobConfig) -> Result<(), String> {
    if job.model.name != "graph_cut" {
        return Ok(());
    }
    if tiered {
        let why =
            "the sum of two steps that each end on the simplex need not end on it; use hogwild";
        return Err(entry.cannot_go("model.name", "\"graph_cut\"", why));
    }
    if job.optimizer.name == "adagrad" {
        let why = "it scales every coordinate by itself, and the nearest point of a graph cut's simplex is then \
                   another one; use sgd";
        return Err(entry.cannot_go("optimizer.name", "\"adagrad\"", why));
    }
    Ok(())
}

/// The rules that threads know, as their coordinates are one word each.
fn check_optimizer(entry: &MethodEntry, job: &JobConfig) -> Result<(), String> {
    let rule = &job.optimizer;
    if !matches!(rule.name.as_str(), "sgd" | "adagrad") {
        let why = "a coordinate and what the rule keeps of it are one word, which threads read and write \
                   at once; use sgd or adagrad";
        return Err(entry.cannot_go("optimizer.name", &quoted(&rule.name), why));
    }
    for (key, usual, word) in [
        ("lr_decay", 0.0, "0"),
        ("initial_accumulator_value", 0.0, "0"),
        ("eps", f64::from(ADAGRAD_EPS), "1e-10"),
    ] {
        let found = number(&rule.options, key);
        // ε is a single on both sides.
        if let Some(found) = found.filter(|found| 1e-6 * usual < (found - usual).abs()) {
            let key = format!("optimizer.{key}");
            let why = format!("threads step with {word}; remove it");
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

/// Keys that say how workers and servers play together, with what they are if nobody says otherwise.
const OF_CLUSTERS: [(&str, &str); 13] = [
    ("method.n_push", "1"),
    ("method.n_pull", "1"),
    ("method.overlap", "'full'"),
    ("method.prefetch", "2"),
    ("method.retake", "true"),
    ("method.communication_period", "1"),
    ("method.solo_phase", "0"),
    ("method.push_format", "'f32'"),
    ("train.accumulate", "1"),
    ("train.pull", "'auto'"),
    ("train.non_finite", "'reject'"),
    ("consistency.staleness_rate", "'constant'"),
    ("consistency.beyond_limit", "'reject'"),
];

/// Refuses those of them that are not as usual.
fn check_cluster_keys(entry: &MethodEntry, job: &JobConfig) -> Result<(), String> {
    let no_exchange = "threads change one model, and there is nothing to push or pull; remove it";
    let whole = written(job);
    for (key, usual) in OF_CLUSTERS {
        if let Some(found) = other_than(&whole, key, usual) {
            return Err(entry.cannot_go(key, &found, no_exchange));
        }
    }
    let refuse = |key: &str, found: &dyn fmt::Display, why: &str| {
        Err(entry.cannot_go(key, &found.to_string(), why))
    };
    if let Some(rate) = job.method.local_lr {
        return refuse("method.local_lr", &rate, no_exchange);
    }
    if let Some(limit) = job.consistency.staleness.limit {
        return refuse("consistency.staleness_limit", &limit, no_exchange);
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
        return refuse("train.compute", &job.train.compute, why);
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

/// Updates of copies that are merged are never lost.
fn check_updates(entry: &MethodEntry, scheme: Scheme, job: &JobConfig) -> Result<(), String> {
    match job.method.updates {
        Some(updates) if scheme == Scheme::TieredReplicas => {
            let why = "its threads change copies of their own and lose nothing; remove it, or use hogwild";
            Err(entry.cannot_go("method.updates", &quoted(updates.word()), why))
        }
        Some(_) | None => Ok(()),
    }
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

//! `thalweg check`: the resolved job, and what its servers will need; or the gradient of its model.

mod gradient;

use std::path::Path;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use thalweg_common::config::JobConfig;
use thalweg_common::ids::ServerId;

use super::flags::JobFlags;
use super::options::JobOptions;
use super::{Ending, say};
use crate::job::{
    Blueprint, Memory, ResolvedJob, available, check_cluster_fits, check_threads, model_bytes,
    resolve, runs_on_threads,
};

/// Arguments of `thalweg check`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    job: JobOptions,

    #[command(flatten)]
    flags: JobFlags,

    /// Compare the model's gradient with the slopes of its loss, on rows of the training set.
    #[arg(long)]
    gradient: bool,

    /// For programs: the same as JSON.
    #[arg(long)]
    json: bool,

    /// Rows of the batch on which the gradient is checked.
    #[arg(long, requires = "gradient", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=65_536))]
    rows: u64,

    /// Elements of each tensor that are checked, at most; each takes eight passes over the rows.
    #[arg(long, requires = "gradient", default_value_t = 200, value_name = "N")]
    elements: usize,
}

/// A line for each hyper-parameter that has a schedule: where it begins and ends.
fn moving(blueprint: &Blueprint) -> Vec<String> {
    let Ok(tuning) = blueprint.config.tuning() else {
        unreachable!("a checked job has only schedules that fit")
    };
    let lengths = blueprint.lengths();
    let values = |progress| tuning.values(progress, &lengths);
    let ends = values(0).zip(values(lengths.job));
    let line = |(name, (first, last)): (&str, (f64, f64))| {
        format!("{name} is {first} at the beginning and {last} at the end")
    };
    tuning.names().zip(ends).map(line).collect()
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let config = arguments.job.config_with(&arguments.flags, &[])?;
    if arguments.gradient {
        let job = resolve(config, Path::new("."))?;
        return gradient::run(&job, (arguments.rows, arguments.elements), arguments.json);
    }
    show(config, arguments.json)
}

/// Resolves a job and prints it, with what its servers will need.
pub(super) fn show(config: JobConfig, as_json: bool) -> Result<Ending> {
    let job = resolve(config, Path::new("."))?;
    let blueprint = &job.blueprint;
    let servers = servers(&job)?;
    if as_json {
        say(&serde_json::to_string_pretty(&for_programs(
            &job, &servers,
        )?)?);
        return Ok(Ending::Done);
    }
    say(&blueprint.config.to_toml());
    for note in job.notes() {
        say(&format!("# note: {note}"));
    }
    for line in moving(blueprint) {
        say(&format!("# {line}"));
    }
    say(&format!("# fingerprint {}", blueprint.config.fingerprint()));
    let (elements, ends) = (blueprint.map.elements(), blueprint.examples_total());
    let data = job.data.train.memory_bytes();
    say(&match runs_on_threads(&blueprint.config) {
        true => format!(
            "# {elements} elements in {} bytes for {} threads; ends at {ends} examples; data take {data} bytes, \
             and the rows once more as terms",
            model_bytes(blueprint),
            blueprint.config.cluster.workers
        ),
        false => format!(
            "# {elements} elements in {} shards; ends at {ends} examples; data take {data} bytes per worker",
            blueprint.map.shards().len()
        ),
    });
    for (server, memory) in servers.iter().enumerate() {
        say(&format!("# server {server}: {memory}"));
    }
    Ok(Ending::Done)
}

/// What each server plans for; threads, which have none, must be able to train the job.
fn servers(job: &ResolvedJob) -> Result<Vec<Memory>> {
    let blueprint = &job.blueprint;
    if runs_on_threads(&blueprint.config) {
        check_cluster_fits(blueprint, available())?;
        check_threads(job)?;
        return Ok(Vec::new());
    }
    let servers = (0..blueprint.map.servers()).map(ServerId);
    let plan = |server| Memory::plan(blueprint, server).check(server, &blueprint.config.limits);
    Ok(servers.map(plan).collect::<Result<_, _>>()?)
}

/// The resolved job and what follows from it.
fn for_programs(job: &ResolvedJob, servers: &[Memory]) -> Result<Value> {
    let blueprint = &job.blueprint;
    let resolved: toml::Table = blueprint.config.to_toml().parse()?;
    let memory = |memory: &Memory| {
        let terms: serde_json::Map<_, _> = memory
            .terms
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), Value::from(*bytes)))
            .collect();
        json!({ "bytes_max": memory.total(), "terms": terms })
    };
    Ok(json!({
        "job": resolved,
        "fingerprint": blueprint.config.fingerprint().to_string(),
        "notes": job.notes(),
        "schedules": moving(blueprint),
        "elements": blueprint.map.elements(),
        "shards": blueprint.map.shards().len(),
        "examples_total": blueprint.examples_total(),
        "data_bytes_per_worker": job.data.train.memory_bytes(),
        "servers": servers.iter().map(memory).collect::<Vec<_>>(),
        "threads_bytes": runs_on_threads(&blueprint.config).then(|| model_bytes(blueprint)),
    }))
}

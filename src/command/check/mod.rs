//! `thalweg check`: the resolved job, and what its servers will need; or the gradient of its model.

mod gradient;

use std::path::Path;

use anyhow::Result;
use clap::Args;
use thalweg_common::config::JobConfig;
use thalweg_common::ids::ServerId;

use super::flags::JobFlags;
use super::options::JobOptions;
use super::{Ending, say};
use crate::job::{Blueprint, Memory, resolve};

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
        return gradient::run(&job, arguments.rows, arguments.elements);
    }
    show(config)
}

/// Resolves a job and prints it, with what its servers will need.
pub(super) fn show(config: JobConfig) -> Result<Ending> {
    let job = resolve(config, Path::new("."))?;
    let blueprint = &job.blueprint;
    say(&blueprint.config.to_toml());
    for note in job.notes() {
        say(&format!("# note: {note}"));
    }
    for line in moving(blueprint) {
        say(&format!("# {line}"));
    }
    say(&format!("# fingerprint {}", blueprint.config.fingerprint()));
    say(&format!(
        "# {} elements in {} shards; ends at {} examples; data take {} bytes per worker",
        blueprint.map.elements(),
        blueprint.map.shards().len(),
        blueprint.examples_total(),
        job.data.train.memory_bytes()
    ));
    for server in (0..blueprint.map.servers()).map(ServerId) {
        let memory = Memory::plan(blueprint, server).check(server, &blueprint.config.limits)?;
        say(&format!("# server {server}: {memory}"));
    }
    Ok(Ending::Done)
}

//! `thalweg compare`: methods side by side under one command.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use thalweg_common::physics::Distribution;

use super::conditions::ConditionFlags;
use super::flags::JobFlags;
use super::options::JobOptions;
use super::simulate::{COMPUTE, SERVE};
use super::{Ending, INTERRUPTED};
use crate::compare::{CompareOptions, compare};
use crate::train::listen_beside;

/// Arguments of `thalweg compare`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    job: JobOptions,

    #[command(flatten)]
    flags: JobFlags,

    #[command(flatten)]
    conditions: ConditionFlags,

    /// The methods to compare, or all that the job can be trained by.
    #[arg(
        long,
        value_name = "all|NAME,…",
        value_delimiter = ',',
        default_value = "all"
    )]
    methods: Vec<String>,

    /// Numbers of workers to compare with: the job's, if none is given.
    #[arg(long, value_name = "N,…", value_delimiter = ',', allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
    workers: Vec<u32>,

    /// Latencies to compare at, each as --latency: one place for each, with every number of workers.
    #[arg(
        long,
        value_name = "DELAY,…",
        value_delimiter = ',',
        allow_hyphen_values = true,
        conflicts_with = "latency"
    )]
    latencies: Vec<Distribution>,

    /// Run everything in virtual time; without it final runs are real processes, and only rates are searched
    /// in virtual time.
    #[arg(long)]
    simulate: bool,

    /// What computing one batch takes in virtual time, beside the job's `train.compute`: a delay.
    #[arg(long, value_name = "DELAY", default_value = COMPUTE, allow_hyphen_values = true)]
    compute: Distribution,

    /// What serving one request takes in virtual time: a delay.
    #[arg(long, value_name = "DELAY", default_value = SERVE, allow_hyphen_values = true)]
    serve: Distribution,

    /// The Python whose torch is set beside the methods (data-parallel training over gloo, local SGD), if it has one
    /// and all is not simulated.
    #[arg(long, value_name = "PYTHON", default_value = "python3")]
    python: String,

    /// Set no torch beside the methods.
    #[arg(long)]
    no_peers: bool,

    /// Where the files go; a folder of its own below `comparisons` if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,

    /// For programs: print result.json (docs/DELAY.md) instead of the tables.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let conditions = arguments.conditions.conditions();
    let latencies = match arguments.latencies[..] {
        [] => vec![conditions.link.latency],
        ref some => some.to_vec(),
    };
    let (first, notes) = arguments.flags.assignments(&arguments.job.sets)?;
    for note in notes {
        super::say_error(&format!("note: {note}"));
    }
    let is_whole = compare(&CompareOptions {
        job: arguments.job.job.clone(),
        sets: [first, arguments.job.sets.clone()].concat(),
        methods: arguments.methods.clone(),
        workers: arguments.workers.clone(),
        latencies,
        flags: arguments.conditions.arguments_without_latency(),
        conditions,
        compute: arguments.compute,
        serve: arguments.serve,
        simulated: arguments.simulate,
        python: (!arguments.no_peers).then(|| arguments.python.clone()),
        interrupted: listen_beside(INTERRUPTED)?,
        out: arguments.out.clone(),
        quiet: arguments.quiet,
        json: arguments.json,
    })?;
    Ok(match is_whole {
        true => Ending::Done,
        false => Ending::Interrupted,
    })
}

//! `thalweg stress`: a matrix of conditions, methods and consistency on a real cluster, judged.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use thalweg_common::physics::{Bandwidth, Distribution, Share, Span, Straggler};

use super::{Ending, INTERRUPTED};
use crate::stress::{Axes, Consistency, Extent, Maybe, StressEnd, StressOptions, stress};
use crate::train::listen_beside;

/// Arguments of `thalweg stress`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run the whole matrix: 8 latencies from 0 to 500 ms one way, 4 methods, 3 consistencies, and the faults.
    #[arg(long, conflicts_with = "quick")]
    full: bool,

    /// Run as little as shows that everything runs.
    #[arg(long)]
    quick: bool,

    /// One-way latencies, each as `thalweg train --latency`. Axes that are named are multiplied with each other,
    /// and nothing else is run.
    #[arg(
        long,
        value_name = "DELAY,…",
        value_delimiter = ',',
        help_heading = "Axes"
    )]
    latency: Vec<Distribution>,

    /// What is added to them.
    #[arg(
        long,
        value_name = "DELAY,…",
        value_delimiter = ',',
        help_heading = "Axes"
    )]
    jitter: Vec<Distribution>,

    /// Of each direction of each link.
    #[arg(
        long,
        value_name = "none|RATE,…",
        value_delimiter = ',',
        help_heading = "Axes"
    )]
    bandwidth: Vec<Maybe<Bandwidth>>,

    /// Shares of the messages that are lost and sent again.
    #[arg(
        long,
        value_name = "SHARE,…",
        value_delimiter = ',',
        help_heading = "Axes"
    )]
    loss: Vec<Share>,

    /// Slow machines, one at a time.
    #[arg(
        long,
        value_name = "none|STRAGGLER,…",
        value_delimiter = ',',
        help_heading = "Axes"
    )]
    straggler: Vec<Maybe<Straggler>>,

    /// Shares of the acknowledgements of pushes that workers throw away.
    #[arg(
        long,
        value_name = "SHARE,…",
        value_delimiter = ',',
        help_heading = "Axes"
    )]
    drop_acks: Vec<Share>,

    /// Training methods. Where none of them counts pushes, downpour runs beside them and does.
    #[arg(
        long,
        value_name = "NAME,…",
        value_delimiter = ',',
        help_heading = "Axes"
    )]
    methods: Vec<String>,

    /// When workers wait for each other.
    #[arg(
        long,
        value_name = "bsp|ssp|asp,…",
        value_delimiter = ',',
        help_heading = "Axes"
    )]
    consistency: Vec<Consistency>,

    /// Only cells with one of these words in their names or conditions.
    #[arg(long, value_name = "WORD,…", value_delimiter = ',')]
    only: Vec<String>,

    /// Worker processes of a cell.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..=64))]
    workers: u32,

    /// Server processes of a cell.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=16))]
    servers: u32,

    /// Iterations that every worker makes in every cell, at least.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(200..=1_000_000))]
    iterations: u64,

    /// Iterations that a worker may be ahead of the slowest under ssp.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    lag: u64,

    /// Sleep per batch, so that many workers fit on few cores: 20ms, or 4ms with --quick.
    #[arg(long, value_name = "TIME")]
    compute: Option<Span>,

    /// The seed of jobs and faults.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// The test loss that the time to loss is about.
    #[arg(long, value_name = "LOSS", default_value_t = TARGET)]
    target: f64,

    /// Begin no cell that would not end within so many seconds; 900, or 7200 with --full.
    #[arg(long, value_name = "SECONDS")]
    duration: Option<f64>,

    /// Where the files go; a folder of its own below `stress` if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,

    /// For programs: print result.json (docs/STRESS.md) instead of the tables.
    #[arg(long)]
    json: bool,
}

/// What every method of the usual matrix reaches in the time of a cell; guessing costs 0.69.
const TARGET: f64 = 0.6;

const DURATION_SECONDS: (f64, f64) = (900.0, 7_200.0);

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let (extent, usual_duration, usual_compute) = match (arguments.quick, arguments.full) {
        (true, _) => (Extent::Quick, DURATION_SECONDS.0, "4ms"),
        (false, true) => (Extent::Full, DURATION_SECONDS.1, "20ms"),
        (false, false) => (Extent::Usual, DURATION_SECONDS.0, "20ms"),
    };
    let seconds = arguments.duration.unwrap_or(usual_duration);
    if seconds <= 0.0 {
        bail!("--duration {seconds}: no cell would ever be begun; expected seconds above 0");
    }
    if !arguments.target.is_finite() {
        bail!("--target {}: expected a test loss", arguments.target);
    }
    let ended = stress(&StressOptions {
        extent,
        axes: Axes {
            latencies: arguments.latency.clone(),
            jitters: arguments.jitter.clone(),
            bandwidths: arguments.bandwidth.clone(),
            losses: arguments.loss.clone(),
            stragglers: arguments.straggler.clone(),
            drop_acks: arguments.drop_acks.clone(),
        },
        methods: arguments.methods.clone(),
        consistencies: arguments.consistency.clone(),
        only: arguments.only.clone(),
        workers: arguments.workers,
        servers: arguments.servers,
        iterations: arguments.iterations,
        lag: arguments.lag,
        compute: match arguments.compute {
            Some(compute) => compute,
            None => usual_compute.parse()?,
        },
        seed: arguments.seed,
        target: arguments.target,
        duration: Duration::try_from_secs_f64(seconds)
            .with_context(|| format!("--duration {seconds}: expected seconds"))?,
        out: arguments.out.clone(),
        quiet: arguments.quiet,
        json: arguments.json,
        interrupted: listen_beside(INTERRUPTED)?,
    })?;
    Ok(match ended {
        StressEnd::Passed => Ending::Done,
        StressEnd::Failed => Ending::Failed,
        StressEnd::Interrupted => Ending::Interrupted,
    })
}

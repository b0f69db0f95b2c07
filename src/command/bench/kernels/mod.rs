//! `thalweg bench kernels`: how fast the optimizers run, beside what memory allows in the same run.
//!
//! Three questions: do large shards step at the speed of memory; do small ones, in cache, step
//! faster than a loop written without thought of vectors; and does a sparse step cost as much as it
//! touches, whatever the size of the model.

mod bandwidth;
mod cache;
mod dense;
mod plain;
mod sparse;
mod subject;

use std::io;

use clap::{Args, ValueEnum};
use thalweg_common::optimizer::{OPTIMIZERS, OptimizerEntry, optimizer};

/// Options of `bench kernels`.
#[derive(Args, Debug)]
pub(super) struct KernelArgs {
    /// Three rounds instead of eleven.
    #[arg(long)]
    quick: bool,
    /// Measures only this question.
    #[arg(long)]
    only: Option<Question>,
    /// Measures only this optimizer. May be given several times.
    #[arg(long, value_name = "NAME")]
    optimizer: Vec<String>,
    /// Parameters of the large shards together, in Mi (1,048,576).
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    mebi_elements: u16,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Question {
    /// Shards of 1 Mi parameters, on one thread and on all.
    Dense,
    /// 8 Ki parameters, again and again.
    Cache,
    /// 1,000 coordinates of models of 10 to 10 M parameters.
    Sparse,
}

/// Runs the measurements and prints their tables.
pub(super) fn run(args: &KernelArgs) -> anyhow::Result<()> {
    let rounds = if args.quick { 3 } else { 11 };
    let chosen: Vec<&OptimizerEntry> = if args.optimizer.is_empty() {
        OPTIMIZERS.iter().collect()
    } else {
        let found = args.optimizer.iter().map(|name| optimizer(name));
        found.collect::<Result<_, _>>()?
    };
    let mut out = io::stdout().lock();
    let wanted = |question| args.only.is_none_or(|only| only == question);
    if wanted(Question::Dense) {
        dense::run(&mut out, &chosen, usize::from(args.mebi_elements), rounds)?;
    }
    if wanted(Question::Cache) {
        cache::run(&mut out, &chosen, rounds)?;
    }
    if wanted(Question::Sparse) {
        sparse::run(&mut out, &chosen, rounds)?;
    }
    Ok(())
}

/// The median of some samples; 0 if there are none.
fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

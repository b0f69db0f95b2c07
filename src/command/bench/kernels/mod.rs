//! `thalweg bench kernels`: how fast the optimizers run, beside what the machine allows in the same run.
//!
//! Four questions: do large shards step at the speed of memory; do small ones, in cache, step faster
//! than the obvious loop; does a sparse step cost as much as it touches, whatever the size of the
//! model; and how fast is torch, taking turns with us. All that is compared is measured in the same
//! rounds, so that a slow moment of the machine falls on both sides.

mod case;
mod subject;
pub(super) mod samples;
pub(super) mod machine;
mod sheet;
mod limits;
mod dense;
mod plain;
mod race;
mod cache;
mod lines;
mod sparse;
mod peer;
mod torch;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::case::cases;
use self::sheet::Sheet;

/// Options of `bench kernels`. Takes some minutes: let nothing else run meanwhile. docs/KERNELS.md says
/// what the columns mean and what was measured.
#[derive(Args, Debug)]
pub(super) struct KernelArgs {
    /// Three rounds instead of seven.
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
    /// Measures the optimizers of torch, too, those of this Python; without a name those of `python3`.
    #[arg(long, value_name = "PYTHON", num_args = 0..=1, default_missing_value = PYTHON)]
    torch: Option<String>,
    /// Writes every number of every round to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const PYTHON: &str = "python3";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Question {
    /// Shards of 1 Mi parameters, on one thread and on all.
    Dense,
    /// 1 Ki and 8 Ki parameters, again and again.
    Cache,
    /// 1,000 coordinates of models of 10 to 10 M parameters.
    Sparse,
    /// The large shards in turn with torch.
    Torch,
}

/// Runs the measurements and prints their tables.
pub(super) fn run(args: &KernelArgs) -> anyhow::Result<()> {
    let rounds = if args.quick { 3 } else { 7 };
    let shards = usize::from(args.mebi_elements);
    let cases = cases(&args.optimizer)?;
    let mut sheet = Sheet::new(args.json.as_deref())?;
    sheet.line(&format!("{}\n\n", sheet.machine()));
    let wanted = |question| args.only.is_none_or(|only| only == question);
    if wanted(Question::Dense) {
        dense::run(&mut sheet, &cases, shards, rounds)?;
    }
    if wanted(Question::Cache) {
        cache::run(&mut sheet, &cases, rounds)?;
    }
    if wanted(Question::Sparse) {
        sparse::run(&mut sheet, &cases, rounds)?;
    }
    let asked = (args.only == Some(Question::Torch)).then_some(PYTHON);
    if let Some(python) = args.torch.as_deref().or(asked)
        && wanted(Question::Torch)
    {
        torch::run(&mut sheet, (&cases, python), shards, rounds)?;
    }
    sheet.finish()
}

//! `thalweg bench simulate`: what a simulation costs, against the number of workers.
//!
//! Every row is a process of its own, since a process never gives back what it held at most. Workers do as many
//! iterations in each, so that events and memory grow with their number, or the simulation does not scale.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::child::report_of;
use super::make_folder;
use crate::progress::say_out;
use crate::report::page::{Chart, Line, Scale};
use crate::report::write_text;
use crate::view::units::{bytes, grouped, scaled};
use crate::view::{Cell, Edge, Look, Table};

/// Rows of a batch.
const BATCH: u64 = 2;

/// Iterations that each worker is given in the mean.
const ITERATIONS: u64 = 30;

/// Options of `bench simulate`.
#[derive(Args, Debug)]
pub(super) struct SimulateArgs {
    /// Numbers of workers.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "10,100,1000,10000",
          value_parser = clap::value_parser!(u32).range(1..))]
    workers: Vec<u32>,
    /// Draws the two curves into this folder, too.
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
}

/// A number of workers, and what their simulation cost.
struct Row {
    workers: u32,
    /// The iterations of the worker that did fewest.
    iterations: u64,
    events: u64,
    events_per_second: f64,
    memory_bytes: u64,
    test_loss: f64,
}

/// Runs the measurement and prints its table.
pub(super) fn run(args: &SimulateArgs) -> anyhow::Result<()> {
    make_folder(args.plots.as_deref())?;
    let folder = tempfile::tempdir().context("no folder for the runs")?;
    let rows = args.workers.iter().map(|n| measure(*n, folder.path()));
    let rows: Vec<Row> = rows.collect::<anyhow::Result<_>>()?;
    say_out(&table(&rows));
    if let Some(plots) = &args.plots {
        for (name, chart) in charts(&rows) {
            if let Some(svg) = chart.svg() {
                write_text(&plots.join(name), &svg)?;
            }
        }
    }
    Ok(())
}

/// The flights under adaptive revision, whose steps bear the staleness of thousands.
fn measure(workers: u32, folder: &Path) -> anyhow::Result<Row> {
    let examples = u64::from(workers) * BATCH * ITERATIONS;
    let (workers_flag, batch) = (workers.to_string(), BATCH.to_string());
    let examples = format!("train.examples={examples}");
    let what = format!("a simulation of {workers} workers");
    let arguments = [
        "flights",
        "--method",
        "adaptive_revision",
        "--latency",
        "exponential:20ms",
        "--workers",
        &workers_flag,
        "--batch-size",
        &batch,
        "--set",
        &examples,
        // The examples are the bound.
        "--epochs",
        "1000",
    ];
    let run = folder.join(workers.to_string());
    let report = report_of("simulate", arguments, (&run, &what))?;
    let simulation = report.simulation.context("a report of a simulation")?;
    let iterations = report.per_worker.iter().map(|worker| worker.clock).min();
    Ok(Row {
        workers,
        iterations: iterations.unwrap_or(0),
        events: simulation.events,
        events_per_second: simulation.events_per_second,
        memory_bytes: simulation.peak_memory_bytes.unwrap_or(0),
        test_loss: report.final_scores.loss().unwrap_or(f64::NAN),
    })
}

fn table(rows: &[Row]) -> String {
    let heads = [
        "workers",
        "iterations, at least",
        "events",
        "events/s",
        "memory",
        "test loss",
    ];
    let mut table = Table::with_heads(heads.map(|head| (head, Edge::Right)));
    for row in rows {
        let cells = [
            grouped(u64::from(row.workers)),
            grouped(row.iterations),
            grouped(row.events),
            scaled(Some(row.events_per_second)),
            bytes(row.memory_bytes),
            format!("{:.4}", row.test_loss),
        ];
        table.row(cells.into_iter().map(Cell::from));
    }
    let mut text = String::new();
    table.write(Look::of_stdout(), &mut text);
    text
}

fn charts(rows: &[Row]) -> [(&'static str, Chart); 2] {
    let chart = |title: &str, (x, scale), of: &dyn Fn(&Row) -> f64| Chart {
        title: title.to_owned(),
        x,
        scale,
        ceiling: None,
        lines: vec![Line {
            name: title.to_owned(),
            points: rows
                .iter()
                .map(|row| (f64::from(row.workers), of(row)))
                .collect(),
        }],
    };
    #[expect(clippy::cast_precision_loss, reason = "a place on a chart")]
    let megabytes = |row: &Row| row.memory_bytes as f64 / 1e6;
    [
        (
            "simulate-events.svg",
            chart(
                "thousands of events per second",
                ("workers, by ratios", Scale::Log),
                &|row| row.events_per_second / 1e3,
            ),
        ),
        (
            "simulate-memory.svg",
            chart("memory, MB", ("workers", Scale::Linear), &megabytes),
        ),
    ]
}

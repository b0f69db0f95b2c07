//! `thalweg bench delay`: what a simulation promises beside what real processes do, and whether latency can be hidden.
//!
//! The simulation knows of this machine only what one run without any conditions recorded: how long gradients take,
//! and messages over loopback. Each point then is trained twice to the same test loss, in virtual time and in
//! processes whose links are proxies.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::child::report_of;
use super::make_folder;
use crate::progress::{say_err, say_out};
use crate::report::page::{Chart, Line, Scale};
use crate::report::{EvaluationPoint, Report, write_text};
use crate::view::units::bytes;
use crate::view::{Cell, Edge, Look, Table};

/// Options of `bench delay`.
#[derive(Args, Debug)]
pub(super) struct DelayArgs {
    /// Which part; all if not given.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Only points whose name has this in it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    points: String,
    /// Draws predictions beside measurements into this folder, too.
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// For programs: print what was found as JSON.
    #[arg(long)]
    json: bool,
}

/// A part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Time to a loss, predicted and measured.
    Prediction,
    /// An asynchronous method at 50 ms beside itself without latency, on a job of 30 s.
    Hiding,
}

/// The job of all points: 20 ms of sleep for every batch, so that processes of more workers than there are cores
/// compute side by side.
const JOB: &[&str] = &["steady", "--set", "evaluate.every=0.002", "--epochs", "1"];

/// Processes, and what they go through, as arguments of `train` and `simulate` alike.
#[derive(Debug)]
struct Point {
    name: &'static str,
    arguments: &'static [&'static str],
}

const fn point(name: &'static str, arguments: &'static [&'static str]) -> Point {
    Point { name, arguments }
}

/// The run that is recorded.
const RECORDED: Point = point("downpour, 4 workers", &["--workers", "4"]);

/// The points of the prediction, none of which is the recorded one.
const POINTS: &[Point] = &[
    point("downpour, 2 workers", &["--workers", "2"]),
    point("downpour, 8 workers", &["--workers", "8"]),
    point(
        "downpour, 2 workers, 20 ms",
        &["--workers", "2", "--latency", "20ms"],
    ),
    point(
        "downpour, 4 workers, 20 ms",
        &["--workers", "4", "--latency", "20ms"],
    ),
    point(
        "downpour, 8 workers, 20 ms",
        &["--workers", "8", "--latency", "20ms"],
    ),
    point(
        "downpour, 2 workers, 100 ms",
        &["--workers", "2", "--latency", "100ms"],
    ),
    point(
        "downpour, 4 workers, 100 ms",
        &["--workers", "4", "--latency", "100ms"],
    ),
    point(
        "downpour, 8 workers, 100 ms",
        &["--workers", "8", "--latency", "100ms"],
    ),
    point(
        "downpour, 8 workers, exponential 20 ms",
        &["--workers", "8", "--latency", "exponential:20ms"],
    ),
    point(
        "downpour, 4 workers, 5 ms, worker 1 10x",
        &["--workers", "4", "--latency", "5ms", "--straggler", "1:10x"],
    ),
    point(
        "downpour, 4 workers, 2 Mbit/s",
        &["--workers", "4", "--bandwidth", "2mbit"],
    ),
    point(
        "synchronous, 4 workers, 20 ms",
        &[
            "--method",
            "synchronous",
            "--workers",
            "4",
            "--latency",
            "20ms",
        ],
    ),
    point(
        "synchronous, 4 workers, 5 ms, worker 1 10x",
        &[
            "--method",
            "synchronous",
            "--workers",
            "4",
            "--latency",
            "5ms",
            "--straggler",
            "1:10x",
        ],
    ),
    point(
        "ssp lag 4, 4 workers, 20 ms, rotating 5x",
        &[
            "--set",
            "consistency.model=ssp",
            "--set",
            "consistency.lag=4",
            "--workers",
            "4",
            "--latency",
            "20ms",
            "--straggler",
            "rotating:5x:1s",
        ],
    ),
    point(
        "easgd, 4 workers, 50 ms",
        &[
            "--method",
            "easgd",
            "--set",
            "method.elastic_rate=0.2",
            "--lr",
            "1",
            "--workers",
            "4",
            "--latency",
            "50ms",
        ],
    ),
];

/// Batches of 32 after which the recorded run's loss is the target of the others.
const PREDICTION_BATCHES: u64 = 1_200;

/// The same, of the job on which latency is to be hidden: 1,600 batches of 20 ms for each of four workers.
const HIDING_BATCHES: u64 = 6_400;

/// What is taken for hidden: so many times the time without latency.
const HIDDEN: f64 = 1.25;

/// The rows of the second part, under the job's own AdaGrad: asked ahead by more than a round trip of 100 ms, and the
/// barrier beside it.
const ASYNCHRONOUS: &[&str] = &[
    "--workers",
    "4",
    "--set",
    "method.prefetch=7",
    "--set",
    "limits.inflight_pulls_max=7",
];
const SYNCHRONOUS: &[&str] = &["--workers", "4", "--method", "synchronous"];
const FAR: &[&str] = &["--latency", "50ms"];

/// What was found at a point.
#[derive(Clone, Debug, Serialize)]
struct Found {
    point: String,
    predicted_seconds: f64,
    measured_seconds: f64,
    /// |predicted / measured − 1|.
    error: f64,
}

/// A run of the second part.
#[derive(Clone, Debug, Serialize)]
struct Trained {
    run: String,
    /// From the first data dealt out to the target.
    seconds: f64,
    bytes: u64,
    staleness_p50: u64,
    staleness_p99: u64,
    loss: f64,
}

/// Everything that was found.
#[derive(Debug, Default, Serialize)]
struct Results {
    prediction: Vec<Found>,
    median_error: Option<f64>,
    worst_error: Option<f64>,
    hiding: Vec<Trained>,
    /// The asynchronous method's time at 50 ms, by its time without latency.
    hiding_ratio: Option<f64>,
}

/// Runs the measurement and prints its tables.
pub(super) fn run(args: &DelayArgs) -> anyhow::Result<()> {
    make_folder(args.plots.as_deref())?;
    let folder = tempfile::tempdir().context("no folder for the runs")?;
    let mut results = Results::default();
    if args.only != Some(Part::Hiding) {
        predict(args, folder.path(), &mut results)?;
    }
    if args.only != Some(Part::Prediction) {
        hide(folder.path(), &mut results)?;
    }
    match args.json {
        true => say_out(&serde_json::to_string_pretty(&results)?),
        false => say_out(&text(&results)),
    }
    let chart = chart(&results.prediction)
        .svg()
        .filter(|_| !results.prediction.is_empty());
    if let (Some(plots), Some(svg)) = (&args.plots, chart) {
        write_text(&plots.join("delay-prediction.svg"), &svg)?;
    }
    Ok(())
}

fn predict(args: &DelayArgs, folder: &Path, results: &mut Results) -> anyhow::Result<()> {
    let points: Vec<&Point> = POINTS
        .iter()
        .filter(|p| p.name.contains(&args.points))
        .collect();
    if points.is_empty() {
        let names: Vec<_> = POINTS.iter().map(|p| p.name).collect();
        bail!(
            "no point has \"{}\" in its name; there are: {}",
            args.points,
            names.join("; ")
        );
    }
    say_err(&format!("recording: {}", RECORDED.name));
    let recording = folder.join("recording.jsonl");
    let record = [OsString::from("--record"), recording.clone().into()];
    let recorded = train(
        ("train", RECORDED.arguments),
        PREDICTION_BATCHES,
        &record,
        folder,
    )?;
    let target = loss(&recorded).context("the recorded run has no test loss")?;
    for point in points {
        say_err(&format!(
            "{}: in virtual time, then in processes",
            point.name
        ));
        let replay = [OsString::from("--replay"), recording.clone().into()];
        let arguments = |further: &[OsString]| [until(target), further.to_vec()].concat();
        // Whatever is slower needs more than the recorded run had.
        let batches = 4 * PREDICTION_BATCHES;
        let predicted = train(
            ("simulate", point.arguments),
            batches,
            &arguments(&replay),
            folder,
        )?;
        let measured = train(("train", point.arguments), batches, &arguments(&[]), folder)?;
        let (predicted, measured) = (
            seconds_to(&predicted, target)
                .with_context(|| never(point.name, "simulation", target))?,
            seconds_to(&measured, target).with_context(|| never(point.name, "run", target))?,
        );
        results.prediction.push(Found {
            point: point.name.to_owned(),
            predicted_seconds: predicted,
            measured_seconds: measured,
            error: (predicted / measured - 1.0).abs(),
        });
    }
    let mut errors: Vec<f64> = results.prediction.iter().map(|found| found.error).collect();
    errors.sort_by(f64::total_cmp);
    results.median_error = Some(f64::midpoint(
        errors[(errors.len() - 1) / 2],
        errors[errors.len() / 2],
    ));
    results.worst_error = errors.last().copied();
    Ok(())
}

fn hide(folder: &Path, results: &mut Results) -> anyhow::Result<()> {
    say_err("downpour, 4 workers, no latency: 30 s or more");
    let near = train(("train", ASYNCHRONOUS), HIDING_BATCHES, &[], folder)?;
    let target = loss(&near).context("the run without latency has no test loss")?;
    results
        .hiding
        .push(trained("downpour, no latency", &near, target)?);
    for (name, arguments, further) in [
        ("downpour, 50 ms one way", ASYNCHRONOUS, FAR),
        ("synchronous, no latency", SYNCHRONOUS, &[]),
        ("synchronous, 50 ms one way", SYNCHRONOUS, FAR),
    ] {
        say_err(name);
        let arguments = [arguments, further].concat();
        let report = train(
            ("train", &arguments),
            2 * HIDING_BATCHES,
            &until(target),
            folder,
        )?;
        results.hiding.push(trained(name, &report, target)?);
    }
    results.hiding_ratio = Some(results.hiding[1].seconds / results.hiding[0].seconds);
    Ok(())
}

/// Trains so many batches at most, in processes or in virtual time.
fn train(
    (command, arguments): (&str, &[&str]),
    batches: u64,
    further: &[OsString],
    folder: &Path,
) -> anyhow::Result<Report> {
    let examples = format!("train.examples={}", 32 * batches);
    let given = JOB
        .iter()
        .chain(arguments)
        .chain(&["--set"])
        .map(OsString::from);
    let all = given
        .chain([examples.into()])
        .chain(further.iter().cloned());
    let out = tempfile::tempdir_in(folder).context("no folder for a run")?;
    report_of(command, all, (&out.path().join("run"), "a training"))
}

/// Ends a training once it is there.
fn until(target: f64) -> Vec<OsString> {
    vec!["--set".into(), format!("stop.target={target}").into()]
}

fn loss(report: &Report) -> Option<f64> {
    report.final_scores.test?.loss
}

/// When the test loss passed the target, between two evaluations by the line between them.
fn seconds_to(report: &Report, target: f64) -> Option<f64> {
    let at = |point: &EvaluationPoint| Some((point.train_seconds, point.test?.loss?));
    let mut before: Option<(f64, f64)> = None;
    for (seconds, loss) in report.curve.iter().filter_map(at) {
        if loss <= target {
            return Some(match before {
                Some((earlier, higher)) => {
                    earlier + (seconds - earlier) * (higher - target) / (higher - loss)
                }
                None => seconds,
            });
        }
        before = Some((seconds, loss));
    }
    None
}

fn never(point: &str, what: &str, target: f64) -> String {
    format!("{point}: the {what} ended above a test loss of {target:.4}")
}

fn trained(name: &str, report: &Report, target: f64) -> anyhow::Result<Trained> {
    let seconds = seconds_to(report, target).with_context(|| never(name, "run", target))?;
    Ok(Trained {
        run: name.to_owned(),
        seconds,
        bytes: report.bytes_pushed + report.bytes_pulled,
        staleness_p50: report.staleness.p50,
        staleness_p99: report.staleness.p99,
        loss: loss(report).unwrap_or(f64::NAN),
    })
}

fn text(results: &Results) -> String {
    let mut text = String::new();
    let look = Look::of_stdout();
    if !results.prediction.is_empty() {
        let mut table = Table::with_heads([
            ("time to the loss of the recorded run", Edge::Left),
            ("predicted", Edge::Right),
            ("measured", Edge::Right),
            ("error", Edge::Right),
        ]);
        for found in &results.prediction {
            let cells = [
                found.point.clone(),
                format!("{:.2} s", found.predicted_seconds),
                format!("{:.2} s", found.measured_seconds),
                percent(found.error),
            ];
            table.row(cells.into_iter().map(Cell::from));
        }
        table.write(look, &mut text);
    }
    if let (Some(median), Some(worst)) = (results.median_error, results.worst_error) {
        text += &format!(
            "error: {} in the median, {} at worst\n",
            percent(median),
            percent(worst)
        );
    }
    if !results.hiding.is_empty() {
        let heads = [
            "to the loss of the first",
            "bytes",
            "staleness p50",
            "p99",
            "final loss",
        ];
        let heads = heads.map(|head| (head, Edge::Right));
        let mut table = Table::with_heads([("run", Edge::Left)].into_iter().chain(heads));
        for run in &results.hiding {
            let cells = [
                run.run.clone(),
                format!("{:.1} s", run.seconds),
                bytes(run.bytes),
                run.staleness_p50.to_string(),
                run.staleness_p99.to_string(),
                format!("{:.4}", run.loss),
            ];
            table.row(cells.into_iter().map(Cell::from));
        }
        table.write(look, &mut text);
    }
    if let Some(ratio) = results.hiding_ratio {
        let verdict = if ratio <= HIDDEN {
            "hidden"
        } else {
            "not hidden"
        };
        text += &format!(
            "50 ms one way cost {ratio:.2} times the time without: {verdict} ({HIDDEN} is the line)\n"
        );
    }
    text
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Predictions against measurements, beside the line on which they would be equal.
fn chart(found: &[Found]) -> Chart {
    let mut points: Vec<(f64, f64)> = found
        .iter()
        .map(|f| (f.measured_seconds, f.predicted_seconds))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let equal = points
        .iter()
        .map(|(measured, _)| (*measured, *measured))
        .collect();
    Chart {
        title: "time to a loss, predicted, s".to_owned(),
        x: "measured, s",
        scale: Scale::Linear,
        ceiling: None,
        lines: vec![
            Line {
                name: "predicted".to_owned(),
                points,
            },
            Line {
                name: "measured".to_owned(),
                points: equal,
            },
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{point, report};

    fn with_losses(losses: &[(f64, f64)]) -> Report {
        let judged = |(seconds, loss): &(f64, f64)| {
            let mut point = point();
            point.train_seconds = *seconds;
            point.test.as_mut().unwrap().loss = Some(*loss);
            point
        };
        Report {
            curve: losses.iter().map(judged).collect(),
            ..report()
        }
    }

    #[test]
    fn a_loss_between_two_evaluations_is_reached_between_them() {
        let report = with_losses(&[(0.0, 0.7), (2.0, 0.6), (4.0, 0.5), (6.0, 0.55)]);
        let at = |target| seconds_to(&report, target);
        assert_eq!(at(0.7), Some(0.0));
        assert_eq!(at(0.6), Some(2.0));
        assert!((at(0.525).unwrap() - 3.5).abs() < 1e-9);
        assert_eq!(at(0.49), None);
    }

    #[test]
    fn no_point_is_the_recorded_one_and_each_has_a_name_of_its_own() {
        assert!(12 <= POINTS.len());
        for (number, point) in POINTS.iter().enumerate() {
            assert_ne!(point.arguments, RECORDED.arguments);
            let others = POINTS[..number].iter();
            assert!(
                others.clone().all(|other| other.name != point.name),
                "{}",
                point.name
            );
        }
    }
}

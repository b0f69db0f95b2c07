//! A comparison as one page that needs nothing else, in light and dark, and its plots as files of their own.

use super::result::{AtPlace, Comparison, MethodResult, Point, Run};
use super::text::{rate, seconds};
use crate::report::page::{Chart, Line, Scale, document, escaped, table};
use crate::view::units::{bytes, score};

/// The place of a point on an axis.
type Abscissa = fn(&Point) -> f64;

/// One of the two runs at a place.
type Choice = fn(&AtPlace) -> &Run;

/// The page.
pub(super) fn render(comparison: &Comparison) -> String {
    let figures: String = charts(comparison)
        .iter()
        .filter_map(|(_, chart)| chart.svg())
        .map(|svg| format!("<figure>{svg}</figure>\n"))
        .collect();
    let how = match comparison.simulated {
        true => "in virtual time",
        false => "with real processes; rates were searched in virtual time",
    };
    let refused: String = comparison
        .refused
        .iter()
        .map(|refused| {
            format!(
                "<li>{}: {}</li>\n",
                escaped(&refused.method),
                escaped(&refused.why)
            )
        })
        .collect();
    let tables: String = comparison
        .places
        .iter()
        .enumerate()
        .map(|(number, place)| {
            format!(
                "<h2>{} workers, latency {}</h2>\n{}",
                place.workers,
                escaped(&place.latency),
                rows(comparison, number)
            )
        })
        .collect();
    let body = format!(
        "<h1>{job}: training methods side by side</h1>\n<p>Seed {seed}, {how}. Every method at the rate that does \
         best for it there, and at the rate that does best without delay. {conditions}</p>\n{tables}<section \
         class=\"charts\">\n{figures}</section>\n<h2>Refused</h2>\n<ul>\n{refused}</ul>\n<footer>Thalweg {version}; \
         rates are 0.1 times powers of 2, {searched} were tried</footer>\n",
        job = escaped(&comparison.job),
        seed = comparison.seed,
        conditions = escaped(&comparison.conditions.join(" ")),
        version = comparison.version,
        searched = comparison.searched_rates,
    );
    document(&format!("{}: comparison", comparison.job), &body)
}

/// The plots with their file names.
pub(super) fn plots(comparison: &Comparison) -> Vec<(String, String)> {
    charts(comparison)
        .into_iter()
        .filter_map(|(name, chart)| Some((name, chart.svg()?)))
        .collect()
}

fn rows(comparison: &Comparison, place: usize) -> String {
    let heads = [
        "method",
        "optimizer",
        "lr",
        "loss",
        "time",
        "to target",
        "bytes",
        "staleness p50",
        "lr without delay",
        "loss there",
    ];
    let plain = [
        vec!["one thread, no network".to_owned(), String::new()],
        cells(&comparison.plain),
    ];
    let plain = [plain.concat(), vec![String::new(), String::new()]].concat();
    let methods = comparison.methods.iter().filter_map(|method| {
        let at = method.at.get(place)?;
        let names = vec![method.method.clone(), method.optimizer.clone()];
        let untuned = vec![rate(at.untuned.lr), loss(&at.untuned)];
        Some([names, cells(&at.tuned), untuned].concat())
    });
    let peers = comparison.peers.iter().filter_map(|peer| {
        let names = vec![peer.peer.clone(), String::new()];
        Some(
            [
                names,
                cells(peer.at.get(place)?),
                vec![String::new(), String::new()],
            ]
            .concat(),
        )
    });
    table(&heads, [plain].into_iter().chain(methods).chain(peers))
}

fn cells(run: &Run) -> Vec<String> {
    vec![
        rate(run.lr),
        loss(run),
        seconds(Some(run.seconds)),
        seconds(run.seconds_to_target),
        bytes(run.bytes),
        run.staleness_p50.to_string(),
    ]
}

fn loss(run: &Run) -> String {
    let none = || run.in_place_of_a_loss().to_owned();
    run.loss.map_or_else(none, |loss| score(Some(loss)))
}

/// For each place loss against time, epochs and bytes; and over all places the final losses.
fn charts(comparison: &Comparison) -> Vec<(String, Chart)> {
    let mut charts = Vec::new();
    for (number, place) in comparison.places.iter().enumerate() {
        let at = format!("{} workers, latency {}", place.workers, place.latency);
        let axes: [(&str, &'static str, Abscissa); 3] = [
            ("time", "seconds", |point| point.seconds),
            ("epochs", "epochs", |point| point.epoch),
            ("bytes", "bytes", bytes_of),
        ];
        for (name, axis, x) in axes {
            let line = |(name, run): (&String, &Run)| Line {
                name: name.clone(),
                points: run
                    .curve
                    .iter()
                    .map(|point| (x(point), point.loss))
                    .collect(),
            };
            let ours = |method: &'_ MethodResult| method.at.get(number).map(|at| at.tuned.clone());
            let lines = comparison
                .methods
                .iter()
                .filter_map(|method| Some((&method.method, ours(method)?)));
            let theirs = comparison
                .peers
                .iter()
                .filter_map(|peer| Some((&peer.peer, peer.at.get(number)?.clone())));
            charts.push((
                format!("loss-{name}-{number}.svg"),
                Chart {
                    title: format!("test loss against {name}: {at}"),
                    x: axis,
                    scale: Scale::Linear,
                    ceiling: ceiling(comparison, number),
                    lines: lines
                        .chain(theirs)
                        .map(|(name, run)| line((name, &run)))
                        .collect(),
                },
            ));
        }
    }
    charts.extend(delays(comparison));
    charts
}

/// The loss before anything was learnt.
fn start(comparison: &Comparison) -> Option<f64> {
    Some(comparison.plain.curve.first()?.loss)
}

/// Some way up from the best loss of a place: curves differ where they end, not where they begin.
fn ceiling(comparison: &Comparison, place: usize) -> Option<f64> {
    const SHARE: f64 = 0.2;
    let runs = comparison
        .methods
        .iter()
        .filter_map(|method| method.at.get(place));
    let best = runs
        .map(|at| at.tuned.worth())
        .fold(f64::INFINITY, f64::min);
    let start = start(comparison)?;
    (best < start).then_some(best + SHARE * (start - best))
}

#[expect(clippy::cast_precision_loss, reason = "a place on an axis")]
fn bytes_of(point: &Point) -> f64 {
    point.bytes as f64
}

/// The final loss against delay, at the rate that is best there and at the one that is best without: by
/// latency if there are several, else by the number of workers.
fn delays(comparison: &Comparison) -> Vec<(String, Chart)> {
    let axis = Axis::of(comparison);
    let Some((name, axis)) = axis else {
        return Vec::new();
    };
    let kinds: [(&str, &str, Choice); 2] = [
        ("tuned", "each rate the best there", |at| &at.tuned),
        (
            "untuned",
            "rates left as they are best without delay",
            |at| &at.untuned,
        ),
    ];
    kinds
        .into_iter()
        .map(|(file, words, run)| {
            let lines = comparison.methods.iter().map(|method| Line {
                name: method.method.clone(),
                points: axis
                    .iter()
                    .zip(&method.at)
                    .map(|(x, at)| (*x, run(at).worth()))
                    .collect(),
            });
            let chart = Chart {
                title: format!("final test loss against {name}: {words}"),
                x: name,
                scale: Scale::Log,
                ceiling: start(comparison).map(|start| start.min(2.0 * comparison.target)),
                lines: lines.collect(),
            };
            (format!("delay-{file}.svg"), chart)
        })
        .collect()
}

struct Axis;

impl Axis {
    /// What differs from place to place, with its values; latencies in milliseconds, of which none is drawn at a
    /// tenth of the least other.
    fn of(comparison: &Comparison) -> Option<(&'static str, Vec<f64>)> {
        let places = &comparison.places;
        let workers: Vec<f64> = places
            .iter()
            .map(|place| f64::from(place.workers))
            .collect();
        let mean = |latency: &str| -> f64 {
            let parsed: Result<thalweg_common::physics::Distribution, _> = latency.parse();
            parsed.map_or(0.0, |latency| latency.mean().as_secs_f64() * 1e3)
        };
        let latencies: Vec<f64> = places.iter().map(|place| mean(&place.latency)).collect();
        let differ = |values: &[f64]| {
            values
                .windows(2)
                .any(|pair| pair[0].total_cmp(&pair[1]).is_ne())
        };
        if differ(&latencies) && !differ(&workers) {
            let others = latencies.iter().copied().filter(|x| 0.0 < *x);
            let least = others.fold(f64::INFINITY, f64::min);
            let shown = latencies
                .iter()
                .map(|x| if *x == 0.0 { least / 10.0 } else { *x });
            return Some(("latency, ms", shown.collect()));
        }
        (differ(&workers) && !differ(&latencies)).then_some(("workers", workers))
    }
}

//! A comparison on a terminal.

use super::result::{Comparison, MethodResult, Run};
use crate::view::units::{bytes, score, span};
use crate::view::{Cell, Edge, Look, Table, Tone};
use std::time::Duration;

/// The comparison as tables, one for each place.
pub(super) fn render(comparison: &Comparison, look: Look) -> String {
    let mut text = String::new();
    look.line(&mut text, &headline(comparison));
    for (number, place) in comparison.places.iter().enumerate() {
        text.push('\n');
        look.line(
            &mut text,
            &look.paint(
                Tone::Head,
                &format!("{} workers, latency {}", place.workers, place.latency),
            ),
        );
        table(comparison, number).write(look, &mut text);
    }
    text.push('\n');
    for line in closing(comparison) {
        look.line(&mut text, &line);
    }
    text
}

fn headline(comparison: &Comparison) -> String {
    let how = match comparison.simulated {
        true => "in virtual time",
        false => "with real processes, rates searched in virtual time",
    };
    let conditions = match comparison.conditions.is_empty() {
        true => String::new(),
        false => format!("; {}", comparison.conditions.join(" ")),
    };
    format!(
        "job {}, seed {}, {how}{conditions}",
        comparison.job, comparison.seed
    )
}

fn table(comparison: &Comparison, place: usize) -> Table {
    let mut table = Table::new([
        ("method", Edge::Left),
        ("optimizer", Edge::Left),
        ("lr", Edge::Right),
        ("loss", Edge::Right),
        ("time", Edge::Right),
        ("to target", Edge::Right),
        ("bytes", Edge::Right),
        ("stale p50", Edge::Right),
        ("lr without delay", Edge::Right),
        ("loss there", Edge::Right),
    ]);
    let plain = &comparison.plain;
    let mut first = vec![Cell::from("one thread, no network"), Cell::from("")];
    first.extend(cells(plain));
    first.extend([Cell::from(""), Cell::from("")]);
    table.row(first);
    for method in &comparison.methods {
        let Some(at) = method.at.get(place) else {
            continue;
        };
        let mut row = vec![
            Cell::from(method.method.clone()),
            Cell::from(method.optimizer.clone()),
        ];
        row.extend(cells(&at.tuned));
        row.push(rate(at.untuned.lr).into());
        row.push(loss(&at.untuned));
        table.row(row);
    }
    for peer in &comparison.peers {
        let Some(run) = peer.at.get(place) else {
            continue;
        };
        let mut row = vec![Cell::from(peer.peer.clone()), Cell::from("")];
        row.extend(cells(run));
        row.extend([Cell::from(""), Cell::from("")]);
        table.row(row);
    }
    table
}

fn cells(run: &Run) -> Vec<Cell> {
    vec![
        rate(run.lr).into(),
        loss(run),
        seconds(Some(run.seconds)).into(),
        seconds(run.seconds_to_target).into(),
        bytes(run.bytes).into(),
        run.staleness_p50.to_string().into(),
    ]
}

fn loss(run: &Run) -> Cell {
    match run.loss {
        Some(loss) => score(Some(loss)).into(),
        None => Cell::toned(run.in_place_of_a_loss(), Tone::Bad),
    }
}

/// A rate of the grid, short.
pub(super) fn rate(lr: f64) -> String {
    let text = format!("{lr:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Seconds in words, or a dash.
pub(super) fn seconds(seconds: Option<f64>) -> String {
    let span_of = |seconds: f64| span(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    seconds.map_or_else(|| "-".to_owned(), span_of)
}

fn closing(comparison: &Comparison) -> Vec<String> {
    let mut lines = vec![format!(
        "target     {:.4}, one hundredth above one thread's loss",
        comparison.target
    )];
    lines.push(match comparison.workers_to_beat_one_thread {
        Some(workers) => format!("cost       {workers} workers reach it before one thread does"),
        None if comparison.interrupted => "cost       not known: it was interrupted".to_owned(),
        None => "cost       no number of workers here reaches it before one thread does".to_owned(),
    });
    for method in comparison.methods.iter().filter(|method| missed(method)) {
        let nearest = method
            .at
            .iter()
            .map(|at| at.tuned.worth())
            .fold(f64::INFINITY, f64::min);
        lines.push(format!(
            "missed     {} never reached the target; it came to {}",
            method.method,
            score(Some(nearest).filter(|loss| loss.is_finite()))
        ));
    }
    lines.push(format!(
        "searched   {} rates, powers of 2 times 0.1, until the best had neighbours on both sides",
        comparison.searched_rates
    ));
    lines.extend(failed(comparison));
    if comparison.interrupted {
        lines.push("interrupted: what was whole by then is above".to_owned());
    }
    for refused in &comparison.refused {
        lines.push(format!("refused    {}: {}", refused.method, refused.why));
    }
    lines
}

/// Whether it ended at every place as it should have, or at some, and never came to the target.
fn missed(method: &MethodResult) -> bool {
    let mut runs = method.at.iter().map(|at| &at.tuned);
    let whole = runs.clone().any(|run| run.failed.is_none() || run.diverged);
    whole && runs.all(|run| run.seconds_to_target.is_none())
}

/// Runs that failed for another reason than their rate, each reason of a method once.
fn failed(comparison: &Comparison) -> Vec<String> {
    let ours = comparison.methods.iter().flat_map(|method| {
        let runs = method.at.iter().flat_map(|at| [&at.tuned, &at.untuned]);
        runs.map(|run| (&method.method, run))
    });
    let peers = comparison.peers.iter();
    let theirs = peers.flat_map(|peer| peer.at.iter().map(|run| (&peer.peer, run)));
    let told = ours
        .chain(theirs)
        .filter(|(_, run)| !run.diverged)
        .filter_map(|(name, run)| Some(format!("failed     {name}: {}", run.failed.as_ref()?)));
    let mut lines: Vec<String> = told.collect();
    lines.dedup();
    lines
}

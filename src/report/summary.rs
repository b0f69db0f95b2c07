//! The last words of a run on the terminal: its scores beside known ones, and what it took.

use std::path::PathBuf;

use super::{EpochUse, Report, RunStatus, Scores};
use crate::view::units::{bytes, counted, grouped, printable, scaled, score, span};
use crate::view::{Cell, Edge, Look, Table, Tone};

/// The run in a short table, with the files that it wrote.
#[must_use]
pub fn render_summary(report: &Report, files: &[PathBuf], look: Look) -> String {
    let mut text = String::new();
    headline(report, look, &mut text);
    scores(report, look, &mut text);
    effort(report, look, &mut text);
    for (index, file) in files.iter().enumerate() {
        let word = if index == 0 { "files" } else { "" };
        look.line(&mut text, &format!("{word:<11}{}", file.display()));
    }
    text
}

fn headline(report: &Report, look: Look, text: &mut String) {
    let (word, tone) = match report.status {
        RunStatus::Done => ("done", Tone::Good),
        RunStatus::Failed => ("failed", Tone::Bad),
        RunStatus::Interrupted => ("interrupted", Tone::Notable),
    };
    let mut line = format!("job {}: {}", printable(&report.job), look.paint(tone, word));
    if let Some(cause) = &report.cause {
        line += &format!(": {}", printable(cause));
    }
    look.line(text, &line);
}

/// Ours first, then the references, one column per score that any of them has.
fn scores(report: &Report, look: Look, text: &mut String) {
    let ours = report.final_scores.test.map(|test| ("this run", test));
    let theirs = report
        .references
        .iter()
        .map(|known| (known.name.as_str(), known.test));
    let mut rows: Vec<(&str, Scores)> = ours.into_iter().chain(theirs).collect();
    if let Some(train) = report.final_scores.train {
        rows.push(("this run, training data", train.scores));
    }
    // Without scores of its own, a run has nothing to stand beside the others.
    if report.final_scores.test.is_none() && report.final_scores.train.is_none() {
        return;
    }
    let names: Vec<_> = Scores::NAMES
        .into_iter()
        .filter(|name| {
            rows.iter()
                .any(|(_, row)| row.telling().any(|(n, _)| n == *name))
        })
        .collect();
    let heads = names.iter().map(|name| (*name, Edge::Right));
    let mut table = Table::with_heads([("test data", Edge::Left)].into_iter().chain(heads));
    for (name, row) in rows {
        let value = |name: &str| {
            row.named()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| value)
        };
        let values = names.iter().map(|name| Cell::from(score(value(name))));
        table.row([Cell::from(name)].into_iter().chain(values));
    }
    text.push('\n');
    table.write(look, text);
    text.push('\n');
}

fn effort(report: &Report, look: Look, text: &mut String) {
    let seconds = |s: f64| span(std::time::Duration::try_from_secs_f64(s).unwrap_or_default());
    let staleness = &report.staleness;
    let mut lines = vec![
        format!(
            "time       {}, of it {} training; {} of evaluation beside it",
            seconds(report.wall_seconds),
            seconds(report.train_seconds),
            seconds(report.evaluate_seconds)
        ),
        format!(
            "examples   {} ({:.2} epochs), {}/s",
            grouped(report.examples),
            report.epochs,
            scaled(Some(report.examples_per_second))
        ),
        format!(
            "bytes      pushed {}, pulled {}; at the servers' sockets {}",
            bytes(report.bytes_pushed),
            bytes(report.bytes_pulled),
            bytes(report.socket.sent.saturating_add(report.socket.received))
        ),
        format!(
            "staleness  p50 {}, p99 {}, max {} (steps)",
            staleness.p50, staleness.p99, staleness.max
        ),
    ];
    lines.extend(data(&report.epochs_used));
    for lost in &report.lost_workers {
        lines.push(format!(
            "lost       worker {}: {}",
            lost.worker,
            printable(&lost.why)
        ));
    }
    if !report.refusals.is_empty() {
        let refusal = |(reason, count): (&String, &u64)| format!("{} {reason}", grouped(*count));
        let refusals: Vec<_> = report.refusals.iter().map(refusal).collect();
        lines.push(format!("refused    {}", refusals.join(", ")));
    }
    for line in lines {
        look.line(text, &line);
    }
}

fn data(epochs: &[EpochUse]) -> Option<String> {
    let whole = epochs.iter().filter(|epoch| epoch.complete).count();
    let first = epochs.iter().find(|epoch| !epoch.complete);
    let whole = counted(whole as u64, "epoch");
    match first {
        None if epochs.is_empty() => None,
        None => Some(format!("data       every row exactly once in {whole}")),
        Some(part) => Some(format!(
            "data       every row exactly once in {whole}; epoch {} used in part ({})",
            part.epoch,
            counted(part.rows, "row")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Final;
    use crate::report::samples::{facts, outcome, report};
    use crate::view::ClusterView;

    #[test]
    fn the_summary_sets_our_scores_beside_known_ones_and_names_the_files() {
        let files = ["runs/a/report.json", "runs/a/parameters.safetensors"].map(PathBuf::from);
        let summary = render_summary(&report(), &files, Look::default());
        assert_eq!(summary, include_str!("summary.snapshot.txt"));
    }

    #[test]
    fn a_run_without_scores_has_no_table_and_no_nonsense() {
        let mut outcome = outcome();
        outcome.final_scores = Final::default();
        let report = Report::new(&facts(), outcome, &ClusterView::of_nobody());
        let summary = render_summary(&report, &[], Look::default());
        assert!(!summary.contains("test data") && !summary.contains("NaN"));
        assert!(summary.contains("examples   0 (0.00 epochs), 0/s\n"));
    }
}

//! The last words of a run on the terminal: its scores beside known ones, and what it took.

use std::path::PathBuf;

use thalweg_common::regularizer::{Zeros, regularizer};

use super::simulation::wait_lines;
use super::{
    ConditionsReport, EpochUse, EvaluationPoint, Final, Report, RunStatus, Scores, ServerReturn,
    SimulationReport, ThreadsReport, WorkerReport,
};
use crate::view::units::{bytes, counted, grouped, printable, scaled, score, span};
use crate::view::{Cell, Edge, HEIGHTS, Look, Table, Tone};

/// Epochs shown one by one that were not used as a whole.
const EPOCHS_SHOWN_MAX: usize = 2;

/// The run in a short table, with the files that it wrote.
#[must_use]
pub fn render_summary(report: &Report, files: &[PathBuf], look: Look) -> String {
    let mut text = String::new();
    headline(report, look, &mut text);
    scores(report, look, &mut text);
    curve(report, look, &mut text);
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
        RunStatus::Diverged => ("diverged", Tone::Bad),
        RunStatus::Failed => ("failed", Tone::Bad),
        RunStatus::Interrupted => ("interrupted", Tone::Notable),
    };
    let mut line = format!("job {}: {}", printable(&report.job), look.paint(tone, word));
    if let Some(cause) = &report.cause {
        line += &format!(": {}", printable(cause));
    }
    let mut returns = report.server_returns.iter();
    let lacks = returns.any(|back| back.server != 0 && 0 < back.steps);
    if report.status == RunStatus::Done && lacks {
        let words = ", but a server has returned without all its steps";
        line += &look.paint(Tone::Notable, words);
    }
    look.line(text, &line);
}

/// Ours first, then the references, one column per score that any of them has. References are
/// scores on test data: a run without such data has nothing to set beside them.
fn scores(report: &Report, look: Look, text: &mut String) {
    let Final { train, test } = report.final_scores;
    let train = train.map(|train| train.scores);
    let known = report.references.iter();
    let known = known.map(|known| (known.name.clone(), known.test));
    let this_run = "this run".to_owned();
    let (head, rows): (_, Vec<(String, Scores)>) = match (test, train) {
        (Some(test), train) => {
            let ours = [(this_run, test)].into_iter().chain(better_before(report));
            let train = train.map(|train| ("this run, training data".to_owned(), train));
            ("test data", ours.chain(known).chain(train).collect())
        }
        (None, Some(train)) => ("training data", vec![(this_run, train)]),
        (None, None) => return,
    };
    let names: Vec<_> = Scores::NAMES
        .into_iter()
        .filter(|name| {
            rows.iter()
                .any(|(_, row)| row.telling().any(|(n, _)| n == *name))
        })
        .collect();
    let heads = names.iter().map(|name| (*name, Edge::Right));
    let mut table = Table::with_heads([(head, Edge::Left)].into_iter().chain(heads));
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

/// How the loss fell, as a line of bars: on test data where there are some.
fn curve(report: &Report, look: Look, text: &mut String) {
    let of = |loss: fn(&EvaluationPoint) -> Option<f64>| -> Vec<f64> {
        let losses = report.curve.iter().filter_map(loss);
        losses.filter(|loss| loss.is_finite()).collect()
    };
    let test = of(|point| point.test?.loss);
    let (name, losses) = if test.len() < 2 {
        ("training loss", of(|point| point.train_loss))
    } else {
        ("test loss", test)
    };
    if let [first, .., last] = losses[..] {
        let bars = bars(&losses);
        let (first, last) = (score(Some(first)), score(Some(last)));
        look.line(text, &format!("{name:<11}{bars}  {first} to {last}"));
        text.push('\n');
    }
}

/// Characters that a line of bars may take.
const BARS_MAX: usize = 40;

/// A bar for each number, the last of its share where there are more than fit.
pub(crate) fn bars(numbers: &[f64]) -> String {
    let (low, high) = numbers
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(*x), high.max(*x))
        });
    let count = numbers.len().min(BARS_MAX);
    let shown = (1..=count).map(|bar| numbers[bar * numbers.len() / count - 1]);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share from 0 to 1 of eight heights"
    )]
    let height = |x: f64| ((x - low) / (high - low).max(f64::MIN_POSITIVE) * 7.0).round() as usize;
    shown.map(|x| HEIGHTS[height(x).min(7)]).collect()
}

/// The best evaluation, where it was not the last one.
fn better_before(report: &Report) -> Option<(String, Scores)> {
    let best = report
        .best
        .filter(|best| best.examples != report.examples)?;
    Some((
        format!("this run, best (epoch {:.2})", best.epoch),
        best.test?,
    ))
}

fn effort(report: &Report, look: Look, text: &mut String) {
    let seconds = |s: f64| span(std::time::Duration::try_from_secs_f64(s).unwrap_or_default());
    let staleness = &report.staleness;
    let time = || {
        format!(
            "time       {}, of it {} training; {} of evaluation beside it",
            seconds(report.wall_seconds),
            seconds(report.train_seconds),
            seconds(report.evaluate_seconds)
        )
    };
    let simulation = report.simulation.as_ref();
    let mut lines = vec![
        simulation.map_or_else(time, |s| s.time(report.wall_seconds)),
        format!(
            "examples   {} ({:.2} epochs), {}/s",
            grouped(report.examples),
            report.epochs,
            scaled(Some(report.examples_per_second))
        ),
    ];
    // Threads of one process have no wire.
    if 0 < report.servers {
        // What a server counts goes with its process.
        let since = match report.server_returns.is_empty() {
            true => "",
            false => "; of servers that returned, since then",
        };
        lines.push(format!(
            "bytes      pushed {}, pulled {}; at the servers' sockets {}{since}",
            bytes(report.bytes_pushed),
            bytes(report.bytes_pulled),
            bytes(report.socket.sent.saturating_add(report.socket.received))
        ));
        lines.push(format!(
            "staleness  p50 {}, p99 {}, max {} (steps){since}",
            staleness.p50, staleness.p99, staleness.max
        ));
    }
    lines.extend(report.threads.as_ref().map(ThreadsReport::line));
    let stopped = report.stopped.as_ref();
    lines.extend(stopped.map(|why| format!("stopped    {}", printable(why))));
    lines.extend(data(&report.epochs_used, report.rows));
    lines.extend(report.server_returns.iter().map(returned));
    lines.extend(non_zero(report));
    lines.extend(late(report));
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
    // A simulation has its own account of them.
    if simulation.is_none() {
        lines.extend(wait_lines(&report.waits));
    }
    lines.extend(report.conditions.as_ref().map(ConditionsReport::line));
    lines.extend(simulation.into_iter().flat_map(SimulationReport::lines));
    for line in lines {
        look.line(text, &line);
    }
}

/// What came too late, and what was left out of the model for it, though its rows count as used.
fn late(report: &Report) -> Option<String> {
    let sum = |of: fn(&WorkerReport) -> u64| report.per_worker.iter().map(of).sum::<u64>();
    let (late, left_out) = (sum(|row| row.late), sum(|row| row.left_out));
    let what = match left_out {
        0 => String::new(),
        all if all == late => "; all were left out, and their rows count as used".to_owned(),
        some => format!(
            "; {} were left out, and their rows count as used",
            grouped(some)
        ),
    };
    (0 < late).then(|| {
        format!(
            "late       {} of gradients beyond the limit on staleness, or after their round{what}",
            counted(late, "part")
        )
    })
}

/// How sparse the model is, where the job asked for that.
fn non_zero(report: &Report) -> Option<String> {
    let asked = report
        .regularizers
        .iter()
        .any(|name| regularizer(name).is_ok_and(|entry| entry.zeros == Zeros::Exact));
    let counts = report.parameters.as_ref().filter(|_| asked)?;
    let (some, all) = (grouped(counts.non_zero), grouped(counts.elements));
    Some(format!("non-zero   {some} of {all} parameters"))
}

/// What a server has lost that returned to a checkpoint. The books of the data are server 0's.
fn returned(back: &ServerReturn) -> String {
    let ServerReturn {
        server,
        steps,
        examples,
    } = back;
    let (steps, examples) = (grouped(*steps), grouped(*examples));
    match server {
        0 => format!(
            "returned   server 0, without {steps} steps; {examples} examples are trained on again"
        ),
        // The books have gone back, too.
        _ if back.examples == 0 => {
            format!("returned   server {server}, whose shards lack {steps} steps")
        }
        _ => format!(
            "returned   server {server}, whose shards lack {steps} steps of {examples} examples that are in the \
             books"
        ),
    }
}

/// What the books say of the use of the data, epoch by epoch.
fn data(epochs: &[EpochUse], rows: u64) -> Option<String> {
    let whole = epochs.iter().filter(|epoch| epoch.complete).count() as u64;
    let mut said = Vec::new();
    if 0 < whole {
        said.push(format!(
            "every row exactly once in {}",
            counted(whole, "epoch")
        ));
    }
    let mut others = epochs.iter().filter(|epoch| !epoch.complete);
    said.extend(others.by_ref().take(EPOCHS_SHOWN_MAX).map(|epoch| {
        let EpochUse {
            epoch, rows: used, ..
        } = epoch;
        let (used_rows, all) = (grouped(*used), grouped(rows));
        if *used < rows {
            format!("{used_rows} of {all} rows in epoch {epoch}")
        } else {
            format!("not every row exactly once in epoch {epoch} ({used_rows} used, {all} there)")
        }
    }));
    match others.count() as u64 {
        0 => {}
        more => said.push(format!("{} more not whole", counted(more, "epoch"))),
    }
    (!said.is_empty()).then(|| format!("data       {}", said.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{facts, outcome, report};
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
    #[test]
    fn a_curve_is_a_line_of_bars_from_its_first_to_its_last_loss() {
        assert_eq!(bars(&[3.0, 2.0, 1.0, 1.0]), "█▅▁▁");
        assert_eq!(bars(&[2.0, 2.0]), "▁▁");
        let many: Vec<f64> = (0..1_000).map(|x| -f64::from(x)).collect();
        let bars = bars(&many);
        assert_eq!(bars.chars().count(), BARS_MAX);
        assert!(bars.starts_with('█') && bars.ends_with('▁'), "{bars}");
        let mut outcome = outcome();
        outcome.curve = vec![crate::report::fixtures::point(); 3];
        let report = Report::new(&facts(), outcome, &ClusterView::of_nobody());
        let summary = render_summary(&report, &[], Look::default());
        assert!(
            summary.contains("\ntest loss  ▁▁▁  0.5003 to 0.5003\n"),
            "{summary}"
        );
    }

    #[test]
    fn a_run_without_test_data_speaks_of_none() {
        let mut outcome = outcome();
        outcome.final_scores.test = None;
        let report = Report::new(&facts(), outcome, &ClusterView::of_nobody());
        let summary = render_summary(&report, &[], Look::default());
        assert!(summary.contains("\ntraining data "), "{summary}");
        assert!(
            !summary.contains("test data") && !summary.contains("sequential AdaGrad"),
            "{summary}"
        );
    }

    #[test]
    fn the_use_of_the_data_is_told_epoch_by_epoch() {
        let epoch = |epoch, rows, complete| EpochUse {
            epoch,
            rows,
            checksum: String::new(),
            expected_checksum: None,
            complete,
        };
        let said = |epochs: &[EpochUse]| data(epochs, 1_000).unwrap_or_default();
        assert_eq!(said(&[]), "");
        assert_eq!(
            said(&[epoch(0, 1_000, true)]),
            "data       every row exactly once in 1 epoch"
        );
        assert_eq!(
            said(&[epoch(0, 12, false)]),
            "data       12 of 1,000 rows in epoch 0"
        );
        assert_eq!(
            said(&[epoch(0, 1_000, true), epoch(1, 300, false)]),
            "data       every row exactly once in 1 epoch; 300 of 1,000 rows in epoch 1"
        );
        assert_eq!(
            said(&[epoch(0, 1_000, false)]),
            "data       not every row exactly once in epoch 0 (1,000 used, 1,000 there)"
        );
        let many: Vec<_> = (0..5).map(|number| epoch(number, 1, false)).collect();
        assert!(said(&many).ends_with("in epoch 1; 3 epochs more not whole"));
    }

    #[test]
    fn a_diverged_run_says_so_with_its_cause() {
        let mut outcome = outcome();
        outcome.status = RunStatus::Diverged;
        outcome.cause = Some("the training loss is no finite number since epoch 0.10".into());
        outcome.final_scores.test = Some(Scores {
            loss: Some(f64::NAN),
            log_loss: Some(f64::NAN),
            ..Scores::default()
        });
        let report = Report::new(&facts(), outcome, &ClusterView::of_nobody());
        let summary = render_summary(&report, &[], Look::default());
        assert!(
            summary.starts_with("job flights: diverged: the training loss is no finite number"),
            "{summary}"
        );
        assert!(summary.contains("NaN"), "{summary}");
    }
}

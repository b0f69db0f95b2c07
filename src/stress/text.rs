//! A stress run on a terminal.

use std::time::Duration;

use super::checks::Check;
use super::result::{CellResult, Left, StressResult};
use crate::view::units::{bytes, counted, grouped, score, span};
use crate::view::{Cell, Edge, Look, Table, Tone};

/// The run as a table, its claims, and what failed.
pub(super) fn render(result: &StressResult, look: Look) -> String {
    let mut text = String::new();
    table(result).write(look, &mut text);
    text.push('\n');
    let line = |text: &mut String, words: &str| look.line(text, words);
    for cell in result.cells.iter().filter(|cell| !cell.passed) {
        for check in failed(cell) {
            let words = format!("{}: {}", cell.name, in_words(check));
            line(&mut text, &look.paint(Tone::Bad, &words));
        }
    }
    for check in &result.claims {
        let tone = if check.holds { Tone::Good } else { Tone::Bad };
        line(&mut text, &look.paint(tone, &in_words(check)));
    }
    for (kind, left) in [("refused", &result.refused), ("not run", &result.not_run)] {
        for pair in left {
            line(&mut text, &in_words_left(kind, pair));
        }
    }
    for words in closing(result) {
        line(&mut text, &words);
    }
    text
}

/// What a cell came to, in one line.
pub(super) fn of_cell(cell: &CellResult) -> String {
    let verdict = match failed(cell).next() {
        None => format!("{} hold", counted(cell.checks.len() as u64, "check")),
        Some(_) => failed(cell).map(in_words).collect::<Vec<_>>().join("; "),
    };
    format!(
        "{}: {:.0} examples/s, loss {}, {:.1} s; {verdict}",
        cell.name,
        cell.examples_per_second,
        score(cell.loss),
        cell.seconds
    )
}

pub(super) fn failed(cell: &CellResult) -> impl Iterator<Item = &Check> {
    cell.checks.iter().filter(|check| !check.holds)
}

fn in_words(check: &Check) -> String {
    let verdict = if check.holds { "holds" } else { "FAILED" };
    format!("{} {verdict}: {} ({})", check.name, check.says, check.found)
}

fn in_words_left(kind: &str, left: &Left) -> String {
    format!(
        "{kind}    {} under {}, {}: {}",
        left.method, left.consistency, left.conditions, left.why
    )
}

/// What was measured with the prediction beside it.
fn table(result: &StressResult) -> Table {
    let mut table = Table::new([
        ("conditions", Edge::Left),
        ("method", Edge::Left),
        ("waits", Edge::Left),
        ("ex/s", Edge::Right),
        ("predicted", Edge::Right),
        ("to target", Edge::Right),
        ("predicted", Edge::Right),
        ("loss", Edge::Right),
        ("predicted", Edge::Right),
        ("stale p50", Edge::Right),
        ("predicted", Edge::Right),
        ("max", Edge::Right),
        ("lead", Edge::Right),
        ("errors", Edge::Right),
        ("memory", Edge::Right),
        ("checks", Edge::Left),
    ]);
    for cell in &result.cells {
        let mut row: Vec<_> = columns(cell).into_iter().map(Cell::from).collect();
        let names: Vec<_> = failed(cell).map(|check| check.name).collect();
        row.push(match names.is_empty() {
            true => Cell::toned(format!("{} hold", cell.checks.len()), Tone::Good),
            false => Cell::toned(format!("FAILED: {}", names.join(", ")), Tone::Bad),
        });
        table.row(row);
    }
    table
}

/// The columns of a cell, but for its checks.
pub(super) fn columns(cell: &CellResult) -> Vec<String> {
    let predicted = &cell.predicted;
    vec![
        cell.conditions.clone(),
        cell.method.clone(),
        cell.consistency.clone(),
        format!("{:.0}", cell.examples_per_second),
        format!("{:.0}", predicted.examples_per_second),
        seconds(cell.seconds_to_target),
        seconds(predicted.seconds_to_target),
        score(cell.loss),
        score(predicted.loss),
        cell.staleness_p50.to_string(),
        predicted.staleness_p50.to_string(),
        cell.staleness_max.to_string(),
        cell.lead.max.to_string(),
        grouped(errors(cell)),
        bytes(cell.peak_memory_bytes.iter().copied().max().unwrap_or(0)),
    ]
}

/// Everything that went wrong on the way and was made good: parts that came again, requests and messages sent
/// again, refusals.
pub(super) fn errors(cell: &CellResult) -> u64 {
    cell.duplicates + cell.refused + cell.retransmissions + cell.sum(|tally| tally.repeats)
}

fn seconds(seconds: Option<f64>) -> String {
    let span_of = |seconds: f64| span(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    seconds.map_or_else(|| "-".to_owned(), span_of)
}

fn closing(result: &StressResult) -> Vec<String> {
    let totals = result.totals;
    let verdict = match (result.passed, result.interrupted) {
        (true, _) => "passed",
        (false, true) => "interrupted",
        (false, false) => "FAILED",
    };
    vec![
        format!("target     a test loss of {}", result.target),
        format!("netem      {}", result.netem),
        format!(
            "once       of {} acknowledged pushes, {} acknowledgements dropped: applied twice {}, lost {}",
            grouped(totals.pushes),
            grouped(totals.acks_dropped),
            totals.applied_twice,
            totals.lost
        ),
        format!(
            "verdict    {verdict}: {} of {} checks hold in {}; {}, {} violated bounds; {} refused, {} not run; {}",
            totals.checks - totals.failed,
            totals.checks,
            counted(result.cells.len() as u64, "cell"),
            counted(totals.hangs, "hang"),
            totals.violated_bounds,
            result.refused.len(),
            result.not_run.len(),
            span(Duration::try_from_secs_f64(result.seconds).unwrap_or_default())
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stress::page::tests::result;

    #[test]
    fn what_failed_is_named_with_its_numbers_and_what_was_left_out_with_its_reason() {
        let mut whole = result();
        let text = render(&whole, Look::default());
        for words in [
            "latency 25ms",
            "2 hold",
            "applied twice 0, lost 0",
            "refused    local_sgd under asp, nothing: rounds",
            "verdict    passed: 4 of 4 checks hold in 2 cells; 0 hangs, 0 violated bounds",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        whole.cells[1].checks[1].holds = false;
        whole.cells[1].passed = false;
        whole.passed = false;
        let text = render(&whole, Look::default());
        for words in [
            "FAILED: counted once",
            "counted once FAILED: every counter",
            "verdict    FAILED",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        let line = of_cell(&whole.cells[1]);
        assert!(line.contains("counted once FAILED"), "{line}");
        assert!(of_cell(&whole.cells[0]).ends_with("2 checks hold"));
    }
}

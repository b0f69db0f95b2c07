//! How stale the parts of each worker and each shard were, in numbers and bars.

use std::fmt::Write as _;

use super::text::{escaped, table_of_cells};
use crate::report::Report;
use crate::view::units::grouped;
use crate::view::{Spread, Staleness};

/// Rows of a table, at most: the stalest.
const ROWS_MAX: usize = 64;

/// Pixels: a bar, the room that it has, the height of the highest.
const BAR: f64 = 10.0;
const PLACE: f64 = 12.0;
const HEIGHT: f64 = 22.0;

/// The section; nothing where no part missed a step.
pub(super) fn section(report: &Report) -> String {
    if report.staleness.max == 0 {
        return String::new();
    }
    let spread = Spread::up_to(report.staleness.max);
    let workers = report.per_worker.iter().map(|row| {
        let who = vec![row.worker.to_string()];
        (who, &row.staleness)
    });
    let shards = report.per_shard.iter().map(|row| {
        let who = vec![row.shard.to_string(), row.server.to_string()];
        (who, &row.staleness)
    });
    let bars = spread.name();
    let numbers = ["p50", "p99", "max", "mean", bars.as_str()];
    let of_workers: Vec<_> = ["worker"].into_iter().chain(numbers).collect();
    let of_shards: Vec<_> = ["shard", "server"].into_iter().chain(numbers).collect();
    format!(
        "<h2>Staleness</h2>\n<p>Steps that a shard took between the read that a part was computed from and its \
         application. The first bar is of parts that missed none, each further one of twice as many steps.</p>\n\
         {}{}",
        table(&of_workers, workers.collect(), spread),
        table(&of_shards, shards.collect(), spread)
    )
}

/// A table of these rows; of many, those with the greatest mean.
fn table(heads: &[&str], mut rows: Vec<(Vec<String>, &Staleness)>, spread: Spread) -> String {
    let all = rows.len();
    if ROWS_MAX < all {
        let mean = |row: &(Vec<String>, &Staleness)| row.1.mean.unwrap_or(0.0);
        rows.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
        rows.truncate(ROWS_MAX);
    }
    let rows = rows.into_iter();
    let table = table_of_cells(
        heads,
        rows.map(|(who, staleness)| cells(who, staleness, spread)),
    );
    match all {
        ..=ROWS_MAX => table,
        _ => format!(
            "<p>The {ROWS_MAX} stalest of {}:</p>\n{table}",
            grouped(all as u64)
        ),
    }
}

fn cells(who: Vec<String>, staleness: &Staleness, spread: Spread) -> Vec<String> {
    let numbers = [staleness.p50, staleness.p99, staleness.max].map(grouped);
    let numbers = numbers.into_iter().chain([staleness.mean_steps()]);
    let mut cells: Vec<String> = who.into_iter().chain(numbers).collect();
    for cell in &mut cells {
        *cell = escaped(cell);
    }
    cells.push(bars(staleness, spread));
    cells
}

fn bars(staleness: &Staleness, spread: Spread) -> String {
    let shares = spread.shares(staleness);
    let width = shares.len() as f64 * PLACE;
    let mut svg = format!(
        "<svg class=\"bars\" width=\"{width}\" height=\"{HEIGHT}\" viewBox=\"0 0 {width} {HEIGHT}\" role=\"img\" \
         aria-label=\"{}\">",
        spread.text(staleness)
    );
    for (place, share) in shares.into_iter().enumerate() {
        // A place without parts has a line, so that bars can be counted.
        let height = (share * HEIGHT).max(1.0);
        let (left, top) = (place as f64 * PLACE, HEIGHT - height);
        write!(
            svg,
            "<rect x=\"{left}\" y=\"{top:.1}\" width=\"{BAR}\" height=\"{height:.1}\"/>"
        )
        .expect("a string takes every write");
    }
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::report;

    #[test]
    fn every_worker_and_every_shard_has_a_row_of_bars_on_one_scale() {
        let section = section(&report());
        assert_eq!(section.matches("<svg").count(), 8, "{section}");
        assert_eq!(section.matches("<th>0 to 127 steps</th>").count(), 2);
        assert_eq!(section.matches("<rect").count(), 8 * 8);
        assert!(
            section.contains("<td>0</td><td>3</td><td>64</td><td>70</td>"),
            "{section}"
        );
        assert!(section.contains("height=\"22.0\"/>"), "{section}");
    }

    #[test]
    fn of_many_workers_the_stalest_are_shown() {
        let mut report = report();
        let stalest = report.per_worker[0].clone();
        report.per_worker = vec![report.per_worker[1].clone(); 200];
        report.per_worker.push(stalest);
        let section = section(&report);
        assert!(section.contains("The 64 stalest of 201:"), "{section}");
        let (_, rows) = section.split_once("</tr>\n").unwrap();
        assert!(rows.starts_with("<tr><td>0</td><td>3</td>"), "{section}");
        assert_eq!(section.matches("<svg").count(), 64 + 4);
    }

    #[test]
    fn where_no_part_missed_a_step_there_is_nothing_to_show() {
        let mut report = report();
        report.staleness = Staleness::default();
        assert_eq!(section(&report), "");
    }
}

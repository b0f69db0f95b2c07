//! A stress run as one page that needs nothing else, in light and dark, and its plots as files of their own.

use super::result::{CellResult, StressResult};
use super::text::{columns, errors, failed};
use crate::report::page::{Chart, Line, Scale, document, escaped, table};

/// What a plot shows of a cell.
type Ordinate = fn(&CellResult) -> Option<f64>;

/// The page.
pub(super) fn render(result: &StressResult) -> String {
    let figures: String = charts(result)
        .iter()
        .filter_map(|(_, chart)| chart.svg())
        .map(|svg| format!("<figure>{svg}</figure>\n"))
        .collect();
    let checks = result.cells.iter().flat_map(|cell| {
        failed(cell).map(|check| {
            vec![
                cell.name.clone(),
                check.name.to_owned(),
                check.says.clone(),
                check.found.clone(),
            ]
        })
    });
    let claims = result.claims.iter().map(|check| {
        let verdict = if check.holds { "holds" } else { "FAILED" };
        vec![
            check.name.to_owned(),
            verdict.to_owned(),
            check.says.clone(),
            check.found.clone(),
        ]
    });
    let left = result.refused.iter().chain(&result.not_run).map(|left| {
        vec![
            left.conditions.clone(),
            left.method.clone(),
            left.consistency.clone(),
            left.why.clone(),
        ]
    });
    let body = format!(
        "<h1>Stress: {verdict}</h1>\n<p>{servers} servers and {workers} workers each, at least {iterations} iterations \
         of every worker, {compute} a batch; target: a test loss of {target}. netem: {netem}.</p>\n{cells}<section \
         class=\"charts\">\n{figures}</section>\n<h2>Failed checks</h2>\n{checks}<h2>Claims</h2>\n{claims}<h2>Refused \
         or not run</h2>\n{left}<footer>Thalweg {version}; predictions are of virtual time</footer>\n",
        verdict = if result.passed { "passed" } else { "failed" },
        servers = result.servers,
        workers = result.workers,
        iterations = result.iterations,
        compute = escaped(&result.compute),
        target = result.target,
        netem = escaped(&result.netem),
        cells = cells(result),
        checks = table(&["cell", "check", "says", "found"], checks),
        claims = table(&["claim", "verdict", "says", "found"], claims),
        left = table(&["conditions", "method", "waits", "why"], left),
        version = result.version,
    );
    document("Thalweg: stress", &body)
}

/// Every cell with what was measured, and its prediction.
fn cells(result: &StressResult) -> String {
    let heads = [
        "conditions",
        "method",
        "waits",
        "examples/s",
        "predicted",
        "to target",
        "predicted",
        "loss",
        "predicted",
        "staleness p50",
        "predicted",
        "max",
        "lead",
        "errors",
        "memory",
        "checks",
    ];
    let rows = result.cells.iter().map(|cell| {
        let mut row = columns(cell);
        let names: Vec<_> = failed(cell).map(|check| check.name).collect();
        row.push(match names.is_empty() {
            true => format!("{} hold", cell.checks.len()),
            false => format!("FAILED: {}", names.join(", ")),
        });
        row
    });
    table(&heads, rows)
}

/// The plots with their file names.
pub(super) fn plots(result: &StressResult) -> Vec<(String, String)> {
    charts(result)
        .into_iter()
        .filter_map(|(name, chart)| Some((format!("{name}.svg"), chart.svg()?)))
        .collect()
}

/// Against latency, of cells in which nothing else was asked for: a line for each method and consistency.
fn charts(result: &StressResult) -> Vec<(&'static str, Chart)> {
    let plots: [(&'static str, &str, Ordinate); 4] = [
        ("throughput", "examples per second", |cell| {
            Some(cell.examples_per_second)
        }),
        ("time-to-loss", "seconds to the target", |cell| {
            cell.seconds_to_target
        }),
        ("staleness", "median staleness, steps", |cell| {
            Some(whole(cell.staleness_p50))
        }),
        ("errors", "made good: sent again, refused", |cell| {
            Some(whole(errors(cell)))
        }),
    ];
    let plain: Vec<_> = result
        .cells
        .iter()
        .filter(|cell| cell.latency_alone)
        .collect();
    let latencies = plain.iter().map(|cell| cell.latency_ms);
    let least = latencies
        .filter(|ms| 0.0 < *ms)
        .fold(f64::INFINITY, f64::min);
    if !least.is_finite() {
        return Vec::new();
    }
    plots
        .into_iter()
        .map(|(name, title, of)| {
            let chart = Chart {
                title: format!("{title}, against latency"),
                x: "latency one way, ms; none at a tenth of the least",
                scale: Scale::Log,
                ceiling: None,
                lines: lines(&plain, least, of),
            };
            (name, chart)
        })
        .collect()
}

/// A line for each method and consistency; no latency is drawn at a tenth of the `least` other.
fn lines(cells: &[&CellResult], least: f64, of: Ordinate) -> Vec<Line> {
    let mut names: Vec<_> = cells
        .iter()
        .map(|cell| (&cell.method, &cell.consistency))
        .collect();
    names.sort();
    names.dedup();
    let line = |(method, consistency): (&String, &String)| {
        let own = cells
            .iter()
            .filter(|cell| (&cell.method, &cell.consistency) == (method, consistency));
        let x = |cell: &CellResult| match cell.latency_ms == 0.0 {
            true => least / 10.0,
            false => cell.latency_ms,
        };
        let mut points: Vec<_> = own.filter_map(|cell| Some((x(cell), of(cell)?))).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Line {
            name: format!("{method}, {consistency}"),
            points,
        }
    };
    let all = names.into_iter().map(line);
    all.filter(|line| !line.points.is_empty()).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a place on an axis")]
fn whole(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::Host;
    use crate::stress::fixtures::cell;
    use crate::stress::result::{Left, Totals};

    /// Two cells without a fault.
    pub(in crate::stress) fn result() -> StressResult {
        let cells = vec![
            cell(0.0, 6_000.0, Some(0.5)),
            cell(25.0, 5_900.0, Some(0.5)),
        ];
        StressResult {
            schema_version: 1,
            version: "0",
            host: Host { cores: 2 },
            seed: 1,
            servers: 2,
            workers: 4,
            iterations: 200,
            lag: 3,
            compute: "20ms".to_owned(),
            target: 0.6,
            netem: "this kernel has none".to_owned(),
            claims: Vec::new(),
            refused: vec![Left {
                conditions: "nothing".to_owned(),
                method: "local_sgd".to_owned(),
                consistency: "asp".to_owned(),
                why: "rounds".to_owned(),
            }],
            not_run: Vec::new(),
            totals: Totals::of(&cells, &[]),
            cells,
            passed: true,
            interrupted: false,
            seconds: 30.0,
        }
    }

    #[test]
    fn the_page_has_every_cell_every_plot_and_nothing_from_elsewhere() {
        let page = render(&result());
        for words in [
            "<svg",
            "latency 25ms",
            "local_sgd",
            "Stress: passed",
            "2 hold",
        ] {
            assert!(page.contains(words), "{words}");
        }
        assert!(
            !page
                .replace("http://www.w3.org/2000/svg", "")
                .contains("http")
        );
        let names: Vec<_> = plots(&result()).into_iter().map(|(name, _)| name).collect();
        let all = [
            "throughput.svg",
            "time-to-loss.svg",
            "staleness.svg",
            "errors.svg",
        ];
        assert_eq!(names, all);
    }

    #[test]
    fn what_is_lost_or_applied_twice_is_summed_over_cells() {
        let mut cells = result().cells;
        let counters = cells[0].counters.as_mut().unwrap();
        (counters.least, counters.most) = (838.0, 841.0);
        cells[0].checks[0].holds = false;
        let totals = Totals::of(&cells, &[]);
        assert_eq!((totals.lost, totals.applied_twice), (2, 1));
        assert_eq!((totals.hangs, totals.failed, totals.checks), (1, 1, 4));
        assert_eq!(totals.acks_dropped, 320);
        // Where counters count nothing, nothing is said of them.
        cells[0].checks.pop();
        assert_eq!(Totals::of(&cells, &[]).lost, 0);
    }
}

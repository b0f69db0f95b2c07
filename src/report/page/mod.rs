//! `report.html`: a run as one page that needs nothing else, in light and dark; and the curves of it as
//! SVG files of their own.

mod chart;
mod staleness;
mod text;

pub(crate) use self::chart::{Chart, Line, Scale};
pub(crate) use self::text::{escaped, table};
use super::{EvaluationPoint, Report, RunStatus, Scores};
use crate::view::units::{bytes, grouped, scaled, score, span};

const STYLE: &str = include_str!("page.css");

/// The page of a run; `job` is its resolved text.
#[must_use]
pub fn render_page(report: &Report, job: &str) -> String {
    let charts: String = charts(report)
        .iter()
        .filter_map(Chart::svg)
        .map(|svg| format!("<figure>{svg}</figure>\n"))
        .collect();
    let cause = report.cause.as_ref().or(report.stopped.as_ref());
    let cause = cause.map_or_else(String::new, |why| format!(": {}", escaped(why)));
    let body = format!(
        "<h1>{name}</h1>\n<p class=\"{status}\">{status}{cause}</p>\n\
         <h2>Scores</h2>\n{scores}\
         <h2>Curves</h2>\n<section class=\"charts\">\n{charts}</section>\n\
         <h2>Effort</h2>\n{effort}\
         <h2>Workers</h2>\n{workers}{staleness}\
         <h2>Job</h2>\n<details><summary>the job with every setting</summary>\n<pre>{job}</pre></details>\n\
         <footer>Thalweg {version}, fingerprint {fingerprint}</footer>\n",
        name = escaped(&report.job),
        status = status(report.status),
        scores = scores(report),
        effort = effort(report),
        workers = workers(report),
        staleness = staleness::section(report),
        job = escaped(job),
        version = escaped(&report.version),
        fingerprint = escaped(&report.fingerprint),
    );
    document(&report.job, &body)
}

/// A page of this title that needs nothing else.
pub(crate) fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        title = escaped(title),
    )
}

/// The losses against examples as an SVG file; `None` if no evaluation has one.
#[must_use]
pub fn render_curves(report: &Report) -> Option<String> {
    losses("loss", "examples", report, examples).svg()
}

fn status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Done => "done",
        RunStatus::Diverged => "diverged",
        RunStatus::Failed => "failed",
        RunStatus::Interrupted => "interrupted",
    }
}

fn charts(report: &Report) -> Vec<Chart> {
    let mut charts = vec![
        losses("loss against examples", "examples", report, examples),
        losses("loss against time", "seconds", report, |point| {
            point.seconds
        }),
    ];
    for name in Scores::NAMES {
        let of = |point: &EvaluationPoint| {
            let mut telling = point.test.iter().flat_map(Scores::telling);
            let (_, value) = telling.find(|(own, _)| *own == name)?;
            Some((examples(point), value))
        };
        let points: Vec<_> = report.curve.iter().filter_map(of).collect();
        // The loss has charts of its own, also where it is called log-loss.
        let is_the_loss = name == "loss" || (name == "log_loss" && is_log_loss(report));
        if !points.is_empty() && !is_the_loss {
            charts.push(Chart {
                title: format!("test {name}"),
                x: "examples",
                scale: Scale::Linear,
                ceiling: None,
                lines: vec![Line {
                    name: name.to_owned(),
                    points,
                }],
            });
        }
    }
    charts
}

/// Whether training minimises the log-loss itself.
fn is_log_loss(report: &Report) -> bool {
    let mut tests = report.curve.iter().filter_map(|point| point.test);
    tests.all(|test| !test.telling().any(|(name, _)| name == "loss"))
}

fn losses(
    title: &str,
    x: &'static str,
    report: &Report,
    at: impl Fn(&EvaluationPoint) -> f64,
) -> Chart {
    let line = |name: &str, loss: fn(&EvaluationPoint) -> Option<f64>| Line {
        name: name.to_owned(),
        points: report
            .curve
            .iter()
            .filter_map(|point| Some((at(point), loss(point)?)))
            .collect(),
    };
    let lines = [
        line("test", |point| point.test?.loss),
        line("training, recent", |point| point.train_loss),
    ];
    Chart {
        title: title.to_owned(),
        x,
        scale: Scale::Linear,
        ceiling: None,
        lines: lines
            .into_iter()
            .filter(|line| !line.points.is_empty())
            .collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a place on an axis")]
fn examples(point: &EvaluationPoint) -> f64 {
    point.examples as f64
}

fn scores(report: &Report) -> String {
    let ours = report
        .final_scores
        .test
        .map(|test| ("this run, test data".to_owned(), test));
    let best = report.best.and_then(|best| {
        Some((
            format!("this run, best (epoch {:.2})", best.epoch),
            best.test?,
        ))
    });
    let best = best.filter(|_| {
        report
            .best
            .is_some_and(|best| best.examples != report.examples)
    });
    let known = report
        .references
        .iter()
        .map(|known| (known.name.clone(), known.test));
    let train = report
        .final_scores
        .train
        .map(|train| ("this run, training data".to_owned(), train.scores));
    let rows: Vec<(String, Scores)> = ours
        .into_iter()
        .chain(best)
        .chain(known)
        .chain(train)
        .collect();
    if rows.is_empty() {
        return "<p>No data were evaluated.</p>\n".to_owned();
    }
    let has = |name: &&str| {
        rows.iter()
            .any(|(_, row)| row.telling().any(|(own, _)| own == *name))
    };
    let names: Vec<&str> = Scores::NAMES.into_iter().filter(has).collect();
    let cells = rows.iter().map(|(name, row)| {
        let values = names.iter().map(|name| score(row.of(name)));
        [name.clone()].into_iter().chain(values).collect()
    });
    table(["on"].iter().chain(&names), cells)
}

fn effort(report: &Report) -> String {
    let seconds = |s: f64| span(std::time::Duration::try_from_secs_f64(s).unwrap_or_default());
    let rows = [
        (
            "method",
            format!("{}, {}", report.method, report.consistency),
        ),
        ("optimizer", report.optimizer.clone()),
        (
            "servers, workers",
            format!("{}, {}", report.servers, report.workers),
        ),
        (
            "time",
            format!(
                "{}, of it {} training",
                seconds(report.wall_seconds),
                seconds(report.train_seconds)
            ),
        ),
        (
            "examples",
            format!(
                "{} ({:.2} epochs), {}/s",
                grouped(report.examples),
                report.epochs,
                scaled(Some(report.examples_per_second))
            ),
        ),
        (
            "pushed, pulled",
            format!(
                "{}, {}",
                bytes(report.bytes_pushed),
                bytes(report.bytes_pulled)
            ),
        ),
        (
            "staleness, steps",
            format!(
                "p50 {}, p99 {}, max {}",
                report.staleness.p50, report.staleness.p99, report.staleness.max
            ),
        ),
        ("seed", report.seed.to_string()),
    ];
    // Threads of one process have no wire.
    let on_a_wire = |name: &str| 0 < report.servers || !OF_A_WIRE.contains(&name);
    table(
        &["", ""],
        rows.into_iter()
            .filter(|(name, _)| on_a_wire(name))
            .map(|(name, value)| vec![name.to_owned(), value]),
    )
}

/// Facts that a run without servers has nothing to say of.
const OF_A_WIRE: [&str; 2] = ["pushed, pulled", "staleness, steps"];

fn workers(report: &Report) -> String {
    let seconds = |s: f64| span(std::time::Duration::try_from_secs_f64(s).unwrap_or_default());
    let rows = report.per_worker.iter().map(|worker| {
        vec![
            worker.worker.to_string(),
            grouped(worker.examples),
            scaled(Some(worker.examples_per_second)),
            seconds(worker.compute_seconds),
            seconds(worker.waited_seconds),
            worker.doing.clone(),
        ]
    });
    table(
        &[
            "worker",
            "examples",
            "per second",
            "computed",
            "waited",
            "last",
        ],
        rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::report;

    #[test]
    fn the_page_needs_nothing_else_and_shows_scores_curves_and_job() {
        let mut report = report();
        report.job = "<b>mine</b>".into();
        let page = render_page(&report, "name = \"mine\"\n[a] & <b>");
        assert!(page.contains("<h1>&lt;b&gt;mine&lt;/b&gt;</h1>"));
        assert!(page.contains("[a] &amp; &lt;b&gt;"));
        for word in [
            "this run, test data",
            "0.5003",
            "sequential AdaGrad",
            "<svg",
            "loss against time",
            "test auc",
            "p50 2",
            "<h2>Staleness</h2>",
            "interrupted: Ctrl-C",
        ] {
            assert!(page.contains(word), "{word}");
        }
        for outside in ["http://", "https://", "<script", "src="] {
            let own = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!own.contains(outside), "{outside}");
        }
    }

    #[test]
    fn a_run_without_evaluations_has_a_page_without_curves() {
        let mut report = report();
        report.curve.clear();
        report.staleness = crate::view::Staleness::default();
        report.final_scores = crate::report::Final::default();
        report.references.clear();
        report.best = None;
        let page = render_page(&report, "");
        assert!(page.contains("No data were evaluated."));
        assert!(!page.contains("<svg") && render_curves(&report).is_none());
    }
}

//! The words of the progress display, as pure functions of the view.

use std::time::Duration;

use thalweg_common::message::{Phase, WorkerState};

use crate::report::EvaluationPoint;
use crate::view::units::{NOTHING, grouped, percent, scaled, score, span};
use crate::view::{
    ClusterView, Look, RecentRates, WorkerView, phase_word, state_word, who_waits_longer_than,
};

/// Waits shorter than this are how SSP and BSP work; longer ones are worth a line.
const NOTABLE_WAIT: Duration = Duration::from_secs(1);

/// Workers shown one by one; of more, the slowest and the fastest.
const WORKERS_SHOWN_MAX: usize = 8;

/// Waits shown; a stuck gate holds everybody for the same reason.
const WAITS_SHOWN_MAX: usize = 3;

/// Width of the bar, in characters.
const BAR_COLUMNS: usize = 24;

/// One line with everything: for logs and pipes.
#[must_use]
pub fn plain_line(
    view: &ClusterView,
    evaluation: Option<&EvaluationPoint>,
    rates: &RecentRates,
) -> String {
    let mut parts = vec![
        format!(
            "{} {}",
            phase_word(view.phase).0,
            percent(view.done_share())
        ),
        format!("loss {}", score(view.train_loss)),
    ];
    parts.extend(evaluation.and_then(test_scores));
    parts.push(format!("{} examples/s", scaled(rates.job())));
    parts.extend(staleness(view));
    parts.extend(workers(view, rates));
    parts.extend(eta(view, rates));
    parts.extend(waits(view));
    parts.join(", ")
}

/// The lines of the live display, each at most `columns` wide.
#[must_use]
pub fn live_text(
    view: &ClusterView,
    evaluation: Option<&EvaluationPoint>,
    rates: &RecentRates,
    columns: Option<usize>,
) -> String {
    let first = format!(
        "{} {} {}{}, {} examples/s, {} of {}",
        phase_word(view.phase).0,
        bar(view.done_share()),
        percent(view.done_share()),
        eta(view, rates).map_or_else(String::new, |eta| format!(", {eta}")),
        scaled(rates.job()),
        grouped(view.progress),
        grouped(view.examples_total),
    );
    let mut second = format!("loss {}", score(view.train_loss));
    if let Some(scores) = evaluation.and_then(test_scores) {
        second += &format!("  {scores}");
    }
    second.extend(staleness(view).map(|words| format!("  {words}")));
    let mut lines = vec![first, second];
    lines.extend(workers(view, rates));
    lines.extend(waits(view));
    let look = Look {
        columns,
        ..Look::default()
    };
    let lines: Vec<_> = lines.iter().map(|line| look.cut(line)).collect();
    lines.join("\n")
}

fn test_scores(point: &EvaluationPoint) -> Option<String> {
    let scores = point.test?;
    let shown: Vec<_> = scores
        .telling()
        .map(|(name, value)| format!("{name} {}", score(Some(value))))
        .collect();
    (!shown.is_empty()).then(|| format!("test {} (epoch {:.2})", shown.join(" "), point.epoch))
}

/// Nothing where no part was counted yet, or never is: threads on one model have none.
fn staleness(view: &ClusterView) -> Option<String> {
    let histogram = &view.staleness;
    (0 < histogram.total()).then(|| {
        format!(
            "staleness p50 {} p99 {}",
            histogram.quantile(0.5),
            histogram.quantile(0.99)
        )
    })
}

fn eta(view: &ClusterView, rates: &RecentRates) -> Option<String> {
    let rest = view.rest(rates.job())?;
    (view.phase == Phase::Training).then(|| format!("ETA {}", span(rest)))
}

fn bar(share: Option<f64>) -> String {
    // A share of nothing, or of more than all, is still a bar.
    let share = share.unwrap_or(0.0).clamp(0.0, 1.0);
    let full = (1..=BAR_COLUMNS)
        .filter(|column| *column as f64 <= share * BAR_COLUMNS as f64)
        .count();
    format!("[{}{}]", "=".repeat(full), " ".repeat(BAR_COLUMNS - full))
}

fn workers(view: &ClusterView, rates: &RecentRates) -> Option<String> {
    let rows = &view.workers;
    if rows.is_empty() {
        return None;
    }
    if rows.len() <= WORKERS_SHOWN_MAX {
        let each: Vec<_> = rows.iter().map(|row| worker(row, rates)).collect();
        return Some(format!("workers {}", each.join(" · ")));
    }
    let mut active: Vec<_> = rows
        .iter()
        .filter(|row| row.state == WorkerState::Active)
        .collect();
    let rate = |row: &WorkerView| rates.worker(row.worker).unwrap_or(0.0);
    active.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
    let mut text = format!("workers {} of {} active", active.len(), rows.len());
    if let (Some(slowest), Some(fastest)) = (active.first(), active.last()) {
        text += &format!(
            " · slowest {} · fastest {}",
            worker(slowest, rates),
            worker(fastest, rates)
        );
    }
    let lost = rows.iter().filter(|row| row.state == WorkerState::Lost);
    match lost.count() {
        0 => Some(text),
        lost => Some(format!("{text} · {lost} lost")),
    }
}

fn worker(row: &WorkerView, rates: &RecentRates) -> String {
    let word = match row.state {
        WorkerState::Active => match rates.worker(row.worker) {
            Some(rate) => format!("{}/s", scaled(Some(rate))),
            None => NOTHING.to_owned(),
        },
        other => state_word(other).0.to_owned(),
    };
    format!("{}: {word}", row.worker)
}

fn waits(view: &ClusterView) -> Vec<String> {
    let mut waits = who_waits_longer_than(view, NOTABLE_WAIT);
    let hidden = waits.len().saturating_sub(WAITS_SHOWN_MAX);
    waits.truncate(WAITS_SHOWN_MAX);
    if hidden > 0 {
        waits.push(format!("{hidden} more wait"));
    }
    waits
}

#[cfg(test)]
mod tests {
    use thalweg_common::ids::WorkerId;

    use super::*;
    use crate::report::fixtures::point;
    use crate::view::fixtures::two_servers;

    fn view_and_rates() -> (ClusterView, RecentRates) {
        let view = ClusterView::from(&two_servers()[..]);
        let mut rates = RecentRates::default();
        rates.observe(&view);
        (view, rates)
    }

    #[test]
    fn a_plain_line_tells_everything() {
        let (view, rates) = view_and_rates();
        assert_eq!(
            plain_line(&view, Some(&point()), &rates),
            "training 43 %, loss 0.5000, test log_loss 0.5003 accuracy 0.7634 auc 0.7291 \
             (epoch 0.22), 10.6 k examples/s, staleness p50 2 p99 64, \
             workers 0: 2.65 k/s · 1: 2.65 k/s · 2: 2.65 k/s · 3: lost, ETA 5.3 s, \
             worker 2 waits for worker 0 at server 0 since 1.4 s: all must reach clock 18: \
             worker 0 is at clock 17 (in an iteration for 3.2 s); worker 0 says: computing"
        );
    }

    #[test]
    fn the_live_display_is_a_bar_and_a_few_lines_that_fit() {
        let (view, rates) = view_and_rates();
        let text = live_text(&view, Some(&point()), &rates, Some(100));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "training [==========              ] 43 %, ETA 5.3 s, 10.6 k examples/s, \
             42,336 of 98,000"
        );
        assert_eq!(
            lines[1],
            "loss 0.5000  test log_loss 0.5003 accuracy 0.7634 auc 0.7291 (epoch 0.22)  \
             staleness p50 2 p99 64"
        );
        assert_eq!(
            lines[2],
            "workers 0: 2.65 k/s · 1: 2.65 k/s · 2: 2.65 k/s · 3: lost"
        );
        assert!(lines[3].starts_with("worker 2 waits for worker 0 at server 0 since 1.4 s"));
        let fits = |line: &&str| console::measure_text_width(line) <= 100;
        assert!(lines.len() == 4 && lines.iter().all(fits));
    }

    #[test]
    fn nothing_and_nonsense_are_shown_without_a_panic() {
        let (mut view, _) = view_and_rates();
        let empty = ClusterView::of_nobody();
        let rates = RecentRates::default();
        let line = plain_line(&empty, Some(&EvaluationPoint::default()), &rates);
        assert_eq!(line, "joining -, loss -, - examples/s");
        view.train_loss = Some(f64::NAN);
        view.progress = u64::MAX;
        let text = live_text(&view, None, &rates, Some(0));
        assert_eq!(text.lines().count(), 4);
        assert!(plain_line(&view, None, &rates).contains("loss NaN"));
        assert_eq!(bar(Some(f64::NAN)), format!("[{}]", " ".repeat(24)));
        assert_eq!(bar(Some(7.0)), format!("[{}]", "=".repeat(24)));
    }

    #[test]
    fn of_many_workers_the_slowest_and_the_fastest_are_shown() {
        let (mut view, _) = view_and_rates();
        let row = view.workers[0].clone();
        view.workers = (0..64)
            .map(|worker| WorkerView {
                worker: WorkerId(worker),
                examples: u64::from(worker) * 40,
                ..row.clone()
            })
            .collect();
        view.workers[7].state = WorkerState::Lost;
        let mut rates = RecentRates::default();
        rates.observe(&view);
        let line = workers(&view, &rates).unwrap();
        assert_eq!(
            line,
            "workers 63 of 64 active · slowest 0: 0/s · fastest 63: 630/s · 1 lost"
        );
    }
}

//! Stale-synchronous parallel over the permitted lag (Ho et al., NIPS 2013).

use anyhow::Result;

use crate::claims::claim::{Claim, Found, each};
use crate::claims::lab::{Extent, Outcome, Trial, physics, run_all, span};
use crate::claims::verdict::Finding;
use crate::report::page::{Chart, Line, Scale};

pub(super) const CLAIM: Claim = Claim {
    name: "stale_reads",
    paper: "Ho et al., NIPS 2013",
    says: "with a growing lag iterations take less time and every one gets less far; the least time to a loss is at a \
           lag between none (BSP) and any (asynchronous), some 3 to 10 (LDA, matrix factorisation, Lasso; up to 32 \
           machines)",
    here: "matrix factorisation of rank 5, 100 by 100, 6,000 entries, 4 workers, batches of 8, each worker six times slower \
           in its turn of 200 ms; lognormal 10 ms a gradient, 15 ms to read; half of the lag keeps what was read, half \
           saves waiting, and at any lag reads are kept for 64 iterations; lr the quickest at lag 0",
    run,
};

const JOB: &[&str] = &[
    "data.name=low_rank",
    "data.users=100",
    "data.items=100",
    "data.rows=6000",
    "data.test_rows=2000",
    "model.name=matrix_factorization",
    "model.rank=5",
    "model.init_std=0.3",
    "model.l2=0.0",
    "optimizer.name=sgd",
    "train.batch_size=8",
    "evaluate.every=0.02",
    "evaluate.train_rows=1000",
    "limits.range_batches=2",
    "method.overlap=off",
];

/// The test loss to be reached; it begins at 0.46, and noise alone costs 0.005.
const TARGET: f64 = 0.05;

/// Iterations for which a read is kept where no lag says it.
const KEPT: u64 = 64;

const WORKERS: f64 = 4.0;

/// A permitted lag, with what it leads to.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Iterations; `None`: any.
    lag: Option<u64>,
    /// To the target; infinite: never.
    seconds: f64,
    /// To the target.
    epochs: f64,
    /// An iteration of one worker, with its waiting.
    each: f64,
}

fn run(extent: Extent) -> Result<Found> {
    let lags: &[Option<u64>] = extent.choose(
        &[Some(0), Some(1), Some(3), Some(10), Some(30), None],
        &[Some(0), Some(3), None],
    );
    let epochs = extent.choose(40.0, 1.0);
    let physics = physics("7500us", "lognormal:10ms:0.5", &["rotating:6x:200ms"])?;
    let trial = |lag: Option<u64>| {
        let trial = Trial::new(JOB, "downpour", (4, &physics))
            .set("train.epochs", epochs)
            .set("stop.target", TARGET);
        match lag {
            Some(0) => trial
                .set("consistency.model", "bsp")
                .set("consistency.aggregation", "push"),
            Some(lag) => trial
                .set("consistency.model", "ssp")
                .set("consistency.lag", lag)
                .set("method.n_pull", lag / 2 + 1),
            None => trial.set("method.n_pull", KEPT),
        }
    };
    let seeds = extent.seeds();
    let without = trial(lags[0]).lr(0.4);
    without.check()?;
    let best = without.best(&seeds[..1], |outcome| outcome.seconds_to(TARGET))?;
    let trials: Vec<Trial> = lags.iter().map(|lag| trial(*lag).lr(best.lr)).collect();
    let outcomes = run_all(&trials, seeds)?;
    let rows: Vec<Row> = lags.iter().zip(&outcomes).map(row).collect();
    Ok(Found {
        heads: Found::heads(&["lag", "to target", "epochs", "time per iteration"]),
        rows: rows.iter().map(cells).collect(),
        chart: chart(&outcomes, lags),
        findings: judge(&rows),
    })
}

fn row((lag, outcome): (&Option<u64>, &Outcome)) -> Row {
    Row {
        lag: *lag,
        seconds: outcome.seconds_to(TARGET),
        epochs: outcome.epochs_to(TARGET),
        each: outcome.seconds() * WORKERS / outcome.steps(),
    }
}

fn word(lag: Option<u64>) -> String {
    lag.map_or("any".to_owned(), |lag| lag.to_string())
}

fn epochs(epochs: f64) -> String {
    match epochs.is_finite() {
        true => format!("{epochs:.1}"),
        false => "never".to_owned(),
    }
}

fn cells(row: &Row) -> Vec<String> {
    let each = format!("{:.1} ms", 1e3 * row.each);
    vec![word(row.lag), span(row.seconds), epochs(row.epochs), each]
}

fn chart(outcomes: &[Outcome], lags: &[Option<u64>]) -> Chart {
    let lines = lags.iter().zip(outcomes).map(|(lag, outcome)| Line {
        name: format!("lag {}", word(*lag)),
        points: outcome.least_so_far(),
    });
    Chart {
        title: "least test loss so far against time, by lag".to_owned(),
        x: "seconds",
        scale: Scale::Linear,
        ceiling: None,
        lines: lines.collect(),
    }
}

fn judge(rows: &[Row]) -> Vec<Finding> {
    let [first, inner @ .., last] = rows else {
        return Vec::new();
    };
    let all = |of: fn(&Row) -> f64| rows.windows(2).all(|pair| of(&pair[1]) <= of(&pair[0]));
    let least = |rows: &[Row]| {
        rows.iter()
            .map(|row| row.seconds)
            .fold(f64::INFINITY, f64::min)
    };
    vec![
        Finding::new(
            "every longer lag makes an iteration take less time",
            all(|row| row.each),
            each(rows, |row| {
                format!("{:.1} ms at {}", 1e3 * row.each, word(row.lag))
            }),
        ),
        Finding::new(
            "every longer lag takes as many epochs to the target, or more",
            all(|row| -row.epochs),
            each(rows, |row| {
                format!("{} at {}", epochs(row.epochs), word(row.lag))
            }),
        ),
        Finding::new(
            "the least time to the target is at a lag between none and any",
            least(inner) < first.seconds.min(last.seconds),
            each(rows, |row| {
                format!("{} at {}", span(row.seconds), word(row.lag))
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::verdict::Verdict;

    fn row(lag: Option<u64>, [seconds, epochs, each]: [f64; 3]) -> Row {
        Row {
            lag,
            seconds,
            epochs,
            each,
        }
    }

    #[test]
    fn the_numbers_decide_and_can_decide_either_way() {
        let verdict = |rows: &[Row]| Verdict::of(&judge(rows));
        let (none, any) = (row(Some(0), [9.0, 3.0, 0.03]), |it| row(None, it));
        let never = any([f64::INFINITY, f64::INFINITY, 0.01]);
        let as_claimed = [none, row(Some(3), [6.0, 4.0, 0.02]), never];
        assert_eq!(verdict(&as_claimed), Verdict::Agrees);
        let otherwise = [none, row(Some(3), [9.5, 2.0, 0.04]), any([8.0, 1.0, 0.05])];
        assert_eq!(verdict(&otherwise), Verdict::Disagrees);
        let in_part = [none, row(Some(3), [6.0, 4.0, 0.02]), any([5.0, 4.0, 0.01])];
        assert_eq!(verdict(&in_part), Verdict::Partly);
    }
}

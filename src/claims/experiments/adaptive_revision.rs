//! AdaptiveRevision beside asynchronous AdaGrad over delay (`McMahan`, Streeter, NIPS 2014).

use anyhow::Result;

use crate::claims::claim::{Claim, Found, line};
use crate::claims::lab::{Extent, Outcome, Trial, best_all, physics, run_all, told};
use crate::claims::verdict::Finding;
use crate::report::page::{Chart, Scale};

pub(super) const CLAIM: Claim = Claim {
    name: "adaptive_revision",
    paper: "McMahan, Streeter, NIPS 2014",
    says: "with delays of 1,000 updates and more, AdaptiveRevision is significantly better than adaptive gradient \
           methods that ignore delay; below some 100 the curves coincide (click prediction, malicious URLs)",
    here: "sparse logistic regression, 20 of 2,000 Zipf-distributed features a row, 16,000 rows once, batches of 1; \
           delay by the number of workers, 20 ms a gradient, 5 ms one way",
    run,
};

const JOB: &[&str] = &[
    "data.name=steady",
    "data.features=2000",
    "data.nonzeros=20",
    "data.exponent=0.9",
    "data.weight_std=1.0",
    "data.rows=16000",
    "data.test_rows=8000",
    "train.batch_size=1",
    "evaluate.every=0",
    "evaluate.train_rows=1000",
    "limits.range_batches=2",
];

/// The loss of who has learnt nothing.
const GUESSING: f64 = std::f64::consts::LN_2;

/// A number of workers: both methods at their best rates there, and at those of one worker.
#[derive(Clone, Copy, Debug)]
struct Row {
    workers: u32,
    /// Steps.
    staleness: f64,
    revision: Pair,
    baseline: Pair,
}

#[derive(Clone, Copy, Debug)]
struct Pair {
    best: f64,
    lr: f64,
    /// At the rate that is best without delay.
    untuned: f64,
}

fn run(extent: Extent) -> Result<Found> {
    let all: &[u32] = extent.choose(&[1, 9, 33, 129, 385, 1025], &[1, 17]);
    let rows = measure(extent, all)?;
    Ok(Found {
        heads: Found::heads(&[
            "workers",
            "staleness p50, at least",
            "adaptive_revision",
            "at lr",
            "at the undelayed lr",
            "async_adagrad",
            "at lr",
            "at the undelayed lr",
        ]),
        rows: rows.iter().map(cells).collect(),
        chart: chart(&rows),
        findings: judge(&rows),
    })
}

fn measure(extent: Extent, all: &[u32]) -> Result<Vec<Row>> {
    let physics = physics("5ms", "lognormal:20ms:0.3", &[])?;
    let seeds = &extent.seeds()[..1];
    let trial = |method, workers: u32| {
        Trial::new(JOB, method, (workers, &physics))
            .set("method.overlap", "off")
            .set("data.rows", extent.choose(16_000, 1_000))
            .lr(0.4)
    };
    let of = |method| -> Result<Vec<(Outcome, Outcome)>> {
        let trials: Vec<Trial> = all.iter().map(|workers| trial(method, *workers)).collect();
        let best = best_all(&trials, seeds, Outcome::loss)?;
        let undelayed = best[0].lr;
        let left: Vec<Trial> = trials.into_iter().map(|t| t.lr(undelayed)).collect();
        let untuned = run_all(&left, seeds)?;
        Ok(best.into_iter().zip(untuned).collect())
    };
    let (revision, baseline) = (of("adaptive_revision")?, of("async_adagrad")?);
    let pair = |(best, untuned): &(Outcome, Outcome)| Pair {
        best: best.loss(),
        lr: best.lr,
        untuned: untuned.loss(),
    };
    let rows = all.iter().zip(revision.iter().zip(&baseline));
    let row = |(workers, (revision, baseline)): (&u32, (&(Outcome, Outcome), _))| Row {
        workers: *workers,
        staleness: revision.0.staleness(),
        revision: pair(revision),
        baseline: pair(baseline),
    };
    Ok(rows.map(row).collect())
}

fn cells(row: &Row) -> Vec<String> {
    let of = |pair: &Pair| [told(pair.best), format!("{}", pair.lr), told(pair.untuned)];
    let first = [row.workers.to_string(), format!("{:.0}", row.staleness)];
    [&first[..], &of(&row.revision), &of(&row.baseline)].concat()
}

fn chart(rows: &[Row]) -> Chart {
    let line =
        |name: &str, of: fn(&Row) -> f64| line(name, rows, |row| (f64::from(row.workers), of(row)));
    Chart {
        title: "test loss against workers; above 0.5 at the edge".to_owned(),
        x: "workers, each with one gradient under way, by ratios",
        scale: Scale::Log,
        ceiling: Some(0.5),
        lines: vec![
            line("adaptive_revision, best lr", |row| row.revision.best),
            line("adaptive_revision, undelayed lr", |row| {
                row.revision.untuned
            }),
            line("async_adagrad, best lr", |row| row.baseline.best),
            line("async_adagrad, undelayed lr", |row| row.baseline.untuned),
        ],
    }
}

fn judge(rows: &[Row]) -> Vec<Finding> {
    let [first, .., last] = rows else {
        return Vec::new();
    };
    let (revision, baseline) = (last.revision, last.baseline);
    let at = format!(
        "of {} workers, half of the gradients {:.0} steps late or more,",
        last.workers, last.staleness
    );
    let moved = |first: f64, last: f64| (first / last).max(last / first);
    let most = |lr: fn(&Row) -> f64| {
        let all = rows.iter().map(|row| moved(lr(first), lr(row)));
        all.fold(1.0, f64::max)
    };
    let moves = (most(|row| row.revision.lr), most(|row| row.baseline.lr));
    let little = rows.iter().filter(|row| row.workers <= 129);
    let apart = little.map(|row| (row.revision.best - row.baseline.best).abs());
    let apart = apart.fold(0.0, f64::max);
    vec![
        Finding::new(
            "the two differ by less than 0.01 at their best rates wherever no more than 129 workers are",
            apart < 0.01,
            format!("by {apart:.4} at most"),
        ),
        Finding::new(
            "without delay the two give the same loss",
            first.revision.best.total_cmp(&first.baseline.best).is_eq(),
            format!(
                "{} and {}",
                told(first.revision.best),
                told(first.baseline.best)
            ),
        ),
        Finding::new(
            format!("{at} AdaptiveRevision's loss at its best rate is lower by 0.01"),
            revision.best + 0.01 <= baseline.best,
            format!("{} beside {}", told(revision.best), told(baseline.best)),
        ),
        Finding::new(
            format!(
                "{at} at the undelayed rate it is still better than guessing, and AdaGrad is not"
            ),
            revision.untuned < GUESSING && GUESSING < baseline.untuned,
            format!(
                "{} beside {}; guessing {}",
                told(revision.untuned),
                told(baseline.untuned),
                told(GUESSING)
            ),
        ),
        Finding::new(
            "its best rate moves by a factor of 2 at most, that of AdaGrad by 4 at least",
            moves.0 <= 2.0 && 4.0 <= moves.1,
            format!("{} beside {}", moves.0, moves.1),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::verdict::Verdict;

    fn row(staleness: f64, revision: (f64, f64, f64), baseline: (f64, f64, f64)) -> Row {
        let pair = |(best, lr, untuned)| Pair { best, lr, untuned };
        Row {
            workers: 1,
            staleness,
            revision: pair(revision),
            baseline: pair(baseline),
        }
    }

    #[test]
    fn the_numbers_decide_and_can_decide_either_way() {
        let undelayed = row(0.0, (0.34, 0.4, 0.34), (0.34, 0.4, 0.34));
        let as_claimed = row(1e3, (0.45, 0.2, 0.5), (0.47, 0.05, 1.4));
        let as_claimed = Row {
            workers: 1_025,
            ..as_claimed
        };
        let holds = |rows: &[Row]| Verdict::of(&judge(rows));
        assert_eq!(holds(&[undelayed, as_claimed]), Verdict::Agrees);
        let no_better = row(1e3, (0.465, 0.05, 0.9), (0.47, 0.2, 0.5));
        let other = row(0.0, (0.36, 0.4, 0.36), (0.34, 0.4, 0.34));
        assert_eq!(holds(&[other, no_better]), Verdict::Disagrees);
        assert_eq!(holds(&[undelayed, no_better]), Verdict::Partly);
    }
}

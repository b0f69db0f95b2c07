//! Rates divided by staleness, under n-softsync (Zhang, Gupta, Lian, Liu, IJCAI 2016).

use anyhow::Result;

use super::clouds;
use crate::claims::claim::{Claim, Found, each, line};
use crate::claims::lab::{Extent, Outcome, Trial, best_all, physics, run_all, told};
use crate::claims::verdict::Finding;
use crate::report::page::{Chart, Scale};

pub(super) const CLAIM: Claim = Claim {
    name: "staleness_rate",
    paper: "Zhang, Gupta, Lian, Liu, IJCAI 2016",
    says: "of 30 learners, 15- and 30-softsync fail at the rate of hardsync (90 % error), and with the rate divided by \
           the staleness all n-softsync come to its error, 18 %; staleness is n in the mean and passes 2n in one of \
           10,000 gradients (CIFAR-10, batches of 4)",
    here: "a perceptron of 32 hidden units on ten classes of clouds, 30 workers, batches of 4, 12 epochs, at \
           the rate that is best for hardsync; 10 ms a gradient, 1 ms one way",
    run,
};

const WORKERS: u32 = 30;

/// An error by which a run counts as failed: guessing errs in 90 of 100 rows.
const FAILED: f64 = 0.5;

/// How much more than hardsync's error is still hardsync's.
const ABOVE_HARDSYNC: f64 = 0.05;

/// Splits, with the errors at the plain rate and at the divided one.
#[derive(Clone, Copy, Debug)]
struct Row {
    splits: u32,
    plain: f64,
    divided: f64,
    staleness_p50: f64,
    staleness_p99: f64,
}

fn run(extent: Extent) -> Result<Found> {
    let all: &[u32] = extent.choose(&[1, 2, 5, 15, 30], &[1, 30]);
    let physics = physics("1ms", "lognormal:10ms:0.2", &[])?;
    let trial = |method| {
        Trial::new(clouds::JOB, method, (WORKERS, &physics))
            .set("method.overlap", "off")
            .set("optimizer.name", "sgd")
            .set("train.batch_size", 4)
            .set("train.examples", extent.choose(48_000, 6_000))
            .lr(0.8)
    };
    let softsync = |splits: u32, rate: &str| {
        trial("n_softsync")
            .set("consistency.splits", splits)
            .set("consistency.staleness_rate", rate)
    };
    let best = best_all(&[trial("synchronous")], &extent.seeds()[..1], Outcome::loss)?;
    let lr = best[0].lr;
    let mut trials = vec![trial("synchronous").lr(lr)];
    for splits in all {
        trials.push(softsync(*splits, "constant").lr(lr));
        trials.push(softsync(*splits, "inverse").lr(lr));
    }
    let outcomes = run_all(&trials, extent.seeds())?;
    let hardsync = outcomes[0].error();
    let of = |(splits, pair): (&u32, &[Outcome])| Row {
        splits: *splits,
        plain: pair[0].error(),
        divided: pair[1].error(),
        staleness_p50: pair[1].staleness(),
        staleness_p99: pair[1].staleness_p99(),
    };
    let rows: Vec<Row> = all.iter().zip(outcomes[1..].chunks(2)).map(of).collect();
    let first = vec!["hardsync".to_owned(), told(hardsync)];
    Ok(Found {
        heads: Found::heads(&[
            "splits",
            &format!("error, lr {lr}"),
            "error, lr / staleness",
            "staleness p50",
            "staleness p99",
        ]),
        rows: [first].into_iter().chain(rows.iter().map(cells)).collect(),
        chart: chart(hardsync, &rows),
        findings: judge(hardsync, &rows),
    })
}

fn cells(row: &Row) -> Vec<String> {
    vec![
        row.splits.to_string(),
        told(row.plain),
        told(row.divided),
        format!("{:.0}", row.staleness_p50),
        format!("{:.0}", row.staleness_p99),
    ]
}

fn chart(hardsync: f64, rows: &[Row]) -> Chart {
    let line = |name: &str, of: &dyn Fn(&Row) -> f64| {
        line(name, rows, |row| (f64::from(row.splits), of(row)))
    };
    Chart {
        title: "test error against splits, 30 workers; above 0.15 at the edge".to_owned(),
        x: "n of n-softsync, by ratios",
        scale: Scale::Log,
        ceiling: Some(0.15),
        lines: vec![
            line("plain rate", &|row| row.plain),
            line("rate / staleness", &|row| row.divided),
            line("hardsync", &|_| hardsync),
        ],
    }
}

fn judge(hardsync: f64, rows: &[Row]) -> Vec<Finding> {
    let Some(last) = rows.last() else {
        return Vec::new();
    };
    let errors =
        |of: fn(&Row) -> f64| each(rows, |row| format!("{} at {}", told(of(row)), row.splits));
    let failing = rows.iter().filter(|row| 15 <= row.splits);
    let near = |row: &Row| row.divided <= hardsync + ABOVE_HARDSYNC;
    let stale = |row: &Row| {
        let n = f64::from(row.splits);
        (n / 2.0..=n * 1.5).contains(&row.staleness_p50) && row.staleness_p99 <= 2.0 * n
    };
    vec![
        Finding::new(
            "at the plain rate 15- and 30-softsync fail: half of the rows are wrong, or more",
            failing.clone().all(|row| FAILED <= row.plain),
            errors(|row| row.plain),
        ),
        Finding::new(
            "at the rate divided by staleness every error is at most 0.05 above hardsync's",
            rows.iter().all(near),
            format!("{}; hardsync {}", errors(|row| row.divided), told(hardsync)),
        ),
        Finding::new(
            "half of the gradients are n/2 to 1.5n steps late, 99 of 100 at most 2n",
            rows.iter().all(stale),
            format!(
                "at n = {}: p50 {:.0}, p99 {:.0}",
                last.splits, last.staleness_p50, last.staleness_p99
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::verdict::Verdict;

    fn row(splits: u32, [plain, divided, p50, p99]: [f64; 4]) -> Row {
        Row {
            splits,
            plain,
            divided,
            staleness_p50: p50,
            staleness_p99: p99,
        }
    }

    #[test]
    fn the_numbers_decide_and_can_decide_either_way() {
        let verdict = |rows: &[Row]| Verdict::of(&judge(0.05, rows));
        let as_claimed = [
            row(1, [0.05, 0.05, 1.0, 2.0]),
            row(30, [0.9, 0.06, 29.0, 40.0]),
        ];
        assert_eq!(verdict(&as_claimed), Verdict::Agrees);
        let otherwise = [
            row(1, [0.05, 0.05, 1.0, 2.0]),
            row(30, [0.06, 0.2, 29.0, 90.0]),
        ];
        assert_eq!(verdict(&otherwise), Verdict::Disagrees);
        let in_part = [row(30, [0.9, 0.2, 29.0, 90.0])];
        assert_eq!(verdict(&in_part), Verdict::Partly);
    }
}

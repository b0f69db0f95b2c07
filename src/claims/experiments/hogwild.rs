//! What updates that do not see each other cost sparse and dense rows (Niu, Recht, Ré, Wright, NIPS 2011).

use anyhow::Result;

use crate::claims::claim::{Claim, Found, each, line};
use crate::claims::lab::{Extent, Outcome, Trial, physics, run_all, told};
use crate::claims::verdict::Finding;
use crate::report::page::{Chart, Scale};

pub(super) const CLAIM: Claim = Claim {
    name: "hogwild",
    paper: "Niu, Recht, Ré, Wright, NIPS 2011",
    says: "where rows share few features, updates that miss each other come to the same loss within a few percent \
           (RCV1: 0.297 in either way); where they share all, delay costs the run",
    here: "a support vector machine without a lock or a wait, batches of 1, 8,000 rows five times, lr 0.05: 20 of 2,000 \
           features a row beside 20 of 40; delay by the number of workers, 20 ms a gradient, 5 ms one way",
    run,
};

const JOB: &[&str] = &[
    "data.name=steady",
    "data.nonzeros=20",
    "data.exponent=0.0",
    "data.weight_std=1.0",
    "data.test_rows=4000",
    "model.name=linear_svm",
    // A bias would be a feature that all rows share.
    "model.bias=false",
    "optimizer.name=sgd",
    "method.overlap=off",
    "method.local_lr=0.0",
    "train.batch_size=1",
    "train.epochs=5",
    "evaluate.every=0",
    "evaluate.train_rows=1000",
    "limits.range_batches=2",
];

/// A number of workers: the test losses of sparse and of dense rows.
#[derive(Clone, Copy, Debug)]
struct Row {
    workers: u32,
    staleness: f64,
    sparse: f64,
    dense: f64,
}

fn run(extent: Extent) -> Result<Found> {
    let all: &[u32] = extent.choose(&[1, 9, 65, 513], &[1, 33]);
    let physics = physics("5ms", "lognormal:20ms:0.3", &[])?;
    let trial = |features: u32, workers: u32| {
        Trial::new(JOB, "downpour", (workers, &physics))
            .set("data.features", features)
            .set("data.rows", extent.choose(8_000, 500))
            .lr(0.05)
    };
    let trials = all
        .iter()
        .flat_map(|workers| [trial(2_000, *workers), trial(40, *workers)]);
    let outcomes = run_all(&trials.collect::<Vec<_>>(), extent.seeds())?;
    let of = |(workers, pair): (&u32, &[Outcome])| Row {
        workers: *workers,
        staleness: pair[0].staleness(),
        sparse: pair[0].loss(),
        dense: pair[1].loss(),
    };
    let rows: Vec<Row> = all.iter().zip(outcomes.chunks(2)).map(of).collect();
    Ok(Found {
        heads: Found::heads(&[
            "workers",
            "staleness p50, at least",
            "20 of 2,000",
            "20 of 40",
        ]),
        rows: rows.iter().map(cells).collect(),
        chart: chart(&rows),
        findings: judge(&rows),
    })
}

fn cells(row: &Row) -> Vec<String> {
    vec![
        row.workers.to_string(),
        format!("{:.0}", row.staleness),
        told(row.sparse),
        told(row.dense),
    ]
}

fn chart(rows: &[Row]) -> Chart {
    let line = |name: &str, of: fn(&Row) -> f64| {
        line(name, rows, |row| {
            (f64::from(row.workers), of(row) / of(&rows[0]))
        })
    };
    Chart {
        title: "test loss against workers, as a multiple of that of one; above 2 at the edge"
            .to_owned(),
        x: "workers, each with one gradient under way, by ratios",
        scale: Scale::Log,
        ceiling: Some(2.0),
        lines: vec![
            line("20 of 2,000 features a row", |row| row.sparse),
            line("20 of 40", |row| row.dense),
        ],
    }
}

fn judge(rows: &[Row]) -> Vec<Finding> {
    let [first, .., last] = rows else {
        return Vec::new();
    };
    let losses =
        |of: fn(&Row) -> f64| each(rows, |row| format!("{} of {}", told(of(row)), row.workers));
    vec![
        Finding::new(
            "sparse rows lose at most 2 % among any number of workers",
            rows.iter().all(|row| row.sparse <= 1.02 * first.sparse),
            losses(|row| row.sparse),
        ),
        Finding::new(
            format!(
                "dense rows come to more than twice the loss of {} workers",
                last.workers
            ),
            2.0 * first.dense < last.dense,
            losses(|row| row.dense),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::verdict::Verdict;

    fn row(staleness: f64, sparse: f64, dense: f64) -> Row {
        Row {
            workers: 1,
            staleness,
            sparse,
            dense,
        }
    }

    #[test]
    fn the_numbers_decide_and_can_decide_either_way() {
        let verdict = |rows: &[Row]| Verdict::of(&judge(rows));
        let none = row(0.0, 0.3, 0.3);
        assert_eq!(
            verdict(&[none, row(512.0, 0.301, f64::INFINITY)]),
            Verdict::Agrees
        );
        assert_eq!(verdict(&[none, row(512.0, 0.4, 0.31)]), Verdict::Disagrees);
        assert_eq!(verdict(&[none, row(512.0, 0.4, 0.9)]), Verdict::Partly);
    }
}

//! DC-ASGD beside plain asynchronous SGD over the number of workers (Zheng et al., ICML 2017).

use anyhow::Result;

use super::clouds;
use crate::claims::claim::{Claim, Found, each, line};
use crate::claims::lab::{Extent, Outcome, Trial, physics, run_all, told};
use crate::claims::verdict::Finding;
use crate::report::page::{Chart, Scale};

pub(super) const CLAIM: Claim = Claim {
    name: "delay_compensation",
    paper: "Zheng et al., ICML 2017",
    says: "the error of asynchronous SGD grows with the workers, and delay compensation takes that back, the adaptive \
           form more than the constant one: CIFAR-10, ResNet-20, sequential SGD 8.65 %; 4 workers ASGD 9.27, DC-c 8.67, \
           DC-a 8.19; 8 workers 10.26, 9.27, 8.57",
    here: "a perceptron of 32 hidden units on ten classes of clouds, 3,000 updates of batches of 16 at lr 0.3; DC-c with \
           0.5, DC-a with 2, both as in the paper (guard off); 10 ms a gradient, 1 ms one way",
    run,
};

/// What seeds alone can make of an error.
const NOISE: f64 = 0.01;

/// A number of workers with the test errors there.
#[derive(Clone, Copy, Debug)]
struct Row {
    workers: u32,
    staleness: f64,
    plain: f64,
    constant: f64,
    adaptive: f64,
}

fn run(extent: Extent) -> Result<Found> {
    let all: &[u32] = extent.choose(&[1, 4, 8, 16, 32], &[1, 8]);
    let physics = physics("1ms", "lognormal:10ms:0.2", &[])?;
    let trial = |method, workers: u32| {
        Trial::new(clouds::JOB, method, (workers, &physics))
            .set("method.overlap", "off")
            .set("train.examples", extent.choose(3_000, 300) * 16)
            .lr(0.3)
    };
    let compensated = |method, workers, compensation: f64| {
        trial(method, workers)
            .set("optimizer.compensation", compensation)
            .set("optimizer.guard", false)
    };
    let trials = all.iter().flat_map(|workers| {
        [
            trial("downpour", *workers)
                .set("optimizer.name", "sgd")
                .set("method.local_lr", 0.0),
            compensated("dc_asgd_constant", *workers, 0.5),
            compensated("dc_asgd_adaptive", *workers, 2.0),
        ]
    });
    let outcomes = run_all(&trials.collect::<Vec<_>>(), extent.seeds())?;
    let of = |(workers, of): (&u32, &[Outcome])| Row {
        workers: *workers,
        staleness: of[2].staleness(),
        plain: of[0].error(),
        constant: of[1].error(),
        adaptive: of[2].error(),
    };
    let rows: Vec<Row> = all.iter().zip(outcomes.chunks(3)).map(of).collect();
    Ok(Found {
        heads: Found::heads(&["workers", "staleness p50", "asgd", "dc-c", "dc-a"]),
        rows: rows.iter().map(cells).collect(),
        chart: chart(&rows),
        findings: judge(&rows),
    })
}

fn cells(row: &Row) -> Vec<String> {
    let first = [row.workers.to_string(), format!("{:.0}", row.staleness)];
    let errors = [row.plain, row.constant, row.adaptive].map(told);
    [&first[..], &errors[..]].concat()
}

fn chart(rows: &[Row]) -> Chart {
    let line =
        |name: &str, of: fn(&Row) -> f64| line(name, rows, |row| (f64::from(row.workers), of(row)));
    Chart {
        title: "test error against workers, lr 0.3; above 0.15 at the edge".to_owned(),
        x: "workers, by ratios",
        scale: Scale::Log,
        ceiling: Some(0.15),
        lines: vec![
            line("asynchronous SGD", |row| row.plain),
            line("dc_asgd_constant", |row| row.constant),
            line("dc_asgd_adaptive", |row| row.adaptive),
        ],
    }
}

fn judge(rows: &[Row]) -> Vec<Finding> {
    let [first, .., last] = rows else {
        return Vec::new();
    };
    let sequential = first.plain;
    let each = |of: fn(&Row) -> f64| {
        each(&rows[1..], |row| {
            format!("{} at {}", told(of(row)), row.workers)
        })
    };
    vec![
        Finding::new(
            format!(
                "asynchronous SGD of {} workers errs at least 1.07 times as often as one worker (9.27 to 8.65)",
                last.workers
            ),
            1.07 * sequential <= last.plain,
            format!("{}; one {}", each(|row| row.plain), told(sequential)),
        ),
        Finding::new(
            "the adaptive form errs as often as one worker, or 0.01 more, at every number of workers",
            rows.iter().all(|row| row.adaptive <= sequential + NOISE),
            format!("{}; one {}", each(|row| row.adaptive), told(sequential)),
        ),
        Finding::new(
            format!(
                "the constant form errs as often as asynchronous SGD, or 0.01 more, and less often of {} workers",
                last.workers
            ),
            rows.iter().all(|row| row.constant <= row.plain + NOISE) && last.constant < last.plain,
            each(|row| row.constant),
        ),
        Finding::new(
            format!(
                "of {} workers the adaptive form errs less than the constant one",
                last.workers
            ),
            last.adaptive < last.constant,
            format!("{} beside {}", told(last.adaptive), told(last.constant)),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::verdict::Verdict;

    fn row(workers: u32, [plain, constant, adaptive]: [f64; 3]) -> Row {
        Row {
            workers,
            staleness: f64::from(workers - 1),
            plain,
            constant,
            adaptive,
        }
    }

    #[test]
    fn the_numbers_decide_and_can_decide_either_way() {
        let verdict = |rows: &[Row]| Verdict::of(&judge(rows));
        let one = row(1, [0.0865; 3]);
        let paper = [
            one,
            row(4, [0.0927, 0.0867, 0.0819]),
            row(8, [0.1026, 0.0927, 0.0857]),
        ];
        assert_eq!(verdict(&paper), Verdict::Agrees);
        let otherwise = [one, row(8, [0.086, 0.09, 0.2])];
        assert_eq!(verdict(&otherwise), Verdict::Disagrees);
        assert_eq!(verdict(&[one, row(32, [0.8, 0.7, 0.2])]), Verdict::Partly);
    }
}

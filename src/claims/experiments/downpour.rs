//! Downpour over the number of replicas: a fixed rate beside `AdaGrad` on the servers (Dean et al., NIPS 2012).

use anyhow::Result;

use super::clouds;
use crate::claims::claim::{Claim, Found, each, line};
use crate::claims::lab::{Extent, Outcome, Trial, best_all, physics, run_all, span, told};
use crate::claims::verdict::Finding;
use crate::report::page::{Chart, Scale};

pub(super) const CLAIM: Claim = Claim {
    name: "downpour",
    paper: "Dean et al., NIPS 2012",
    says: "AdaGrad on the servers bears more replicas than a fixed rate, and Downpour with 200 replicas and AdaGrad is the \
           quickest way to an accuracy; a warm start of one replica takes what instability is left (speech, 42 M \
           parameters; 16 % accuracy in a tenth of the time of a GPU)",
    here: "a perceptron of 32 hidden units on ten classes of clouds, 12,000 updates of batches of 16; each rule at the rate \
           that is best for one worker; 10 ms a gradient, 1 ms one way",
    run,
};

/// The test loss to be reached.
const TARGET: f64 = 0.2;

/// A test error by which a run counts as failed: guessing errs in 90 of 100 rows.
const FAILED: f64 = 0.5;

/// Share of the examples in which one replica trains alone.
const WARM: f64 = 0.1;

/// Share of the examples after it in which nothing is to spike.
const CALM: f64 = 0.05;

/// A number of workers with the test error, and the time to the target, of both rules.
#[derive(Clone, Copy, Debug)]
struct Row {
    workers: u32,
    fixed: Reached,
    adagrad: Reached,
}

#[derive(Clone, Copy, Debug)]
struct Reached {
    error: f64,
    seconds: f64,
}

/// The greatest loss just after a warm start, as a multiple of that at its end.
#[derive(Clone, Copy, Debug)]
struct WarmStart {
    workers: u32,
    rise: f64,
    /// Test error at the end of it all.
    error: f64,
}

fn run(extent: Extent) -> Result<Found> {
    let all: &[u32] = extent.choose(&[1, 4, 16, 64], &[1, 16]);
    let physics = physics("1ms", "lognormal:10ms:0.2", &[])?;
    let examples: u32 = extent.choose(12_000, 300) * 16;
    let trial = |rule: &str, workers: u32| {
        Trial::new(clouds::JOB, "downpour", (workers, &physics))
            .set("method.overlap", "off")
            .set("method.local_lr", 0.0)
            .set("optimizer.name", rule)
            .set("train.examples", examples)
            .set("evaluate.every", 0.24)
    };
    let alone = [trial("sgd", 1).lr(0.2), trial("adagrad", 1).lr(0.1)];
    let best = best_all(&alone, &extent.seeds()[..1], Outcome::loss)?;
    let (fixed, adagrad) = (best[0].lr, best[1].lr);
    let mut trials = Vec::new();
    for workers in all {
        trials.push(trial("sgd", *workers).lr(fixed));
        trials.push(trial("adagrad", *workers).lr(adagrad));
    }
    let last = all.last().copied().unwrap_or(1);
    let warm = trial("adagrad", last)
        .lr(adagrad)
        .set("method.solo_phase", examples / 10);
    trials.push(warm);
    let outcomes = run_all(&trials, extent.seeds())?;
    let of = |(workers, pair): (&u32, &[Outcome])| Row {
        workers: *workers,
        fixed: reached(&pair[0]),
        adagrad: reached(&pair[1]),
    };
    let rows: Vec<Row> = all.iter().zip(outcomes.chunks(2)).map(of).collect();
    let warm = WarmStart {
        workers: last,
        rise: outcomes.last().map_or(f64::INFINITY, rise),
        error: outcomes.last().map_or(1.0, Outcome::error),
    };
    let heads = [
        "workers",
        &format!("error, lr {fixed}"),
        "to target",
        &format!("error, adagrad, lr {adagrad}"),
        "to target",
    ];
    Ok(Found {
        heads: Found::heads(&heads),
        rows: rows.iter().map(cells).collect(),
        chart: chart(&rows),
        findings: judge(&rows, warm),
    })
}

fn reached(outcome: &Outcome) -> Reached {
    Reached {
        error: outcome.error(),
        seconds: outcome.seconds_to(TARGET),
    }
}

/// The most that any seed rises by in the first share after its warm start.
fn rise(outcome: &Outcome) -> f64 {
    let of_run = |run: &crate::compare::Run| {
        let whole = run.curve.last()?.epoch;
        let end = run
            .curve
            .partition_point(|point| point.epoch <= WARM * whole);
        let (warm, rest) = run.curve.split_at(end);
        let calm = rest
            .iter()
            .take_while(|point| point.epoch <= (WARM + CALM) * whole);
        let most = calm.map(|point| point.loss).fold(0.0, f64::max);
        Some(most / warm.last()?.loss)
    };
    let rises = outcome
        .runs
        .iter()
        .map(|run| of_run(run).unwrap_or(f64::INFINITY));
    rises.fold(0.0, f64::max)
}

fn cells(row: &Row) -> Vec<String> {
    let of = |reached: Reached| [told(reached.error), span(reached.seconds)];
    [
        &[row.workers.to_string()][..],
        &of(row.fixed),
        &of(row.adagrad),
    ]
    .concat()
}

fn chart(rows: &[Row]) -> Chart {
    let line =
        |name: &str, of: fn(&Row) -> f64| line(name, rows, |row| (f64::from(row.workers), of(row)));
    Chart {
        title: "test error against workers, rates best for one; above 0.15 at the edge".to_owned(),
        x: "workers, by ratios",
        scale: Scale::Log,
        ceiling: Some(0.15),
        lines: vec![
            line("fixed rate", |row| row.fixed.error),
            line("AdaGrad on the servers", |row| row.adagrad.error),
        ],
    }
}

fn judge(rows: &[Row], warm: WarmStart) -> Vec<Finding> {
    let [first, .., last] = rows else {
        return Vec::new();
    };
    let fails = |of: fn(&Row) -> Reached| {
        let failed = rows.iter().find(|row| FAILED <= of(row).error);
        failed.map_or(u32::MAX, |row| row.workers)
    };
    let word = |workers: u32| match workers {
        u32::MAX => "at no number".to_owned(),
        workers => format!("at {workers}"),
    };
    let (fixed, adagrad) = (fails(|row| row.fixed), fails(|row| row.adagrad));
    let errors = |of: fn(&Row) -> Reached| {
        each(rows, |row| {
            format!("{} at {}", told(of(row).error), row.workers)
        })
    };
    let quickest = rows
        .iter()
        .map(|row| row.fixed.seconds)
        .fold(f64::INFINITY, f64::min);
    vec![
        Finding::new(
            "a fixed rate fails (half of the rows wrong) at fewer workers than AdaGrad",
            fixed < adagrad,
            format!(
                "{} beside {}; errors {} beside {}",
                word(fixed),
                word(adagrad),
                errors(|row| row.fixed),
                errors(|row| row.adagrad)
            ),
        ),
        Finding::new(
            format!(
                "{} workers under AdaGrad are sooner at a loss of {TARGET} than one, and than any number at a fixed rate",
                last.workers
            ),
            last.adagrad.seconds < quickest && last.adagrad.seconds < first.adagrad.seconds,
            format!(
                "{}; one {}, fixed rate {}",
                span(last.adagrad.seconds),
                span(first.adagrad.seconds),
                span(quickest)
            ),
        ),
        Finding::new(
            format!(
                "after a warm start of one replica, {} workers under AdaGrad do not rise by more than a tenth",
                warm.workers
            ),
            warm.rise <= 1.1,
            format!(
                "{:.1} times the loss at the end of the warm start; error {} beside {} without",
                warm.rise,
                told(warm.error),
                told(last.adagrad.error)
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::verdict::Verdict;

    fn row(workers: u32, fixed: (f64, f64), adagrad: (f64, f64)) -> Row {
        let reached = |(error, seconds)| Reached { error, seconds };
        Row {
            workers,
            fixed: reached(fixed),
            adagrad: reached(adagrad),
        }
    }

    #[test]
    fn the_numbers_decide_and_can_decide_either_way() {
        let verdict = |rows: &[Row], rise| {
            Verdict::of(&judge(
                rows,
                WarmStart {
                    workers: 64,
                    rise,
                    error: 0.05,
                },
            ))
        };
        let one = row(1, (0.05, 20.0), (0.05, 20.0));
        let as_claimed = [one, row(64, (0.9, f64::INFINITY), (0.06, 1.0))];
        assert_eq!(verdict(&as_claimed, 1.0), Verdict::Agrees);
        let otherwise = [one, row(64, (0.05, 1.0), (0.9, f64::INFINITY))];
        assert_eq!(verdict(&otherwise, 3.0), Verdict::Disagrees);
        assert_eq!(verdict(&as_claimed, 3.0), Verdict::Partly);
    }
}

//! Synchronous rounds with backup workers, beside asynchronous SGD (Chen et al., 2016).

use anyhow::{Context, Result};

use super::clouds;
use crate::claims::claim::{Claim, Found, each};
use crate::claims::lab::{Extent, Outcome, Trial, best_all, physics, run_all, span, told};
use crate::claims::verdict::Finding;
use crate::report::page::{Chart, Line, Scale};

pub(super) const CLAIM: Claim = Claim {
    name: "backup_workers",
    paper: "Chen et al., 2016",
    says: "rounds that do not wait for the slowest few of 100 machines are quickest to a loss, at about 96 + 4, and come \
           to it sooner (some 25 %) and to a better model (some 0.5 %) than asynchronous SGD (ImageNet)",
    here: "a perceptron of 32 hidden units on ten classes of clouds, 100 workers, batches of 4, 16 epochs; lognormal 10 ms \
           a gradient, one of a hundred 10 times as long, 1 ms one way; rounds at the rate that is best without backups, \
           asynchronous SGD at its own best",
    run,
};

const WORKERS: u32 = 100;
const BATCH: u32 = 4;

/// The test loss to be reached.
const TARGET: f64 = 0.2;

/// A number of backup workers, or none and no rounds either.
#[derive(Clone, Copy, Debug)]
struct Row {
    backups: u32,
    /// Of one round.
    round: f64,
    seconds: f64,
    /// The least on the way: a last round of few gradients can spoil the last.
    loss: f64,
}

/// What rounds are compared with.
#[derive(Clone, Copy, Debug)]
struct Asynchronous {
    lr: f64,
    seconds: f64,
    loss: f64,
}

fn run(extent: Extent) -> Result<Found> {
    let all: &[u32] = extent.choose(&[0, 1, 2, 4, 8, 16, 32], &[0, 4, 32]);
    let physics = physics("1ms", "lognormal:10ms:0.1", &["any:10x:1%"])?;
    let examples = extent.choose(64_000, 8_000);
    let trial = |method| {
        Trial::new(clouds::JOB, method, (WORKERS, &physics))
            .set("method.overlap", "off")
            .set("optimizer.name", "sgd")
            .set("train.batch_size", BATCH)
            .set("train.examples", examples)
            .set("evaluate.every", 0.1)
    };
    let rounds = |backups: u32| trial("synchronous").set("consistency.backup_workers", backups);
    let seeds = &extent.seeds()[..1];
    let searched = [
        rounds(0).lr(0.8),
        trial("downpour").set("method.local_lr", 0.0).lr(0.025),
    ];
    let best = best_all(&searched, seeds, Outcome::least_loss)?;
    let trials: Vec<Trial> = all
        .iter()
        .map(|backups| rounds(*backups).lr(best[0].lr))
        .collect();
    let outcomes = run_all(&trials, extent.seeds())?;
    let rows: Vec<Row> = all.iter().zip(&outcomes).map(row).collect();
    let alone = searched[1].clone().lr(best[1].lr).run(extent.seeds())?;
    let asynchronous = Asynchronous {
        lr: alone.lr,
        seconds: alone.seconds_to(TARGET),
        loss: alone.least_loss(),
    };
    let least = rows
        .iter()
        .zip(&outcomes)
        .min_by(|a, b| a.0.seconds.total_cmp(&b.0.seconds));
    let (quickest, of_quickest) = least.context("some number of backup workers")?;
    let curves = [
        ("no backups".to_owned(), &outcomes[0]),
        (format!("{} backups", quickest.backups), of_quickest),
        ("asynchronous".to_owned(), &alone),
    ];
    Ok(Found {
        heads: Found::heads(&[
            "backups of 100",
            "lr",
            "time per round",
            "to target",
            "least loss",
        ]),
        rows: rows
            .iter()
            .map(|row| cells(row, best[0].lr))
            .chain([vec![
                "asynchronous".to_owned(),
                format!("{}", asynchronous.lr),
                String::new(),
                span(asynchronous.seconds),
                told(asynchronous.loss),
            ]])
            .collect(),
        chart: chart(&curves),
        findings: judge(asynchronous, &rows),
    })
}

fn row((backups, outcome): (&u32, &Outcome)) -> Row {
    Row {
        backups: *backups,
        round: outcome.seconds() / outcome.steps(),
        seconds: outcome.seconds_to(TARGET),
        loss: outcome.least_loss(),
    }
}

fn cells(row: &Row, lr: f64) -> Vec<String> {
    vec![
        row.backups.to_string(),
        format!("{lr}"),
        format!("{:.1} ms", 1e3 * row.round),
        span(row.seconds),
        told(row.loss),
    ]
}

fn chart(curves: &[(String, &Outcome)]) -> Chart {
    let lines = curves.iter().map(|(name, outcome)| Line {
        name: name.clone(),
        points: outcome.least_so_far(),
    });
    Chart {
        title: "least test loss so far against time, 100 workers".to_owned(),
        x: "seconds",
        scale: Scale::Linear,
        ceiling: Some(0.5),
        lines: lines.collect(),
    }
}

fn judge(asynchronous: Asynchronous, rows: &[Row]) -> Vec<Finding> {
    let [first, some @ ..] = rows else {
        return Vec::new();
    };
    let Some(best) = some.iter().min_by(|a, b| a.seconds.total_cmp(&b.seconds)) else {
        return Vec::new();
    };
    let shorter = rows.windows(2).all(|pair| pair[1].round <= pair[0].round);
    vec![
        Finding::new(
            "every further backup worker makes rounds shorter",
            shorter,
            each(rows, |row| {
                format!("{:.1} ms at {}", 1e3 * row.round, row.backups)
            }),
        ),
        Finding::new(
            "the least time to the target is at 1 to 16 backup workers, and less than without",
            best.backups <= 16 && best.seconds < first.seconds,
            each(rows, |row| {
                format!("{} at {}", span(row.seconds), row.backups)
            }),
        ),
        Finding::new(
            "it is less than that of asynchronous SGD",
            best.seconds < asynchronous.seconds,
            format!(
                "{} beside {}",
                span(best.seconds),
                span(asynchronous.seconds)
            ),
        ),
        Finding::new(
            "and the least loss on the way is lower",
            best.loss < asynchronous.loss,
            format!("{} beside {}", told(best.loss), told(asynchronous.loss)),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::verdict::Verdict;

    fn row(backups: u32, [round, seconds, loss]: [f64; 3]) -> Row {
        Row {
            backups,
            round,
            seconds,
            loss,
        }
    }

    #[test]
    fn the_numbers_decide_and_can_decide_either_way() {
        let asynchronous = Asynchronous {
            lr: 0.1,
            seconds: 5.0,
            loss: 0.2,
        };
        let verdict = |rows: &[Row]| Verdict::of(&judge(asynchronous, rows));
        let none = row(0, [0.1, 9.0, 0.1]);
        let as_claimed = [none, row(4, [0.03, 3.0, 0.11]), row(32, [0.02, 4.0, 0.12])];
        assert_eq!(verdict(&as_claimed), Verdict::Agrees);
        let otherwise = [none, row(4, [0.2, 9.5, 0.3]), row(32, [0.02, 8.0, 0.3])];
        assert_eq!(verdict(&otherwise), Verdict::Disagrees);
        let in_part = [none, row(4, [0.03, 6.0, 0.11])];
        assert_eq!(verdict(&in_part), Verdict::Partly);
    }
}

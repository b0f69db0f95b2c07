//! DiLoCo: loss against bytes, and momentum that is late (Douillard et al., 2023; Liu et al., 2024).

use anyhow::Result;

use super::clouds;
use crate::claims::claim::{Claim, Found, each, line};
use crate::claims::lab::{Extent, Outcome, Trial, best_all, physics, run_all, told};
use crate::claims::verdict::Finding;
use crate::report::page::{Chart, Scale};
use crate::view::units::bytes;

pub(super) const CLAIM: Claim = Claim {
    name: "local_steps",
    paper: "Douillard et al., 2023; Liu et al., 2024",
    says: "long runs of AdamW in every worker under an outer Nesterov step come to the perplexity of synchronous training \
           with a 500th of the communication (15.02 beside 15.30), better than under averaging; pushed as they come, a \
           Nesterov step at every arrival is worse than delayed Nesterov (transformers of 150 M and 20 M, C4)",
    here: "a perceptron of 32 hidden units on ten classes of clouds, 4 workers of 600 local steps of AdamW, batches of 16; \
           10 ms a gradient, 20 ms one way; arrivals one by one from workers of speeds 1 : 2 : 3 : 4, period 20",
    run,
};

/// Every paper's rate is small beside what a problem of this size could bear.
const SMALL: f64 = 1e-3;

/// A communication period: averaging and outer Nesterov.
#[derive(Clone, Copy, Debug)]
struct Row {
    period: u64,
    bytes: f64,
    average: Losses,
    nesterov: Losses,
}

/// Test losses at the small rate, and at the best one.
#[derive(Clone, Copy, Debug)]
struct Losses {
    small: f64,
    best: f64,
    lr: f64,
}

/// Losses of arrivals one by one.
#[derive(Clone, Copy, Debug)]
struct Arrivals {
    every: f64,
    delayed: f64,
}

fn run(extent: Extent) -> Result<Found> {
    let periods: &[u64] = extent.choose(&[1, 5, 20, 100], &[1, 20]);
    let rows = in_rounds(extent, periods)?;
    let arrivals = as_they_come(extent)?;
    let last = |name: &str, loss: f64| {
        let mut cells = vec![name.to_owned(), String::new(), told(loss)];
        cells.resize(8, String::new());
        cells
    };
    Ok(Found {
        heads: Found::heads(&[
            "period",
            "bytes",
            "averaging, lr 0.001",
            "nesterov, lr 0.001",
            "averaging, best lr",
            "at",
            "nesterov, best lr",
            "at",
        ]),
        rows: rows
            .iter()
            .map(cells)
            .chain([
                last("nesterov at every arrival", arrivals.every),
                last("delayed_nesterov", arrivals.delayed),
            ])
            .collect(),
        chart: chart(&rows),
        findings: judge(&rows, arrivals),
    })
}

fn trial(method: &'static str, extent: Extent, stragglers: &[&str]) -> Result<Trial> {
    let physics = physics("20ms", "lognormal:10ms:0.2", stragglers)?;
    let examples = extent.choose(600, 40) * 4 * 16;
    Ok(Trial::new(clouds::JOB, method, (4, &physics))
        .set("optimizer.name", "adamw")
        .set("train.examples", examples)
        .lr(SMALL))
}

fn in_rounds(extent: Extent, periods: &[u64]) -> Result<Vec<Row>> {
    let mut trials = Vec::new();
    for period in periods {
        for method in ["local_sgd", "diloco"] {
            trials.push(trial(method, extent, &[])?.set("method.communication_period", period));
        }
    }
    let small = run_all(&trials, extent.seeds())?;
    let near: Vec<Trial> = trials.into_iter().map(|trial| trial.lr(0.0125)).collect();
    let best = best_all(&near, &extent.seeds()[..1], Outcome::loss)?;
    let again: Vec<Trial> = near
        .iter()
        .zip(&best)
        .map(|(trial, best)| trial.clone().lr(best.lr))
        .collect();
    let best = run_all(&again, extent.seeds())?;
    let losses = |small: &Outcome, best: &Outcome| Losses {
        small: small.loss(),
        best: best.loss(),
        lr: best.lr,
    };
    let rows = periods.iter().zip(small.chunks(2).zip(best.chunks(2)));
    let row = |(period, (small, best)): (&u64, (&[Outcome], &[Outcome]))| Row {
        period: *period,
        bytes: small[0].bytes(),
        average: losses(&small[0], &best[0]),
        nesterov: losses(&small[1], &best[1]),
    };
    Ok(rows.map(row).collect())
}

fn as_they_come(extent: Extent) -> Result<Arrivals> {
    // The slowest at a quarter of the speed of the fastest.
    let speeds = ["0:4x", "1:2x", "2:1.3333x"];
    let arriving = |outer: &str| -> Result<Trial> {
        let trial = trial("async_diloco", extent, &speeds)?
            .set("method.communication_period", 20)
            .set("outer.name", outer)
            .set("outer.lr", 0.7)
            .set("outer.momentum", 0.9);
        Ok(match outer {
            "delayed_nesterov" => trial.set("outer.period", 4),
            _ => trial,
        })
    };
    let trials = [arriving("nesterov")?, arriving("delayed_nesterov")?];
    let outcomes = run_all(&trials, extent.seeds())?;
    Ok(Arrivals {
        every: outcomes[0].loss(),
        delayed: outcomes[1].loss(),
    })
}

fn in_words(count: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a mean of counts of bytes"
    )]
    bytes(count as u64)
}

fn cells(row: &Row) -> Vec<String> {
    let (average, nesterov) = (row.average, row.nesterov);
    vec![
        row.period.to_string(),
        in_words(row.bytes),
        told(average.small),
        told(nesterov.small),
        told(average.best),
        format!("{}", average.lr),
        told(nesterov.best),
        format!("{}", nesterov.lr),
    ]
}

fn chart(rows: &[Row]) -> Chart {
    let line = |name: &str, of: fn(&Row) -> f64| line(name, rows, |row| (row.bytes / 1e6, of(row)));
    Chart {
        title: "test loss against bytes, equal local steps".to_owned(),
        x: "megabytes pushed and pulled, by ratios",
        scale: Scale::Log,
        ceiling: None,
        lines: vec![
            line("averaging, lr 0.001", |row| row.average.small),
            line("nesterov, lr 0.001", |row| row.nesterov.small),
            line("averaging, best lr", |row| row.average.best),
            line("nesterov, best lr", |row| row.nesterov.best),
        ],
    }
}

fn judge(rows: &[Row], arrivals: Arrivals) -> Vec<Finding> {
    let [first, .., last] = rows else {
        return Vec::new();
    };
    let long = rows.iter().filter(|row| 20 <= row.period);
    let pairs = |of: fn(&Losses) -> f64| {
        each(rows, |row| {
            let (nesterov, average) = (of(&row.nesterov), of(&row.average));
            format!(
                "{} beside {} at {}",
                told(nesterov),
                told(average),
                row.period
            )
        })
    };
    #[expect(clippy::cast_precision_loss, reason = "a ratio of periods")]
    let fewer = last.period as f64 / first.period as f64;
    vec![
        Finding::new(
            format!(
                "a period of {} takes at most twice {fewer} times fewer bytes than one of {}",
                last.period, first.period
            ),
            last.bytes * fewer <= 2.0 * first.bytes,
            format!("{} beside {}", in_words(last.bytes), in_words(first.bytes)),
        ),
        Finding::new(
            "at lr 0.001 outer Nesterov's loss is at most that of averaging, at periods of 20 and more",
            long.clone()
                .all(|row| row.nesterov.small <= row.average.small),
            pairs(|losses| losses.small),
        ),
        Finding::new(
            "at lr 0.001 a period of 20 under outer Nesterov loses nothing against a mean at every step",
            long.clone()
                .take(1)
                .all(|row| row.nesterov.small <= first.average.small),
            format!(
                "{}; at every step {}",
                each(rows, |row| format!(
                    "{} at {}",
                    told(row.nesterov.small),
                    row.period
                )),
                told(first.average.small)
            ),
        ),
        Finding::new(
            "each at its best rate, outer Nesterov's loss is at most that of averaging, at periods of 20 and more",
            long.clone()
                .all(|row| row.nesterov.best <= row.average.best),
            pairs(|losses| losses.best),
        ),
        Finding::new(
            "one by one, delayed Nesterov's loss is lower than that of Nesterov at every arrival",
            arrivals.delayed < arrivals.every,
            format!("{} beside {}", told(arrivals.delayed), told(arrivals.every)),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::verdict::Verdict;

    fn row(period: u64, bytes: f64, average: (f64, f64), nesterov: (f64, f64)) -> Row {
        let losses = |(small, best)| Losses {
            small,
            best,
            lr: 0.01,
        };
        Row {
            period,
            bytes,
            average: losses(average),
            nesterov: losses(nesterov),
        }
    }

    #[test]
    fn the_numbers_decide_and_can_decide_either_way() {
        let verdict =
            |rows: &[Row], every, delayed| Verdict::of(&judge(rows, Arrivals { every, delayed }));
        let first = row(1, 1e6, (0.6, 0.1), (0.6, 0.1));
        let as_claimed = [first, row(20, 5e4, (0.6, 0.1), (0.2, 0.09))];
        assert_eq!(verdict(&as_claimed, 0.5, 0.3), Verdict::Agrees);
        let otherwise = [first, row(20, 1e6, (0.6, 0.1), (0.7, 0.2))];
        assert_eq!(verdict(&otherwise, 0.3, 0.5), Verdict::Disagrees);
        assert_eq!(verdict(&as_claimed, 0.3, 0.5), Verdict::Partly);
    }
}

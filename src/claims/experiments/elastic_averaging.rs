//! EASGD and EAMSGD beside Downpour over communication periods (Zhang, Choromanska, `LeCun`, NIPS 2015).

use anyhow::Result;

use super::clouds;
use crate::claims::claim::{Claim, Found, line};
use crate::claims::lab::{Extent, Trial, physics, run_all, told};
use crate::claims::verdict::Finding;
use crate::report::page::{Chart, Scale};

pub(super) const CLAIM: Claim = Claim {
    name: "elastic_averaging",
    paper: "Zhang, Choromanska, LeCun, NIPS 2015",
    says: "Downpour does best at communication periods of 1 and 4 and is highly unstable at 16 and 64; EASGD bears \
           all of them, and EAMSGD has the least test error at every period (CIFAR-10, 4 workers; curves without \
           numbers)",
    here: "a perceptron of 32 hidden units on ten classes of clouds, 4 workers of 768 local steps, batches of 16; \
           lr 0.2, EAMSGD 0.02 under momentum 0.9; 10 ms a gradient, 5 ms one way",
    run,
};

const LR: f64 = 0.2;

/// A communication period with the test errors there.
#[derive(Clone, Copy, Debug)]
struct Row {
    period: u64,
    downpour: f64,
    easgd: f64,
    eamsgd: f64,
}

fn run(extent: Extent) -> Result<Found> {
    let periods: &[u64] = extent.choose(&[1, 4, 16, 64], &[1, 64]);
    let physics = physics("5ms", "lognormal:10ms:0.2", &[])?;
    let examples = extent.choose(768, 128) * 4 * 16;
    let trial = |method, lr: f64| {
        Trial::new(clouds::JOB, method, (4, &physics))
            .set("train.examples", examples)
            .lr(lr)
    };
    let elastic =
        |method, lr, period: u64| trial(method, lr).set("method.communication_period", period);
    let trials = periods.iter().flat_map(|period| {
        [
            trial("downpour", LR)
                .set("optimizer.name", "sgd")
                .set("method.overlap", "off")
                .set("method.n_push", period)
                .set("method.n_pull", period)
                .set("method.retake", false),
            elastic("easgd", LR, *period),
            elastic("eamsgd", LR / 10.0, *period),
        ]
    });
    let outcomes = run_all(&trials.collect::<Vec<_>>(), extent.seeds())?;
    let rows = periods.iter().zip(outcomes.chunks(3));
    let rows: Vec<Row> = rows
        .map(|(period, of)| Row {
            period: *period,
            downpour: of[0].error(),
            easgd: of[1].error(),
            eamsgd: of[2].error(),
        })
        .collect();
    Ok(Found {
        heads: Found::heads(&["period", "downpour", "easgd", "eamsgd"]),
        rows: rows.iter().map(cells).collect(),
        chart: chart(&rows),
        findings: judge(&rows),
    })
}

fn cells(row: &Row) -> Vec<String> {
    let errors = [row.downpour, row.easgd, row.eamsgd].map(told);
    [&[row.period.to_string()], &errors[..]].concat()
}

fn chart(rows: &[Row]) -> Chart {
    #[expect(clippy::cast_precision_loss, reason = "a place on an axis")]
    let line =
        |name: &str, of: fn(&Row) -> f64| line(name, rows, |row| (row.period as f64, of(row)));
    Chart {
        title: "test error against communication period; above 0.15 at the edge".to_owned(),
        x: "communication period, by ratios",
        scale: Scale::Log,
        ceiling: Some(0.15),
        lines: vec![
            line("downpour", |row| row.downpour),
            line("easgd", |row| row.easgd),
            line("eamsgd", |row| row.eamsgd),
        ],
    }
}

fn judge(rows: &[Row]) -> Vec<Finding> {
    let [first, .., last] = rows else {
        return Vec::new();
    };
    let spread = |of: fn(&Row) -> f64| {
        let all = rows.iter().map(of);
        let least = all.clone().fold(f64::INFINITY, f64::min);
        (least, all.fold(0.0, f64::max))
    };
    let steady = |name: &str, (least, most): (f64, f64)| {
        Finding::new(
            format!("the error of {name} differs by less than 1.3 times over all periods"),
            most < 1.3 * least,
            format!("{} to {}", told(least), told(most)),
        )
    };
    let best = |row: &&Row| row.eamsgd <= row.easgd && row.eamsgd <= row.downpour;
    let winning = rows.iter().filter(best).map(|row| row.period.to_string());
    let winning: Vec<_> = winning.collect();
    vec![
        Finding::new(
            format!(
                "the error of Downpour at a period of {} is more than 5 times that at {}",
                last.period, first.period
            ),
            5.0 * first.downpour < last.downpour,
            format!("{} beside {}", told(last.downpour), told(first.downpour)),
        ),
        steady("EASGD", spread(|row| row.easgd)),
        steady("EAMSGD", spread(|row| row.eamsgd)),
        Finding::new(
            "EAMSGD has the least error at every period",
            winning.len() == rows.len(),
            match winning.is_empty() {
                true => "at none".to_owned(),
                false => format!("at {}", winning.join(", ")),
            },
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::verdict::Verdict;

    fn row(period: u64, [downpour, easgd, eamsgd]: [f64; 3]) -> Row {
        Row {
            period,
            downpour,
            easgd,
            eamsgd,
        }
    }

    #[test]
    fn the_numbers_decide_and_can_decide_either_way() {
        let verdict = |rows: &[Row]| Verdict::of(&judge(rows));
        let as_claimed = [row(1, [0.03, 0.03, 0.02]), row(64, [0.8, 0.032, 0.021])];
        assert_eq!(verdict(&as_claimed), Verdict::Agrees);
        let otherwise = [row(1, [0.03, 0.03, 0.04]), row(64, [0.05, 0.2, 0.3])];
        assert_eq!(verdict(&otherwise), Verdict::Disagrees);
        let in_part = [row(1, [0.02, 0.03, 0.03]), row(64, [0.8, 0.032, 0.031])];
        assert_eq!(verdict(&in_part), Verdict::Partly);
    }
}

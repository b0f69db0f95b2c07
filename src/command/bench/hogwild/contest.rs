//! The contenders: every scheme on one thread and on all, measured in turn.

use std::ops::ControlFlow;

use anyhow::{Context, Result};
use serde::Serialize;
use thalweg_worker::hogwild::objective::Objective;
use thalweg_worker::hogwild::sparse_logistic::SparseLogistic;
use thalweg_worker::hogwild::{Epoch, Judge, Outcome, RuleName, Scheme, Settings, run_on};

use super::super::kernels::samples::Samples;

/// γ of the first epoch and β, chosen on the validation rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Schedule {
    pub(super) rate: f64,
    pub(super) back_off: f64,
}

/// The schedules that are tried.
const OF_SGD: [&[f64]; 2] = [&[0.25, 0.5, 1.0, 1.5, 2.0, 4.0], &[0.5, 0.6, 0.7, 0.8, 0.9]];
const OF_ADAGRAD: [&[f64]; 2] = [&[0.1, 0.2, 0.4, 0.8, 1.6], &[0.6, 0.8, 1.0]];

/// A scheme on so many threads.
#[derive(Debug, Serialize)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) threads: usize,
    #[serde(skip)]
    pub(super) scheme: Scheme,
    #[serde(skip)]
    pub(super) rule: RuleName,
    /// Millions of rows per second, round by round.
    pub(super) rate: Samples,
    /// Mean log-loss of the test rows at the end.
    pub(super) loss: Samples,
    /// Milliseconds until the test rows' log-loss was first at the target; infinite if never.
    pub(super) to_target: Samples,
    /// Share of the updates that were lost, where it is counted.
    pub(super) lost: Samples,
}

/// Those that run on one thread and on all.
const SCHEMES: [(Scheme, RuleName, &str); 5] = [
    (Scheme::Sequential, RuleName::Sgd, "sequential loop"),
    (Scheme::Hogwild, RuleName::Sgd, "Hogwild!, exact"),
    (Scheme::HogwildLossy, RuleName::Sgd, "Hogwild!, lossy"),
    (
        Scheme::HogwildCounted,
        RuleName::Sgd,
        "Hogwild!, lossy, counted",
    ),
    (Scheme::TieredReplicas, RuleName::Sgd, "tiered replicas"),
];

/// The paper's baselines, which are slow.
const BASELINES: [(Scheme, RuleName, &str); 3] = [
    (Scheme::RoundRobin, RuleName::Sgd, "round robin"),
    (Scheme::OneLock, RuleName::Sgd, "one lock"),
    (
        Scheme::CoordinateLocks,
        RuleName::Sgd,
        "lock per coordinate (AIG)",
    ),
];

/// The same with AdaGrad, as far as it goes.
const ADAGRAD: [(Scheme, RuleName, &str); 3] = [
    (
        Scheme::Sequential,
        RuleName::Adagrad,
        "AdaGrad, sequential loop",
    ),
    (
        Scheme::Hogwild,
        RuleName::Adagrad,
        "AdaGrad, Hogwild!, exact",
    ),
    (
        Scheme::TieredReplicas,
        RuleName::Adagrad,
        "AdaGrad, tiered replicas",
    ),
];

/// All contenders.
pub(super) fn contenders(threads: usize) -> Vec<Contender> {
    let mut all: Vec<Contender> = Vec::new();
    for (scheme, rule, name) in SCHEMES.into_iter().chain(BASELINES).chain(ADAGRAD) {
        for threads in [1, threads] {
            let is_known = |one: &Contender| one.name == name && one.threads == threads;
            if scheme == Scheme::Sequential && threads != 1 || all.iter().any(is_known) {
                continue;
            }
            all.push(Contender {
                name,
                threads,
                scheme,
                rule,
                rate: Samples::default(),
                loss: Samples::default(),
                to_target: Samples::default(),
                lost: Samples::default(),
            });
        }
    }
    all
}

impl Contender {
    /// Whether it is too slow to be measured more than once.
    pub(super) fn is_baseline(&self) -> bool {
        BASELINES.iter().any(|(scheme, ..)| *scheme == self.scheme)
    }

    /// One training from zero, judged after each epoch; the time of judging is not counted.
    pub(super) fn train(&mut self, race: &Race<'_>, seed: u64) -> Result<()> {
        let settings = Settings {
            threads: self.threads,
            scheme: self.scheme,
            seed,
            ..race.settings(self.rule)
        };
        let (mut seconds, mut to_target, mut loss) = (0.0, f64::INFINITY, f64::NAN);
        let found = run_on(race.train, None, &settings, &mut |epoch| {
            seconds += epoch.done.seconds;
            loss = log_loss(race.test, epoch.parameters);
            if race.target.is_some_and(|target| loss <= target) && to_target.is_infinite() {
                to_target = 1e3 * seconds;
            }
            ControlFlow::Continue(())
        })?;
        self.rate.push(millions_per_second(&found));
        self.loss.push(loss);
        self.to_target.push(to_target);
        if let Some(lost) = found.counts.lost {
            self.lost
                .push(lost as f64 / found.counts.updates.max(1) as f64);
        }
        Ok(())
    }
}

/// What all contenders of a set have in common.
#[derive(Debug)]
pub(super) struct Race<'a> {
    pub(super) train: &'a SparseLogistic,
    pub(super) test: &'a SparseLogistic,
    /// Of plain SGD and of AdaGrad.
    pub(super) schedules: [Schedule; 2],
    pub(super) epochs: u32,
    pub(super) target: Option<f64>,
}

impl Race<'_> {
    fn settings(&self, rule: RuleName) -> Settings {
        let schedule = match rule {
            RuleName::Sgd => self.schedules[0],
            RuleName::Adagrad => self.schedules[1],
        };
        Settings {
            rule,
            epochs: self.epochs,
            rate: schedule.rate,
            back_off: schedule.back_off,
            judge: Judge::Never,
            ..Settings::default()
        }
    }
}

/// The schedule of the sequential loop that is chosen on the validation rows, and its loss there: with
/// a target the one that reaches it after the fewest epochs, and of those, or without, the one that ends
/// at the least log-loss.
pub(super) fn choose(
    train: &SparseLogistic,
    validation: &SparseLogistic,
    rule: RuleName,
    (epochs, target): (u32, Option<f64>),
) -> Result<(Schedule, f64)> {
    let [rates, back_offs] = match rule {
        RuleName::Sgd => OF_SGD,
        RuleName::Adagrad => OF_ADAGRAD,
    };
    let all = rates
        .iter()
        .flat_map(|rate| back_offs.iter().map(move |back_off| (*rate, *back_off)));
    let mut best = None;
    for (rate, back_off) in all {
        let settings = Settings {
            scheme: Scheme::Sequential,
            rule,
            epochs,
            rate,
            back_off,
            judge: Judge::Never,
            ..Settings::default()
        };
        let (mut reached, mut loss) = (epochs + 1, f64::INFINITY);
        run_on(train, None, &settings, &mut |epoch: Epoch<'_>| {
            loss = log_loss(validation, epoch.parameters);
            if target.is_none_or(|target| loss <= target) {
                reached = reached.min(epoch.done.epoch);
            }
            ControlFlow::Continue(())
        })?;
        let reached = if target.is_some() { reached } else { 0 };
        if best.is_none_or(|(_, than, least)| (reached, loss) < (than, least)) {
            best = Some((Schedule { rate, back_off }, reached, loss));
        }
    }
    let (schedule, _, loss) = best.context("there are schedules to choose from")?;
    Ok((schedule, loss))
}

/// The mean log-loss of rows.
pub(super) fn log_loss(rows: &SparseLogistic, x: &[f32]) -> f64 {
    let at = |v: usize| f64::from(x[v]);
    let losses = (0..rows.terms()).map(|row| rows.loss(row, &at));
    losses.sum::<f64>() / rows.terms().max(1) as f64
}

/// Millions of rows per second of training.
fn millions_per_second(found: &Outcome) -> f64 {
    found.counts.terms as f64 / found.seconds() / 1e6
}

#[cfg(test)]
mod tests {
    use thalweg_worker::hogwild::RuleName;
    use thalweg_worker::hogwild::rows::Bias;
    use thalweg_worker::hogwild::sparse_logistic::SparseLogistic;

    use super::super::recipe::RCV1_LIKE;
    use super::{Race, choose, contenders, log_loss};

    #[test]
    fn every_contender_learns_something_of_a_small_set() {
        let parts = RCV1_LIKE.make(3_000, 500, 1);
        let of = |rows| SparseLogistic::new(rows, Bias::Absent, 0.0).unwrap();
        let (train, test) = (of(parts.train), of(parts.test));
        let validation = of(parts.validation);
        let schedules = [RuleName::Sgd, RuleName::Adagrad].map(|rule| {
            let chosen = choose(&train, &validation, rule, (2, None));
            chosen.unwrap().0
        });
        let race = Race {
            train: &train,
            test: &test,
            schedules,
            epochs: 2,
            target: Some(f64::INFINITY),
        };
        let zero = vec![0.0; 47_236];
        let start = log_loss(&test, &zero);
        assert!((start - std::f64::consts::LN_2).abs() < 1e-12);
        for mut contender in contenders(2) {
            contender.train(&race, 1).unwrap();
            assert!(contender.loss.median() < start, "{contender:?}");
            assert!(contender.to_target.median().is_finite());
        }
    }
}

//! Trainings of a claim: jobs in virtual time, on all cores, averaged over seeds.

use std::fmt::Display;

use anyhow::{Context, Result};
use rayon::prelude::*;
use thalweg_common::physics::{Conditions, LinkPhysics};

use crate::compare::{Arena, Contest, Ground, Next, Run, Search};
use crate::simulate::Physics;
use crate::view::units::score;

/// How much of a claim is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All that the verdict is about.
    Whole,
    /// As little as shows that it runs; its verdict means nothing.
    Quick,
}

impl Extent {
    /// One of two values.
    pub(super) fn choose<T>(self, whole: T, quick: T) -> T {
        match self {
            Self::Whole => whole,
            Self::Quick => quick,
        }
    }

    /// Seeds of each training that is not searched for its rate.
    pub(super) fn seeds(self) -> &'static [u64] {
        self.choose(&[1, 2, 3], &[1])
    }
}

/// Latency, computing, and slow machines, each as on the command line.
pub(super) fn physics(latency: &str, compute: &str, stragglers: &[&str]) -> Result<Physics> {
    let slow = stragglers.iter().map(|straggler| straggler.parse());
    Ok(Physics {
        conditions: Conditions {
            link: LinkPhysics {
                latency: latency.parse().context("a claim's latency")?,
                ..LinkPhysics::default()
            },
            stragglers: slow
                .collect::<Result<_, _>>()
                .context("a claim's straggler")?,
            ..Conditions::default()
        },
        compute: compute.parse().context("a claim's computing")?,
        ..Physics::default()
    })
}

/// A job under a method, among so many workers.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    sets: Vec<String>,
    method: &'static str,
    arena: Arena,
    lr: f64,
}

impl Trial {
    /// A job of these assignments.
    pub(super) fn new(
        job: &[&str],
        method: &'static str,
        (workers, physics): (u32, &Physics),
    ) -> Self {
        Self {
            sets: job.iter().map(|set| (*set).to_owned()).collect(),
            method,
            arena: Arena {
                workers,
                physics: physics.clone(),
            },
            lr: 0.1,
        }
    }

    /// With a key of its job changed.
    pub(super) fn set(mut self, key: &str, value: impl Display) -> Self {
        self.sets.push(format!("{key}={value}"));
        self
    }

    /// At this rate, or with a search for the best that begins there.
    pub(super) fn lr(self, lr: f64) -> Self {
        Self { lr, ..self }
    }

    /// Trains once for each seed.
    pub(super) fn run(&self, seeds: &[u64]) -> Result<Outcome> {
        let runs = seeds.par_iter().map(|seed| {
            let ground = self.ground(*seed)?;
            self.contest(&ground).one(&self.arena, self.lr)
        });
        Ok(Outcome {
            lr: self.lr,
            runs: runs.collect::<Result<_>>()?,
        })
    }

    /// Trains at the best rate of a grid that widens until it is inside.
    pub(super) fn best(&self, seeds: &[u64], worth: fn(&Outcome) -> f64) -> Result<Outcome> {
        let mut search = Search::near(self.lr);
        let mut best: Option<Outcome> = None;
        while let Next::Try(power) = search.next() {
            let outcome = self.clone().lr(Search::rate(power)).run(seeds)?;
            search.tell(power, worth(&outcome));
            if best
                .as_ref()
                .is_none_or(|best| worth(&outcome) < worth(best))
            {
                best = Some(outcome);
            }
        }
        best.context("a search tries some rate")
    }

    /// Refuses a job that no run could be made of: in a run it would pass for one that diverged.
    pub(super) fn check(&self) -> Result<()> {
        let ground = self.ground(1)?;
        let job = self.contest(&ground).job(&self.arena, Some(self.lr));
        job.map(drop)
    }

    fn ground(&self, seed: u64) -> Result<Ground> {
        let mut sets = vec![
            format!("seed={seed}"),
            format!("method.name={}", self.method),
            format!("optimizer.lr={}", self.lr),
        ];
        sets.extend(self.arena.sets());
        sets.extend(self.sets.iter().cloned());
        // Its only note is that the job is none of the shipped ones.
        let (ground, _) = Ground::new(None, &sets)?;
        Ok(ground)
    }

    fn contest<'a>(&self, ground: &'a Ground) -> Contest<'a> {
        Contest {
            ground,
            method: self.method,
            interrupted: None,
        }
    }
}

/// Trains each of them once for each seed, on all cores; the order of ends changes no result.
pub(super) fn run_all(trials: &[Trial], seeds: &[u64]) -> Result<Vec<Outcome>> {
    let runs = trials.par_iter().map(|trial| {
        trial.check()?;
        trial.run(seeds)
    });
    runs.collect()
}

/// The same at the best rate of each.
pub(super) fn best_all(
    trials: &[Trial],
    seeds: &[u64],
    worth: fn(&Outcome) -> f64,
) -> Result<Vec<Outcome>> {
    let runs = trials.par_iter().map(|trial| {
        trial.check()?;
        trial.best(seeds, worth)
    });
    runs.collect()
}

/// What came of a trial, by seed.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) lr: f64,
    pub(super) runs: Vec<Run>,
}

impl Outcome {
    fn mean(&self, of: impl Fn(&Run) -> f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a few seeds")]
        let count = self.runs.len() as f64;
        self.runs.iter().map(of).sum::<f64>() / count
    }

    /// The mean test loss; infinite if any run diverged.
    pub(super) fn loss(&self) -> f64 {
        self.mean(Run::worth)
    }

    /// The mean of the least test loss on the way; infinite if any run diverged.
    pub(super) fn least_loss(&self) -> f64 {
        self.mean(|run| {
            let losses = run.curve.iter().map(|point| point.loss);
            losses.fold(run.worth(), |least, loss| match run.loss {
                Some(_) => least.min(loss),
                None => least,
            })
        })
    }

    /// When the test loss of the first seed was lower than ever before, and how low: (seconds, loss).
    pub(super) fn least_so_far(&self) -> Vec<(f64, f64)> {
        let mut least = f64::INFINITY;
        let curve = self.runs.first().map_or(&[][..], |run| &run.curve[..]);
        let lower = curve.iter().filter(|point| {
            let is_lower = point.loss < least;
            least = least.min(point.loss);
            is_lower
        });
        lower.map(|point| (point.seconds, point.loss)).collect()
    }

    /// The mean share of test rows whose class is not the likeliest; all of them where a run diverged.
    pub(super) fn error(&self) -> f64 {
        self.mean(
            |run| match (run.loss, run.scores.and_then(|scores| scores.accuracy)) {
                (Some(_), Some(accuracy)) => 1.0 - accuracy,
                _ => 1.0,
            },
        )
    }

    /// The mean over seeds of the median staleness.
    #[expect(clippy::cast_precision_loss, reason = "steps")]
    pub(super) fn staleness(&self) -> f64 {
        self.mean(|run| run.staleness_p50 as f64)
    }

    /// The mean over seeds of the staleness that one gradient of a hundred passes.
    #[expect(clippy::cast_precision_loss, reason = "steps")]
    pub(super) fn staleness_p99(&self) -> f64 {
        self.mean(|run| run.staleness_p99 as f64)
    }

    /// The mean virtual time of training, seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.mean(|run| run.seconds)
    }

    /// The mean virtual time until a test loss is reached, seconds; infinite if some run never reaches it.
    pub(super) fn seconds_to(&self, target: f64) -> f64 {
        self.mean(|run| {
            let reached = run.curve.iter().find(|point| point.loss <= target);
            reached.map_or(f64::INFINITY, |point| point.seconds)
        })
    }

    /// The mean number of epochs until a test loss is reached.
    pub(super) fn epochs_to(&self, target: f64) -> f64 {
        self.mean(|run| {
            let reached = run.curve.iter().find(|point| point.loss <= target);
            reached.map_or(f64::INFINITY, |point| point.epoch)
        })
    }

    /// The mean number of steps that the servers took.
    #[expect(clippy::cast_precision_loss, reason = "counts of steps")]
    pub(super) fn steps(&self) -> f64 {
        self.mean(|run| run.steps as f64)
    }

    /// The mean number of bytes pushed and pulled.
    #[expect(clippy::cast_precision_loss, reason = "counts of bytes")]
    pub(super) fn bytes(&self) -> f64 {
        self.mean(|run| run.bytes as f64)
    }
}

/// A loss or an error in a table.
pub(super) fn told(value: f64) -> String {
    match value.is_finite() {
        true => score(Some(value)),
        false => "diverged".to_owned(),
    }
}

/// Seconds in a table.
pub(super) fn span(seconds: f64) -> String {
    match seconds.is_finite() {
        true => format!("{seconds:.2} s"),
        false => "never".to_owned(),
    }
}

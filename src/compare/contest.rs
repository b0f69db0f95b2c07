//! One method in virtual time: at a rate, at its best rate, at every place.

use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail};
use thalweg_common::physics::{Conditions, Distribution, LinkPhysics};

use super::ground::Ground;
use super::result::{AtPlace, Measured, MethodResult, Run};
use super::search::{Next, Search};
use crate::job::ResolvedJob;
use crate::progress::{Display, Mode};
use crate::simulate::{Onlooker, Physics, play, sessions_for};
use crate::view::{ClusterView, Staleness};

/// Workers of a place, and what its links take.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arena {
    pub(crate) workers: u32,
    pub(crate) physics: Physics,
}

impl Arena {
    /// One worker whose messages take no time.
    pub(super) fn undelayed(compute: Distribution) -> Self {
        Self {
            workers: 1,
            physics: Physics {
                conditions: Conditions {
                    link: LinkPhysics::default(),
                    ..Conditions::default()
                },
                compute,
                ..Physics::default()
            },
        }
    }

    /// What it sets in a job.
    pub(crate) fn sets(&self) -> Vec<String> {
        vec![
            format!("cluster.workers={}", self.workers),
            format!("limits.sessions_max={}", sessions_for(self.workers)),
        ]
    }
}

/// A method on the common ground.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contest<'a> {
    pub(crate) ground: &'a Ground,
    pub(crate) method: &'a str,
    /// Ends its trainings once it is true.
    pub(crate) interrupted: Option<&'a AtomicBool>,
}

impl Contest<'_> {
    /// The job under the method in an arena, at a rate or at its own.
    pub(crate) fn job(&self, arena: &Arena, lr: Option<f64>) -> Result<ResolvedJob> {
        let mut sets = vec![format!("method.name={}", self.method)];
        sets.extend(arena.sets());
        sets.extend(lr.map(|lr| format!("optimizer.lr={lr}")));
        self.ground.with(&sets)
    }

    /// The job at its own rate, or at one of the grid where that is refused: rates are searched anyway.
    pub(super) fn at_any_rate(&self, arena: &Arena) -> Result<ResolvedJob> {
        self.job(arena, None)
            .or_else(|refusal| self.job(arena, Some(Search::rate(0))).map_err(|_| refusal))
    }

    /// Finds the best rates without delay and in each arena. `tried` is told of every run.
    pub(super) fn run(
        &self,
        (undelayed, arenas): (&Arena, &[Arena]),
        tried: &(dyn Fn() + Sync),
    ) -> Result<MethodResult> {
        let own = self.at_any_rate(undelayed)?;
        let optimizer = own.blueprint.config.optimizer.name.clone();
        let best = self.best(undelayed, own.blueprint.config.optimizer.lr, tried)?;
        let mut at = Vec::new();
        for arena in arenas {
            let tuned = self.best(arena, best.lr, tried)?;
            let untuned = match tuned.lr.total_cmp(&best.lr).is_eq() {
                true => tuned.clone(),
                false => self.one(arena, best.lr)?,
            };
            at.push(AtPlace { tuned, untuned });
        }
        Ok(MethodResult {
            method: self.method.to_owned(),
            optimizer,
            undelayed_lr: best.lr,
            undelayed_loss: best.worth(),
            at,
        })
    }

    fn best(&self, arena: &Arena, near: f64, tried: &(dyn Fn() + Sync)) -> Result<Run> {
        let mut search = Search::near(near);
        let mut best: Option<Run> = None;
        loop {
            match search.next() {
                Next::Try(power) => {
                    let run = self.one(arena, Search::rate(power))?;
                    tried();
                    if run.failed.is_some() && !run.diverged {
                        // No other rate would do better.
                        return Ok(run);
                    }
                    search.tell(power, run.worth());
                    if best.as_ref().is_none_or(|best| run.worth() < best.worth()) {
                        best = Some(run);
                    }
                }
                Next::Best(power) => {
                    let none =
                        || Run::diverged(Search::rate(power), "diverged at every rate".into());
                    return Ok(best.unwrap_or_else(none));
                }
            }
        }
    }

    /// One training at a rate. A rate that the method refuses is one at which it comes to nothing.
    ///
    /// # Errors
    /// If it was interrupted, or a file cannot be read.
    pub(crate) fn one(&self, arena: &Arena, lr: f64) -> Result<Run> {
        let job = match self.job(arena, Some(lr)) {
            Ok(job) => job,
            Err(error) => return Ok(Run::diverged(lr, error.to_string())),
        };
        let mut onlooker = Onlooker::new(&job, Display::new(Mode::Quiet))?;
        if let Some(interrupted) = self.interrupted {
            onlooker = onlooker.until(interrupted);
        }
        let history = match play(&job, arena.physics.clone(), &mut onlooker) {
            Ok(history) => history,
            Err(error) if error.diverged() => return Ok(Run::diverged(lr, error.to_string())),
            Err(error) => return Ok(Run::failed(lr, error.to_string())),
        };
        if history.interrupted {
            bail!("interrupted");
        }
        if let Some(fault) = history.fault() {
            return Ok(Run::failed(lr, fault));
        }
        let view = ClusterView::from(&history.statuses[..]);
        let staleness = Staleness::from(&view.staleness);
        let (scores, curve) = onlooker.finish(&history, &view)?;
        let seen = Measured {
            scores,
            curve: &curve,
            seconds: view.trained.as_secs_f64(),
            examples: view.progress,
            bytes: history.usage.pushed_bytes + history.usage.pulled_bytes,
            staleness_p50: staleness.p50,
            staleness_p99: staleness.p99,
            steps: steps(&view),
            failed: None,
        };
        Ok(Run::of(lr, seen))
    }
}

/// Steps that a shard took, of those that took most.
fn steps(view: &ClusterView) -> u64 {
    let shards = view.servers.iter().flat_map(|server| &server.shards);
    shards.map(|shard| shard.version.0).max().unwrap_or(0)
}

//! What virtual time says of a cell before it is run for real.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;
use thalweg_worker::method::MethodEntry;

use super::matrix::Cell;
use super::plan::{Common, Promise};
use crate::compare::{Arena, Contest, Ground};
use crate::job::ResolvedJob;
use crate::simulate::Physics;

/// What a gradient takes beside the job's `compute`, and a request at a server.
const COMPUTE: &str = "300us";
const SERVE: &str = "100us";

/// Beyond it, an f32 does not hold every whole number.
const COUNTS_MAX: u64 = 1 << 24;

/// A cell in virtual time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Predicted {
    /// Of training.
    pub(super) seconds: f64,
    pub(super) examples_per_second: f64,
    pub(super) loss: Option<f64>,
    pub(super) seconds_to_target: Option<f64>,
    pub(super) staleness_p50: u64,
    pub(super) staleness_p99: u64,
}

/// A cell that could be run, but would come to nothing.
#[derive(Debug, thiserror::Error)]
#[error("virtual time says that it fails: {0}")]
pub(super) struct Doomed(String);

/// A cell that can be run.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) cell: Cell,
    pub(super) sets: Vec<String>,
    pub(super) job: ResolvedJob,
    pub(super) predicted: Predicted,
    pub(super) promise: Promise,
}

impl Ready {
    /// Resolves a cell and runs it in virtual time. Acknowledgements do not get lost there.
    ///
    /// # Errors
    /// If the job is refused: the pair of method and consistency cannot be. [`Doomed`] if it fails in virtual time.
    pub(super) fn prepare(
        cell: &Cell,
        (common, target): (&Common, f64),
        interrupted: &AtomicBool,
    ) -> Result<Self> {
        if MethodEntry::find(&cell.method)?.machine().is_none() {
            bail!("it runs on threads of one process, without links");
        }
        cell.place
            .conditions()
            .check(common.workers, common.servers)?;
        let sets = common.sets(cell);
        let (ground, _) = Ground::new(Some("steady"), &sets)?;
        let counts = common.counts_max(cell);
        if COUNTS_MAX < counts {
            bail!(
                "{counts} iterations of all workers together are more than the {COUNTS_MAX} that a counter holds \
                 exactly; lower --iterations or --workers"
            );
        }
        let arena = Arena {
            workers: common.workers,
            physics: Physics {
                conditions: cell.place.conditions(),
                compute: COMPUTE.parse()?,
                serve: SERVE.parse()?,
                ..Physics::default()
            },
        };
        let contest = Contest {
            ground: &ground,
            method: &cell.method,
            interrupted: Some(interrupted),
        };
        let run = contest.one(&arena, Common::lr(&cell.method))?;
        if let Some(why) = &run.failed {
            bail!(Doomed(why.clone()));
        }
        let job = ground.own.clone();
        #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
        let examples = job.blueprint.examples_total() as f64;
        let reached = run.curve.iter().find(|point| point.loss <= target);
        let predicted = Predicted {
            seconds: run.seconds,
            examples_per_second: examples / run.seconds.max(f64::MIN_POSITIVE),
            loss: run.loss,
            seconds_to_target: reached.map(|point| point.seconds),
            staleness_p50: run.staleness_p50,
            staleness_p99: run.staleness_p99,
        };
        let takes = Duration::try_from_secs_f64(predicted.seconds).unwrap_or_default();
        Ok(Self {
            cell: cell.clone(),
            sets,
            promise: common.promise(cell, takes),
            predicted,
            job,
        })
    }

    /// What it takes for real, about: training, and starting and ending its processes.
    pub(super) fn estimate(&self) -> Duration {
        const AROUND: Duration = Duration::from_secs(4);
        AROUND + Duration::try_from_secs_f64(self.predicted.seconds).unwrap_or_default()
    }

    /// Arguments of `thalweg train steady`.
    pub(super) fn arguments(&self) -> Vec<String> {
        let sets = self
            .sets
            .iter()
            .flat_map(|set| ["--set".to_owned(), set.clone()]);
        sets.chain(self.cell.place.flags()).collect()
    }
}

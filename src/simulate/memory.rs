//! The memory of a simulation, before it starts: a whole cluster is held by one process.

use anyhow::{Result, bail};
use thalweg_common::config::PullExtent;
use thalweg_common::ids::ServerId;
use thalweg_worker::data::{Dataset, Rows};

use crate::job::{Available, Memory, ResolvedJob, loop_settings};
use crate::view::units::bytes;

/// What a worker takes beside the parameters that it holds: its loop, its timers, its part of every table.
const WORKER: u64 = 30_000;

/// A link of a worker with a server, both ways, with what is on its way.
const LINK: u64 = 4_000;

/// Rows by which it is judged how many features a row has.
const SAMPLE: u64 = 256;

/// What the simulation of a job may take beside its data, bytes; what servers hold of reads and rounds is
/// counted as for real ones.
pub(super) fn estimate(job: &ResolvedJob) -> u64 {
    let blueprint = &job.blueprint;
    let workers = u64::from(blueprint.config.cluster.workers);
    let servers = blueprint.map.servers();
    let states = (0..servers).map(|server| Memory::plan(blueprint, ServerId(server)).held());
    let held: u64 = states.fold(0, u64::saturating_add);
    let each = WORKER + LINK * u64::from(servers) + replica_bytes(job);
    held.saturating_add(workers.saturating_mul(each))
}

/// Parameters that a worker holds at once, with gradients and coordinates beside them: those of the batches
/// that it has asked for, all of them where it takes steps of its own or pulls all.
fn replica_bytes(job: &ResolvedJob) -> u64 {
    let config = &job.blueprint.config;
    let whole = job.blueprint.map.elements();
    let touched = match loop_settings(config).pull {
        PullExtent::Whole => whole,
        // What moves fewer bytes is no more than either.
        PullExtent::Auto | PullExtent::Sparse => {
            let data = job.data.train.as_ref();
            let per_feature = whole.div_ceil(data.features().max(1));
            let batch = config.train.batch_size.rows();
            let features = features_per_row(data).saturating_mul(batch);
            whole.min(features.saturating_mul(per_feature))
        }
    };
    let groups = config.method.prefetch as u64 + 2;
    touched.saturating_mul(8 * groups + 8)
}

fn features_per_row(data: &dyn Dataset) -> u64 {
    let mut rows = Rows::new();
    let numbers: Vec<u64> = (0..data.rows().min(SAMPLE)).collect();
    data.fill(&numbers, &mut rows);
    let features: usize = (0..rows.len()).map(|row| rows.row(row).0.len()).sum();
    (features.div_ceil(rows.len().max(1))) as u64
}

/// Refuses a simulation that does not fit; answers what it may take.
pub(super) fn check_fits(job: &ResolvedJob, available: Option<Available>) -> Result<u64> {
    let needed = estimate(job);
    if let Some(available) = available
        && available.bytes < needed
    {
        bail!(
            "{} workers and their servers may take {} in this process, but only {available} are available; \
             simulate fewer workers, or a smaller model",
            job.blueprint.config.cluster.workers,
            bytes(needed)
        );
    }
    Ok(needed)
}

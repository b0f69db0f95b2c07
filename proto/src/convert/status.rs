//! How things stand on one server.

use std::time::Duration;

use thalweg_common::ids::{ServerId, ShardId, Version, WorkerId};
use thalweg_common::message::{
    CheckpointStatus, EpochStatus, HistoryEvent, Phase, ShardStatus, StalenessHistogram, Status,
    WaitSum, Waited, WorkerStatus,
};

use super::{ConvertError, field, refusal};
use crate::v1;

impl From<&Status> for v1::Status {
    fn from(status: &Status) -> Self {
        Self {
            server: status.server.0,
            job: status.job.clone(),
            phase: write_phase(status.phase) as i32,
            cause: status.cause.clone(),
            diverged: status.diverged,
            progress: status.progress,
            examples_total: status.examples_total,
            up_us: field::micros(status.up),
            trained_us: field::micros(status.trained),
            loss_sum: status.loss_sum,
            loss_weight: status.loss_weight,
            rate_factor: field::rate_factor_out(status.rate_factor),
            workers: status.workers.iter().map(v1::WorkerStatus::from).collect(),
            shards: status.shards.iter().map(v1::ShardStatus::from).collect(),
            staleness: Some((&status.staleness).into()),
            pushed_bytes: status.pushed_bytes,
            pulled_bytes: status.pulled_bytes,
            received_bytes: status.received_bytes,
            sent_bytes: status.sent_bytes,
            refusals: refusal::counts_out(&status.refusals),
            epochs: status.epochs.iter().map(v1::EpochStatus::from).collect(),
            history: status.history.iter().map(v1::HistoryEvent::from).collect(),
            waits: status.waits.iter().map(v1::PairWait::from).collect(),
            checkpoint: status.checkpoint.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<v1::Status> for Status {
    type Error = ConvertError;

    fn try_from(status: v1::Status) -> Result<Self, ConvertError> {
        let mut workers = Vec::with_capacity(status.workers.len());
        for (index, worker) in status.workers.into_iter().enumerate() {
            workers
                .push(WorkerStatus::try_from(worker).map_err(|error| error.at("workers", index))?);
        }
        let mut shards = Vec::with_capacity(status.shards.len());
        for (index, shard) in status.shards.into_iter().enumerate() {
            shards.push(ShardStatus::try_from(shard).map_err(|error| error.at("shards", index))?);
        }
        let mut history = Vec::with_capacity(status.history.len());
        for (index, event) in status.history.into_iter().enumerate() {
            history
                .push(HistoryEvent::try_from(event).map_err(|error| error.at("history", index))?);
        }
        Ok(Self {
            server: ServerId(status.server),
            job: status.job,
            phase: read_phase(status.phase)?,
            cause: status.cause,
            diverged: status.diverged,
            progress: status.progress,
            examples_total: status.examples_total,
            up: Duration::from_micros(status.up_us),
            trained: Duration::from_micros(status.trained_us),
            loss_sum: status.loss_sum,
            loss_weight: status.loss_weight,
            rate_factor: field::rate_factor_in(status.rate_factor)?,
            workers,
            shards,
            staleness: StalenessHistogram::try_from(status.staleness.unwrap_or_default())
                .map_err(|error| error.within("staleness"))?,
            pushed_bytes: status.pushed_bytes,
            pulled_bytes: status.pulled_bytes,
            received_bytes: status.received_bytes,
            sent_bytes: status.sent_bytes,
            refusals: refusal::counts_in(status.refusals)?,
            epochs: status.epochs.into_iter().map(EpochStatus::from).collect(),
            history,
            waits: status.waits.into_iter().map(Waited::from).collect(),
            checkpoint: status.checkpoint.map(Into::into),
        })
    }
}

impl From<&CheckpointStatus> for v1::CheckpointStatus {
    fn from(checkpoint: &CheckpointStatus) -> Self {
        Self {
            number: checkpoint.number,
            age_us: field::micros(checkpoint.age),
            took_us: field::micros(checkpoint.took),
            bytes: checkpoint.bytes,
            returns: checkpoint.returns,
            written: checkpoint.written,
            failed: checkpoint.failed,
        }
    }
}

impl From<v1::CheckpointStatus> for CheckpointStatus {
    fn from(checkpoint: v1::CheckpointStatus) -> Self {
        Self {
            number: checkpoint.number,
            age: Duration::from_micros(checkpoint.age_us),
            took: Duration::from_micros(checkpoint.took_us),
            bytes: checkpoint.bytes,
            returns: checkpoint.returns,
            written: checkpoint.written,
            failed: checkpoint.failed,
        }
    }
}

impl From<&Waited> for v1::PairWait {
    fn from(waited: &Waited) -> Self {
        Self {
            worker: waited.worker.0,
            on: waited.on.0,
            count: waited.sum.count,
            total_us: field::micros(waited.sum.total),
            longest_us: field::micros(waited.sum.longest),
        }
    }
}

impl From<v1::PairWait> for Waited {
    fn from(waited: v1::PairWait) -> Self {
        Self {
            worker: WorkerId(waited.worker),
            on: WorkerId(waited.on),
            sum: WaitSum {
                count: waited.count,
                total: Duration::from_micros(waited.total_us),
                longest: Duration::from_micros(waited.longest_us),
            },
        }
    }
}

fn write_phase(phase: Phase) -> v1::Phase {
    match phase {
        Phase::Joining => v1::Phase::Joining,
        Phase::Training => v1::Phase::Training,
        Phase::Done => v1::Phase::Done,
        Phase::Failed => v1::Phase::Failed,
    }
}

fn read_phase(number: i32) -> Result<Phase, ConvertError> {
    match v1::Phase::try_from(number) {
        Ok(v1::Phase::Joining) => Ok(Phase::Joining),
        Ok(v1::Phase::Training) => Ok(Phase::Training),
        Ok(v1::Phase::Done) => Ok(Phase::Done),
        Ok(v1::Phase::Failed) => Ok(Phase::Failed),
        Ok(v1::Phase::Unspecified) | Err(_) => {
            let names = "joining (1), training (2), done (3), failed (4)";
            Err(field::unnamed("phase", names, number))
        }
    }
}

impl From<&StalenessHistogram> for v1::StalenessHistogram {
    fn from(histogram: &StalenessHistogram) -> Self {
        Self {
            counts: histogram.counts.clone(),
            max: histogram.max,
        }
    }
}

/// More buckets than a histogram has would not only be wrong: the floor of a bucket past the last
/// does not exist.
impl TryFrom<v1::StalenessHistogram> for StalenessHistogram {
    type Error = ConvertError;

    fn try_from(histogram: v1::StalenessHistogram) -> Result<Self, ConvertError> {
        let buckets = histogram.counts.len();
        if Self::BUCKETS < buckets {
            let expected = format!("at most {} buckets", Self::BUCKETS);
            return Err(ConvertError::invalid("counts", expected, buckets));
        }
        Ok(Self {
            counts: histogram.counts,
            max: histogram.max,
        })
    }
}

impl From<&ShardStatus> for v1::ShardStatus {
    fn from(shard: &ShardStatus) -> Self {
        Self {
            shard: shard.shard.0,
            elements: shard.elements,
            version: shard.version.0,
            progress: shard.progress,
            pending: shard.pending,
            staleness: Some((&shard.staleness).into()),
        }
    }
}

impl TryFrom<v1::ShardStatus> for ShardStatus {
    type Error = ConvertError;

    fn try_from(shard: v1::ShardStatus) -> Result<Self, ConvertError> {
        Ok(Self {
            shard: ShardId(shard.shard),
            elements: shard.elements,
            version: Version(shard.version),
            progress: shard.progress,
            pending: shard.pending,
            staleness: StalenessHistogram::try_from(shard.staleness.unwrap_or_default())
                .map_err(|error| error.within("staleness"))?,
        })
    }
}

impl From<&EpochStatus> for v1::EpochStatus {
    fn from(epoch: &EpochStatus) -> Self {
        Self {
            epoch: epoch.epoch,
            rows: epoch.rows,
            checksum: epoch.checksum,
        }
    }
}

impl From<v1::EpochStatus> for EpochStatus {
    fn from(epoch: v1::EpochStatus) -> Self {
        Self {
            epoch: epoch.epoch,
            rows: epoch.rows,
            checksum: epoch.checksum,
        }
    }
}

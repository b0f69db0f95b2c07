//! How one worker slot stands, and what became of its parts.

use std::time::Duration;

use thalweg_common::ids::{Clock, SessionId, WorkerId};
use thalweg_common::message::{PartTally, StalenessHistogram, Wait, WorkerState, WorkerStatus};

use super::{ConvertError, field, refusal};
use crate::v1;

impl From<&WorkerStatus> for v1::WorkerStatus {
    fn from(worker: &WorkerStatus) -> Self {
        let state = match worker.state {
            WorkerState::Absent => v1::WorkerState::Absent,
            WorkerState::Active => v1::WorkerState::Active,
            WorkerState::Left => v1::WorkerState::Left,
            WorkerState::Lost => v1::WorkerState::Lost,
        };
        Self {
            worker: worker.worker.0,
            session: worker.session.map(|session| session.0),
            state: state as i32,
            place: worker.place.clone(),
            doing: worker.doing.clone(),
            clock: worker.clock.0,
            examples: worker.examples,
            parts: Some((&worker.parts).into()),
            silent_us: field::micros(worker.silent),
            sent_bytes: worker.sent_bytes,
            received_bytes: worker.received_bytes,
            compute_us: field::micros(worker.compute),
            waited_us: field::micros(worker.waited),
            retries: worker.retries,
            wait: worker.wait.as_ref().map(|wait| v1::Wait {
                on: wait.on.iter().map(|worker| worker.0).collect(),
                since_us: field::micros(wait.since),
                why: wait.why.clone(),
            }),
            lease_left_us: worker.lease_left.map(field::micros),
            staleness: Some((&worker.staleness).into()),
        }
    }
}

impl TryFrom<v1::WorkerStatus> for WorkerStatus {
    type Error = ConvertError;

    fn try_from(worker: v1::WorkerStatus) -> Result<Self, ConvertError> {
        let state = match v1::WorkerState::try_from(worker.state) {
            Ok(v1::WorkerState::Absent) => WorkerState::Absent,
            Ok(v1::WorkerState::Active) => WorkerState::Active,
            Ok(v1::WorkerState::Left) => WorkerState::Left,
            Ok(v1::WorkerState::Lost) => WorkerState::Lost,
            Ok(v1::WorkerState::Unspecified) | Err(_) => {
                let names = "absent (1), active (2), left (3), lost (4)";
                return Err(field::unnamed("state", names, worker.state));
            }
        };
        Ok(Self {
            worker: WorkerId(worker.worker),
            session: worker.session.map(SessionId),
            state,
            place: worker.place,
            doing: worker.doing,
            clock: Clock(worker.clock),
            examples: worker.examples,
            parts: PartTally::try_from(worker.parts.unwrap_or_default())
                .map_err(|error| error.within("parts"))?,
            silent: Duration::from_micros(worker.silent_us),
            sent_bytes: worker.sent_bytes,
            received_bytes: worker.received_bytes,
            compute: Duration::from_micros(worker.compute_us),
            waited: Duration::from_micros(worker.waited_us),
            retries: worker.retries,
            wait: worker.wait.map(|wait| Wait {
                on: wait.on.into_iter().map(WorkerId).collect(),
                since: Duration::from_micros(wait.since_us),
                why: wait.why,
            }),
            lease_left: worker.lease_left_us.map(Duration::from_micros),
            staleness: StalenessHistogram::try_from(worker.staleness.unwrap_or_default())
                .map_err(|error| error.within("staleness"))?,
        })
    }
}

impl From<&PartTally> for v1::PartTally {
    fn from(tally: &PartTally) -> Self {
        Self {
            came: tally.came,
            applied: tally.applied,
            waiting: tally.waiting,
            left_out: tally.left_out,
            duplicates: tally.duplicates,
            refusals: refusal::counts_out(&tally.refusals),
            late: tally.late,
        }
    }
}

impl TryFrom<v1::PartTally> for PartTally {
    type Error = ConvertError;

    fn try_from(tally: v1::PartTally) -> Result<Self, ConvertError> {
        Ok(Self {
            came: tally.came,
            applied: tally.applied,
            waiting: tally.waiting,
            left_out: tally.left_out,
            duplicates: tally.duplicates,
            refusals: refusal::counts_in(tally.refusals)?,
            late: tally.late,
        })
    }
}

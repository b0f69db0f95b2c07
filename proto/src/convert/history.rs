//! The history: single events, and the question for them.

use std::time::Duration;

use thalweg_common::error::Refusal;
use thalweg_common::ids::{Clock, Sequence, SessionId, WorkerId};
use thalweg_common::message::{Asked, Happened, HistoryEvent, Pushed, StatusRequest};

use super::{ConvertError, field, refusal};
use crate::v1;
use crate::v1::history_event::What;

impl From<StatusRequest> for v1::StatusRequest {
    fn from(asked: StatusRequest) -> Self {
        Self {
            history: asked.history,
            worker: asked.worker.map(|worker| worker.0),
        }
    }
}

impl From<v1::StatusRequest> for StatusRequest {
    fn from(asked: v1::StatusRequest) -> Self {
        Self {
            history: asked.history,
            worker: asked.worker.map(WorkerId),
        }
    }
}

impl From<&HistoryEvent> for v1::HistoryEvent {
    fn from(event: &HistoryEvent) -> Self {
        Self {
            at_us: field::micros(event.at),
            worker: event.worker.map(|worker| worker.0),
            session: event.session.map(|session| session.0),
            what: Some(write_what(&event.what)),
        }
    }
}

fn write_what(what: &Happened) -> What {
    match what {
        Happened::Joined {
            clock,
            place,
            after,
        } => What::Joined(v1::Joined {
            clock: clock.0,
            place: place.clone(),
            after: after.map(|session| session.0),
        }),
        Happened::Left { why } => What::Left(v1::Departed { why: why.clone() }),
        Happened::Lost { why } => What::Lost(v1::Departed { why: why.clone() }),
        Happened::Fenced { asked, holder, why } => What::Fenced(v1::Fenced {
            asked: write_asked(*asked) as i32,
            holder: holder.map(|session| session.0),
            why: why.clone(),
        }),
        Happened::Refused {
            asked,
            kind,
            message,
        } => What::Refused(v1::TurnedAway {
            asked: write_asked(*asked) as i32,
            refusal: Some((&Refusal::new(*kind, message.as_str())).into()),
        }),
        Happened::Waited { floor, time, last } => What::Waited(v1::Waited {
            floor: floor.0,
            time_us: field::micros(*time),
            last: last.0,
        }),
        Happened::Pushed(pushed) => What::Pushed(pushed.into()),
    }
}

impl TryFrom<v1::HistoryEvent> for HistoryEvent {
    type Error = ConvertError;

    fn try_from(event: v1::HistoryEvent) -> Result<Self, ConvertError> {
        let names = "joined, left, lost, fenced, refused, waited or pushed";
        Ok(Self {
            at: Duration::from_micros(event.at_us),
            worker: event.worker.map(WorkerId),
            session: event.session.map(SessionId),
            what: read_what(field::required("what", event.what, names)?)?,
        })
    }
}

fn read_what(what: What) -> Result<Happened, ConvertError> {
    Ok(match what {
        What::Joined(joined) => Happened::Joined {
            clock: Clock(joined.clock),
            place: joined.place,
            after: joined.after.map(SessionId),
        },
        What::Left(left) => Happened::Left { why: left.why },
        What::Lost(lost) => Happened::Lost { why: lost.why },
        What::Fenced(fenced) => Happened::Fenced {
            asked: read_asked(fenced.asked).map_err(|error| error.within("fenced"))?,
            holder: fenced.holder.map(SessionId),
            why: fenced.why,
        },
        What::Refused(refused) => {
            let asked = read_asked(refused.asked).map_err(|error| error.within("refused"))?;
            let why = field::required("refusal", refused.refusal, "the reason")
                .and_then(Refusal::try_from)
                .map_err(|error| error.within("refused"))?;
            Happened::Refused {
                asked,
                kind: why.kind,
                message: why.message,
            }
        }
        What::Waited(waited) => Happened::Waited {
            floor: Clock(waited.floor),
            time: Duration::from_micros(waited.time_us),
            last: WorkerId(waited.last),
        },
        What::Pushed(pushed) => {
            Happened::Pushed(Pushed::try_from(pushed).map_err(|error| error.within("pushed"))?)
        }
    })
}

fn write_asked(asked: Asked) -> v1::Asked {
    match asked {
        Asked::Push => v1::Asked::Push,
        Asked::Pull => v1::Asked::Pull,
        Asked::Range => v1::Asked::Range,
        Asked::Heartbeat => v1::Asked::Heartbeat,
        Asked::Register => v1::Asked::Register,
    }
}

fn read_asked(number: i32) -> Result<Asked, ConvertError> {
    match v1::Asked::try_from(number) {
        Ok(v1::Asked::Push) => Ok(Asked::Push),
        Ok(v1::Asked::Pull) => Ok(Asked::Pull),
        Ok(v1::Asked::Range) => Ok(Asked::Range),
        Ok(v1::Asked::Heartbeat) => Ok(Asked::Heartbeat),
        Ok(v1::Asked::Register) => Ok(Asked::Register),
        Ok(v1::Asked::Unspecified) | Err(_) => {
            let names = "push (1), pull (2), range (3), heartbeat (4), register (5)";
            Err(field::unnamed("asked", names, number))
        }
    }
}

impl From<&Pushed> for v1::Pushed {
    fn from(pushed: &Pushed) -> Self {
        Self {
            sequence: pushed.sequence.0,
            clock: pushed.clock.0,
            elements: pushed.elements,
            staleness: pushed.staleness,
            applied: pushed.applied,
            kept: pushed.kept,
            left_out: pushed.left_out,
            duplicates: pushed.duplicates,
            refused: pushed.refused,
            late: pushed.late,
            reason: pushed.reason.map(|kind| v1::RefusalKind::from(kind) as i32),
        }
    }
}

impl TryFrom<v1::Pushed> for Pushed {
    type Error = ConvertError;

    fn try_from(pushed: v1::Pushed) -> Result<Self, ConvertError> {
        Ok(Self {
            sequence: Sequence(pushed.sequence),
            clock: Clock(pushed.clock),
            elements: pushed.elements,
            staleness: pushed.staleness,
            applied: pushed.applied,
            kept: pushed.kept,
            left_out: pushed.left_out,
            duplicates: pushed.duplicates,
            refused: pushed.refused,
            late: pushed.late,
            reason: pushed.reason.map(refusal::kind).transpose()?,
        })
    }
}

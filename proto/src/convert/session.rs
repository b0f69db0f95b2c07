//! The life of a session.

use std::time::Duration;

use thalweg_common::ids::{Clock, Generation, Life, ServerId, SessionId, WorkerId};
use thalweg_common::message::{
    Conclude, DataSummary, Heartbeat, HeartbeatReply, Leave, LeaveReason, Offer, Register,
    Registered, SessionRole,
};

use super::{ConvertError, field};
use crate::v1;

impl From<&Register> for v1::Register {
    fn from(register: &Register) -> Self {
        let role = match register.role {
            SessionRole::Worker => v1::SessionRole::Worker,
            SessionRole::Observer => v1::SessionRole::Observer,
        };
        Self {
            protocol_min: *register.protocol.start(),
            protocol_max: *register.protocol.end(),
            role: role as i32,
            fingerprint: register.fingerprint.map(field::fingerprint_bytes),
            worker: register.worker.map(|worker| worker.0),
            session: register.session.map(|session| session.0),
            data: register.data.map(|data| v1::DataSummary {
                rows: data.rows,
                features: data.features,
                hash: data.hash,
            }),
            place: register.place.clone(),
            lives: register.lives.iter().map(|life| life.0).collect(),
            clock: register.clock.map(|clock| clock.0),
            after: register.after.map(|session| session.0),
        }
    }
}

impl TryFrom<v1::Register> for Register {
    type Error = ConvertError;

    fn try_from(register: v1::Register) -> Result<Self, ConvertError> {
        let (least, greatest) = (register.protocol_min, register.protocol_max);
        if least == 0 || greatest < least {
            return Err(ConvertError::invalid(
                "protocol_min, protocol_max",
                "the least and the greatest protocol version spoken, from 1",
                format!("{least}, {greatest}"),
            ));
        }
        let role = match v1::SessionRole::try_from(register.role) {
            Ok(v1::SessionRole::Worker) => SessionRole::Worker,
            Ok(v1::SessionRole::Observer) => SessionRole::Observer,
            Ok(v1::SessionRole::Unspecified) | Err(_) => {
                return Err(field::unnamed(
                    "role",
                    "worker (1), observer (2)",
                    register.role,
                ));
            }
        };
        let fingerprint = register.fingerprint;
        Ok(Self {
            protocol: least..=greatest,
            role,
            fingerprint: fingerprint
                .map(|bytes| field::fingerprint("fingerprint", &bytes))
                .transpose()?,
            worker: register.worker.map(WorkerId),
            session: register.session.map(SessionId),
            data: register.data.map(|data| DataSummary {
                rows: data.rows,
                features: data.features,
                hash: data.hash,
            }),
            place: register.place,
            lives: register.lives.into_iter().map(Life).collect(),
            clock: register.clock.map(Clock),
            after: register.after.map(SessionId),
        })
    }
}

impl From<&Registered> for v1::Registered {
    fn from(registered: &Registered) -> Self {
        Self {
            protocol: registered.protocol,
            session: registered.session.0,
            worker: registered.worker.0,
            server: registered.server.0,
            servers: registered.servers,
            fingerprint: field::fingerprint_bytes(registered.fingerprint),
            generation: registered.generation.0,
            job: registered.job.clone(),
            life: registered.life.0,
            clock: registered.clock.0,
        }
    }
}

impl TryFrom<v1::Registered> for Registered {
    type Error = ConvertError;

    fn try_from(registered: v1::Registered) -> Result<Self, ConvertError> {
        if registered.server >= registered.servers {
            let expected = format!("a number below servers, {}", registered.servers);
            return Err(ConvertError::invalid("server", expected, registered.server));
        }
        Ok(Self {
            protocol: registered.protocol,
            session: SessionId(registered.session),
            worker: WorkerId(registered.worker),
            server: ServerId(registered.server),
            servers: registered.servers,
            fingerprint: field::fingerprint("fingerprint", &registered.fingerprint)?,
            generation: Generation(registered.generation),
            job: registered.job,
            life: Life(registered.life),
            clock: Clock(registered.clock),
        })
    }
}

impl From<&Heartbeat> for v1::Heartbeat {
    fn from(heartbeat: &Heartbeat) -> Self {
        Self {
            session: heartbeat.session.0,
            worker: heartbeat.worker.0,
            clock: heartbeat.clock.0,
            doing: heartbeat.doing.clone(),
            idle: heartbeat.idle,
            sent_bytes: heartbeat.sent_bytes,
            received_bytes: heartbeat.received_bytes,
            compute_us: field::micros(heartbeat.compute),
            waited_us: field::micros(heartbeat.waited),
            retries: heartbeat.retries,
        }
    }
}

impl From<v1::Heartbeat> for Heartbeat {
    fn from(heartbeat: v1::Heartbeat) -> Self {
        Self {
            session: SessionId(heartbeat.session),
            worker: WorkerId(heartbeat.worker),
            clock: Clock(heartbeat.clock),
            doing: heartbeat.doing,
            idle: heartbeat.idle,
            sent_bytes: heartbeat.sent_bytes,
            received_bytes: heartbeat.received_bytes,
            compute: Duration::from_micros(heartbeat.compute_us),
            waited: Duration::from_micros(heartbeat.waited_us),
            retries: heartbeat.retries,
        }
    }
}

impl From<HeartbeatReply> for v1::HeartbeatReply {
    fn from(reply: HeartbeatReply) -> Self {
        Self {
            progress: reply.progress,
            stop: reply.stop,
        }
    }
}

impl From<v1::HeartbeatReply> for HeartbeatReply {
    fn from(reply: v1::HeartbeatReply) -> Self {
        Self {
            progress: reply.progress,
            stop: reply.stop,
        }
    }
}

impl From<&Conclude> for v1::Conclude {
    fn from(conclude: &Conclude) -> Self {
        Self {
            session: conclude.session.0,
            worker: conclude.worker.0,
            why: conclude.why.clone(),
        }
    }
}

impl From<v1::Conclude> for Conclude {
    fn from(conclude: v1::Conclude) -> Self {
        Self {
            session: SessionId(conclude.session),
            worker: WorkerId(conclude.worker),
            why: conclude.why,
        }
    }
}

impl From<Offer> for v1::Offer {
    fn from(offer: Offer) -> Self {
        Self {
            session: offer.session.0,
            worker: offer.worker.0,
            rows: offer.rows,
            closed: offer.closed,
        }
    }
}

impl From<v1::Offer> for Offer {
    fn from(offer: v1::Offer) -> Self {
        Self {
            session: SessionId(offer.session),
            worker: WorkerId(offer.worker),
            rows: offer.rows,
            closed: offer.closed,
        }
    }
}

impl From<&Leave> for v1::Leave {
    fn from(leave: &Leave) -> Self {
        let reason = match leave.reason {
            LeaveReason::Done => v1::LeaveReason::Done,
            LeaveReason::Stopped => v1::LeaveReason::Stopped,
            LeaveReason::Failed => v1::LeaveReason::Failed,
            LeaveReason::Diverged => v1::LeaveReason::Diverged,
            LeaveReason::JobFailed => v1::LeaveReason::JobFailed,
        };
        Self {
            session: leave.session.0,
            worker: leave.worker.0,
            reason: reason as i32,
            cause: leave.cause.clone(),
        }
    }
}

impl TryFrom<v1::Leave> for Leave {
    type Error = ConvertError;

    fn try_from(leave: v1::Leave) -> Result<Self, ConvertError> {
        let reason = match v1::LeaveReason::try_from(leave.reason) {
            Ok(v1::LeaveReason::Done) => LeaveReason::Done,
            Ok(v1::LeaveReason::Stopped) => LeaveReason::Stopped,
            Ok(v1::LeaveReason::Failed) => LeaveReason::Failed,
            Ok(v1::LeaveReason::Diverged) => LeaveReason::Diverged,
            Ok(v1::LeaveReason::JobFailed) => LeaveReason::JobFailed,
            Ok(v1::LeaveReason::Unspecified) | Err(_) => {
                let names = "done (1), stopped (2), failed (3)";
                return Err(field::unnamed("reason", names, leave.reason));
            }
        };
        Ok(Self {
            session: SessionId(leave.session),
            worker: WorkerId(leave.worker),
            reason,
            cause: leave.cause,
        })
    }
}

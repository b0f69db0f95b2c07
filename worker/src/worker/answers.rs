//! What servers answer, and the requests that are sent to them.

use thalweg_common::error::Refusal;
use thalweg_common::ids::{Clock, Sequence, ServerId};
use thalweg_common::message::{
    Granted, HeartbeatReply, LeaveReason, NextRange, PartAck, Pull, PullReply, Read, Reply, Request,
};

use crate::worker::Worker;
use crate::worker::calls::Errand;
use crate::worker::ending::Phase;
use crate::worker::event::{Effect, RequestId};
use crate::worker::failure::Failure;

impl Worker {
    /// Sends every errand that is due.
    pub(super) fn send_due(&mut self) {
        for errand in self.calls.due(self.now) {
            let Some(request) = self.request(errand) else {
                self.calls.end(errand);
                continue;
            };
            let mut deadline = self.now + self.settings.request_timeout;
            if let Errand::Pull(..) = errand {
                deadline = deadline + self.settings.gate_wait;
            }
            let id = self.calls.sent(errand, deadline);
            self.effects.push(Effect::Send {
                server: errand.server(),
                id,
                request,
                deadline,
            });
        }
    }

    /// The words of an errand; `None` if it is no longer wanted.
    fn request(&self, errand: Errand) -> Option<Request> {
        let (session, worker) = (self.place.session, self.place.worker);
        match errand {
            Errand::Push(sequence, server) => {
                self.outbox.request(sequence, server).map(Request::Push)
            }
            Errand::Pull(number, server) => {
                let group = self.groups.iter().find(|group| group.number == number)?;
                Some(Request::Pull(Pull {
                    fingerprint: self.place.fingerprint,
                    generation: self.work.map.generation(),
                    session,
                    worker,
                    clock: Clock(group.asked_for(self.work.method.has_own_parameters())),
                    patience: self.settings.gate_wait,
                    parts: group.gather.parts(server),
                }))
            }
            Errand::Range => {
                let wanted = self.data_ahead().saturating_sub(self.feed.iterations());
                Some(Request::NextRange(NextRange {
                    session,
                    worker,
                    received: self.feed.received(),
                    wanted,
                }))
            }
            Errand::Heartbeat(_) => Some(Request::Heartbeat(self.heartbeat())),
            Errand::Leave(_) => Some(Request::Leave(self.leave())),
        }
    }

    /// Takes an answer.
    pub(super) fn answer(
        &mut self,
        server: ServerId,
        id: RequestId,
        reply: Reply,
    ) -> Result<(), Failure> {
        let Some(errand) = self.calls.answered(server, id) else {
            return Ok(());
        };
        match (errand, reply) {
            (_, Reply::Refused(refusal)) => self.refused(errand, &refusal),
            (Errand::Push(sequence, _), Reply::Pushed(acks)) => {
                self.acknowledged(sequence, server, &acks)
            }
            (Errand::Pull(number, _), Reply::Pulled(reply)) => self.pulled(number, server, reply),
            (Errand::Range, Reply::Granted(granted)) => self.granted(granted),
            (Errand::Heartbeat(_), Reply::Heartbeat(HeartbeatReply { stop, .. })) => {
                self.calls.finish(errand);
                if stop {
                    // The job is done: of one that has failed the sign of life is refused.
                    let within = self.settings.stop_within / 2;
                    self.begin_end(LeaveReason::Done, Some(within));
                }
                Ok(())
            }
            (Errand::Leave(_), Reply::Left) => {
                self.calls.finish(errand);
                Ok(())
            }
            (
                errand,
                Reply::Registered(_)
                | Reply::Pushed(_)
                | Reply::Pulled(_)
                | Reply::Granted(_)
                | Reply::Heartbeat(_)
                | Reply::Status(_)
                | Reply::Left
                | Reply::Concluded
                | Reply::Offered(_),
            ) => Err(self.malformed(server, format!("an answer of another kind to {errand:?}"))),
        }
    }

    fn granted(&mut self, granted: Granted) -> Result<(), Failure> {
        self.calls.finish(Errand::Range);
        self.rate_factor = granted.rate_factor;
        for grant in granted.grants {
            let granted = self.feed.grant(self.now, grant);
            granted.map_err(|found| self.malformed(ServerId(0), found))?;
        }
        Ok(())
    }

    fn pulled(&mut self, number: u64, server: ServerId, reply: PullReply) -> Result<(), Failure> {
        let errand = Errand::Pull(number, server);
        let group = self.groups.iter_mut().find(|group| group.number == number);
        let Some(group) = group else {
            self.calls.finish(errand);
            return Ok(());
        };
        match reply {
            PullReply::NotYet { holders, .. } => {
                group.holders = holders;
                self.calls.ask_again(self.now, errand);
                Ok(())
            }
            PullReply::Ready(reads) => {
                self.calls.finish(errand);
                group.holders.clear();
                let taken = group.gather.take(server, &reads, &mut group.replica.values);
                self.note_versions(&reads);
                taken.map_err(|found| self.malformed(server, found))
            }
        }
    }

    fn note_versions(&mut self, reads: &[Read]) {
        for Read { shard, version, .. } in reads {
            self.note_version(shard.0, *version);
        }
    }

    fn note_version(&mut self, shard: u32, version: thalweg_common::ids::Version) {
        let known = usize::try_from(shard)
            .ok()
            .and_then(|shard| self.versions.get_mut(shard));
        if let Some(known) = known {
            *known = (*known).max(version);
        }
    }

    fn acknowledged(
        &mut self,
        sequence: Sequence,
        server: ServerId,
        acks: &[PartAck],
    ) -> Result<(), Failure> {
        let errand = Errand::Push(sequence, server);
        let said = self
            .outbox
            .acknowledge(sequence, server, acks)
            .map_err(|found| self.malformed(server, found))?;
        for (shard, version) in said.versions {
            self.note_version(shard.0, version);
        }
        match (said.refused, said.again) {
            (Some(refusal), _) => self.refused(errand, &refusal)?,
            (None, Some(refusal)) => self.retry_refused(errand, &refusal),
            (None, None) => self.calls.finish(errand),
        }
        self.forget();
        Ok(())
    }

    /// Repeats what a server may do later; ends the worker for what it will never do. A worker that
    /// is ending takes any refusal as the end of that errand, but for a server that does not know a worker
    /// whose job was done: it has returned from before the end, and needs it again.
    fn refused(&mut self, errand: Errand, refusal: &Refusal) -> Result<(), Failure> {
        let server = errand.server();
        let is_training = matches!(self.phase, Phase::Training);
        let reason = LeaveReason::Done;
        let is_done = matches!(self.phase, Phase::Ending { reason: said, .. } if said == reason);
        match Failure::of_refusal(self.place.name(server), refusal.clone()) {
            Some(failure) if is_training => Err(failure),
            Some(failure @ Failure::Replaced { .. }) if is_done => Err(failure),
            Some(_) => {
                self.outbox.abandon(server);
                self.calls.retain(|other| other.server() != server);
                Ok(())
            }
            None => {
                self.retry_refused(errand, refusal);
                Ok(())
            }
        }
    }

    /// Nothing was done: the same again after a back-off, and not before the server wants it.
    fn retry_refused(&mut self, errand: Errand, refusal: &Refusal) {
        let at_least = refusal.retry_after.unwrap_or_default();
        self.calls
            .retry_after(self.now, errand, &refusal.message, at_least);
    }

    fn malformed(&self, server: ServerId, found: String) -> Failure {
        Failure::Malformed {
            server: self.place.name(server),
            found,
        }
    }
}

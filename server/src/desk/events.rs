//! What the desk writes into the history.

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::{Clock, SessionId, WorkerId};
use thalweg_common::message::{Asked, Happened, PushHeader, Pushed};
use thalweg_common::time::Time;

use super::Desk;
use crate::admission::SlotState;
use crate::history::{self, Who};

impl Desk {
    /// A push is judged, every part of it: the worker's clock moves on, unless a part was refused or its slot is
    /// another session's by now.
    pub(crate) fn finish_push(&mut self, now: Time, header: &PushHeader, seen: Pushed) {
        let who = (Some(header.worker), Some(header.session));
        self.history.write(now, who, Happened::Pushed(seen));
        let slots = self.admission.clocks().slots();
        let slot = slots.get(header.worker.0 as usize);
        let is_its_own = slot.is_some_and(|slot| slot.session == Some(header.session));
        if seen.refused == 0 && is_its_own {
            let released = self.admission.advance(now, header.worker, header.clock);
            self.released.extend(released);
            self.tell_opened(now);
        }
    }

    /// Writes down which waits for others have ended.
    pub(super) fn tell_opened(&mut self, now: Time) {
        for opened in self.admission.take_opened() {
            self.waits
                .note((opened.worker.0, opened.last.0), opened.time);
            let what = Happened::Waited {
                floor: opened.floor,
                time: opened.time,
                last: opened.last,
            };
            self.history.write(now, self.who(opened.worker), what);
        }
    }

    /// Writes down that a session took a slot whose clock starts at `clock`.
    pub(super) fn tell_joined(
        &mut self,
        now: Time,
        (worker, session): (WorkerId, SessionId),
        (clock, place): (Clock, &str),
        after: Option<SessionId>,
    ) {
        let what = Happened::Joined {
            clock,
            place: history::kept(place),
            after,
        };
        self.history.write(now, (Some(worker), Some(session)), what);
    }

    /// Writes down that a session is over.
    pub(super) fn tell_departed(
        &mut self,
        now: Time,
        worker: WorkerId,
        state: SlotState,
        why: &str,
    ) {
        let why = history::kept(why);
        let what = match state {
            SlotState::Lost => Happened::Lost { why },
            SlotState::Left | SlotState::Absent | SlotState::Active | SlotState::Idle => {
                Happened::Left { why }
            }
        };
        self.history.write(now, self.who(worker), what);
    }

    /// Writes down that a request was refused as a whole.
    pub(crate) fn tell_refused(
        &mut self,
        now: Time,
        (worker, session): Who,
        asked: Asked,
        refusal: &Refusal,
    ) {
        let slots = self.admission.clocks().slots();
        let slot = worker.and_then(|worker| slots.get(worker.0 as usize));
        let what = match (refusal.kind, slot) {
            (RefusalKind::Fenced, Some(slot)) => Happened::Fenced {
                asked,
                holder: slot.session.filter(|held| Some(*held) != session),
                why: history::kept(&slot.why),
            },
            _ => Happened::Refused {
                asked,
                kind: refusal.kind,
                message: history::kept(&refusal.message),
            },
        };
        self.history.write(now, (worker, session), what);
    }

    fn who(&self, worker: WorkerId) -> Who {
        let slot = self.admission.clocks().slots().get(worker.0 as usize);
        (Some(worker), slot.and_then(|slot| slot.session))
    }
}

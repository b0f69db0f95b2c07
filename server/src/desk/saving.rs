//! What the desk keeps for a server that may have to return, and how it goes on then: without sessions.

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::{Life, WorkerId};
use thalweg_common::message::Register;
use thalweg_common::time::Time;

use super::Desk;
use super::ending::End;
use crate::admission::SlotState;
use crate::saved::SavedDesk;

impl Desk {
    /// What is to be kept.
    pub(crate) fn save(&self, now: Time) -> SavedDesk {
        let slots = (0_u32..).zip(self.admission.clocks().slots());
        // Nobody waits for these, and nobody is to when the server returns.
        let gone =
            slots.filter(|(_, slot)| matches!(slot.state, SlotState::Lost | SlotState::Left));
        SavedDesk {
            coordinator: self.coordinator.as_ref().map(|c| c.save(now)),
            lives: self.lives.iter().map(|life| life.0).collect(),
            failed: match &self.end {
                Some(End::Failed(cause)) => Some(cause.clone()),
                Some(End::BrokenOff(_)) | None => None,
            },
            lost: gone
                .map(|(worker, slot)| (worker, slot.why.clone()))
                .collect(),
        }
    }

    /// Goes on from what was kept: every slot is expected again, but those of workers that were lost or had
    /// left while others went on. Sessions are numbered from `sessions_after` on.
    ///
    /// # Errors
    /// What cannot be, in words.
    pub(crate) fn restore(
        &mut self,
        now: Time,
        saved: &SavedDesk,
        sessions_after: u64,
    ) -> Result<(), String> {
        match (&mut self.coordinator, &saved.coordinator) {
            (Some(coordinator), Some(saved)) => coordinator.restore(now, saved, sessions_after)?,
            (None, None) => {}
            (Some(_), None) => return Err("server 0 kept no ledger".to_owned()),
            (None, Some(_)) => return Err("a ledger is server 0's alone".to_owned()),
        }
        self.has_returned = true;
        self.lives = saved.lives.iter().map(|life| Life(*life)).collect();
        let slots = self.admission.clocks().slots().len();
        if saved.lost.len() < slots {
            for (worker, why) in &saved.lost {
                self.depart(now, WorkerId(*worker), SlotState::Lost, why);
            }
        }
        Ok(())
    }

    /// Judges a worker that comes back to its slot after its session was over: whoever has taken the slot
    /// meanwhile keeps it, or the two would fence each other for ever.
    pub(super) fn judge_return(
        &self,
        worker: WorkerId,
        register: &Register,
    ) -> Result<(), Refusal> {
        let (Some(after), None) = (register.after, register.session) else {
            return Ok(());
        };
        if self.hung.get(&worker) == Some(&after) {
            return Err(Refusal::invalid(format!(
                "session {after} of worker {worker} was given up because it finished no iteration, and would again; \
                 end its process, and start another"
            )));
        }
        let slot = &self.admission.clocks().slots()[worker.0 as usize];
        let held = matches!(slot.state, SlotState::Active | SlotState::Idle);
        match slot.session.filter(|session| held && after < *session) {
            None => Ok(()),
            Some(session) => Err(Refusal::new(
                RefusalKind::SlotsTaken,
                format!(
                    "session {session} has taken the slot of worker {worker}, which session {after} had; \
                     this process is not needed any more"
                ),
            )),
        }
    }
}

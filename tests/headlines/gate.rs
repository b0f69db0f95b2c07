//! The servers' gate, and the workers that wait at it.

use thalweg_common::consistency::Consistency;
use thalweg_common::ids::{Clock, SessionId, WorkerId};
use thalweg_common::time::Time;
use thalweg_server::admission::{Admission, Gate, Ticket};

pub(crate) struct Waiting {
    gate: Admission,
    parked: Vec<(Ticket, usize)>,
}

impl Waiting {
    /// Before the first iteration, without the slowest `backups` of the workers.
    pub(crate) fn new(model: Consistency, workers: usize, backups: u32) -> Self {
        let mut gate = Admission::new(model, workers as u32, backups);
        for worker in 0..workers {
            let session = SessionId(worker as u64 + 1);
            gate.enter(Time::ZERO, number(worker), session);
        }
        Self {
            gate,
            parked: Vec::new(),
        }
    }

    /// Whether a worker that has finished so many iterations may begin the next; else it waits.
    pub(crate) fn lets(&mut self, worker: usize, finished: u64) -> bool {
        match self.gate.ask(Time::ZERO, number(worker), Clock(finished)) {
            Gate::Open => true,
            Gate::Parked(ticket) => {
                self.parked.push((ticket, worker));
                false
            }
        }
    }

    /// A worker has finished so many iterations: it and who need not wait any more.
    pub(crate) fn finish(&mut self, worker: usize, finished: u64) -> Vec<usize> {
        let clock = Clock(finished);
        let released = self.gate.advance(Time::ZERO, number(worker), clock);
        let mut ready = vec![worker];
        self.parked.retain(|(ticket, waiting)| {
            let stays = !released.contains(ticket);
            if !stays {
                ready.push(*waiting);
            }
            stays
        });
        ready
    }
}

fn number(worker: usize) -> WorkerId {
    WorkerId(worker as u32)
}

//! Who waits behind which gate ticket.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::admission::Ticket;

/// Tickets and the tasks that wait for them. A ticket may be released before its task gets here.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<Ticket, oneshot::Sender<()>>,
    early: BTreeSet<Ticket>,
}

impl Waiters {
    /// Resolves when the ticket is released.
    pub(super) fn wait(&self, ticket: Ticket) -> oneshot::Receiver<()> {
        let (release, released) = oneshot::channel();
        let mut state = self.0.lock();
        if state.early.remove(&ticket) {
            // The receiver is held by the caller, so sending cannot fail.
            release.send(()).ok();
        } else {
            state.waiting.insert(ticket, release);
        }
        released
    }

    /// Wakes the tasks behind these tickets.
    pub(super) fn release(&self, tickets: Vec<Ticket>) {
        if tickets.is_empty() {
            return;
        }
        let mut state = self.0.lock();
        for ticket in tickets {
            match state.waiting.remove(&ticket) {
                // A task that has gone away waits for nothing.
                Some(release) => {
                    release.send(()).ok();
                }
                None => {
                    state.early.insert(ticket);
                }
            }
        }
    }

    /// Forgets a ticket that was given up.
    pub(super) fn forget(&self, ticket: Ticket) {
        let mut state = self.0.lock();
        state.waiting.remove(&ticket);
        state.early.remove(&ticket);
    }
}

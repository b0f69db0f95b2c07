//! A worker's process over several sessions: when it takes its place again, and how it is told to stop in
//! whichever it has.

use std::sync::Arc;

use parking_lot::Mutex;
use thalweg_worker::transport::{Ended, Stopper};
use thalweg_worker::worker::{Failure, Outcome};
use tokio::sync::watch;

use crate::command::say_error;
use crate::command::stop::told_to_stop;
use crate::launch::WorkerTally;

/// The sessions of this process so far.
#[derive(Debug)]
pub(super) struct Turns {
    rejoins_max: u32,
    /// Sessions in a row that were over before they had finished an iteration.
    in_vain: u32,
    pub(super) tally: WorkerTally,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
}

impl Turns {
    pub(super) fn new(rejoins_max: u32) -> Self {
        Self {
            rejoins_max,
            in_vain: 0,
            tally: WorkerTally::default(),
            sent_bytes: 0,
            received_bytes: 0,
        }
    }

    /// Adds up a session that has ended. Answers with what is to be said if the worker is to take its
    /// place again: its session was over for the servers, and it has not been so too often.
    pub(super) fn take(&mut self, ended: &Ended) -> Option<String> {
        self.tally.add(WorkerTally::of(ended));
        self.sent_bytes += ended.sent_bytes;
        self.received_bytes += ended.received_bytes;
        let Outcome::Failed(failure @ Failure::Replaced { .. }) = &ended.outcome else {
            return None;
        };
        self.in_vain = match ended.tally.clock.0 {
            0 => self.in_vain + 1,
            _ => 1,
        };
        let (turn, max) = (self.in_vain, self.rejoins_max);
        (turn <= max).then(|| {
            format!(
                "{failure}; what was not acknowledged is dropped, and the worker takes its place again (try \
                 {turn} of {max})"
            )
        })
    }
}

/// Tells whichever session there is to stop, once the process is told.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    told: watch::Sender<bool>,
    session: Arc<Mutex<Option<Stopper>>>,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            told: watch::Sender::new(false),
            session: Arc::default(),
        }
    }
}

impl Stop {
    /// Waits until the process is told to stop, and tells the session.
    pub(super) async fn when_told(self, with_parent: bool) {
        match told_to_stop(with_parent).await {
            Ok(why) => {
                say_error(&format!("{why}: ending in order"));
                self.told.send_replace(true);
                let session = self.session.lock().clone();
                if let Some(session) = session {
                    session.stop().await;
                }
            }
            Err(error) => say_error(&format!("signals cannot be heard: {error}")),
        }
    }

    /// The session that is to be told from now on; at once, if the process was told before.
    pub(super) async fn watch(&self, session: Stopper) {
        *self.session.lock() = Some(session.clone());
        if self.is_told() {
            session.stop().await;
        }
    }

    pub(super) fn is_told(&self) -> bool {
        *self.told.borrow()
    }

    /// Resolves once the process is told to stop.
    pub(super) async fn told(&self) {
        let mut told = self.told.subscribe();
        // The sender lives as long as this.
        told.wait_for(|told| *told).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use thalweg_common::error::{Refusal, RefusalKind};
    use thalweg_common::ids::Clock;
    use thalweg_worker::worker::Tally;

    use super::*;

    fn over(iterations: u64) -> Ended {
        let server = "server 0".to_owned();
        let refusal = Refusal::new(RefusalKind::UnknownSession, "who?");
        Ended {
            outcome: Outcome::Failed(Failure::Replaced { server, refusal }),
            tally: Tally {
                clock: Clock(iterations),
                examples: 2 * iterations,
                ..Tally::default()
            },
            sent_bytes: 1,
            received_bytes: 1,
            acks_dropped: 0,
            gradients_slowed: 0,
        }
    }

    #[test]
    fn a_worker_comes_back_as_often_as_it_gets_on_and_a_stated_number_of_times_else() {
        let mut turns = Turns::new(2);
        for _ in 0..50 {
            let words = turns.take(&over(3)).unwrap();
            assert!(words.ends_with("(try 1 of 2)"), "{words}");
        }
        assert!(turns.take(&over(0)).is_some());
        assert_eq!(turns.take(&over(0)), None);
        assert_eq!((turns.tally.iterations, turns.tally.examples), (150, 300));
        assert_eq!(Turns::new(0).take(&over(5)), None, "never");
        let done = Ended {
            outcome: Outcome::Done,
            ..over(1)
        };
        assert_eq!(turns.take(&done), None);
    }
}

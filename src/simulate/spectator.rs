//! Who looks on at a simulation.

use std::time::Duration;

use thalweg_common::message::Status;
use thalweg_common::time::Time;
use thalweg_server::Server;

use crate::job::{ResolvedJob, members};

/// How a job stands at a moment of a simulation.
#[derive(Debug)]
pub struct Moment<'a> {
    /// Virtual time.
    pub at: Duration,
    /// Examples committed.
    pub progress: u64,
    pub(super) servers: &'a [Server],
    pub(super) job: &'a ResolvedJob,
}

impl Moment<'_> {
    /// All parameters, in layout order.
    #[must_use]
    pub fn parameters(&self) -> Vec<f32> {
        members::read_everything(self.servers, self.job)
    }

    /// How things stand on every server.
    #[must_use]
    pub fn statuses(&self) -> Vec<Status> {
        let now = Time::from_origin(self.at);
        self.servers
            .iter()
            .map(|server| server.status(now))
            .collect()
    }
}

/// Who looks on, and may end the job. What it does takes no virtual time.
pub trait Spectator {
    /// Looks at a moment; answers why the job is to end, if it is.
    fn look(&mut self, moment: &Moment<'_>) -> Option<String>;

    /// Asked every few hundred events, of which there have been `events` by then: whether to go on. A
    /// simulation that is not to is left where it is.
    fn goes_on(&mut self, at: Duration, events: u64) -> bool {
        let _ = (at, events);
        true
    }
}

/// Nobody looks on.
impl Spectator for () {
    fn look(&mut self, _: &Moment<'_>) -> Option<String> {
        None
    }
}

//! The physics of a simulated cluster: the conditions of its links and machines, and what computing and serving
//! take by themselves.

use std::sync::Arc;
use std::time::Duration;

use thalweg_common::physics::{
    Conditions, ConditionsError, Distribution, LinkPhysics, Straggler, check_named,
};

use super::recording::Recording;
use super::timings::Computing;

/// Sessions that servers of so many simulated workers may hold, which cost no socket: some to spare.
#[must_use]
pub fn sessions_for(workers: u32) -> u32 {
    workers.saturating_add(8).max(256)
}

/// What everything takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Physics {
    /// Links, slow machines, and what happens to processes.
    pub conditions: Conditions,
    /// Computing one batch, beside the job's own `compute`.
    pub compute: Distribution,
    /// Serving one request of a worker; a server serves one after the other.
    pub serve: Distribution,
    /// Slow servers, by what they do to a request.
    pub slow_servers: Vec<Straggler>,
    /// Gradients take what they took there, in the place of `compute`.
    pub recorded_compute: Option<Arc<Recording>>,
    /// Messages are on the way as long as there, beside the link's latency.
    pub recorded_links: Option<Arc<Recording>>,
}

impl Physics {
    /// A latency of every message and a time of every batch, always the same; servers take no time.
    #[must_use]
    pub fn constant(latency: Duration, compute: Duration) -> Self {
        Self {
            conditions: Conditions {
                link: LinkPhysics {
                    latency: Distribution::constant(latency),
                    ..LinkPhysics::default()
                },
                ..Conditions::default()
            },
            compute: Distribution::constant(compute),
            ..Self::default()
        }
    }

    /// Whether they fit a cluster of so many workers and servers.
    ///
    /// # Errors
    /// [`ConditionsError`] with the specification that does not.
    pub fn check(&self, workers: u32, servers: u32) -> Result<(), ConditionsError> {
        self.conditions.check(workers, servers)?;
        check_named(&self.slow_servers, "server", servers)
    }

    /// What computing takes a worker.
    pub(super) fn computing(&self, worker: u32, seed: u64) -> Computing {
        match &self.recorded_compute {
            None => Computing::Drawn(self.compute),
            Some(recording) => Computing::Replayed(recording.computing(worker as usize, seed)),
        }
    }

    /// What is played again, in words.
    pub(crate) fn recorded_in_words(&self) -> Option<String> {
        let (compute, links) = (&self.recorded_compute, &self.recorded_links);
        let what = match (compute, links) {
            (Some(_), Some(_)) => "gradients and messages take",
            (Some(_), None) => "gradients take",
            (None, Some(_)) => "messages take",
            (None, None) => return None,
        };
        let recording = compute.as_ref().or(links.as_ref())?;
        Some(format!("{what} what they took in {}", recording.describe()))
    }

    /// What computing takes, in words.
    pub(crate) fn compute_in_words(&self) -> String {
        match self.recorded_compute {
            None => self.compute.to_string(),
            Some(_) => "as recorded".to_owned(),
        }
    }
}

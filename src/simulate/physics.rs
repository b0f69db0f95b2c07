//! The physics of a simulated cluster: the conditions of its links and machines, and what computing and serving
//! take by themselves.

use std::time::Duration;

use thalweg_common::physics::{Conditions, Distribution, LinkPhysics};

/// What everything takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Physics {
    /// Links, slow machines, and what happens to processes.
    pub conditions: Conditions,
    /// Computing one batch, beside the job's own `compute`.
    pub compute: Distribution,
    /// Serving one request of a worker; a server serves one after the other.
    pub serve: Distribution,
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
            serve: Distribution::default(),
        }
    }
}

//! What links and machines take: delays, bandwidth, loss, slow machines and faults, as specifications
//! that people write and as state machines without a clock.
//!
//! Virtual time and the fault proxy between real processes run the same code: a [`Link`] says when bytes
//! arrive that are sent now, a [`Machine`] how long a gradient takes that would take so long by itself. Both
//! draw from streams of their own, keyed by the job's seed and by what they are, so that no draw of one
//! changes those of another.

mod bandwidth;
mod conditions;
mod distribution;
mod error;
mod fault;
mod link;
mod machine;
mod outage;
mod quantity;
mod share;
mod span;
mod straggler;

pub use bandwidth::Bandwidth;
pub use conditions::{Conditions, ConditionsError, check_named};
pub use distribution::Distribution;
pub use error::SpecError;
pub use fault::{Fault, Victim};
pub use link::{Link, LinkPhysics};
pub use machine::Machine;
pub use outage::{HalfOpen, Outage, Way};
pub use share::Share;
pub use span::Span;
pub use straggler::{Straggler, Who};

use crate::seed::{Purpose, derive, mix};

/// Words of a stream of random numbers, one after the other.
#[derive(Clone, Debug)]
struct Draws {
    seed: u64,
    drawn: u64,
}

/// What a stream of draws belongs to. Two never share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// A link from a worker to a server.
    ToServer {
        /// The worker.
        worker: u32,
        /// The server.
        server: u32,
    },
    /// The way back.
    ToWorker {
        /// The worker.
        worker: u32,
        /// The server.
        server: u32,
    },
    /// The machine of a worker.
    Worker(u32),
    /// The machine of a server.
    Server(u32),
}

impl Stream {
    fn index(self) -> (u64, u64) {
        let pair = |worker: u32, server: u32| u64::from(worker) << 32 | u64::from(server);
        match self {
            Self::ToServer { worker, server } => (1, pair(worker, server)),
            Self::ToWorker { worker, server } => (2, pair(worker, server)),
            Self::Worker(worker) => (3, u64::from(worker)),
            Self::Server(server) => (4, u64::from(server)),
        }
    }
}

impl Draws {
    fn new(job_seed: u64, stream: Stream) -> Self {
        let (kind, index) = stream.index();
        Self {
            seed: derive(
                derive(job_seed, Purpose::Physics, kind),
                Purpose::Physics,
                index,
            ),
            drawn: 0,
        }
    }

    fn next(&mut self) -> u64 {
        self.drawn += 1;
        mix(self.seed ^ mix(self.drawn))
    }
}
